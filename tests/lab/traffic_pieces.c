// SPDX-License-Identifier: GPL-2.0-only
/* traffic pieces: one datagram, cut into fragments that are sent in an order of one's own, or not at all. */
#include "traffic.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 1400	 /* bytes of the datagram in each, a multiple of 8 */
#define PIECES_MAX 10	 /* named by one digit */
#define ANSWER_MS 10000 /* is waited for, if nothing else is said */

/* What both families need. */
struct parcel {
	struct address from, to;
	bool ipv6;
	uint32_t id;
	size_t size; /* of the datagram, its header included */
	char bytes[PIECES_MAX * PIECE];
};

static uint32_t sum_add(uint32_t sum, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? byte[i] : byte[i] << 8;
	return sum;
}

static uint32_t sum_add_host(uint32_t sum, const struct address *a)
{
	if (a->storage.ss_family == AF_INET6)
		return sum_add(sum, &((const struct sockaddr_in6 *)&a->storage)->sin6_addr, 16);
	return sum_add(sum, &((const struct sockaddr_in *)&a->storage)->sin_addr, 4);
}

/* It stands at the same place in both families. */
static in_port_t port_of(const struct address *a)
{
	return ((const struct sockaddr_in *)&a->storage)->sin_port;
}

static void parcel_fill(struct parcel *p, size_t payload)
{
	struct udphdr head = { .source = port_of(&p->from), .dest = port_of(&p->to), .len = htons(sizeof(head) + payload) };
	uint32_t sum = IPPROTO_UDP + sizeof(head) + payload;

	p->size = sizeof(head) + payload;
	memcpy(p->bytes, &head, sizeof(head));
	for (size_t i = sizeof(head); i < p->size; i++)
		p->bytes[i] = 'a' + (i * 7 + i / 251 + p->id) % 26;
	sum = sum_add_host(sum, &p->from);
	sum = sum_add_host(sum, &p->to);
	sum = sum_add(sum, p->bytes, p->size);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	head.check = htons(~sum ? ~sum : 0xffff);
	memcpy(p->bytes, &head, sizeof(head));
}

static size_t head4(const struct parcel *p, size_t offset, size_t size, bool more, char *to)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .id = htons(p->id) };

	ip.tot_len = htons(sizeof(ip) + size);
	ip.frag_off = htons(offset / 8 | (more ? IP_MF : 0));
	memcpy(&ip.saddr, &((const struct sockaddr_in *)&p->from.storage)->sin_addr, sizeof(ip.saddr));
	memcpy(&ip.daddr, &((const struct sockaddr_in *)&p->to.storage)->sin_addr, sizeof(ip.daddr));
	memcpy(to, &ip, sizeof(ip));
	return sizeof(ip);
}

static size_t head6(const struct parcel *p, size_t offset, size_t size, bool more, char *to)
{
	struct {
		struct ip6_hdr ip;
		struct ip6_frag fragment;
	} head = { .ip.ip6_flow = htonl(6U << 28) };

	head.ip.ip6_plen = htons(sizeof(head.fragment) + size);
	head.ip.ip6_nxt = IPPROTO_FRAGMENT;
	head.ip.ip6_hlim = 64;
	head.ip.ip6_src = ((const struct sockaddr_in6 *)&p->from.storage)->sin6_addr;
	head.ip.ip6_dst = ((const struct sockaddr_in6 *)&p->to.storage)->sin6_addr;
	head.fragment.ip6f_nxt = IPPROTO_UDP;
	head.fragment.ip6f_offlg = htons(offset | more);
	head.fragment.ip6f_ident = htonl(p->id);
	memcpy(to, &head, sizeof(head));
	return sizeof(head);
}

static void piece_send(int raw, const struct parcel *p, unsigned int number)
{
	struct address to = p->to; /* a raw socket takes no port */
	size_t offset = (size_t)number * PIECE, left = p->size - offset, size = left < PIECE ? left : PIECE, head;
	char bytes[100 + PIECE];

	if (offset >= p->size)
		die("there is no piece %u of a datagram of %zu bytes", number, p->size);
	head = (p->ipv6 ? head6 : head4)(p, offset, size, size < left, bytes);
	memcpy(bytes + head, p->bytes + offset, size);
	((struct sockaddr_in *)&to.storage)->sin_port = 0;
	if (sendto(raw, bytes, head + size, 0, (struct sockaddr *)&to.storage, to.length) < 0)
		die("cannot send piece %u: %s", number, strerror(errno));
}

/* Waits for the same bytes behind a server's name, and says whose it is. */
static bool is_answered(int socket, const struct parcel *p, int wait_ms)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	const size_t sent = p->size - sizeof(struct udphdr);
	char answer[PIECES_MAX * PIECE + 64];
	ssize_t got = poll(&wait, 1, wait_ms) > 0 ? recv(socket, answer, sizeof(answer), 0) : -1;

	if (got < 0) {
		printf("no answer\n");
		return false;
	}
	if ((size_t)got <= sent || memcmp(answer + got - sent, p->bytes + sizeof(struct udphdr), sent) != 0) {
		printf("%zd bytes came back, and not those that were sent\n", got);
		return false;
	}
	printf("%.*s\n", (int)(got - sent - 1), answer);
	return true;
}

int pieces(const struct options *o)
{
	struct parcel p = { .id = now_ns() / MS };
	int own, raw;

	if (!o->target || !o->order || address_parse(o->target, &p.to) || o->count <= PIECE || o->count > PIECES_MAX * PIECE - 8)
		die("pieces takes --target ADDRESS:PORT, --size BYTES (%u to %u) and --order DIGITS", PIECE + 1,
		    PIECES_MAX * PIECE - 8);
	p.ipv6 = p.to.storage.ss_family == AF_INET6;
	p.from.length = sizeof(p.from.storage);
	own = socket(p.to.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	raw = socket(p.to.storage.ss_family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (own < 0 || raw < 0 || connect(own, (struct sockaddr *)&p.to.storage, p.to.length) ||
	    getsockname(own, (struct sockaddr *)&p.from.storage, &p.from.length))
		die("cannot make a socket to %s: %s", o->target, strerror(errno));
	parcel_fill(&p, o->count);
	for (const char *digit = o->order; *digit; digit++)
		piece_send(raw, &p, *digit - '0');
	return is_answered(own, &p, o->interval ? (int)o->interval : ANSWER_MS) ? 0 : 1;
}
