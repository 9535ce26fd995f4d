// SPDX-License-Identifier: GPL-2.0-only
#include "edge.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "common/cleanup.h"
#include "daemon/apply.h"
#include "daemon/capability.h"
#include "daemon/load.h"
#include "table/service.h"
#include "teal.skel.h"
#include "tests/packet/network.h"
#include "tests/packet/percpu.h"

/* Covered in a mount namespace of its own, so that nothing is left on the host. */
#define HOME "/tmp"

/* Of each family a TCP and a UDP service, as most will have one or two, and a dozen that get no packets. */
static int config_write(const char *file, __u32 flows)
{
	_cleanup_fclose_ FILE *to = fopen(file, "w");

	if (!to)
		return -errno;
	fputs("devices: [{ name: front, mode: native }, { name: rear, mode: native }]\nservices:\n", to);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		const char *vip = ipv6 ? "[2001:db8:cafe::10]" : "203.0.113.10";
		const char *blue = ipv6 ? "[2001:db8:b:0:b1::11]" : "10.0.1.11";
		const char *green = ipv6 ? "[2001:db8:b:0:62::11]" : "10.0.2.11";

		fprintf(to, "  - { name: web%d, listen: \"%s:443/tcp\", blue: [\"%s:8443\"], green: [\"%s:8443\"] }\n", ipv6, vip,
			blue, green);
		fprintf(to, "  - { name: dns%d, listen: \"%s:53/udp\", blue: [\"%s:5353\"], green: [\"%s:5353\"] }\n", ipv6, vip,
			blue, green);
		for (int idle = 0; idle < 6; idle++)
			fprintf(to, "  - { name: idle%d-%d, listen: \"%s:%d/tcp\", blue: [\"%s:%d\"], green: [\"%s:%d\"] }\n",
				ipv6, idle, vip, 9000 + idle, blue, 9100 + idle, green, 9100 + idle);
	}
	fprintf(to, "limits: { flows: %u }\n", flows);
	return 0;
}

/* The clients are behind a router, as most are. */
static int clients_route(void)
{
	FILE *ip = popen("ip -batch -", "w");

	if (!ip)
		return -errno;
	fputs("route add default via 198.51.100.254\nroute add default via 2001:db8:c::fe\n", ip);
	return pclose(ip) ? -EIO : 0;
}

/* A veth takes redirected frames when its far end could. */
static int devices_prepare(void)
{
	for (int i = 0; i < 2; i++) {
		const char *command = i ? "ethtool -K rear-far gro on" : "ethtool -K front-far gro on";
		FILE *ethtool = popen(command, "r");

		if (!ethtool || pclose(ethtool)) {
			fprintf(stderr, "bench: '%s' failed\n", command);
			return -EIO;
		}
	}
	return 0;
}

int edge_enter(void)
{
	int error;

	if (geteuid()) {
		fprintf(stderr, "bench: only root can load BPF programs: run this with sudo\n");
		return -EPERM;
	}
	error = network_open() ?: clients_route() ?: devices_prepare();
	if (error)
		return error;
	/* The pins go with the process. */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bench", HOME, "tmpfs", 0, "mode=0700")) {
		fprintf(stderr, "bench: cannot make a place for the pins at " HOME ": %s\n", strerror(errno));
		return -errno;
	}
	return 0;
}

static int edge_fill(struct edge *edge, const char *config_file, const char *pins, struct error *e)
{
	struct config *config = NULL;
	int error = config_read(config_file, &config, e);

	if (!error)
		error = load_directory(pins, e);
	if (!error)
		error = load(pins, config, &edge->bpf, e);
	if (!error)
		error = tables_open(pins, &edge->tables, e);
	if (!error)
		error = apply(edge->tables, edge->home, config, e);
	if (!error)
		error = capability_write(edge->bpf);
	config_free(config);
	return error;
}

int edge_open(struct edge *edge, __u32 flows)
{
	static int count;
	char config_file[96], bpffs[96], pins[128];
	struct error e = {};
	int error;

	*edge = (struct edge){};
	snprintf(edge->home, sizeof(edge->home), HOME "/%d", count++);
	snprintf(config_file, sizeof(config_file), "%s/teal.yaml", edge->home);
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", edge->home);
	snprintf(pins, sizeof(pins), "%s/teal", bpffs);
	if (mkdir(edge->home, 0700) || mkdir(bpffs, 0700) || mount("bpf", bpffs, "bpf", 0, "mode=0700"))
		error = -errno;
	else
		error = config_write(config_file, flows) ?: edge_fill(edge, config_file, pins, &e);
	if (error)
		fprintf(stderr, "bench: no edge to measure: %s\n", e.text[0] ? e.text : strerror(-error));
	return error;
}

void edge_close(struct edge *edge)
{
	char bpffs[96];

	tables_close(edge->tables);
	teal_bpf__destroy(edge->bpf);
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", edge->home);
	umount(bpffs);
	*edge = (struct edge){};
}

int edge_redirects(struct edge *edge, bool redirects)
{
	__u32 rear = network_device(REAR);
	__u8 nothing[64] = {};

	if (redirects)
		return capability_write(edge->bpf);
	if (bpf_map__value_size(edge->bpf->maps.devices) > sizeof(nothing))
		return -E2BIG;
	return table_put(edge->tables, TABLE_devices, &rear, nothing);
}

int edge_forget_sent(const struct edge *edge)
{
	return percpu_clear(edge->bpf->maps.sent_by, 1);
}

int edge_verdicts(const struct edge *edge, __u64 ret[TEAL_VERDICT_COUNT])
{
	__u64 each[edge->tables->cpus];

	for (__u32 verdict = 0; verdict < TEAL_VERDICT_COUNT; verdict++) {
		int error = table_get(edge->tables, TABLE_verdicts, &verdict, each);

		if (error)
			return error;
		ret[verdict] = 0;
		for (int cpu = 0; cpu < edge->tables->cpus; cpu++)
			ret[verdict] += each[cpu];
	}
	return 0;
}

static int edge_sum(const struct edge *edge, struct teal_counters *ret)
{
	_cleanup_free_ struct backend *list = NULL;
	unsigned int count = 0;
	struct error e = {};
	int error = backend_list(edge->tables, 0, &list, &count, &e);

	*ret = (struct teal_counters){};
	for (unsigned int i = 0; i < count && !error; i++) {
		ret->opened += list[i].counters.opened;
		ret->deleted += list[i].counters.deleted;
	}
	return error;
}

int edge_opened(const struct edge *edge, __u64 *ret)
{
	struct teal_counters sum;
	int error = edge_sum(edge, &sum);

	*ret = sum.opened;
	return error;
}

int edge_rows(const struct edge *edge, __u64 *ret)
{
	struct teal_counters sum;
	int error = edge_sum(edge, &sum);

	*ret = sum.opened - sum.deleted;
	return error;
}

int edge_begun(const struct edge *edge, __u64 *ret)
{
	_cleanup_free_ struct backend *list = NULL;
	struct teal_handshakes each[edge->tables->cpus];
	unsigned int count = 0;
	struct error e = {};
	int error = backend_list(edge->tables, 0, &list, &count, &e);

	*ret = 0;
	for (unsigned int i = 0; i < count && !error; i++) {
		error = table_get(edge->tables, TABLE_handshakes, &list[i].id, each);
		for (int cpu = 0; cpu < edge->tables->cpus && !error; cpu++)
			*ret += each[cpu].begun;
	}
	return error;
}
