#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 3: real servers and clients through an edge.  A part of bench/run.
# shellcheck source=lab.sh
source "$(dirname "$0")/lab.sh"
# shellcheck source=lanes.sh
source "$(dirname "$0")/lanes.sh"

LANES=${LANES:-direct routing wire nic redirect tc xdp nft haproxy nginx}
rounds=${ROUNDS:-5} seconds=1
[ -z "$QUICK" ] || rounds=${ROUNDS:-3}
data=$OUT/servers.tsv

note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$data"; } # LANE FIGURE VALUE

# A time as wrk prints it (0.92ms, 12us, 1.1s), in ms.
milliseconds() { awk -v t="$1" 'BEGIN { f = t ~ /us$/ ? 0.001 : t ~ /ms$/ ? 1 : 1000; sub(/[a-z]+$/, "", t); print t * f }'; }

# Requests a second, latencies, and what one request takes of everybody's CPU time together.
web() { # LANE NAME FILE OPTIONS...
	local lane=$1 name=$2 file=$3 before after began wrk requests
	shift 3
	before=$(lane_cpu "$lane" edge sink)
	began=$(children_ns)
	on "$lane-client" wrk -t1 -c64 "-d${seconds}s" --latency "$@" "http://$(target "$lane"):8080/$file" >"$LAB_DIR/wrk"
	wrk=$(($(children_ns) - began))
	after=$(lane_cpu "$lane" edge sink)
	! grep -q 'Socket errors\|Non-2xx' "$LAB_DIR/wrk" || note "$lane" "$name failed" "$(awk '/Socket errors/ { gsub(/[^0-9 ]/, ""); print $1 + $2 + $3 + $4 } /Non-2xx/ { print $NF }' "$LAB_DIR/wrk" | head -n 1)"
	requests=$(awk '/requests in/ { print $1 }' "$LAB_DIR/wrk")
	note "$lane" "$name /s" "$(awk '/^Requests\/sec/ { print $2 }' "$LAB_DIR/wrk")"
	note "$lane" "$name p50" "$(milliseconds "$(awk '/ 50%/ { print $2 }' "$LAB_DIR/wrk")")"
	note "$lane" "$name p99" "$(milliseconds "$(awk '/ 99%/ { print $2 }' "$LAB_DIR/wrk")")"
	note "$lane" "$name cpu" "$(awk -v ns=$((after - before + wrk)) -v n="$requests" 'BEGIN { print ns / 1000 / n }')"
}

# ns of CPU time of this shell's children that have ended.
children_ns() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.0f", ($14 + $15) / hz * 1e9 }' "/proc/$$/stat"; }

bulk() { # LANE NAME OPTIONS...
	local lane=$1 name=$2
	shift 2
	on "$lane-client" iperf3 -c "$(target "$lane")" -t "$seconds" -J "$@" >"$LAB_DIR/iperf.json" || { note "$lane" "$name failed" 1 && return 0; }
	note "$lane" "$name" "$(jq '.end.sum_received.bits_per_second / 1e9' "$LAB_DIR/iperf.json")"
}

lanes_up
: >"$data"
for ((round = 0; round < rounds; round++)); do
	for each in $LANES; do web "$each" "100 B keep-alive" 100; done
	for each in $LANES; do web "$each" "100 B close" 100 -H 'Connection: close'; done
	for each in $LANES; do web "$each" "100 KB keep-alive" 100k; done
	for each in $LANES; do web "$each" "100 KB close" 100k -H 'Connection: close'; done
	for each in $LANES; do bulk "$each" "1 stream"; done
	for each in $LANES; do bulk "$each" "8 streams" -P 8; done
done

# Kernel memory that can be told from the rest, kB: sockets, their buffers and rows are slabs, or pages of sockets.
kernel_kb() { awk '/^(Slab|Percpu|KernelStack|PageTables):/ { sum += $2 } END { print sum }' /proc/meminfo; }
memlock() { # PIN: bytes that the kernel says it takes
	bpftool map show pinned "$1" --json | jq .bytes_memlock
}

IDLE=$(idle_connections)
idle() { # LANE: so many connections, once they are open, and what they cost
	local lane=$1 kernel rss pid
	kernel=$(kernel_kb) rss=0
	[ "$lane" = direct ] || rss=$(lane_rss "$lane")
	[ "$lane" != xdp ] && [ "$lane" != tc ] || bytes=$(memlock "$LAB_DIR/bpf/$lane/flows4")
	nsenter --net="/run/netns/$LAB-$lane-client" "$TRAFFIC" load --target "$(target "$lane"):7000" --long $IDLE --rate 0 --seconds 60 \
		--interval 60000 --json "$LAB_DIR/idle.json" &
	pid=$!
	eventually 30 are_open "$lane" $IDLE
	sleep 0.5
	note "$lane" "kernel" "$(awk -v kb=$(($(kernel_kb) - kernel)) -v n=$IDLE 'BEGIN { print kb * 1024 / n }')"
	[ "$lane" = direct ] || note "$lane" "processes" "$(awk -v kb=$(($(lane_rss "$lane") - rss)) -v n=$IDLE 'BEGIN { print kb * 1024 / n }')"
	[ "$lane" != xdp ] && [ "$lane" != tc ] || note "$lane" "rows" "$(awk -v b=$(($(memlock "$LAB_DIR/bpf/$lane/flows4") - bytes)) -v n=$IDLE 'BEGIN { print b / n }')"
	kill -TERM $pid
	wait $pid || true
}
are_open() { [ "$(on "$1-sink" ss -H -t -n state established 'sport = :7000' | wc -l)" -ge "$2" ]; }
for each in $LANES; do idle "$each"; done

table_of() { # FORMAT FIGURE...: medians and quartiles
	local format=$1 name
	shift
	for name in "$@"; do awk -F '\t' -v name="$name" '$2 == name' "$data"; done | quartiles |
		awk -F '\t' -v OFS='\t' -v f="$format" '{ print $1, $2, sprintf(f " (" f "-" f ")", $3, $4, $5) }' | titles | bench/table -v first=""
}
shares_of() { # LANE TO COMPARE WITH, FIGURE...: medians of the rounds' ratios
	local to=$1 name
	shift
	for name in "$@"; do
		awk -F '\t' -v OFS='\t' -v name="$name" -v to="$to" '
			$2 == name { n[$1]++; value[$1, n[$1]] = $3; if (!($1 in seen)) { seen[$1]; order[++lanes] = $1 } }
			END { for (l = 1; l <= lanes; l++) for (r = 1; r <= n[order[l]]; r++) if (value[to, r] > 0) print order[l], name, value[order[l], r] / value[to, r] }' "$data"
	done | quartiles | awk -F '\t' -v OFS='\t' '{ print $1, $2, sprintf("%.2f (%.2f-%.2f)", $3, $4, $5) }' | titles | bench/table -v first="share"
}

echo "## Real servers and clients"
echo
echo "wrk (1 thread, 64 connections), nginx, iperf3, each way across the edge in turn, $rounds rounds of $seconds s: median (quartiles)."
echo "Client, edge and server share the machine's CPUs.  The lanes of XDP, \"no super-packets\" and \"NAPI on every hop\" carry frames as a wire does."
printf '\n### Requests and connections a second\n\n'
table_of %.0f "100 B keep-alive /s" "100 B close /s" "100 KB keep-alive /s" "100 KB close /s"
printf '\n### Share of plain routing in the same round\n\n'
shares_of routing "100 B keep-alive /s" "100 B close /s" "100 KB keep-alive /s" "100 KB close /s" "1 stream" "8 streams"
printf '\n### Share of plain routing without super-packets\n\n'
shares_of wire "100 B keep-alive /s" "100 B close /s" "100 KB keep-alive /s" "100 KB close /s" "1 stream" "8 streams"
printf '\n### Share of plain routing with NAPI on every hop\n\n'
shares_of nic "100 B keep-alive /s" "100 B close /s" "100 KB keep-alive /s" "100 KB close /s" "1 stream" "8 streams"
printf '\n### Share of a bare XDP redirect\n\n'
echo "That is the most that XDP can have here: it sends every frame on as it is."
echo
shares_of redirect "100 B keep-alive /s" "100 B close /s" "100 KB keep-alive /s" "100 KB close /s" "1 stream" "8 streams"
printf '\n### Latency, ms\n\n'
table_of %.2f "100 B keep-alive p50" "100 B keep-alive p99" "100 B close p50" "100 B close p99" "100 KB keep-alive p50" "100 KB keep-alive p99"
printf '\n### One TCP stream and eight, Gbit/s\n\n'
table_of %.1f "1 stream" "8 streams"
printf '\n### CPU time of client, edge and server together, us a request\n\n'
echo "What a way adds is the difference to the direct cable."
echo
table_of %.1f "100 B keep-alive cpu" "100 B close cpu" "100 KB keep-alive cpu" "100 KB close cpu"
printf '\n### The same CPU time, over that of plain routing in the same round\n\n'
shares_of routing "100 B keep-alive cpu" "100 B close cpu" "100 KB keep-alive cpu" "100 KB close cpu"
printf '\n### Memory for each of %d idle connections, bytes\n\n' "$IDLE"
echo "Kernel: of client, edge and server together, so what a way adds is the difference to the direct cable, and small differences"
echo "are noise; rows: what the kernel says that teal's table of flows took."
echo
awk -F '\t' -v OFS='\t' '$2 ~ /^(kernel|processes|rows)$/ { print $1, $2, sprintf("%.0f", $3) }' "$data" | titles | bench/table -v first="bytes"
! grep -q 'failed' "$data" || {
	printf '\n### What failed\n\n'
	awk -F '\t' -v OFS='\t' '$2 ~ /failed/ { sum[$1 OFS $2] += $3 } END { for (k in sum) print k, sum[k] }' "$data" | titles | bench/table -v first="failed"
}
for name in "100 B keep-alive /s" "100 B close /s"; do awk -F '\t' -v name="$name" '$2 == name' "$data"; done | quartiles | titles |
	bench/plot -v kind=bars -v title="Through an edge: 100 B over HTTP" -v unit="requests a second" >"$OUT/servers.svg"
printf '\n![Requests a second](servers.svg)\n'
