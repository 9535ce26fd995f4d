#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Pauses, drains, resets, and switches of several services: what clients and servers see of them.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

open_sockets() { # NAME FILTER: connections that a host believes to have
	on "$1" ss -H -t -n state established "$2" | wc -l
}
sockets_on_blue() { # PORT
	echo $(($(open_sockets blue1 "sport = :$1") + $(open_sockets blue2 "sport = :$1")))
}
resets_seen() { figure "$1" '[.errors[] | select(startswith("long-lived: reset x")) | ltrimstr("long-lived: reset x") | tonumber] | add // 0'; }
verdict() { # NAME
	teal status --verdicts --json | jq -r --arg name "$1" '.verdicts[] | select(.name == $name).packets'
}
paused_for() { teal status "$1" --json | jq -r '.services[0].paused_for'; }
resetting() { teal status "$1" --json | jq -c '.services[0].resetting'; }

# Idle ones: they say something when they begin and then not for a minute.
idle_begin() { # SERVICE NUMBER
	load_begin "$1" --long "$2" --rate 0 --interval 60000
}

lab_up routed
lab_config
servers_start
teald_start

# --- pause ---

load_begin echo --long 100
expect "100 connections" eventually 30 has_flows echo 100
began=$SECONDS
expect "a pause" teal pause echo --quiet
left=$(paused_for echo)
expect "lasts 30 s if nobody comes back" eval "holds $left -le 30 && holds $((left + SECONDS - began)) -ge 29"
ask "http://$VIP:7000/" >"$LAB_DIR/asked" 2>&1 &
expect "resume" teal resume echo --quiet
expect "status says nothing of one then" is "$(paused_for echo)" null
wait $! || true

teal pause web --max 10m --quiet
dropped=$(verdict DROP_PAUSED)
teald_kill9
client curl -s --max-time 60 "$WEB/" >"$LAB_DIR/asked" &
asking=$!
expect "the SYNs of a new connection to a paused service are dropped and counted" \
	eventually 30 eval "holds \"\$(verdict DROP_PAUSED)\" -ge $((dropped + 2))"
expect "it is not answered" test ! -s "$LAB_DIR/asked"
expect "but waits" kill -0 $asking
teal switch web green --quiet
teal resume web --quiet
expect "resumed, the one that waited goes on" wait $asking
expect "on the color that is active then" grep -q green "$LAB_DIR/asked"
began=${EPOCHREALTIME/./}
teal pause web --max 2s --quiet
expect "a pause ends by itself, with the daemon dead" is "$(client curl -s --max-time 60 "$WEB/" | tr -d 12)" green
waited=$(((${EPOCHREALTIME/./} - began) / 1000))
expect "and not before its time ($waited ms)" holds $waited -ge 1900
teald_start
flags() { # what the data path is told of web
	teal status web --json >/dev/null
	bpftool map dump pinned "$LAB_PINS/services" --json |
		jq -r '[.[] | .formatted.value.flags] | map(select(. >= 16)) | length'
}
expect "its flag is tidied away" eventually 30 eval 'is "$(flags)" 0'
load_end echo
expect_clean echo "other services' connections, and those of the paused one"

# --- drain ---

teal switch web blue --quiet
load_begin echo --long 40
expect "40 connections" eventually 30 eval 'is "$(flows_of echo blue)" 40'
teal switch echo green --quiet
teal drain echo --wait=3 --json >"$LAB_DIR/events" 2>/dev/null &
draining=$!
expect "a drain ends at its deadline with 4" exits 4 wait $draining
expect "as JSON it tells events, one object a line" \
	is "$(jq -c 'select(.event == "draining") | [.service, .color, .flows]' "$LAB_DIR/events" | sort -u)" '["echo","blue",40]'
expect "one a second" holds "$(grep -c '"event"' "$LAB_DIR/events")" -ge 3
expect "and every line stands alone" is "$(wc -l <"$LAB_DIR/events")" "$(jq -c . "$LAB_DIR/events" | wc -l)"
expect "as text it says a line a second" \
	grep -q '^echo: 40 left on blue; the longest silent for [0-9]* s$' <(teal drain echo --wait=1 2>&1 >/dev/null || true)
on edge script -qec "$TEAL drain echo --wait=2 --pin-dir $LAB_PINS --state-dir $LAB_STATE" /dev/null >"$LAB_DIR/bar" </dev/null || true
expect "on a terminal it draws a bar" grep -q '░ 40 left on blue' "$LAB_DIR/bar"
load_end echo
expect "that fills as connections end" eventually 30 teal drain echo --wait=5 --quiet
expect "nothing was lost" is "$(figure echo '[.errors[], .details[]] | join("; ")')" ""
teal switch echo blue --quiet

# --- reset ---

idle_begin echo 300
idle_begin echo6 100
load_begin udp --long 50
expect "300 idle connections, 100 over IPv6, 50 by UDP" \
	eventually 30 eval 'is "$(flows_of echo blue) $(flows_of echo6 blue) $(flows_of udp blue)" "300 100 50"'
teal switch echo echo6 udp green --quiet
load_begin echo-new --long 50 --rate 50
expect "50 on the new color" eventually 30 eval 'holds "$(flows_of echo green)" -ge 50'
sleep 1
expect "at its deadline a drain resets what is left" teal drain echo --wait=1 --reset --quiet
expect "nobody is left" is "$(flows_of echo blue)" 0
expect "no server believes to have a connection" eventually 30 eval 'is "$(sockets_on_blue 7000)" 100'
expect "but those over IPv6, which were not meant" is "$(flows_of echo6 blue)" 100
expect "nor does any of those 300 clients" eventually 30 eval 'holds "$(open_sockets client "dport = :7000")" -le 260'
load_end echo >/dev/null || true
expect "all 300 clients saw a reset" is "$(resets_seen echo)" 300
expect "the mark is taken away" is "$(resetting echo)" '[]'
expect "at once, over IPv6" teal drain echo6 --reset --quiet
load_end echo6 >/dev/null || true
expect "all 100 clients saw a reset too" is "$(resets_seen echo6)" 100
expect "and no server believes to have a connection" eventually 30 eval 'is "$(sockets_on_blue 7000)" 0'
kill -STOP "${LOAD_PIDS[udp]}"
expect "UDP has nothing to be reset by" teal drain udp --reset --quiet
expect "a silent client's flows are where they were" is "$(flows_of udp blue)" 50
expect "with a mark that they are to move" is "$(resetting udp)" '["blue"]'
teal switch udp blue --quiet
expect "which is taken away when the color is to get new flows" is "$(resetting udp)" '[]'
teal switch udp green --quiet
expect "marked again" teal drain udp --reset --quiet
kill -CONT "${LOAD_PIDS[udp]}"
expect "they move to the color that is active when their client speaks" eventually 30 eval 'is "$(flows_of udp green)" 50'
expect "and the last of them takes the mark away" eventually 30 eval 'is "$(resetting udp)" "[]"'
load_end udp >/dev/null || true
load_end echo-new
expect_clean echo-new "the new color"
expect "what was reset is counted" holds "$(verdict REFUSE_RESET)" -ge 800

# --- several services ---

teal switch echo echo6 web blue --quiet
changes() { teal status --json | jq 'del(.tables, (.. | .flows?, .connections?))'; }
before=$(changes)
mv "$LAB_PINS/tables/echo/green" "$LAB_PINS/tables/echo/elsewhere"
expect "of several services one cannot be switched" \
	refused 1 "cannot switch echo to green: No such file or directory; nothing was changed" teal switch web echo6 echo green
mv "$LAB_PINS/tables/echo/elsewhere" "$LAB_PINS/tables/echo/green"
expect "the others are put back" is "$(changes)" "$before"
expect "and answer as before" answers blue
# Nobody may rename a file over a mount; this one is seen by that command alone.
with_books_mounted() { # COMMAND...
	# shellcheck disable=SC2016
	edge unshare --mount sh -c 'mount --bind "$0" "$0" && exec "$@"' "$LAB_STATE/state.json" "$@"
}
expect "the books cannot be written" refused 1 "state.json cannot be written (Device or resource busy)" \
	with_books_mounted "$TEAL" switch web echo6 echo green --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
expect "all are put back" is "$(changes)" "$before"
expect "and answer as before, too" answers blue
expect "a service named twice" refused 2 "'web' is named twice" teal switch web echo web green
expect "then all of them in one step" teal switch web echo6 echo green --quiet
expect "are switched" is "$(active_color web) $(active_color echo) $(active_color echo6)" "green green green"

# --- what is refused ---

expect "a reset of the active color" \
	refused 3 "green is the active color of web and gets all new connections: switch to blue first, or reset its connections all the same with --force" \
	teal drain web green --reset
expect "a reset that would never come" refused 2 "--reset with --wait and no time would never come" teal drain web --wait --reset
expect "a drain of the active color, also by force" refused 3 "green is the active color of web" teal drain web green --force
expect "a pause of no time" refused 2 "--max takes a time such as 30s, 5m or 1h, not '0'" teal pause web --max 0
expect "a pause of a service that is not there" refused 1 "there is no service 'wbe'" teal pause wbe
expect "a resume of what is not paused is none, and no mistake" teal resume web --quiet
idle_begin echo 20
expect "20 connections on the active color" eventually 30 eval 'is "$(flows_of echo green)" 20'
expect "reset by force" teal drain echo green --reset --force --quiet
load_end echo >/dev/null || true
expect "are reset" is "$(resets_seen echo)" 20
expect "and new ones come as before" eval 'load echo --rate 50 --seconds 1'
teald_stop

finish
