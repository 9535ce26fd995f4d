#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A switch is killed between the kernel's slot and the books: teald finishes it within a second, or as soon as it starts, so
# that a reboot comes back on the color that traffic goes to; a switch that is only slow is left alone.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=traced.sh
source "$(dirname "$0")/traced.sh"

last() { teal history echo --json | jq -r ".history[-1] | $1"; }
everywhere() { # COLOR GENERATION: what traffic gets, in the row, in the books, and the last of the history
	is "$(active_color echo), $(row .active) $(row .generation), $(booked .active) $(booked .generation), $(last '"\(.to) \(.generation)"')" \
		"$1, TEAL_${1^^} $2, $1 $2, $1 $2"
}
told() { is "$(last '"\(.to) \(.user) \(.why)"')" "$1"; } # the last of the history
finished() { # WHAT, INJECTION: a switch to green that is killed there is finished
	local before
	teal switch echo blue --quiet
	before=$(generation echo)
	expect "a switch is killed $1" exits 137 traced "$2:signal=KILL:when=$3" switch echo green
	expect "killed $1: teald finishes it" eventually 30 everywhere green $((before + 1))
	expect "killed $1: the history says so" is "$(last '"\(.from) \(.why)"')" \
		"blue the command that switched was killed before it could write down who it was, and why"
}

echo_begin
writes_find
finished "between the slot and the row" bpf $((WRITES[0] + 1))
expect "with the connections of that moment" is "$(last .connections)" 20
finished "before it writes the row" bpf "${WRITES[1]}"
finished "between the row and the books" renameat 1
expect "nobody knows who it was" is "$(teal history echo --limit 1 | grep -c 'nobody knows')" 1

# fsync: the probe, the new books, their folder, the history.
teal switch echo blue --quiet
count=$(teal history echo --json | jq '.history | length')
expect "a switch is killed between the books and the history" exits 137 traced "fsync:signal=KILL:when=3" switch echo green --why 'release 7'
expect "it stands in the history, with who it was and why" eventually 30 told "green root release 7"
sleep 1.5
expect "once" is "$(teal history echo --json | jq '.history | length')" $((count + 1))
expect "it is told in the log" eventually 30 \
	log_says 0 'echo: whoever switched from blue to green was killed before that was written down'
teal switch echo blue --quiet
before=$(generation echo)
expect "a switch is killed before the slot" exits 137 traced "bpf:signal=KILL:when=${WRITES[0]}" switch echo green
sleep 2
expect "and nothing was switched" everywhere blue "$before"

# Whoever is at it finishes it himself: it takes three seconds from the slot to the books, and teald looks meanwhile.
lines=$(log_lines)
expect "a slow switch" traced "renameat:delay_enter=3000000:when=1" switch echo green --why slowly
expect "is left alone" everywhere green $((before + 1))
expect "and is its own" is "$(last .why)" slowly
sleep 1.5
expect "teald had nothing to do" not log_says "$lines" 'killed before'

# Without a daemon the next command finishes it, and tells of both.
teald_stop
teal switch echo blue --quiet
expect "without a daemon a switch is killed" exits 137 traced "bpf:signal=KILL:when=$((WRITES[0] + 1))" switch echo green
teal rollback echo --why 'and back' --quiet
expect "the next command tells of both" is "$(teal history echo --limit 2 --json | jq -r '[.history[] | .to + ": " + .why] | join("; ")')" \
	"green: the command that switched was killed before it could write down who it was, and why; blue: and back"

# And then a reboot.
before=$(generation echo)
expect "another is killed" exits 137 traced "bpf:signal=KILL:when=$((WRITES[0] + 1))" switch echo green
expect "the books say blue" is "$(booked .active)" blue
teald_start
expect "the next daemon finishes it" eventually 30 everywhere green $((before + 1))
load_end echo
expect_clean echo "all the while"
teald_stop
expect "after a reboot" eval 'teald_detach && teald_start'
expect "it is green that is active" everywhere green $((before + 1))

teald_stop

finish
