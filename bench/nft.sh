# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# nftables' way to a backend.  A flowtable is its short way for what is established, at the devices' ingress.
nft_dnat() { # PLACE RULE [flowtable]
	{
		echo 'table ip bench {'
		echo 'chain to_backend { type nat hook prerouting priority dstnat;'
		echo "$2"
		echo '}'
		[ $# = 2 ] || {
			echo 'flowtable short { hook ingress priority filter; devices = { eth0, eth1 }; }'
			echo 'chain take { type filter hook forward priority filter; meta l4proto tcp flow add @short; }'
		}
		echo '}'
	} | on "$1" nft -f -
}
flowtables_there() {
	unshare --net nft 'add table ip t; add flowtable ip t f { hook ingress priority filter; devices = { lo }; }' 2>/dev/null
}
