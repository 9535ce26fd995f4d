#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each of dist/examples/ does what it says, with the tool that it is for.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=application.sh
source "$(dirname "$0")/application.sh"

EXAMPLES=$LAB_ROOT/dist/examples
export CANARY=50%:1s GUARD=1s
skipped=0
skip() { # SENTENCE
	skipped=$((skipped + 1))
	echo "SKIPPED - $1"
}

# 'teal' and 'release' as the examples find them on the edge.
with_path() { PATH="$LAB_DIR/bin:$PATH" "$@"; }
release_is() { is "$(ask | cut -d ' ' -f 1)" "$1"; }
drained() { # nobody holds on to a connection, but what was closed a moment ago may still be counted
	local idle=blue
	[ "$(active_color web)" = green ] || idle=green
	is "$(flows_of web "$idle")" 0
}
deployments() { teal history web --json | jq '.history | length'; }

lab_up routed
application_make
application_config 1 2
mkdir "$LAB_DIR/bin"
cat >"$LAB_DIR/bin/teal" <<-SHELL
	#!/bin/sh
	exec nsenter --net=/run/netns/$LAB-edge "$TEAL" "\$@" --pin-dir "$LAB_PINS" --state-dir "$LAB_STATE"
SHELL
ln -s ../release "$LAB_DIR/bin/release"
chmod 755 "$LAB_DIR/bin/teal"
TEAL_COLOR=blue "$LAB_DIR/release" 1
teald_start

expect "the shell script deploys release 2" with_path "$EXAMPLES/deploy.sh" 2
expect "which answers" release_is 2
eventually 30 drained >/dev/null
expect "a release that does not come up is told of, with exit code 1" exits 1 with_path "$EXAMPLES/deploy.sh" none
expect "and changes nothing" release_is 2

ci_job() { # the script of its one job
	sed -n '/^  script:/,$s/^    - //p' "$EXAMPLES/ci/job.yml" >"$LAB_DIR/job"
	[ -s "$LAB_DIR/job" ] && RELEASE=3 with_path sh -e "$LAB_DIR/job" >"$LAB_DIR/job.out"
}
expect "the CI job deploys release 3" ci_job
expect "each line that it says is JSON" jq -se 'length > 4 and .[-1].result == "done"' "$LAB_DIR/job.out"
expect "release 3 answers" release_is 3
eventually 30 drained >/dev/null

if command -v ansible-playbook >/dev/null; then
	playbook() {
		with_path ansible-playbook -i localhost, -c local "$EXAMPLES/ansible/deploy.yml" -e "release=$1 canary=$CANARY guard=$GUARD"
	}
	export ANSIBLE_HOME=$LAB_DIR/ansible ANSIBLE_LOCALHOST_WARNING=False LC_ALL=C.UTF-8
	expect "ansible deploys release 4" playbook 4
	expect "which answers" release_is 4
	eventually 30 drained >/dev/null
	before=$(deployments)
	expect "played again" playbook 4
	expect "it changes nothing" is "$(deployments)" "$before"
else
	skip "ansible is not installed: 'dist/packages examples' does that"
fi

if command -v puppet >/dev/null; then
	manifest() {
		FACTER_release=$1 FACTER_canary=$CANARY FACTER_guard=$GUARD with_path puppet apply --detailed-exitcodes \
			--confdir "$LAB_DIR/puppet" --vardir "$LAB_DIR/puppet" "$EXAMPLES/puppet/deploy.pp"
	}
	expect "puppet deploys release 5: exit code 2 means changes" exits 2 manifest 5
	expect "which answers" release_is 5
	eventually 30 drained >/dev/null
	expect "applied again it changes nothing" exits 0 manifest 5
else
	skip "puppet is not installed: 'dist/packages examples' does that"
fi

# The unit's own files, under a root of the test's own.
unit_root=$LAB_DIR/root
mkdir -p "$unit_root/etc/app" "$unit_root/etc/systemd/system" "$unit_root/opt/app/blue" "$unit_root/opt/app/green"
for color in blue green; do
	echo "PORT=8001" >"$unit_root/etc/app/$color"
	printf '#!/bin/sh\n' >"$unit_root/opt/app/$color/app"
	chmod 755 "$unit_root/opt/app/$color/app"
done
cp "$EXAMPLES/systemd/app@.service" "$unit_root/etc/systemd/system/"
for color in blue green; do ln -s app@.service "$unit_root/etc/systemd/system/app@$color.service"; done
if command -v systemd-analyze >/dev/null; then
	verify() { # COLOR: nothing to say about it
		systemd-analyze verify --man=no --root="$unit_root" "app@$1.service" 2>&1 | grep "app@" && return 1
		return 0
	}
	for color in blue green; do expect "systemd finds nothing wrong with app@$color" verify "$color"; done
else
	skip "systemd-analyze is not installed, so the units are not verified"
fi
teald_stop
[ "$skipped" = 0 ] || echo "SKIPPED $skipped of the examples, see above"

finish
