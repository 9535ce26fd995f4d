#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# teal monitor and teal top, as somebody at a terminal uses them.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

monitor_begin() { # OPTIONS...
	setsid nsenter --net="/run/netns/$LAB-edge" "$TEAL" monitor --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" "$@" \
		>"$LAB_DIR/events" 2>&1 &
	MONITOR_PID=$!
	eventually 30 is_watched >/dev/null
}
monitor_until() { edge bpftool -j map lookup pinned "$LAB_PINS/monitor" key 0 0 0 0 | jq .formatted.value.until; }
is_watched() { holds "$(monitor_until)" -gt 0; }
monitor_end() { kill "-$1" "$MONITOR_PID" && wait "$MONITOR_PID"; }
events() { # FILTER: how many
	jq -c "select($1)" "$LAB_DIR/events" | wc -l
}
has_events() { # NUMBER FILTER
	holds "$(events "$2")" -ge "$1"
}

# A terminal of 80 columns and 24 lines, in a tmux of its own.
tmux_() { tmux -L "$LAB" -f /dev/null "$@"; }
screen() { tmux_ capture-pane -p -t top; }
shows() { grep -q "$1" <(screen); }
typed() { tmux_ send-keys -t top "$1"; }
top_begin() {
	typed "clear; stty -a >$LAB_DIR/stty-before; teal_top; echo exit-\$?; stty -a >$LAB_DIR/stty-after"
	typed Enter
	eventually 30 shows 'q: quit'
}
top_ended() { shows 'exit-0'; }
terminal_is_restored() { cmp "$LAB_DIR/stty-before" "$LAB_DIR/stty-after"; }
widest() { screen | LC_ALL=C.UTF-8 wc -L; }

lab_up routed
lab_config ""
# shellcheck disable=SC2086
echo_start $BACKENDS
teald_start

# --- monitor ---
monitor_begin --json
expect "a second monitor is refused with 3" exits 3 teal monitor
expect "the data path is asked for events" is_watched
load echo --long 20 --rate 50 --seconds 2 >/dev/null
made=$((20 + $(figure echo .new.made)))
teal switch echo green --why 'release 42' --quiet
expect "every connection that opened is told of" eventually 30 has_events $made '.event == "opened" and .service == "echo" and .color == "blue"'
expect "and that it ended" eventually 30 has_events $made '.event == "ended"'
expect "with its client and its backend" \
	holds "$(events '(.client | startswith("198.51.100.2:")) and (.backend | startswith("10.0.1.1"))')" -ge $((2 * made))
expect "the switch is told of, with its reason" \
	eventually 30 has_events 1 '.event == "switch" and .from == "blue" and .to == "green" and .why == "release 42"'
# The row changes first and the history last, half a second later here.
edge strace -qq -o /dev/null -e trace=renameat -e inject=renameat:delay_enter=500000:when=1 "$TEAL" switch echo blue --why slowly --quiet \
	--pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
expect "one that takes its time has its reason, too" eventually 30 has_events 1 '.event == "switch" and .to == "blue" and .why == "slowly"'
teal switch echo green --quiet
expect "it ends cleanly on SIGINT" monitor_end INT
expect "and the data path tells no more" is "$(monitor_until)" 0
monitor_begin
load echo --rate 20 --seconds 1 >/dev/null
expect "as text too" eventually 30 grep -q 'echo *opened *198.51.100.2:[0-9]* → 10.0.2.1[12]:7000  green' "$LAB_DIR/events"
expect "a monitor that is killed" not monitor_end KILL
expect "leaves the place to the next" monitor_begin --json
expect "which ends by SIGTERM too" monitor_end TERM

# --- top ---
expect "top wants a terminal" exits 2 teal top
cat >"$LAB_DIR/bashrc" <<-SHELL
	PS1='$ '
	export LC_ALL=C.UTF-8
	teal_top() { nsenter --net="/run/netns/$LAB-edge" "$TEAL" top --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"; }
SHELL
tmux_ new-session -d -s top -x 80 -y 24 "bash --noprofile --rcfile $LAB_DIR/bashrc -i"
trap 'tmux_ kill-server 2>/dev/null; lab_end' EXIT
load_begin echo --long 30 --rate 100
eventually 30 has_flows echo 30 >/dev/null
expect "of many that have ended and some that live, teal flows shows those that live first" \
	is "$(teal flows echo --limit 30 --json | jq -c '[.flows[].state] | unique')" '["established"]'
expect "and the others behind them" \
	holds "$(teal flows echo --json | jq '[.flows[].state] | length - (index("closing") // length)')" -ge 30
top_begin
expect "top shows the service and its active color" eventually 30 shows '^echo  203.0.113.10:7000/tcp .*green is active for [0-9]* s$'
expect "the active color, its bar, its flows, its connections a second and how fast they begin" \
	eventually 30 shows '▶ green *█.* 3[0-9] flows *[1-9][0-9]*/s *<[0-9]* [um]s *2 ?'
expect "the other one without a bar" eventually 30 shows '^   blue  *0 flows *0/s *- '
expect "nothing is wider than 80 columns" holds "$(widest)" -le 80
typed Down
expect "it scrolls" eventually 30 not shows '^bulk  '
tmux_ resize-window -t top -x 120 -y 12
expect "it follows the window to 120 columns" eventually 30 shows '^echo .\{90,\}active for'
tmux_ resize-window -t top -x 40 -y 12
expect "and says so when there is no room" eventually 30 shows '^make it 64 columns wide'
tmux_ resize-window -t top -x 80 -y 24
expect "and comes back" eventually 30 shows '^echo  .*green is active'
typed q
expect "it ends on q, with exit code 0" eventually 30 top_ended
eventually 30 test -s "$LAB_DIR/stty-after"
expect "and leaves the terminal as it was" terminal_is_restored
rm "$LAB_DIR/stty-after"
top_begin
typed C-c
expect "and on ^C" eventually 30 top_ended
eventually 30 test -s "$LAB_DIR/stty-after"
expect "which leaves the terminal as it was too" terminal_is_restored
load_end echo
expect_clean echo "all the while"
teald_stop
tmux_ kill-server

finish
