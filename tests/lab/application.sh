# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A real application to deploy: an nginx site with a stream of server-sent events, in releases, good and bad.

# What a deployment runs: installs and starts a release on every host of the color.  `teal deploy` calls it without a shell.
application_make() {
	cat >"$LAB_DIR/events" <<-'SHELL'
		#!/bin/sh
		# An endless stream of events, each with its number; a client that misses one can tell.
		printf 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n'
		number=0
		while printf 'data: %s %s\n\n' "$1" "$number"; do
			number=$((number + 1))
			sleep 0.5
		done
	SHELL
	cat >"$LAB_DIR/slow" <<-'SHELL'
		#!/bin/sh
		# Says what was asked for after a third of a second.
		sleep 0.3
		printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nslowly\n'
	SHELL
	cat >"$LAB_DIR/release" <<-SHELL
		#!/bin/bash
		# release NUMBER [KIND]
		set -eu
		case \$1 in *[!0-9]*) echo "there is no release \$1" >&2 && exit 1 ;; esac
		for host in \${TEAL_COLOR}1 \${TEAL_COLOR}2; do
			dir=$LAB_DIR/app-\$host
			in_host() { nsenter --net="/run/netns/$LAB-\$host" "\$@"; }
			pids=\$(ip netns pids "$LAB-\$host")
			[ -z "\$pids" ] || kill -9 \$pids
			in_host nft flush ruleset
			mkdir -p "\$dir"
			health='return 200 "well\n";'
			[ "\${2:-}" != slow ] || health='proxy_pass http://127.0.0.1:9001;'
			cat >"\$dir/nginx.conf" <<-NGINX
				worker_processes 1;
				user root;
				pid \$dir/nginx.pid;
				error_log \$dir/error.log;
				events { worker_connections 1024; }
				http {
					access_log off;
					client_body_temp_path \$dir/body;
					proxy_temp_path \$dir/proxy;
					fastcgi_temp_path \$dir/fastcgi;
					uwsgi_temp_path \$dir/uwsgi;
					scgi_temp_path \$dir/scgi;
					server {
						listen 0.0.0.0:8080 backlog=4096;
						location = / { default_type text/plain; return 200 "\$1 \$host\n"; }
						location = /healthz { default_type text/plain; \$health }
						location = /events { proxy_pass http://127.0.0.1:9000; proxy_buffering off; proxy_read_timeout 1h; }
					}
				}
			NGINX
			in_host setsid socat TCP-LISTEN:9000,bind=127.0.0.1,fork,reuseaddr EXEC:"$LAB_DIR/events \$1" </dev/null >/dev/null 2>&1 &
			in_host setsid socat TCP-LISTEN:9001,bind=127.0.0.1,fork,reuseaddr EXEC:$LAB_DIR/slow </dev/null >/dev/null 2>&1 &
			in_host nginx -e "\$dir/error.log" -c "\$dir/nginx.conf" </dev/null >/dev/null 2>&1
			case \${2:-} in
			crashes) # a second after clients have begun to come
				{
					until [ "\$(jq -r .services.web.active "$LAB_STATE/state.json")" = "\$TEAL_COLOR" ]; do sleep 0.1; done
					sleep 1
					kill -9 \$(ip netns pids "$LAB-\$host")
				} </dev/null >/dev/null 2>&1 &
				;;
			esac
		done
	SHELL
	chmod 755 "$LAB_DIR/events" "$LAB_DIR/slow" "$LAB_DIR/release"
}

# What goes wrong only for clients, once they come: rules of the hosts' firewalls, which the edge's checks do not meet.
bad_for_clients() { # COLOR VERDICT
	local host
	for host in "${1}1" "${1}2"; do
		on "$host" nft -f - <<-NFT
			table ip bad {
				chain input {
					type filter hook input priority 0;
					ip saddr 198.51.100.0/24 tcp dport 8080 tcp flags syn / syn,ack,fin,rst $2
				}
			}
		NFT
	done
}

# Streams that clients hold on to for the whole time.
declare -A STREAMS
streams_begin() { # NAME NUMBER
	local i
	for ((i = 0; i < $2; i++)); do
		nsenter --net="/run/netns/$LAB-client" curl -sN "$WEB/events" >"$LAB_DIR/stream-$1-$i" 2>/dev/null &
		STREAMS[$1-$i]=$!
	done
	eventually 30 streams_flow "$1" >/dev/null
}
streams_flow() { # NAME: has every one of them something?
	local each
	for each in "$LAB_DIR"/stream-"$1"-*; do [ -s "$each" ] || return 1; done
}
streams_have() { # NAME LINES: more than these, all together
	holds "$(cat "$LAB_DIR"/stream-"$1"-* | wc -l)" -gt "$2"
}
streams_are_whole() { # NAME RELEASE: alive, of that release, no event missing, and still coming
	local each
	eventually 30 streams_have "$1" "$(cat "$LAB_DIR"/stream-"$1"-* | wc -l)" || { echo "nothing comes any more" && return 1; }
	for each in "${!STREAMS[@]}"; do
		[ "${each%-*}" = "$1" ] || continue
		kill -0 "${STREAMS[$each]}" 2>/dev/null || { echo "stream $each is broken" && return 1; }
		awk -v release="$2" '/^data: / { if ($2 != release || $3 != wanted++) exit 1 } END { if (!wanted) exit 1 }' \
			"$LAB_DIR/stream-$each" || { echo "stream $each is not whole" && return 1; }
	done
}
streams_end() { # NAME
	local each
	for each in "${!STREAMS[@]}"; do
		[ "${each%-*}" = "$1" ] || continue
		kill "${STREAMS[$each]}" 2>/dev/null || true
		wait "${STREAMS[$each]}" 2>/dev/null || true
		unset "STREAMS[$each]"
		rm "$LAB_DIR/stream-$each"
	done
}

# Requests, each on a connection of its own, sixty a second by ten clients, until requests_end.
REQUESTS_PIDS=()
requests_begin() {
	local i
	rm -f "$LAB_DIR"/requests-*
	for ((i = 0; i < 10; i++)); do
		nsenter --net="/run/netns/$LAB-client" curl -s --rate 6/s --max-time 3 -H 'Connection: close' -o /dev/null \
			-w '%{stderr}%{http_code} %{errormsg}\n' "$WEB/?[1-100000]" 2>"$LAB_DIR/requests-$i" &
		REQUESTS_PIDS+=($!)
	done
}
requests_end() {
	kill "${REQUESTS_PIDS[@]}"
	wait "${REQUESTS_PIDS[@]}" 2>/dev/null || true
	REQUESTS_PIDS=()
}
requests_made() { cat "$LAB_DIR"/requests-* | wc -l; }
requests_failed() { cat "$LAB_DIR"/requests-* | grep -vc '^200 $' || true; }

application_config() { # RISE FALL: of its health checks
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices:
		  - { name: eth0, mode: $LAB_MODE }
		  - { name: eth1, mode: $LAB_MODE }
		services:
		$(service_yaml web "$VIP:80/tcp" web | sed 's/^\t*//')
		    health: { type: http, path: /healthz, interval: 300ms, timeout: 1s, rise: $1, fall: $2 }
	YAML
}
