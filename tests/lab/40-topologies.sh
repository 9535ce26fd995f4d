#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything works in every topology, mode and offload setting that there is.
# Arguments: TOPOLOGY/MODE/OFFLOAD[/GRO]... to try only those.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- \
	routed/auto/on routed/native/off routed/native/off/off routed/generic/off routed/tc/on routed/tc/off routed/tc/filled \
	plain/auto/on plain/native/off plain/generic/off plain/tc/on plain/tc/off plain/tc/filled \
	bridge/auto/on bridge/native/link bridge/generic/link bridge/tc/on bridge/tc/link bridge/tc/filled \
	host/auto/on host/native/link host/generic/link host/tc/on host/tc/link

for each in "$@"; do
	IFS=/ read -r topology LAB_MODE LAB_OFFLOAD LAB_GRO <<<"$each"
	lab_up "$topology"
	lab_config ""
	servers_start
	teald_start
	expect_everything "$topology, $LAB_MODE, checksum offload $LAB_OFFLOAD${LAB_GRO:+, no redirect}"
	lab_down
done

finish
