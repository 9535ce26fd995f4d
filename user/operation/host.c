// SPDX-License-Identifier: GPL-2.0-only
#include "operation/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>

#include "common/cleanup.h"
#include "operation/route.h"

struct findings {
	struct finding *list;
	unsigned int count;
};

static void find(struct findings *f, enum finding_level level, const char *mend, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void find(struct findings *f, enum finding_level level, const char *mend, const char *format, ...)
{
	struct finding *finding = &f->list[f->count];
	va_list arguments;

	if (f->count == FINDINGS_MAX)
		return;
	f->count++;
	finding->level = level;
	snprintf(finding->mend, sizeof(finding->mend), "%s", mend);
	va_start(arguments, format);
	vsnprintf(finding->what, sizeof(finding->what), format, arguments);
	va_end(arguments);
}

/* A sysctl's number, or -1. */
static int sysctl_read(const char *format, const char *device)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	int value;

	if (asprintf(&path, format, device) < 0)
		return -1;
	file = fopen(path, "re");
	return file && fscanf(file, "%d", &value) == 1 ? value : -1;
}

static void check_rights(struct findings *f)
{
	if (geteuid())
		find(f, FINDING_FATAL, "sudo teald", "this is not root, and only root may load programs into the kernel");
	else
		find(f, FINDING_GOOD, "", "this is root");
}

static void check_kernel(struct findings *f)
{
	struct utsname name = {};
	unsigned int major = 0, minor = 0;

	if (!uname(&name) && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 6 || (major == 6 && minor < 1)))
		find(f, FINDING_FATAL, "", "the kernel is Linux %s, and teal needs 6.1 or newer", name.release);
	else
		find(f, FINDING_GOOD, "", "the kernel is Linux %s", name.release);
	/* local_bh_disable() keeps no other packet away there (CONFIG_PREEMPT_RT_NEEDS_BH_LOCK, Linux 6.18), nor the sweep before. */
	if (strstr(name.version, "PREEMPT_RT"))
		find(f, FINDING_FATAL, "",
		     "the kernel is a real-time one (PREEMPT_RT), where one packet may interrupt another on its CPU: use another one");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		find(f, FINDING_FATAL, "",
		     "the kernel has no BTF (/sys/kernel/btf/vmlinux): use one built with CONFIG_DEBUG_INFO_BTF");
	if (!geteuid() && libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL) != 1)
		find(f, FINDING_FATAL, "", "the kernel does not take XDP programs: use one built with CONFIG_BPF_SYSCALL");
	if (sysctl_read("/proc/sys/net/core/bpf_jit_enable%s", "") == 0)
		find(f, FINDING_WARNING, "sysctl -w net.core.bpf_jit_enable=1",
		     "the kernel interprets BPF programs, which makes every packet several times slower");
}

static void check_device(struct findings *f, const char *name)
{
	if (!if_nametoindex(name))
		find(f, FINDING_FATAL, "ip -brief link", "there is no device %s here", name);
	else
		find(f, FINDING_GOOD, "", "the device %s is there", name);
}

static bool is_local(const struct ifaddrs *own, const __u8 address[16])
{
	for (const struct ifaddrs *a = own; a; a = a->ifa_next) {
		if (!a->ifa_addr)
			continue;
		if (a->ifa_addr->sa_family == AF_INET && address_is_ipv4(address) &&
		    !memcmp(&((struct sockaddr_in *)a->ifa_addr)->sin_addr, address + 12, 4))
			return true;
		if (a->ifa_addr->sa_family == AF_INET6 &&
		    !memcmp(&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, address, 16))
			return true;
	}
	return false;
}

static void check_forwarding(struct findings *f, const struct config *config, bool ipv6)
{
	const char *all = ipv6 ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward";
	const char *each = ipv6 ? "/proc/sys/net/ipv6/conf/%s/forwarding" : "/proc/sys/net/ipv4/conf/%s/forwarding";
	char mend[128];

	for (unsigned int i = 0; i < config->device_count; i++) {
		if (sysctl_read(each, config->devices[i].name) != 0)
			continue;
		snprintf(mend, sizeof(mend), "sysctl -w %s=1", all);
		find(f, FINDING_FATAL, mend,
		     "%s forwarding is off on %s, so packets cannot go on to backends on other hosts",
		     ipv6 ? "IPv6" : "IPv4", config->devices[i].name);
		return;
	}
	find(f, FINDING_GOOD, "", "%s forwarding is on", ipv6 ? "IPv6" : "IPv4");
}

/* Only packets for backends on other hosts need forwarding. */
static void check_backends(struct findings *f, const struct config *config)
{
	bool remote[2] = {};
	struct ifaddrs *own = NULL;

	if (getifaddrs(&own))
		own = NULL;
	for (unsigned int i = 0; i < config->service_count; i++)
		for (int color = 0; color < TEAL_COLORS; color++)
			for (unsigned int n = 0; n < config->services[i].colors[color].count; n++) {
				const __u8 *address = config->services[i].colors[color].backends[n].address;

				if (!is_local(own, address))
					remote[!address_is_ipv4(address)] = true;
			}
	if (own)
		freeifaddrs(own);
	for (int ipv6 = 0; ipv6 < 2; ipv6++)
		if (remote[ipv6])
			check_forwarding(f, config, ipv6);
}

/* The kernel drops packets from elsewhere for such addresses, and tells nobody. */
static void check_reach(struct findings *f, const struct config *config)
{
	for (unsigned int i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];
		char text[ADDRESS_TEXT_SIZE];

		if (!address_is_reachable(service->listen.address))
			find(f, FINDING_FATAL, "", "%s listens on %s, an address that packets of other hosts cannot go to: take another one",
			     service->name, listen_format(&service->listen, service->protocol, text));
		for (int color = 0; color < TEAL_COLORS; color++)
			for (unsigned int n = 0; n < service->colors[color].count; n++)
				if (!address_is_reachable(service->colors[color].backends[n].address))
					find(f, FINDING_FATAL, "",
					     "%s, a backend of %s (%s), is an address that packets of other hosts cannot go to: let it "
					     "listen on another one",
					     endpoint_format(&service->colors[color].backends[n], text), service->name,
					     color_name(color));
	}
}

static bool is_served(const struct config *config, unsigned int index)
{
	for (unsigned int i = 0; i < config->device_count; i++)
		if (if_nametoindex(config->devices[i].name) == index)
			return true;
	return false;
}

/* Replies go to the source address, so somebody has to have it. */
static void check_source_address(struct findings *f, const struct config_service *service, const struct ifaddrs *own)
{
	char text[ADDRESS_TEXT_SIZE], mend[128];

	if (is_local(own, service->source))
		return;
	address_format(service->source, text);
	snprintf(mend, sizeof(mend), "ip address add %s dev DEVICE", text);
	find(f, FINDING_WARNING, mend,
	     "%s, the source of %s, is no address of this host: backends' replies to it come back only if it is "
	     "routed here",
	     text, service->name);
}

/* The device, not among those that are served, by which a backend of the service answers: its name, and the backend's. */
static bool is_answered_aside(const struct config *config, const struct config_service *service,
			      const struct ifaddrs *own, char device[IF_NAMESIZE], char backend[ADDRESS_TEXT_SIZE])
{
	for (int color = 0; color < TEAL_COLORS; color++) {
		for (unsigned int n = 0; n < service->colors[color].count; n++) {
			const __u8 *address = service->colors[color].backends[n].address;
			unsigned int index;

			if (is_local(own, address) || route_device(address, &index) || is_served(config, index) ||
			    !if_indextoname(index, device))
				continue;
			address_format(address, backend);
			return true;
		}
	}
	return false;
}

/* And they go no further than this host, so they can be translated only as they come in. */
static void check_source_devices(struct findings *f, const struct config *config,
				 const struct config_service *service, const struct ifaddrs *own)
{
	char backend[ADDRESS_TEXT_SIZE], device[IF_NAMESIZE], mend[160];

	if (!is_answered_aside(config, service, own, device, backend))
		return;
	snprintf(mend, sizeof(mend), "devices: [..., { name: %s }] in teal.yaml", device);
	find(f, FINDING_FATAL, mend,
	     "%s has a source, and the answers of %s will come in by %s, which is not among the devices", service->name,
	     backend, device);
}

/*
 * Without a source they may come in by any device, for they are translated on their way out of the host at the latest.  But
 * before that netfilter sees replies to packets that it has not seen, and Docker's rules, for one, masquerade those.
 */
static void check_tracking(struct findings *f, const struct config *config)
{
	char backend[ADDRESS_TEXT_SIZE], device[IF_NAMESIZE], mend[160];
	struct ifaddrs *own = NULL;

	if (sysctl_read("/proc/sys/net/netfilter/nf_conntrack_count%s", "") <= 0 || getifaddrs(&own))
		return;
	for (unsigned int i = 0; i < config->service_count; i++) {
		if (config->services[i].has_source ||
		    !is_answered_aside(config, &config->services[i], own, device, backend))
			continue;
		snprintf(mend, sizeof(mend), "devices: [..., { name: %s }] in teal.yaml", device);
		find(f, FINDING_WARNING, mend,
		     "this host tracks connections, and the answers of %s (%s) come in by %s, which is not among the "
		     "devices: netfilter may masquerade or drop them",
		     backend, config->services[i].name, device);
		break;
	}
	freeifaddrs(own);
}

static void check_sources(struct findings *f, const struct config *config)
{
	struct ifaddrs *own = NULL;

	if (getifaddrs(&own))
		return;
	for (unsigned int i = 0; i < config->service_count; i++) {
		if (!config->services[i].has_source)
			continue;
		check_source_address(f, &config->services[i], own);
		check_source_devices(f, config, &config->services[i], own);
	}
	freeifaddrs(own);
}

unsigned int host_check(const struct config *config, struct finding *ret)
{
	struct findings f = { .list = ret };

	check_rights(&f);
	check_kernel(&f);
	for (unsigned int i = 0; config && i < config->device_count; i++)
		check_device(&f, config->devices[i].name);
	if (config) {
		check_reach(&f, config);
		check_backends(&f, config);
		check_sources(&f, config);
		check_tracking(&f, config);
	}
	return f.count;
}

/* Is this the first service of those with that address? */
static bool is_first(const struct config *config, unsigned int index)
{
	for (unsigned int i = 0; i < index; i++)
		if (!memcmp(config->services[i].listen.address, config->services[index].listen.address, 16))
			return false;
	return true;
}

unsigned int listen_check(const struct config *config, struct finding *ret)
{
	struct findings f = { .list = ret };
	const struct config_service *first = NULL;
	struct ifaddrs *own = NULL;
	char text[ADDRESS_TEXT_SIZE], more[32] = "", mend[128];
	unsigned int absent = 0;

	if (getifaddrs(&own))
		return 0;
	for (unsigned int i = 0; i < config->service_count; i++) {
		if (is_local(own, config->services[i].listen.address) || !is_first(config, i))
			continue;
		first = first ?: &config->services[i];
		absent++;
	}
	freeifaddrs(own);
	if (!absent)
		return 0;
	if (absent > 1)
		snprintf(more, sizeof(more), " (and %u more like it)", absent - 1);
	address_format(first->listen.address, text);
	snprintf(mend, sizeof(mend), "ip address add %s/%d dev %s", text, address_is_ipv4(first->listen.address) ? 32 : 128,
		 config->device_count ? config->devices[0].name : "DEVICE");
	find(&f, FINDING_WARNING, mend,
	     "%s, where %s listens%s, is no address of this host: clients reach it only if a router sends it here", text,
	     first->name, more);
	return f.count;
}
