#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every mistake that a newcomer will make gets its sentence and its exit code, and changes nothing.
# shellcheck source=tests/lab/lib.sh
source "$(dirname "$0")/lib.sh"

teald() { # OPTIONS...: with the lab's places
	timeout 60 nsenter --net="/run/netns/$LAB-edge" "$TEALD" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" "$@"
}

nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

config() { # TEXT: a configuration file
	printf '%s\n' "$1" >"$LAB_DIR/wrong.yaml"
	echo "$LAB_DIR/wrong.yaml"
}

with_service() { # LINES of the service web
	config "devices: [{name: eth0}]
services:
  - name: web
    listen: $VIP:80/tcp
$1"
}

alive() { # PIDS: those of them that live
	local pid
	for pid in "$@"; do ! kill -0 "$pid" 2>/dev/null || echo "$pid"; done
}
one_serves() { # PIDS: and nobody else lives
	grep -q 'ready:' "$LAB_DIR"/two-? && is "$(alive "$@" | wc -l) alive" "1 alive"
}
two_at_once() { # TIMES: of two that begin together one serves until it is ended, the other is refused with 3
	local each pid pids code codes
	for ((each = 0; each < $1; each++)); do
		pids=() codes=()
		for pid in 1 2; do
			nsenter --net="/run/netns/$LAB-edge" "$TEALD" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" \
				--config "$LAB_DIR/teal.yaml" >"$LAB_DIR/two-$pid" 2>&1 &
			pids+=($!)
		done
		eventually 60 one_serves "${pids[@]}" || { cat "$LAB_DIR"/two-? && return 1; }
		kill "$(alive "${pids[@]}")"
		for pid in "${pids[@]}"; do
			wait "$pid" && code=0 || code=$?
			codes+=("$code")
		done
		is "exit codes $(printf '%s\n' "${codes[@]}" | sort -n | paste -sd ' ')" "exit codes 0 3" || return 1
		teal status web || return 1
		is "$(find "$LAB_PINS/links" -type f | wc -l) links" "4 links" || return 1
		teald_detach
	done
}

lab_up routed
lab_config ""
# Readable by nobody in particular, as what is installed is.
cp "$TEAL" "$TEALD" "$LAB_DIR/teal.yaml" "$LAB_DIR/files/"
chmod 755 "$LAB_HOME" "$LAB_DIR" "$LAB_DIR/files" "$LAB_DIR/files/"*

expect "before teald is started, teal says so" \
	refused 1 "teal is not loaded in $LAB_PINS: start teald there" teal status
expect "teald without root says that it needs it" \
	refused 1 "only root may load programs into the kernel: try 'sudo teald'" \
	nobody "$LAB_DIR/files/teald" --config "$LAB_DIR/files/teal.yaml" --check
expect "an option that is none" refused 2 "there is no option '--bogus': see 'teald --help'" teald --bogus
expect "a check that is to detach" refused 2 "choose one" teald --check --detach
expect "a place without a name" refused 2 "was given an empty name" teald --config=
expect "a configuration file that is missing" refused 1 "/nowhere.yaml" teald --config /nowhere.yaml
expect "broken YAML is told with its line" refused 1 "wrong.yaml:2: this is not YAML" teald --config "$(config 'devices: [')"
expect "an unknown key is told with its line" \
	refused 1 'wrong.yaml:5: unknown key "bleu"' teald --config "$(with_service '    bleu: []')"
expect "no such device" refused 1 "there is no device eth9 here" \
	teald --config "$(config 'devices: [{name: eth9}]
services: []')"
expect "two services with one endpoint: both are named" \
	refused 1 "10.0.1.11:80/tcp is a backend of both web (blue) and api (green)" \
	teald --config "$(with_service "    blue: ['10.0.1.11:80']
  - name: api
    listen: $VIP:81/tcp
    green: ['10.0.1.11:80']")"
expect "a backend that only its own host reaches" \
	refused 1 "127.0.0.1:80, a backend of web (blue), is an address that packets of other hosts cannot go to" \
	teald --check --config "$(with_service "    blue: ['127.0.0.1:80']")"
expect "a source of the other address family" \
	refused 1 "2001:db8::5 cannot be the source of web, which listens on IPv4" teald --config "$(with_service '    source: "2001:db8::5"')"
expect "a source that is a VIP" \
	refused 1 "$VIP cannot be the source of web, for it is the address of web" teald --config "$(with_service "    source: $VIP")"
expect "resets of what nobody checks" \
	refused 1 '"on_down: reset" needs health checks' teald --config "$(with_service '    on_down: reset')"
expect "a health check that is no program" \
	refused 1 '"command" must begin with the whole path of a program' teald --config "$(with_service '    health: { type: exec, command: [check] }')"
edge sysctl -q -w net.ipv4.ip_forward=0
expect "forwarding is off: the command that mends it is told" \
	refused 1 "IPv4 forwarding is off on eth0, so packets cannot go on to backends on other hosts: try 'sysctl -w net.ipv4.ip_forward=1'" \
	teald --config "$LAB_DIR/teal.yaml"
expect "doctor finds the same, and exits with 1" \
	grep -q 'sysctl -w net.ipv4.ip_forward=1' <(teal doctor --config "$LAB_DIR/teal.yaml" 2>&1 || [ $? = 1 ])
edge sysctl -q -w net.ipv4.ip_forward=1
doctor_on_addresses() { teal doctor --config "$LAB_DIR/teal.yaml" --json | jq -r '.findings[] | select(.what | contains("is no address of this host")).mend'; }
expect "services listen where this host has no address: doctor tells how it gets one" \
	is "$(doctor_on_addresses)" "ip address add $VIP/32 dev eth0"
edge ip address add "$VIP/32" dev lo
edge ip address add "$VIP6/128" dev lo
expect "where it has them, doctor is content" is "$(doctor_on_addresses)" ''
edge ip address del "$VIP/32" dev lo
edge ip address del "$VIP6/128" dev lo
expect "a pin directory that is on no BPF file system" \
	refused 1 "is not on a BPF file system" \
	timeout 60 nsenter --net="/run/netns/$LAB-edge" "$TEALD" --pin-dir "$LAB_DIR/files/pins" --state-dir "$LAB_STATE" --config "$LAB_DIR/teal.yaml"
expect "a state directory that cannot be written" \
	refused 1 "the state directory /proc/teal cannot be written" \
	timeout 60 nsenter --net="/run/netns/$LAB-edge" "$TEALD" --pin-dir "$LAB_PINS" --state-dir /proc/teal --config "$LAB_DIR/teal.yaml"
mkdir -m 777 "$LAB_PINS" && chown 65534 "$LAB_PINS"
expect "a pin directory that somebody else has made" refused 1 "belongs to user 65534, who could take the tables away" \
	teald --config "$LAB_DIR/teal.yaml"
rmdir "$LAB_PINS"
expect "none of them leaves anything behind" not test -e "$LAB_PINS"
expect "two that are started at once: one serves, the other is refused with 3, five times" two_at_once 5

teald_start
before=$(teal status --json)

expect "a second teald is refused with 3" \
	refused 3 "another teald already serves $LAB_PINS" teald --config "$LAB_DIR/teal.yaml"
expect "a second teald in another place is refused its devices" \
	refused 1 "eth0 is served by another teald already" \
	timeout 60 nsenter --net="/run/netns/$LAB-edge" "$TEALD" --pin-dir "$LAB_DIR/bpf/other" --state-dir "$LAB_DIR/other" --config "$LAB_DIR/teal.yaml"
expect "and leaves nothing behind" not test -e "$LAB_DIR/bpf/other"
expect "--detach while it runs is refused with 3" refused 3 "another teald already serves" teald --detach
expect "an unknown service: the ones there are are named" \
	refused 1 "there is no service 'wbe': the services here are bulk, echo, echo6, udp, udp6, web, web6" teal switch wbe green
expect "no color" refused 2 "'red' is no color: it must be blue or green" teal switch web red
expect "no command" refused 2 "there is no command 'swap'" teal swap web
expect "an ambiguous prefix" refused 2 "'s' could be status or switch" teal s
expect "too few arguments: how it is written" refused 2 "write it as: teal switch SERVICE... COLOR" teal switch web
expect "an option of another command" refused 2 "--force is not for 'teal status'" teal status --force
expect "an option that is none" refused 2 "there is no option '--bogus': see 'teal --help'" teal status --bogus
expect "a letter for an option" refused 2 "there is no option '-j': options are written out" teal -j status
expect "a number below nothing" refused 2 "there is no option '-1'" teal canary web green -1
expect "an option that could be several" refused 2 "'--f' could be --force or --from" teal switch web green --f
expect "an option without what it takes" refused 2 "--why takes something behind it: write --why TEXT" edge "$TEAL" switch web green --why
expect "an option with what it does not take" refused 2 "--json takes nothing behind it: leave '=1' out" teal status --json=1
expect "a place without a name" refused 2 "--state-dir was given an empty name" edge "$TEAL" status --state-dir=
expect "a time behind a blank" refused 2 "write --wait=5s" teal drain web --wait 5s
expect "the options of a command are told by it" grep -q '^  --why TEXT  *what the history' <(teal switch --help)
expect "also by teal help" is "$(teal help switch)" "$(teal switch --help)"
expect "in 80 columns" is "$(teal --help | awk 'length > 80' | wc -l)" 0
expect "and only those" not grep -q -- --smoke <(teal switch --help)
expect "a number that is none" refused 2 "--limit takes a whole number from 1 on, not 'many'" teal flows --limit many
expect "a time that is none" refused 2 "--wait takes a time such as 30s, 5m or 1h, not 'soon'" teal drain web --wait=soon
expect "a client that is none" refused 2 "'home' is no client" teal flows --client home
expect "a backend that is none" refused 2 "'10.0.1.11' is no backend: write ADDRESS:PORT" teal backends web green 10.0.1.11
expect "a backend of the other address family" refused 2 "is of another address family" teal backends web green '[::1]:80'
expect "a backend of the other color" \
	refused 3 "10.0.1.11:8080 is a backend of web (blue) already" teal backends web green 10.0.1.11:8080
expect "a backend of another service" \
	refused 1 "10.0.1.11:7000/tcp is a backend of echo (blue) already" teal backends web green 10.0.1.11:7000
expect "a backend where a service listens" \
	refused 3 "$VIP:7000/tcp is where echo listens, so it cannot be a backend of web" teal backends web green "$VIP:7000"
expect "a backend that only its own host reaches" \
	refused 2 "'127.0.0.1:80' is an address that packets of other hosts cannot go to" teal backends web green 127.0.0.1:80
expect "a backend that only its own wire reaches" refused 2 "cannot go to" teal backends web6 green '[fe80::1]:80'
completed() { # LINE: what bash makes of the last word of it
	edge bash -c 'PATH=$1:$PATH && source "$2" && COMP_WORDS=($3) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) &&
		case $3 in *" ") COMP_WORDS+=("") COMP_CWORD=$((COMP_CWORD + 1)) ;; esac &&
		_teal teal && echo "${COMPREPLY[*]}"' - "$(dirname "$TEAL")" "$LAB_ROOT/dist/teal.bash" "$1"
}
expect "bash completes commands" is "$(completed "teal re")" "resume"
expect "options of a command and of all" is "$(completed "teal switch --w") $(completed "teal switch --no")" "--wait --why --no-color"
expect "services" is "$(completed "teal --pin-dir $LAB_PINS status web")" "web web6"
expect "and colors" is "$(completed "teal --pin-dir $LAB_PINS backends web ")" "blue green"
expect "nothing behind what is whole" is "$(completed "teal resume web ")" ""
expect "a rollback before any switch" refused 3 "web was never switched" teal rollback web
expect "a drain of the active color" refused 3 "blue is the active color of web" teal drain web blue
expect "teal without root says that it needs it" \
	refused 1 "the tables are root's, so run this as root (sudo)" \
	nobody "$LAB_DIR/files/teal" status --pin-dir "$LAB_PINS"
onto_full() { teal "$@" >/dev/full; }
expect "an answer that cannot be printed" \
	refused 1 "what was asked for is done, but the answer cannot be printed: No space left on device" onto_full status
expect "flows of nobody: no empty list comes with the sentence" is "$(teal flows --client home 2>/dev/null || true)" ""
expect "the history of a service that is not there" refused 1 "there is no service 'wbe'" teal history wbe
expect "a monitor that is to be quiet" refused 2 "leave --quiet out" teal monitor --quiet
expect "a deployment of no backends" refused 2 "--backends takes backends such as" teal deploy web --backends ,
expect "a deployment for a reason that is no text" \
	refused 2 "what --why was given is not UTF-8 text" teal deploy web --why "$(printf 'a\377')"
expect "which is not begun" is "$(teal status web --json | jq .services[0].deployment)" null
expect "a deployment by limits that are not there" refused 1 "/nowhere.yaml" teal deploy web --config /nowhere.yaml
expect "a deployment that goes on with something else" \
	refused 2 "leave the other options out" teal deploy web --resume --canary 5%:1m
# Nothing of a command is a shell's, and no name is a path's.
# shellcheck disable=SC2016
for each in '$(touch OWNED)' '; touch OWNED' '| touch OWNED' '> OWNED' '`touch OWNED`' '&& touch OWNED'; do
	expect "a deployment's command with $each" \
		refused 1 "(false) ended with exit code 1" teal deploy bulk --run "false ${each//OWNED/$LAB_DIR/owned}" --quiet
done
expect "which all were words" test ! -e "$LAB_DIR/owned"
for each in ../web ../../etc/passwd 'web;reboot' 'web%s%n' $'web\e[31m' "$(head -c 5000 /dev/zero | tr '\0' a)"; do
	expect "the service ${each:0:20}" refused 1 "there is no service" teal switch "$each" green
	expect "the history of the service ${each:0:20}" refused 1 "there is no service" teal history "$each"
done
rm -r "$LAB_STATE/deploy"
expect "after all that nothing has changed" is "$(teal status --json)" "$before"

mkdir "$LAB_DIR/full"
mount -t tmpfs -o size=4k tmpfs "$LAB_DIR/full"
head -c 4096 /dev/zero >"$LAB_DIR/full/filler"
expect "a full disk: the switch is refused before the data path changes" \
	refused 1 "cannot be written (No space left on device)" \
	edge "$TEAL" switch web green --pin-dir "$LAB_PINS" --state-dir "$LAB_DIR/full"
umount "$LAB_DIR/full"
expect "and the color is what it was" is "$(active_color web)" blue

# What was set at run time, beside a configuration that was changed meanwhile.
teal backends bulk green 10.0.2.11:9090 --quiet
teald_stop
teald_detach >/dev/null 2>&1
sed '/name: echo$/,/green:/ s/green: .*/green: ["10.0.2.11:9090"]/' "$LAB_DIR/teal.yaml" >"$LAB_DIR/changed.yaml"
expect "an endpoint of the configuration that another service was given at run time: both are named" \
	refused 1 "10.0.2.11:9090/tcp would be a backend of" teald --config "$LAB_DIR/changed.yaml"
expect "nothing is left of that start" test ! -e "$LAB_PINS"
teald_start

# A color without backends, and reloads of a broken and of a changed configuration.
sed -i '/name: web$/,/green:/ s/green: .*/green: []/' "$LAB_DIR/teal.yaml"
teald_reload
expect "a color without backends is refused with 3, also by force" \
	refused 3 "green of web has no backend: give it some with 'teal backends web green ADDRESS:PORT...'" \
	teal switch web green --force
expect "of several services, one without a backend: none is switched" \
	refused 3 "green of web has no backend" teal switch echo web green
before=$(teal status --json)
expect "and the other one is where it was" is "$(active_color echo)" blue
lines=$(log_lines)
sed -i 's/name: web$/nmae: web/' "$LAB_DIR/teal.yaml"
kill -HUP "$TEALD_PID"
expect "a broken configuration on reload is told in the log with file and line" \
	eventually 30 log_says "$lines" 'teal.yaml:.*unknown key "nmae".*what was running before runs on'
expect "and changes nothing" is "$(teal status --json)" "$before"
teald_stop

# Tables of another layout, as another version leaves them: the same rows under another number.
sed -i 's/nmae: web$/name: web/' "$LAB_DIR/teal.yaml"
layout_set() { # NUMBER, below 256
	local row
	mapfile -t row < <(bpftool -j map lookup pinned "$LAB_PINS/meta" key 0 0 0 0 | jq -r '.value[]')
	bpftool map update pinned "$LAB_PINS/meta" key 0 0 0 0 value "$(printf '0x%02x' "$1")" "${row[@]:1}"
}
layout=$(bpftool -j map lookup pinned "$LAB_PINS/meta" key 0 0 0 0 | jq .formatted.value.layout)
layout_set 200
expect "another version's tables: teal says so" refused 1 "have layout 200 and teal" teal status
expect "teald does not begin" refused 1 "knows layout $layout, so it leaves them alone" teald --config "$LAB_DIR/teal.yaml"
expect "which --check told before" refused 1 "have layout 200" teald --config "$LAB_DIR/teal.yaml" --check
# Those of another version may be of other sizes, too.
bpftool map create "$LAB_PINS/meta~" type array key 4 value 8 entries 1 name meta
bpftool map update pinned "$LAB_PINS/meta~" key 0 0 0 0 value 200 0 0 0 0 0 0 0
mv "$LAB_PINS/meta" "$LAB_PINS/kept" && mv "$LAB_PINS/meta~" "$LAB_PINS/meta"
expect "of another size: teal says the same" refused 1 "put back the version that loaded them" teal status
expect "and teald" refused 1 "run 'teald --detach' and then start teald" teald --config "$LAB_DIR/teal.yaml"
rm "$LAB_PINS/meta" && mv "$LAB_PINS/kept" "$LAB_PINS/meta"
layout_set "$layout"
expect "and its own are good" teald --config "$LAB_DIR/teal.yaml" --check
layout_set 200
expect "--detach takes another version's away" teald_detach
expect "and all is new" not teal status
finish
