/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses as people write them, and as the tables keep them. */
#ifndef TEAL_ADDRESS_H
#define TEAL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "teal/tables.h"

#define ADDRESS_TEXT_SIZE 64 /* "[v6 address]:65535/tcp" and its NUL */

struct endpoint {
	__u8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 port;	  /* host order */
};

bool address_is_ipv4(const __u8 address[16]);

/* Whether a host can have it: not unspecified, broadcast or multicast. */
bool address_is_unicast(const __u8 address[16]);

/* Whether packets of other hosts can go there: not loopback, nor of IPv6 link-local, which needs a device's name besides. */
bool address_is_reachable(const __u8 address[16]);

/* "10.0.0.5" or "2001:db8::5" (no port, no brackets).  Returns 0 or -EINVAL. */
int address_parse(const char *text, __u8 ret_address[16]);

/* Writes the address without a port into `text` and returns `text`. */
const char *address_format(const __u8 address[16], char text[ADDRESS_TEXT_SIZE]);

/*
 * "10.0.1.11:8443" or "[2001:db8::11]:8443".  Returns 0, or -EINVAL for anything else: port 0, an address that
 * cannot be a unicast endpoint (unspecified, broadcast, multicast), an IPv4-mapped IPv6 address, trailing text.
 */
int endpoint_parse(const char *text, struct endpoint *ret);
const char *endpoint_format(const struct endpoint *endpoint, char text[ADDRESS_TEXT_SIZE]);

/* "203.0.113.10:443/tcp"; the protocol must be tcp or udp and may not be left out.  Returns 0 or -EINVAL. */
int listen_parse(const char *text, struct endpoint *ret_endpoint, enum teal_protocol *ret_protocol);
const char *listen_format(const struct endpoint *endpoint, enum teal_protocol protocol, char text[ADDRESS_TEXT_SIZE]);

/* The addresses that begin alike. */
struct prefix {
	__u8 address[16];  /* zeros behind the bits that count */
	unsigned int bits; /* of 128: IPv4's 32 are the last of them */
};

/* "198.51.100.0/24", "2001:db8::/32", or one address.  Returns 0 or -EINVAL. */
int prefix_parse(const char *text, struct prefix *ret);
const char *prefix_format(const struct prefix *prefix, char text[ADDRESS_TEXT_SIZE]);
bool prefix_holds(const struct prefix *prefix, const __u8 address[16]);

/* "blue" or "green".  Returns 0 or -EINVAL. */
int color_parse(const char *text, enum teal_color *ret);
const char *color_name(enum teal_color color);
static inline enum teal_color color_other(enum teal_color color)
{
	return color == TEAL_BLUE ? TEAL_GREEN : TEAL_BLUE;
}

#endif
