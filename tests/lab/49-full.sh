#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The table of flows fills up: teald and `teal status` tell in time; what is open stays; new ones are refused or passed on.
# Arguments: MODE/POLICY... to try only those.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

recorded() { # ROWS
	is "$(teal status --json | jq .tables.flows4.rows)" "$1"
}

[ $# -gt 0 ] || set -- native/refuse tc/pass
for each in "$@"; do
	IFS=/ read -r LAB_MODE policy <<<"$each"
	lab_up routed
	what="$LAB_MODE, $policy"
	lab_config "limits: { flows: 200 }
timeouts: { closing: 1s, reset: 1s }
flows_full: $policy"
	servers_start
	teald_start

	load_begin echo --long 150
	expect "$what: 150 of 200 rows are in use" eventually 30 recorded 150
	sleep 2.5 # longer than between two looks
	expect "$what: that is no alarm yet" not log_says 0 'the table of IPv4 flows is'
	expect "$what: nor in teal status" not grep -q 'flows is' <(teal status)
	load_begin echo.alarm --long 20
	expect "$what: of 170 teald warns" eventually 30 log_says 0 'the table of IPv4 flows is 8[0-5] % full (1[67][0-9] of 200 rows)'
	expect "$what: all 20 are there" eventually 30 recorded 170
	expect "$what: teal status warns too" grep -q 'the table of IPv4 flows is 85 % full' <(teal status)
	expect "$what: of IPv6 nothing is said" not grep -q 'IPv6 flows' "$LAB_DIR/teald.log"

	load echo.more --long 80 --rate 20 --seconds 2 >/dev/null && refused=0 || refused=1
	expect "$what: 200 rows and no more" is "$(teal status --json | jq '.tables.flows4.rows <= 200')" true
	if [ $policy = refuse ]; then
		expect "$what: what finds no row is reset, 50 of 80" is "$(figure echo.more '.long.wanted - .long.kept')" 50
		expect "$what: and counted" holds "$(verdict REFUSE_FULL)" -ge 50
	else
		expect "$what: those that find no row are served all the same" is $refused 0
		expect "$what: and counted" holds "$(verdict PASS_UNRECORDED)" -ge 50
	fi
	expect "$what: nothing happened to the 150" load_end echo
	expect "$what: nor to the 20" load_end echo.alarm
	expect "$what: once they are gone and expired there is room again" eventually 30 recorded 0
	expect "$what: and blue answers" answers blue
	lab_down
done

finish
