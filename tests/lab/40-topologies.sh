#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything works in every topology, mode and offload setting that there is.
# Arguments: TOPOLOGY/MODE/OFFLOAD[/GRO]... to try only those.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

intact() { # URL OF THE WEB SERVER: what goes down and up arrives as it was sent
	rm -rf "$LAB_DIR/down" "$LAB_DIR"/*/up
	client curl -s --fail --max-time 20 -o "$LAB_DIR/down" "$1/some" && cmp "$LAB_DIR/down" "$LAB_DIR/files/some" &&
		client curl -s --fail --max-time 20 -T "$LAB_DIR/files/some" "$1/up/some" &&
		cmp "$LAB_DIR"/*/up/some "$LAB_DIR/files/some"
}

# A few long-lived ones and a steady stream of new ones over three switches, all protocols at once.
live() {
	local service
	for service in echo echo6 udp udp6; do
		load_begin "$service" --long 20 --rate 50 --seconds 2 --switches 3 --switch "$(switch_command "$service")" \
			--netns-switch "/run/netns/$LAB-edge"
	done
	expect "$1: TCP on IPv4 lives over 3 switches" load_result echo
	expect "$1: TCP on IPv6 lives over 3 switches" load_result echo6
	expect "$1: UDP on IPv4 lives over 3 switches" load_result udp
	expect "$1: UDP on IPv6 lives over 3 switches" load_result udp6
}

everything() {
	local what=$1
	expect "$what: blue answers" answers blue
	expect "$what: blue answers on IPv6" answers blue "$WEB6/"
	expect "$what: 4 MB arrive intact, down and up" intact "$WEB"
	live "$what"
	expect "$what: teal switches" teal switch web web6 green --quiet
	expect "$what: green answers" answers green
	expect "$what: green answers on IPv6" answers green "$WEB6/"
	expect "$what: 4 MB arrive intact on IPv6, down and up" intact "$WEB6"
}

[ $# -gt 0 ] || set -- \
	routed/auto/on routed/native/off routed/native/off/off routed/generic/off routed/tc/on routed/tc/off routed/tc/filled \
	plain/auto/on plain/native/off plain/generic/off plain/tc/on plain/tc/off plain/tc/filled \
	bridge/auto/on bridge/native/link bridge/generic/link bridge/tc/on bridge/tc/link bridge/tc/filled \
	host/auto/on host/native/link host/generic/link host/tc/on host/tc/link

for each in "$@"; do
	IFS=/ read -r topology LAB_MODE LAB_OFFLOAD LAB_GRO <<<"$each"
	lab_up "$topology"
	head -c 4000000 /dev/urandom >"$LAB_DIR/files/some"
	lab_config ""
	servers_start
	teald_start
	everything "$topology, $LAB_MODE, checksum offload $LAB_OFFLOAD${LAB_GRO:+, no redirect}"
	lab_down
done

finish
