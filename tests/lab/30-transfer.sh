#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Much at once, across switches: iperf3 both ways, wrk with and without keep-alive, a download and an upload that were
# begun before a switch.  Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

SWITCHES=8 # while something runs
# Whether it is to run once more, for this machine is slow and there were too few switches; nobody waits for ever.
too_few() { [ "$failed" = 0 ] && [ "$(switched)" -lt $SWITCHES ]; }

iperf() { # DESCRIPTION OPTIONS...
	local what="$LAB_MODE, iperf3 $1"
	shift
	switching_begin 0.4 bulk
	while
		rm -f "$LAB_DIR/iperf.json"
		expect "$what: runs to its end" client iperf3 -c "$VIP" -t 4 -J --logfile "$LAB_DIR/iperf.json" "$@"
		expect "$what: no error" is "$(jq -r .error "$LAB_DIR/iperf.json")" null
		too_few
	do :; done
	switching_end
	expect "$what: $SWITCHES switches or more meanwhile" holds "$(switched)" -ge $SWITCHES
	jq -r '"    \(.end.sum_received.bits_per_second / 1e7 | round / 100) Gbit/s, \(.end.sum_sent.retransmits) segments sent again"' \
		"$LAB_DIR/iperf.json"
	teal switch bulk blue --quiet
}

wrk_run() { # OPTIONS...
	# With the port, or it wants /etc/services.
	client wrk -t1 -c64 -d4s --latency "$@" "$WEB:80/" >"$LAB_DIR/wrk" 2>&1 || { cat "$LAB_DIR/wrk" && return 1; }
}

HALF=5000000 # bytes, of 20 million: the rest is more than the sockets hold
halfway() { # from standard input to standard output
	head -c $HALF
	touch "$LAB_DIR/halfway-$BASHPID"
	until [ -e "$LAB_DIR/is-switched" ]; do sleep 0.05; done
	cat
}
both_under_way() { is "$(find "$LAB_DIR" -maxdepth 1 -name 'halfway-*' | wc -l)" 2; }

requests() { # DESCRIPTION OPTIONS...
	local what="$LAB_MODE, wrk $1"
	shift
	switching_begin 0.4 web
	while
		expect "$what: runs to its end" wrk_run "$@"
		expect "$what: no socket errors, no answers but 200" not grep 'Socket errors\|Non-2xx' "$LAB_DIR/wrk"
		expect "$what: requests were made" grep -q '^ *[0-9]* requests in' "$LAB_DIR/wrk"
		too_few
	do :; done
	switching_end
	expect "$what: $SWITCHES switches or more meanwhile" holds "$(switched)" -ge $SWITCHES
	awk '/requests in/ { requests = $1 } /99%/ { p99 = $2 } END { print "    " requests " requests, p99 " p99 }' "$LAB_DIR/wrk"
	teal switch web blue --quiet
}

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	lab_config ""
	servers_start
	iperf_start
	teald_start

	iperf "to the server"
	iperf "from the server" -R
	iperf "4 streams" -P 4
	requests keep-alive
	requests "a connection for each request" -H 'Connection: close'

	# Both pause halfway, until the color has changed.
	rm -f "$LAB_DIR/is-switched" "$LAB_DIR"/halfway-*
	client curl -s -D "$LAB_DIR/head" "$WEB/big" | halfway >"$LAB_DIR/down" &
	down=$!
	halfway <"$LAB_DIR/files/big" | client curl -s -T - "$WEB/up/big" &
	up=$!
	expect "$LAB_MODE: a download and an upload are under way" eventually 30 both_under_way
	teal switch web green --quiet
	expect "$LAB_MODE: after the switch new connections go to green" answers green
	expect "$LAB_MODE: both transfers still ran" kill -0 $down $up
	touch "$LAB_DIR/is-switched"
	expect "$LAB_MODE: the download ends without error" wait $down
	expect "$LAB_MODE: it came from blue" grep -qi '^x-server: blue' "$LAB_DIR/head"
	expect "$LAB_MODE: and is right, every byte" cmp "$LAB_DIR/down" "$LAB_DIR/files/big"
	expect "$LAB_MODE: the upload ends without error" wait $up
	expect "$LAB_MODE: and is on a blue server, every byte right" cmp "$LAB_DIR"/blue?/up/big "$LAB_DIR/files/big"
	expect "$LAB_MODE: teal dropped no packet" is "$(drops)" 0
	lab_down
done

finish
