#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every combination of offloads, on all sides and on each alone; and jumbo frames.  A checksum that is wrong on the wire
# shows where the receiver verifies; a segment that is wrong shows in the bytes.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

SIDES='client:eth0 edge:eth0 edge:eth1 lan:port0 blue1:eth0 blue2:eth0'

offloads() { # SIDES, SETTINGS: as ethtool -K takes them; what a device cannot have it leaves
	local each
	for each in $1; do
		# shellcheck disable=SC2086
		on "${each%:*}" ethtool -K "${each#*:}" $2 >/dev/null 2>&1 || true
	done
}

comes_back() { # ADDRESS: a datagram of 1,400 bytes
	head -c 1400 "$LAB_DIR/files/some" >"$LAB_DIR/sent"
	datagram "$LAB_DIR/sent" "$1" 7001 | tail -c 1400 | cmp - "$LAB_DIR/sent"
}

whole() { intact "$WEB" && intact "$WEB6" && comes_back "$VIP" && comes_back "$VIP6"; }

unhurt() { # no receiver has seen a wrong checksum
	local each
	for each in client blue1 blue2; do
		on "$each" nstat -asz TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors IpInHdrErrors 2>/dev/null |
			awk -v host="$each" 'NR > 1 && $2 > 0 { print host, $0; bad = 1 } END { exit bad }' || return 1
	done
}

matrix() { # FEATURE...: all combinations of these, on all sides
	local features=("$@") bits settings i
	for ((bits = 0; bits < 1 << ${#features[@]}; bits++)); do
		settings=''
		for i in "${!features[@]}"; do
			[ $((bits >> i & 1)) = 1 ] && settings+=" ${features[i]} off" || settings+=" ${features[i]} on"
		done
		offloads "$SIDES" "$settings"
		expect "$LAB_MODE, all sides:$settings" whole
	done
}

jumbo() { # there and back, twice
	datagram "$LAB_DIR/sent" "$VIP" 7001 2 >"$LAB_DIR/got" || return
	head -c $(($(wc -c <"$LAB_DIR/got") / 2)) "$LAB_DIR/got" | tail -c 8900 | cmp - "$LAB_DIR/sent" &&
		tail -c 8900 "$LAB_DIR/got" | cmp - "$LAB_DIR/sent"
}

not_ours() { teal status --verdicts --json | jq '[.verdicts[] | select(.name == "PASS_NOT_OURS") | .packets] | add // 0'; }
sent() { teal status --verdicts --json | jq '[.verdicts[] | select(.name | startswith("SENT")) | .packets] | add'; }

# What tc ingress has sent passes the other device's egress, too; what neighbours ask each other is nobody's.
once() {
	local looked sent
	looked=$(not_ours) sent=$(sent)
	whole || return 1
	looked=$(($(not_ours) - looked)) sent=$(($(sent) - sent))
	[ $sent -gt 100 ] && [ $((looked * 10)) -lt $sent ]
}

[ $# -gt 0 ] || set -- tc native
for LAB_MODE in "$@"; do
	LAB_OFFLOAD=''
	lab_up routed
	lab_config
	servers_start
	teald_start
	if [ "$LAB_MODE" = tc ]; then
		expect "tc: what has been sent is not looked at again" once
		matrix tx rx gro gso tso
		offloads "$SIDES" "tx on rx on gro on gso on tso on"
		for side in client:eth0 edge:eth0 edge:eth1 'blue1:eth0 blue2:eth0'; do
			offloads "$side" "tx off rx off gro off gso off tso off"
			expect "tc, all off at $side only" whole
			offloads "$side" "tx on rx on gro on gso on tso on"
		done
	else
		# XDP is not for packets whose checksum is still to be filled in, so tx stays off at the far ends.
		matrix rx gro gso tso
	fi
	expect "$LAB_MODE: no receiver has seen a wrong checksum" unhurt
	expect "$LAB_MODE: teal dropped no packet" is "$(drops)" 0
	lab_down

	LAB_OFFLOAD=off
	lab_up routed
	for each in client:eth0 edge:eth0 edge:eth1 lan:port0 lan:br0 lan:blue1 lan:blue2 blue1:eth0 blue2:eth0; do
		ip -n "$LAB-${each%:*}" link set "${each#*:}" mtu 9000
	done
	lab_config
	servers_start
	teald_start
	expect "$LAB_MODE, frames of 9,000 bytes: TCP and UDP" whole
	head -c 8900 "$LAB_DIR/files/some" >"$LAB_DIR/sent"
	# When the second one goes, the link address of the server that this flow has is known.
	before=$(verdict SENT_IN)
	expect "$LAB_MODE: a datagram of 8,900 bytes comes back, and another one" jumbo
	expect "$LAB_MODE: in one piece, straight out of the device" holds "$(verdict SENT_IN)" -gt "$before"
	lab_down
done

finish
