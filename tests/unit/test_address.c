/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "common/address.h"

static void addresses_are_read_and_written(void)
{
	static const struct {
		const char *sentence, *text, *written; /* NULL: refused */
		bool ipv4;
	} rows[] = {
		{ "IPv4", "10.0.0.5", "10.0.0.5", true },
		{ "the unspecified address is an address", "0.0.0.0", "0.0.0.0", true },
		{ "IPv6", "2001:db8::5", "2001:db8::5", false },
		{ "IPv6 in a long spelling", "2001:0db8:0:0::0005", "2001:db8::5", false },
		{ "IPv6 loopback", "::1", "::1", false },
		{ "nothing", "", NULL, false },
		{ "a name", "localhost", NULL, false },
		{ "three parts", "10.0.5", NULL, false },
		{ "five parts", "10.0.0.0.5", NULL, false },
		{ "a part over 255", "10.0.0.256", NULL, false },
		{ "a leading zero, which some read as octal", "10.0.0.05", NULL, false },
		{ "a space before", " 10.0.0.5", NULL, false },
		{ "a space behind", "10.0.0.5 ", NULL, false },
		{ "a prefix", "10.0.0.0/8", NULL, false },
		{ "a port", "10.0.0.5:80", NULL, false },
		{ "brackets", "[2001:db8::5]", NULL, false },
		{ "a zone", "fe80::1%eth0", NULL, false },
		{ "an IPv4-mapped address, which the tables take for IPv4", "::ffff:10.0.0.5", NULL, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		__u8 address[16] = { 0x5a }, before[16] = { 0x5a };
		char text[ADDRESS_TEXT_SIZE];
		int error = address_parse(rows[i].text, address);

		if (!rows[i].written) {
			ROW_CHECK(error == -EINVAL, "%s: not refused", rows[i].sentence);
			ROW_CHECK(!memcmp(address, before, 16), "%s: written although refused", rows[i].sentence);
			continue;
		}
		ROW_CHECK(!error, "%s: refused", rows[i].sentence);
		ROW_CHECK(address_is_ipv4(address) == rows[i].ipv4, "%s: wrong family", rows[i].sentence);
		ROW_CHECK(!strcmp(address_format(address, text), rows[i].written), "%s: %s", rows[i].sentence, text);
	}
}

static void an_ipv4_address_is_kept_mapped(void)
{
	static const __u8 wanted[16] = { [10] = 0xff, 0xff, 10, 0, 1, 11 };
	struct endpoint endpoint;

	CU_ASSERT_EQUAL(endpoint_parse("10.0.1.11:8443", &endpoint), 0);
	CU_ASSERT_EQUAL(memcmp(endpoint.address, wanted, sizeof(wanted)), 0);
	CU_ASSERT_EQUAL(endpoint.port, 8443);
}

static void endpoints_are_read_and_written(void)
{
	static const struct {
		const char *sentence, *text;
		bool good;
	} rows[] = {
		{ "IPv4", "10.0.1.11:8443", true },
		{ "IPv6", "[2001:db8::11]:8443", true },
		{ "the longest IPv6", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", true },
		{ "the last port", "10.0.1.11:65535", true },
		{ "the first port", "10.0.1.11:1", true },
		{ "loopback", "127.0.0.1:80", true },
		{ "IPv6 loopback", "[::1]:80", true },
		{ "a port behind the last", "10.0.1.11:65536", false },
		{ "a port that would wrap to a good one", "10.0.1.11:4294967376", false },
		{ "port 0", "10.0.1.11:0", false },
		{ "no port", "10.0.1.11", false },
		{ "an empty port", "10.0.1.11:", false },
		{ "a signed port", "10.0.1.11:+80", false },
		{ "a port with a leading zero", "10.0.1.11:080", false },
		{ "a port in words", "10.0.1.11:http", false },
		{ "text behind the port", "10.0.1.11:80x", false },
		{ "a space behind the port", "10.0.1.11:80 ", false },
		{ "a protocol", "10.0.1.11:80/tcp", false },
		{ "no address", ":80", false },
		{ "nothing", "", false },
		{ "an open bracket", "[", false },
		{ "a bracket that is not closed", "[2001:db8::11:80", false },
		{ "brackets without a port", "[2001:db8::11]", false },
		{ "text behind the bracket", "[2001:db8::11]x:80", false },
		{ "empty brackets", "[]:80", false },
		{ "IPv6 without brackets", "2001:db8::11:80", false },
		{ "IPv4 in brackets", "[10.0.1.11]:80", false },
		{ "IPv4-mapped", "[::ffff:10.0.1.11]:80", false },
		{ "a zone", "[fe80::1%eth0]:80", false },
		{ "an address longer than any", "[2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]:80",
		  false },
		{ "unspecified IPv4", "0.0.0.0:80", false },
		{ "unspecified IPv6", "[::]:80", false },
		{ "broadcast", "255.255.255.255:80", false },
		{ "the first multicast", "224.0.0.0:80", false },
		{ "the last multicast", "239.255.255.255:80", false },
		{ "IPv6 multicast", "[ff02::1]:80", false },
		{ "just below multicast", "223.255.255.255:80", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct endpoint endpoint = { .port = 7 };
		char text[ADDRESS_TEXT_SIZE];
		int error = endpoint_parse(rows[i].text, &endpoint);

		ROW_CHECK(error == (rows[i].good ? 0 : -EINVAL), "%s: returned %d", rows[i].sentence, error);
		if (error)
			ROW_CHECK(endpoint.port == 7, "%s: written although refused", rows[i].sentence);
		else
			ROW_CHECK(!strcmp(endpoint_format(&endpoint, text), rows[i].text), "%s: written as %s",
				  rows[i].sentence, text);
	}
}

static void listens_are_read_and_written(void)
{
	static const struct {
		const char *sentence, *text;
		enum teal_protocol protocol; /* TEAL_ANY: refused */
	} rows[] = {
		{ "TCP", "203.0.113.10:443/tcp", TEAL_TCP },
		{ "UDP", "203.0.113.10:53/udp", TEAL_UDP },
		{ "IPv6", "[2001:db8::10]:443/tcp", TEAL_TCP },
		{ "the longest", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535/tcp", TEAL_TCP },
		{ "no protocol", "203.0.113.10:443", TEAL_ANY },
		{ "an empty protocol", "203.0.113.10:443/", TEAL_ANY },
		{ "another protocol", "203.0.113.10:443/sctp", TEAL_ANY },
		{ "a protocol in capitals", "203.0.113.10:443/TCP", TEAL_ANY },
		{ "text behind the protocol", "203.0.113.10:443/tcp/", TEAL_ANY },
		{ "no endpoint", "/tcp", TEAL_ANY },
		{ "no port", "203.0.113.10/tcp", TEAL_ANY },
		{ "more text than any address has",
		  "11111111111111111111111111111111111111111111111111111111111111111111111111:1/tcp", TEAL_ANY },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct endpoint endpoint;
		enum teal_protocol protocol = TEAL_ANY;
		char text[ADDRESS_TEXT_SIZE];
		int error = listen_parse(rows[i].text, &endpoint, &protocol);

		ROW_CHECK(error == (rows[i].protocol ? 0 : -EINVAL), "%s: returned %d", rows[i].sentence, error);
		ROW_CHECK(protocol == rows[i].protocol, "%s: protocol %d", rows[i].sentence, protocol);
		if (!error)
			ROW_CHECK(!strcmp(listen_format(&endpoint, protocol, text), rows[i].text), "%s: written as %s",
				  rows[i].sentence, text);
	}
}

static void colors_have_names(void)
{
	enum teal_color color = TEAL_NO_COLOR;

	CU_ASSERT_EQUAL(color_parse("teal", &color), -EINVAL);
	CU_ASSERT_EQUAL(color_parse("none", &color), -EINVAL);
	CU_ASSERT_EQUAL(color_parse("", &color), -EINVAL);
	CU_ASSERT_EQUAL(color, TEAL_NO_COLOR);
	CU_ASSERT_EQUAL(color_parse("green", &color), 0);
	CU_ASSERT_EQUAL(color, TEAL_GREEN);
	CU_ASSERT_EQUAL(color_other(color), TEAL_BLUE);
	CU_ASSERT_STRING_EQUAL(color_name(TEAL_BLUE), "blue");
	CU_ASSERT_STRING_EQUAL(color_name(TEAL_NO_COLOR), "none");
	CU_ASSERT_STRING_EQUAL(color_name((enum teal_color)77), "none");
}

static void prefixes_are_read_and_written(void)
{
	static const struct {
		const char *text, *written; /* NULL: refused */
		unsigned int bits;
		const char *inside, *outside;
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", 120, "192.0.2.255", "192.0.3.0" },
		{ "192.0.2.77/24", "192.0.2.0/24", 120, "192.0.2.1", "192.0.1.77" },
		{ "192.0.2.128/25", "192.0.2.128/25", 121, "192.0.2.200", "192.0.2.127" },
		{ "192.0.2.7", "192.0.2.7", 128, "192.0.2.7", "192.0.2.6" },
		{ "192.0.2.7/32", "192.0.2.7", 128, "192.0.2.7", "192.0.2.8" },
		{ "0.0.0.0/0", "0.0.0.0/0", 96, "203.0.113.9", "2001:db8::1" },
		{ "2001:db8::/32", "2001:db8::/32", 32, "2001:db8:ffff::1", "2001:db9::1" },
		{ "2001:db8::1:2:3/113", "2001:db8::1:2:0/113", 113, "2001:db8::1:2:7fff", "2001:db8::1:2:8000" },
		{ "::/0", "::/0", 0, "2001:db8::1", NULL },
		{ "192.0.2.0/33", NULL, 0, NULL, NULL },
		{ "2001:db8::/129", NULL, 0, NULL, NULL },
		{ "192.0.2.0/", NULL, 0, NULL, NULL },
		{ "192.0.2.0/+8", NULL, 0, NULL, NULL },
		{ "192.0.2.0/8x", NULL, 0, NULL, NULL },
		{ "192.0.2.0/4294967304", NULL, 0, NULL, NULL },
		{ "192.0.2/24", NULL, 0, NULL, NULL },
		{ "::ffff:192.0.2.1/128", NULL, 0, NULL, NULL },
		{ "home", NULL, 0, NULL, NULL },
		{ "", NULL, 0, NULL, NULL },
		{ "/8", NULL, 0, NULL, NULL },
		{ "1111111111111111111111111111111111111111111111111111111111111111111111111/8", NULL, 0, NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[ADDRESS_TEXT_SIZE];
		struct prefix prefix = { 0 };
		__u8 address[16];
		int error = prefix_parse(rows[i].text, &prefix);

		ROW_CHECK(error == (rows[i].written ? 0 : -EINVAL), "%s: returned %d", rows[i].text, error);
		if (error || !rows[i].written)
			continue;
		ROW_CHECK(prefix.bits == rows[i].bits, "%s: %u bits", rows[i].text, prefix.bits);
		ROW_CHECK(!strcmp(prefix_format(&prefix, text), rows[i].written), "%s: written %s", rows[i].text, text);
		ROW_CHECK(!address_parse(rows[i].inside, address) && prefix_holds(&prefix, address), "%s holds %s",
			  rows[i].text, rows[i].inside);
		if (rows[i].outside)
			ROW_CHECK(!address_parse(rows[i].outside, address) && !prefix_holds(&prefix, address),
				  "%s does not hold %s", rows[i].text, rows[i].outside);
	}
}

CU_TestInfo address_tests[] = {
	{ "addresses are read and written", addresses_are_read_and_written },
	{ "an IPv4 address is kept IPv4-mapped", an_ipv4_address_is_kept_mapped },
	{ "endpoints are read and written", endpoints_are_read_and_written },
	{ "listens are read and written", listens_are_read_and_written },
	{ "colors have names", colors_have_names },
	{ "prefixes are read and written", prefixes_are_read_and_written },
	CU_TEST_INFO_NULL,
};
