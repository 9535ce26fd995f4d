#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `source:` serves backends whose answers would not come back by way of the edge.
# Arguments: TOPOLOGY/MODE/OFFLOAD[/GRO]... to try only those.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

seen() { # which addresses the backends have TCP connections from
	local each
	for each in $BACKENDS; do
		on "$each" ss -H -t -n state established "sport = :$(backend_port "$each" echo)"
	done | awk '{ print $4 }' | sed 's/:[0-9]*$//; s/^\[\(::ffff:\)\?\(.*\)\]$/\2/' | sort -u | paste -sd ' '
}

doctor_says() { # SENTENCE
	grep -q "$1" <(teal doctor --config "$LAB_DIR/teal.yaml" 2>&1 || true)
}

[ $# -gt 0 ] || set -- aside/auto/on aside/native/off aside/native/off/off routed/native/off routed/tc/filled \
	bridge/auto/on bridge/native/link host/auto/on
for each in "$@"; do
	IFS=/ read -r topology LAB_MODE LAB_OFFLOAD LAB_GRO <<<"$each"
	lab_up "$topology"
	what="source, $topology, $LAB_MODE, checksum offload $LAB_OFFLOAD${LAB_GRO:+, no redirect}"
	case $topology in
	routed | bridge) LAB_SOURCE=10.0.0.1 LAB_SOURCE6=fd00:10::1 && backends_elsewhere ;;
	*) LAB_SOURCE=198.51.100.9 LAB_SOURCE6=2001:db8:51::9 && address edge eth0 $LAB_SOURCE/24 $LAB_SOURCE6/64 ;;
	esac
	lab_config
	if [ "$topology" = bridge ]; then
		expect "$what: a device that answers come in by, and that is not served: teal doctor says which" \
			doctor_says 'web has a source, and the answers of 10.0.1.11 will come in by br0, which is not among the devices'
		expect "$what: and teald does not start" exits 1 edge "$TEALD" --check --config "$LAB_DIR/teal.yaml"
		sed -i 's/^devices:/&\n  - { name: br0, mode: tc }/' "$LAB_DIR/teal.yaml"
	fi
	servers_start
	teald_start
	expect_everything "$what"
	if [ "$topology" != host ]; then
		load_begin echo --long 5
		load_begin echo6 --long 5
		expect "$what: 10 connections are open" eventually 30 eval 'has_flows echo 5 && has_flows echo6 5'
		expect "$what: the backends see no client but the edge" is "$(seen)" "$LAB_SOURCE $LAB_SOURCE6"
		expect "$what: nothing happened to the connections" load_end echo
		expect "$what: nor on IPv6" load_end echo6
	fi
	expect "$what: teal dropped no packet" is "$(drops)" 0
	expect "$what: teal doctor misses nothing" not doctor_says 'answered by way of this host'
	lab_down
done

# Without it the backends' answers go past the edge to clients that never asked them.
lab_up aside
LAB_SOURCE='' LAB_SOURCE6='' LAB_MODE=tc
lab_config
servers_start
teald_start
expect "without a source the client reaches nobody" not ask
expect "nor on IPv6" not ask "$WEB6/"
expect "and teal doctor says why" doctor_says 'web: none of the [0-9]* connections .* was answered by way of this host'
expect "of IPv6 too" doctor_says 'web6: none of the [0-9]* connections .* was answered by way of this host'
expect "and of no other service" not doctor_says 'echo'
LAB_SOURCE=198.51.100.1 LAB_SOURCE6=2001:db8:51::1 # its own, which its stack uses too
lab_config
teald_reload
expect "once the configuration gives it one, and is read again, blue answers" answers blue
expect "on IPv6 too" answers blue "$WEB6/"
expect "and teal doctor is content" not doctor_says 'was answered by way of this host'
expect "the edge itself reaches the backends as before" edge curl -s --max-time 20 "http://$(backend_address blue1):8080/"
lab_down

finish
