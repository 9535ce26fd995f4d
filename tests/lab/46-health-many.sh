#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 2,000 backends under check: what that takes of the daemon is printed; that nobody is forgotten is asserted.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

SERVICES=20 EACH=100 # backends, half of them green
MANY=$((SERVICES * EACH))
SECONDS_LONG=${SOAK:+60}
SECONDS_LONG=${SECONDS_LONG:-3}

many_config() { # HEALTH
	local service number list
	echo "devices: [{ name: eth0, mode: $LAB_MODE }, { name: eth1, mode: $LAB_MODE }]"
	echo "services:"
	for ((service = 1; service <= SERVICES; service++)); do
		list=$(for ((number = 1; number <= EACH; number++)); do printf '10.9.%d.%d:8080 ' "$service" "$number"; done)
		# shellcheck disable=SC2086
		set -- "$1" $list
		printf '  - name: s%d\n    listen: %s:%d/tcp\n    health: %s\n' "$service" "$VIP" $((1000 + service)) "$1"
		printf '    blue: [%s]\n' "$(paste -sd , <<<"$(printf '%s\n' "${@:2:$((EACH / 2))}")")"
		printf '    green: [%s]\n' "$(paste -sd , <<<"$(printf '%s\n' "${@:$((2 + EACH / 2))}")")"
		set -- "$1"
	done
}

count() { # HEALTH
	teal status --json | jq "[.services[].colors[].backends[] | select(.health == \"$1\")] | length"
}
are() { is "$(count "$2")" "$1"; } # NUMBER HEALTH
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$TEALD_PID/stat"; }
memory_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$TEALD_PID/status"; }
files_open() { find "/proc/$TEALD_PID/fd" -mindepth 1 | wc -l; }

measure() { # WHAT
	local before most=0 n
	before=$(cpu_ticks)
	for ((n = 0; n < SECONDS_LONG * 4; n++)); do
		sleep 0.25
		[ "$(files_open)" -le "$most" ] || most=$(files_open)
	done
	echo "    $1: $MANY backends, every 2 s: $((($(cpu_ticks) - before) * 100 / SECONDS_LONG / $(getconf CLK_TCK))) % of a CPU," \
		"$(memory_kb) kB, at most $most files open"
}

reload() { # HEALTH
	many_config "$1" >"$LAB_DIR/teal.yaml"
	teald_reload
	was_read_again
}
elapsed() { echo $((($(date +%s%N) - BEGAN) / 1000000)); }

lab_up routed
# All of 10.9.0.0/16 is one host, with one server.
edge ip route add 10.9.0.0/16 via 10.0.1.11
on blue1 ip route add local 10.9.0.0/16 dev lo
web_start blue1
many_config "{ type: tcp, interval: 24h }" >"$LAB_DIR/teal.yaml"
teald_start
expect "$MANY backends are there" are $MANY unknown
sleep 2 # the first look at each
measure "no checks"

for type in tcp http; do
	expect "checks of type $type" reload "{ type: $type, interval: 2s, rise: 1, fall: 2 }"
	expect "find all of them up" eventually 30 are $MANY up
	measure "$type"
done
# shellcheck disable=SC2046  # the lab's own: nobody else is in its namespaces
kill -KILL $(ip netns pids "$LAB-blue1")
BEGAN=$(date +%s%N)
expect "when all die at once, all are found down" eventually 60 are $MANY down
echo "    after $(elapsed) ms"
measure "all down"
web_start blue1
BEGAN=$(date +%s%N)
expect "and all are up again" eventually 60 are $MANY up
echo "    after $(elapsed) ms"
expect "the log has a line for each" is "$(grep -c 'is down: connect refused' "$LAB_DIR/teald.log")" $MANY
expect "nobody had to be left unchecked" not grep -q 'cannot check' "$LAB_DIR/teald.log"

# Each of the 20 services has something to write, and nobody may: that must not be waited for 20 times a second.
flock --no-fork "$LAB_PINS" sleep 600 &
holder=$!
expect "somebody else holds the lock" eventually 30 not flock -n "$LAB_PINS" true
# shellcheck disable=SC2046
kill -KILL $(ip netns pids "$LAB-blue1")
failed_checks() { teal status --json | jq '[.services[].colors[].backends[] | select(.reason == "connect refused")] | length'; }
expect "and every check has failed" eventually 60 eval 'is "$(failed_checks)" $MANY'
sleep 15 &
deadline=$!
BEGAN=$(date +%s%N)
teald_stop
expect "teald ends before 15 of them could have waited a second each ($(elapsed) ms)" kill -0 $deadline
kill $holder $deadline

finish
