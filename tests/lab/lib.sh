# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The lab: a client, an edge, two blue and two green backends in network namespaces, with real servers and clients.
# A scenario sources this, says lab_up, lab_config, servers_start, teald_start, and then, in sentences, what must hold.
# Whatever happens, the lab is removed at the end; what a killed run left is removed by the next one.
#
#   LAB_MODE      auto | native | generic | tc: how teal attaches (default auto)
#   LAB_OFFLOAD   off:    everybody but the edge finishes checksums before sending, as what comes from a physical link
#                         has them; receivers verify
#                 link:   the edge's uplink is as physical, both ways; the backends leave theirs to be filled in
#                 on:     nobody finishes them, as between containers; receivers believe
#                 filled: nobody but the edge's devices, as packets leave by them; receivers verify
#                 (default: on for tc and auto, off for native and generic)
#   LAB_GRO       on | off: whether the far ends can take redirected XDP frames (default on)
#   LAB_SOURCE, LAB_SOURCE6  the `source:` of all services (default: none)
#   SOAK=1        the long version
set -euo pipefail

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TEAL=${TEAL:-$LAB_ROOT/build/teal}
TEALD=${TEALD:-$LAB_ROOT/build/teald}
TRAFFIC=${TRAFFIC:-$LAB_ROOT/build/tests/traffic}
LAB_MODE=${LAB_MODE:-auto}

# Everything of a lab carries its name, so that labs do not meet.  /run/netns is where ip keeps namespaces anyway.
LAB_HOME=/run/teal-lab
LAB=${LAB:-teal-$$}
LAB_DIR=$LAB_HOME/$LAB
LAB_PINS=$LAB_DIR/bpf/teal
LAB_STATE=$LAB_DIR/state

VIP=203.0.113.10
VIP6=2001:db8:113::10
BACKENDS='blue1 blue2 green1 green2'
WEB=http://$VIP
# shellcheck disable=SC2034
WEB6=http://[$VIP6]

# shellcheck source=network.sh
source "$LAB_ROOT/tests/lab/network.sh"
# shellcheck source=servers.sh
source "$LAB_ROOT/tests/lab/servers.sh"

# --- assertions ---

passed=0
failed=0
SCENARIO=$(basename "$0" .sh)

# expect SENTENCE COMMAND...: the sentence holds if the command succeeds; if not, what it printed tells why.
# It runs in this shell, so that it can wait for what was started before.
expect() {
	local sentence=$1
	shift
	if "$@" >"$LAB_DIR/said" 2>&1; then
		passed=$((passed + 1))
		echo "ok - $sentence"
	else
		failed=$((failed + 1))
		echo "not ok - $sentence"
		{ echo "  of: $*" && cat "$LAB_DIR/said"; } | sed -n 1,20p | sed 's/^/    /'
	fi
}

is() { # GOT WANTED
	[ "$1" = "$2" ] || { echo "wanted $2, got $1" && return 1; }
}

holds() { # FIGURE TEST NUMBER, as in: holds 12 -ge 10
	awk -v a="$1" -v op="$2" -v b="$3" 'BEGIN {
		exit !((op == "-ge" && a >= b) || (op == "-le" && a <= b) || (op == "-gt" && a > b) || (op == "-lt" && a < b)) }' ||
		{ echo "$1 $2 $3 does not hold" && return 1; }
}

not() { ! "$@"; }

exits() { # CODE COMMAND...
	local code=0 wanted=$1
	shift
	"$@" || code=$?
	is "exit code $code" "exit code $wanted"
}

refused() { # CODE SENTENCE COMMAND...: it exits with that code and says that on standard error, in one line
	local code=0 wanted=$1 sentence=$2 said
	shift 2
	said=$("$@" 2>&1 >/dev/null) || code=$?
	is "exit code $code" "exit code $wanted"
	is "$(wc -l <<<"$said") line" "1 line"
	grep -qF -- "$sentence" <<<"$said" || { echo "it said: $said" && return 1; }
}

eventually() { # SECONDS COMMAND...: succeeds as soon as the command does
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >"$LAB_DIR/tried" 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { cat "$LAB_DIR/tried" && return 1; }
		sleep 0.05
	done
}

finish() {
	lab_down
	trap - EXIT ERR
	echo "$SCENARIO: $passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

# --- places ---

on() { # NAME COMMAND...: runs it in that namespace (and not by ip netns exec, which hides the host's /sys/fs/bpf)
	local name=$1
	shift
	[ "$LAB_TOPOLOGY" != host ] || case $name in blue* | green*) name=edge ;; esac
	nsenter --net="/run/netns/$LAB-$name" "$@"
}
client() { on client "$@"; }
edge() { on edge "$@"; }
teal() { edge "$TEAL" "$@" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"; }

# --- the lab's life ---

lab_alive() { # DIRECTORY: is it kept on purpose, or does the process that made it live (and is no other with its pid)?
	local pid started
	[ ! -e "$1/kept" ] || return 0
	read -r pid started 2>/dev/null <"$1/owner" && [ "$(process_start "$pid")" = "$started" ]
}

process_start() { # PID: its start time, which tells it from a later one
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	stat=${stat##*) }
	cut -d ' ' -f 20 <<<"$stat"
}

lab_remove() { # NAME: ends the processes in its namespaces, which are all its own, and removes all of it
	local space pids
	for space in /run/netns/"$1"-*; do
		[ -e "$space" ] || continue
		space=${space#/run/netns/}
		pids=$(ip netns pids "$space" 2>/dev/null) || true
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
		ip netns delete "$space" 2>/dev/null || true
	done
	# The programs let go of their devices when the file system goes in which they are pinned.
	umount --recursive "$LAB_HOME/$1/bpf" 2>/dev/null || true
	rm -rf "${LAB_HOME:?}/$1"
}

lab_sweep() { # what killed runs left
	local each
	for each in "$LAB_HOME"/*; do
		[ -d "$each" ] && ! lab_alive "$each" && lab_remove "$(basename "$each")"
	done
	return 0
}

lab_down() {
	local pid
	for pid in $(jobs -p); do
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	lab_remove "$LAB"
}

lab_end() { # at EXIT without finish: something broke off
	local status=$?
	set +e
	trap '' INT TERM
	[ "$status" = 0 ] || [ "$status" = 130 ] || [ ! -s "$LAB_DIR/teald.log" ] || {
		echo "the last lines of teald's log:"
		tail -n 15 "$LAB_DIR/teald.log" | sed 's/^/    /'
	}
	[ -e "$LAB_DIR/kept" ] || lab_down
	exit "$status"
}

lab_up() { # [routed | far | plain | aside | bridge | host]
	LAB_TOPOLOGY=${1:-routed}
	[ "$(id -u)" = 0 ] || { echo "the lab makes network namespaces, so it needs root: run it with sudo" >&2 && exit 1; }
	umask 077
	mkdir -p "$LAB_HOME"
	lab_sweep
	[ ! -e "$LAB_DIR" ] || { echo "there is a lab named $LAB already" >&2 && exit 1; }
	trap lab_end EXIT
	trap 'exit 130' INT TERM
	set -E
	trap 'echo "broke off at line $LINENO of ${BASH_SOURCE[0]}: $BASH_COMMAND" >&2' ERR
	# With its owner in it from the beginning, or another run would take it for a left one.
	mkdir "$LAB_HOME/.$LAB"
	echo "$$ $(process_start $$)" >"$LAB_HOME/.$LAB/owner"
	mv -T "$LAB_HOME/.$LAB" "$LAB_DIR"
	mkdir "$LAB_DIR/bpf" "$LAB_STATE" "$LAB_DIR/files"
	mount -t bpf bpf "$LAB_DIR/bpf"
	"topology_$LAB_TOPOLOGY"
	# Nobody has the VIP: it is only routed to the edge.
	address client eth0 198.51.100.2/24 2001:db8:51::2/64
	gateway client 198.51.100.1 2001:db8:51::1
	[ "$LAB_TOPOLOGY" = far ] || address edge eth0 198.51.100.1/24 2001:db8:51::1/64
	edge sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	client sysctl -q -w net.ipv4.ip_local_port_range='1025 65535'
	lab_offload
}

# --- teal ---

endpoints() { # SERVICE [6] NAME...: as a YAML list
	local service=$1 family=4 list='' each
	shift
	[ "$1" != 6 ] || { family=6 && shift; }
	for each in "$@"; do
		case $family in
		4) list+=", \"$(backend_address "$each"):$(backend_port "$each" "$service")\"" ;;
		6) list+=", \"[$(backend_address "$each" 6)]:$(backend_port "$each" "$service")\"" ;;
		esac
	done
	echo "[${list#, }]"
}

service_yaml() { # NAME LISTEN SERVICE [6] -- the NAME's backends are those of SERVICE
	local source=LAB_SOURCE${4:-}
	cat <<-YAML
		  - name: $1
		    listen: "$2"
		    blue: $(endpoints "$3" ${4:+"$4"} blue1 blue2)
		    green: $(endpoints "$3" ${4:+"$4"} green1 green2)
	YAML
	[ -z "${!source:-}" ] || echo "    source: \"${!source}\""
}

# iperf3 opens several connections that must reach the same server, so bulk has one of each color.
lab_config() { # [MORE]: YAML appended to the services
	{
		echo "devices:"
		echo "  - { name: eth0, mode: $LAB_MODE }"
		case $LAB_TOPOLOGY in routed | far) echo "  - { name: eth1, mode: $LAB_MODE }" ;; esac
		echo "services:"
		service_yaml web "$VIP:80/tcp" web
		service_yaml echo "$VIP:7000/tcp" echo
		service_yaml udp "$VIP:7001/udp" udp
		service_yaml web6 "[$VIP6]:80/tcp" web 6
		service_yaml echo6 "[$VIP6]:7000/tcp" echo 6
		service_yaml udp6 "[$VIP6]:7001/udp" udp 6
		cat <<-YAML
			  - name: bulk
			    listen: "$VIP:5201/tcp"
			    blue: $(endpoints bulk blue1)
			    green: $(endpoints bulk green1)
		YAML
		[ $# = 0 ] || printf '%s\n' "$1"
	} >"$LAB_DIR/teal.yaml"
}

teald_options() { printf '%s\n' --config "$LAB_DIR/teal.yaml" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"; }

log_lines() { wc -l <"$LAB_DIR/teald.log"; }
# No pipe: grep -q goes when it has found what it looks for, and with pipefail whoever has more to say then fails.
log_says() { # FROM LINE, PATTERN
	grep -q "$2" <(tail -n "+$(($1 + 1))" "$LAB_DIR/teald.log")
}

teald_start() { # and waits until it is ready
	local before options
	mapfile -t options < <(teald_options)
	touch "$LAB_DIR/teald.log"
	before=$(log_lines)
	setsid nsenter --net="/run/netns/$LAB-edge" "$TEALD" "${options[@]}" >>"$LAB_DIR/teald.log" 2>&1 &
	TEALD_PID=$!
	eventually 60 teald_ready_or_gone "$before" || { echo "teald was not ready after a minute" >&2 && return 1; }
	kill -0 "$TEALD_PID" 2>/dev/null || { echo "teald did not start" >&2 && return 1; }
}
teald_ready_or_gone() { log_says "$1" 'ready:' || ! kill -0 "$TEALD_PID" 2>/dev/null; }

teald_end() { # SIGNAL
	kill "-$1" "$TEALD_PID"
	wait "$TEALD_PID" 2>/dev/null || true
}
teald_stop() { teald_end TERM; }
teald_kill9() { teald_end KILL; }

teald_reload() { # and waits until it has read its configuration, or has refused it
	RELOAD_FROM=$(log_lines)
	kill -HUP "$TEALD_PID"
	eventually 60 log_says "$RELOAD_FROM" 'read again\|runs on'
}
was_read_again() { log_says "$RELOAD_FROM" 'was read again'; } # backends may have said something since

teald_detach() {
	local options
	mapfile -t options < <(teald_options)
	edge "$TEALD" "${options[@]}" --detach
}

active_color() { # SERVICE
	teal status "$1" --json | jq -r '.services[0].active'
}

generation() { # SERVICE
	teal status "$1" --json | jq -r '.services[0].generation'
}

rows() { # TABLE: how many it has
	bpftool map dump pinned "$LAB_PINS/$1" | grep -c '"key":' || true
}

has_flows() { # SERVICE NUMBER, on both colors together
	holds "$(teal status "$1" --json | jq '[.services[0].colors[].flows] | add')" -ge "$2"
}

flows_of() { # SERVICE COLOR
	teal status "$1" --json | jq -r ".services[0].colors.$2.flows"
}
