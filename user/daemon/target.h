/* SPDX-License-Identifier: GPL-2.0-only */
/* A backend under check, and what the files of the health engine (health.c, target.c, verdict.c) share. */
#ifndef TEAL_TARGET_H
#define TEAL_TARGET_H

#include <sys/queue.h>

#include "daemon/probe.h"
#include "operation/health.h"

/* At once: sockets below the usual 1,024 a process may open, commands for the sake of small hosts. */
#define SOCKETS_MOST 256
#define COMMANDS_MOST 16

/* Waiting lines: commands, which take long, do not hold up sockets. */
enum line { LINE_SOCKETS, LINE_COMMANDS, LINES };

struct target {
	struct health *health;
	__u32 backend;
	struct endpoint endpoint;
	enum teal_color color;
	__u16 service;
	const struct config_service *config;
	uv_timer_t timer; /* to the next check, or, while `probe`, to the end of its time */
	struct probe *probe;
	__u64 began;	  /* ns of the loop's clock: of the last check */
	bool queued;	  /* in its line */
	bool late;	  /* its time is over but for the grace */
	enum teal_health found, written; /* as the checks have it, as `backends` has it */
	struct teal_check check;
	TAILQ_ENTRY(target) queue;
};

struct health {
	uv_loop_t *loop;
	const struct tables *tables;
	const struct config *config;
	const struct config_service **by_name; /* config's services, sorted */
	struct target **targets;		   /* by backend id */
	__u32 rows;
	uv_timer_t scan_timer, write_timer;
	struct probes probes;
	TAILQ_HEAD(target_line, target) lines[LINES];
	unsigned int running[LINES];
	struct write *write; /* what a worker is writing now */
	STAILQ_HEAD(ends_line, ends) ends; /* ends.c's: services in line */
	bool provoking;			   /* a worker is at one */
	unsigned int open;   /* handles and targets that are not let go of */
	bool holding;	     /* nobody is asked: the configuration changes, or all ends */
	bool ending;
	__u64 refused_at; /* ns: since when the lock is refused, 0: it is not */
	__u64 unable_at;  /* ns: when the log said last that this host could not ask */
};

/* target.c */
int target_new(struct health *health, __u32 backend, const struct teal_backend *row,
	       const struct config_service *config, struct target **ret);
void target_free(struct target *target); /* once the loop has let go of it */
void target_follow(struct target *target, const struct config_service *config);
void targets_go_on(struct health *health); /* after `holding` */

/* The row says otherwise than what was written: somebody else knows better. */
void target_adopt(struct target *target, enum teal_health health);

/* verdict.c */
void verdict_write_soon(struct health *health);
void verdict_note(struct target *target); /* its row in `checks` */

#endif
