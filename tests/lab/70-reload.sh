#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What changes while it runs: backends, services, modes, devices, all under load, and nobody notices.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

reload() { # SED EXPRESSION on the configuration
	sed -i "$1" "$LAB_DIR/teal.yaml"
	teald_reload
	was_read_again
}

backends_of() { teal status "$1" --json | jq -r "[.services[0].colors.$2.backends[] | select(.reason == \"\").address] | join(\" \")"; }
known() { teal status --json | jq -r '[.services[].name] | join(" ")'; }
attached() { edge ls "$LAB_PINS/links" | paste -sd ' '; }
is_served() { ask >/dev/null; }
who() { # TIMES: which servers of echo answer that many new connections
	local each
	for ((each = 0; each < $1; each++)); do
		client timeout 20 "$TRAFFIC" load --target "$VIP:7000" --rate 10 --seconds 1 | jq -r '.new.by_name | keys[]'
	done | sort -u | paste -sd ' '
}

# Modes change while connections live, so checksums must be complete for all of them.
LAB_OFFLOAD=off
lab_up routed
lab_config
servers_start
teald_start
load_begin echo --long 200 --rate 100
expect "200 connections are there" eventually 30 has_flows echo 200

expect "a reload that changes nothing" reload ''
expect "one backend goes" reload '/name: echo$/,/blue:/ s/blue: .*/blue: ["10.0.1.11:7000"]/'
expect "it is no longer a backend" is "$(backends_of echo blue)" "10.0.1.11:7000"
expect "but its connections are kept and told of" \
	holds "$(teal status echo --json | jq '.services[0].colors.blue.backends[] | select(.reason != "").flows')" -gt 50
expect "new connections go to the other one" is "$(who 2)" blue1
expect "it comes back" reload '/name: echo$/,/blue:/ s/blue: .*/blue: ["10.0.1.11:7000", "10.0.1.12:7000"]/'
expect "and gets new connections again" eventually 30 is "$(who 3)" "blue1 blue2"

expect "a service more" reload "\$ a \\  - { name: more, listen: '$VIP:81/tcp', blue: ['10.0.1.11:81'], green: ['10.0.2.11:81'] }"
expect "is there" is "$(known)" "bulk echo echo6 more udp udp6 web web6"
expect "a service less" reload '/name: more/d'
expect "is gone" is "$(known)" "bulk echo echo6 udp udp6 web web6"
expect "the active color cannot be left empty" not reload '/name: echo$/,/blue:/ s/blue: .*/blue: []/'
expect "and is not" is "$(backends_of echo blue)" "10.0.1.11:7000 10.0.1.12:7000"
reload '/name: echo$/,/blue:/ s/blue: .*/blue: ["10.0.1.11:7000", "10.0.1.12:7000"]/'
expect "a running service cannot move" not reload "s/$VIP:7000/$VIP:7077/"
expect "the sentence says why" log_says 1 'the address of echo cannot change while it runs'
reload "s/$VIP:7077/$VIP:7000/"

for mode in generic tc native auto; do
	expect "mode $mode" reload "s/mode: [a-z]*/mode: $mode/"
	case $mode in
	generic | native) expect "runs in XDP" is "$(attached)" "eth0:egress eth0:xdp eth1:egress eth1:xdp" ;;
	*) expect "runs in tc" is "$(attached)" "eth0:egress eth0:ingress eth1:egress eth1:ingress" ;;
	esac
	sleep 0.5
done
expect "a device less" reload '/name: eth1/d'
expect "is let go" is "$(attached)" "eth0:egress eth0:ingress"
sleep 0.5

load_end echo
expect_clean echo "all the while"

# Set at run time: that stands over the configuration, whatever happens.
expect "backends set at run time" teal backends echo green 10.0.2.12:7000 --quiet
expect "stand over a reload" reload ''
expect "and there they are" is "$(backends_of echo green)" "10.0.2.12:7000"
teald_kill9
teald_start
expect "also after a kill" is "$(backends_of echo green)" "10.0.2.12:7000"
teal switch echo green --quiet
teald_stop
teald_detach >/dev/null
teald_start
expect "and after everything was taken away, as by a reboot" is "$(backends_of echo green)" "10.0.2.12:7000"
expect "where the color is remembered too" is "$(active_color echo)" green
expect "only that one answers" is "$(who 1)" green2

# The uplink goes away and comes back.
lines=$(log_lines)
ip -n "$LAB-edge" link del eth0
wire client eth0 edge eth0
address client eth0 198.51.100.2/24 2001:db8:51::2/64
address edge eth0 198.51.100.1/24 2001:db8:51::1/64
gateway client 198.51.100.1 2001:db8:51::1
lab_offload
expect "a device that went away and came back is served again" \
	eventually 30 is_served
expect "and told of" eventually 30 log_says "$lines" 'eth0: attached ingress'

# The kernel breaks off a list of devices in whose midst one comes or goes.
devices_many() { # so many that a list has several parts
	local each
	for each in {1..60}; do echo "link add many$each type veth peer name more$each"; done | edge ip -batch -
}
devices_come_and_go() {
	local each
	for each in {1..100}; do echo "link add guest type veth peer name ghost
link del guest"; done >"$LAB_DIR/guests"
	while :; do edge ip -batch "$LAB_DIR/guests"; done
}
reloads() { # TIMES
	local each
	for ((each = 0; each < $1; each++)); do reload '' || return; done
}
devices_many
devices_come_and_go &
guests=$!
expect "reloads while devices come and go" reloads 12
kill $guests
wait $guests 2>/dev/null || true
teald_stop

mapfile -t options < <(teald_options)
lines=$(log_lines)
setsid nsenter --net="/run/netns/$LAB-edge" strace -D -qq -o /dev/null -e trace=bpf -e inject=bpf:signal=HUP:when=10 \
	"$TEALD" "${options[@]}" >>"$LAB_DIR/teald.log" 2>&1 &
TEALD_PID=$!
expect "a SIGHUP while teald starts does not end it" eventually 30 log_says "$lines" 'ready:'
expect "and is heard then" eventually 30 log_says "$lines" 'was read again'
teald_stop

has_begun() { is "$(teal status --json | jq .teald)" true; }
goes_on() { # and does what it is told, after having said so
	sed -i "\$ a \\  - { name: more, listen: '$VIP:81/tcp', blue: ['10.0.1.11:81'], green: ['10.0.2.11:81'] }" "$LAB_DIR/teal.yaml"
	kill -HUP "$TEALD_PID" && eventually 30 teal status more && kill -HUP "$TEALD_PID" && sleep 0.5 && kill -0 "$TEALD_PID"
}
setsid nsenter --net="/run/netns/$LAB-edge" "$TEALD" "${options[@]}" 2> >(head -n 1 >/dev/null) &
TEALD_PID=$!
eventually 30 has_begun
expect "teald runs on when nobody reads its log any more" goes_on
teald_stop

finish
