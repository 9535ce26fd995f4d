# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A part of lib.sh: the servers, the clients and the load.

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
	grep -q . <(on "$1" ss -H -l "--$2" -n "sport = :$3")
}

echo_start() { # NAME...
	local each
	for each in "$@"; do
		start "$each" "$TRAFFIC" serve --name "$each" --listen "[::]:$(backend_port "$each" echo)"
		start "$each" "$TRAFFIC" serve --name "$each" --listen "[::]:$(backend_port "$each" udp)" --udp
	done
	for each in "$@"; do
		eventually 30 listening "$each" tcp "$(backend_port "$each" echo)"
		eventually 30 listening "$each" udp "$(backend_port "$each" udp)"
	done
}

web_start() { # NAME...
	local each
	[ -e "$LAB_DIR/files/100k" ] || {
		head -c 102400 /dev/urandom >"$LAB_DIR/files/100k"
		head -c 4000000 /dev/urandom >"$LAB_DIR/files/some"
		head -c 20000000 /dev/urandom >"$LAB_DIR/files/big"
	}
	for each in "$@"; do
		mkdir -p "$LAB_DIR/$each"
		nginx_config "$each" "$(backend_port "$each" web)" >"$LAB_DIR/$each/nginx.conf"
		start "$each" nginx -e "$LAB_DIR/$each/error.log" -c "$LAB_DIR/$each/nginx.conf"
	done
	for each in "$@"; do eventually 30 listening "$each" tcp "$(backend_port "$each" web)"; done
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
		eventually 30 listening "$each" tcp "$(backend_port "$each" bulk)"
	done
}

# --- clients ---

ask() { # [URL]: who answers
	client curl -s --max-time 5 "${1:-$WEB/}"
}

# One datagram with what is in FILE; prints what comes back, as soon as it does.  With TIMES the same again, from the same port.
datagram() { # FILE ADDRESS PORT [TIMES]
	local address=${2#[}
	# shellcheck disable=SC2016
	client timeout 20 bash -c 'exec 3<>"/dev/udp/$1/$2" || exit
		for ((time = 0; time < $3; time++)); do
			dd status=none bs=65536 count=1 if="$0" >&3 && dd status=none bs=65536 count=1 <&3 || exit
		done' "$1" "${address%]}" "$3" "${4:-1}"
}

answers() { # COLOR [URL]: does every one of ten connections get that color?
	local try who
	for try in 1 2 3 4 5 6 7 8 9 10; do
		who=$(ask "${2:-$WEB/}") || { echo "no answer to try $try" && return 1; }
		[ "${who%[12]}" = "$1" ] || { echo "wanted $1, $who answered" && return 1; }
	done
}

switch_command() { # SERVICE: as traffic wants it, with a backslash before each space of a path
	echo "${TEAL// /\\ } switch $1 %s --quiet --pin-dir $LAB_PINS --state-dir $LAB_STATE"
}

# load SERVICE OPTIONS...: connections to one of echo, echo6, udp, udp6, and whatever the options want.  Succeeds if
# nothing went wrong; otherwise says what did.  The figures are read by figure SERVICE.  Of several at once the others
# are called SERVICE.WORD.
load() {
	load_begin "$@"
	load_result "$1"
}

# The same with switches of that service made by the load itself, so that it knows when each began and returned.
load_switching() {
	load "$@" --switch "$(switch_command "$1")" --netns-switch "/run/netns/$LAB-edge"
}

# Without --seconds it goes on until load_end.
declare -A LOAD_PIDS
load_begin() {
	local service=$1 kind=load port=7000 host=$VIP
	shift
	case ${service%.*} in *6) host=[$VIP6] ;; esac
	case $service in udp*) kind=udp port=7001 ;; esac
	rm -f "$LAB_DIR/$service.json"
	nsenter --net="/run/netns/$LAB-client" "$TRAFFIC" $kind --target "$host:$port" \
		--json "$LAB_DIR/$service.json" --seconds 3600 "$@" &
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

# --- what works everywhere ---

intact() { # URL OF THE WEB SERVER: what goes down and up arrives as it was sent
	rm -rf "$LAB_DIR/down" "$LAB_DIR"/*/up
	client curl -s --fail --max-time 20 -o "$LAB_DIR/down" "$1/some" && cmp "$LAB_DIR/down" "$LAB_DIR/files/some" &&
		client curl -s --fail --max-time 20 -T "$LAB_DIR/files/some" "$1/up/some" &&
		cmp "$LAB_DIR"/*/up/some "$LAB_DIR/files/some"
}

# A few long-lived ones and a steady stream of new ones over three switches, all protocols at once.
expect_live() { # SENTENCE'S BEGINNING
	local service
	for service in echo echo6 udp udp6; do
		load_begin "$service" --long 20 --rate 50 --seconds 2 --switches 3 --switch "$(switch_command "$service")" \
			--netns-switch "/run/netns/$LAB-edge"
	done
	expect "$1: TCP on IPv4 lives over 3 switches" load_result echo
	expect "$1: TCP on IPv6 lives over 3 switches" load_result echo6
	expect "$1: UDP on IPv4 lives over 3 switches" load_result udp
	expect "$1: UDP on IPv6 lives over 3 switches" load_result udp6
}

expect_everything() { # SENTENCE'S BEGINNING
	local what=$1
	expect "$what: blue answers" answers blue
	expect "$what: blue answers on IPv6" answers blue "$WEB6/"
	expect "$what: 4 MB arrive intact, down and up" intact "$WEB"
	expect_live "$what"
	expect "$what: teal switches" teal switch web web6 green --quiet
	expect "$what: green answers" answers green
	expect "$what: green answers on IPv6" answers green "$WEB6/"
	expect "$what: 4 MB arrive intact on IPv6, down and up" intact "$WEB6"
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

verdict() { # NAME: packets of which that became
	teal status --verdicts --json | jq --arg name "$1" '.verdicts[] | select(.name == $name) | .packets'
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
