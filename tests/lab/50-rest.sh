#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Rollback, drain, and how teal leaves a host.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

lab_up routed
lab_config ""
servers_start
devices() { # what hangs on them
	local device
	for device in eth0 eth1; do
		edge tc qdisc show dev $device
		edge ip -details -json link show $device | jq -c '.[] | .xdp'
	done
}
before=$(devices)
teald_start

expect "blue answers" answers blue
expect "switch to green" teal switch web green --quiet
expect "green answers" answers green
expect "rollback" teal rollback web --quiet
expect "blue answers again" answers blue
expect "and is the active color" is "$(active_color web)" blue
expect "a second rollback goes back to green" teal rollback web --quiet
expect "green answers again" answers green

load_begin echo --long 20
expect "20 connections on blue" eventually 30 eval 'is "$(flows_of echo blue)" 20'
expect "switch with a wait ends at its deadline, with exit code 4" exits 4 teal switch echo green --wait=1 --quiet
expect "the 20 connections are still there" is "$(flows_of echo blue)" 20
expect "drain ends at its deadline, with exit code 4" exits 4 teal drain echo --wait=1 --quiet
teal drain echo --wait=30 --quiet &
draining=$!
sleep 1
expect "drain waits for connections" kill -0 $draining
expect "nothing happened to them" load_end echo
expect "drain ends once they are closed, with exit code 0" wait $draining
expect "and there are none left" is "$(flows_of echo blue)" 0

expect "a stopped daemon leaves everything as it is" eval 'teald_stop && answers green'
expect "teald --detach" teald_detach
expect "no qdisc and no XDP program is left" is "$(devices)" "$before"
expect "no pin is left" test ! -e "$LAB_PINS"
expect "the VIP does not answer any more" not ask
expect "the client still reaches what is behind the edge" is "$(ask http://10.0.1.11:8080/)" blue1
teald_start
expect "after all that teald starts again, with the color that was active" answers green

finish
