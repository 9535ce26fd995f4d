// SPDX-License-Identifier: GPL-2.0-only
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct host_row hosts[HOSTS] = {
	[NOBODY] = { "nobody", "0.0.0.0", "::", NO_DEVICE, 0 },
	[CLIENT] = { "client", "198.51.100.7", "2001:db8:c::7", FRONT, 0x07 },
	[OTHER] = { "other client", "198.51.100.8", "2001:db8:c::8", FRONT, 0x08 },
	[REMOTE] = { "remote client", "192.0.2.55", "2001:db8:99::55", FRONT, 0xfe },
	[SILENT] = { "silent client", "198.51.100.99", "2001:db8:c::99", FRONT, 0x99 },
	[VIP] = { "VIP", "203.0.113.10", "2001:db8:cafe::10", FRONT, 0 },
	[STRANGER] = { "stranger", "203.0.113.11", "2001:db8:cafe::11", FRONT, 0 },
	[EDGE] = { "edge", "10.0.0.1", "2001:db8:b::1", REAR, 0 },
	[SOURCE] = { "source", "10.0.0.9", "2001:db8:b::9", NO_DEVICE, 0 },
	[ROUTER] = { "router", "198.51.100.254", "2001:db8:c::fe", FRONT, 0xfe },
	[CORE] = { "core router", "10.0.0.254", "2001:db8:b::fe", REAR, 0xfd },
	[BLUE] = { "blue", "10.0.1.11", "2001:db8:b:0:b1::11", REAR, 0xb1 },
	[GREEN] = { "green", "10.0.2.11", "2001:db8:b:0:62::11", REAR, 0x62 },
	[ROUTED] = { "routed", "10.8.0.11", "2001:db8:8::11", REAR, 0xfd },
	[NEAR] = { "near", "198.51.100.20", "2001:db8:c::20", FRONT, 0x20 },
	[LOST] = { "lost", "10.0.9.99", "2001:db8:b::9999", REAR, 0x98 },
	[NARROW] = { "narrow", "10.3.0.11", "2001:db8:3::11", SLIM, 0x31 },
	[DEAF] = { "deaf", "10.4.0.11", "2001:db8:4::11", BARE, 0x41 },
	[HOLE] = { "hole", "10.5.0.11", "2001:db8:5::11", NO_DEVICE, 0 },
	[BANNED] = { "banned", "10.6.0.11", "2001:db8:6::11", NO_DEVICE, 0 },
	[NOWAY] = { "noway", "10.7.0.11", "2001:db8:7::11", NO_DEVICE, 0 },
	[HERE] = { "here", "10.0.0.5", "2001:db8:b::5", NO_DEVICE, 0 },
};

static const char *const devices[DEVICES] = { "nothing", "front", "rear", "slim", "bare" };
static __u32 device_ids[DEVICES];

/* One `ip` command a line; the rows of neighbours follow from `hosts`. */
static const char layout[] =
	"link add front mtu 9000 type veth peer name front-far mtu 9000\n"
	"link add rear mtu 9000 type veth peer name rear-far mtu 9000\n"
	"link add slim mtu 1280 type veth peer name slim-far\n"
	"link add bare type veth peer name bare-far\n"
	"link set lo up\n"
	"link set front-far up\n"
	"link set rear-far up\n"
	"link set slim-far up\n"
	"link set bare-far up\n"
	"link set front address 02:00:00:00:de:01 up\n"
	"link set rear address 02:00:00:00:de:02 up\n"
	"link set slim address 02:00:00:00:de:03 up\n"
	"link set bare address 02:00:00:00:de:04 up\n"
	"address add 198.51.100.1/24 dev front\n"
	"address add 10.0.0.1/16 dev rear\n"
	"address add 10.0.0.5/16 dev rear\n"
	"address add 10.0.0.9/16 dev rear\n"
	"address add 10.3.0.1/24 dev slim\n"
	"address add 10.4.0.1/24 dev bare\n"
	"address add 2001:db8:c::1/64 dev front nodad\n"
	"address add 2001:db8:b::1/64 dev rear nodad\n"
	"address add 2001:db8:b::5/64 dev rear nodad\n"
	"address add 2001:db8:b::9/64 dev rear nodad\n"
	"address add 2001:db8:3::1/64 dev slim nodad\n"
	"address add 2001:db8:4::1/64 dev bare nodad\n"
	"route add 192.0.2.0/24 via 198.51.100.254\n"
	"route add 10.8.0.0/24 via 10.0.0.254\n"
	"route add blackhole 10.5.0.0/24\n"
	"route add prohibit 10.6.0.0/24\n"
	"route add unreachable 10.7.0.0/24\n"
	"route add 2001:db8:99::/64 via 2001:db8:c::fe\n"
	"route add 2001:db8:8::/64 via 2001:db8:b::fe\n"
	"route add blackhole 2001:db8:5::/64\n"
	"route add prohibit 2001:db8:6::/64\n"
	"route add unreachable 2001:db8:7::/64\n"
	"neighbour add 198.51.100.254 lladdr 02:00:00:00:aa:fe dev front nud permanent\n"
	"neighbour add 10.0.0.254 lladdr 02:00:00:00:aa:fd dev rear nud permanent\n"
	"neighbour add 2001:db8:c::fe lladdr 02:00:00:00:aa:fe dev front nud permanent\n"
	"neighbour add 2001:db8:b::fe lladdr 02:00:00:00:aa:fd dev rear nud permanent\n";

const struct host_row *network_host(enum host host)
{
	return &hosts[host];
}

bool network_is_backend(enum host host)
{
	return host >= BLUE;
}

void network_address(enum host host, bool ipv6, __u8 address[16])
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	if (ipv6)
		inet_pton(AF_INET6, hosts[host].ipv6, address);
	else
		inet_pton(AF_INET, hosts[host].ipv4, address + 12);
}

void network_next_hop(enum host host, __u8 address[6])
{
	memcpy(address, (__u8[]){ 2, 0, 0, 0, 0xaa, hosts[host].next_hop }, 6);
}

void network_link_address(enum device device, __u8 address[6])
{
	memcpy(address, (__u8[]){ 2, 0, 0, 0, 0xde, device }, 6);
}

__u32 network_device(enum device device)
{
	return device_ids[device];
}

const char *network_device_name(__u32 id)
{
	for (int device = FRONT; device < DEVICES; device++)
		if (id == device_ids[device])
			return devices[device];
	return id ? "a device of the far side" : "no device";
}

static int setting(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -errno;
	fputs(value, file);
	return fclose(file) ? -errno : 0;
}

void network_forwarding(bool on)
{
	setting("/proc/sys/net/ipv4/conf/front/forwarding", on ? "1" : "0");
	setting("/proc/sys/net/ipv6/conf/front/forwarding", on ? "1" : "0");
}

void network_cpu(int cpu)
{
	const int cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < cpus; i++)
		if (cpu < 0 || i == cpu % cpus)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void network_neighbour(enum host host, bool known)
{
	static bool knows[HOSTS];
	const struct host_row *row = &hosts[host];
	FILE *ip;

	if (knows[host] == known)
		return;
	knows[host] = known;
	ip = popen("ip -batch -", "w");
	if (!ip)
		return;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		fprintf(ip, "neighbour %s %s dev %s", known ? "replace" : "delete", ipv6 ? row->ipv6 : row->ipv4,
			devices[row->device]);
		if (known)
			fprintf(ip, " lladdr 02:00:00:00:aa:%02x nud permanent", row->next_hop);
		fputc('\n', ip);
	}
	pclose(ip);
}

/* Whoever is on the wire is a neighbour with a known link address: all but the silent and the lost. */
static void add_neighbours(FILE *ip)
{
	for (int host = CLIENT; host < HOSTS; host++) {
		const struct host_row *row = &hosts[host];

		if (!row->next_hop || host == SILENT || host == LOST || host == REMOTE || host == ROUTED ||
		    host == ROUTER || host == CORE)
			continue;
		fprintf(ip, "neighbour add %s lladdr 02:00:00:00:aa:%02x dev %s nud permanent\n", row->ipv4,
			row->next_hop, devices[row->device]);
		fprintf(ip, "neighbour add %s lladdr 02:00:00:00:aa:%02x dev %s nud permanent\n", row->ipv6,
			row->next_hop, devices[row->device]);
	}
}

int network_open(void)
{
	FILE *ip;

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "packet: no network namespace can be made: %s\n", strerror(errno));
		return -errno;
	}
	ip = popen("ip -batch -", "w");
	if (!ip)
		return -errno;
	fputs(layout, ip);
	add_neighbours(ip);
	if (pclose(ip)) {
		fprintf(stderr, "packet: `ip` could not build the test's network\n");
		return -EIO;
	}
	setting("/proc/sys/net/ipv4/ip_forward", "1");
	setting("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	for (int device = FRONT; device < DEVICES; device++) {
		device_ids[device] = if_nametoindex(devices[device]);
		if (!device_ids[device])
			return -errno;
	}
	return 0;
}
