#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The network around the edge changes under load: link addresses, links, routes.  The kernel's tables decide, at once.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

moves() { # NAME ADDRESS: that host's link address becomes another, and it tells so (as a failover does)
	ip -n "$LAB-$1" link set eth0 address "$2"
}

link_address() { ip -n "$LAB-$1" -json link show "$2" | jq -r '.[0].address'; } # NAME DEVICE

silently() { # NAME ADDRESS DEVICE ROUTER...: nobody tells: it has no need to ask for its router, the edge's device
	local name=$1 address=$2 edge each
	edge=$(link_address edge "$3")
	on "$name" sysctl -q -w net.ipv4.conf.eth0.arp_notify=0 net.ipv6.conf.eth0.ndisc_notify=0
	{
		echo "link set eth0 address $address"
		for each in "${@:4}"; do echo "neigh replace $each dev eth0 nud permanent lladdr $edge"; done
	} | ip -n "$LAB-$name" -batch -
}

stale() { # DEVICE LINK ADDRESS ADDRESS...: what the edge knew of a neighbour is some time ago (and by somebody else's word)
	local each
	for each in "${@:3}"; do
		edge ip neigh replace "$each" dev "$1" nud stale lladdr "$2" extern_learn
	done
}

states() { # DEVICE ADDRESS...: of these neighbours, each once
	local device=$1 each
	for each in "${@:2}"; do edge ip -json neigh show "$each" dev "$device" | jq -r '.[].state[]'; done | sort -u
}

silence() { # for a second no answer, on IPv4 and on IPv6
	exits 28 client curl -s --max-time 1 "$WEB/" &
	exits 28 client curl -s --max-time 1 "$WEB6/" && wait $!
}

impatient() { # the edge's kernel asks a neighbour that is in use after 2 s, once, and asks everybody a tenth of a second later
	local each
	for each in ipv{4,6}.neigh.eth{0,1}; do
		edge sysctl -q -w "net.$each.delay_first_probe_time=2" "net.$each.retrans_time_ms=100" "net.$each.ucast_solicit=1"
	done
}

asked() { # EXIT CODE [6]: of a request, 7 if the client is told, 28 if not
	local url=$WEB/ seconds=20 # the second SYN is told what the first was not
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
	for each in echo echo6; do load_begin $each --long 50; done
	expect "$LAB_MODE: connections live" eventually 30 eval 'has_flows echo 50 && has_flows echo6 50'

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
	expect "$LAB_MODE: a link was down and is up: blue answers again" eventually 30 answers blue
	expect "$LAB_MODE: on IPv6 too" eventually 30 answers blue "$WEB6/"
	expect "$LAB_MODE: over all that nothing happened to the connections" load_end echo
	expect "$LAB_MODE: nor on IPv6" load_end echo6

	impatient
	sleep 2.5 # the last look at what was asked for is over
	stale eth0 "$(link_address client eth0)" 198.51.100.2 2001:db8:51::2
	sleep 4.5
	expect "$LAB_MODE: without traffic nobody is asked" is "$(states eth0 198.51.100.2 2001:db8:51::2)" STALE
	for each in blue1 blue2; do
		old=$(link_address $each eth0)
		silently $each "02:00:00:01:0b:0${each#blue}" eth1 10.0.0.1 fd00:10::1
		stale eth1 "$old" "$(backend_address $each)" "$(backend_address $each 6)"
	done
	expect "$LAB_MODE: the backends' link addresses are others, and they do not tell: silence" silence
	expect "$LAB_MODE, a few seconds later: blue answers" eventually 30 answers blue
	expect "$LAB_MODE: on IPv6 too" eventually 30 answers blue "$WEB6/"
	old=$(link_address client eth0)
	silently client 02:00:00:01:0c:01 eth0 198.51.100.1 2001:db8:51::1
	stale eth0 "$old" 198.51.100.2 2001:db8:51::2
	expect "$LAB_MODE: the client's link address is another, and it does not tell: silence" silence
	expect "$LAB_MODE, a few seconds later: blue answers" eventually 30 answers blue
	expect "$LAB_MODE: on IPv6 too" eventually 30 answers blue "$WEB6/"
	expect "$LAB_MODE: a neighbour that somebody else has entered stays his" \
		grep -q extern_learn <(edge ip neigh show 198.51.100.2 dev eth0)

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
