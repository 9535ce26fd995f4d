#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 1: how long one packet takes.  A part of bench/run, which sets OUT, QUICK, ROUNDS and FLOWS.
set -euo pipefail
data=$OUT/packet.tsv

options=()
[ -z "$QUICK" ] || options+=(--quick --flows "1,4096,65536" --shot 6 --rounds 7)
[ -z "$FLOWS" ] || options+=(--flows "$FLOWS")
[ -z "$ROUNDS" ] || options+=(--rounds "$ROUNDS")
"$OUT/bench" packet "${options[@]}" 2>"$OUT/packet.log" >"$data" || { grep -v '^teald:' "$OUT/packet.log" >&2 && exit 1; }
grep -v '^teald:' "$OUT/packet.log" >&2 || true

echo "## One packet, nanoseconds of CPU time"
echo
echo "The programs alone, on one CPU: median (quartiles) of interleaved rounds.  What restoring the frame and picking the next"
echo "flow takes is in every row: that is the row \"returns at once\".  Flows come in random order."
tail -n +2 "$data" | cut -f 1 | uniq | while read -r world; do
	printf '\n### %s\n\n' "$world"
	awk -F '\t' -v world="$world" -v OFS='\t' '$1 == world { print $2, $3 ($3 == 1 ? " flow" : " flows"), sprintf("%.0f (%.0f-%.0f)", $5, $4, $6) }' "$data" |
		bench/table -v first=ns
done
printf '\n### Ratio to the floor of the same round\n\n'
echo "Median of the rounds.  In brackets the same with \"returns at once\" taken off both."
echo
awk -F '\t' -v OFS='\t' '
	NR == 1 { next }
	$2 == "returns at once" || $2 == "returns at once, tc" { none[$1, $3, $2 ~ /tc$/] = $5 }
	$2 == "the floor" || $2 == "the floor, tc" { floor[$1, $3, $2 ~ /tc$/] = $5; next }
	$7 != "" && $2 !~ /returns|parses/ {
		tc = $2 ~ /tc/
		net = floor[$1, $3, tc] - none[$1, $3, tc]
		print $1 ", " $2, $3, sprintf("%.2f (%.2f)", $7, net > 0 ? ($5 - none[$1, $3, tc]) / net : 0)
	}' "$data" | bench/table -v first="ratio"

[ -n "$QUICK" ] || {
	awk -F '\t' -v OFS='\t' '$1 == "IPv4 TCP" && $2 ~ /^(returns at once|only parses|the floor|known flow in, XDP to redirect|way back, XDP to redirect|SYN to pending, XDP)$/ { print $2, $3, $5, $4, $6 }' "$data" |
		bench/plot -v kind=lines -v title="One packet, IPv4 TCP, XDP" -v unit="ns of CPU time, what a program takes that returns at once included" -v places="flows, in random order" >"$OUT/packet.svg"
	awk -F '\t' -v OFS='\t' '$1 != "IPv4 TCP" && $2 ~ /^known flow in, XDP to redirect$/ || $1 == "IPv4 TCP" && $2 ~ /^known flow in/ { print $1 ", " $2, $3, $5, $4, $6 }' "$data" |
		bench/plot -v kind=lines -v title="One packet of a known flow" -v unit="ns of CPU time, what a program takes that returns at once included" -v places="flows, in random order" >"$OUT/packet-ways.svg"
	printf '\n![One packet over the number of flows](packet.svg)\n![Ways of a known flow](packet-ways.svg)\n'
}
