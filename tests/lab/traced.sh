# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Switches of one service, echo, that are disturbed at one of their system calls.

# An edge with that service, and 20 connections that stay.
echo_begin() {
	lab_up routed
	lab_config ""
	# shellcheck disable=SC2086
	echo_start $BACKENDS
	teald_start
	load_begin echo --long 20
	expect "20 connections are there" eventually 30 has_flows echo 20
}

row() { edge bpftool -j map dump pinned "$LAB_PINS/service_info" | jq -r ".[].formatted.value | select(.name == \"echo\") | $1"; }
booked() { jq -r "${@:1:$#-1}" ".services.echo | ${*: -1}" "$LAB_STATE/state.json"; } # [OPTION OF JQ] FILTER

traced() { # INJECTION COMMAND...: a command of teal's, as strace(1) disturbs it
	local injection=$1 code=0
	shift
	# Who starts the tests in the background has had ^C ignored.
	{ edge env --default-signal=INT strace -qq -o /dev/null -e "trace=${injection%%:*}" -e "inject=$injection" "$TEAL" "$@" \
		--pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" || code=$?; } >/dev/null 2>&1
	return $code
}

# Which of the bpf() calls of a switch to green write to tables, in WRITES: the first writes the slot.
writes_find() {
	edge strace -qq -o "$LAB_DIR/calls" -e trace=bpf "$TEAL" switch echo green --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" >/dev/null
	mapfile -t WRITES < <(grep -n BPF_MAP_UPDATE_ELEM "$LAB_DIR/calls" | cut -d : -f 1)
	expect "it writes to tables" holds "${#WRITES[@]}" -ge 2
}
