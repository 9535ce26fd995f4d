#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A real application is deployed under load: a good release unnoticed, bad ones rolled back by the guard.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=application.sh
source "$(dirname "$0")/application.sh"

GUARD=6 CANARY=5%:2s,50%:2s # seconds; a day of work has minutes here
[ -z "${SOAK:-}" ] || GUARD=60 CANARY=5%:30s,50%:30s

phases() { jq -r 'select(.seconds != null and .phase != null and (.result | not)).phase' "$LAB_DIR/deploy" | paste -sd ' '; }
is_active() { is "$(active_color web)" "$1"; }
release_is() { # NUMBER
	local try who
	for try in 1 2 3 4 5 6 7 8 9 10; do
		who=$(ask) || { echo "no answer to try $try" && return 1; }
		[ "${who% *}" = "$1" ] || { echo "wanted release $1, got $who" && return 1; }
	done
}
result_is() { is "$(jq -r 'select(.result).result' "$LAB_DIR/deploy")" "$1"; }
last_why() { teal history web --json | jq -r '.history[-1].why'; }
deploy() { teal deploy web --json "$@" >"$LAB_DIR/deploy" 2>"$LAB_DIR/deploy.err"; }
wait_drained() { teal drain web "$1" --wait=20 --quiet 2>/dev/null; }

lab_up routed
application_make
application_config 2 3
TEAL_COLOR=blue "$LAB_DIR/release" 1
for each in blue1 blue2; do eventually 30 listening "$each" tcp 8080; done
teald_start
expect "release 1 answers" eventually 30 release_is 1
streams_begin old 10
requests_begin
sleep 1

# --- a good release ---
expect "release 2 is deployed, with a smoke test, a canary and a guard" \
	deploy --run "$LAB_DIR/release 2" --smoke "sh -c 'for b in \$TEAL_BACKENDS; do nsenter --net=/run/netns/$LAB-edge curl -sf http://\$b/ || exit 1; done'" \
	--canary $CANARY --guard $GUARD --why 'release 2'
expect "in these phases" is "$(phases)" "pick run health smoke canary switch guard"
expect "which ended well" result_is "done"
expect "release 2 answers" release_is 2
expect "the history says why" is "$(last_why)" "release 2"
expect "all 10 streams go on, on release 1, no event missing" streams_are_whole old 1
requests_end
expect "of $(requests_made) requests none failed" is "$(requests_failed)" 0
expect "and there were enough" holds "$(requests_made)" -gt $((GUARD * 30))
expect "the old color is not to be deployed to while it has connections" exits 3 deploy --run "$LAB_DIR/release 3"
streams_end old
expect "teal drain waits until they are closed" wait_drained blue
streams_begin new 10

# --- bad ones: KIND, what brings it about once clients come, and what the guard says ---
bad() { # KIND PATTERN SMOKE
	local kind=$1 pattern=$2 smoke=$3 lines
	lines=$(log_lines)
	rm -f "$LAB_DIR/told"
	requests_begin
	expect "a release that $kind is refused by the guard, with exit code 3" \
		exits 3 deploy --run "$LAB_DIR/release 3 $kind" --smoke "$smoke" --guard 60 \
		--on-rollback "sh -c 'echo \$TEAL_SERVICE \$TEAL_COLOR \$TEAL_WHY >$LAB_DIR/told'"
	expect "$kind: rolled back" result_is "rolled back"
	expect "$kind: the history says why" grep -q "the guard of blue rolled back: .*$pattern" <(last_why)
	expect "$kind: so does the log" eventually 30 log_says "$lines" "web: rolled back from blue to green: .*$pattern"
	expect "$kind: and whoever is to be told" eventually 30 grep -q "web blue .*$pattern" "$LAB_DIR/told"
	expect "$kind: before its minute was over" holds "$(jq -r 'select(.result).seconds' "$LAB_DIR/deploy")" -lt 60
	expect "$kind: release 2 answers" release_is 2
	expect "$kind: all 10 streams of the old color go on" streams_are_whole new 2
	requests_end
	echo "    of $(requests_made) requests $(requests_failed) failed: $(jq -r 'select(.result).why' "$LAB_DIR/deploy")"
	wait_drained blue || true
}
in_color() { # FUNCTION ARGUMENTS...: as a smoke test, which runs just before the switch
	printf '%s\n' '#!/bin/bash' "source $LAB_DIR/here" "${*@Q}" >"$LAB_DIR/smoke"
	chmod 755 "$LAB_DIR/smoke"
	echo "$LAB_DIR/smoke"
}
{
	declare -f on bad_for_clients
	declare -p LAB LAB_TOPOLOGY
} >"$LAB_DIR/here"
bad refuses 'new connections were refused' "$(in_color bad_for_clients blue 'reject with tcp reset')"
bad hangs 'were not answered within a second' "$(in_color bad_for_clients blue drop)"
bad slow 'its health checks take' true
bad crashes 'new connections were refused\|are down' true

expect "green never lost its place in the books" is "$(jq -r .services.web.active "$LAB_STATE/state.json")" green

# --- the guard works with the command line gone, and outlives its daemon ---
deploy --run "$LAB_DIR/release 4" --smoke "$(in_color bad_for_clients blue 'reject with tcp reset')" --guard 60 &
deploying=$!
expect "the switch is made" eventually 30 is_active blue
pid=$(jq .pid "$LAB_STATE/deploy/web.json")
kill -9 "$pid"
teald_kill9
wait "$deploying" 2>/dev/null || true
requests_begin
teald_start
expect "the next teald goes on guarding, and rolls back" eventually 30 is_active green
requests_end
expect "teal status says where the deployment stood" grep -q "a deployment to blue stands in the phase guard" <(teal status web)
expect "--resume says what became of it, with exit code 3" exits 3 deploy --resume
expect "rolled back" result_is "rolled back"
expect "all 10 streams of the old color go on" streams_are_whole new 2

# --- limits are the configuration's: here slow is not slow ---
echo '    guard: { check: 5s }' >>"$LAB_DIR/teal.yaml"
expect "a guard that takes its time" teald_reload
wait_drained blue || true
expect "a release that slow is taken then" \
	deploy --run "$LAB_DIR/release 5 slow" --canary 50%:2s --guard 4 --config "$LAB_DIR/teal.yaml"
expect "and answers" release_is 5
streams_end new
teald_stop

finish
