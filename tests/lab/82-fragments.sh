#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Datagrams in pieces: all of them find the same backend and come back whole, or none is half served.
# Arguments: TOPOLOGY/MODE/OFFLOAD/SOURCE (yes or no)... to try only those.
# LAB_SOURCE and LAB_SOURCE6 are read by lib.sh.
# shellcheck disable=SC2034,SC2209
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

echoed() { # SIZE ADDRESS: a datagram of the client's own stack comes back
	head -c "$1" "$LAB_DIR/files/some" >"$LAB_DIR/sent"
	datagram "$LAB_DIR/sent" "$2" 7001 >"$LAB_DIR/got" || return
	tail -c "$1" "$LAB_DIR/got" | cmp - "$LAB_DIR/sent" && grep -q -a '^blue[12] ' "$LAB_DIR/got"
}

pieces() { # ORDER ADDRESS [OPTIONS]: of a datagram of 6,000 bytes in five pieces
	client "$TRAFFIC" pieces --target "$2:7001" --size 6000 --order "$1" "${@:3}"
}

unanswered() { # ORDER ADDRESS: all were sent, and nothing came back in half a second
	local said
	said=$(pieces "$1" "$2" --interval 500) && echo "$said" && return 1
	is "$said" "no answer"
}

[ $# -gt 0 ] || set -- routed/native/off/no routed/tc/on/no aside/tc/filled/yes host/native/link/no
for each in "$@"; do
	IFS=/ read -r topology LAB_MODE LAB_OFFLOAD with_source <<<"$each"
	lab_up "$topology"
	what="$topology, $LAB_MODE, checksum offload $LAB_OFFLOAD"
	LAB_SOURCE='' LAB_SOURCE6=''
	[ "$with_source" = no ] || LAB_SOURCE=198.51.100.1 LAB_SOURCE6=2001:db8:51::1
	lab_config
	servers_start
	teald_start
	for to in "$VIP" "[$VIP6]"; do
		family="IPv4"
		[ "$to" = "$VIP" ] || family=IPv6
		before=$(verdict DROP_FRAGMENT)
		expect "$what, $family: one of 9,000 bytes comes back" echoed 9000 "$to"
		expect "$what, $family: one of 60,000 bytes comes back" echoed 60000 "$to"
		expect "$what, $family: no piece was dropped" is "$(verdict DROP_FRAGMENT)" "$before"
		expect "$what, $family: five pieces in their order" pieces 01234 "$to"
		expect "$what, $family: the first one first, the others as they like" pieces 04231 "$to"
		expect "$what, $family: one piece twice" pieces 011234 "$to"
		expect "$what, $family: the first one lost: no answer" unanswered 1234 "$to"
		expect "$what, $family: the other four are dropped and counted" is "$(verdict DROP_FRAGMENT)" $((before + 4))
		expect "$what, $family: the first one after the others: no answer" unanswered 12340 "$to"
		expect "$what, $family: these four are dropped too" is "$(verdict DROP_FRAGMENT)" $((before + 8))
		expect "$what, $family: the next one comes back" pieces 01234 "$to"
	done
	lab_down
done

finish
