#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 3: real servers and clients through an edge.  A part of bench/run.
# shellcheck source=lab.sh
source "$(dirname "$0")/lab.sh"
# shellcheck source=lanes.sh
source "$(dirname "$0")/lanes.sh"

LANES=${LANES:-direct routing wire nic redirect tc xdp nft flowtable haproxy nginx}
rounds=${ROUNDS:-5} seconds=1
[ -z "$QUICK" ] || rounds=${ROUNDS:-3}
# Half of the CPUs make requests.
threads=$((($(nproc) + 1) / 2))
data=$OUT/servers.tsv
WEB_WORK=("100 B keep-alive" "100 B close" "100 KB keep-alive" "100 KB close")
BULK_WORK=("1 stream" "8 streams")

note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$data"; } # LANE FIGURE VALUE

# A time as wrk prints it (0.92ms, 12us, 1.1s), in ms.
milliseconds() { awk -v t="$1" 'BEGIN { f = t ~ /us$/ ? 0.001 : t ~ /ms$/ ? 1 : 1000; sub(/[a-z]+$/, "", t); print t * f }'; }

# ns of CPU time of this shell's children that have ended.
children_ns() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.0f", ($14 + $15) / hz * 1e9 }' "/proc/$$/stat"; }

worked() { # LANE COMMAND...: runs it at the lane's client; WORK_NS becomes everybody's CPU time together
	local lane=$1 before children
	shift
	before=$(lane_cpu "$lane" edge sink) children=$(children_ns)
	on "$lane-client" "$@" || return 1
	WORK_NS=$(($(children_ns) - children + $(lane_cpu "$lane" edge sink) - before))
}

# Requests a second, latencies, and what one request takes of everybody's CPU time together.
web() { # LANE NAME FILE OPTIONS...
	local lane=$1 name=$2 file=$3 requests
	shift 3
	worked "$lane" wrk "-t$threads" -c64 "-d${seconds}s" --latency "$@" "http://$(target "$lane"):8080/$file" >"$LAB_DIR/wrk"
	! grep -q 'Socket errors\|Non-2xx' "$LAB_DIR/wrk" || note "$lane" "$name failed" "$(awk '/Socket errors/ { gsub(/[^0-9 ]/, ""); print $1 + $2 + $3 + $4 } /Non-2xx/ { print $NF }' "$LAB_DIR/wrk" | head -n 1)"
	requests=$(awk '/requests in/ { print $1 }' "$LAB_DIR/wrk")
	note "$lane" "$name /s" "$(awk '/^Requests\/sec/ { print $2 }' "$LAB_DIR/wrk")"
	note "$lane" "$name p50" "$(milliseconds "$(awk '/ 50%/ { print $2 }' "$LAB_DIR/wrk")")"
	note "$lane" "$name p99" "$(milliseconds "$(awk '/ 99%/ { print $2 }' "$LAB_DIR/wrk")")"
	note "$lane" "$name cpu" "$(awk -v ns="$WORK_NS" -v n="$requests" 'BEGIN { print (n > 0) ? ns / 1000 / n : 0 }')"
}

bulk() { # LANE NAME OPTIONS...
	local lane=$1 name=$2
	shift 2
	worked "$lane" iperf3 -c "$(target "$lane")" -t "$seconds" -J "$@" >"$LAB_DIR/iperf.json" || { note "$lane" "$name failed" 1 && return 0; }
	note "$lane" "$name" "$(jq '.end.sum_received.bits_per_second / 1e9' "$LAB_DIR/iperf.json")"
	note "$lane" "$name cpu" "$(jq --argjson ns "$WORK_NS" '$ns / .end.sum_received.bytes' "$LAB_DIR/iperf.json")"
}

turn() { # ROUND: the lanes; each round begins with another one, so that none always follows the same one
	local all i
	read -ra all <<<"$LANES"
	for ((i = 0; i < ${#all[@]}; i++)); do echo "${all[(i + $1) % ${#all[@]}]}"; done
}

round() { # ROUND
	local order each
	order=$(turn "$1")
	for each in $order; do web "$each" "100 B keep-alive" 100; done
	for each in $order; do web "$each" "100 B close" 100 -H 'Connection: close'; done
	for each in $order; do web "$each" "100 KB keep-alive" 100k; done
	for each in $order; do web "$each" "100 KB close" 100k -H 'Connection: close'; done
	for each in $order; do bulk "$each" "1 stream"; done
	for each in $order; do bulk "$each" "8 streams" -P 8; done
}

# --- what a way takes besides, and at rest ---

# Kernel memory that can be told from the rest, kB: sockets, their buffers and rows are slabs, or pages of sockets.
kernel_kb() { awk '/^(Slab|Percpu|KernelStack|PageTables):/ { sum += $2 } END { print sum }' /proc/meminfo; }
memlock() { # PIN...: bytes that the kernel says they take
	local pin
	for pin in "$@"; do bpftool map show pinned "$pin" --json; done | jq -s 'map(.bytes_memlock) | add'
}
is_teal() { [ "$1" = xdp ] || [ "$1" = tc ]; }
teal_maps() { find "$LAB_DIR/bpf/$1" -maxdepth 1 -type f; }

standing() { # LANE FIGURE: MB of its edge's processes, and of teal's tables, whose size is fixed but for the flows'
	[ "$1" = direct ] || note "$1" "$2, processes" "$(awk -v kb="$(lane_rss "$1")" 'BEGIN { print kb / 1024 }')"
	# shellcheck disable=SC2046
	! is_teal "$1" || note "$1" "$2, tables" "$(awk -v b="$(memlock $(teal_maps "$1"))" 'BEGIN { print b / 1048576 }')"
}

# What the kernel's connection tracking had no room for would be a lane that does less than the others.
conntrack_check() { # LANE
	local lost=0 entries rest failed drop early
	while read -r entries rest rest rest rest rest rest rest rest failed drop early rest; do
		[ "$entries" = entries ] || lost=$((lost + 16#$failed + 16#$drop + 16#$early))
	done < <(on "$1-edge" cat /proc/net/stat/nf_conntrack 2>/dev/null || true)
	[ "$lost" = 0 ] || note "$1" "conntrack failed" "$lost"
}

IDLE=$(idle_connections)
are_open() { [ "$(on "$1-sink" ss -H -t -n state established 'sport = :7000' | wc -l)" -ge "$2" ]; }
idle() { # LANE: so many connections, once they are open, and what they cost
	local lane=$1 kernel rss rows=0 cpu pid
	kernel=$(kernel_kb) rss=$(lane_rss "$lane")
	! is_teal "$lane" || rows=$(memlock "$LAB_DIR/bpf/$lane/flows4")
	nsenter --net="/run/netns/$LAB-$lane-client" "$TRAFFIC" load --target "$(target "$lane"):7000" --long "$IDLE" --rate 0 --seconds 60 \
		--interval 60000 --json "$LAB_DIR/idle.json" &
	pid=$!
	eventually 30 are_open "$lane" "$IDLE"
	sleep 0.5
	cpu=$(lane_cpu "$lane" edge)
	sleep 2
	note "$lane" "edge's processes, CPU ms/s" "$(awk -v ns=$(($(lane_cpu "$lane" edge) - cpu)) 'BEGIN { print ns / 2e6 }')"
	note "$lane" "kernel" "$(awk -v kb=$(($(kernel_kb) - kernel)) -v n="$IDLE" 'BEGIN { print kb * 1024 / n }')"
	note "$lane" "processes" "$(awk -v kb=$(($(lane_rss "$lane") - rss)) -v n="$IDLE" 'BEGIN { print kb * 1024 / n }')"
	! is_teal "$lane" || note "$lane" "rows" "$(awk -v b=$(($(memlock "$LAB_DIR/bpf/$lane/flows4") - rows)) -v n="$IDLE" 'BEGIN { print b / n }')"
	kill -TERM $pid
	wait $pid || true
}

lanes_up
: >"$data"
for each in $LANES; do standing "$each" "at rest"; done
for ((number = 0; number < rounds; number++)); do round "$number"; done
for each in $LANES; do standing "$each" "after the work"; done
for each in $LANES; do conntrack_check "$each"; done
for each in $LANES; do idle "$each"; done

# --- the report ---

series() { # FIGURE...: lines "lane TAB figure TAB value" of them
	local name
	for name in "$@"; do awk -F '\t' -v name="$name" '$2 == name' "$data"; done | in_order
}
in_order() { # rounds begin with different lanes: the tables do not
	local each lines
	lines=$(cat)
	for each in $LANES; do awk -F '\t' -v lane="$each" '$1 == lane' <<<"$lines"; done
}
shares() { # LANE TO COMPARE WITH, FIGURE...: the ratio of each round
	local to=$1
	shift
	series "$@" | awk -F '\t' -v OFS='\t' -v to="$to" '
		{ n[$1, $2]++; value[$1, $2, n[$1, $2]] = $3; at[NR] = n[$1, $2]; lane[NR] = $1; name[NR] = $2 }
		END { for (i = 1; i <= NR; i++) if (value[to, name[i], at[i]] > 0) print lane[i], name[i], value[lane[i], name[i], at[i]] / value[to, name[i], at[i]] }'
}
cells() { # FORMAT: median (quartiles)
	quartiles | awk -F '\t' -v OFS='\t' -v f="$1" '{ print $1, $2, sprintf(f " (" f "-" f ")", $3, $4, $5) }'
}
as_table() { titles | bench/table -v first="$1"; }
of_each() { # SUFFIX NAME...: the names with the suffix, one a line
	local suffix=$1 name
	shift
	for name in "$@"; do printf '%s\n' "$name$suffix"; done
}
mapfile -t RATES < <(of_each ' /s' "${WEB_WORK[@]}")
mapfile -t CPU < <(of_each ' cpu' "${WEB_WORK[@]}")
mapfile -t BULK_CPU < <(of_each ' cpu' "${BULK_WORK[@]}")
{
	shares routing "${RATES[@]}" "${BULK_WORK[@]}" "${CPU[@]}" "${BULK_CPU[@]}" | quartiles | sed 's/^/share\t/'
	series "${RATES[@]}" "${BULK_WORK[@]}" processes rows kernel "at rest, processes" "at rest, tables" | quartiles | sed 's/^/figure\t/'
} >"$OUT/servers-figures.tsv"

echo "## Real servers and clients"
echo
echo "wrk ($threads of its threads, 64 connections), nginx, iperf3; each way across the edge in turn, $rounds rounds of $seconds s, each of which"
echo "begins with another way: median (quartiles).  Client, edge and server share the machine's CPUs, so the shares are what counts."
printf '\n### Share of plain routing in the same round\n\n'
shares routing "${RATES[@]}" "${BULK_WORK[@]}" | cells %.2f | as_table share
printf '\n### What XDP could have here\n\n'
echo "XDP gets its frames one by one, and by NAPI, as a network card delivers them.  So the same figures of teal in XDP once more, as"
echo "shares of ways that have them so too.  A bare XDP redirect sends every frame on as it is: more than that XDP cannot have."
echo
for each in wire nic redirect; do
	shares "$each" "${RATES[@]}" "${BULK_WORK[@]}" | awk -F '\t' -v OFS='\t' -v to="$(lane_title "$each")" '$1 == "xdp" { $1 = to; print }'
done | cells %.2f | bench/table -v first="teal, XDP, share of"
printf '\n### Requests and connections a second, and Gbit/s\n\n'
{ series "${RATES[@]}" | cells %.0f && series "${BULK_WORK[@]}" | cells %.1f; } | as_table ""
printf '\n### Latency, ms: half of the requests, and 99 of 100, took no longer\n\n'
for each in "${WEB_WORK[@]}"; do
	paste <(series "$each p50" | cells %.2f) <(series "$each p99" | cells %.2f) |
		awk -F '\t' -v OFS='\t' -v name="$each" '{ sub(/ .*/, "", $3); print $1, name, $3 " / " $6 }'
done | as_table "p50 / p99 (quartiles)"
printf '\n### CPU time of client, edge and server together\n\n'
echo "Microseconds a request, nanoseconds a byte of the streams.  What a way adds is the difference to the direct cable."
echo
{ series "${CPU[@]}" | cells %.1f && series "${BULK_CPU[@]}" | cells %.2f; } | as_table ""
printf '\n### The same CPU time, over that of plain routing in the same round\n\n'
shares routing "${CPU[@]}" "${BULK_CPU[@]}" | cells %.2f | as_table share
printf '\n### Memory of the edge, MB\n\n'
echo "Resident memory of its processes; of teal also the kernel's memory for its tables, most of it set aside beforehand."
echo
series "at rest, processes" "at rest, tables" "after the work, processes" "after the work, tables" | awk -F '\t' -v OFS='\t' '{ print $1, $2, sprintf("%.1f", $3) }' | as_table MB
printf '\n### Each of %d idle connections, bytes of memory; and CPU time of the edge meanwhile\n\n' "$IDLE"
echo "Kernel: of client, edge and server together, so what a way adds is the difference to the direct cable, and small differences"
echo "are noise; processes: the edge's; rows: what the kernel says that teal's table of flows took."
echo
series kernel processes rows "edge's processes, CPU ms/s" | awk -F '\t' -v OFS='\t' '{ print $1, $2, sprintf($2 ~ /CPU/ ? "%.2f" : "%.0f", $3) }' | as_table ""
! grep -q 'failed' "$data" || {
	printf '\n### What failed\n\n'
	awk -F '\t' -v OFS='\t' '$2 ~ /failed/ { sum[$1 OFS $2] += $3 } END { for (k in sum) print k, sum[k] }' "$data" | in_order | as_table failed
}
# Who wants the lanes that only stand for comparison finds them in the tables, and XDP's streams, which have no super-packets.
shown() { awk -F '\t' '$1 !~ /^(direct|wire|nic|redirect)$/ && !($1 == "xdp" && $2 ~ /stream/)'; }
series "100 B keep-alive /s" "100 B close /s" | shown | quartiles | titles |
	bench/plot -v kind=bars -v title="HTTP through an edge, 100 bytes each" -v unit="requests a second" >"$OUT/servers.svg"
shares routing "${CPU[@]:0:2}" "${BULK_CPU[@]}" | shown | sed 's/ cpu\t/\t/' | quartiles | titles |
	bench/plot -v kind=bars -v title="CPU time of client, edge and server for the same work" -v unit="plain routing = 1, less is better" >"$OUT/servers-cpu.svg"
printf '\n![Requests a second](servers.svg)\n![CPU time](servers-cpu.svg)\n'
