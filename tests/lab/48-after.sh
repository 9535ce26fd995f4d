#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What comes after a switch: its guard, a drain whose color gets the traffic back, a deployment that ends what is left.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

knock() { # TIMES: that many connections, whatever becomes of them
	local try
	for ((try = 0; try < $1; try++)); do ask >/dev/null 2>&1 || true; done
}
last() { teal history "$1" --json | jq -r ".history[-1] | $2"; }
guarded() { jq -r "select(.service == \"$1\").guarded_for" "$LAB_DIR/switched"; }
resets_seen() { figure "$1" '[.errors[] | select(startswith("long-lived: reset x")) | ltrimstr("long-lived: reset x") | tonumber] | add // 0'; }

lab_up routed
lab_config
servers_start
teald_start

# --- the guard of a switch ---

knock 20
teal backends web green 10.0.2.11:9 --quiet # where nobody listens
expect "a switch with a guard" eval 'teal switch web green --guard 1m --json >"$LAB_DIR/switched"'
expect "tells how long it is watched" is "$(guarded web)" 60
expect "as status does" eval 'left=$(teal status web --json | jq .services[0].guarded_for) && holds "$left" -gt 0 && holds "$left" -le 60'
expect "in words, too" grep -q '^ guarded: teald goes back if it does worse, for [0-9]* s to come$' <(teal status web)
expect "and is made" is "$(active_color web)" green
knock 30
expect "of a color that refuses connections it is taken back" eventually 30 eval 'is "$(active_color web)" blue'
expect "the history says why" grep -q 'the guard of green rolled back: .* new connections were refused' <(last web .why)
expect "the old color answers" answers blue
teal backends web green 10.0.2.11:8080 10.0.2.12:8080 --quiet
teal switch web green --guard 2s --quiet
knock 20
expect "one that does no worse stays" eventually 30 grep -q '"outcome": "passed"' "$LAB_STATE/guard/web.json"
expect "where it is" is "$(active_color web)" green
expect "of two services" eval 'teal switch web echo blue --guard 1m --json | jq -c ".[]" >"$LAB_DIR/switched"'
expect "each has its guard" is "$(guarded web) $(guarded echo)" "60 null"
expect "but who was there already" is "$(teal switch echo blue --guard 1m --json | jq .guarded_for)" null

# --- the command that is told of a rollback has its time ---

on_rollback="sh -c 'echo \$\$ >$LAB_DIR/told; sleep 300 & echo \$! >>$LAB_DIR/told; wait'"
is_gone() { # neither of them is there any more
	local pid
	while read -r pid; do ! kill -0 "$pid" 2>/dev/null || return 1; done <"$LAB_DIR/told"
}
teal deploy web --guard 1m --timeout 2s --force --on-rollback "$on_rollback" --quiet 2>/dev/null &
deploying=$!
expect "a deployment with a guard" eventually 30 eval 'is "$(active_color web)" green'
teal backends web green 10.0.2.11:9 --quiet
knock 30
expect "is rolled back" exits 3 wait $deploying
expect "its command runs" eventually 30 test -s "$LAB_DIR/told"
expect "and is ended after the time of --timeout, with its children" eventually 30 is_gone
expect "which the log says" eventually 30 log_says 0 'the command of --on-rollback was not done after 2 s and is ended'
teal backends web green 10.0.2.11:8080 10.0.2.12:8080 --quiet

# --- a drain whose color gets the traffic back ---

load_begin echo --long 20 --rate 0
expect "20 connections" eventually 30 has_flows echo 20
teal switch echo green --quiet
timeout 120 "$BASH" -c 'exec "$@"' - nsenter --net="/run/netns/$LAB-edge" "$TEAL" drain echo --wait \
	--pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" --quiet 2>"$LAB_DIR/drain" &
draining=$!
sleep 1
expect "a drain waits" kill -0 $draining
teal switch echo blue --quiet
expect "until somebody switches back: then it ends with 3" exits 3 wait $draining
expect "and says so, in one line" \
	is "$(cut -d , -f 1 "$LAB_DIR/drain")" "teal: blue is the active color of echo again and gets all new connections"
expect "nothing happened to the connections" load_end echo
expect_clean echo "a drain that was given up"

# --- a deployment that ends what its drain leaves ---

load_begin echo --long 20 --rate 0 --interval 60000
expect "20 idle connections" eventually 30 has_flows echo 20
expect "a drain of no time cannot be followed by a reset" refused 2 "say how long that may take with --drain" teal deploy echo --reset
expect "a deployment that resets what is left after a second" eval 'teal deploy echo --drain 1s --reset --json >"$LAB_DIR/deploy"'
expect "is done" is "$(jq -r 'select(.result).result' "$LAB_DIR/deploy")" "done"
expect "and says how many that were" \
	is "$(jq -r 'select(.phase == "drain" and .what).what' "$LAB_DIR/deploy")" "after 1 s 20 connections on blue were reset"
load_end echo >/dev/null || true
expect "all 20 clients saw a reset" is "$(resets_seen echo)" 20

# --- what belongs to all services is told with one ---

expect "how full the tables are is told with a single service too" \
	is "$(teal status web --json | jq -c '.tables | keys')" '["flows4","flows6"]'

# --- what scripts rely on ---

sed -n '/^\.Sh JSON/,/^\.Sh FILES/p' "$LAB_ROOT/docs/teal.8" >"$LAB_DIR/manual"
names_of() { jq -r '[paths | .[] | strings] | unique[]'; } # of all objects
stand_in_manual() { # FILE of JSON: all names in it
	local name names
	names=$(names_of <"$1" | sort -u)
	[ -n "$names" ] || { echo "nothing was answered" && return 1; }
	for name in $names; do grep -qw -- "$name" "$LAB_DIR/manual" || { echo "the manual has no $name" && return 1; }; done
}
documented() { # COMMAND...: every name in its answer
	teal "$@" --json >"$LAB_DIR/answer" || true
	stand_in_manual "$LAB_DIR/answer"
}
load_begin echo --long 5 --rate 0
eventually 30 has_flows echo 5
teal preview echo green --from 192.0.2.0/24 --quiet
teal pause bulk --quiet
for each in "status" "status echo" "status --verdicts" "switch echo blue" "canary echo green 5" "canary echo off" \
	"switch web echo green --guard 5s" "drain echo" "drain echo --wait=1" "rollback echo" "preview echo --off" \
	"preview web blue --from 192.0.2.1" "pause web" "resume web" "backends web blue" "flows" "flows echo --limit 1" \
	"history" "doctor --config $LAB_DIR/teal.yaml" "version"; do
	# shellcheck disable=SC2086
	expect "every name that teal $each --json answers with stands in the manual" documented $each
done
expect "so do those of a deployment" stand_in_manual "$LAB_DIR/deploy"
load_end echo

teald_stop
expect "a guard that nobody would keep is refused before anything changes" \
	refused 3 "teald does not run, and it is what guards a switch" teal switch web blue --guard 5m
expect "and nothing has changed" is "$(active_color web)" green

finish
