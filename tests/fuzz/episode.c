// SPDX-License-Identifier: GPL-2.0-only
/* Episodes as files: a line an input, "HOOK DEVICE SEGMENT LINEAR BYTES", and comments that begin with #. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const hooks[] = { "xdp", "ingress", "egress" };
static const char *const devices[] = { "-", "front", "rear", "slim", "bare" };

static int find(const char *word, const char *const *words, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(word, words[i]))
			return i;
	return -1;
}

static int read_bytes(const char *hex, struct input *input)
{
	const size_t digits = strlen(hex);

	if (digits % 2 || digits / 2 > FUZZ_ROOM)
		return -EINVAL;
	input->length = digits / 2;
	for (size_t i = 0; i < input->length; i++)
		if (sscanf(hex + i * 2, "%2hhx", &input->bytes[i]) != 1)
			return -EINVAL;
	return 0;
}

static int read_input(const char *line, struct input *input)
{
	static char hex[FUZZ_ROOM * 2 + 1];
	char hook[16], device[16];

	if (sscanf(line, "%15s %15s %hu %hu %8192s", hook, device, &input->segment, &input->linear, hex) != 5)
		return -EINVAL;
	input->hook = find(hook, hooks, 3);
	input->device = find(device, devices, DEVICES);
	return (int)input->hook < 0 || (int)input->device < FRONT ? -EINVAL : read_bytes(hex, input);
}

int episode_read(const char *path, struct episode *episode)
{
	static char line[FUZZ_ROOM * 2 + 64];
	FILE *file = fopen(path, "r");
	int error = 0;

	if (!file)
		return -errno;
	episode->count = 0;
	while (!error && episode->count < FUZZ_EPISODE && fgets(line, sizeof(line), file))
		if (*line != '#' && *line != '\n')
			error = read_input(line, &episode->inputs[episode->count++]);
	fclose(file);
	return error;
}

int episode_write(const char *path, const struct episode *episode, const char *comment)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -errno;
	fprintf(file, "# %s\n", comment);
	for (int i = 0; i < episode->count; i++) {
		const struct input *input = &episode->inputs[i];

		fprintf(file, "%s %s %u %u ", hooks[input->hook], devices[input->device], input->segment, input->linear);
		for (int byte = 0; byte < input->length; byte++)
			fprintf(file, "%02x", input->bytes[byte]);
		fputc('\n', file);
	}
	return fclose(file) ? -errno : 0;
}

int episode_run(const struct episode *episode, struct complaint *complaint)
{
	static struct outcome outcome;

	world_reset();
	complaint->rule = NULL;
	for (int i = 0; i < episode->count; i++) {
		if (world_run(&episode->inputs[i], &outcome))
			check(&episode->inputs[i], &outcome, complaint);
		if (complaint->rule)
			return i;
	}
	return -1;
}

static bool still(const struct episode *episode, const char *rule)
{
	struct complaint complaint;

	return episode_run(episode, &complaint) == episode->count - 1 && complaint.rule == rule;
}

void episode_cut(struct episode *episode, const char *rule)
{
	static struct episode less;

	for (int size = episode->count / 2; size; size /= 2) {
		for (int from = 0; from + size < episode->count;) {
			less.count = episode->count - size;
			memcpy(less.inputs, episode->inputs, from * sizeof(*less.inputs));
			memcpy(less.inputs + from, episode->inputs + from + size, (less.count - from) * sizeof(*less.inputs));
			if (still(&less, rule)) {
				episode->count = less.count;
				memcpy(episode->inputs, less.inputs, less.count * sizeof(*less.inputs));
			} else {
				from += size;
			}
		}
	}
}
