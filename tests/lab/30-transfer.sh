#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Much at once, across switches: iperf3 both ways, wrk with and without keep-alive, a download and an upload that were
# begun before a switch.  Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

iperf() { # DESCRIPTION OPTIONS...
	local what="$LAB_MODE, iperf3 $1"
	shift
	switching_begin 0.4 bulk
	expect "$what: runs to its end" client iperf3 -c "$VIP" -t 4 -J --logfile "$LAB_DIR/iperf.json" "$@"
	switching_end
	expect "$what: 8 switches or more meanwhile" holds "$(switched)" -ge 8
	expect "$what: no error" is "$(jq -r .error "$LAB_DIR/iperf.json")" null
	jq -r '"    \(.end.sum_received.bits_per_second / 1e7 | round / 100) Gbit/s, \(.end.sum_sent.retransmits) segments sent again"' \
		"$LAB_DIR/iperf.json"
	rm "$LAB_DIR/iperf.json"
	teal switch bulk blue --quiet
}

wrk_run() { # OPTIONS...
	# With the port, or it wants /etc/services.
	client wrk -t1 -c64 -d4s --latency "$@" "$WEB:80/" >"$LAB_DIR/wrk" 2>&1 || { cat "$LAB_DIR/wrk" && return 1; }
}

requests() { # DESCRIPTION OPTIONS...
	local what="$LAB_MODE, wrk $1"
	shift
	switching_begin 0.4 web
	expect "$what: runs to its end" wrk_run "$@"
	switching_end
	expect "$what: 8 switches or more meanwhile" holds "$(switched)" -ge 8
	expect "$what: no socket errors, no answers but 200" not grep 'Socket errors\|Non-2xx' "$LAB_DIR/wrk"
	expect "$what: requests were made" grep -q '^ *[0-9]* requests in' "$LAB_DIR/wrk"
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

	# Both take longer than the second after which the color changes.
	client curl -s --limit-rate 8M -D "$LAB_DIR/head" -o "$LAB_DIR/down" "$WEB/big" &
	down=$!
	client curl -s --limit-rate 8M -T "$LAB_DIR/files/big" "$WEB/up/big" &
	up=$!
	sleep 1
	teal switch web green --quiet
	expect "$LAB_MODE: after the switch new connections go to green" answers green
	expect "$LAB_MODE: both transfers still ran" kill -0 $down $up
	expect "$LAB_MODE: the download ends without error" wait $down
	expect "$LAB_MODE: it came from blue" grep -qi '^x-server: blue' "$LAB_DIR/head"
	expect "$LAB_MODE: and is right, every byte" cmp "$LAB_DIR/down" "$LAB_DIR/files/big"
	expect "$LAB_MODE: the upload ends without error" wait $up
	expect "$LAB_MODE: and is on a blue server, every byte right" cmp "$LAB_DIR"/blue?/up/big "$LAB_DIR/files/big"
	expect "$LAB_MODE: teal dropped no packet" is "$(drops)" 0
	lab_down
done

finish
