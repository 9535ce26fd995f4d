#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a service's words in the configuration do to real connections: source, affinity, on_switch, flows_full.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

words_config() { # MORE OF web, MORE OF web6, MORE OF udp, [MORE OF ALL]
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices: [{ name: eth0, mode: $LAB_MODE }, { name: eth1, mode: $LAB_MODE }]
		services:
		$(service_yaml web "$VIP:80/tcp" web)
		    $1
		$(service_yaml web6 "[$VIP6]:80/tcp" web 6)
		    $2
		$(service_yaml udp "$VIP:7001/udp" udp)
		    $3
		$(service_yaml echo "$VIP:7000/tcp" echo)
		    source: 10.0.0.1
		${4:-}
	YAML
}
NOTHING='active: blue'

reload() {
	words_config "$@"
	teald_reload
	was_read_again
}

knock() { # TIMES URL: that many connections; succeeds if all get an answer
	local try failed=0
	for ((try = 0; try < $1; try++)); do client curl -s --max-time 0.3 "$2" >/dev/null || failed=1; done
	return $failed
}
who() { # TIMES: which servers answer that many connections
	local try
	for ((try = 0; try < $1; try++)); do ask; done | sort -u | paste -sd ' '
}
all_up() { # SERVICE
	is "$(teal status "$1" --json | jq -r '[.services[0].colors[].backends[].health] | unique | join(" ")')" up
}
mute() { # how many backends doctor finds whose replies do not come back
	teal doctor --config "$LAB_DIR/teal.yaml" --json | jq '[.findings[] | select(.what | contains("do not come back"))] | length'
}
moved() { grep -q 'another server' <(figure udp '.errors | to_entries | map(tostring) | join("\n")'); }
packets() { # VERDICT
	teal status --verdicts --json | jq --arg name "$1" '[.verdicts[] | select(.name == $name).packets] | add'
}

lab_up routed
# Their replies to clients would go nowhere.
for each in $BACKENDS; do
	on "$each" ip route del default
	on "$each" ip -6 route del default
done
words_config "health: { type: http, path: /, rise: 1 }" "health: { type: tcp, rise: 1 }" "source: 10.0.0.1"
servers_start
teald_start

# source
expect "backends that do not route back are healthy to the checks" eventually 30 all_up web
expect "by IPv6 too" eventually 30 all_up web6
expect "but clients get no answer" not knock 32 "$WEB/"
expect "nor by IPv6" not knock 32 "$WEB6/"
expect "doctor tells which, and what to do" is "$(mute)" 4
expect "source:" reload "source: 10.0.0.1" 'source: "fd00:10::1"' "source: 10.0.0.1"
expect "makes them answer" answers blue
expect "by IPv6 too" answers blue "$WEB6/"
expect "and doctor is content" is "$(mute)" 0
teal switch web green --quiet
expect "the other color answers as well" answers green
expect "TCP that lasts, and much that does not" load echo --long 50 --rate 100 --seconds 3
expect "UDP" load udp --long 20 --rate 100 --seconds 3
expect_clean echo source
lines=$(log_lines)
expect "the source cannot change while connections live by it" not reload "source: 10.0.0.9" 'source: "fd00:10::1"' "source: 10.0.0.1"
expect "the sentence says why" log_says "$lines" 'the source of web cannot change from 10.0.0.1 to 10.0.0.9 while it has'
expect "a backend cannot have it at run time" not teal backends web blue 10.0.0.1:8080

# affinity
expect "without affinity a client meets both servers" is "$(who 20)" "green1 green2"
expect "affinity: source" reload "source: 10.0.0.1
    affinity: source" 'source: "fd00:10::1"' "source: 10.0.0.1"
one=$(who 1)
expect "then always the same one" is "$(who 20)" "$one"

# on_switch
load_begin udp --long 20
expect "20 flows are there" eventually 30 has_flows udp 20
teal switch udp green --quiet
sleep 1 # each asks five times
load_end udp >/dev/null || true
expect "on_switch: keep: no flow moves" not moved
expect "on_switch: move" reload "source: 10.0.0.1" 'source: "fd00:10::1"' "source: 10.0.0.1
    on_switch: move"
load_begin udp --long 20
expect "20 flows are there" eventually 30 eval 'is "$(flows_of udp green)" 20'
teal switch udp blue --quiet
expect "they leave it when it is not the active color any more" eventually 30 eval 'is "$(flows_of udp green)" 0'
load_end udp >/dev/null || true
expect "where another server answers" moved

# flows_full
teald_stop
teald_detach >/dev/null
words_config "source: 10.0.0.1" 'source: "fd00:10::1"' "source: 10.0.0.1" "limits: { flows: 40 }
flows_full: refuse"
teald_start
load_begin echo --long 80 --seconds 4
load_result echo >/dev/null || true
expect "flows_full: refuse: more flows than rows are refused" holds "$(packets REFUSE_FULL)" -gt 0
teald_stop
teald_detach >/dev/null
words_config "$NOTHING" "$NOTHING" "$NOTHING" "limits: { flows: 40 }
flows_full: pass"
teald_start
load_begin echo --long 80 --seconds 4
load_result echo >/dev/null || true
expect "flows_full: pass: they are not refused" is "$(packets REFUSE_FULL)" 0
expect "but counted" holds "$(packets PASS_UNRECORDED)" -gt 0
teald_stop

finish
