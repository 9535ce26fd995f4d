// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

static void log_line(const char *priority, const char *format, va_list arguments)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, arguments);
	fprintf(stderr, "%s%s\n", getenv("JOURNAL_STREAM") ? priority : "teald: ", line);
}

#define LOG(name, priority)                              \
	void name(const char *format, ...)               \
	{                                                \
		va_list arguments;                       \
                                                         \
		va_start(arguments, format);             \
		log_line(priority, format, arguments);   \
		va_end(arguments);                       \
	}
LOG(log_info, SD_INFO)
LOG(log_warning, SD_WARNING)
LOG(log_error, SD_ERR)
