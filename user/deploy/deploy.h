/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A deployment: the release comes up on the idle color, proves itself, and gets the traffic, one phase after another.
 * The state machine is drawn in docs/deploy.md.  Each phase is journaled before it begins and after it ended
 * (STATE_DIR/deploy/SERVICE.json), so that whoever comes after a kill knows where it stood.
 */
#ifndef TEAL_DEPLOY_H
#define TEAL_DEPLOY_H

#include "operation/evidence.h"

/* In their order. */
#define DEPLOY_PHASES(X)                                                                \
	X(PICK, pick, "the idle color is found")                                        \
	X(BACKENDS, backends, "it gets its backends (--backends)")                      \
	X(RUN, run, "the release is brought up on it (--run)")                          \
	X(HEALTH, health, "its backends become healthy")                                \
	X(SMOKE, smoke, "the release is tried (--smoke)")                               \
	X(CANARY, canary, "it gets a share of the new connections (--canary)")          \
	X(SWITCH, switch, "it gets all new connections")                                \
	X(GUARD, guard, "teald watches, and rolls back if it does worse (--guard)")     \
	X(DRAIN, drain, "the old color's connections end (--drain)")

enum deploy_phase {
#define X(symbol, name, sentence) DEPLOY_##symbol,
	DEPLOY_PHASES(X)
#undef X
	DEPLOY_PHASE_COUNT,
};

/* Where a deployment stands; the first three are unfinished. */
#define DEPLOY_STATES(X)                                                                     \
	X(RUNNING, "running")          /* in that phase; or killed there */                  \
	X(STOPPED, "stopped")          /* there, by a signal or a failure that undid nothing */ \
	X(UNDOING, "undoing")          /* or killed while it did */                          \
	X(DONE, "done")                                                                      \
	X(FAILED, "failed")            /* before the switch: all is as it was */             \
	X(ROLLED_BACK, "rolled back")  /* after it */                                        \
	X(ABORTED, "aborted")          /* by --abort: all is as it was */

enum deploy_state {
#define X(symbol, name) DEPLOY_##symbol,
	DEPLOY_STATES(X)
#undef X
	DEPLOY_STATE_COUNT,
};

struct deploy_step {
	unsigned int percent, seconds;
};

#define DEPLOY_STEPS_MAX 32

/* What was asked for.  Texts as they were given; NULL, 0: not asked for. */
struct deploy_plan {
	char *backends;	   /* ADDRESS:PORT,... */
	char *run, *smoke; /* commands, see common/words.h */
	char *preview;	   /* PREFIX,...: these clients get the new color while it is tried */
	char *canary;	   /* PERCENT:TIME,... */
	char *on_rollback; /* a command */
	char *why;
	unsigned int guard_s, drain_s, timeout_s;
	bool force; /* although the idle color still has connections */
	bool reset; /* what the drain leaves is ended */
};

struct deploy {
	char service[TEAL_NAME_SIZE];
	enum teal_color color, from; /* to deploy to; active before */
	struct deploy_plan plan;
	enum deploy_phase phase;
	enum deploy_state state;
	bool passed;	       /* the phase ended well */
	unsigned int step;     /* of the canary */
	__u32 generation;      /* before the switch, from then on after it */
	__u64 began;	       /* seconds since 1970 */
	__u64 phase_began;     /* the same, of this phase: for people */
	char **before;	       /* the color's backends before it got others, as texts; NULL: it did not */
	bool before_at_run_time;
	struct evidence reference; /* the old color's when the deployment began */
	char why[512];		   /* why it did not go on */

	/* Not in the journal: */
	__u64 phase_clock; /* monotonic seconds: since when this phase has been running, in this process */
	const struct tables *tables;
	const char *pin_dir, *state_dir;
	struct evidence_limits limits; /* of the canary's steps */
	int lock;
	bool quiet_children; /* commands' standard output goes to standard error */
	/* A phase says what it waits for, as often as it likes. */
	void (*note)(const struct deploy *d, const char *text);
	/* A phase ended well, in so many seconds. */
	void (*tell)(const struct deploy *d, const char *text, double seconds);
};

const char *deploy_phase_name(enum deploy_phase phase);
const char *deploy_state_name(enum deploy_state state);
static inline bool deploy_is_unfinished(const struct deploy *d)
{
	return d->state == DEPLOY_RUNNING || d->state == DEPLOY_STOPPED || d->state == DEPLOY_UNDOING;
}

/* journal.c */

/* What the journal says of a service.  Returns 0, -ENOENT where nothing was ever deployed, or a negative errno with a sentence. */
int deploy_read(const char *state_dir, const char *service, struct deploy *ret, struct error *e);
int deploy_write(const struct deploy *d, struct error *e);
void deploy_free(struct deploy *d);

/*
 * One deployment of a service at a time, for as long as its process lives.
 * Returns a descriptor, or -EAGAIN and EXIT_REFUSED with a sentence if there is one, or another negative errno with one.
 */
int deploy_lock(const char *state_dir, const char *service, struct error *e);
/* Whether somebody holds it. */
bool deploy_is_locked(const char *state_dir, const char *service);

/* plan.c: everything that can be refused before anything happens. */

/* "5%:1m,25%:5m".  Returns 0 and the number of steps, or -EINVAL with a sentence (EXIT_USAGE). */
int deploy_steps_parse(const char *text, struct deploy_step steps[DEPLOY_STEPS_MAX], unsigned int *ret, struct error *e);
/* "A,B" as a list of words, NULL at its end.  Returns 0, or a negative errno with a sentence. */
int deploy_list_split(const char *what, const char *text, char ***ret, struct error *e);
/* The same as prefixes, of the service's address family.  Free *ret.  Returns 0, or a negative errno with a sentence. */
int deploy_prefixes_read(const struct service *s, const char *text, struct prefix **ret, unsigned int *ret_count,
			 struct error *e);
/* Texts, programs, times.  Returns 0, or a negative errno with a sentence (EXIT_USAGE). */
int deploy_plan_check(const struct deploy_plan *plan, const struct service *s, struct error *e);

/* execute.c */

/*
 * Runs a command with TEAL_SERVICE, TEAL_COLOR, TEAL_BACKENDS, TEAL_GENERATION and TEAL_VIP in its environment, and waits.
 * Returns 0 if it ended with exit code 0, or a negative errno with a sentence: -ETIMEDOUT (EXIT_DEADLINE) after
 * plan.timeout_s, -EINTR if a signal came to us; either way the command and its children were ended.
 */
int deploy_execute(const struct deploy *d, const struct service *s, const char *what, const char *command,
		   enum exit_code code, struct error *e);

/* before.c, traffic.c: the phases.  Each can be begun anew after it was killed anywhere. */

/* Returns 0 and says what came of it; -EINTR after a signal; or a negative errno with a sentence. */
typedef int (*deploy_phase_run)(struct deploy *d, char text[256], struct error *e);

#define X(symbol, name, sentence) int deploy_##name(struct deploy *d, char text[256], struct error *e);
DEPLOY_PHASES(X)
#undef X

/* The service as it is now.  Returns 0, or a negative errno with a sentence: -ESTALE if somebody else has switched it. */
int deploy_service(const struct deploy *d, struct service *ret, struct error *e);

/* undo.c: as it was before; begun anew after a kill anywhere.  Returns 0, or a negative errno with a sentence. */
int deploy_undo(struct deploy *d, const char *why, struct error *e);

/* machine.c */

/*
 * From d->phase to the end.  What fails is undone, and the journal says so; a signal leaves it where it is, to be resumed
 * or aborted.  Returns 0, or a negative errno with a sentence.
 */
int deploy_go(struct deploy *d, struct error *e);

/* Undoes an unfinished one.  Returns 0, or a negative errno with a sentence. */
int deploy_abort(struct deploy *d, struct error *e);

#endif
