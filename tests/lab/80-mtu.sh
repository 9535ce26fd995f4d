#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ways that are narrower than the ends think: the errors that say so must reach the right end, and quote its own packet.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

intact() { # URL: what goes down and up arrives whole
	client curl -s --fail --max-time 20 "$1/some" | cmp - "$LAB_DIR/files/some" &&
		client curl -s --fail --max-time 20 -T "$LAB_DIR/files/some" "$1/up/some"
}

learned() { # NAME ADDRESS MTU: that host has been told, and has believed it
	on "$1" ip route get "$2" | grep -q "mtu $3"
}

narrow() { # DEVICE MTU PREFIX...: the edge's ways there; the wire itself stays as it is, or it would lose what is larger
	local device=$1 mtu=$2 each
	shift 2
	for each in "$@"; do
		case $each in
		*:*) edge ip route replace "$each" dev "$device" proto kernel metric 256 mtu lock "$mtu" ;;
		*) edge ip route replace "$each" dev "$device" proto kernel mtu lock "$mtu" ;;
		esac
	done
}

dropped() { is "$(drops)" 0; }

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	LAB_OFFLOAD=off
	lab_up routed
	head -c 2000000 /dev/urandom >"$LAB_DIR/files/some"
	lab_config
	servers_start
	teald_start

	narrow eth1 1300 10.0.0.0/16 fd00:10::/64
	expect "$LAB_MODE, a narrow way to the backends: what is sent arrives" intact "$WEB"
	expect "$LAB_MODE: the client was told how narrow, about the VIP" learned client "$VIP" 1300
	expect "$LAB_MODE, the same on IPv6: what is sent arrives" intact "$WEB6"
	expect "$LAB_MODE, IPv6: the client was told how narrow, about the VIP" learned client "$VIP6" 1300

	narrow eth0 1280 198.51.100.0/24 2001:db8:51::/64
	expect "$LAB_MODE, a narrow way to the client: what is sent arrives" intact "$WEB"
	expect "$LAB_MODE, the same on IPv6: what is sent arrives" intact "$WEB6"
	expect "$LAB_MODE: teal dropped no packet" dropped
	lab_down
done

finish
