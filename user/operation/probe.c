// SPDX-License-Identifier: GPL-2.0-only
#include "operation/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/cleanup.h"

#define HOPS 64

int probe_open(struct probe *ret)
{
	struct probe p = { .ipv4 = -1, .ipv6 = -1 };

	/* IPPROTO_RAW: the header is ours. */
	p.ipv4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (p.ipv4 < 0)
		return -errno;
	p.ipv6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW); /* none on a host without IPv6 */
	if (p.ipv6 < 0 && errno != EAFNOSUPPORT) {
		const int error = -errno;

		probe_close(&p);
		return error;
	}
	*ret = p;
	return 0;
}

void probe_close(struct probe *p)
{
	close_p(&p->ipv4);
	close_p(&p->ipv6);
}

/* RFC 1071, over words as they stand in the packet. */
static __u64 sum_add(__u64 sum, const void *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += sizeof(__u16)) {
		__u16 word;

		memcpy(&word, (const __u8 *)bytes + at, sizeof(word));
		sum += word;
	}
	return sum;
}

static __u16 tcp_checksum(const struct endpoint *from, const struct endpoint *to, const struct tcphdr *tcp)
{
	/* IPv4-mapped addresses must not count their ff:ff. */
	const size_t skip = address_is_ipv4(from->address) ? 12 : 0;
	const __u16 pseudo[2] = { htons(IPPROTO_TCP), htons(sizeof(*tcp)) };
	__u64 sum = sum_add(0, from->address + skip, 16 - skip);

	sum = sum_add(sum, to->address + skip, 16 - skip);
	sum = sum_add(sum, pseudo, sizeof(pseudo));
	sum = sum_add(sum, tcp, sizeof(*tcp));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

size_t probe_make(const struct endpoint *from, const struct endpoint *to, __u32 sequence, __u8 packet[PROBE_SIZE])
{
	struct tcphdr tcp = {
		.source = htons(from->port),
		.dest = htons(to->port),
		.seq = htonl(sequence),
		.doff = sizeof(tcp) / 4,
		.syn = 1,
		.window = htons(1024),
	};
	struct iphdr ipv4 = { .version = 4, .ihl = sizeof(ipv4) / 4, .ttl = HOPS, .protocol = IPPROTO_TCP };
	struct ip6_hdr ipv6 = { .ip6_flow = htonl(6U << 28), .ip6_nxt = IPPROTO_TCP, .ip6_hlim = HOPS };
	const bool is_ipv4 = address_is_ipv4(from->address);
	const size_t ahead = is_ipv4 ? sizeof(ipv4) : sizeof(ipv6);

	tcp.check = tcp_checksum(from, to, &tcp);
	ipv4.tot_len = htons(sizeof(ipv4) + sizeof(tcp));
	ipv6.ip6_plen = htons(sizeof(tcp));
	memcpy(&ipv4.saddr, from->address + 12, sizeof(ipv4.saddr));
	memcpy(&ipv4.daddr, to->address + 12, sizeof(ipv4.daddr));
	memcpy(&ipv6.ip6_src, from->address, sizeof(ipv6.ip6_src));
	memcpy(&ipv6.ip6_dst, to->address, sizeof(ipv6.ip6_dst));
	memcpy(packet, is_ipv4 ? (const void *)&ipv4 : &ipv6, ahead);
	memcpy(packet + ahead, &tcp, sizeof(tcp));
	return ahead + sizeof(tcp);
}

int probe_send(const struct probe *p, const struct endpoint *from, const struct endpoint *to)
{
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	const bool is_ipv4 = address_is_ipv4(to->address);
	__u8 packet[PROBE_SIZE];
	__u32 sequence;
	size_t length;

	if (getrandom(&sequence, sizeof(sequence), 0) != sizeof(sequence))
		return -errno;
	length = probe_make(from, to, sequence, packet);
	memcpy(&ipv4.sin_addr, to->address + 12, sizeof(ipv4.sin_addr));
	memcpy(&ipv6.sin6_addr, to->address, sizeof(ipv6.sin6_addr));
	if (sendto(is_ipv4 ? p->ipv4 : p->ipv6, packet, length, MSG_DONTWAIT,
		   is_ipv4 ? (const void *)&ipv4 : (const void *)&ipv6, is_ipv4 ? sizeof(ipv4) : sizeof(ipv6)) < 0)
		return -errno;
	return 0;
}
