#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# on_down: reset, for connections that are idle: nobody has to say anything to be told, at either end that is still there.
# Arguments: the modes to try.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

value() { # SERVICE NAME FIELD, of a backend, as status has it
	local address
	address=$(backend_address "$2" ${4:+"$4"})
	[ $# = 3 ] || address=[$address]
	teal status "$1" --json | jq -r --arg address "$address:$(backend_port "$2" echo)" \
		"[.services[0].colors[].backends[] | select(.address == \$address).$3] | first"
}
server_sockets() { on "$1" ss -H -t -n state established 'sport = :7000' | wc -l; } # NAME
client_sockets() { client ss -H -t -n state established 'dport = :7000' | wc -l; }
resets_seen() { figure "$1" '[.errors[] | capture("long-lived: reset x(?<times>[0-9]+)").times | tonumber] | add // 0'; }
idle_begin() { load_begin "$1" --long "$2" --rate 0 --interval 60000; } # SERVICE NUMBER

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	health="health: { type: exec, command: [$LAB_DIR/check], interval: 200ms, timeout: 5s, rise: 2, fall: 2 }"
	cat >"$LAB_DIR/check" <<-'SH'
		#!/bin/sh
		[ ! -e "$(dirname "$0")/sick-$TEAL_BACKEND" ]
	SH
	chmod 755 "$LAB_DIR/check"
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices: [{ name: eth0, mode: $LAB_MODE }, { name: eth1, mode: $LAB_MODE }]
		services:
		$(service_yaml echo "$VIP:7000/tcp" echo)
		    on_down: reset
		    $health
		$(service_yaml echo6 "[$VIP6]:7000/tcp" echo 6)
		    on_down: reset
		    $health
	YAML
	# shellcheck disable=SC2086
	echo_start $BACKENDS
	teald_start
	idle_begin echo 60
	idle_begin echo6 40
	expect "$LAB_MODE: 60 idle connections, and 40 over IPv6" eventually 30 eval 'has_flows echo 60 && has_flows echo6 40'
	one=$(value echo blue1 flows) one6=$(value echo6 blue1 flows 6)
	expect "$LAB_MODE: of each a part on either backend" eval 'holds "$one" -ge 10 && holds "$one6" -ge 5 && holds "$(value echo blue2 flows)" -ge 10'

	# The server is ill, the host is there.
	touch "$LAB_DIR/sick-10.0.1.11:7000" "$LAB_DIR/sick-[fd00:10::1:11]:7000"
	expect "$LAB_MODE: a backend goes down" eventually 30 eval 'is "$(value echo blue1 health) $(value echo6 blue1 health 6)" "down down"'
	expect "$LAB_MODE: its server is told of all" eventually 30 eval 'is "$(server_sockets blue1)" 0'
	expect "$LAB_MODE: no other connection is gone" eventually 30 eval 'is "$(client_sockets)" $((100 - one - one6))'
	expect "$LAB_MODE: the other server has its own still" is "$(server_sockets blue2)" $((100 - one - one6))
	expect "$LAB_MODE: no flow of it is left" eventually 30 eval 'is "$(value echo blue1 flows) $(value echo6 blue1 flows 6)" "0 0"'

	# The host is gone.
	ip -n "$LAB-blue2" link set eth0 down
	touch "$LAB_DIR/sick-10.0.1.12:7000"
	expect "$LAB_MODE: the other host goes down" eventually 30 eval 'is "$(value echo blue2 health)" down'
	expect "$LAB_MODE: its clients are told" eventually 30 eval 'is "$(client_sockets)" $((40 - one6))'
	expect "$LAB_MODE: no flow of it is left either" eventually 30 eval 'is "$(value echo blue2 flows)" 0'
	load_end echo >/dev/null || true
	load_end echo6 >/dev/null || true
	expect "$LAB_MODE: all 60 clients saw a reset" is "$(resets_seen echo)" 60
	expect "$LAB_MODE: and over IPv6 those of the one backend" is "$(resets_seen echo6)" "$one6"
	expect "$LAB_MODE: nothing was wrong with that" not grep -q 'cannot send\|cannot read' "$LAB_DIR/teald.log"
	teald_stop
	lab_down
done

finish
