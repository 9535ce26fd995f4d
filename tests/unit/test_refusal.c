/* SPDX-License-Identifier: GPL-2.0-only */
/* Every way in which a configuration can be wrong, with the sentence that it earns. */
#include "unit.h"

#include "config_rows.h"

#define KEYS_OF_A_SERVICE \
	"the keys here are name, listen, health, blue, green, active, source, on_switch, on_down, all_down, affinity, guard"
#define NAME_ADVICE "take up to 31 of a-z, 0-9 and -, not beginning with -"
#define LISTEN_ADVICE "write ADDRESS:PORT/tcp or /udp, such as 203.0.113.10:443/tcp or \"[2001:db8::10]:443/tcp\""
#define BACKEND_ADVICE "write ADDRESS:PORT, such as 10.0.1.11:8443 or \"[2001:db8::11]:8443\""
#define DEVICE_ADVICE "cannot be the name of a network device: take one that \"ip link\" shows"
#define INDENT_ADVICE "look for a wrong indentation, or a bracket or quote that is not closed"
#define QUOTE_ADVICE "put an IPv6 address in quotes, as in \"[2001:db8::11]:8443\""
#define SHARED_ADVICE "an endpoint belongs to one service and color; give one of them another port"
#define KEYS_OF_ALL "the keys here are devices, services, timeouts, limits, flows_full, seed"
#define ANCHOR_REFUSED                                                                                                 \
	"anchors (&) and aliases (*) are not read here: write the value itself, or put it in quotes if it begins "     \
	"with such a sign"
#define SINGLE "a single value (an IPv6 address needs quotes, as in \"[2001:db8::11]:8443\")"
#define NUMBER "must be a whole number from 0 to 4294967295"
#define DURATION "must be a duration such as 500ms, 2s or 2h11m"
#define SECONDS "must be whole seconds, at least 1s and at most 8760h"
#define SOURCE_ADVICE                                                                                                  \
	" cannot be the source of web: write one of this host's own addresses without a port, such as 10.0.0.5 or "    \
	"\"2001:db8::5\""
#define OWN_ADDRESS "take one of this host's own addresses"
#define PLACE_ADVICE "give one of them another address or port"

static void what_is_no_yaml_is_refused(void)
{
	static const struct config_row rows[] = {
		{ "an empty file", "",
		  "1: there is nothing in this file: begin with \"devices:\" and \"services:\", see teal.yaml(5)" },
		{ "a file of comments", "# later\n# more\n",
		  "1: there is nothing in this file: begin with \"devices:\" and \"services:\", see teal.yaml(5)" },
		{ "a tab", "devices:\n\t- name: eth0\n",
		  "2: this is not YAML (found character that cannot start any token): indent with spaces, not with "
		  "tabs" },
		{ "an open bracket", "devices: [\n",
		  "2: this is not YAML (did not find expected node content): " INDENT_ADVICE },
		{ "an open quote", "devices:\n  - name: 'eth0\nservices: []\n",
		  "4: this is not YAML (found unexpected end of stream while scanning a quoted scalar that began in "
		  "line 2): " INDENT_ADVICE },
		{ "a wrong indentation", "devices: []\n services: []\n",
		  "2: this is not YAML (did not find expected key while parsing a block mapping that began in line "
		  "1): " INDENT_ADVICE },
		{ "a dash too few", "devices:\n  - name: eth0\n  mode: tc\n",
		  "3: this is not YAML (did not find expected '-' indicator while parsing a block collection that "
		  "began in line 2): " INDENT_ADVICE },
		{ "IPv6 without quotes", SERVICES "  - name: web\n    listen: [2001:db8::10]:443/tcp\n",
		  "4: this is not YAML (did not find expected key while parsing a block mapping that began in line "
		  "3): " QUOTE_ADVICE },
		{ "IPv6 in quotes beside another mistake",
		  SERVICES "  - name: web\n   listen: \"[2001:db8::10]:443/tcp\"\n",
		  "4: this is not YAML (did not find expected '-' indicator while parsing a block collection that "
		  "began in line 3): " INDENT_ADVICE },
		{ "IPv6 without quotes in a list", SERVICES "  - name: web\n    blue: [[::1]:443]\n",
		  "4: this is not YAML (did not find expected node content): " QUOTE_ADVICE },
		{ "not text", "devices:\n\n  \xff\xfe\n",
		  "3: this is not YAML (invalid leading UTF-8 octet): write it as UTF-8 text" },
		{ "a control character", "devices: \"\001\"\n",
		  "1: this is not YAML (control characters are not allowed): write it as UTF-8 text" },
		{ "a NUL in a value", DEVICES "services:\n  - name: \"web\\0x\"\n",
		  "3: a value contains a NUL character: remove it" },
		{ "a second document", DEVICES "services: []\n---\n" DEVICES,
		  "3: a second document begins here: remove the line \"---\", one file is one configuration" },
		{ "an anchor", "devices: &all [{ name: eth0 }]\n", "1: " ANCHOR_REFUSED },
		{ "an anchor at a mapping", "devices: [&all { name: eth0 }]\n", "1: " ANCHOR_REFUSED },
		{ "an anchor at a value", "devices: [{ name: &eth eth0 }]\n", "1: " ANCHOR_REFUSED },
		{ "an alias", "devices:\n  - *all\n", "2: " ANCHOR_REFUSED },
		{ "a directive at the beginning", "%YAML 1.1\n---\n" DEVICES,
		  "1: a line that begins with % is not read here: remove it" },
		{ "a directive further on", "# teal\n\n%TAG ! tag:x\n---\n" DEVICES,
		  "3: a line that begins with % is not read here: remove it" },
		{ "deep nesting", "devices:\n [[[[[[[[[[[[]]]]]]]]]]]]\n",
		  "2: lists and mappings are nested too deeply: see teal.yaml(5) for the form of this file" },
	};

	config_rows_check(rows, COUNT(rows));
}

static void what_does_not_fit_the_form_is_refused(void)
{
	static const struct config_row rows[] = {
		{ "only a word", "teal\n", "1: the file must be a mapping (lines of KEY: VALUE), not \"teal\"" },
		{ "only a list", "- eth0\n", "1: the file must be a mapping (lines of KEY: VALUE), not a list" },
		{ "only the mark of a document", "---\n",
		  "2: the file must be a mapping (lines of KEY: VALUE), not nothing: give it a value" },
		{ "an unknown key", DEVICES "services: []\nservice: []\n", "3: unknown key \"service\": " KEYS_OF_ALL },
		{ "an unknown key of a device", "devices:\n  - name: eth0\n    speed: 5\n",
		  "3: unknown key \"speed\": the keys here are name, mode" },
		{ "an unknown key of a service", WEB "    listens: x\n",
		  "5: unknown key \"listens\": " KEYS_OF_A_SERVICE },
		{ "an unknown key of health", WEB "    health: { type: tcp,\n      port: 4 }\n",
		  "6: unknown key \"port\": the keys here are type, path, host, expect, verify, command, interval, timeout, "
		  "rise, fall" },
		{ "an unknown timeout", DEVICES "services: []\ntimeouts:\n  tcp: 4s\n",
		  "4: unknown key \"tcp\": the keys here are handshake, established, closing, reset, udp_unanswered, "
		  "udp" },
		{ "an unknown limit", DEVICES "services: []\nlimits:\n  rows: 4\n",
		  "4: unknown key \"rows\": the keys here are services, backends, flows, pending" },
		{ "a key in capitals", "Devices: []\n", "1: unknown key \"Devices\": " KEYS_OF_ALL },
		{ "a key that would redraw the terminal", "\"\\e[2J\": 1\n",
		  "1: unknown key \"\\x1b[2J\": " KEYS_OF_ALL },
		{ "a list as a key", "? [a]\n: b\n", "1: unknown key \"?\": " KEYS_OF_ALL },
		{ "a key twice", DEVICES "services: []\n" DEVICES,
		  "3: \"devices\" is here a second time: remove one of them" },
		{ "a key twice in a service", WEB "    name: api\n",
		  "5: \"name\" is here a second time: remove one of them" },
		{ "no devices", "services: []\n", "1: the file has no \"devices\": add it, see teal.yaml(5)" },
		{ "no services", "\n# two devices\n" DEVICES,
		  "3: the file has no \"services\": add it, see teal.yaml(5)" },
		{ "a device without a name", "devices:\n  - name: eth0\n  - mode: tc\nservices: []\n",
		  "3: this entry of \"devices\" has no \"name\": add it, see teal.yaml(5)" },
		{ "a service without a name", SERVICES "  - listen: 203.0.113.10:443/tcp\n",
		  "3: this entry of \"services\" has no \"name\": add it, see teal.yaml(5)" },
		{ "a service without listen", WEB "  - name: api\n    blue: []\n",
		  "5: this entry of \"services\" has no \"listen\": add it, see teal.yaml(5)" },
		{ "health without a type", WEB "    health:\n      rise: 2\n",
		  "6: \"health\" has no \"type\": add it, see teal.yaml(5)" },
	};

	config_rows_check(rows, COUNT(rows));
}

static void what_is_of_another_kind_is_refused(void)
{
	static const struct config_row rows[] = {
		{ "devices that are no list", "devices: eth0\nservices: []\n",
		  "1: \"devices\" must be a list, not \"eth0\"" },
		{ "a device that is only a name", "devices: [eth0]\nservices: []\n",
		  "1: this entry of \"devices\" must be a mapping (lines of KEY: VALUE), not \"eth0\"" },
		{ "services that are one service", DEVICES "services:\n  name: web\n  listen: x\n",
		  "3: \"services\" must be a list, not a mapping" },
		{ "services left empty", DEVICES "services:\n",
		  "2: \"services\" must be a list, not nothing: give it a value" },
		{ "one backend that is no list", WEB "    blue: 10.0.1.11:8443\n",
		  "5: \"blue\" must be a list, not \"10.0.1.11:8443\"" },
		{ "a backend that is a list", WEB "    blue:\n      - 10.0.1.11:8443\n      - [10.0.1.12:8443]\n",
		  "7: this entry of \"blue\" must be " SINGLE ", not a list" },
		{ "an IPv6 backend without quotes", WEB "    blue: [[2001:db8::11]:8443]\n",
		  "5: this entry of \"blue\" must be " SINGLE ", not a mapping" },
		{ "a name that is a list", SERVICES "  - name: [web]\n", "3: \"name\" must be " SINGLE ", not a list" },
		{ "health that is a word", WEB "    health: tcp\n",
		  "5: \"health\" must be a mapping (lines of KEY: VALUE), not \"tcp\"" },
		{ "an unknown type of health", WEB "    health: { type: udp }\n",
		  "5: \"type\" must be one of tcp, http, https, exec, not \"udp\"" },
		{ "an unknown mode", "devices:\n  - name: eth0\n    mode: xdp\nservices: []\n",
		  "3: \"mode\" must be one of auto, native, generic, tc, not \"xdp\"" },
		{ "a mode as a number", "devices:\n  - name: eth0\n    mode: 1\nservices: []\n",
		  "3: \"mode\" must be one of auto, native, generic, tc, not \"1\"" },
		{ "a color that is none", WEB "    active: teal\n",
		  "5: \"active\" must be one of blue, green, not \"teal\"" },
		{ "a limit in words", DEVICES "services: []\nlimits: { flows: many }\n",
		  "3: \"flows\" " NUMBER ", not \"many\"" },
		{ "a negative limit", DEVICES "services: []\nlimits: { flows: -1 }\n",
		  "3: \"flows\" " NUMBER ", not \"-1\"" },
		{ "a limit beyond 32 bits", DEVICES "services: []\nlimits: { flows: 4294967296 }\n",
		  "3: \"flows\" " NUMBER ", not \"4294967296\"" },
		{ "a limit that looks octal", DEVICES "services: []\nlimits: { flows: 0100 }\n",
		  "3: \"flows\" " NUMBER ", not \"0100\"" },
		{ "a limit with a suffix", DEVICES "services: []\nlimits: { flows: 1M }\n",
		  "3: \"flows\" " NUMBER ", not \"1M\"" },
		{ "a seed left empty", DEVICES "services: []\nseed:\n",
		  "3: \"seed\" " NUMBER ", not nothing: give it a value" },
		{ "a value that would redraw the terminal", WEB "    active: \"\\e[2J\"\n",
		  "5: \"active\" must be one of blue, green, not \"\\x1b[2J\"" },
	};

	config_rows_check(rows, COUNT(rows));
}

static void values_without_meaning_are_refused(void)
{
	static const struct config_row rows[] = {
		{ "no device", "devices: []\nservices: []\n",
		  "1: there must be at least one device: name the one that clients come in by, such as eth0" },
		{ "an empty device name", "devices: [{ name: '' }]\nservices: []\n", "1: \"\" " DEVICE_ADVICE },
		{ "a device name left empty", "devices:\n  - name:\nservices: []\n", "2: \"\" " DEVICE_ADVICE },
		{ "a device name of 16 characters", "devices: [{ name: a234567890123456 }]\nservices: []\n",
		  "1: \"a234567890123456\" " DEVICE_ADVICE },
		{ "a path for a device", "devices: [{ name: a/b }]\nservices: []\n", "1: \"a/b\" " DEVICE_ADVICE },
		{ "a space in a device name", "devices: [{ name: a b }]\nservices: []\n", "1: \"a b\" " DEVICE_ADVICE },
		{ "a colon in a device name", "devices: [{ name: eth0:1 }]\nservices: []\n",
		  "1: \"eth0:1\" " DEVICE_ADVICE },
		{ "the directory above as a device", "devices: [{ name: .. }]\nservices: []\n",
		  "1: \"..\" " DEVICE_ADVICE },
		{ "a device name that would redraw the terminal", "devices: [{ name: \"\\e[2J\" }]\nservices: []\n",
		  "1: \"\\x1b[2J\" " DEVICE_ADVICE },
		{ "an empty name", SERVICES "  - { name: '', listen: 203.0.113.10:443/tcp }\n",
		  "3: \"\" cannot be the name of a service: " NAME_ADVICE },
		{ "capitals in a name", SERVICES "  - { name: Web, listen: 203.0.113.10:443/tcp }\n",
		  "3: \"Web\" cannot be the name of a service: " NAME_ADVICE },
		{ "a slash in a name", SERVICES "  - { name: a/b, listen: 203.0.113.10:443/tcp }\n",
		  "3: \"a/b\" cannot be the name of a service: " NAME_ADVICE },
		{ "a hyphen before a name", SERVICES "  - { name: -web, listen: 203.0.113.10:443/tcp }\n",
		  "3: \"-web\" cannot be the name of a service: " NAME_ADVICE },
		{ "a name of 32 characters",
		  SERVICES "  - { name: a2345678901234567890123456789012, listen: 203.0.113.10:443/tcp }\n",
		  "3: \"a2345678901234567890123456789012\" cannot be the name of a service: " NAME_ADVICE },
		{ "listen without a protocol", SERVICES "  - name: web\n    listen: 203.0.113.10:443\n",
		  "4: web cannot listen on \"203.0.113.10:443\": " LISTEN_ADVICE },
		{ "listen on port 0", SERVICES "  - name: web\n    listen: 203.0.113.10:0/tcp\n",
		  "4: web cannot listen on \"203.0.113.10:0/tcp\": " LISTEN_ADVICE },
		{ "listen on a name", SERVICES "  - name: web\n    listen: example.org:443/tcp\n",
		  "4: web cannot listen on \"example.org:443/tcp\": " LISTEN_ADVICE },
		{ "a backend without a port", WEB "    blue:\n      - 10.0.1.11:8443\n      - 10.0.1.12\n",
		  "7: \"10.0.1.12\" cannot be a backend: " BACKEND_ADVICE },
		{ "a backend with a protocol", WEB "    green: [10.0.1.11:8443/tcp]\n",
		  "5: \"10.0.1.11:8443/tcp\" cannot be a backend: " BACKEND_ADVICE },
		{ "an empty backend", WEB "    green:\n      -\n", "6: \"\" cannot be a backend: " BACKEND_ADVICE },
		{ "an IPv6 backend behind IPv4", WEB "    blue: [\"[2001:db8::11]:80\"]\n",
		  "5: [2001:db8::11]:80 cannot be a backend of web, which listens on IPv4: give it an IPv4 address" },
		{ "an IPv4 backend behind IPv6",
		  SERVICES "  - name: web\n    listen: \"[2001:db8::10]:443/tcp\"\n    blue: [10.0.0.1:80]\n",
		  "5: 10.0.0.1:80 cannot be a backend of web, which listens on IPv6: give it an IPv6 address" },
		{ "a path for TCP", WEB "    health: { type: tcp, path: / }\n",
		  "5: \"path\" goes with type http or https only, not with tcp: remove it or change the type" },
		{ "a relative path", WEB "    health:\n      type: http\n      path: healthz\n",
		  "7: \"path\" must begin with / and contain no spaces, such as /healthz, not \"healthz\"" },
		{ "a path with a header in it",
		  WEB "    health:\n      type: http\n      path: \"/ HTTP/1.1\\r\\nX: y\"\n",
		  "7: \"path\" must begin with / and contain no spaces, such as /healthz, not \"/ HTTP/1.1\\x0d\\nX: "
		  "y\"" },
	};

	config_rows_check(rows, COUNT(rows));
}

static void numbers_and_times_without_meaning_are_refused(void)
{
	static const struct config_row rows[] = {
		{ "an interval without a unit", WEB "    health:\n      type: tcp\n      interval: 2\n",
		  "7: \"interval\" " DURATION ", not \"2\"" },
		{ "an interval of nothing", WEB "    health: { type: tcp, interval: 0s }\n",
		  "5: \"interval\" must be at least 100ms and at most 24h, not 0s" },
		{ "an interval of two days", WEB "    health: { type: tcp, interval: 48h }\n",
		  "5: \"interval\" must be at least 100ms and at most 24h, not 48h" },
		{ "a timeout in words", WEB "    health: { type: tcp, timeout: never }\n",
		  "5: \"timeout\" " DURATION ", not \"never\"" },
		{ "rise 0", WEB "    health: { type: tcp, rise: 0 }\n", "5: \"rise\" must be from 1 to 1000, not 0" },
		{ "fall 1001", WEB "    health: { type: tcp, fall: 1001 }\n",
		  "5: \"fall\" must be from 1 to 1000, not 1001" },
		{ "a timeout of half a second", DEVICES "services: []\ntimeouts:\n  udp: 3s\n  closing: 500ms\n",
		  "5: \"closing\" " SECONDS ", not 500ms" },
		{ "a timeout of one and a half", DEVICES "services: []\ntimeouts: { closing: 1s500ms }\n",
		  "3: \"closing\" " SECONDS ", not 1s500ms" },
		{ "a timeout of two years", DEVICES "services: []\ntimeouts: { closing: 17521h }\n",
		  "3: \"closing\" " SECONDS ", not 17521h" },
		{ "a fraction", DEVICES "services: []\ntimeouts: { closing: 1.5s }\n",
		  "3: \"closing\" " DURATION ", not \"1.5s\"" },
		{ "a negative duration", DEVICES "services: []\ntimeouts: { closing: -5s }\n",
		  "3: \"closing\" " DURATION ", not \"-5s\"" },
		{ "units the wrong way around", DEVICES "services: []\ntimeouts: { closing: 5s1h }\n",
		  "3: \"closing\" " DURATION ", not \"5s1h\"" },
		{ "a unit twice", DEVICES "services: []\ntimeouts: { closing: 5s5s }\n",
		  "3: \"closing\" " DURATION ", not \"5s5s\"" },
		{ "an unknown unit", DEVICES "services: []\ntimeouts: { closing: 5d }\n",
		  "3: \"closing\" " DURATION ", not \"5d\"" },
		{ "a duration that would wrap around",
		  DEVICES "services: []\ntimeouts: { closing: 18446744073709551617s }\n",
		  "3: \"closing\" " DURATION ", not \"18446744073709551617s\"" },
		{ "an empty duration", DEVICES "services: []\ntimeouts: { closing: '' }\n",
		  "3: \"closing\" " DURATION ", not \"\"" },
		{ "no room for services", DEVICES "services: []\nlimits: { services: 0 }\n",
		  "3: \"services\" must be from 1 to 65535, not 0" },
		{ "more services than ids", DEVICES "services: []\nlimits: { services: 65536 }\n",
		  "3: \"services\" must be from 1 to 65535, not 65536" },
		{ "too many backends", DEVICES "services: []\nlimits: { backends: 1048577 }\n",
		  "3: \"backends\" must be from 1 to 1048576, not 1048577" },
		{ "too many flows", DEVICES "services: []\nlimits:\n  services: 1\n  flows: 67108865\n",
		  "5: \"flows\" must be from 1 to 67108864, not 67108865" },
		{ "too many pending", DEVICES "services: []\nlimits: { pending: 67108865 }\n",
		  "3: \"pending\" must be from 1 to 67108864, not 67108865" },
	};

	config_rows_check(rows, COUNT(rows));
}

static void what_can_never_work_is_refused(void)
{
	static const struct config_row rows[] = {
		{ "a source that is a list", WEB "    source: [a]\n", "5: \"source\" must be " SINGLE ", not a list" },
		{ "a source that is a name", WEB "    source: example.org\n", "5: \"example.org\"" SOURCE_ADVICE },
		{ "a source with a port", WEB "    source: 10.0.0.5:80\n", "5: \"10.0.0.5:80\"" SOURCE_ADVICE },
		{ "a source for everybody", WEB "    source: 0.0.0.0\n", "5: \"0.0.0.0\"" SOURCE_ADVICE },
		{ "a group as a source", WEB "    source: 224.0.0.1\n", "5: \"224.0.0.1\"" SOURCE_ADVICE },
		{ "an IPv6 source before IPv4", WEB "    source: \"2001:db8::5\"\n",
		  "5: 2001:db8::5 cannot be the source of web, which listens on IPv4: give it an IPv4 address" },
		{ "an IPv4 source before IPv6",
		  SERVICES "  - name: web\n    listen: \"[2001:db8::10]:443/tcp\"\n    source: 10.0.0.5\n",
		  "5: 10.0.0.5 cannot be the source of web, which listens on IPv6: give it an IPv6 address" },
		{ "its own VIP as a source", WEB "    source: 203.0.113.10\n",
		  "5: 203.0.113.10 cannot be the source of web, for it is the address of web: " OWN_ADDRESS },
		{ "another one's VIP as a source",
		  WEB "    source: 203.0.113.11\n  - { name: api, listen: 203.0.113.11:80/tcp }\n",
		  "5: 203.0.113.11 cannot be the source of web, for it is the address of api: " OWN_ADDRESS },
		{ "a backend as a source", WEB "    green: [10.0.2.11:80]\n    source: 10.0.2.11\n",
		  "6: 10.0.2.11 cannot be the source of web, for it is the address of a backend of web: " OWN_ADDRESS },
		{ "TCP that moves", WEB "    on_switch: move\n",
		  "5: \"on_switch: move\" goes with UDP only, for a TCP connection cannot go on elsewhere: remove it" },
		{ "UDP that is reset",
		  SERVICES "  - name: dns\n    listen: 203.0.113.10:53/udp\n    health: { type: tcp }\n    on_down: reset\n",
		  "6: \"on_down: reset\" goes with TCP only, for UDP has no resets: remove it" },
		{ "a guard that wants more than all", WEB "    guard: { failed: 101 }\n", "5: \"failed\" must be from 0 to 100, not 101" },
		{ "a guard without a unit", WEB "    guard: { check: 50 }\n",
		  "5: \"check\" must be a duration such as 500ms, 2s or 2h11m, not \"50\"" },
		{ "resets by nobody", WEB "    on_down: reset\n",
		  "5: \"on_down: reset\" needs health checks, for nobody else finds a backend down: add \"health\" to web" },
		{ "refusals by nobody", WEB "    all_down: refuse\n",
		  "5: \"all_down: refuse\" needs health checks, for nobody else finds a backend down: add \"health\" to "
		  "web" },
		{ "an unknown word", WEB "    all_down: drop\n",
		  "5: \"all_down\" must be one of keep, refuse, not \"drop\"" },
		{ "an unknown affinity", WEB "    affinity: cookie\n",
		  "5: \"affinity\" must be one of none, source, not \"cookie\"" },
		{ "an unknown way out", DEVICES "services: []\nflows_full: drop\n",
		  "3: \"flows_full\" must be one of pass, refuse, not \"drop\"" },
	};

	config_rows_check(rows, COUNT(rows));
}

static void entries_that_disagree_are_refused(void)
{
	static const struct config_row rows[] = {
		{ "a device twice", "devices:\n  - name: eth0\n  - name: eth1\n  - name: eth0\nservices: []\n",
		  "4: there is a device \"eth0\" already: rename or remove one of them" },
		{ "two devices twice, of which the first is named",
		  "devices:\n  - name: b\n  - name: a\n  - name: a\n  - name: b\nservices: []\n",
		  "4: there is a device \"a\" already: rename or remove one of them" },
		{ "a service twice", WEB "  - name: web\n    listen: 203.0.113.10:80/tcp\n",
		  "5: there is a service \"web\" already: rename or remove one of them" },
		{ "two services at one place", WEB "  - name: api\n    listen: 203.0.113.10:443/tcp\n",
		  "6: both web and api listen on 203.0.113.10:443/tcp: " PLACE_ADVICE },
		{ "a backend twice in a color",
		  WEB "    blue:\n      - 10.0.1.11:8443\n      - 10.0.1.12:8443\n      - 10.0.1.11:8443\n",
		  "8: 10.0.1.11:8443/tcp is twice among the backends of web (blue): remove one of them" },
		{ "a backend in both colors", WEB "    blue: [10.0.1.11:8443]\n    green: [10.0.1.11:8443]\n",
		  "6: 10.0.1.11:8443/tcp is a backend of both web (blue) and web (green): " SHARED_ADVICE },
		{ "a backend in two services",
		  WEB "    blue: [10.0.1.11:8443]\n  - name: api\n    listen: 203.0.113.11:443/tcp\n    green: "
		      "[10.0.1.11:8443]\n",
		  "8: 10.0.1.11:8443/tcp is a backend of both web (blue) and api (green): " SHARED_ADVICE },
		{ "one IPv6 backend in two spellings",
		  SERVICES "  - name: web\n    listen: \"[2001:db8::10]:443/tcp\"\n    blue: [\"[2001:db8::1]:80\"]\n"
			   "    green: [\"[2001:DB8:0::1]:80\"]\n",
		  "6: [2001:db8::1]:80/tcp is a backend of both web (blue) and web (green): " SHARED_ADVICE },
		{ "a backend at its own service's place", WEB "    blue: [203.0.113.10:443]\n",
		  "5: 203.0.113.10:443/tcp is where web listens and also a backend of web (blue): " PLACE_ADVICE },
		{ "a backend at a later service's place",
		  WEB "    blue: [203.0.113.11:80]\n  - name: api\n    listen: 203.0.113.11:80/tcp\n",
		  "7: 203.0.113.11:80/tcp is where api listens and also a backend of web (blue): " PLACE_ADVICE },
		{ "the first of two mistakes is named",
		  WEB "    blue: [10.0.0.2:1, 10.0.0.2:1]\n    green: [10.0.0.1:1, 10.0.0.1:1]\n",
		  "5: 10.0.0.2:1/tcp is twice among the backends of web (blue): remove one of them" },
		{ "a service too many", WEB "  - name: api\n    listen: 203.0.113.10:80/tcp\nlimits: { services: 1 }\n",
		  "5: there is no room for more services than 1: raise \"services\" under \"limits\"" },
		{ "a backend too many",
		  WEB "    blue: [10.0.1.1:80, 10.0.1.2:80]\n    green:\n      - 10.0.2.1:80\n      - "
		      "10.0.2.2:80\nlimits: { backends: 3 }\n",
		  "8: there is no room for more backends than 3: raise \"backends\" under \"limits\"" },
	};

	config_rows_check(rows, COUNT(rows));
}

CU_TestInfo refusal_tests[] = {
	{ "what is no YAML is refused", what_is_no_yaml_is_refused },
	{ "what does not fit the form is refused", what_does_not_fit_the_form_is_refused },
	{ "what is of another kind is refused", what_is_of_another_kind_is_refused },
	{ "values without meaning are refused", values_without_meaning_are_refused },
	{ "numbers and times without meaning are refused", numbers_and_times_without_meaning_are_refused },
	{ "what can never work is refused", what_can_never_work_is_refused },
	{ "entries that disagree are refused", entries_that_disagree_are_refused },
	CU_TEST_INFO_NULL,
};
