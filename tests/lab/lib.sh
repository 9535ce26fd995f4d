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
		{ echo "  of: $*" && cat "$LAB_DIR/said"; } | head -n 20 | sed 's/^/    /'
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

eventually() { # SECONDS COMMAND...: succeeds as soon as the command does
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
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

# --- the network ---

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
	umount "$LAB_HOME/$1/bpf" 2>/dev/null || true
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
	[ "$status" = 0 ] || [ ! -s "$LAB_DIR/teald.log" ] || {
		echo "the last lines of teald's log:"
		tail -n 15 "$LAB_DIR/teald.log" | sed 's/^/    /'
	}
	[ -e "$LAB_DIR/kept" ] || lab_down
	exit "$status"
}

space() { # NAME...: namespaces that behave like hosts with fixed addresses
	local name
	for name in "$@"; do
		ip netns add "$LAB-$name"
		nsenter --net="/run/netns/$LAB-$name" sysctl -q -w \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
			net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
		ip -n "$LAB-$name" link set lo up
	done
}

wire() { # NAME DEVICE NAME DEVICE: a cable
	ip link add "$2" netns "$LAB-$1" type veth peer name "$4" netns "$LAB-$3"
	ip -n "$LAB-$1" link set "$2" up
	ip -n "$LAB-$3" link set "$4" up
}

# A switch, as a bridge.  Groups are not its business: it hands on every neighbour solicitation at once.
bridge() { # NAME DEVICE
	ip -n "$LAB-$1" link add "$2" type bridge mcast_snooping 0
	ip -n "$LAB-$1" link set "$2" up
}

plug() { # NAME BRIDGE DEVICE
	ip -n "$LAB-$1" link set "$3" master "$2"
}

address() { # NAME DEVICE ADDRESS...
	local name=$1 device=$2 each
	shift 2
	for each in "$@"; do
		case $each in
		*:*) ip -n "$LAB-$name" address add "$each" dev "$device" nodad ;;
		*) ip -n "$LAB-$name" address add "$each" dev "$device" ;;
		esac
	done
}

gateway() { # NAME ADDRESS...
	local name=$1 each
	shift
	for each in "$@"; do ip -n "$LAB-$name" route add default via "$each"; done
}

backend_address() { # NAME [6]
	case ${LAB_TOPOLOGY}-$1-${2:-4} in
	host-*-4) echo 198.51.100.1 ;;
	host-*-6) echo 2001:db8:51::1 ;;
	*-blue?-4) echo "10.0.1.1${1#blue}" ;;
	*-green?-4) echo "10.0.2.1${1#green}" ;;
	*-blue?-6) echo "fd00:10::1:1${1#blue}" ;;
	*-green?-6) echo "fd00:10::2:1${1#green}" ;;
	esac
}

backend_port() { # NAME SERVICE
	local port=1
	case $1 in blue2) port=2 ;; green1) port=3 ;; green2) port=4 ;; esac
	case $LAB_TOPOLOGY-$2 in
	host-web) echo "800$port" ;;
	host-echo) echo "710$port" ;;
	host-udp) echo "720$port" ;;
	host-bulk) echo "520$port" ;;
	*-web) echo 8080 ;;
	*-echo) echo 7000 ;;
	*-udp) echo 7001 ;;
	*-bulk) echo 5201 ;;
	esac
}

# Client - edge - switch with the backends behind it: what most will have.
topology_routed() {
	space client edge lan
	wire client eth0 edge eth0
	wire edge eth1 lan port0
	bridge lan br0
	plug lan br0 port0
	backends_plug lan
	address edge eth1 10.0.0.1/16 fd00:10::1/64
}

# The edge has one leg, on the switch where everybody is.
topology_plain() {
	local each
	space client edge lan
	bridge lan br0
	wire client eth0 lan port0
	wire edge eth0 lan port1
	plug lan br0 port0
	plug lan br0 port1
	backends_plug lan
	address edge eth0 10.0.0.1/16 fd00:10::1/64
	# What the edge's stack forwards here leaves by the device it came by, so it tells the backends of a shorter way,
	# directly to the client and past teal.  For IPv4 that can be turned off there, for IPv6 only where it is heard.
	edge sysctl -q -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
	for each in $BACKENDS; do
		on "$each" sysctl -q -w net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.eth0.accept_redirects=0
	done
}

# The backends are containers on the edge host, behind its bridge.
topology_bridge() {
	space client edge
	wire client eth0 edge eth0
	bridge edge br0
	backends_plug edge
	address edge br0 10.0.0.1/16 fd00:10::1/64
}

# The backends are processes on the edge host.
topology_host() {
	space client edge
	wire client eth0 edge eth0
}

backends_plug() { # NAME OF THE SWITCH'S NAMESPACE
	local each
	for each in $BACKENDS; do
		space "$each"
		wire "$each" eth0 "$1" "$each"
		plug "$1" br0 "$each"
		address "$each" eth0 "$(backend_address "$each")/16" "$(backend_address "$each" 6)/64"
		gateway "$each" 10.0.0.1 fd00:10::1
	done
}

# Where checksums are made, and whether frames can be redirected.
lab_offload() {
	local mode=${LAB_OFFLOAD:-} each
	[ -n "$mode" ] || case $LAB_MODE in native | generic) mode=off ;; *) mode=on ;; esac
	for each in $(ends); do
		on "${each%:*}" ethtool -K "${each#*:}" gro "${LAB_GRO:-on}" >/dev/null
		[ "$mode" != off ] || on "${each%:*}" ethtool -K "${each#*:}" tx off >/dev/null
	done
	[ "$mode" != link ] || client ethtool -K eth0 tx off >/dev/null
	[ "$mode" != link ] || edge ethtool -K eth0 tx off >/dev/null
	[ "$mode" != filled ] || for each in $(edge_ends); do edge ethtool -K "$each" tx off >/dev/null; done
}

ends() { # the far ends of the edge's cables and of the backends' ones, as NAME:DEVICE
	echo client:eth0
	case $LAB_TOPOLOGY in
	host) return ;;
	routed) echo lan:port0 ;;
	plain) echo lan:port1 ;;
	esac
	local each
	for each in $BACKENDS; do echo "$each:eth0"; done
}

edge_ends() {
	case $LAB_TOPOLOGY in
	routed) echo "eth0 eth1" ;;
	bridge) echo "eth0 $BACKENDS" ;;
	*) echo eth0 ;;
	esac
}

lab_up() { # [routed | plain | bridge | host]
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
	address client eth0 198.51.100.2/24 2001:db8:51::2/64
	address edge eth0 198.51.100.1/24 2001:db8:51::1/64
	# Nobody has the VIP: it is only routed to the edge.
	gateway client 198.51.100.1 2001:db8:51::1
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
	cat <<-YAML
		  - name: $1
		    listen: "$2"
		    blue: $(endpoints "$3" ${4:+"$4"} blue1 blue2)
		    green: $(endpoints "$3" ${4:+"$4"} green1 green2)
	YAML
}

# iperf3 opens several connections that must reach the same server, so bulk has one of each color.
lab_config() { # [MORE]: YAML appended to the services
	{
		echo "devices:"
		echo "  - { name: eth0, mode: $LAB_MODE }"
		[ "$LAB_TOPOLOGY" != routed ] || echo "  - { name: eth1, mode: $LAB_MODE }"
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
log_says() { # FROM LINE, PATTERN
	tail -n "+$(($1 + 1))" "$LAB_DIR/teald.log" | grep -q "$2"
}

teald_start() { # and waits until it is ready
	local before options
	mapfile -t options < <(teald_options)
	touch "$LAB_DIR/teald.log"
	before=$(log_lines)
	setsid nsenter --net="/run/netns/$LAB-edge" "$TEALD" "${options[@]}" >>"$LAB_DIR/teald.log" 2>&1 &
	TEALD_PID=$!
	eventually 10 teald_ready_or_gone "$before" || { echo "teald was not ready after 10 s" >&2 && return 1; }
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
	local before
	before=$(log_lines)
	kill -HUP "$TEALD_PID"
	eventually 5 log_says "$before" 'read again\|runs on'
}

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

has_flows() { # SERVICE NUMBER, on both colors together
	holds "$(teal status "$1" --json | jq '[.services[0].colors[].flows] | add')" -ge "$2"
}

flows_of() { # SERVICE COLOR
	teal status "$1" --json | jq -r ".services[0].colors.$2.flows"
}

# --- servers ---

nginx_config() { # NAME PORT
	local dir=$LAB_DIR/$1
	cat <<-NGINX
		worker_processes 1;
		user root;
		daemon off;
		pid $dir/nginx.pid;
		error_log $dir/error.log;
		events { worker_connections 4096; }
		http {
			access_log off;
			keepalive_requests 1000000;
			client_max_body_size 0;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			sendfile on;
			server {
				listen 0.0.0.0:$2 backlog=4096;
				listen [::]:$2 backlog=4096;
				location = / { default_type text/plain; return 200 "$1\n"; }
				location /up/ { root $dir; dav_methods PUT; create_full_put_path on; }
				location / { root $LAB_DIR/files; add_header X-Server $1; }
			}
		}
	NGINX
}

# In a session of its own, as daemons are: ^C means the scenario, and a kept lab outlives its terminal.
start() { # NAME COMMAND...: a server there, its output in a log
	local name=$1
	shift
	[ "$LAB_TOPOLOGY" != host ] || name=edge
	setsid nsenter --net="/run/netns/$LAB-$name" "$@" </dev/null >>"$LAB_DIR/servers.log" 2>&1 &
}

listening() { # NAME tcp|udp PORT
	on "$1" ss -H -l "--$2" -n "sport = :$3" | grep -q .
}

echo_start() { # NAME...
	local each
	for each in "$@"; do
		start "$each" "$TRAFFIC" serve --name "$each" --listen "[::]:$(backend_port "$each" echo)"
		start "$each" "$TRAFFIC" serve --name "$each" --listen "[::]:$(backend_port "$each" udp)" --udp
	done
	for each in "$@"; do
		eventually 5 listening "$each" tcp "$(backend_port "$each" echo)"
		eventually 5 listening "$each" udp "$(backend_port "$each" udp)"
	done
}

web_start() { # NAME...
	local each
	[ -e "$LAB_DIR/files/100k" ] || {
		head -c 102400 /dev/urandom >"$LAB_DIR/files/100k"
		head -c 20000000 /dev/urandom >"$LAB_DIR/files/big"
	}
	for each in "$@"; do
		mkdir -p "$LAB_DIR/$each"
		nginx_config "$each" "$(backend_port "$each" web)" >"$LAB_DIR/$each/nginx.conf"
		start "$each" nginx -e "$LAB_DIR/$each/error.log" -c "$LAB_DIR/$each/nginx.conf"
	done
	for each in "$@"; do eventually 5 listening "$each" tcp "$(backend_port "$each" web)"; done
}

# shellcheck disable=SC2086
servers_start() {
	echo_start $BACKENDS
	web_start $BACKENDS
}

iperf_start() {
	local each
	for each in blue1 green1; do
		start "$each" iperf3 -s -p "$(backend_port "$each" bulk)"
		eventually 5 listening "$each" tcp "$(backend_port "$each" bulk)"
	done
}

# --- clients ---

ask() { # [URL]: who answers
	client curl -s --max-time 5 "${1:-$WEB/}"
}

answers() { # COLOR [URL]: does every one of ten connections get that color?
	local try who
	for try in 1 2 3 4 5 6 7 8 9 10; do
		who=$(ask "${2:-$WEB/}") || { echo "no answer to try $try" && return 1; }
		[ "${who%[12]}" = "$1" ] || { echo "wanted $1, $who answered" && return 1; }
	done
}

switch_command() { # SERVICE: as traffic wants it
	echo "$TEAL switch $1 %s --quiet --pin-dir $LAB_PINS --state-dir $LAB_STATE"
}

# load SERVICE OPTIONS...: connections to one of echo, echo6, udp, udp6, and whatever the options want.  Succeeds if
# nothing went wrong; otherwise says what did.  The figures are read by figure SERVICE.
load() {
	load_begin "$@"
	load_result "$1"
}

# The same with switches of that service made by the load itself, so that it knows when each began and returned.
load_switching() {
	load "$@" --switch "$(switch_command "$1")" --netns-switch "/run/netns/$LAB-edge"
}

declare -A LOAD_PIDS
load_begin() {
	local service=$1 kind=load port=7000 host=$VIP
	shift
	case $service in *6) host=[$VIP6] ;; esac
	case $service in udp*) kind=udp port=7001 ;; esac
	rm -f "$LAB_DIR/$service.json"
	nsenter --net="/run/netns/$LAB-client" "$TRAFFIC" $kind --target "$host:$port" \
		--json "$LAB_DIR/$service.json" "$@" &
	LOAD_PIDS[$service]=$!
}

load_end() { # SERVICE: now, and not when its time is over
	kill -TERM "${LOAD_PIDS[$1]}"
	load_result "$1"
}

load_result() { # SERVICE: waits for it
	wait "${LOAD_PIDS[$1]}" || { figure "$1" '.errors[], .details[]' && return 1; }
}

figure() { # SERVICE FILTER, as in: figure echo .new.failed
	jq -r "${@:2}" "$LAB_DIR/$1.json"
}

# What every load must show.
expect_clean() { # SERVICE, SENTENCE'S BEGINNING
	local kept
	kept=$(figure "$1" .long.wanted)
	expect "$2: $kept of $kept long-lived connections kept" is "$(figure "$1" .long.kept)" "$kept"
	expect "$2: no new connection failed, of $(figure "$1" .new.made)" is "$(figure "$1" .new.failed)" 0
	expect "$2: no new connection on the old color after a switch returned" is "$(figure "$1" .new.stale)" 0
	expect "$2: no switch failed" is "$(figure "$1" .switches.failed)" 0
	expect "$2: no errors at all" is "$(figure "$1" '[.errors[], .details[]] | join("; ")')" ""
}

drops() { # packets that teal dropped, for whatever reason
	teal status --verdicts --json | jq '[.verdicts[] | select(.action == "DROP") | .packets] | add'
}

# Every INTERVAL seconds, until switching_end.
switching_begin() { # INTERVAL SERVICE
	(
		for ((i = 1; ; i++)); do
			sleep "$1"
			color=green
			[ $((i % 2)) = 1 ] || color=blue
			teal switch "$2" $color --quiet && echo "$color" >>"$LAB_DIR/switched-$2"
		done
	) &
	SWITCHING_PID=$!
	SWITCHED=$LAB_DIR/switched-$2
	: >"$SWITCHED"
}
switching_end() { # and says how many there were
	kill "$SWITCHING_PID" 2>/dev/null
	wait "$SWITCHING_PID" 2>/dev/null || true
}
switched() { wc -l <"$SWITCHED"; }
