# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Lanes for real servers and clients: client - edge - sink, once for each way across an edge, each with a web server, an
# iperf3 server and an echo server of its own in its sink.  What the edge does is the lane's name.
#   direct   no edge: the client is wired to the sink
#   routing  plain routing
#   wire     the same without super-packets, as frames travel on most wires
#   nic      the same with NAPI and GRO on every hop, as a network card's driver delivers them
#   redirect an XDP program that sends every frame on by the other device, untouched: what XDP itself takes on veth
#   tc, xdp  teal
#   nft      nftables DNAT
#   flowtable the same with a flowtable, where the kernel has them
#   haproxy  in tcp mode
#   nginx    stream
# A part of lab.sh.

SERVER=10.0.1.11

lane_title() { # NAME
	case $1 in
	direct) echo "direct cable, no edge" ;;
	routing) echo "plain routing" ;;
	wire) echo "plain routing, no super-packets" ;;
	nic) echo "plain routing, NAPI on every hop" ;;
	redirect) echo "bare XDP redirect" ;;
	tc) echo "teal, tc" ;;
	xdp) echo "teal, XDP" ;;
	nft) echo "nftables DNAT" ;;
	flowtable) echo "nftables DNAT, flowtable" ;;
	haproxy) echo "HAProxy, tcp mode" ;;
	nginx) echo "nginx stream" ;;
	*) echo "$1" ;;
	esac
}

titles() { # the first column's lane names become what people call them
	local script='' each
	for each in direct routing wire nic redirect tc xdp nft flowtable haproxy nginx; do script+="s/^$each\t/$(lane_title "$each")\t/;"; done
	sed "$script"
}

target() { # LANE: the address that its client asks
	case $1 in direct | routing | wire | nic | redirect) echo "$SERVER" ;; *) echo "$VIP" ;; esac
}

topology_servers() {
	local each
	for each in $LANES; do
		space "$each-client" "$each-sink"
		if [ "$each" = direct ]; then
			wire "$each-client" eth0 "$each-sink" eth0
			address "$each-client" eth0 10.0.0.2/16
			address "$each-sink" eth0 "$SERVER/16"
		else
			space "$each-edge"
			wire "$each-client" eth0 "$each-edge" eth0
			wire "$each-edge" eth1 "$each-sink" eth0
			address "$each-client" eth0 198.51.100.2/24
			address "$each-edge" eth0 198.51.100.1/24
			address "$each-edge" eth1 10.0.0.1/16
			address "$each-sink" eth0 "$SERVER/16"
			gateway "$each-client" 198.51.100.1
			gateway "$each-sink" 10.0.0.1
			on "$each-edge" sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.ip_local_port_range='1025 65535' \
				net.core.somaxconn=16384 net.ipv4.tcp_max_syn_backlog=16384
		fi
		on "$each-client" sysctl -q -w net.ipv4.ip_local_port_range='1025 65535'
		on "$each-sink" sysctl -q -w net.core.somaxconn=16384 net.ipv4.tcp_max_syn_backlog=16384
	done
	# lab_up dresses a client and an edge of its own.
	space client edge
	wire client eth0 edge eth0
}
ends() { :; }

# As packets come from a physical link: whole, none larger than the link's.
device_physical() { # PLACE DEVICE
	on "$1" ethtool -K "$2" tx off tso off gso off gro on >/dev/null
}

lane_physical() { # LANE
	local each
	for each in client sink; do device_physical "$1-$each" eth0; done
}

# A veth delivers by NAPI only what comes from a device without super-packets; else a packet takes a short cut that no
# network card has.  So the edge's own devices decide about that.
lane_nic() {
	local each
	for each in eth0 eth1; do device_physical nic-edge $each; done
}

# Whoever receives a frame finds its own link address in it already.
lane_redirect() {
	on redirect-client ip neighbour replace 198.51.100.1 lladdr "$(link_of redirect-sink)" dev eth0 nud permanent
	on redirect-sink ip neighbour replace 10.0.0.1 lladdr "$(link_of redirect-client)" dev eth0 nud permanent
	on redirect-edge "$OUT/bench" redirect eth0 eth1
}
link_of() { on "$1" ip -j link show eth0 | jq -r ".[0].address"; }

# What bench fill's clients send comes from behind a router, and the neighbours are known.
lane_clients() { # LANE
	ip -n "$LAB-$1-edge" neighbour replace "$SERVER" lladdr "$(link_of "$1-sink")" dev eth1 nud permanent
	ip -n "$LAB-$1-edge" neighbour replace 198.51.100.2 lladdr "$(link_of "$1-client")" dev eth0 nud permanent
	ip -n "$LAB-$1-edge" route add "$CLIENTS" via 198.51.100.2
}

# --- teal: its configuration is $LAB_DIR/LANE/teal.yaml ---

lane_options() { # LANE
	printf '%s\n' --pin-dir "$LAB_DIR/bpf/$1" --state-dir "$LAB_DIR/$1/state"
}
lane_teald() { # LANE: until it is ready; TEALD_PID is its process
	local options
	mapfile -t options < <(lane_options "$1")
	mkdir -p "$LAB_DIR/$1/state"
	: >"$LAB_DIR/teald.log"
	in_memory_group setsid nsenter --net="/run/netns/$LAB-$1-edge" "$TEALD" --config "$LAB_DIR/$1/teal.yaml" "${options[@]}" \
		</dev/null >>"$LAB_DIR/teald.log" 2>&1 &
	TEALD_PID=$!
	until_log 'ready:'
}
until_log() { # PATTERN, in what is new since the log was emptied
	local end=$((SECONDS + 300))
	while [ "$SECONDS" -lt "$end" ]; do
		! grep -q "$1" "$LAB_DIR/teald.log" || return 0
		kill -0 "$TEALD_PID" || return 1
		sleep 0.01
	done
	return 1
}
lane_say() { # LANE COMMAND...: teal's
	local lane=$1 options
	shift
	mapfile -t options < <(lane_options "$lane")
	on "$lane-edge" "$TEAL" "$@" "${options[@]}"
}
lane_detach() { # LANE
	local options
	mapfile -t options < <(lane_options "$1")
	teald_stop
	on "$1-edge" "$TEALD" --config "$LAB_DIR/$1/teal.yaml" "${options[@]}" --detach >/dev/null
}

lane_teal() { # LANE MODE
	mkdir -p "$LAB_DIR/$1"
	cat >"$LAB_DIR/$1/teal.yaml" <<-YAML
		devices: [{ name: eth0, mode: $2 }, { name: eth1, mode: $2 }]
		services:
		  - { name: web, listen: "$VIP:8080/tcp", blue: ["$SERVER:8080"], green: ["10.0.1.12:8080"] }
		  - { name: bulk, listen: "$VIP:5201/tcp", blue: ["$SERVER:5201"], green: ["10.0.1.12:5201"] }
		  - { name: echo, listen: "$VIP:7000/tcp", blue: ["$SERVER:7000"], green: ["10.0.1.12:7000"] }
	YAML
	lane_teald "$1"
}

# --- the others ---

lane_nft() { nft_dnat nft-edge "ip daddr $VIP dnat to $SERVER"; }
lane_flowtable() { nft_dnat flowtable-edge "ip daddr $VIP dnat to $SERVER" flowtable; }

haproxy_defaults() { # MAXCONN MORE-OF-GLOBAL...
	printf '%s\n' global "  maxconn $1" '  tune.bufsize 65536' "${@:2}" defaults '  mode tcp' '  timeout connect 5s' '  timeout client 300s' '  timeout server 300s'
}

# The proxies have the VIP.  Their threads and workers are as they come: one for each CPU.  Their buffers are larger than they
# come (16 KB): that takes a third of HAProxy's CPU time off 100 KB, and a tenth of nginx's, and costs nothing at 100 B.
lane_haproxy() {
	local dir=$LAB_DIR/haproxy port
	mkdir -p "$dir"
	ip -n "$LAB-haproxy-edge" address add "$VIP/32" dev lo
	{
		haproxy_defaults $(($(idle_connections) + 200)) "  stats socket $dir/socket level admin"
		for port in 8080 5201 7000; do
			printf '%s\n' "listen p$port" "  bind $VIP:$port backlog 16384" "  server s $SERVER:$port"
		done
	} >"$dir/haproxy.cfg"
	start haproxy-edge haproxy -db -f "$dir/haproxy.cfg"
	eventually 5 listening haproxy-edge tcp 7000
}

lane_nginx() {
	local dir=$LAB_DIR/nginx port
	mkdir -p "$dir"
	ip -n "$LAB-nginx-edge" address add "$VIP/32" dev lo
	{
		cat <<-NGINX
			load_module /usr/lib/nginx/modules/ngx_stream_module.so;
			worker_processes auto;
			user root;
			daemon off;
			pid $dir/nginx.pid;
			error_log $dir/error.log;
			events { worker_connections 20000; }
			stream {
		NGINX
		for port in 8080 5201 7000; do
			echo "server { listen $VIP:$port backlog=16384; proxy_pass $SERVER:$port; proxy_timeout 300s; proxy_buffer_size 64k; }"
		done
		echo '}'
	} >"$dir/nginx.conf"
	start nginx-edge nginx -e "$dir/error.log" -c "$dir/nginx.conf"
	eventually 5 listening nginx-edge tcp 7000
}

lane_servers() { # LANE
	local dir=$LAB_DIR/$1-sink
	mkdir -p "$dir"
	nginx_config "$1-sink" 8080 | sed "s/worker_connections 4096/worker_connections 20000/" >"$dir/nginx.conf"
	start "$1-sink" nginx -e "$dir/error.log" -c "$dir/nginx.conf"
	start "$1-sink" iperf3 -s -p 5201
	start "$1-sink" "$TRAFFIC" serve --name "blue1" --listen "0.0.0.0:7000"
	eventually 5 listening "$1-sink" tcp 8080
	eventually 5 listening "$1-sink" tcp 5201
	eventually 5 listening "$1-sink" tcp 7000
}

# A proxy needs two descriptors for each, and some that may not raise the limit have few.
idle_connections() {
	local limit
	limit=$(ulimit -n)
	[ "$limit" != unlimited ] && [ "$limit" -lt 21000 ] && echo $((limit / 2 - 500)) && return
	echo 10000
}

lanes_up() {
	local each
	ulimit -n 65536 2>/dev/null || true
	flowtables_there || LANES=${LANES/flowtable/}
	lab_up servers
	head -c 100 /dev/urandom >"$LAB_DIR/files/100"
	head -c 102400 /dev/urandom >"$LAB_DIR/files/100k"
	for each in $LANES; do
		case $each in wire | nic | redirect | xdp) lane_physical "$each" ;; esac
		case $each in
		tc) lane_teal tc tc ;;
		xdp) lane_teal xdp native ;;
		nic | redirect | nft | flowtable | haproxy | nginx) "lane_$each" ;;
		esac
		lane_servers "$each"
		on "$each-client" curl -sf -o /dev/null --max-time 5 "http://$(target "$each"):8080/100"
	done
}

# ns of CPU time of all processes in those namespaces of a lane that still run.
lane_cpu() { # LANE PLACE...
	local lane=$1 place pid
	shift
	for place in "$@"; do
		[ -e "/run/netns/$LAB-$lane-$place" ] || continue
		for pid in $(ip netns pids "$LAB-$lane-$place"); do cat /proc/"$pid"/task/*/schedstat 2>/dev/null || true; done
	done | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

lane_rss() { # LANE: kB of what runs at its edge
	local pid
	[ -e "/run/netns/$LAB-$1-edge" ] || { echo 0 && return; }
	for pid in $(ip netns pids "$LAB-$1-edge"); do sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true; done |
		awk '{ sum += $1 } END { print sum + 0 }'
}
