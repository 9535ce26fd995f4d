// SPDX-License-Identifier: GPL-2.0-only
#include "daemon/daemon.h"

#include "daemon/apply.h"
#include "daemon/load.h"
#include "daemon/log.h"

int daemon_apply(struct daemon *d, const struct config *config, struct error *e)
{
	int error = apply(d->tables, d->state_dir, config, e);

	if (!error)
		error = attach(&d->attach, config, e);
	if (!error)
		load_sizes_tell(d->tables, config);
	if (!error && d->attach.missing)
		log_warning("%u of %u devices are not there: they are served as soon as they come", d->attach.missing,
			    config->device_count);
	return error;
}
