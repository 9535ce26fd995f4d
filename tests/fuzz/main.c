// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz [--inputs N] [--seed S] [--jobs J] [--findings DIR] [--keep FILE] [EPISODE...]
 * Runs the episodes in the files, then N new inputs; what breaks a rule is cut down and written to DIR.
 */
#include "fuzz.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define POOL 4096
#define SEEN (1U << 16) /* behaviours, hashed */
#define JOBS 64
#define RULES 64 /* complaints that are told of, a job; each rule once */

static struct {
	unsigned long inputs, seed;
	int jobs;
	const char *findings, *keep;
} options = { .jobs = 1, .findings = "build/fuzz" };

/* A job's result, in memory that all share. */
static struct result {
	unsigned long inputs, refused;
	unsigned int behaviours, findings, passed, failed;
	bool done;
} *results;

static struct input pool[POOL];
static unsigned int pool_count;
static __u8 seen[SEEN];

static void say(const struct complaint *complaint, const char *where)
{
	printf("not ok - %s\n    %s\n    %s\n", complaint->rule, complaint->text, where);
	fflush(stdout);
}

static unsigned int mix(unsigned int hash, unsigned int value)
{
	return (hash ^ value) * 0x01000193U;
}

/* What an input made the programs do, as far as counters, tables and the frame show it. */
static unsigned int behaviour(const struct input *input, const struct outcome *o)
{
	unsigned int hash = mix(0x811c9dc5U, input->hook);
	struct view v;

	view_frame(&v, input->bytes, input->length, input->segment);
	hash = mix(hash, o->verdict | o->unrecorded << 8 | v.ipv6 << 9 | v.fragment << 10 | v.later << 11 | v.quotes << 12);
	hash = mix(hash, v.kind | v.tags << 2 | (v.protocol == TCP) << 4 | (v.protocol == UDP) << 5);
	hash = mix(hash, (v.header > (v.ipv6 ? 40U : 20U)) | !!input->segment << 1 | !!input->linear << 2);
	if (o->keyed)
		hash = mix(hash, o->before.is_flow | o->after.is_flow << 1 | o->before.is_pending << 2 |
				 o->after.is_pending << 3 | (o->before.is_flow ? o->before.flow.state << 4 : 0) |
				 (o->after.is_flow ? o->after.flow.state << 8 : 0) | v.flags << 12);
	return hash % SEEN;
}

static void keep(const struct input *input, const struct outcome *o, struct chance *c, struct result *result)
{
	const unsigned int which = behaviour(input, o);

	if (seen[which])
		return;
	seen[which] = 1;
	result->behaviours++;
	pool[pool_count < POOL ? pool_count++ : chance_below(c, POOL)] = *input;
}

static void found(struct episode *episode, const struct complaint *complaint, int job, struct result *result)
{
	static const char *told[RULES];
	char path[256];

	for (unsigned int i = 0; i < result->findings && i < RULES; i++)
		if (told[i] == complaint->rule)
			return;
	if (result->findings < RULES)
		told[result->findings] = complaint->rule;
	episode_cut(episode, complaint->rule);
	snprintf(path, sizeof(path), "%s/%lu-%d-%u.txt", options.findings, options.seed, job, result->findings++);
	if (episode_write(path, episode, complaint->rule))
		snprintf(path, sizeof(path), "it could not be written to %s: %s", options.findings, strerror(errno));
	say(complaint, path);
}

static void make_input(struct chance *c, struct memory *memory, struct input *input)
{
	struct input *other = pool_count ? &pool[chance_below(c, pool_count)] : NULL;

	if (other && chance_percent(c, 30))
		*input = pool[chance_below(c, pool_count)];
	else
		seeds_make(c, memory, input);
	if (other && chance_percent(c, 55))
		mutate(c, other, input);
	if (input->linear >= input->length)
		input->linear = 0;
}

static void run_inputs(unsigned long inputs, int job, struct result *result)
{
	struct chance c = { options.seed + job * 0x632be59bd9b4e019ULL };
	static struct episode episode;
	static struct outcome outcome;
	static struct memory memory;
	struct complaint complaint = {};

	while (result->inputs < inputs) {
		world_reset();
		for (episode.count = 0; episode.count < FUZZ_EPISODE && result->inputs < inputs; result->inputs++) {
			struct input *input = &episode.inputs[episode.count++];

			make_input(&c, &memory, input);
			if (!world_run(input, &outcome)) {
				result->refused++;
				episode.count--;
				continue;
			}
			complaint.rule = NULL;
			check(input, &outcome, &complaint);
			if (complaint.rule) {
				found(&episode, &complaint, job, result);
				break;
			}
			keep(input, &outcome, &c, result);
			seeds_note(&memory, input, &outcome);
		}
	}
}

static void run_files(char **paths, struct result *result)
{
	static struct episode episode;
	struct complaint complaint = {};

	for (; *paths; paths++) {
		int error = episode_read(*paths, &episode);

		if (error) {
			printf("not ok - %s can be read\n    %s\n", *paths, strerror(-error));
			result->failed++;
		} else if (episode_run(&episode, &complaint) >= 0) {
			say(&complaint, *paths);
			result->failed++;
		} else {
			result->passed++;
		}
	}
}

static void write_pool(void)
{
	static struct episode episode;

	for (unsigned int i = 0; i < pool_count && episode.count < FUZZ_EPISODE; i++)
		if (pool[i].length < 256)
			episode.inputs[episode.count++] = pool[i];
	episode_write(options.keep, &episode, "inputs that each made the programs do something new");
}

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

/* In a namespace and with tables of its own. */
static int run_job(int job, char **paths)
{
	cpu_set_t cpu;
	int error;

	libbpf_set_print(quiet);
	CPU_ZERO(&cpu);
	CPU_SET(job % (int)sysconf(_SC_NPROCESSORS_ONLN), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	error = world_open();
	if (error) {
		fprintf(stderr, "fuzz: the kernel does not take the BPF programs: %s\n", strerror(-error));
		return 1;
	}
	if (!job)
		run_files(paths, results);
	run_inputs(options.inputs / options.jobs, job, &results[job]);
	if (!job && options.keep)
		write_pool();
	world_close();
	results[job].done = true;
	return 0;
}

static int report(__u64 began)
{
	struct result all = {};
	int broke = 0;
	double seconds = (double)(lab_now() - began) / LAB_SECOND;

	for (int job = 0; job < options.jobs; job++) {
		all.inputs += results[job].inputs;
		all.refused += results[job].refused;
		all.findings += results[job].findings;
		all.passed += results[job].passed;
		all.failed += results[job].failed;
		if (results[job].behaviours > all.behaviours)
			all.behaviours = results[job].behaviours;
		broke += !results[job].done;
	}
	if (broke)
		printf("not ok - %d of %d jobs broke off\n", broke, options.jobs);
	if (all.inputs)
		printf("    %lu inputs in %.1f s, %.0f a second; %u behaviours told apart; seed %lu; %lu that the kernel would not run\n",
		       all.inputs, seconds, all.inputs / seconds, all.behaviours, options.seed, all.refused);
	if (all.inputs && !all.findings && !broke)
		printf("ok - %lu inputs broke no rule\n", all.inputs);
	if (all.passed)
		printf("ok - %u kept episodes broke no rule\n", all.passed);
	all.passed += all.inputs && !all.findings && !broke;
	all.failed += all.findings + broke;
	printf("fuzz: %u passed, %u failed\n", all.passed, all.failed);
	return all.failed || !all.passed;
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = { { "inputs", required_argument, NULL, 'n' },
					       { "seed", required_argument, NULL, 's' },
					       { "jobs", required_argument, NULL, 'j' },
					       { "findings", required_argument, NULL, 'f' },
					       { "keep", required_argument, NULL, 'k' },
					       {} };
	int option;

	options.seed = lab_now() / 1000;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'n': options.inputs = strtoul(optarg, NULL, 10); break;
		case 's': options.seed = strtoul(optarg, NULL, 10); break;
		case 'j': options.jobs = atoi(optarg); break;
		case 'f': options.findings = optarg; break;
		case 'k': options.keep = optarg; break;
		default: exit(2);
		}
	}
	if (options.jobs < 1 || options.jobs > JOBS) {
		fprintf(stderr, "fuzz: --jobs takes a number from 1 to %d\n", JOBS);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	__u64 began = lab_now();

	read_options(argc, argv);
	mkdir(options.findings, 0755);
	results = mmap(NULL, sizeof(*results) * JOBS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		return 1;
	for (int job = 0; job < options.jobs; job++) {
		fflush(stdout);
		if (!fork())
			exit(run_job(job, argv + optind));
	}
	while (wait(NULL) > 0)
		continue;
	return report(began);
}
