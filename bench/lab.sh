# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the parts share that run in namespaces: the tests' lab, and tables.
# shellcheck source=../tests/lab/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tests/lab/lib.sh"
# shellcheck source=nft.sh
source "$(dirname "${BASH_SOURCE[0]}")/nft.sh"
LAB=${LAB/teal-/teal-bench-}
LAB_DIR=$LAB_HOME/$LAB
LAB_PINS=$LAB_DIR/bpf/teal
# shellcheck disable=SC2034
LAB_STATE=$LAB_DIR/state

# Lines "series TAB place TAB figure" of many rounds -> "series TAB place TAB median TAB quartile TAB quartile", in order.
quartiles() {
	awk -F '\t' -v OFS='\t' '
		function at(key, share,   n, place, below) {
			n = count[key]; place = 1 + share * (n - 1); below = int(place)
			if (below >= n) return each[key, n]
			return each[key, below] + (place - below) * (each[key, below + 1] - each[key, below])
		}
		{
			key = $1 OFS $2
			if (!(key in count)) order[++keys] = key
			n = ++count[key]
			for (i = n; i > 1 && each[key, i - 1] > $3 + 0; i--) each[key, i] = each[key, i - 1]
			each[key, i] = $3 + 0
		}
		END { for (k = 1; k <= keys; k++) print order[k], at(order[k], 0.5), at(order[k], 0.25), at(order[k], 0.75) }'
}

link_address() { # PREFIX DEVICE ADDRESS
	ip -n "$LAB-$1" link set "$2" address "$3"
}

neighbour() { # PREFIX DEVICE ADDRESS LINK-ADDRESS
	ip -n "$LAB-$1" neighbour replace "$3" lladdr "$4" dev "$2" nud permanent
}

# Where bench fill's clients are.
# shellcheck disable=SC2034
CLIENTS=100.64.0.0/10
fill() { # LISTEN BACKEND TO [FROM]
	edge "$OUT/bench" fill --pin-dir "$LAB_PINS" --front eth0 --rear eth1 --listen "$1" --backend "$2" --to "$3" --from "${4:-0}"
}

# --- memory ---
# What others take and give back meanwhile must not count, so whoever's memory is asked for lives in a control group of
# its own, of either version; without one the host's free memory has to do.

memory_group() { # makes MEMORY_GROUP, or leaves it empty
	local base
	MEMORY_GROUP=
	for base in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		[ -e "$base/cgroup.procs" ] || continue
		[ "$base" = /sys/fs/cgroup ] && ! grep -qs memory "$base/cgroup.subtree_control" && continue
		rmdir "$base"/teal-bench-* 2>/dev/null || true # what broken runs left; those in use stay
		mkdir "$base/$LAB" 2>/dev/null && MEMORY_GROUP=$base/$LAB && return
	done
	return 0
}

memory_group_end() {
	[ -z "$MEMORY_GROUP" ] || rmdir "$MEMORY_GROUP" 2>/dev/null || true
}

memory_used() { # bytes
	local file
	for file in "$MEMORY_GROUP/memory.current" "$MEMORY_GROUP/memory.usage_in_bytes"; do
		[ ! -e "$file" ] || { cat "$file" && return; }
	done
	awk '/^MemAvailable:/ { printf "%d", -$2 * 1024 }' /proc/meminfo
}

in_memory_group() { # COMMAND...
	[ -z "${MEMORY_GROUP:-}" ] || echo "$BASHPID" >"$MEMORY_GROUP/cgroup.procs"
	exec "$@"
}
