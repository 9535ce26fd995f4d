/* SPDX-License-Identifier: GPL-2.0-only */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const __u8 ipv4_mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291, 2.5.5.2 */

bool address_is_ipv4(const __u8 address[16])
{
	return !memcmp(address, ipv4_mapped, sizeof(ipv4_mapped));
}

int address_parse(const char *text, __u8 ret_address[16])
{
	__u8 address[16];

	if (inet_pton(AF_INET, text, address + sizeof(ipv4_mapped)) == 1)
		memcpy(address, ipv4_mapped, sizeof(ipv4_mapped));
	else if (inet_pton(AF_INET6, text, address) != 1 || address_is_ipv4(address))
		return -EINVAL;
	memcpy(ret_address, address, sizeof(address));
	return 0;
}

const char *address_format(const __u8 address[16], char text[ADDRESS_TEXT_SIZE])
{
	if (address_is_ipv4(address))
		inet_ntop(AF_INET, address + sizeof(ipv4_mapped), text, ADDRESS_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, address, text, ADDRESS_TEXT_SIZE);
	return text;
}

bool address_is_unicast(const __u8 address[16])
{
	static const __u8 none[16], broadcast[4] = { 0xff, 0xff, 0xff, 0xff };
	const __u8 *ipv4 = address + sizeof(ipv4_mapped);

	if (!address_is_ipv4(address))
		return address[0] != 0xff && memcmp(address, none, sizeof(none)) != 0;
	return (ipv4[0] & 0xf0) != 0xe0 && memcmp(ipv4, none, 4) != 0 && memcmp(ipv4, broadcast, 4) != 0;
}

bool address_is_reachable(const __u8 address[16])
{
	static const __u8 loopback[16] = { [15] = 1 };

	if (address_is_ipv4(address))
		return address[sizeof(ipv4_mapped)] != 127;
	return memcmp(address, loopback, sizeof(loopback)) != 0 && (address[0] != 0xfe || (address[1] & 0xc0) != 0x80);
}

/* strtoul() would let through signs, spaces and leading zeros. */
static int port_parse(const char *text, __u16 *ret)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int port = 0;

	if (digits == 0 || digits > 5 || text[digits] || text[0] == '0')
		return -EINVAL;
	while (*text)
		port = port * 10 + (unsigned int)(*text++ - '0');
	if (port > 65535)
		return -EINVAL;
	*ret = (__u16)port;
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret)
{
	bool bracketed = text[0] == '[';
	const char *begin = text + bracketed;
	const char *end = strchr(begin, bracketed ? ']' : ':');
	const char *colon = end && bracketed ? end + 1 : end;
	struct endpoint endpoint;
	char address[INET6_ADDRSTRLEN];

	if (!end || *colon != ':' || end - begin >= (ptrdiff_t)sizeof(address))
		return -EINVAL;
	memcpy(address, begin, (size_t)(end - begin));
	address[end - begin] = '\0';
	if (address_parse(address, endpoint.address) || port_parse(colon + 1, &endpoint.port))
		return -EINVAL;
	if (bracketed == address_is_ipv4(endpoint.address) || !address_is_unicast(endpoint.address))
		return -EINVAL;
	*ret = endpoint;
	return 0;
}

const char *endpoint_format(const struct endpoint *endpoint, char text[ADDRESS_TEXT_SIZE])
{
	char address[ADDRESS_TEXT_SIZE];
	bool ipv4 = address_is_ipv4(endpoint->address);

	snprintf(text, ADDRESS_TEXT_SIZE, ipv4 ? "%.45s:%u" : "[%.45s]:%u", address_format(endpoint->address, address),
		 endpoint->port);
	return text;
}

int listen_parse(const char *text, struct endpoint *ret_endpoint, enum teal_protocol *ret_protocol)
{
	const char *slash = strchr(text, '/');
	enum teal_protocol protocol;
	char endpoint[ADDRESS_TEXT_SIZE];
	int error;

	if (!slash || slash - text >= (ptrdiff_t)sizeof(endpoint))
		return -EINVAL;
	if (!strcmp(slash, "/tcp"))
		protocol = TEAL_TCP;
	else if (!strcmp(slash, "/udp"))
		protocol = TEAL_UDP;
	else
		return -EINVAL;
	memcpy(endpoint, text, (size_t)(slash - text));
	endpoint[slash - text] = '\0';
	error = endpoint_parse(endpoint, ret_endpoint);
	if (!error)
		*ret_protocol = protocol;
	return error;
}

const char *listen_format(const struct endpoint *endpoint, enum teal_protocol protocol, char text[ADDRESS_TEXT_SIZE])
{
	const char *name = protocol == TEAL_TCP ? "tcp" : protocol == TEAL_UDP ? "udp" : "any";
	char address[ADDRESS_TEXT_SIZE];

	snprintf(text, ADDRESS_TEXT_SIZE, "%.53s/%s", endpoint_format(endpoint, address), name);
	return text;
}

/* What is behind the first `bits` of 128 becomes zero. */
static void address_mask(__u8 address[16], unsigned int bits)
{
	for (unsigned int byte = 0; byte < 16; byte++) {
		unsigned int keep = bits > byte * 8 ? bits - byte * 8 : 0;

		if (keep < 8)
			address[byte] &= (__u8)(0xff00U >> keep);
	}
}

int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix prefix = { .bits = 128 };
	char address[INET6_ADDRSTRLEN];
	unsigned int all, bits = 0;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (address_parse(address, prefix.address))
		return -EINVAL;
	if (slash) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (!digits || digits > 3 || slash[1 + digits])
			return -EINVAL;
		all = address_is_ipv4(prefix.address) ? 32 : 128;
		for (const char *digit = slash + 1; *digit; digit++)
			bits = bits * 10 + (unsigned int)(*digit - '0');
		if (bits > all)
			return -EINVAL;
		prefix.bits = 128 - all + bits;
	}
	address_mask(prefix.address, prefix.bits);
	*ret = prefix;
	return 0;
}

const char *prefix_format(const struct prefix *prefix, char text[ADDRESS_TEXT_SIZE])
{
	bool ipv4 = address_is_ipv4(prefix->address) && prefix->bits >= 96;
	char address[ADDRESS_TEXT_SIZE];

	address_format(prefix->address, address);
	if (prefix->bits == 128)
		snprintf(text, ADDRESS_TEXT_SIZE, "%.45s", address);
	else
		snprintf(text, ADDRESS_TEXT_SIZE, "%.45s/%u", address, ipv4 ? prefix->bits - 96 : prefix->bits);
	return text;
}

bool prefix_holds(const struct prefix *prefix, const __u8 address[16])
{
	unsigned int bytes = prefix->bits / 8, rest = prefix->bits % 8;

	if (memcmp(prefix->address, address, bytes) != 0)
		return false;
	return !rest || !((prefix->address[bytes] ^ address[bytes]) >> (8 - rest));
}

static const char *const color_names[] = {
	[TEAL_BLUE] = "blue",
	[TEAL_GREEN] = "green",
	[TEAL_NO_COLOR] = "none",
};

int color_parse(const char *text, enum teal_color *ret)
{
	for (enum teal_color color = TEAL_BLUE; color < TEAL_COLORS; color++) {
		if (!strcmp(text, color_names[color])) {
			*ret = color;
			return 0;
		}
	}
	return -EINVAL;
}

const char *color_name(enum teal_color color)
{
	return color_names[color <= TEAL_NO_COLOR ? color : TEAL_NO_COLOR];
}
