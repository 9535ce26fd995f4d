#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A deployment is killed wherever it makes something durable, and interrupted in every phase: the next command says where it
# stood, and --resume or --abort ends it; connections notice nothing of all that.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

PHASES=(--backends 10.0.2.11:7000 --run true --smoke true --preview 192.0.2.0/24 --canary 50%:1s --guard 1s --drain 1s --force)

journal() { jq -r "$1" "$LAB_STATE/deploy/echo.json"; }
stands_in() { # PHASE: both say so
	grep -q "a deployment to green stands in the phase $1 " <(teal status echo) &&
		grep -q "a deployment of echo to green stands in the phase $1 " <(teal deploy echo 2>&1) &&
		exits 3 teal deploy echo 2>/dev/null
}
addresses() { teal backends echo "$1" | paste -sd ' '; }
canary_of() { teal status echo --json | jq -r '.services[0].canary // "none"'; }
preview_of() { teal status echo --json | jq -r '.services[0].preview // "none"'; }
as_before() { # everything that a deployment touches
	is "$(active_color echo), canary $(canary_of), preview $(preview_of), green $(addresses green)" \
		"blue, canary none, preview none, green 10.0.2.11:7000 10.0.2.12:7000" || return 1
	is "in the books: $(jq -r '.services.echo | "\(.active) \(.green)"' "$LAB_STATE/state.json")" "in the books: blue null"
}
deployed() {
	is "$(active_color echo), canary $(canary_of), preview $(preview_of), green $(addresses green)" \
		"green, canary none, preview none, green 10.0.2.11:7000" || return 1
	is "in the books: $(jq -r '.services.echo | "\(.active) \(.green | join(" "))"' "$LAB_STATE/state.json")" \
		"in the books: green 10.0.2.11:7000"
}
# As it was, whatever came before: the books lose what was set at run time.
put_back() {
	teal switch echo blue --quiet
	teald_stop
	jq 'del(.services.echo.green)' "$LAB_STATE/state.json" >"$LAB_STATE/state.json.new"
	mv "$LAB_STATE/state.json.new" "$LAB_STATE/state.json"
	teald_start
}
deploy_killed_at() { # NUMBER OF ITS RENAME: nothing else makes a change durable
	local code=0
	{
		nsenter --net="/run/netns/$LAB-edge" strace -qq -o /dev/null -e trace=renameat -e "inject=renameat:signal=KILL:when=$1" \
			"$TEAL" deploy echo "${PHASES[@]}" --quiet --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" || code=$?
	} >/dev/null 2>&1
	KILLED=$code
}

lab_up routed
lab_config ""
# shellcheck disable=SC2086
echo_start $BACKENDS
teald_start
load_begin echo --long 50 --rate 100
eventually 30 has_flows echo 50 >/dev/null
expect "before" as_before

# At every other one, resumed and undone by turns (SOAK=1: at each, both ways).
ways=alternately step=2
[ -z "${SOAK:-}" ] || ways='resumed aborted' step=1
for way in $ways; do
	for ((nth = 1; ; nth += step)); do
		deploy_killed_at "$nth"
		[ "$KILLED" = 137 ] || break
		phase=$(journal .phase 2>/dev/null || echo none) state=$(journal .state 2>/dev/null || echo none)
		what="killed at its durable write number $nth, in the phase $phase"
		if [ "$state" = none ] || [ "$state" = "done" ] || [ "$state" = aborted ]; then
			# Before its first line stood, or after its last: there is nothing to go on with.
			expect "$what: nothing stands in the way" not grep -q 'stands in the phase' <(teal status echo)
			[ "$(active_color echo)" = green ] && expect "$what: it was deployed" deployed || expect "$what: all is as before" as_before
		else
			expect "$what: the next command says so" stands_in "$phase"
			if [ "$way" = resumed ] || { [ "$way" = alternately ] && [ $((nth / 2 % 2)) = 1 ]; }; then
				# Its drain ends at its deadline: the load's connections stay, as they should.
				expect "$what: --resume ends it" exits 4 teal deploy echo --resume --quiet
				expect "$what: and it is deployed" deployed
			else
				expect "$what: --abort undoes it" teal deploy echo --abort --quiet
				expect "$what: and all is as before" as_before
			fi
		fi
		expect "$what: nothing is left to do" exits 3 teal deploy echo --resume
		put_back
	done
	expect "it was killed at each of its durable writes, and they are many" holds "$nth" -ge 20
	expect "and when it is not killed, it is deployed" deployed
	put_back
done

# ^C, SIGTERM, and SIGKILL while a phase goes on.
interrupt() { # SIGNAL PHASE OPTIONS...
	local signal=$1 phase=$2 code=0
	shift 2
	nsenter --net="/run/netns/$LAB-edge" "$TEAL" deploy echo --force --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE" "$@" \
		>"$LAB_DIR/deploy.out" 2>&1 &
	local pid=$!
	eventually 30 in_phase "$phase" || return 1
	kill "-$signal" "$pid"
	wait "$pid" || code=$?
	case $signal in
	# The lock is let go of once the command and its children have been ended too.
	KILL) is "$code" 137 && eventually 30 flock -n "$LAB_STATE/deploy/echo.lock" true ;;
	*) is "$code" 1 && grep -q "stopped by signal .* in the phase $phase: 'teal deploy echo --resume' goes on" "$LAB_DIR/deploy.out" ;;
	esac
}
in_phase() { is "$(journal '.phase + " " + .state')" "$1 running"; }
no_process() { # of this lab
	local pid
	! grep 'sleep 3607' <(for pid in $(ip netns pids "$LAB-edge"); do
		tr '\0' ' ' <"/proc/$pid/cmdline" && echo
	done 2>/dev/null)
}
for signal in INT TERM KILL; do
	expect "SIG$signal while the command runs" interrupt $signal run --run 'sh -c "sleep 3607; true"'
	expect "the command and its children are ended" eventually 30 no_process
	expect "it stands in run" stands_in run
	expect "and is undone" eval 'teal deploy echo --abort --quiet && as_before'
	expect "SIG$signal while it waits for health" interrupt $signal health --backends 10.0.2.99:7000
	expect "it stands in health" stands_in health
	expect "and is undone, its backends put back" eval 'teal deploy echo --abort --quiet && as_before'
	expect "SIG$signal in the smoke test" interrupt $signal smoke --smoke 'sleep 3607' --preview 192.0.2.0/24
	expect "the preview is undone" eval 'teal deploy echo --abort --quiet && as_before'
	expect "SIG$signal in the canary" interrupt $signal canary --canary 50%:60s
	expect "half of the new connections still go to green, and it says so" stands_in canary
	expect "the canary is ended" eval 'teal deploy echo --abort --quiet && as_before'
	expect "SIG$signal while it is guarded" interrupt $signal guard --guard 60s
	expect "it stands in guard" stands_in guard
	expect "new connections go back to blue" eval 'teal deploy echo --abort --quiet && as_before'
	expect "SIG$signal in the drain" interrupt $signal drain --drain 60s
	expect "it stands in drain" stands_in drain
	expect "new connections go back to blue" eval 'teal deploy echo --abort --quiet && as_before'
done

# What fails by itself before the switch changes nothing; refusals have their sentence and code.
refused() { # CODE PATTERN OPTIONS...
	local code=0 wanted=$1 pattern=$2
	shift 2
	teal deploy echo --quiet "$@" >/dev/null 2>"$LAB_DIR/refusal" || code=$?
	is "exit code $code" "exit code $wanted"
	grep -q "$pattern" "$LAB_DIR/refusal" || { cat "$LAB_DIR/refusal" && return 1; }
	as_before
}
expect "a color that is active" refused 3 'blue is the active color of echo' --color blue
teal switch echo green --quiet
nsenter --net="/run/netns/$LAB-client" "$TRAFFIC" load --target "$VIP:7000" --long 3 --seconds 60 >/dev/null 2>&1 &
held=$!
has_three() { holds "$(flows_of echo green)" -ge 3; }
eventually 30 has_three >/dev/null
teal switch echo blue --quiet
expect "a color that still has connections" refused 3 'green of echo still has [0-9]* connections'
expect "a command that fails" refused 1 'the command of --run (false) ended with exit code 1; nothing has changed' --force --run false
expect "a command that does not end" refused 4 'was not done after 1 s and was ended' --force --run 'sleep 3607' --timeout 1s
expect "and is ended" eventually 30 no_process
expect "a command that there is not" refused 2 "no program 'nonesuch' for --run" --run nonesuch
expect "a smoke test that fails" refused 3 'the command of --smoke (sh) ended with exit code 7' --force --smoke "sh -c 'exit 7'"
expect "backends that are not healthy: why not each" \
	refused 4 '1 of 1 backends of green are not healthy after 1 s: 10.0.2.99:7000: no connection: ' --force --backends 10.0.2.99:7000 --timeout 1
expect "a backend of blue" refused 3 '10.0.1.11:7000 is a backend of echo (blue) already' --force --backends 10.0.1.11:7000
expect "steps that are none" refused 2 "takes steps such as" --canary 5
expect "clients that are none, before the release is brought up" \
	refused 2 "'home' is no client" --force --run "touch $LAB_DIR/brought-up" --smoke true --preview 192.0.2.0/24,home
expect "clients of another address family" refused 2 'is of another address family' --force --smoke true --preview 2001:db8::/32
expect "no clients at all" refused 2 'preview takes clients' --force --smoke true --preview ,
expect "and nothing was brought up" test ! -e "$LAB_DIR/brought-up"
teal preview echo green --from 198.18.0.0/15 --quiet
expect "a preview that another one would take away" \
	exits 3 teal deploy echo --force --smoke true --preview 192.0.2.0/24 --quiet
expect "is still there" not is "$(preview_of)" none
teal preview echo --off --quiet
expect "nothing to resume" refused 3 'so there is nothing to resume' --resume
kill $held
teald_stop
expect "a guard without teald" refused 3 'teald does not run, and it is what guards a switch' --force --guard 1s
load_end echo
expect_clean echo "all the while"

# A reboot in the midst of a guard.
teald_start
put_back
expect "SIGTERM while it is guarded" interrupt TERM guard --guard 4s
teald_stop
expect "a reboot" eval 'teald_detach && teald_start'
expect "the deployment goes on" teal deploy echo --resume --quiet
expect "and has been guarded to the end" is "$(jq -r .outcome "$LAB_STATE/guard/echo.json")" passed
put_back
teald_stop

# Whoever starts teal may ignore the ends of children.
teald_start
expect "with SIGCHLD ignored a command's end is seen" edge timeout 20 env --ignore-signal=CHLD "$TEAL" deploy echo --force \
	--run true --timeout 5s --quiet --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
teald_stop

finish
