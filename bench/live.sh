#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part 2: packets a second through an edge, live frames from one CPU.  A part of bench/run.
# shellcheck source=lab.sh
source "$(dirname "$0")/lab.sh"

LANES='drop redirect floor teal routing nft'
titles() {
	sed 's/^drop\t/received and dropped in XDP: the wire\t/; s/^redirect\t/plain XDP redirect\t/; s/^floor\t/the floor: rewrite and redirect from a fixed table\t/
		s/^teal\t/teal, all flows confirmed\t/; s/^routing\t/kernel routing\t/; s/^nft\t/nftables DNAT\t/'
}

# Teal's lane has the lab's own names, the others theirs in front.
prefix() { [ "$1" = teal ] || echo "$1-"; }

# client - edge - sink, once for each lane.
topology_lanes() {
	local each p
	for each in $LANES; do
		p=$(prefix "$each")
		space "${p}client" "${p}edge" "${p}sink"
		wire "${p}client" eth0 "${p}edge" eth0
		wire "${p}edge" eth1 "${p}sink" eth0
		link_address "${p}client" eth0 02:00:00:00:c1:00
		link_address "${p}edge" eth0 02:00:00:00:ed:00
		link_address "${p}edge" eth1 02:00:00:00:ed:01
		link_address "${p}sink" eth0 02:00:00:00:51:00
		address "${p}edge" eth1 10.0.0.1/16
		address "${p}sink" eth0 10.0.1.11/16
		[ "$each" = teal ] || address "${p}edge" eth0 198.51.100.1/24
		ip -n "$LAB-${p}edge" neighbour replace 10.0.1.11 lladdr 02:00:00:00:51:00 dev eth1 nud permanent
		# What is sent by XDP is taken only by a far end that has NAPI.
		on "${p}client" ethtool -K eth0 gro on >/dev/null
		on "${p}edge" ethtool -K eth0 gro on >/dev/null
		on "${p}edge" sysctl -q -w net.ipv4.ip_forward=1
	done
}
ends() { echo client:eth0; }

clients_route() { # PREFIX: they are behind a router that the edge knows
	ip -n "$LAB-$1edge" route add "$CLIENTS" via 198.51.100.2
	ip -n "$LAB-$1edge" neighbour replace 198.51.100.2 lladdr 02:00:00:00:c1:00 dev eth0 nud permanent
}

# A flow is taken up by whatever packet comes first, as after a restart.
nft_begin() {
	nft_dnat nft-edge "ip daddr $VIP tcp dport 443 dnat to 10.0.1.11:8443"
	on nft-edge sysctl -q -w net.netfilter.nf_conntrack_tcp_loose=1 net.netfilter.nf_conntrack_tcp_be_liberal=1
}

teal_begin() {
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices: [{ name: eth0, mode: native }, { name: eth1, mode: native }]
		services:
		  - { name: web, listen: "$VIP:443/tcp", blue: ["10.0.1.11:8443"], green: ["10.0.1.12:8443"] }
	YAML
	# The sink has its program only when packets come: till then it has what makes it take redirected frames.
	on sink ethtool -K eth0 gro on >/dev/null
	teald_start >&2
	fill "$VIP:443" 10.0.1.11:8443 "$flows"
	is "$(teal status web --json | jq '[.services[0].colors[].flows] | add')" "$flows" >&2
	is "$(teal flows web --limit 100000 --json | jq '[.flows[] | select(.state == "established")] | length')" "$flows" >&2
}

flows=4096 rounds=${ROUNDS:-21} slice=150
[ -z "$QUICK" ] || { rounds=${ROUNDS:-9} && slice=80; }

lab_up lanes
for each in $LANES; do clients_route "$(prefix "$each")"; done
nft_begin
teal_begin
names=()
for each in $LANES; do names+=("$each=$LAB-$(prefix "$each")"); done
sent_before=$(teal status --verdicts --json | jq '[.verdicts[] | select(.name == "SENT_IN") | .packets] | add // 0')
"$OUT/bench" live --flows "$flows" --rounds "$rounds" --slice "$slice" "${names[@]}" >"$OUT/live.tsv"
sent_after=$(teal status --verdicts --json | jq '[.verdicts[] | select(.name == "SENT_IN") | .packets] | add // 0')

# Every packet of teal's lane took the way of a known flow, and no flow was made or lost.
received=$(awk -F '\t' '$1 == "teal" { sum += $4 } END { print sum + 0 }' "$OUT/live.tsv")
holds $((sent_after - sent_before)) -ge "$received" >&2
is "$(teal status web --json | jq '[.services[0].colors[].flows] | add')" "$flows" >&2
# Nor did nftables' lane hand packets on as they were.
is "$(on nft-edge sysctl -n net.netfilter.nf_conntrack_count)" "$flows" >&2

echo "## Live: packets a second through an edge"
echo
echo "64-byte frames of $flows flows in random order, sent, handled and received on one CPU; native XDP on veth; $rounds rounds of"
echo "$slice ms a lane, interleaved.  Mpps: arrived, by the clock and by CPU time.  Shares are of the same round, by CPU time."
echo
awk -F '\t' -v OFS='\t' '
	{ mpps[$1, $2] = $4 / $5 * 1000; cpu[$1, $2] = $6 > 0 ? $4 / $6 * 1000 : 0; if ($2 > last) last = $2; if (!($1 in seen)) { seen[$1]; lanes[++n] = $1 } }
	END { for (l = 1; l <= n; l++) for (r = 0; r <= last; r++) {
		print lanes[l], "Mpps", mpps[lanes[l], r]
		print lanes[l], "Mpps of CPU time", cpu[lanes[l], r]
		print lanes[l], "share of the wire", cpu[lanes[l], r] / cpu["drop", r]
		print lanes[l], "share of the floor", cpu[lanes[l], r] / cpu["floor", r]
		print lanes[l], "the same by the clock", mpps[lanes[l], r] / mpps["floor", r]
	} }' "$OUT/live.tsv" | quartiles >"$OUT/live-figures.tsv"
awk -F '\t' -v OFS='\t' '{ print $1, $2, sprintf("%.2f (%.2f-%.2f)", $3, $4, $5) }' "$OUT/live-figures.tsv" | titles | bench/table -v first="one CPU"
awk -F '\t' '$2 == "Mpps of CPU time"' "$OUT/live-figures.tsv" | titles | awk -F '\t' -v OFS='\t' -v f="$flows" '{ print $1, f " flows", $3, $4, $5 }' |
	bench/plot -v kind=bars -v title="Packets through an edge, 64 bytes each, native XDP on veth" -v unit="million a second of CPU time, one CPU" >"$OUT/live.svg"
awk -F '\t' '{ sent += $3; lost += $3 - $4 } END { printf "\nOf %d frames sent %d were lost.\n", sent, lost }' "$OUT/live.tsv"
printf '\n![Packets a second](live.svg)\n'
