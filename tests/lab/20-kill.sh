#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon is killed (-9), and every third time stopped, under load: nobody notices, teal switches without it, and the next
# one adopts what is there; its programs take the place of the old ones, as at an upgrade.  SOAK=1: 100 times.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- native tc
ROUNDS=5
[ -z "${SOAK:-}" ] || ROUNDS=100

programs() { # ids of those that the pinned links run
	local each
	for each in "$LAB_PINS"/links/*; do bpftool -j link show pinned "$each" | jq .prog_id; done | paste -sd ' '
}
look() { # for half a minute at most
	for ((n = 0; n < 3000; n++)); do teal status --quiet; done
}

for LAB_MODE in "$@"; do
	lab_up routed
	lab_config ""
	servers_start
	teald_start

	load_begin echo --long 1000 --rate 300
	expect "$LAB_MODE: 1,000 connections are there" eventually 30 has_flows echo 1000

	color=blue
	for ((round = 1; round <= ROUNDS; round++)); do
		what="$LAB_MODE, kill $round"
		[ $((round % 3)) != 0 ] || what="$LAB_MODE, stop $round"
		if [ $color = blue ]; then color=green; else color=blue; fi
		before=$(generation web) running=$(programs)

		case $what in *stop*) teald_stop ;; *) teald_kill9 ;; esac
		sleep 0.3
		expect "$what: teal status tells" grep -q '^! teald does not run' <(teal status --no-color)
		expect "$what: teal switches without the daemon" teal switch web echo $color --quiet
		expect "$what: new connections reach $color" answers $color

		look &
		looking=$!
		teald_start
		kill $looking
		wait $looking || true
		expect "$what: the next one starts although somebody keeps looking whether one runs" is "$(teal status --json | jq .teald)" true
		expect "$what: the next daemon's programs are attached" not is "$(programs)" "$running"
		expect "$what: it adopts the color" is "$(active_color web)" $color
		expect "$what: and the generation" is "$(generation web)" $((before + 1))
		expect "$what: and the flows" has_flows echo 1000
		expect "$what: new connections reach $color still" answers $color
	done

	load_end echo >/dev/null || true
	expect_clean echo "$LAB_MODE, $ROUNDS times"
	expect "$LAB_MODE, $ROUNDS times: teal dropped no packet" is "$(drops)" 0
	figure echo '"    echoes: p99 \(.long.echo_ms.p99) ms, worst \(.long.worst_echo_ms); segments that clients sent " +
		"again: \(.retransmits)"'
	lab_down
done

finish
