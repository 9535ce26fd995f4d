# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A part of lib.sh: the hosts, the cables, the topologies, and how checksums travel.

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
	aside-blue?-4) echo "198.51.100.1${1#blue}" ;;
	aside-green?-4) echo "198.51.100.2${1#green}" ;;
	aside-blue?-6) echo "2001:db8:51::1${1#blue}" ;;
	aside-green?-6) echo "2001:db8:51::2${1#green}" ;;
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

# Client - router - edge - router - switch with the backends behind it.
topology_far() {
	local each
	space client near edge far
	wire client eth0 near port0
	wire near port1 edge eth0
	wire edge eth1 far port0
	bridge far br0
	backends_plug far
	address near port0 198.51.100.1/24 2001:db8:51::1/64
	address near port1 192.0.2.2/24 2001:db8:2::2/64
	address edge eth0 192.0.2.1/24 2001:db8:2::1/64
	address edge eth1 10.1.0.1/24 fd00:11::1/64
	address far port0 10.1.0.2/24 fd00:11::2/64
	address far br0 10.0.0.1/16 fd00:10::1/64
	gateway near 192.0.2.1 2001:db8:2::1
	gateway edge 192.0.2.2 2001:db8:2::2
	gateway far 10.1.0.1 fd00:11::1
	ip -n "$LAB-edge" route add 10.0.0.0/16 via 10.1.0.2
	ip -n "$LAB-edge" route add fd00:10::/64 via fd00:11::2
	for each in near far; do on $each sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; done
}

# The edge has one leg, on the switch where everybody is.
topology_plain() {
	one_switch
	address edge eth0 10.0.0.1/16 fd00:10::1/64
}

# The same, and the backends are in the clients' own subnet: what they send goes straight there, past the edge.
topology_aside() { one_switch; }

one_switch() {
	local each
	space client edge lan
	bridge lan br0
	wire client eth0 lan port0
	wire edge eth0 lan port1
	plug lan br0 port0
	plug lan br0 port1
	backends_plug lan
	# What the edge's stack forwards here leaves by the device it came by, so it tells the backends of a shorter way,
	# directly to the client and past teal.  For IPv4 that can be turned off there, for IPv6 only where it is heard.
	edge sysctl -q -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
	for each in client $BACKENDS; do
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
		if [ "$LAB_TOPOLOGY" = aside ]; then
			address "$each" eth0 "$(backend_address "$each")/24" "$(backend_address "$each" 6)/64"
		else
			address "$each" eth0 "$(backend_address "$each")/16" "$(backend_address "$each" 6)/64"
			gateway "$each" 10.0.0.1 fd00:10::1
		fi
	done
}

# The backends' default route leads to another router than the edge, which knows no way to the clients.
backends_elsewhere() {
	local each
	for each in $BACKENDS; do
		ip -n "$LAB-$each" route replace blackhole default
		ip -n "$LAB-$each" -6 route delete default
		ip -n "$LAB-$each" -6 route add blackhole default
	done
}

# A router's ways there become narrow; the wire itself stays as it is, or it would lose what is larger.
narrow() { # NAME DEVICE MTU PREFIX...
	local name=$1 device=$2 mtu=$3 each
	shift 3
	for each in "$@"; do
		case $each in
		*:*) ip -n "$LAB-$name" route replace "$each" dev "$device" proto kernel metric 256 mtu lock "$mtu" ;;
		*) ip -n "$LAB-$name" route replace "$each" dev "$device" proto kernel mtu lock "$mtu" ;;
		esac
	done
}

learned() { # MTU ADDRESS NAME...: one of these hosts has been told of its way there, and has believed it
	local mtu=$1 to=$2 each
	shift 2
	for each in "$@"; do
		! grep -q "mtu $mtu" <(on "$each" ip route get "$to") || return 0
	done
	echo "no way to $to is $mtu bytes wide" && return 1
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
	far) printf '%s\n' near:port0 near:port1 far:port0 ;;
	plain | aside) echo lan:port1 ;;
	esac
	local each
	for each in $BACKENDS; do echo "$each:eth0"; done
}

edge_ends() {
	case $LAB_TOPOLOGY in
	routed | far) echo "eth0 eth1" ;;
	bridge) echo "eth0 $BACKENDS" ;;
	*) echo eth0 ;;
	esac
}
