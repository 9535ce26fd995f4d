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
ln -s nowhere "$LAB_STATE/history.jsonl"
expect "a history that cannot be written does not stop a switch" \
	grep -q 'cannot be written (Too many levels of symbolic links), so this switch is missing' <(teal switch echo green --quiet 2>&1)
expect "which is made" is "$(active_color echo)" green
expect "and recorded" is "$(jq -r .services.echo.active "$LAB_STATE/state.json")" green

mv -T "$LAB_STATE/kept" "$LAB_STATE/history.jsonl"
last_is() { is "$(entry 1 '"\(.to) \(.generation)"')" "$1"; }
expect "and told as soon as it can be" eventually 2 last_is "green 3"

# Killed anywhere, between the slot, the row and the books: the next one finishes it.
row_color() { edge bpftool -j map dump pinned "$LAB_PINS/service_info" | jq -r '.[].formatted.value | select(.name == "echo").active'; }
everywhere() { # COLOR: in the row, as status reconciles it, in the books, and the last of the history
	is "$(row_color) $(active_color echo) $(jq -r .services.echo.active "$LAB_STATE/state.json")" "TEAL_${1^^} $1 $1" &&
		is "$(generation echo)" "$(jq .services.echo.generation "$LAB_STATE/state.json")"
}
killed_at() { # SYSTEM CALL, WHICH OF THEM
	local color=green code=0
	teal switch echo blue --quiet
	{
		nsenter --net="/run/netns/$LAB-edge" strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
			"$TEAL" switch echo "$color" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" || code=$?
	} >/dev/null 2>&1
	expect "a switch is killed at its $1() number $2" is "$code" 137
	expect "the next one is made" teal switch echo "$color" --quiet
	expect "and is the same everywhere" everywhere "$color"
}
for nth in 1 2 3 4; do killed_at fsync $nth; done
# ^C and the like have to wait until the books are written.  (Who starts the tests in the background has had ^C ignored.)
interrupted_at() { # SYSTEM CALL, WHICH ONE
	local code=0
	teal switch echo blue --quiet
	{
		nsenter --net="/run/netns/$LAB-edge" env --default-signal=INT strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=INT:when=$2" \
			"$TEAL" switch echo green --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" || code=$?
	} >/dev/null 2>&1
	expect "a switch gets a ^C at its $1() number $2" is "$code" 130
	expect "and is the same everywhere all the same" everywhere green
}
for nth in 1 2 3; do interrupted_at fsync $nth; done
# Before each of its writes to a table, and after the first, which is the slot's.
teal switch echo blue --quiet
edge strace -qq -o "$LAB_DIR/calls" -e trace=bpf "$TEAL" switch echo green --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" >/dev/null
mapfile -t writes < <(grep -n BPF_MAP_UPDATE_ELEM "$LAB_DIR/calls" | cut -d : -f 1)
expect "it writes to tables" holds "${#writes[@]}" -ge 2
for nth in "${writes[@]}"; do killed_at bpf "$nth"; done
killed_at bpf $((writes[0] + 1))
load_end echo
expect_clean echo "all the while"
teald_stop

finish
