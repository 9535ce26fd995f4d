#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The history: who switched what, when and why; and what happens when it cannot be written.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=traced.sh
source "$(dirname "$0")/traced.sh"

entry() { # NUMBER FROM THE END, FILTER
	teal history --json | jq -r ".history[-$1] | $2"
}

echo_begin

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
expect "and told as soon as it can be" eventually 30 last_is "green 3"

# Killed anywhere, between the slot, the row and the books: the next one finishes it.
everywhere() { # COLOR: in the row, as status reconciles it, and in the books
	is "$(row .active) $(active_color echo) $(booked .active)" "TEAL_${1^^} $1 $1" && is "$(generation echo)" "$(booked .generation)"
}
killed_at() { # SYSTEM CALL, WHICH OF THEM
	teal switch echo blue --quiet
	expect "a switch is killed at its $1() number $2" exits 137 traced "$1:signal=KILL:when=$2" switch echo green
	expect "the next one is made" teal switch echo green --quiet
	expect "and is the same everywhere" everywhere green
}
for nth in 1 2 3 4; do killed_at fsync $nth; done
# ^C and the like have to wait until the books are written.
interrupted_at() { # SYSTEM CALL, WHICH ONE
	teal switch echo blue --quiet
	expect "a switch gets a ^C at its $1() number $2" exits 130 traced "$1:signal=INT:when=$2" switch echo green
	expect "and is the same everywhere all the same" everywhere green
}
for nth in 1 2 3; do interrupted_at fsync $nth; done
signals_wait() { # WHAT, IN THE BOOKS, COMMAND...
	local what=$1 filter=$2
	shift 2
	expect "teal $* gets a ^C before the books are written" exits 130 traced "fsync:signal=INT:when=2" "$@"
	expect "and $what stands in them" booked -e "$filter"
}
signals_wait "what it set" '.green == ["10.0.2.11:7000"]' backends echo green 10.0.2.11:7000
teal switch echo blue --quiet
signals_wait "the canary" '.canary.percent == 5' canary echo green 5
signals_wait "no canary" '.canary == null' canary echo off
signals_wait "the preview" '.preview.color == "green"' preview echo green --from 192.0.2.0/24
signals_wait "no preview" '.preview == null' preview echo --off
teal backends echo green 10.0.2.11:7000 10.0.2.12:7000 --quiet
# Before each of its writes to a table, and after the first, which is the slot's.
teal switch echo blue --quiet
writes_find
for nth in "${WRITES[@]}"; do killed_at bpf "$nth"; done
killed_at bpf $((WRITES[0] + 1))
load_end echo
expect_clean echo "all the while"
teald_stop

finish
