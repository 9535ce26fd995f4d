#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Ways that are narrower than the ends think: the errors that say so must reach the right end, and quote its own packet.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

dropped() { is "$(drops)" 0; }

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	LAB_OFFLOAD=off
	lab_up routed
	lab_config
	servers_start
	teald_start

	narrow edge eth1 1300 10.0.0.0/16 fd00:10::/64
	expect "$LAB_MODE, a narrow way to the backends: what is sent arrives" intact "$WEB"
	expect "$LAB_MODE: the client was told how narrow, about the VIP" learned 1300 "$VIP" client
	expect "$LAB_MODE, the same on IPv6: what is sent arrives" intact "$WEB6"
	expect "$LAB_MODE, IPv6: the client was told how narrow, about the VIP" learned 1300 "$VIP6" client

	narrow edge eth0 1280 198.51.100.0/24 2001:db8:51::/64
	expect "$LAB_MODE, a narrow way to the client: what is sent arrives" intact "$WEB"
	expect "$LAB_MODE, the same on IPv6: what is sent arrives" intact "$WEB6"
	expect "$LAB_MODE: teal dropped no packet" dropped
	lab_down
done

finish
