#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The reset at the end of a drain, wherever the backends are: both ends of idle connections see it, nobody else does.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

server_sockets() { # NAMES: connections that the servers of echo believe to have
	local each sum=0
	for each in "$@"; do
		sum=$((sum + $(on "$each" ss -H -t -n state established "sport = :$(backend_port "$each" echo)" | wc -l)))
	done
	echo $sum
}
sees() { # NAME ADDRESS
	grep -q . <(on "$1" ss -H -t -n state established "sport = :7000 and dst $2")
}
client_sockets() { client ss -H -t -n state established 'dport = :7000' | wc -l; }
resets_seen() { figure "$1" '[.errors[] | select(startswith("long-lived: reset x")) | ltrimstr("long-lived: reset x") | tonumber] | add // 0'; }
idle_begin() { # SERVICE NUMBER
	load_begin "$1" --long "$2" --rate 0 --interval 60000
}

resets() { # WHAT [SERVICE YAML OF echo]
	local what=$1
	lab_config
	[ $# = 1 ] || sed -i "/name: echo6*\$/a\\    $2" "$LAB_DIR/teal.yaml"
	[ $# -lt 3 ] || sed -i "/name: echo6\$/{n;s/.*/    $3/}" "$LAB_DIR/teal.yaml"
	servers_start
	teald_start
	idle_begin echo 60
	idle_begin echo6 40
	expect "$what: 60 idle connections, and 40 over IPv6" \
		eventually 30 eval 'is "$(flows_of echo blue) $(flows_of echo6 blue)" "60 40"'
	[ $# = 1 ] || expect "$what: is what its servers see" eval 'sees blue1 10.0.0.1 && sees blue1 "[fd00:10::1]"'
	teal switch echo echo6 green --quiet
	load_begin echo-new --long 20
	expect "$what: 20 on the new color" eventually 30 eval 'holds "$(flows_of echo green)" -ge 20'
	expect "$what: a reset" teal drain echo --reset --quiet
	expect "$what: and one over IPv6" teal drain echo6 --reset --quiet
	expect "$what: no server believes to have a connection" eventually 30 eval 'is "$(server_sockets blue1 blue2)" 0'
	expect "$what: nor does a client but those of the new color" eventually 30 eval 'is "$(client_sockets)" 20'
	load_end echo >/dev/null || true
	load_end echo6 >/dev/null || true
	expect "$what: all 60 clients saw it" is "$(resets_seen echo)" 60
	expect "$what: and all 40" is "$(resets_seen echo6)" 40
	load_end echo-new
	expect "$what: the new color's connections noticed nothing" is "$(figure echo-new '[.errors[], .details[]] | join("; ")')" ""
	expect "$what: nobody is left" eventually 30 eval 'is "$(client_sockets)" 0'
	lab_down
}

LAB_MODE=native
lab_up routed
resets "native XDP"
LAB_MODE=tc
lab_up routed
resets "tc"
lab_up plain
resets "one leg"
lab_up bridge
resets "backends in containers"
lab_up host
resets "backends on the edge host"
lab_up routed
resets "with a source of the service" "source: 10.0.0.1" "source: \"fd00:10::1\""

finish
