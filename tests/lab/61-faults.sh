#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults around the control side: disks that are full or read-only, broken books and configurations, tables of another
# version, two at once.  What is refused leaves the tables as they were, to the byte.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

tables_sum() { # of all that control writes
	local each
	{
		for each in services service_info dispatch previews preview_clients pauses backends endpoints sources service_slots \
			endpoint_slots meta; do
			bpftool map dump pinned "$LAB_PINS/$each"
		done
		find "$LAB_PINS/tables" -type f | sort | while read -r each; do
			echo "$each" && bpftool map dump pinned "$each"
		done
	} 2>&1 | sha256sum
}
unchanged() { is "$(tables_sum)" "$before"; }

# Everything that is written down before it is done.
COMMANDS=("switch web green" "switch web echo green --guard 1m" "rollback udp" "canary web green 5" "canary echo off"
	"preview web green --from 192.0.2.0/24" "preview echo --off" "backends web green 10.0.2.11:8080" "deploy web")
refused_all() { # WHAT, SENTENCE: nothing of it is done there
	local each words
	for each in "${COMMANDS[@]}"; do
		read -ra words <<<"$each"
		expect "$1: teal $each is refused" \
			refused 1 "$2" edge "$TEAL" "${words[@]}" --pin-dir "$LAB_PINS" --state-dir "$LAB_DIR/books"
		expect "$1: and the tables are what they were" unchanged
	done
}
books_mount() { # SIZE: a file system of its own with a copy of the books
	mkdir -p "$LAB_DIR/books"
	mount -t tmpfs -o "size=$1" tmpfs "$LAB_DIR/books"
	cp "$LAB_STATE/state.json" "$LAB_DIR/books/"
}

lab_up routed
lab_config
servers_start
teald_start
teal switch udp green --quiet
teal canary echo green 10 --quiet
teal preview echo green --from 192.0.2.0/24 --quiet
before=$(tables_sum)

# --- the disk ---

books_mount 16k
head -c 64k /dev/zero >"$LAB_DIR/books/filler" 2>/dev/null || true
refused_all "the disk is full" "No space left on device"
rm "$LAB_DIR/books/filler"
umount "$LAB_DIR/books"
books_mount 1m
mount -o remount,ro "$LAB_DIR/books"
refused_all "the disk is read-only" "Read-only file system"
expect "what is only asked for is told all the same" edge "$TEAL" status --pin-dir "$LAB_PINS" --state-dir "$LAB_DIR/books" --quiet
umount "$LAB_DIR/books"

# --- the disk fails between the tables and the books ---

said() { # of all that can be changed
	teal status --json | jq -c '.services[] | [.name, .active, .previous, .generation, .canary, .preview,
		([.colors[].backends[].address] | sort)]'
}
said=$(said)
for each in "switch web green" "switch web echo green" "rollback udp" "canary web green 5" "canary echo off" \
	"preview web green --from 192.0.2.0/24" "preview echo --off" "preview echo green --from 198.51.100.0/24" "backends web green 10.0.2.11:8080"; do
	read -ra words <<<"$each"
	expect "the books cannot be renamed: teal $each fails" refused 1 "Input/output error" \
		edge strace -qq -o /dev/null -e trace=renameat -e inject=renameat:error=EIO:when=1 "$TEAL" "${words[@]}" --pin-dir "$LAB_PINS" \
		--state-dir "$LAB_STATE"
	expect "and is undone: all is what it was" is "$(said)" "$said"
done
before=$(tables_sum) # some have other ids now

# --- the books ---

cp "$LAB_STATE/state.json" "$LAB_DIR/state.json"
for broken in '{' '[]' '{"services": {"web": {"active": "red"}}}' ''; do
	printf '%s' "$broken" >"$LAB_STATE/state.json"
	expect "the books are '$broken': a switch is refused" refused 1 "is not a record that teal wrote" teal switch web green
	expect "the books are '$broken': the tables are what they were" unchanged
done
cp "$LAB_DIR/state.json" "$LAB_STATE/state.json"

# --- a reload ---

cp "$LAB_DIR/teal.yaml" "$LAB_DIR/good.yaml"
for broken in 's/name: web$/nmae: web/' 's/10.0.2.12:7000/10.0.2.11:7000/' '$ a limits: { services: 1 }' 's/203.0.113.10:80/203.0.113.10:82/' \
	'/name: udp$/,/green:/ s/green: .*/green: []/' 's/eth0/eth9/'; do
	sed "$broken" "$LAB_DIR/good.yaml" >"$LAB_DIR/teal.yaml"
	teald_reload
	expect "a reload of a configuration after sed '$broken' is refused" not was_read_again
	expect "and the tables are what they were" unchanged
done
cp "$LAB_DIR/good.yaml" "$LAB_DIR/teal.yaml"
teald_reload
expect "the good one is read" was_read_again

expect "its limits are the tables'" not grep -q 'in the configuration, but' "$LAB_DIR/teald.log"
printf 'limits: { flows: 2000, backends: 128 }\nseed: 7\n' >>"$LAB_DIR/teal.yaml"
teald_reload
expect "other ones are read" was_read_again
expect "but it is told that they do not count yet" \
	is "$(tail -n "+$((RELOAD_FROM + 1))" "$LAB_DIR/teald.log" | grep -oE '[a-z]+ is [0-9]+ in the configuration, but the tables were made [a-z]+ [0-9]+' | sort | paste -sd ';')" \
	"backends is 128 in the configuration, but the tables were made for 4096;flows is 2000 in the configuration, but the tables were made for 1048576;seed is 7 in the configuration, but the tables were made with 32417"
cp "$LAB_DIR/good.yaml" "$LAB_DIR/teal.yaml"
teald_reload

# --- two at once ---

flock "$LAB_PINS" sleep 1 &
expect "whoever comes second waits" teal switch bulk green --quiet
wait $!
(exec 9<"$LAB_PINS" && flock 9 && exec sleep 20) &
holder=$!
eventually 30 not flock -n "$LAB_PINS" true
expect "but not for ever" refused 3 "somebody else has been changing $LAB_PINS for" teal switch bulk blue
expect "and nothing has changed" is "$(active_color bulk)" green
kill $holder
wait $holder 2>/dev/null || true
for color in green blue green blue; do
	pids=()
	for each in web echo6 web6; do teal switch $each $color --quiet & pids+=($!); done
	kill -HUP "$TEALD_PID"
	for each in "${pids[@]}"; do
		expect "three at once and a reload: each is made" wait "$each"
	done
	expect "and recorded" is "$(jq -r '.services | [.web, .echo6, .web6][].active' "$LAB_STATE/state.json" | sort -u)" $color
done

# --- no standard output, no standard error ---

mute() { teal "$@" >&- 2>&-; }
for each in "switch bulk blue" "switch nonesuch blue" "switch bulk green" "canary bulk blue 1000"; do
	# shellcheck disable=SC2086
	mute $each || true
	expect "teal $each to nobody's ears: the books are books" jq -e .services.bulk "$LAB_STATE/state.json"
	expect "and the history is one" jq -e .at "$LAB_STATE/history.jsonl"
done

# --- tables of another version ---

meta() { bpftool -j map lookup pinned "$LAB_PINS/meta" key hex 00 00 00 00 | jq -r '.value | map(ltrimstr("0x")) | join(" ")'; }
meta_set() { # BYTES
	# shellcheck disable=SC2086
	bpftool map update pinned "$LAB_PINS/meta" key hex 00 00 00 00 value hex $1
}
teald_stop
ours=$(meta)
meta_set "ff ${ours#* }"
before=$(tables_sum)
expect "tables of another layout: teal says so" refused 1 "have layout 255" teal status
expect "and does not touch them" refused 1 "have layout 255" teal switch web green
expect "nor does teald" refused 1 "255" edge "$TEALD" --config "$LAB_DIR/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
expect "they are what they were" unchanged
expect "and carry traffic as before" answers blue
meta_set "$ours"
teald_start
expect "their own teald goes on with them" answers blue

# --- a boot ---

teald_stop
teald_detach >/dev/null 2>&1
echo nonsense >"$LAB_STATE/state.json"
expect "at boot the books are broken: teald does not guess" \
	refused 1 "is not a record that teal wrote" edge "$TEALD" --config "$LAB_DIR/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
expect "and stays detached" test ! -e "$LAB_PINS"
expect "so nobody is sent anywhere" not ask
cp "$LAB_DIR/state.json" "$LAB_STATE/state.json"
setsid socat -u "UNIX-RECV:$LAB_DIR/notify" - >"$LAB_DIR/notified" 2>/dev/null &
eventually 30 test -S "$LAB_DIR/notify"
export NOTIFY_SOCKET=$LAB_DIR/notify
teald_start
unset NOTIFY_SOCKET
teald_reload
expect "systemd is told when teald is ready, and of a reload" eventually 30 eval 'is "$(grep -aoE "[A-Z]+=1" "$LAB_DIR/notified" | paste -sd " ")" "READY=1 RELOADING=1 READY=1"'
expect "once they are mended, it begins with what they say" is "$(active_color udp) $(active_color web)" "green blue"
teald_stop

finish
