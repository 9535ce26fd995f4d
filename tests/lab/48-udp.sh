#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# UDP clients that go on talking to a backend that is silent: they stay while it is up, for it may be one that only takes; once
# health says that it is down they stay for as long as an answer is waited for, and then go where new flows go.
# Arguments: the modes to try.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

flows_on() { # NAME
	teal status udp --json | jq -r --arg address "$(backend_address "$1"):$(backend_port "$1" udp)" \
		"[.services[0].colors[].backends[] | select(.address == \$address).flows] | add"
}
health_of() { # NAME
	teal status udp --json | jq -r --arg address "$(backend_address "$1"):$(backend_port "$1" udp)" \
		"[.services[0].colors[].backends[] | select(.address == \$address).health] | first"
}
received() { on "$1" awk '$1 == "eth0:" { print $3 }' /proc/net/dev; } # NAME: packets
falls_silent() { # NAME: it takes whatever comes
	local pid
	for pid in $(ip netns pids "$LAB-$1"); do
		! grep -q -- '--udp' <(tr '\0' ' ' <"/proc/$pid/cmdline") || kill -STOP "$pid"
	done
}

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	cat >"$LAB_DIR/check" <<-'SH'
		#!/bin/sh
		[ ! -e "$(dirname "$0")/sick-$TEAL_BACKEND" ]
	SH
	chmod 755 "$LAB_DIR/check"
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices: [{ name: eth0, mode: $LAB_MODE }, { name: eth1, mode: $LAB_MODE }]
		timeouts: { udp: 4s, udp_unanswered: 2s }
		services:
		$(service_yaml udp "$VIP:7001/udp" udp)
		    health: { type: exec, command: [$LAB_DIR/check], interval: 200ms, timeout: 5s, rise: 2, fall: 2 }
	YAML
	# shellcheck disable=SC2086
	echo_start $BACKENDS
	teald_start
	load_begin udp --long 40 --patience 1000
	expect "$LAB_MODE: 40 flows are there" eventually 30 has_flows udp 40
	one=$(flows_on blue1) two=$(flows_on blue2)
	expect "$LAB_MODE: on both backends" eval 'holds "$one" -ge 5 && holds "$two" -ge 5'

	falls_silent blue1
	before=$(received blue1)
	sleep 8
	expect "$LAB_MODE: a backend is up and silent, for twice a flow's time: its clients stay" is "$(flows_on blue1)" "$one"
	expect "$LAB_MODE: and go on talking to it" holds "$(received blue1)" -ge $((before + one * 4))

	: >"$LAB_DIR/sick-10.0.1.11:7001"
	expect "$LAB_MODE: it goes down" eventually 30 eval 'is "$(health_of blue1)" down'
	expect "$LAB_MODE: its clients go to the other one" eventually 30 eval 'is "$(flows_on blue1)" 0'
	expect "$LAB_MODE: where they are answered" eventually 30 eval 'holds "$(flows_on blue2)" -ge $((one + two))'

	# It is down, but it answers: that is what its clients need to know.
	: >"$LAB_DIR/sick-10.0.1.12:7001"
	expect "$LAB_MODE: the other one goes down too" eventually 30 eval 'is "$(health_of blue2)" down'
	rm "$LAB_DIR/sick-10.0.1.11:7001"
	expect "$LAB_MODE: and the first one comes back" eventually 30 eval 'is "$(health_of blue1)" up'
	two=$(received blue2)
	sleep 6
	expect "$LAB_MODE: who is answered stays" holds "$(received blue2)" -ge $((two + 40))
	expect "$LAB_MODE: nobody new went to the first" is "$(flows_on blue1)" 0
	load_end udp >/dev/null || true
	expect "$LAB_MODE: just so many clients noticed another server" is \
		"$(figure udp '[.errors[] | capture("another server answered x(?<times>[0-9]+)").times] | first')" "$one"
	teald_stop
	lab_down
done

finish
