#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The edge host itself, its containers and the backends as clients; the VIP on the host or only routed to it.  What cannot
# work is refused at once.  Arguments: MODE/OFFLOAD... to try only those.
# LAB_SOURCE and LAB_SOURCE6 are read by lib.sh.
# shellcheck disable=SC2034,SC2209
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

reaches() { # NAME COLOR [URL]: does every one of six connections from there get that color?
	local try who
	for try in 1 2 3 4 5 6; do
		who=$(on "$1" curl -s --max-time 20 "${3:-$WEB/}") || { echo "no answer to try $try" && return 1; }
		[ "${who%[12]}" = "$2" ] || { echo "wanted $2, $who answered" && return 1; }
	done
}

downloads() { # NAME URL: 4 MB arrive there intact
	on "$1" curl -s --fail --max-time 20 "$2/some" | cmp - "$LAB_DIR/files/some"
}

refused_at_once() { # NAME URL: by a reset (7), and not by a silence (28)
	exits 7 on "$1" curl -s --max-time 20 "$2"
}

asks() { # NAME: a datagram from there comes back
	on "$1" "$TRAFFIC" udp --target "$VIP:7001" --flows 3 --seconds 1 >"$LAB_DIR/asked" || { cat "$LAB_DIR/asked" && return 1; }
}

guest() { # a container on the edge host that is a client
	space guest
	wire guest eth0 edge guest0
	address guest eth0 172.16.0.2/24 fd00:16::2/64
	address edge guest0 172.16.0.1/24 fd00:16::1/64
	gateway guest 172.16.0.1 fd00:16::1
}

up() { # TOPOLOGY
	lab_up "$1"
	guest
	gateway edge 198.51.100.2 2001:db8:51::2 # where the uplink leads
	lab_config
	sed -i "s/^devices:/&\n  - { name: guest0, mode: tc }/" "$LAB_DIR/teal.yaml"
	servers_start
	teald_start
}

expect_apart() { # nothing that is not for the VIP is touched, while connections through it live
	local before
	load_begin echo --long 20 --rate 50
	expect "$what: 20 connections live" eventually 30 has_flows echo 20
	expect "$what: a client that talks to a backend directly reaches it" \
		is "$(client curl -s --max-time 20 http://10.0.1.11:8080/)" blue1
	expect "$what: and gets 4 MB intact" downloads client http://10.0.1.11:8080
	expect "$what: the edge itself reaches every backend, as a health check does" eval '
		for each in $BACKENDS; do
			[ "$(edge curl -s --max-time 20 "http://$(backend_address "$each"):8080/")" = "$each" ] || exit 1
		done'
	expect "$what: on IPv6 too" is "$(edge curl -s --max-time 20 "http://[$(backend_address green2 6)]:8080/")" green2
	expect "$what: nothing happened to the connections" load_end echo
}

[ $# -gt 0 ] || set -- native/off tc/on
for each in "$@"; do
	IFS=/ read -r LAB_MODE LAB_OFFLOAD <<<"$each"
	LAB_SOURCE='' LAB_SOURCE6=''
	up routed
	what="$LAB_MODE, the VIP only routed"
	expect "$what: a remote client is served" reaches client blue
	for name in edge guest; do
		who="the edge itself"
		[ $name = edge ] || who="a container on the edge"
		expect "$what: $who is served" reaches $name blue
		expect "$what: $who is served on IPv6" reaches $name blue "$WEB6/"
		expect "$what: $who gets 4 MB intact" downloads $name "$WEB"
		expect "$what: $who gets 4 MB intact on IPv6" downloads $name "$WEB6"
		expect "$what: $who is served by UDP" asks $name
	done
	expect_apart
	teal switch web green --quiet
	expect "$what: after a switch the edge itself gets green" reaches edge green
	expect "$what: after a switch a container on the edge gets green" reaches guest green
	teal switch web blue --quiet

	address edge lo $VIP/32 $VIP6/128
	what="$LAB_MODE, the VIP configured on the host"
	expect "$what: a remote client is served" reaches client blue
	expect "$what: a remote client is served on IPv6" reaches client blue "$WEB6/"
	expect "$what: it gets 4 MB intact" downloads client "$WEB"
	load_begin echo --long 20 --rate 100 --seconds 2
	load_begin udp --long 20 --rate 100 --seconds 2
	expect "$what: connections live, and the host's own stack resets none" load_result echo
	expect "$what: datagrams are answered" load_result udp
	expect "$what: the edge itself is refused at once" refused_at_once edge "$WEB/"
	expect "$what: the edge itself is refused at once on IPv6" refused_at_once edge "$WEB6/"
	expect "$what: a container is served" reaches guest blue
	expect "$what: a container is served on IPv6" reaches guest blue "$WEB6/"
	sed -i '/guest0/d' "$LAB_DIR/teal.yaml"
	teald_reload
	expect "$what: a container by a device that is not configured is refused at once" refused_at_once guest "$WEB/"
	ip -n "$LAB-edge" address delete $VIP/32 dev lo
	ip -n "$LAB-edge" address delete $VIP6/128 dev lo
	before=$(verdict REFUSE_UNSERVED)
	expect "$what, only routed: it is refused at once too" refused_at_once guest "$WEB/"
	expect "$what, only routed: on IPv6 too" refused_at_once guest "$WEB6/"
	expect "$what, only routed: both are counted" is "$(verdict REFUSE_UNSERVED)" $((before + 2))
	lab_down

	LAB_SOURCE=10.0.0.1 LAB_SOURCE6=fd00:10::1
	up routed
	what="$LAB_MODE, source NAT"
	expect "$what: a backend is served as a client of its own VIP, also by itself" reaches blue1 blue
	expect "$what: on IPv6 too" reaches blue1 blue "$WEB6/"
	expect "$what: by UDP too" asks blue1
	expect "$what: it gets 4 MB intact" downloads blue1 "$WEB"
	expect "$what: the edge itself is served" reaches edge blue
	expect "$what: a container on the edge is served on IPv6" reaches guest blue "$WEB6/"
	expect_apart
	lab_down

	LAB_SOURCE='' LAB_SOURCE6=''
	[ "$LAB_OFFLOAD" = on ] || LAB_OFFLOAD=link
	up host
	what="$LAB_MODE, backends on the edge"
	expect "$what: a remote client is served" reaches client blue
	before=$(verdict REFUSE_LOCAL)
	expect "$what: the edge itself is refused at once" refused_at_once edge "$WEB/"
	expect "$what: the edge itself is refused at once on IPv6" refused_at_once edge "$WEB6/"
	expect "$what: both are counted" is "$(verdict REFUSE_LOCAL)" $((before + 2))
	lab_down
done

finish
