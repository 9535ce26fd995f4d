#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The file system of the pins is unmounted, the pin directory is removed, under load: teald pins anew what it holds within two
# seconds, and no packet, no flow, no canary is lost.
# Arguments: the modes to try.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

ids() { # of what must never be another: a table, and the links, which are other ones once a device was without
	bpftool -j map show pinned "$LAB_PINS/flows4" | jq .id
	for each in "$LAB_PINS"/links/*; do bpftool -j link show pinned "$each" | jq .id; done
}
pins() { find "$LAB_PINS" -type f | sed "s|$LAB_PINS/||" | sort | paste -sd ' '; }
are_there() { # IDS, PINS
	is "$(ids | paste -sd ' ')" "$1" && is "$(pins)" "$2"
}
canary_of() { teal status "$1" --json | jq -c '.services[0].canary'; }
preview_of() { teal status "$1" --json | jq -c '.services[0].preview'; }

unmounts() { umount --lazy "$LAB_DIR/bpf"; }
removes() { rm -rf "$LAB_PINS"; }
removes_links() { rm -rf "$LAB_PINS/links"; }
removes_a_service() { rm -rf "$LAB_PINS/tables/web"; }
removes_a_table() { rm "$LAB_PINS/flows4"; }

[ $# -gt 0 ] || set -- native tc
for LAB_MODE in "$@"; do
	lab_up routed
	lab_config
	servers_start
	teald_start
	teal canary web6 green 25 --quiet
	teal preview web6 green --from 2001:db8:77::/64 --quiet
	canary=$(canary_of web6) preview=$(preview_of web6)
	load_begin echo --long 200 --rate 300
	expect "$LAB_MODE: 200 connections are there" eventually 30 has_flows echo 200
	before=$(pins)
	ids=$(ids | paste -sd ' ')
	# Somebody's mounts of his own, in which the file system and its pins live on whatever happens to them here.
	unshare --mount --propagation private sleep 300 &
	keeper=$!
	expect "$LAB_MODE: and links" is "$(wc -w <<<"$ids")" 5
	color=blue

	for what in unmounts removes removes_links removes_a_service removes_a_table; do
		if [ $color = blue ]; then color=green; else color=blue; fi
		lines=$(log_lines)
		expect "$LAB_MODE: somebody $what" $what
		expect "$LAB_MODE, $what: it is noticed and told" eventually 30 log_says "$lines" 'pins are gone from .*/teal, unmounted or removed by hand'
		expect "$LAB_MODE, $what: all pins are there again, of the same tables and links" eventually 30 are_there "$ids" "$before"
		expect "$LAB_MODE, $what: it is told" eventually 30 log_says "$lines" 'pinned anew in '
		expect "$LAB_MODE, $what: teal switches" teal switch echo web $color --quiet
		expect "$LAB_MODE, $what: new connections reach $color" answers $color
		expect "$LAB_MODE, $what: the canary is what it was" is "$(canary_of web6)" "$canary"
		expect "$LAB_MODE, $what: the preview is what it was" is "$(preview_of web6)" "$preview"
		expect "$LAB_MODE, $what: another teald is refused" exits 3 edge "$TEALD" --config "$LAB_DIR/teal.yaml" \
			--pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
	done
	lines=$(log_lines)
	sleep 2
	expect "$LAB_MODE: after that nothing more is told" is "$(log_lines)" "$lines"

	teald_stop
	expect "$LAB_MODE: what is pinned outlives teald" answers $color
	teald_start
	expect "$LAB_MODE: the next one adopts it" are_there "$ids" "$before"
	load_end echo
	expect_clean echo "$LAB_MODE, all the while"
	expect "$LAB_MODE: teal dropped no packet" is "$(drops)" 0
	teald_stop
	teald_detach >/dev/null
	expect "$LAB_MODE: and teald --detach takes it off, whoever still holds a pin" not ask
	kill "$keeper"
	lab_down
done

# A service manager gives teald mounts of its own, to which others' come and from which none go.
LAB_MODE=auto
lab_up routed
umount "$LAB_DIR/bpf"
mount -t tmpfs none "$LAB_DIR/bpf"
mount --make-shared "$LAB_DIR/bpf"
mkdir "$LAB_DIR/bpf/fs"
mount -t bpf bpf "$LAB_DIR/bpf/fs"
LAB_PINS=$LAB_DIR/bpf/fs/teal
lab_config
servers_start
mapfile -t options < <(teald_options)
setsid unshare --mount --propagation slave nsenter --net="/run/netns/$LAB-edge" "$TEALD" "${options[@]}" >"$LAB_DIR/teald.log" 2>&1 &
TEALD_PID=$!
expect "with mounts of its own: teald is ready" eventually 30 log_says 0 'ready:'
before=$(pins) ids=$(ids | paste -sd ' ')
umount --lazy "$LAB_DIR/bpf/fs"
expect "with mounts of its own: it mounts nothing that nobody else would see, and says what to do" \
	eventually 30 log_says 0 "mount it with 'mount -t bpf bpf $LAB_DIR/bpf/fs'"
expect "with mounts of its own: traffic goes on" answers blue
mount -t bpf bpf "$LAB_DIR/bpf/fs"
expect "with mounts of its own: that done, all pins are there again" eventually 30 are_there "$ids" "$before"
expect "with mounts of its own: teal switches" teal switch web green --quiet
expect "with mounts of its own: new connections reach green" answers green
teald_stop

finish
