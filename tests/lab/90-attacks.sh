#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Attacks: floods of every kind at full rate, at an edge that holds established connections, and a switch in their midst
# (2,000 connections and 300,000 packets of each kind over both modes and families; SOAK=1: 10,000 and 20 million).  Then another user of the host.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

connections=2000 connections6=200 packets=75000
[ -z "${SOAK:-}" ] || connections=10000 connections6=1000 packets=5000000
# Tables that the flood of UDP could fill.
flows=$((connections * 16))

BPFTOOL=${BPFTOOL:-$(command -v bpftool || echo /usr/sbin/bpftool)}
FLOOD=${FLOOD:-$LAB_ROOT/build/tests/flood-generator}

# flood KIND 4|6 SERVICE [live]: at full rate, and says how fast that was
flood() {
	local target=$VIP port=7000 live=()
	[ "$2" = 4 ] || target=$VIP6
	[ "${3%6}" != udp ] || port=7001
	[ -z "${4:-}" ] || live=(--live "$LAB_DIR/live$2")
	client "$FLOOD" --kind "$1" --device eth0 --to "$EDGE_LINK" --target "$target" --port $port \
		--packets "$packets" "${live[@]}"
}

live_list() { # the clients' ends of all connections to the echo services
	client ss -H -t -n state established "dport = :7000" | awk '{ print $3 }' | tr -d '[]' |
		awk -v dir="$LAB_DIR" '{ n = match($0, /:[0-9]+$/); address = substr($0, 1, n - 1)
			print address, substr($0, n + 1) >dir "/live" (address ~ /:/ ? 6 : 4) }'
}

# Rows in a table of flows that belong to the echo service (of either family).
rows() { # TABLE
	local name=echo${1#flows}
	"$FLOOD" --rows "$LAB_PINS/$1" --service "$("$BPFTOOL" -j map dump pinned "$LAB_PINS/service_info" |
		jq --arg name "${name%4}" '[.[] | .formatted | select(.value.name == $name) | .key][0]')"
}
table_rows() { "$FLOOD" --rows "$LAB_PINS/$1"; }
verdict() { # NAME...: packets counted under these
	local names
	names=$(printf '"%s",' "$@")
	teal status --verdicts --json | jq "[.verdicts[] | select(.name | IN(${names%,})) | .packets] | add // 0"
}
all_verdicts() { teal status --verdicts --json | jq '[.verdicts[].packets] | add'; }

# storm NAME KIND 4|6 SERVICE [live]: floods until that many packets have reached teal (a wire that is full loses the
# rest before it), a row of the figures, and what must not have come of it.
storm() {
	local name=$1 table=flows$3 before before_all before_late after said reached=0
	shift
	before=$(rows "$table")
	before_all=$(all_verdicts)
	before_late=$(verdict PASS_NO_FLOW)
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		said=$(flood "$@") || { echo "$said" && break; }
		reached=$(($(all_verdicts) - before_all))
		[ "$reached" -lt "$packets" ] || break
	done
	after=$(rows "$table")
	printf '    %-42s at %s Mpps, %9d reached teal; rows of flows: %d, then %d; late or stray: %d\n' "$LAB_MODE, $name" \
		"$(sed -n 's/.* s, \(.*\) Mpps/\1/p' <<<"$said")" "$reached" "$before" "$after" \
		$(($(verdict PASS_NO_FLOW) - before_late))
	expect "$LAB_MODE, $name: $packets packets reached teal" holds "$reached" -ge "$packets"
	expect "$LAB_MODE, $name: no row of flows came or went" is "$after" "$before"
}

# Two at once: a switch in the midst of the flood.
storm_and_switch() { # COLOR, then as storm
	local color=$1
	shift
	(
		sleep 0.05
		teal switch echo echo6 "$color" --quiet && touch "$LAB_DIR/switched-to-$color"
	) &
	storm "$@"
	wait $!
	expect "$LAB_MODE, $1: the switch in its midst succeeded" test -e "$LAB_DIR/switched-to-$color"
	rm -f "$LAB_DIR/switched-to-$color"
}

storms() {
	storm_and_switch green "SYN flood, a switch" syn 4 echo
	storm_and_switch blue "SYN flood on IPv6, a switch" syn 6 echo6
	storm "blind SYN and ACK pairs" pair 4 echo
	storm "blind SYN and ACK pairs on IPv6" pair 6 echo6
	local family kind
	for kind in ack rst fin icmp; do
		for family in 4 6; do
			storm "${kind^^} flood, IPv$family" $kind $family echo
			storm "${kind^^} at live connections, IPv$family" $kind $family echo live
		done
	done
	for family in 4 6; do
		storm "UDP flood, IPv$family" udp $family udp
		storm "fragment flood, IPv$family" fragments $family udp
		storm "fragments without a first, IPv$family" orphans $family udp
		echo "    $LAB_MODE: rows of flows$family in all, those of UDP flows that backends answered included: $(table_rows flows$family)"
		expect "$LAB_MODE, UDP flood, IPv$family: TCP keeps half of the table" holds "$(table_rows flows$family)" -le \
			$((flows / 2 + connections + connections6))
	done
	expect "$LAB_MODE, UDP flood: UDP flows beyond their share went on unrecorded" holds "$(verdict PASS_UNRECORDED)" -gt 0
	expect "$LAB_MODE, fragment floods: notes of fragments are bounded" holds "$(table_rows fragments)" -le 16384
	expect "$LAB_MODE, floods: pending rows are bounded" holds "$(table_rows pending4)" -le 262144
}

# --- another user of the host ---

stranger() { # COMMAND...: as somebody who has no right to anything
	edge setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all "$@"
}

opens_none() { # no pin can be read by a stranger, or seen
	local pin opened=0
	while read -r pin; do
		stranger "$LAB_DIR/open/bpftool" -j map dump pinned "$pin" >/dev/null 2>&1 && opened=$((opened + 1)) && echo "$pin"
		stranger "$LAB_DIR/open/bpftool" map delete pinned "$pin" key 0 0 0 0 >/dev/null 2>&1 && opened=$((opened + 1))
		stranger test -e "$pin" && opened=$((opened + 1)) && echo "$pin is seen"
	done < <(find "$LAB_PINS" -type f)
	is "$opened" 0
}

other_user() {
	# Nothing but the pins' own modes shall keep strangers out: every folder above them is open, as /sys/fs/bpf is.
	chmod 755 "$LAB_HOME" "$LAB_DIR"
	chmod 1777 "$LAB_DIR/bpf"
	mkdir -p "$LAB_DIR/open"
	cp "$BPFTOOL" "$TEAL" "$LAB_DIR/open"
	chmod -R 755 "$LAB_DIR/open"
	expect "another user: no pin is anybody's but root's" is "$(find "$LAB_PINS" -perm /077 -o ! -user root)" ""
	expect "another user: there are pins" holds "$(find "$LAB_PINS" -type f | wc -l)" -ge 20
	expect "another user: can run what is needed for trying" stranger "$LAB_DIR/open/bpftool" version
	expect "another user: cannot read, write or see one pin" opens_none
	expect "another user: cannot add a pin" not stranger mkdir "$LAB_PINS/mine"
	expect "another user: cannot move the pins away" not stranger mv "$LAB_PINS" "$LAB_DIR/bpf/gone"
	expect "another user: cannot ask" exits 1 stranger "$LAB_DIR/open/teal" status --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
	expect "another user: cannot switch" exits 1 stranger "$LAB_DIR/open/teal" switch echo green --pin-dir "$LAB_PINS" \
		--state-dir "$LAB_STATE"
	expect "another user: nothing has moved" is "$(active_color echo)" "$1"
}

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	lab_config "limits: { flows: $flows }"
	echo_start $BACKENDS
	# Answers to those who were made up go to the client's wire, and end there.
	edge ip route add 198.18.0.0/15 via 198.51.100.2
	edge ip route add 2001:db8:f10d::/48 via 2001:db8:51::2
	# In tc mode the edge's own end is what takes the flood's frames.
	edge ethtool -K eth0 gro on >/dev/null
	EDGE_LINK=$(ip -n "$LAB-edge" -j link show eth0 | jq -r '.[0].address')
	teald_start

	load_begin echo --long $connections
	load_begin echo6 --long $connections6
	expect "$LAB_MODE: $connections connections are there" eventually 60 has_flows echo $connections
	expect "$LAB_MODE: and $connections6 on IPv6" eventually 30 has_flows echo6 $connections6
	live_list
	storms
	load_end echo >"$LAB_DIR/said" || cat "$LAB_DIR/said"
	load_end echo6 >"$LAB_DIR/said" || cat "$LAB_DIR/said"
	expect "$LAB_MODE, all floods: established connections lost: 0 of $connections" is "$(figure echo .long.kept)" $connections
	expect "$LAB_MODE, all floods: on IPv6: 0 of $connections6" is "$(figure echo6 .long.kept)" $connections6
	figure echo '"    echoes under attack: p99 \(.long.echo_ms.p99) ms, worst \(.long.worst_echo_ms); segments that clients sent again: \(.retransmits)"'
	[ "$LAB_MODE" != tc ] || other_user "$(active_color echo)"
	lab_down
done

finish
