#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Backends are containers behind a bridge of the edge host, which has the rules that Docker makes: nothing that was not tracked
# from its beginning goes to a container, and what comes from one is masqueraded.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

docker_rules() {
	edge nft -f - <<-NFT
		table ip docker {
			chain postrouting {
				type nat hook postrouting priority srcnat
				ip saddr 10.0.0.0/16 oifname != "br0" masquerade
			}
			chain forward {
				type filter hook forward priority filter; policy drop
				oifname "br0" ct state established,related accept
				iifname "br0" accept
			}
		}
	NFT
}
aside() { teal doctor --config "$LAB_DIR/teal.yaml" --json | jq -r '.findings[] | select(.what | contains("this host tracks connections")).mend'; }

is_told() { is "$(aside)" "devices: [..., { name: br0 }] in teal.yaml"; }

lab_up bridge
lab_config ""
# shellcheck disable=SC2086
echo_start $BACKENDS
teald_start
expect "nobody tracks connections: the bridge need not be among the devices" is "$(aside)" ''
expect "and a switch breaks none" load_switching echo --long 20 --rate 50 --seconds 2 --switches 2
docker_rules
edge bash -c ": >/dev/tcp/10.0.1.11/7000" # a connection to track, as somebody's ssh is elsewhere
expect "with Docker's rules it must be: doctor tells how" eventually 30 is_told
sed -i "/^services:/i\\  - { name: br0, mode: $LAB_MODE }" "$LAB_DIR/teal.yaml"
teald_reload
expect "then doctor is content" is "$(aside)" ''
expect "and a switch breaks none" load_switching echo --long 20 --rate 50 --seconds 2 --switches 2
expect "of UDP neither" load_switching udp --flows 20 --rate 20 --seconds 2 --switches 2
teald_stop

finish
