/* SPDX-License-Identifier: GPL-2.0-only */
#include "config/guard.h"

#include <stdint.h>
#include <stdio.h>

#include "config/schema.h"
#include "config/value.h"

int guard_limits_read(struct config_source *source, unsigned int i, const struct raw_guard *raw, struct evidence_limits *ret)
{
	const struct evidence_limits usual = EVIDENCE_LIMITS;
	__u32 handshake_ms = usual.handshake_us / 1000, check_ms = usual.check_us / 1000;
	char path[64];
	int error = 0;

	*ret = usual;
#define READ(kind, name, target, ...)                                                                                  \
	snprintf(path, sizeof(path), "services[%u].guard." #name, i);                                                  \
	error = error ? error : kind##_read(source, path, raw->name, __VA_ARGS__, &(target))
	READ(number, connections, ret->connections, 1, 1000000000);
	READ(number, failures, ret->failures, 1, 1000000000);
	READ(number, failed, ret->failed, 0, 100);
	READ(number, aborted, ret->aborted, 0, 100);
	READ(number, slower, ret->slower, 1, 1000000);
	READ(number, down, ret->down, 1, 100);
	READ(duration, handshake, handshake_ms, 1, 1, 1);
	READ(duration, check, check_ms, 1, 1, 1);
#undef READ
	ret->handshake_us = handshake_ms < UINT32_MAX / 1000 ? handshake_ms * 1000 : UINT32_MAX;
	ret->check_us = check_ms < UINT32_MAX / 1000 ? check_ms * 1000 : UINT32_MAX;
	return error;
}
