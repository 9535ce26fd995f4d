#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The history: who switched what, when and why; and what happens when it cannot be written.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

entry() { # NUMBER FROM THE END, FILTER
	teal history --json | jq -r ".history[-$1] | $2"
}

lab_up routed
lab_config ""
# shellcheck disable=SC2086
echo_start $BACKENDS
teald_start
load_begin echo --long 20 --seconds 60
expect "20 connections are there" eventually 10 has_flows echo 20

expect "nothing was switched yet" is "$(teal history)" "nothing was switched yet"
expect "a switch with a reason" teal switch echo green --why 'release 42' --quiet
expect "stands in the history: from, to, why, generation" \
	is "$(entry 1 '"\(.service) \(.from) \(.to) \(.generation) \(.why)"')" "echo blue green 1 release 42"
expect "with the connections of that moment" is "$(entry 1 .connections)" 20
expect "and with who it was" is "$(entry 1 '"\(.uid) \(.user)"')" "0 root"
SUDO_USER=$'eve\e[2J' teal rollback echo --why $'line\nbreak \e]0;title\a \xff' --quiet
expect "a rollback too" is "$(entry 1 '"\(.from) \(.to) \(.generation)"')" "green blue 2"
expect "a hostile reason does not reach the terminal" is "$(teal history | tr -d '[:print:]\n' | wc -c)" 0
expect "but can be read" is "$(entry 1 '.why + " " + .sudo')" 'line\nbreak \x1b]0;title\x07 \xff eve\x1b[2J'
teal switch echo blue --quiet
expect "a switch that changes nothing is no switch" is "$(teal history echo --json | jq '.history | length')" 2
expect "of another service there is none" is "$(teal history web --json | jq '.history | length')" 0
expect "--limit takes the newest" is "$(teal history --limit 1 --json | jq '.history[].generation')" 2

mv "$LAB_STATE/history.jsonl" "$LAB_STATE/kept"
mkdir "$LAB_STATE/history.jsonl"
expect "a history that cannot be written does not stop a switch" \
	grep -q 'cannot be written (Is a directory), so this switch is missing' <(teal switch echo green --quiet 2>&1)
expect "which is made" is "$(active_color echo)" green
expect "and recorded" is "$(jq -r .services.echo.active "$LAB_STATE/state.json")" green

# strace kills it as it makes a change durable: the slot is swapped, and nobody has written that down.
rmdir "$LAB_STATE/history.jsonl"
mv "$LAB_STATE/kept" "$LAB_STATE/history.jsonl"
for nth in 1 2 3 4; do
	color=$([ $((nth % 2)) = 1 ] && echo blue || echo green)
	expect "a switch is killed at its sync number $nth" \
		exits 137 edge strace -qq -o /dev/null -e trace=fsync -e "inject=fsync:signal=KILL:when=$nth" \
		"$TEAL" switch echo "$color" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
	expect "the next one ends it" teal switch echo "$color" --quiet
	expect "in the tables and in the books" is "$(active_color echo) $(jq -r .services.echo.active "$LAB_STATE/state.json")" "$color $color"
done
load_end echo
expect_clean echo "all the while"
teald_stop

finish
