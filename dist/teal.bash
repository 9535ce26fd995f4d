# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Completion of teal's commands, options, services and colors for bash: teal itself tells what a word could become.
_teal() {
	mapfile -t COMPREPLY < <("$1" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _teal teal
