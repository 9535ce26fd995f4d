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
# Of the comparison; where only the number of flows or services differs, half as many.
switches=20 seconds=8
[ -z "$QUICK" ] || { switches=8 && seconds=4; }

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
	cat >"$dir/haproxy.cfg" <<-CONFIG
		global
		  maxconn 8000
		  stats socket $dir/socket level admin expose-fd listeners
		defaults
		  mode tcp
		  timeout connect 5s
		  timeout client 300s
		  timeout server 300s
		frontend echo
		  bind $VIP:7000
		  use_backend %[str(color),map($dir/color.map)]
		backend blue
		  server s $SERVER:7000
		backend green
		  server s $GREEN:7000
	CONFIG
	on haproxy-edge haproxy -D -f "$dir/haproxy.cfg" -p "$dir/pid" >&2
}

nft_begin() {
	on nft-edge nft -f - <<-NFT
		table ip bench {
			chain to_backend {
				type nat hook prerouting priority dstnat
				ip daddr $VIP dnat to $SERVER
			}
		}
	NFT
}

# N services: the one that is switched, and so many that are not.
teal_begin() { # SERVICES
	local i dir=$LAB_DIR/teal
	mkdir -p "$dir/state"
	{
		echo 'devices: [{ name: eth0, mode: native }, { name: eth1, mode: native }]'
		echo 'services:'
		echo "  - { name: echo, listen: \"$VIP:7000/tcp\", blue: [\"$SERVER:7000\"], green: [\"$GREEN:7000\"] }"
		for ((i = 1; i < $1; i++)); do
			echo "  - { name: s$i, listen: \"$VIP:$((10000 + i))/tcp\", blue: [\"$SERVER:$((10000 + i))\"], green: [\"$GREEN:$((10000 + i))\"] }"
		done
	} >"$dir/teal.yaml"
	: >"$LAB_DIR/teald.log"
	setsid nsenter --net="/run/netns/$LAB-teal-edge" "$TEALD" --config "$dir/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$dir/state" \
		</dev/null >>"$LAB_DIR/teald.log" 2>&1 &
	# shellcheck disable=SC2034  # of the lab
	TEALD_PID=$!
	eventually 180 log_says 0 'ready:'
	is "$(on teal-edge "$TEAL" status --json --pin-dir "$LAB_PINS" | jq '.services | length')" "$1" >&2
}
teal_end() {
	teald_stop
	on teal-edge "$TEALD" --config "$LAB_DIR/teal/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$LAB_DIR/teal/state" --detach >&2
}

note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$data"; }

# 200 connections that echo, 500 new ones a second, and the switch command in their midst.
switching() { # LANE, ROW'S NAME, SWITCHES, SECONDS, COMMAND WITH %s
	local lane=$1 name=$2 json=$LAB_DIR/switch.json each
	nsenter --net="/run/netns/$LAB-$lane-client" "$TRAFFIC" load --target "$VIP:7000" --long 200 --rate 500 --seconds "$4" \
		--switches "$3" --switch "$5" --netns-switch "/run/netns/$LAB-$lane-edge" --json "$json" >&2 || true
	for each in 'returned, ms=.switches.p50_ms' 'returned, worst=.switches.max_ms' 'first new, ms=.switches.first_new_ms.p50' \
		'last old, ms=.switches.last_old_ms.p50' 'last old, worst=.switches.last_old_ms.max' \
		'old after return=.new.stale' 'failed=(.new.failed + .switches.failed)' 'lost=(.long.wanted - .long.kept)' \
		'echo p99 after, ms=.long.echo_ms_after_switch.p99' 'echo worst, ms=.long.worst_echo_ms' 'connect p99 after, ms=.new.connect_ms_after_switch.p99'; do
		note "$name" "${each%%=*}" "$(jq -r "${each#*=} // 0" "$json")"
	done
}

teal_switching() { # ROW'S NAME, SWITCHES, SECONDS
	switching teal "$1" "$2" "$3" "$TEAL switch echo %s --quiet --pin-dir $LAB_PINS --state-dir $LAB_DIR/teal/state"
}

# As a person sees it who starts the command where nothing else happens.
idle_switching() { # ROW'S NAME
	local i color=green began
	for ((i = 0; i < 20; i++)); do
		began=$EPOCHREALTIME
		on teal-edge "$TEAL" switch echo "$color" --quiet --pin-dir "$LAB_PINS" --state-dir "$LAB_DIR/teal/state"
		printf '%s\t%s\t%s\n' "$1" "idle, ms" "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }')"
		[ $color = green ] && color=blue || color=green
	done | quartiles | cut -f 1-3 >>"$data"
}

topology_switch() {
	topology_servers
	ip -n "$LAB-teal-edge" neighbour replace "$SERVER" lladdr "$(cat_address teal-sink)" dev eth1 nud permanent
	ip -n "$LAB-teal-edge" neighbour replace 198.51.100.2 lladdr "$(cat_address teal-client)" dev eth0 nud permanent
	ip -n "$LAB-teal-edge" route add "$CLIENTS" via 198.51.100.2
}
cat_address() { ip -n "$LAB-$1" -j link show eth0 | jq -r '.[0].address'; }

lab_up switch
lane_physical teal
for each in $LANES; do servers "$each"; done
haproxy_begin
nft_begin
lane_nginx
: >"$data"

teal_begin 1
teal_switching "teal" $switches $seconds
switching haproxy "HAProxy, set map" $switches $seconds "$COMMAND haproxy-map $LAB_DIR/haproxy %s"
switching haproxy "HAProxy, reload" $switches $seconds "$COMMAND haproxy-reload $LAB_DIR/haproxy %s"
switching nginx "nginx, reload" $switches $seconds "$COMMAND nginx-reload $LAB_DIR/nginx %s"
switching nft "nftables, one transaction" $switches $seconds "$COMMAND nft $LAB_DIR/nft %s"
comparison=$(wc -l <"$data")

few=$((switches / 2)) short=$((seconds / 2))
at=0
for flows in 0 10000 1000000; do
	[ "$flows" = 0 ] || on teal-edge "$OUT/bench" fill --pin-dir "$LAB_PINS" --listen "$VIP:7000" --backend "$SERVER:7000" --from $at --to $flows
	at=$flows
	idle_switching "$flows flows, 1 service"
	teal_switching "$flows flows, 1 service" $few $short
done
for services in 100 1000; do
	teal_end
	teal_begin $services
	idle_switching "0 flows, $services services"
	teal_switching "0 flows, $services services" $few $short
done

as_table() { awk -F '\t' -v OFS='\t' '{ print $1, $2, $3 ~ /\./ ? sprintf("%.1f", $3) : $3 }' | bench/table -v first="$1"; }
echo "## The switch"
echo
echo "200 echoing connections and 500 new ones a second, $switches switches of each.  Milliseconds count from the start of the command;"
echo "first new: the first connection that the new color answered; last old: the last that began on the old color; old after"
echo "return: connections on the old color that began when the command had returned; lost: echoing connections."
echo
head -n "$comparison" "$data" | as_table switch
printf '\n### Its time over the number of flows and services\n\n'
echo "Idle: the command by itself, as seen from the shell, median of 20; the rest as above, $few switches."
echo
tail -n "+$((comparison + 1))" "$data" | as_table teal
head -n "$comparison" "$data" | grep -P '\t(returned, ms|first new, ms|last old, ms|echo worst, ms)\t' |
	bench/plot -v kind=bars -v title="A switch under load" -v unit=ms >"$OUT/switch.svg"
printf '\n![A switch under load](switch.svg)\n'
