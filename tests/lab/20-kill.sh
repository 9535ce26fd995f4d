#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kill -9 of the daemon under load: nobody notices, teal switches without it, and the next daemon adopts what is there.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	lab_config ""
	servers_start
	teald_start

	load_begin echo --long 1000 --rate 300 --seconds 120
	expect "$LAB_MODE: 1,000 connections are there" eventually 10 has_flows echo 1000

	color=blue
	for round in 1 2 3 4 5; do
		what="$LAB_MODE, kill $round"
		if [ $color = blue ]; then color=green; else color=blue; fi
		before=$(generation web)

		teald_kill9
		sleep 0.3
		expect "$what: teal switches without the daemon" teal switch web echo $color --quiet
		expect "$what: new connections reach $color" answers $color

		teald_start
		expect "$what: the next daemon adopts the color" is "$(active_color web)" $color
		expect "$what: and the generation" is "$(generation web)" $((before + 1))
		expect "$what: and the flows" has_flows echo 1000
		expect "$what: new connections reach $color still" answers $color
	done

	load_end echo >/dev/null || true
	expect_clean echo "$LAB_MODE, 5 kills"
	expect "$LAB_MODE, 5 kills: teal dropped no packet" is "$(drops)" 0
	figure echo '"    echoes: p99 \(.long.echo_ms.p99) ms, worst \(.long.worst_echo_ms); segments that clients sent " +
		"again: \(.retransmits)"'
	lab_down
done

finish
