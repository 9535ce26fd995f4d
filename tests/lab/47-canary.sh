#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A canary gets its share and a preview its clients, both under load and across a restart, and each refusal says why.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

CLIENTS=100 # with addresses of their own, from 198.51.100.100 on

percent_green() { # SERVICE: of the new connections of its load
	figure "$1" '100 * .new.by_color.green / .new.made'
}

# With so many it is, but for one time in a hundred thousand; a slow machine makes them in several loads.
shares() { # SERVICE PERCENT CONNECTIONS: is the measured share within one percentage point?
	local share made=0 green=0
	while [ "$made" -lt $(($3 * 9 / 10)) ]; do
		load "$1" --rate 2000 --seconds $(($3 / 2000)) >/dev/null || return 1
		made=$((made + $(figure "$1" .new.made)))
		green=$((green + $(figure "$1" .new.by_color.green)))
	done
	share=$(jq -n "100 * $green / $made")
	echo "    of $made connections ${share:0:5} % went to green" >&3
	holds "$share" -ge $(($2 - 1)) && holds "$share" -le $(($2 + 1))
}

colors_of_clients() { # [TIMES]: who answers each of them, a line a client
	local each
	for ((each = 100; each < 100 + CLIENTS; each++)); do
		client curl -s --max-time 5 --interface "198.51.100.$each" --fail "$WEB/" | sed "s/[12]$//; s/^/$each /"
	done
}

from() { # ADDRESS [URL]: which color answers that client
	local who
	who=$(client curl -g -s --max-time 5 --interface "$1" "${2:-$WEB/}")
	echo "${who%[12]}"
}

canary_of() { # SERVICE, as status has it
	teal status "$1" --json | jq -c '.services[0].canary'
}

exec 3>&1
lab_up routed
lab_config
sed -i '/name: web$/a\    affinity: source' "$LAB_DIR/teal.yaml"
servers_start
for ((each = 100; each < 100 + CLIENTS; each++)); do address client eth0 "198.51.100.$each/24"; done
address client eth0 2001:db8:51::64/64
teald_start

# The share.
expect "a canary of 5 %" teal canary echo green 5% --quiet
expect "status says so" is "$(canary_of echo)" '{"color":"green","percent":5}'
expect "also in words" grep -q 'canary: 5 % of the new connections go to green' <(teal status echo)
expect "of 10,000 connections 5 % are the canary's, within one percentage point" shares echo 5 10000
expect "90 %, of 20,000" eval 'teal canary echo green 90 --quiet && shares echo 90 20000'
expect "the active color is what it was" is "$(active_color echo)" blue
expect "a canary of 1 % over IPv6, of 10,000" eval 'teal canary echo6 green 1 --quiet && shares echo6 1 10000'
expect "an end" teal canary echo6 off --quiet
expect "is an end: nobody is left on green, of 2,000" eval 'load echo6 --rate 2000 --seconds 1 && is "$(percent_green echo6)" 0'

# The same client, the same color.
teal canary web green 20 --quiet
colors_of_clients >"$LAB_DIR/at-20"
expect "with affinity each of $CLIENTS clients keeps its color" diff "$LAB_DIR/at-20" <(colors_of_clients)
expect "and some of them are canaries" holds "$(grep -c green "$LAB_DIR/at-20")" -ge 8
teal canary web green 60 --quiet
colors_of_clients >"$LAB_DIR/at-60"
expect "who is a canary at 20 % is one at 60 %" \
	is "$(grep green "$LAB_DIR/at-20" | grep -cvxFf "$LAB_DIR/at-60" || true)" 0
expect "and there are more of them" holds "$(grep -c green "$LAB_DIR/at-60")" -gt "$(grep -c green "$LAB_DIR/at-20")"
teal canary web green 20 --quiet
expect "lowered again, the clients are the same as before" diff "$LAB_DIR/at-20" <(colors_of_clients)

# Under load, by daemon or without.
teal canary echo off --quiet
load_begin echo --long 200 --rate 300
sleep 1
for step in 'canary echo green 5' 'canary echo green 50' 'switch echo green' 'canary echo blue 30' 'rollback echo' \
	'canary echo blue 100' 'canary echo blue off'; do
	# shellcheck disable=SC2086
	expect "under load: $step" teal $step --quiet
	sleep 0.3
done
expect "a rollback took back the canary and no more" is "$(active_color echo)" green
expect "and a canary is no switch" is "$(generation echo)" 1
teald_kill9
expect "with the daemon dead: a canary" teal canary echo blue 10 --quiet
teald_start
expect "a restart leaves it alone" is "$(canary_of echo)" '{"color":"blue","percent":10}'
load_end echo
expect_clean echo "all the while"

# A preview is for whom it names.
teal canary web off --quiet
expect "a preview" teal preview web green --from 198.51.100.100/31 198.51.100.150 --quiet
expect "the first it names gets green" is "$(from 198.51.100.100)" green
expect "another of the prefix too" is "$(from 198.51.100.101)" green
expect "and the third" is "$(from 198.51.100.150)" green
expect "the next to it does not" is "$(from 198.51.100.102)" blue
expect "nor does anybody else" is "$(colors_of_clients | grep -c blue)" $((CLIENTS - 3))
expect "status says so" is "$(teal status web --json | jq -c '.services[0].preview.from | sort')" \
	'["198.51.100.100/31","198.51.100.150"]'
expect "a preview over IPv6" teal preview web6 green --from 2001:db8:51::64/127 --quiet
expect "is for whom it names" is "$(from 2001:db8:51::64 "$WEB6/") $(from 2001:db8:51::2 "$WEB6/")" "green blue"
teal switch web green --quiet
expect "after a switch everybody gets green" is "$(from 198.51.100.100) $(from 198.51.100.102)" "green green"
teal switch web blue --quiet
expect "and after one back only whom it names" is "$(from 198.51.100.100) $(from 198.51.100.102)" "green blue"
teald_stop
teald_detach >/dev/null
teald_start
expect "after everything was taken away, as by a reboot, the preview is there again" \
	is "$(from 198.51.100.100) $(from 198.51.100.102)" "green blue"
expect "and so is the canary" is "$(canary_of echo)" '{"color":"blue","percent":10}'
expect "the preview's end" teal preview web --off --quiet
expect "is an end" is "$(from 198.51.100.100)" blue
expect "a second one is none, and no mistake" teal preview web --off --quiet

# What is refused.
before=$(teal status --json | jq 'del(.. | .flows?, .connections?)')
expect "a canary on the active color" refused 3 "blue is the active color of web and gets all new connections" teal canary web blue 5
expect "a share that is none" refused 2 "'5x' is no share: write a whole number from 0 to 100, such as 5 or 5%" teal canary web green 5x
expect "more than everything" refused 2 "'101' is no share" teal canary web green 101
expect "no share" refused 2 "write it as: teal canary SERVICE COLOR PERCENT" teal canary web green
expect "off with a share" refused 2 "'off' is no color: it must be blue or green" teal canary web off 5
teal canary web6 green 5 --quiet
expect "the end of another color's canary" refused 3 "the canary of web6 is on green, not on blue" teal canary web6 blue 0
teal canary web6 green 0 --quiet
expect "a preview for nobody" refused 2 "write it as: teal preview SERVICE COLOR --from PREFIX..." teal preview web green
expect "a preview and its end at once" refused 2 "write it as: teal preview SERVICE COLOR --from PREFIX..." \
	teal preview web green --from 10.0.0.0/8 --off
expect "a client that is none" refused 2 "'10.0.0.0/33' is no client" teal preview web green --from 10.0.0.0/33
expect "a client of the other address family" refused 2 "'2001:db8::/32' is of another address family than web listens on" \
	teal preview web green --from 2001:db8::/32
expect "the end of another color's preview" refused 3 "the preview of web6 is of green, not of blue" teal preview web6 blue --off
expect "a preview of a service that is not there" refused 1 "there is no service 'wbe'" teal preview wbe --off
expect "after all that nothing has changed" is "$(teal status --json | jq 'del(.. | .flows?, .connections?)')" "$before"

# A color without backends ends both, for there is nobody who would answer.
teal canary web6 green 10 --quiet
sed -i '/name: web6$/,/green:/ s/green: .*/green: []/' "$LAB_DIR/teal.yaml"
teald_reload
expect "when a color's backends are taken away its canary ends" is "$(canary_of web6)" null
expect "and so does its preview" is "$(from 2001:db8:51::64 "$WEB6/")" blue
expect "a canary of a color without backends" refused 3 "green of web6 has no backend" teal canary web6 green 5 --force
expect "a preview of it" refused 3 "green of web6 has no backend" teal preview web6 green --from 2001:db8::/32 --force
teald_stop

finish
