#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 5: what grows with flows, services and backends.  A part of bench/run.
# shellcheck source=lab.sh
source "$(dirname "$0")/lab.sh"
# shellcheck source=lanes.sh
source "$(dirname "$0")/lanes.sh"

# shellcheck disable=SC2034  # lanes.sh reads it
LANES=teal
flows=1048576 services=1000 backends=20 times=5
[ -z "$QUICK" ] || { flows=65536 && services=100 && times=2; }

data=$OUT/growth.tsv
note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$data"; } # SECTION WHAT FIGURE

timed() { # WHAT COMMAND...: in this shell; notes the ms of the clock
	local what=$1 began=$EPOCHREALTIME
	shift
	"$@" >"$LAB_DIR/output" 2>&1 || { cat "$LAB_DIR/output" >&2 && return 1; }
	note "$section" "$what, ms" "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", (b - a) * 1000 }')"
}

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

reload() {
	: >"$LAB_DIR/teald.log"
	kill -HUP "$TEALD_PID"
	until_log 'read again\|runs on'
	! grep 'runs on' "$LAB_DIR/teald.log"
}
teal_rows() { lane_say teal status web --json | jq '[.services[0].colors[].flows] | add'; }

topology_growth() {
	topology_servers
	lane_clients teal
}

switch_times() { # WHAT TIMES: to and fro
	local i
	for ((i = 0; i < $2; i++)); do
		timed "$1" lane_say teal switch web "$([ $((i % 2)) = 0 ] && echo green || echo blue)" --quiet
		sleep 0.1
	done
}

of_flows() {
	section=flows
	config 1 2 0 >"$LAB_DIR/teal/teal.yaml"
	lane_teald teal
	sleep 1
	used_before=$(memory_used) bytes_before=$(memlock "$LAB_PINS/flows4")
	on teal-edge "$OUT/bench" fill --pin-dir "$LAB_PINS" --listen "$VIP:443" --backend "$SERVER:8443" --to "$flows"
	used_after=$(memory_used) bytes_after=$(memlock "$LAB_PINS/flows4")
	is "$(teal_rows)" "$flows" >&2
	note flows "memory for each of them, all that its control group has more of, bytes" "$(per "$flows")"
	note flows "the same, as the kernel accounts for the table's rows" $(((bytes_after - bytes_before) / flows))
	note flows "the same with the hash's share, the table being full" $((bytes_after / flows))
	note flows "a row of the kernel's own connection tracking, bytes (without its hash)" \
		"$(awk '/^nf_conntrack / { print $4 }' /proc/slabinfo 2>/dev/null || true)"
	# Ordinary switches while the daemon sweeps so many flows every few seconds.
	switch_times "teal switch, sweeps in the midst of many" 40
	lane_detach teal
	"$OUT/bench" sweep "$flows" >"$LAB_DIR/sweep" 2>"$LAB_DIR/sweep.log" || { grep -v '^teald:' "$LAB_DIR/sweep.log" >&2 && return 1; }
}

of_services() {
	local i
	section=services
	config 1 2 0 >"$LAB_DIR/teal/teal.yaml"
	lane_teald teal
	sleep 1
	used_before=$(memory_used)
	config "$services" "$backends" 9 >"$LAB_DIR/teal/teal.yaml"
	timed "reload that adds all of them but one" reload
	sleep 1
	used_after=$(memory_used)
	note services "memory for each of them, bytes" "$(per $((services - 1)))"
	for ((i = 0; i < times; i++)); do
		lane_detach teal
		rm -rf "${LAB_DIR:?}/teal/state"/*
		timed "start of teald" lane_teald teal
	done
	is "$(lane_say teal status --json | jq '.services | length')" "$services" >&2
	for ((i = 0; i < times; i++)); do
		timed "teal status" lane_say teal status
		config "$services" "$backends" $((10 + i)) >"$LAB_DIR/teal/teal.yaml"
		timed "reload of one changed backend" reload
	done
	switch_times "teal switch" $((2 * times))
	for ((i = 0; i < times; i++)); do
		teald_stop
		timed "start of a teald that adopts all of it" lane_teald teal
	done
	lane_detach teal
}

lab_up growth
lane_physical teal
memory_group
mkdir -p "$LAB_DIR/teal/state"
: >"$data"
of_flows
of_services
memory_group_end

as_table() { # SECTION: median, of more than one figure quartiles and the longest too
	awk -F '\t' -v OFS='\t' -v section="$1" '$1 == section { print $2, "", $3 }' "$data" | quartiles | awk -F '\t' -v OFS='\t' -v data="$data" -v section="$1" '
		BEGIN { while ((getline line < data) > 0) { split(line, f, FS); if (f[1] == section) { n[f[2]]++; if (f[3] + 0 > most[f[2]]) most[f[2]] = f[3] } } }
		function short(v) { return sprintf(v < 100 ? "%.4g" : "%.0f", v) }
		{ print $1, "median", short($3); if (n[$1] > 1) { print $1, "quartiles", short($4) "-" short($5); print $1, "longest", short(most[$1]); print $1, "of", n[$1] } }'
}
echo "## Growth"
printf '\n### %d flows\n\n' "$flows"
{
	as_table flows
	awk -F '\t' -v OFS='\t' '{ print $1, "median", $2; if ($3 != $4) print $1, "quartiles", $3 "-" $4 }' "$LAB_DIR/sweep"
} | bench/table -v first=flows
printf '\n### %d services of %d backends\n\n' "$services" "$backends"
as_table services | bench/table -v first=services
awk -F '\t' -v OFS='\t' '{ print "sweep", $1, $2 }' "$LAB_DIR/sweep" >>"$data"
