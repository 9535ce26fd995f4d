#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 60,000 connections to one backend through source NAT; then the ports run out, which is refused and counted; and a
# connection and its port expire together.  SOAK=1: on IPv6 and in tc too.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

PORTS=64512 # of a source address, from 1024 on
CROWDS='a b c d' # each a process of 15,000 connections, for there is a limit to the descriptors of one
CLIENTS=198.51.100.2,198.51.100.3,198.51.100.4
CLIENTS6=2001:db8:51::2,2001:db8:51::3,2001:db8:51::4

one_backend() { # LISTEN BACKEND SOURCE: all there is
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices: [{ name: eth0, mode: $LAB_MODE }, { name: eth1, mode: $LAB_MODE }]
		timeouts: { closing: 3s, reset: 3s }
		services: [{ name: $load, listen: "$1:7000/tcp", source: "$3", blue: ["$2:7000"], green: [] }]
	YAML
}

empty() { # FLOW TABLE, TABLE OF PORTS
	is "$(rows "$1") connections, $(rows "$2") ports" "0 connections, 0 ports"
}

loads_end() {
	local each bad=0
	for each in $CROWDS; do kill -TERM "${LOAD_PIDS[$load.$each]}"; done
	for each in $CROWDS; do load_result "$load.$each" || bad=1; done
	return $bad
}

ports_run_out() { # FLOW TABLE, TABLE OF PORTS, CLIENTS
	local refused each
	for each in $CROWDS; do
		load_begin "$load.$each" --long 15000 --interval 30000 --from "$3"
	done
	expect "$what: 60,000 connections to one backend" eventually 60 has_flows "$load" 60000
	expect "$what: each has a port of the source address" is "$(rows "$2")" 60000
	expect "$what: none was refused" is "$(verdict REFUSE_NO_PORT)" 0
	expect "$what: none lost its port to another" is "$(verdict PASS_UNRECORDED)" 0

	load "$load.more" --long 5000 --seconds 1 --interval 60000 --from "$3" >/dev/null || true
	refused=$(figure "$load.more" '.long.wanted - .long.opened')
	expect "$what: of 5,000 more there are too many for the ports that are left" holds "$refused" -ge $((65000 - PORTS))
	expect "$what: nearly all of the ports that are left are found" holds "$refused" -le $((65000 - PORTS + 300))
	expect "$what: those for which there is none are reset, and nothing else happens" \
		is "$(figure "$load.more" '.errors | join("; ")')" "long-lived: refused x$refused"
	expect "$what: each of them is counted" is "$(verdict REFUSE_NO_PORT)" "$refused"

	expect "$what: nothing happened to the 60,000" loads_end
	expect "$what: connections and ports expire, both" eventually 30 empty "$1" "$2"
}

run() { # MODE, FAMILY (6 or nothing)
	LAB_MODE=$1 load=echo${2:-}
	lab_up routed
	backends_elsewhere
	address client eth0 198.51.100.3/24 198.51.100.4/24 2001:db8:51::3/64 2001:db8:51::4/64
	for each in 1 2 3 4 5; do
		start blue1 "$TRAFFIC" serve --name blue1 --listen "[::]:7000" --share
	done
	eventually 30 listening blue1 tcp 7000
	what=$LAB_MODE${2:+, IPv6}
	case ${2:-} in
	6) one_backend "[$VIP6]" "[$(backend_address blue1 6)]" fd00:10::1 ;;
	*) one_backend "$VIP" "$(backend_address blue1)" 10.0.0.1 ;;
	esac
	teald_start
	case ${2:-} in
	6) ports_run_out flows6 snat6 $CLIENTS6 ;;
	*) ports_run_out flows4 snat4 $CLIENTS ;;
	esac
	lab_down
}

run native
[ -z "${SOAK:-}" ] || run native 6
[ -z "${SOAK:-}" ] || run tc 6

finish
