#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The clock jumps by a day, forward and back: nothing expires, revives, ends or goes on because of it.  faketime sets it
# for teal and teald alone; time that passes (the monotonic clock, of which everybody should go by) is the kernel's.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

clock_set() { echo "$1" >"$LAB_DIR/clock"; } # as in +1d
with_clock() { # PROGRAM: as that program, by its own clock
	cat >"$LAB_DIR/files/$(basename "$1")" <<-SH
		#!/bin/sh
		LD_PRELOAD=$(dirname "$(faketime_library)")/libfaketimeMT.so.1 DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 \\
		FAKETIME_TIMESTAMP_FILE=$LAB_DIR/clock exec $1 "\$@"
	SH
	chmod 755 "$LAB_DIR/files/$(basename "$1")"
}
faketime_library() { find /usr/lib -name libfaketimeMT.so.1 | head -n 1; }
outcome() { jq -r .outcome "$LAB_STATE/guard/$1.json"; }
is_watched() { is "$(outcome web) $(teal status web --json | jq '.services[0].guarded_for > 30')" "watching true"; }
paused() { holds "$(teal status bulk --json | jq '.services[0].paused_for')" "$1" "$2"; }
is_over() { is "$(teal status "$1" --json | jq '.services[0].paused_for')" null; }
found_on() { # DATE of a switch
	is "$(teal history udp --json | jq -r '.history[-1].at[:10]')" "$1"
}

lab_up routed
lab_config
sed -i '/name: web$/a\    health: { type: tcp, interval: 200ms }' "$LAB_DIR/teal.yaml"
servers_start
with_clock "$TEAL"
with_clock "$TEALD"
TEAL=$LAB_DIR/files/teal TEALD=$LAB_DIR/files/teald
clock_set +0
teald_start
load_begin echo --long 50 --rate 50
load_begin udp --long 20
expect "50 connections and 20 UDP flows" eventually 30 eval 'has_flows echo 50 && has_flows udp 20'
today=$(date -u +%F) tomorrow=$(date -u -d '+1 day' +%F) yesterday=$(date -u -d '-1 day' +%F)
teal switch udp green --quiet
expect "a switch of today" found_on "$today"
teal switch web green --guard 10m --quiet
teal pause bulk --max 10m --quiet

clock_set +1d
teal switch udp blue --quiet
expect "tomorrow: that is what the programs believe" found_on "$tomorrow"
sleep 3 # more than a sweep, a guard's look and some checks
expect "tomorrow: no connection has expired" has_flows echo 50
expect "tomorrow: no UDP flow has" has_flows udp 20
expect "tomorrow: the guard has not ended" is_watched
expect "tomorrow: nor has the pause" paused -gt 30
expect "tomorrow: the backends are up" is "$(teal status web --json | jq -r '[.services[0].colors[].backends[].health] | unique[]')" up

clock_set -1d
teal switch udp green --quiet
expect "yesterday: that is what the programs believe" found_on "$yesterday"
sleep 3
expect "yesterday: the connections are there" has_flows echo 50
expect "yesterday: the guard is what it was" is_watched
expect "yesterday: the pause has not become longer" paused -le 595
teal pause bulk --max 1s --quiet
expect "yesterday: a pause ends in time" eventually 30 is_over bulk
teal switch web blue --guard 2s --quiet
clock_set -2d
expect "the day before: a guard ends in time" eventually 30 eval 'is "$(outcome web)" passed'
expect "the day before: so does a deployment with one" teal deploy web --guard 2s --quiet
# A deployment waits for a check that is newer than the release, whatever the clock says.
clock_set +0
teal backends web blue 10.0.1.11:9 --quiet # where nobody listens
teal deploy web --timeout 15s --json >"$LAB_DIR/deploy" 2>/dev/null &
deploying=$!
sleep 1
clock_set -1d
sleep 0.5
teal backends web blue 10.0.1.11:8080 10.0.1.12:8080 --quiet
expect "a clock that is set back does not hold up a deployment" wait $deploying
expect "which took as long as it took" is "$(jq 'select(.phase == "health" and .what).seconds < 10' "$LAB_DIR/deploy")" true
clock_set +1d
sleep 1 # for checks of tomorrow
teald_kill9
clock_set +0
expect "a check of tomorrow is older than a release of now" exits 4 teal deploy web --timeout 2s --quiet
clock_set +1d
teald_start
sleep 3
expect "teald was killed, and the next one starts tomorrow: the connections are there" has_flows echo 50
load_end echo
load_end udp
expect_clean echo "all these days"
teald_stop

finish
