#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Routers on both sides of the edge: what they have to say of a packet reaches the end that sent it, about its own packet.
# traceroute believes only an answer that quotes what it sent, and so does the kernel when it learns how narrow a way is.
# Arguments: MODE/OFFLOAD/SOURCE (yes or no)... to try only those.
# LAB_SOURCE and LAB_SOURCE6 are read by lib.sh.
# shellcheck disable=SC2034,SC2209
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

hop() { # TTL OPTIONS...: who answers a packet that may go so far
	client traceroute -n -q 1 -N 1 -w 10 -f "$1" -m "$1" "${@:2}" | awk 'END { print $2 }'
}

way() { # OPTIONS...: the hops of it, as far as a service's host
	local ttl
	for ttl in 1 2 3 4; do hop $ttl "$@"; done | paste -sd ' '
}

[ $# -gt 0 ] || set -- native/off/no tc/on/no native/off/yes tc/off/yes
for each in "$@"; do
	IFS=/ read -r LAB_MODE LAB_OFFLOAD with_source <<<"$each"
	lab_up far
	LAB_SOURCE='' LAB_SOURCE6='' hosts_see=198.51.100.2 hosts_see6=2001:db8:51::2
	what="$LAB_MODE, checksum offload $LAB_OFFLOAD"
	if [ "$with_source" = yes ]; then
		LAB_SOURCE=10.1.0.1 LAB_SOURCE6=fd00:11::1 hosts_see=10.1.0.1 hosts_see6=fd00:11::1
		what+=", source NAT"
	fi
	lab_config
	servers_start
	teald_start
	expect "$what: blue answers through all routers" answers blue
	expect "$what: on IPv6 too" answers blue "$WEB6/"

	expect "$what: traceroute by TCP: the first router, then three times the VIP, the last one a server" \
		is "$(way -T -p 80 $VIP)" "198.51.100.1 $VIP $VIP $VIP"
	expect "$what: by UDP: the same" is "$(way -U -p 7001 $VIP)" "198.51.100.1 $VIP $VIP $VIP"
	expect "$what: by TCP on IPv6" is "$(way -6 -T -p 80 $VIP6)" "2001:db8:51::1 $VIP6 $VIP6 $VIP6"
	expect "$what: by UDP on IPv6" is "$(way -6 -U -p 7001 $VIP6)" "2001:db8:51::1 $VIP6 $VIP6 $VIP6"

	narrow far br0 1400 10.0.0.0/16 fd00:10::/64
	expect "$what, a narrow way behind the edge: what is sent arrives" intact "$WEB"
	expect "$what: the client was told how narrow, about the VIP" learned 1400 $VIP client
	expect "$what, the same on IPv6: what is sent arrives" intact "$WEB6"
	expect "$what, IPv6: the client was told how narrow, about the VIP" learned 1400 $VIP6 client

	narrow near port0 1300 198.51.100.0/24 2001:db8:51::/64
	expect "$what, a narrow way before the edge: what is sent arrives" intact "$WEB"
	expect "$what: a backend was told how narrow" learned 1300 $hosts_see blue1 blue2
	expect "$what, the same on IPv6: what is sent arrives" intact "$WEB6"
	expect "$what, IPv6: a backend was told how narrow" learned 1300 $hosts_see6 blue1 blue2
	expect "$what: teal dropped no packet" is "$(drops)" 0
	lab_down
done

finish
