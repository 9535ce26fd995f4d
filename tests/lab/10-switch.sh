#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Switches under load: 1,000 connections echo, 300 new ones arrive a second, and the color changes 50 times
# (SOAK=1: 1,000 times).  Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

switches=50 seconds=12
[ -z "${SOAK:-}" ] || switches=1000 seconds=150

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	lab_config ""
	servers_start
	teald_start

	before=$(generation echo)
	load_switching echo --long 1000 --rate 300 --seconds $seconds --switches $switches >/dev/null || true
	what="$LAB_MODE, $switches switches"
	expect_clean echo "$what"
	expect "$what: all of them were made" is "$(figure echo .switches.made)" $switches
	expect "$what: each of them was counted" is "$(generation echo)" $((before + switches))
	expect "$what: the color is the one it began with" is "$(active_color echo)" blue
	expect "$what: new connections came all the time" holds "$(figure echo .new.made)" -ge $((seconds * 290))
	expect "$what: both colors served" holds "$(figure echo '[.new.by_color[]] | min')" -gt $((seconds * 90))
	expect "$what: every server of both served" is "$(figure echo '[.new.by_name[] | select(. > 0)] | length')" 4
	expect "$what: teal dropped no packet" is "$(drops)" 0
	figure echo '"    a switch: median \(.switches.p50_ms) ms, p99 \(.switches.p99_ms), worst \(.switches.max_ms); last " +
		"old color \(.switches.last_old_ms.max) ms after its start\n    echoes: p99 \(.long.echo_ms.p99) ms, after a " +
		"switch \(.long.echo_ms_after_switch.p99), worst \(.long.worst_echo_ms); connects: p99 " +
		"\(.new.connect_ms.p99) ms, after a switch \(.new.connect_ms_after_switch.p99)\n" +
		"    segments that clients sent again: \(.retransmits)"'
	lab_down
done

finish
