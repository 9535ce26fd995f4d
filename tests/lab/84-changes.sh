#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The network around the edge changes under load: link addresses, links, routes.  The kernel's tables decide, at once.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

moves() { # NAME ADDRESS: that host's link address becomes another, and it tells so (as a failover does)
	ip -n "$LAB-$1" link set eth0 address "$2"
}

asked() { # EXIT CODE [6]: of a request, 7 if the client is told, 28 if not
	local url=$WEB/ seconds=2.5 # the second SYN is told what the first was not
	[ $# = 1 ] || url=$WEB6/
	[ "$1" = 7 ] || seconds=1
	exits "$1" client curl -s --max-time $seconds "$url"
}

route() { # ACTION KIND: towards blue backends
	edge ip route "$1" "$2" 10.0.1.0/24 && edge ip -6 route "$1" "$2" fd00:10::1:0/112
}

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	LAB_OFFLOAD=off
	lab_up routed
	for each in client blue1 blue2; do
		on $each sysctl -q -w net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1
	done
	edge sysctl -q -w net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.eth1.keep_addr_on_down=1
	lab_config
	servers_start
	teald_start
	for each in echo echo6; do load_begin $each --long 50 --seconds 60; done
	expect "$LAB_MODE: connections live" eventually 5 eval 'has_flows echo 50 && has_flows echo6 50'

	sleep 1.2 # a neighbour that was just asked is believed for a second
	moves blue1 02:00:00:00:0b:01
	moves blue2 02:00:00:00:0b:02
	sleep 0.5
	expect "$LAB_MODE: the backends' link addresses are others: blue answers" answers blue
	expect "$LAB_MODE: on IPv6 too" answers blue "$WEB6/"
	moves client 02:00:00:00:0c:01
	sleep 0.5
	expect "$LAB_MODE: the client's link address is another: blue answers" answers blue
	expect "$LAB_MODE: on IPv6 too" answers blue "$WEB6/"
	ip -n "$LAB-edge" link set eth1 down
	sleep 0.3
	ip -n "$LAB-edge" link set eth1 up
	expect "$LAB_MODE: a link was down and is up: blue answers within 2 s" eventually 2 answers blue
	expect "$LAB_MODE: on IPv6 too" eventually 2 answers blue "$WEB6/"
	expect "$LAB_MODE: over all that nothing happened to the connections" load_end echo
	expect "$LAB_MODE: nor on IPv6" load_end echo6

	before=$(verdict DROP_BLACKHOLE)
	route add blackhole
	sleep 0.1
	expect "$LAB_MODE, the way to blue is a blackhole: silence" asked 28
	expect "$LAB_MODE: on IPv6 too" asked 28 6
	expect "$LAB_MODE: it is counted" holds "$(verdict DROP_BLACKHOLE)" -ge $((before + 2))
	for each in prohibit unreachable; do
		before=$(verdict PASS_NO_ROUTE)
		route del blackhole 2>/dev/null || route del prohibit
		route add $each
		sleep 0.1
		expect "$LAB_MODE, the way to blue is $each: the client is told" asked 7
		expect "$LAB_MODE: on IPv6 too" asked 7 6
		expect "$LAB_MODE: it is counted" holds "$(verdict PASS_NO_ROUTE)" -ge $((before + 2))
	done
	route del unreachable
	sleep 0.1
	expect "$LAB_MODE, the way is there again: blue answers" answers blue
	edge sysctl -q -w net.ipv4.ip_forward=0
	sleep 0.1
	before=$(verdict PASS_NO_FORWARDING)
	expect "$LAB_MODE, forwarding is off: silence" asked 28
	expect "$LAB_MODE: it is counted" holds "$(verdict PASS_NO_FORWARDING)" -ge $((before + 1))
	edge sysctl -q -w net.ipv4.ip_forward=1
	sleep 0.1
	expect "$LAB_MODE, and on again: blue answers" answers blue
	lab_down
done

finish
