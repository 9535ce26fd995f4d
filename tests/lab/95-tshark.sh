#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A second opinion: tshark reads what passes at the client and at the backends while there is real traffic, and finds no
# checksum wrong and no backend's address at the client.  Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

declare -A CAPTURES

capture_begin() { # NAME
	# Whole packets: a checksum over a packet that is cut off cannot be validated.
	nsenter --net="/run/netns/$LAB-$1" dumpcap -q -i eth0 -s 0 -B 64 -w "$LAB_DIR/capture-$1.pcap" -P >/dev/null 2>"$LAB_DIR/dumpcap-$1" &
	CAPTURES[$1]=$!
	eventually 30 grep -q 'Capturing on\|File:' "$LAB_DIR/dumpcap-$1"
}

capture_end() { # NAME
	kill -INT "${CAPTURES[$1]}"
	wait "${CAPTURES[$1]}" 2>/dev/null || true
}

packets() { # NAME FILTER: how many packets of a capture pass it
	tshark -r "$LAB_DIR/capture-$1.pcap" -n -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -Y "$2" -T fields -e frame.number 2>"$LAB_DIR/tshark" | wc -l
}

# Linux itself sends ffff where 0 is meant (IPv6, now and then): to a receiver the two are one.
WRONG='ip.checksum.status == "Bad" || (tcp.checksum.status == "Bad" && tcp.checksum != 0xffff) || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad" || icmpv6.checksum.status == "Bad"'
RIGHT='tcp.checksum.status == "Good" || udp.checksum.status == "Good"'
BACKENDS_SEEN='ip.addr == 10.0.0.0/16 || ipv6.addr == fd00:10::/64'

traffic_of_all_kinds() {
	local service
	for service in echo echo6 udp udp6; do
		load_begin "$service" --long 20 --rate 50 --seconds 3 --switches 3 --switch "$(switch_command "$service")" \
			--netns-switch "/run/netns/$LAB-edge"
	done
	expect "$1: http, 2 MB down" client curl -s --fail --max-time 20 -o /dev/null "$WEB/some"
	expect "$1: http on IPv6, 2 MB up" client curl -s --fail --max-time 20 -T "$LAB_DIR/files/some" "$WEB6/up/some"
	for service in echo echo6 udp udp6; do expect "$1: traffic on $service" load_result "$service"; done
}

opinion() { # WHAT NAME: about one capture
	local filter
	expect "$1, $2: tshark validated more than 1,000 checksums" holds "$(packets "$2" "$RIGHT")" -gt 1000
	for filter in 'ip && tcp' 'ipv6 && tcp' 'ip && udp' 'ipv6 && udp' http; do
		expect "$1, $2: there are packets of $filter" holds "$(packets "$2" "$filter")" -gt 3
	done
	expect "$1, $2: tshark finds no checksum wrong, of $(packets "$2" frame) packets" is "$(packets "$2" "$WRONG")" 0
}

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	# Checksums are complete on every wire, or tshark would call the unfinished ones wrong.
	LAB_OFFLOAD=off
	lab_up routed
	head -c 2000000 /dev/urandom >"$LAB_DIR/files/some"
	lab_config
	servers_start
	teald_start
	# Receiving ends that take redirected frames put packets together, and leave the sum of those unfinished: not here.
	for each in $(ends); do ip -n "$LAB-${each%:*}" link set "${each#*:}" gro_max_size 64; done
	for each in client blue1 green1; do capture_begin "$each"; done
	traffic_of_all_kinds "$LAB_MODE"
	for each in client blue1 green1; do capture_end "$each"; done
	opinion "$LAB_MODE" client
	for each in blue1 green1; do
		expect "$LAB_MODE, $each: tshark finds no checksum wrong, of $(packets "$each" frame) packets" is "$(packets "$each" "$WRONG")" 0
		expect "$LAB_MODE, $each: tshark validated more than 300 checksums" holds "$(packets "$each" "$RIGHT")" -gt 300
		expect "$LAB_MODE, $each: no packet is for the VIP" is "$(packets "$each" "ip.addr == $VIP || ipv6.addr == $VIP6")" 0
	done
	expect "$LAB_MODE, client: no backend's address is ever seen" is "$(packets client "$BACKENDS_SEEN")" 0
	lab_down
done

finish
