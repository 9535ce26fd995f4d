#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Backends die, hang, answer nonsense and come back: new connections go elsewhere, and existing ones do what they are told.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

INTERVAL=200 # ms, of every check here
FALL=2
CHECK="interval: ${INTERVAL}ms, timeout: 300ms, rise: 2, fall: $FALL"

health_config() { # MORE OF web, MORE OF echo, MORE OF udp
	cat >"$LAB_DIR/teal.yaml" <<-YAML
		devices:
		  - { name: eth0, mode: $LAB_MODE }
		  - { name: eth1, mode: $LAB_MODE }
		services:
		$(service_yaml web "$VIP:80/tcp" web | sed 's/^\t*//')
		    $1
		$(service_yaml echo "$VIP:7000/tcp" echo | sed 's/^\t*//')
		    $2
		$(service_yaml udp "$VIP:7001/udp" udp | sed 's/^\t*//')
		    $3
		$(service_yaml web6 "[$VIP6]:80/tcp" web 6 | sed 's/^\t*//')
		    health: { type: tcp, $CHECK }
	YAML
}
WEB_HEALTH="health: { type: http, path: /up/healthz, $CHECK }"
ECHO_HEALTH="health: { type: tcp, $CHECK }"

reload() {
	health_config "$@"
	teald_reload
	was_read_again
}

backend() { # SERVICE NAME FIELD, as status has it
	teal status "$1" --json | jq -r --arg address "$(backend_json_address "$1" "$2")" \
		"[.services[0].colors[].backends[] | select(.address == \$address)][0].$3"
}
backend_json_address() { # SERVICE NAME
	case $1 in
	*6) echo "[$(backend_address "$2" 6)]:$(backend_port "$2" "${1%6}")" ;;
	*) echo "$(backend_address "$2"):$(backend_port "$2" "$1")" ;;
	esac
}
is_health() { is "$(backend "$1" "$2" health)" "$3"; }     # SERVICE NAME HEALTH
has_reason() { grep -qF -- "$3" <<<"$(backend "$1" "$2" reason)" || { backend "$1" "$2" reason && return 1; }; }
all_are() { # SERVICE HEALTH
	is "$(teal status "$1" --json | jq -r '[.services[0].colors[].backends[].health] | unique | join(" ")')" "$2"
}

flows_are() { is "$(backend "$1" "$2" flows)" "$3"; } # SERVICE NAME NUMBER
greens_of_echo() { is "$(teal status echo --json | jq -r '[.services[0].colors.green.backends[].health] | sort | join(" ")')" "$1"; }

# Until it is down, or up, and how long that took: a figure, for the machine may be busy.
becomes() { # SERVICE NAME HEALTH
	local began
	began=$(date +%s%N)
	eventually 30 is_health "$1" "$2" "$3" || return 1
	TOOK=$((($(date +%s%N) - began) / 1000000))
}

pids_of() { # NAME WORD: of its servers whose command line has that word
	local pid
	for pid in $(ip netns pids "$LAB-$1"); do
		grep -q -- "$2" <(tr '\0' ' ' <"/proc/$pid/cmdline") && echo "$pid"
	done || true
}
# shellcheck disable=SC2046
stop_servers() { kill -"$3" $(pids_of "$1" "$2"); } # NAME WORD SIGNAL

only() { # URL NAME...: over 20 connections, exactly these answer
	local url=$1 try
	shift
	is "$(for ((try = 0; try < 20; try++)); do ask "$url"; done | sort -u | paste -sd ' ')" "$*"
}

# To the checks alone the host is dead: what it answers to the edge's own address goes nowhere.
deafen() { on "$1" ip route add blackhole 10.0.0.1/32; }
undeafen() { on "$1" ip route del blackhole 10.0.0.1/32; }

knock() { # TIMES URL: succeeds if all get an answer
	local try failed=0
	for ((try = 0; try < $1; try++)); do client curl -s --max-time 0.2 "$2" >/dev/null || failed=1; done
	return $failed
}
answers_echo() { client timeout 60 "$TRAFFIC" load --target "$VIP:7000" --rate 20 --seconds 1 | jq -e '.new.failed == 0 and .new.made > 5'; }
refused_echo() { client curl -s --max-time 3 "telnet://$VIP:7000" </dev/null || is "curl says $?" "curl says 7"; }
refusals() { teal status --verdicts --json | jq '[.verdicts[] | select(.name == "REFUSE_NO_BACKEND").packets] | add'; }

lab_up routed
mkdir -p "$LAB_DIR"/{blue1,blue2,green1,green2}/up
for each in $BACKENDS; do echo fine >"$LAB_DIR/$each/up/healthz"; done
cat >"$LAB_DIR/check" <<-'SH'
	#!/bin/sh
	# Sick backends are files; a hanging one waits in a child of its own.
	dir=$(dirname "$0")
	env | sort >"$dir/environment-$TEAL_BACKEND"
	[ ! -e "$dir/hangs-$TEAL_BACKEND" ] || sleep 4242
	[ ! -e "$dir/sick-$TEAL_BACKEND" ] || { echo "looking at it"; printf 'it has a \033[31mcold\n' >&2; exit 3; }
SH
chmod 755 "$LAB_DIR/check"
# A shell and what it starts take longer than a connection, on a machine that is busy.
UDP_HEALTH="health: { type: exec, command: [$LAB_DIR/check, a b], ${CHECK/300ms/1500ms} }"
health_config "$WEB_HEALTH" "$ECHO_HEALTH" "$UDP_HEALTH"
servers_start
teald_start

for each in web echo udp web6; do
	expect "everybody of $each comes up" eventually 30 all_are "$each" up
done
expect "how fast it answers is told" holds "$(backend web blue1 latency_us)" -gt 0
expect "and since when it is what it is" not is "$(backend web blue1 changed_at)" null
expect "the checks are no flows of the data path" is "$(teal flows --json | jq '.flows | length')" 0

# It dies.
stop_servers blue1 nginx KILL
expect "a server that died is found down" becomes web blue1 down
echo "    found after $TOOK ms, at an interval of $INTERVAL ms, fall $FALL"
expect "the reason is told" has_reason web blue1 "connect refused"
expect "in words, with its age" grep -Eq 'down .*for [0-9]+ s: connect refused' <(teal status web)
expect "new connections go elsewhere" only "$WEB/" blue2
expect "the log says so" log_says 0 'web: 10.0.1.11:8080 (blue) is down: connect refused'
expect "the same for IPv6" eventually 30 is_health web6 blue1 down
expect "and others are not touched" is_health web blue2 up
web_start blue1
expect "it comes back" eventually 30 is_health web blue1 up
expect "and gets new connections again" only "$WEB/" blue1 blue2

# It hangs: the kernel still takes connections for it.
stop_servers blue2 nginx STOP
expect "a server that hangs is down" becomes web blue2 down
echo "    found after $TOOK ms, at an interval of $INTERVAL ms, a timeout of 300 ms, fall $FALL"
expect "the reason is told" has_reason web blue2 "connected, but no answer within 300 ms"
expect "new connections go elsewhere" only "$WEB/" blue1
stop_servers blue2 nginx CONT
expect "it comes back" eventually 30 is_health web blue2 up

# It answers nonsense.
sed -i 's|location /up/ {|location = /up/healthz { return 500; }\n&|' "$LAB_DIR/blue1/nginx.conf"
stop_servers blue1 'nginx: master' HUP
expect "a server that answers 500 is down" becomes web blue1 down
expect "the reason is told" has_reason web blue1 "answered 500 instead of 200-399"
expect "expected otherwise, it is up" reload "${WEB_HEALTH/path/expect: [200, 500], path}" "$ECHO_HEALTH" "$UDP_HEALTH"
expect "as soon as it was asked again" eventually 30 is_health web blue1 up
expect "and down again" reload "$WEB_HEALTH" "$ECHO_HEALTH" "$UDP_HEALTH"
expect "after as many checks" eventually 30 is_health web blue1 down
sed -i '/return 500/d' "$LAB_DIR/blue1/nginx.conf"
stop_servers blue1 'nginx: master' HUP
expect "it comes back" eventually 30 is_health web blue1 up

# Existing connections: kept, or reset.
load_begin echo --long 100 --rate 50
expect "100 connections are there" eventually 30 has_flows echo 100
deafen blue1
expect "a backend that only the checks cannot reach is down" eventually 30 is_health echo blue1 down
expect "the reason is told" has_reason echo blue1 "no answer to connect within 300 ms"
sleep 0.5
before=$(backend echo blue1 connections)
sleep 1
expect "on_down: keep: it gets no new connections" is "$(backend echo blue1 connections)" "$before"
expect "and keeps those it has" holds "$(backend echo blue1 flows)" -gt 20
load_end echo
expect_clean echo "on_down: keep"
undeafen blue1
expect "it comes back" eventually 30 is_health echo blue1 up

expect "on_down: reset" reload "$WEB_HEALTH" "$ECHO_HEALTH
    on_down: reset" "$UDP_HEALTH"
load_begin echo --long 100 --rate 50
expect "100 connections are there" eventually 30 has_flows echo 100
held=$(backend echo blue2 flows)
deafen blue1
expect "it goes down" eventually 30 is_health echo blue1 down
expect "its connections are reset" eventually 30 flows_are echo blue1 0
expect "those of the others are not" holds "$(backend echo blue2 flows)" -ge $((held * 9 / 10))
kill -TERM "${LOAD_PIDS[echo]}"
wait "${LOAD_PIDS[echo]}" || true
expect "and the clients saw just that" holds "$(figure echo '.long.wanted - .long.kept')" -gt 20
undeafen blue1
expect "it comes back" eventually 30 is_health echo blue1 up
expect "and new connections live" answers_echo

# All of them.
for each in blue1 blue2; do deafen $each; done
for each in blue1 blue2; do expect "$each goes down" eventually 30 is_health echo $each down; done
expect "the log says that all are" eventually 30 log_says 0 'echo: no backend of blue is up: all of them stay in use'
reload "$WEB_HEALTH" "$ECHO_HEALTH" "$UDP_HEALTH" # keeps connections
expect "all_down: keep: new connections still go to them" answers_echo
expect "all_down: refuse" reload "$WEB_HEALTH" "$ECHO_HEALTH
    all_down: refuse" "$UDP_HEALTH"
before=$(refusals)
expect "refuses new ones by RST" refused_echo
expect "and counts them" holds "$(refusals)" -gt "$before"
expect "never the other color" is "$(active_color echo)" blue
undeafen blue2
expect "as soon as one comes back" eventually 30 is_health echo blue2 up
expect "they are served" answers_echo
undeafen blue1
expect "and the other one" eventually 30 is_health echo blue1 up

# Replies that go another way: the checks, which come from the edge, do not see that; doctor does.
expect "doctor knows nothing against them" not grep -q 'do not come back' <(teal doctor --config "$LAB_DIR/teal.yaml")
on blue1 ip route add blackhole 2001:db8:51::/64
expect "clients get no answer of one of two" not knock 24 "$WEB6/"
expect "whom the checks find up" is_health web6 blue1 up
expect "doctor tells of it" grep -q '\[fd00:10::1:11\]:8080 of web6 answers this host.s checks, but none of [0-9]* connections of clients: its replies do not come back through this host' \
	<(teal doctor --config "$LAB_DIR/teal.yaml")
expect "and of nobody else" is 1 \
	"$(teal doctor --config "$LAB_DIR/teal.yaml" --json | jq '[.findings[] | select(.what | contains("do not come back"))] | length')"
on blue1 ip route del blackhole 2001:db8:51::/64
sed -i '/name: web$/,/green:/ s/name: web$/&\n    source: 10.0.0.77/' "$LAB_DIR/teal.yaml"
expect "and of a source that is not this host's" grep -q '10.0.0.77, the source of web, is no address of this host' \
	<(teal doctor --config "$LAB_DIR/teal.yaml")
health_config "$WEB_HEALTH" "$ECHO_HEALTH" "$UDP_HEALTH"

# The gate.
for each in green1 green2; do stop_servers $each nginx KILL; done
for each in green1 green2; do expect "$each dies" eventually 30 is_health web $each down; done
refused() { # CODE SENTENCE COMMAND...
	local code=0 wanted=$1 sentence=$2 said
	shift 2
	said=$("$@" 2>&1 >/dev/null) || code=$?
	is "exit code $code" "exit code $wanted"
	grep -qF -- "$sentence" <<<"$said" || { echo "it said: $said" && return 1; }
}
expect "a switch to a color of which nobody is up is refused with 3, and says who and why" \
	refused 3 "none of the 2 backends of green of web is up: 10.0.2.11:8080 (connect refused), 10.0.2.12:8080 (connect refused)" \
	teal switch web green
expect "of several services none is switched then" refused 3 "of green of web is up" teal switch echo web green
expect "nothing has changed" is "$(active_color web) $(active_color echo)" "blue blue"
expect "--force does it all the same" teal switch web green --force --quiet
teal switch web blue --quiet
web_start green1 green2
expect "they come back" eventually 30 all_are web up
expect "and the gate is open" teal switch web green --quiet
teal switch web blue --quiet

# TLS, with a certificate that nobody but its maker trusts.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=www.example.org -addext subjectAltName=DNS:www.example.org \
	-keyout "$LAB_DIR/key.pem" -out "$LAB_DIR/certificate.pem" 2>/dev/null
for each in $BACKENDS; do
	sed -i "s|listen 0.0.0.0:8080 .*|listen 0.0.0.0:8080 ssl backlog=4096; ssl_certificate $LAB_DIR/certificate.pem; ssl_certificate_key $LAB_DIR/key.pem;|; s|listen \[::\]:8080 .*||" \
		"$LAB_DIR/$each/nginx.conf"
	stop_servers "$each" 'nginx: master' HUP
done
expect "servers that speak TLS now fail a check by HTTP" eventually 30 all_are web down
expect "the reason is told" has_reason web blue1 "answered 400 instead of 200-399"
HTTPS_HEALTH=${WEB_HEALTH/type: http/type: https, host: www.example.org}
expect "by HTTPS" reload "${HTTPS_HEALTH/path/verify: no, path}" "$ECHO_HEALTH" "$UDP_HEALTH"
expect "they are up, if nobody looks at their certificate" eventually 30 all_are web up
expect "the certificate is looked at" reload "$HTTPS_HEALTH" "$ECHO_HEALTH" "$UDP_HEALTH"
expect "and found wanting" eventually 30 all_are web down
expect "the reason is told" has_reason web blue1 "certificate"
reload "$WEB_HEALTH" "$ECHO_HEALTH" "$UDP_HEALTH"

# Commands.
one=$(backend_json_address udp blue1)
expect "a command knows whom to look at, and nothing else" is \
	"$(grep -v '^\(PWD\|_\|SHLVL\|OLDPWD\)=' "$LAB_DIR/environment-$one" | paste -sd ' ')" \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TEAL_BACKEND=$one TEAL_COLOR=blue TEAL_SERVICE=udp"
touch "$LAB_DIR/sick-$one"
expect "a command that fails takes its backend down" eventually 30 is_health udp blue1 down
expect "its last words are told, without its colors" is "$(backend udp blue1 reason)" "exit code 3: it has a ?[31mcold"
rm "$LAB_DIR/sick-$one"
expect "one that is content brings it back" eventually 30 is_health udp blue1 up
touch "$LAB_DIR/hangs-$one"
expect "one that hangs takes it down" eventually 30 is_health udp blue1 down
expect "the reason is told" has_reason udp blue1 "the command did not end within 1500 ms"
rm "$LAB_DIR/hangs-$one"
expect "one that ends brings it back" eventually 30 is_health udp blue1 up
expect "of those that hung nothing is left" eventually 30 eval 'is "$(pids_of edge "sleep 4242")" ""'
chmod 644 "$LAB_DIR/check"
expect "a command that cannot be run says nothing of the backend" eventually 30 has_reason udp blue1 "this host cannot check it: Permission denied"
expect "which stays what it was" is_health udp blue1 up
chmod 755 "$LAB_DIR/check"

# The daemon, and the tables.
deafen blue1
expect "it goes down" eventually 30 is_health echo blue1 down
teald_kill9
undeafen blue1
teald_start
expect "a new teald knows what the old one found" log_says 0 'ready:'
expect "and finds what has changed since" eventually 30 is_health echo blue1 up
deafen blue1
expect "it goes down" eventually 30 is_health echo blue1 down
since=$(backend echo blue1 changed_at)
teald_stop
teald_start
expect "what has not changed is told with its old age" is "$(backend echo blue1 health) $(backend echo blue1 changed_at)" "down $since"
undeafen blue1

expect "backends set at run time are checked as well" teal backends echo green 10.0.2.11:7000 --quiet
expect "those that are gone are not told of" is "$(teal status echo --json | jq '.services[0].colors.green.backends | length')" 1
expect "one more" teal backends echo green 10.0.2.11:7000 10.0.2.99:7000 --quiet
expect "is unknown at first, and counts" greens_of_echo "unknown up"
expect "and then down" eventually 30 greens_of_echo "down up"

expect "without checks everybody counts" reload "active: blue" "$ECHO_HEALTH" "$UDP_HEALTH"
expect "and is unknown" all_are web unknown
teald_stop

finish
