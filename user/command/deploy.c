// SPDX-License-Identifier: GPL-2.0-only
/* teal deploy: the command line becomes a plan, and the plan's phases lines. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "command/command.h"
#include "command/output.h"
#include "common/cleanup.h"
#include "common/interrupt.h"
#include "config/config.h"
#include "deploy/deploy.h"
#include "operation/guard.h"
#include "operation/record.h"

static bool quiet, json; /* what note() and tell() need of the options */

/* On a terminal the line of the phase that is running, again and again; elsewhere whenever it says something new. */
static void note(const struct deploy *d, const char *text)
{
	static char said[400];
	static enum deploy_phase phase;

	if (quiet || json)
		return;
	if (isatty(STDOUT_FILENO)) {
		printf("\r  … %-9s %.66s\033[K", deploy_phase_name(d->phase), text);
	} else if (d->phase == DEPLOY_HEALTH && (phase != d->phase || strcmp(said, text) != 0)) {
		printf("  … %-9s %s\n", deploy_phase_name(d->phase), text);
		snprintf(said, sizeof(said), "%s", text);
		phase = d->phase;
	}
	fflush(stdout);
}

static void line_end(void)
{
	if (!quiet && !json && isatty(STDOUT_FILENO))
		printf("\r\033[K");
}

static void tell(const struct deploy *d, const char *text, double seconds)
{
	json_t *line;

	line_end();
	if (json) {
		line = json_pack("{s:s, s:s, s:s, s:s, s:f}", "service", d->service, "color", color_name(d->color), "phase",
				 deploy_phase_name(d->phase), "what", text, "seconds", seconds);
		json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		json_decref(line);
		printf("\n");
	} else if (!quiet) {
		printf("  %s✓%s %-9s %s  %s%.1f s%s\n", style_color("green"), style_none(), deploy_phase_name(d->phase), text,
		       style_dim(), seconds, style_none());
	}
	fflush(stdout);
}

/* The last line: how it ended. */
static void end_tell(const struct deploy *d)
{
	const __u64 now = (__u64)time(NULL), seconds = now > d->began ? now - d->began : 0; /* clocks may be set back */
	char took[CELL_SIZE];
	json_t *line;

	line_end();
	if (json) {
		line = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "service", d->service, "color", color_name(d->color), "phase",
				 deploy_phase_name(d->phase), "result", deploy_state_name(d->state), "why", d->why, "seconds",
				 (json_int_t)seconds);
		json_dumpf(line, stdout, JSON_COMPACT);
		json_decref(line);
		printf("\n");
	} else if (!quiet) {
		printf("%s%s%s: %s after %s\n", style_bold(), d->service, style_none(), deploy_state_name(d->state),
		       duration_format((json_int_t)seconds, took));
	}
}

/* From the words to the plan */

static char *text_copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int plan_make(const struct command_options *o, struct deploy_plan *ret, struct error *e)
{
	const char *const *given = o->given;
	int error = 0;

	*ret = (struct deploy_plan){
		.backends = text_copy(given[OPTION_BACKENDS]),
		.run = text_copy(given[OPTION_RUN]),
		.smoke = text_copy(given[OPTION_SMOKE]),
		.preview = text_copy(given[OPTION_PREVIEW]),
		.canary = text_copy(given[OPTION_CANARY]),
		.on_rollback = text_copy(given[OPTION_ON_ROLLBACK]),
		.why = text_copy(o->why),
		.guard_s = o->guard_seconds,
		.timeout_s = GUARD_TIMEOUT_S,
		.force = o->force,
		.reset = o->reset,
	};
	if (given[OPTION_DRAIN])
		error = argument_time("drain", given[OPTION_DRAIN], &ret->drain_s, e);
	if (!error && given[OPTION_TIMEOUT])
		error = argument_time("timeout", given[OPTION_TIMEOUT], &ret->timeout_s, e);
	return error;
}

/* What is unfinished stands in the way of another, and says so. */
static int unfinished_refuse(const struct deploy *d, struct error *e)
{
	return error_set(e, EXIT_REFUSED, EBUSY,
			 "a deployment of %s to %s stands in the phase %s (%s): 'teal deploy %s --resume' goes on from there, "
			 "--abort undoes it",
			 d->service, color_name(d->color), deploy_phase_name(d->phase),
			 d->state == DEPLOY_RUNNING ? "its process was killed" :
			 d->state == DEPLOY_UNDOING ? "it could not be undone yet" :
						      d->why,
			 d->service);
}

static int begin(const struct command_context *c, const struct service *s, struct deploy *d, struct error *e)
{
	const struct command_options *o = &c->options;
	int error = plan_make(o, &d->plan, e);

	strcpy(d->service, s->info.name);
	d->from = s->info.active;
	d->color = color_other(s->info.active);
	d->generation = s->info.generation;
	d->began = (__u64)time(NULL);
	if (!error && o->color)
		error = argument_color(o->color, &d->color, e);
	return error ?: deploy_plan_check(&d->plan, s, e);
}

/* Somebody at a terminal is asked once; a script is not. */
static int agree(const struct command_context *c, const struct deploy *d, struct error *e)
{
	char answer[16] = "";

	if (c->options.given[OPTION_YES] || json || quiet || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return 0;
	printf("Deploy %s to %s, while %s keeps what it has? [y/N] ", d->service, color_name(d->color), color_name(d->from));
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return error_set(e, EXIT_REFUSED, ECANCELED, "nothing was done");
}

static void head_tell(const struct deploy *d, const char *what, const char *where)
{
	if (!json && !quiet)
		printf("%s%s%s: %s to %s%s%s%s%s\n", style_bold(), d->service, style_none(), what,
		       style_color(color_name(d->color)), color_name(d->color), style_none(), *where ? ", in the phase " : "",
		       where);
}

/* What was asked for stands in the journal, and is not to be changed on the way. */
static int again_check(const struct command_options *o, struct error *e)
{
	static const enum command_option others[] = { OPTION_COLOR, OPTION_BACKENDS, OPTION_RUN,   OPTION_SMOKE,
						      OPTION_PREVIEW, OPTION_CANARY, OPTION_GUARD, OPTION_DRAIN,
						      OPTION_RESET, OPTION_ON_ROLLBACK, OPTION_TIMEOUT, OPTION_WHY,
						      OPTION_FORCE };

	if (o->given[OPTION_RESUME] && o->given[OPTION_ABORT])
		return error_set(e, EXIT_USAGE, EINVAL, "--resume goes on and --abort undoes: choose one");
	if (!o->given[OPTION_RESUME] && !o->given[OPTION_ABORT])
		return 0;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (o->given[others[i]])
			return error_set(e, EXIT_USAGE, EINVAL,
					 "--resume and --abort go by what the deployment was begun with: leave the other options out");
	return 0;
}

/* One that stands in the journal: it goes on, or is undone. */
static int take_up(const struct command_context *c, struct deploy *d, struct error *e)
{
	const bool undo = c->options.given[OPTION_ABORT] || d->state == DEPLOY_UNDOING;
	int error;

	if (!deploy_is_unfinished(d))
		return error_set(e, EXIT_REFUSED, EALREADY, "the last deployment of %s is over (%s), so there is nothing to %s",
				 d->service, deploy_state_name(d->state),
				 c->options.given[OPTION_ABORT] ? "abort" : "resume");
	head_tell(d, undo ? "undoing the deployment" : "going on with the deployment", deploy_phase_name(d->phase));
	error = undo ? deploy_abort(d, e) : deploy_go(d, e);
	end_tell(d);
	return error;
}

static int start(const struct command_context *c, const struct service *s, struct deploy *d, struct error *e)
{
	int error = begin(c, s, d, e);

	if (!error)
		error = agree(c, d, e);
	if (error)
		return error;
	head_tell(d, "deploying", "");
	error = deploy_go(d, e);
	end_tell(d);
	return error;
}

/*
 * teald's own limits for its guard.  A file in the usual place that is not there, or is broken (so that teald did not take
 * it either), is no reason to deploy nothing: the usual ones hold.  One that was named is.
 */
static int limits_read(const struct command_context *c, const char *service, struct evidence_limits *ret, struct error *e)
{
	const bool named = c->options.given[OPTION_CONFIG];
	struct config *config = NULL;
	struct error broken = {};
	int error = 0;

	if (named || !access(c->options.config_file, F_OK))
		error = config_read(c->options.config_file, &config, named ? e : &broken);
	if (error && named)
		return error;
	if (error)
		fprintf(stderr, "teal: %s (so the canary goes by the usual limits)\n", broken.text);
	*ret = config_guard(config, service);
	config_free(config);
	return 0;
}

/* What every deployment of ours needs besides its journal.  Returns 0, or a negative errno with a sentence. */
static int equip(const struct command_context *c, const char *service, struct deploy *d, struct error *e)
{
	d->tables = c->tables;
	d->pin_dir = c->options.pin_dir;
	d->state_dir = c->options.state_dir;
	d->quiet_children = json || quiet;
	d->note = note;
	d->tell = tell;
	interrupt_catch();
	return limits_read(c, service, &d->limits, e);
}

int deploy_command_run(struct command_context *c, int argc, char **argv, json_t **ret_answer, struct error *e)
{
	const char *const *given = c->options.given;
	const bool again = given[OPTION_RESUME] || given[OPTION_ABORT];
	struct deploy d = { .lock = -1 };
	struct service s = {};
	int error = again_check(&c->options, e) ?: service_find(c->tables, argv[0], &s, e), lock;

	(void)argc;
	(void)ret_answer;
	json = c->options.json;
	quiet = c->options.quiet;
	if (!error)
		error = record_check(c->options.state_dir, e);
	if (error)
		return error;
	lock = deploy_lock(c->options.state_dir, s.info.name, e);
	if (lock < 0)
		return lock;
	error = deploy_read(c->options.state_dir, s.info.name, &d, e);
	if (error == -ENOENT)
		error = again ? error_set(e, EXIT_REFUSED, ENOENT, "%s was never deployed, so there is nothing to go on with",
					  s.info.name) :
				0;
	if (!error && !again && deploy_is_unfinished(&d) && d.service[0])
		error = unfinished_refuse(&d, e);
	if (!error && !again)
		deploy_free(&d);
	d.lock = lock;
	if (!error)
		error = equip(c, s.info.name, &d, e);
	if (!error)
		error = again ? take_up(c, &d, e) : start(c, &s, &d, e);
	deploy_free(&d);
	return error;
}

void deploy_command_print(const struct command_context *c, const json_t *answer)
{
	(void)c;
	(void)answer;
}

/* For teal status */

json_t *deployment_json(const char *state_dir, const char *service)
{
	struct deploy d = { .lock = -1 };
	struct error e = {};
	json_t *answer;
	int error = deploy_read(state_dir, service, &d, &e);

	if (error == -ENOENT)
		return json_null();
	if (error)
		return json_pack("{s:s}", "error", e.text);
	answer = json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "color", color_name(d.color), "phase",
			   deploy_phase_name(d.phase), "state", deploy_state_name(d.state), "unfinished",
			   deploy_is_unfinished(&d), "running", deploy_is_locked(state_dir, service), "why", d.why);
	deploy_free(&d);
	return answer;
}

void deployment_print(const json_t *deployment, const char *service)
{
	const char *color, *phase, *state, *why, *wrong = json_string_value(json_object_get(deployment, "error"));
	int unfinished, running;

	if (wrong)
		printf(" %s%s%s\n", style_bad(), wrong, style_none());
	if (json_unpack((json_t *)deployment, "{s:s, s:s, s:s, s:b, s:b, s:s}", "color", &color, "phase", &phase, "state",
			&state, "unfinished", &unfinished, "running", &running, "why", &why) ||
	    !unfinished)
		return;
	if (running)
		printf(" being deployed to %s%s%s, in the phase %s\n", style_color(color), color, style_none(), phase);
	else
		printf(" %sa deployment to %s stands in the phase %s (%s): 'teal deploy %s --resume' goes on "
		       "from there, --abort undoes it%s\n",
		       style_bad(), color, phase, *why ? why : "its process was killed", service, style_none());
}
