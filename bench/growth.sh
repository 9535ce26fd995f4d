#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 5: what grows with flows, services and backends.  A part of bench/run.
# shellcheck source=lab.sh
source "$(dirname "$0")/lab.sh"
# shellcheck source=lanes.sh
source "$(dirname "$0")/lanes.sh"

# shellcheck disable=SC2034  # lanes.sh reads it
LANES=teal
flows=1048576 services=1000 backends=20
[ -z "$QUICK" ] || { flows=65536 && services=100; }

timed() { # COMMAND...: in this shell; TOOK becomes ms of the clock
	local began=$EPOCHREALTIME
	"$@" >"$LAB_DIR/output" 2>&1 || { cat "$LAB_DIR/output" >&2 && return 1; }
	TOOK=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", (b - a) * 1000 }')
}
timed_row() { # WHAT COMMAND...
	local what=$1
	shift
	timed "$@"
	row "$what, ms" "$TOOK"
}
row() { printf '| %s | %s |\n' "$1" "$2"; }
heading() { printf '| %s |  |\n|---|---:|\n' "$1"; }

per() { awk -v b=$((used_after - used_before)) -v n="$1" 'BEGIN { printf "%.0f", b / n }'; }
memlock() { bpftool map show pinned "$1" --json | jq .bytes_memlock; }

config() { # SERVICES BACKENDS PORT OF THE LAST SERVICE'S LAST BACKEND
	local i color j list
	echo 'devices: [{ name: eth0, mode: native }, { name: eth1, mode: native }]'
	echo "limits: { services: 1024, backends: $((services * backends + 100)), flows: $flows }"
	echo 'services:'
	echo "  - { name: web, listen: \"$VIP:443/tcp\", blue: [\"$SERVER:8443\"], green: [\"10.0.2.11:8443\"] }"
	for ((i = 1; i < $1; i++)); do
		echo "  - name: s$i"
		echo "    listen: \"$VIP:$((10000 + i))/tcp\""
		for color in blue green; do
			list=
			for ((j = 1; j <= $2 / 2; j++)); do list+=", \"10.0.$([ $color = blue ] && echo 1 || echo 2).$((100 + j)):$((10000 + i))\""; done
			[ $color$i != "green$(($1 - 1))" ] || list=${list%:*}:$3\"
			echo "    $color: [${list#, }]"
		done
	done
}

begin() { # until it says that it is ready
	: >"$LAB_DIR/teald.log"
	in_memory_group setsid nsenter --net="/run/netns/$LAB-teal-edge" "$TEALD" --config "$LAB_DIR/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" \
		</dev/null >>"$LAB_DIR/teald.log" 2>&1 &
	TEALD_PID=$!
	until_log 'ready:'
}
until_log() { # PATTERN, in what is new since the log was emptied
	local end=$((SECONDS + 300))
	while [ "$SECONDS" -lt "$end" ]; do
		! grep -q "$1" "$LAB_DIR/teald.log" || return 0
		kill -0 "$TEALD_PID" || return 1
		sleep 0.01
	done
	return 1
}
reload() {
	: >"$LAB_DIR/teald.log"
	kill -HUP "$TEALD_PID"
	until_log 'read again\|runs on'
	! grep 'runs on' "$LAB_DIR/teald.log"
}
status() { on teal-edge "$TEAL" status --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"; }
end() {
	teald_stop
	on teal-edge "$TEALD" --config "$LAB_DIR/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" --detach >/dev/null 2>&1
}
teal_rows() { on teal-edge "$TEAL" status web --json --pin-dir "$LAB_PINS" | jq '[.services[0].colors[].flows] | add'; }

topology_growth() {
	topology_servers
	ip -n "$LAB-teal-edge" neighbour replace "$SERVER" lladdr "$(ip -n "$LAB-teal-sink" -j link show eth0 | jq -r '.[0].address')" dev eth1 nud permanent
	ip -n "$LAB-teal-edge" neighbour replace 198.51.100.2 lladdr "$(ip -n "$LAB-teal-client" -j link show eth0 | jq -r '.[0].address')" dev eth0 nud permanent
	ip -n "$LAB-teal-edge" route add "$CLIENTS" via 198.51.100.2
}

lab_up growth
lane_physical teal
memory_group

echo "## Growth"
echo
heading "flows"
config 1 2 0 >"$LAB_DIR/teal.yaml"
begin
sleep 1
used_before=$(memory_used) bytes_before=$(memlock "$LAB_PINS/flows4")
on teal-edge "$OUT/bench" fill --pin-dir "$LAB_PINS" --listen "$VIP:443" --backend "$SERVER:8443" --to "$flows"
used_after=$(memory_used) bytes_after=$(memlock "$LAB_PINS/flows4")
is "$(teal_rows)" "$flows" >&2
row "memory for each of $flows flows, all that its control group has more of, bytes" "$(per "$flows")"
row "the same, as the kernel accounts for the table's rows" $(((bytes_after - bytes_before) / flows))
row "the same with the hash's share, the table being full" $((bytes_after / flows))
row "a row of the kernel's own connection tracking, for comparison, bytes (without its hash)" \
	"$(awk '/^nf_conntrack / { print $4 }' /proc/slabinfo 2>/dev/null || true)"
# Ordinary switches while the daemon sweeps so many flows every few seconds.
longest=0
for ((i = 0; i < 40; i++)); do
	color=green
	[ $((i % 2)) = 0 ] || color=blue
	timed on teal-edge "$TEAL" switch web $color --quiet --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
	longest=$(awk -v a="$longest" -v b="$TOOK" 'BEGIN { print (a > b) ? a : b }')
	sleep 0.1
done
row "the longest of 40 switches, sweeps in their midst, ms" "$longest"
end
"$OUT/bench" sweep "$flows" 2>"$LAB_DIR/sweep.log" | while IFS=$'\t' read -r name median low high; do row "$name, at $flows flows" "$median ($low-$high)"; done
[ "${PIPESTATUS[0]}" = 0 ] || { grep -v '^teald:' "$LAB_DIR/sweep.log" >&2 && exit 1; }

echo
heading "$services services of $backends backends"
config 1 2 0 >"$LAB_DIR/teal.yaml"
begin
sleep 1
used_before=$(memory_used)
config "$services" "$backends" 9 >"$LAB_DIR/teal.yaml"
timed_row "reload that adds $((services - 1)) of them to one" reload
sleep 1
used_after=$(memory_used)
row "memory for each service, bytes" "$(per $((services - 1)))"
end
rm -rf "${LAB_STATE:?}"/*
timed_row "start of teald" begin
timed_row "teal status" status
is "$(on teal-edge "$TEAL" status --json --pin-dir "$LAB_PINS" | jq '.services | length')" "$services" >&2
config "$services" "$backends" 10 >"$LAB_DIR/teal.yaml"
timed_row "reload of one changed backend" reload
timed_row "teal switch" on teal-edge "$TEAL" switch web green --quiet --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
teald_stop
timed_row "start of a teald that adopts all of it" begin
end
memory_group_end
