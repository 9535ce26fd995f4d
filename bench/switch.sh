#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 4: the switch, teal's and the others'.  A part of bench/run.
# shellcheck source=lab.sh
source "$(dirname "$0")/lab.sh"
# shellcheck source=lanes.sh
source "$(dirname "$0")/lanes.sh"

LANES='teal haproxy nginx nft'
GREEN=10.0.2.11
COMMAND=$LAB_ROOT/bench/switch-command
data=$OUT/switch.tsv
# The ways take turns, so many switches each time: an even number, so that each turn begins on blue.
rounds=${ROUNDS:-3} switches=6 seconds=3
[ -z "$QUICK" ] || { rounds=${ROUNDS:-2} && switches=4 && seconds=2; }

servers() { # LANE: a blue and a green echo server behind each edge
	address "$1-sink" eth0 "$GREEN/16"
	start "$1-sink" "$TRAFFIC" serve --name blue1 --listen "$SERVER:7000"
	start "$1-sink" "$TRAFFIC" serve --name green1 --listen "$GREEN:7000"
	eventually 5 eval "[ \$(listening_count $1-sink) = 2 ]"
}
listening_count() { on "$1" ss -H -l -t -n 'sport = :7000' | wc -l; }

haproxy_begin() {
	local dir=$LAB_DIR/haproxy
	mkdir -p "$dir"
	ip -n "$LAB-haproxy-edge" address add "$VIP/32" dev lo
	echo 'color blue' >"$dir/color.map"
	haproxy_defaults 8000 "  stats socket $dir/socket level admin expose-fd listeners" >"$dir/haproxy.cfg"
	cat >>"$dir/haproxy.cfg" <<-CONFIG
		frontend echo
		  bind $VIP:7000 backlog 16384
		  use_backend %[str(color),map($dir/color.map)]
		backend blue
		  server s $SERVER:7000
		backend green
		  server s $GREEN:7000
	CONFIG
	on haproxy-edge haproxy -D -f "$dir/haproxy.cfg" -p "$dir/pid" >&2
}

# N services: the one that is switched, and so many that are not.
teal_begin() { # SERVICES
	local i
	mkdir -p "$LAB_DIR/teal"
	{
		echo 'devices: [{ name: eth0, mode: native }, { name: eth1, mode: native }]'
		echo 'services:'
		echo "  - { name: echo, listen: \"$VIP:7000/tcp\", blue: [\"$SERVER:7000\"], green: [\"$GREEN:7000\"] }"
		for ((i = 1; i < $1; i++)); do
			echo "  - { name: s$i, listen: \"$VIP:$((10000 + i))/tcp\", blue: [\"$SERVER:$((10000 + i))\"], green: [\"$GREEN:$((10000 + i))\"] }"
		done
	} >"$LAB_DIR/teal/teal.yaml"
	lane_teald teal
	is "$(lane_say teal status --json | jq '.services | length')" "$1" >&2
}

note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$data"; }

# 200 connections that echo, 500 new ones a second, and the switch command in their midst.
switching() { # LANE, ROW'S NAME, COMMAND WITH %s
	local lane=$1 name=$2 json=$LAB_DIR/switch.json each
	nsenter --net="/run/netns/$LAB-$lane-client" "$TRAFFIC" load --target "$VIP:7000" --long 200 --rate 500 --seconds "$seconds" \
		--switches "$switches" --switch "$3" --netns-switch "/run/netns/$LAB-$lane-edge" --json "$json" >&2 || true
	for each in 'returned, ms=.switches.p50_ms' 'returned, worst=.switches.max_ms' 'first new, ms=.switches.first_new_ms.p50' \
		'last old, ms=.switches.last_old_ms.p50' 'last old, worst=.switches.last_old_ms.max' \
		'old after return=.new.stale' 'failed=(.new.failed + .switches.failed)' 'lost=(.long.wanted - .long.kept)' \
		'echo p99 after, ms=.long.echo_ms_after_switch.p99' 'echo worst, ms=.long.worst_echo_ms' 'connect p99 after, ms=.new.connect_ms_after_switch.p99'; do
		note "$name" "${each%%=*}" "$(jq -r "${each#*=} // 0" "$json")"
	done
}

teal_switching() { # ROW'S NAME
	local options
	mapfile -t options < <(lane_options teal)
	switching teal "$1" "$TEAL switch echo %s --quiet ${options[*]}"
}

# As a person sees it who starts the command where nothing else happens.
idle_switching() { # ROW'S NAME
	local i color=green began
	for ((i = 0; i < 20; i++)); do
		began=$EPOCHREALTIME
		lane_say teal switch echo "$color" --quiet
		printf '%s\t%s\t%s\n' "$1" "idle, ms" "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }')" >>"$data"
		[ $color = green ] && color=blue || color=green
	done
}

topology_switch() {
	topology_servers
	lane_clients teal
}

lab_up switch
lane_physical teal
for each in $LANES; do servers "$each"; done
haproxy_begin
lane_nft
lane_nginx
: >"$data"

teal_begin 1
for ((round = 0; round < rounds; round++)); do
	teal_switching "teal"
	switching haproxy "HAProxy, set map" "$COMMAND haproxy-map $LAB_DIR/haproxy %s"
	switching haproxy "HAProxy, reload" "$COMMAND haproxy-reload $LAB_DIR/haproxy %s"
	switching nginx "nginx, reload" "$COMMAND nginx-reload $LAB_DIR/nginx %s"
	switching nft "nftables, one transaction" "$COMMAND nft $LAB_DIR/nft %s"
done
comparison=$(wc -l <"$data")

at=0
for flows in 0 10000 1000000; do
	[ "$flows" = 0 ] || on teal-edge "$OUT/bench" fill --pin-dir "$LAB_PINS" --listen "$VIP:7000" --backend "$SERVER:7000" --from $at --to $flows
	at=$flows
	idle_switching "$flows flows, 1 service"
	teal_switching "$flows flows, 1 service"
	teal_switching "$flows flows, 1 service"
done
for services in 100 1000; do
	lane_detach teal
	teal_begin $services
	idle_switching "0 flows, $services services"
	teal_switching "0 flows, $services services"
	teal_switching "0 flows, $services services"
done

# Of the turns' figures: the worst of what is a worst, the sum of what is counted, else the median.
of_turns() {
	awk -F '\t' -v OFS='\t' '
		$2 ~ /worst/ { key = $1 OFS $2; if (!(key in most)) order[++n] = key; if ($3 > most[key]) most[key] = $3; next }
		$2 ~ /^(old after return|failed|lost)$/ { key = $1 OFS $2; if (!(key in sum)) order[++n] = key; sum[key] += $3; next }
		{ key = $1 OFS $2; if (!(key in count)) order[++n] = key; each[key, ++count[key]] = $3 }
		function median(key,   i, j, v) {
			for (i = 2; i <= count[key]; i++) {
				v = each[key, i]
				for (j = i; j > 1 && each[key, j - 1] > v; j--) each[key, j] = each[key, j - 1]
				each[key, j] = v
			}
			return (each[key, int((count[key] + 1) / 2)] + each[key, int(count[key] / 2) + 1]) / 2
		}
		END { for (i = 1; i <= n; i++) print order[i], (order[i] in most) ? sprintf("%.1f", most[order[i]]) : (order[i] in sum) ? sum[order[i]] : sprintf("%.1f", median(order[i])) }'
}
echo "## The switch"
echo
echo "200 echoing connections and 500 new ones a second; the ways take turns, $rounds times $switches switches each: medians of the turns, the worst"
echo "of all, or their sum.  Milliseconds count from the start of the command; first new: the first connection that the new color"
echo "answered; last old: the last that began on the old color; old after return: connections on the old color that began when the"
echo "command had returned; lost: echoing connections.  After: in the half second behind a switch."
echo
head -n "$comparison" "$data" | of_turns | tee "$OUT/switch-figures.tsv" | bench/table -v first=switch
printf '\n### Its time over the number of flows and services\n\n'
echo "Idle: the command by itself, as seen from the shell, median of 20; the rest as above, $((2 * switches)) switches."
echo
tail -n "+$((comparison + 1))" "$data" | of_turns | tee -a "$OUT/switch-figures.tsv" | bench/table -v first=teal
grep -P '\t(returned, ms|first new, ms|last old, ms|echo worst, ms)\t' "$OUT/switch-figures.tsv" | grep -v 'flows, ' |
	sed "s/\treturned, ms\t/\tthe command returned\t/; s/\tfirst new, ms\t/\tfirst connection on the new color\t/; s/\tlast old, ms\t/\tlast connection on the old one\t/; s/\techo worst, ms\t/\tthe slowest echo of the others\t/" |
	bench/plot -v kind=bars -v title="A switch under load" -v unit="milliseconds from the start of the command" >"$OUT/switch.svg"
printf '\n![A switch under load](switch.svg)\n'
