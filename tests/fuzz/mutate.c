// SPDX-License-Identifier: GPL-2.0-only
/* Mutations: of bits, fields and lengths; cut, stretched, doubled, spliced; and then, at times, checksums put right. */
#include "fuzz.h"

#include <string.h>

static const __u16 interesting[] = { 0, 1, 4, 5, 7, 8, 19, 20, 21, 28, 40, 48, 60, 64, 128, 255, 256, 1280, 1500,
				     0x3fff, 0x4000, 0x7fff, 0x8000, 0xfff8, 0xffff };

static void put16(__u8 *at, __u16 value)
{
	at[0] = value >> 8;
	at[1] = value & 255;
}

/* Somewhere in the headers, mostly. */
static __u32 place(struct chance *c, const struct input *input)
{
	const __u32 bound = chance_percent(c, 85) && input->length > 96 ? 96 : input->length;

	return chance_below(c, bound ?: 1);
}

static void mutate_field(struct chance *c, struct input *input, const struct view *v)
{
	__u16 value = chance_percent(c, 70) ? interesting[chance_below(c, sizeof(interesting) / sizeof(*interesting))] :
					     chance_below(c, 65536);
	/* Offsets of lengths, kinds and offsets from the network header on, then from the transport header on. */
	static const __u8 network4[] = { 0, 2, 4, 6, 8, 9, 10 }, network6[] = { 0, 4, 6, 7, 40, 41, 42, 43, 48, 49 };
	static const __u8 transport[] = { 0, 2, 4, 6, 12, 13, 14, 16, 8, 10, 17, 20, 24 };
	__u32 at;

	if (v->transport && chance_percent(c, 45))
		at = v->transport + transport[chance_below(c, sizeof(transport))];
	else if (v->ipv6)
		at = v->network + network6[chance_below(c, sizeof(network6))];
	else
		at = v->network + network4[chance_below(c, sizeof(network4))];
	if (at + 2 > input->length)
		return;
	if (chance_percent(c, 50))
		put16(input->bytes + at, value);
	else
		input->bytes[at] = value;
}

static void set_length(struct input *input, __u32 length)
{
	if (length > FUZZ_ROOM)
		length = FUZZ_ROOM;
	if (length > input->length)
		memset(input->bytes + input->length, 0x5a, length - input->length);
	input->length = length;
}

/* A region of the frame, written once more behind itself: headers inside headers. */
static void repeat(struct chance *c, struct input *input)
{
	const __u32 from = place(c, input), size = 1 + chance_below(c, 48);

	if (from + size > input->length || input->length + size > FUZZ_ROOM)
		return;
	memmove(input->bytes + from + size, input->bytes + from, input->length - from);
	input->length += size;
}

static void splice(struct chance *c, const struct input *other, struct input *input)
{
	const __u32 at = place(c, input);

	if (at >= other->length)
		return;
	memcpy(input->bytes + at, other->bytes + at, other->length - at);
	input->length = other->length;
}

static void mutate_once(struct chance *c, const struct input *other, struct input *input)
{
	struct view v;

	view_frame(&v, input->bytes, input->length, input->segment);
	switch (chance_below(c, 10)) {
	case 0: input->bytes[place(c, input)] ^= 1 << chance_below(c, 8); break;
	case 1: input->bytes[place(c, input)] = chance_below(c, 256); break;
	case 2: set_length(input, chance_below(c, input->length + 1U)); break;
	case 3: set_length(input, input->length + chance_below(c, 64)); break;
	case 4: repeat(c, input); break;
	case 5: splice(c, other, input); break;
	default: mutate_field(c, input, &v); break;
	}
}

/* So that what lies behind a checksum is reached. */
static void mend(struct input *input)
{
	struct view v;
	__u8 *at;
	__u32 sum, length, field;

	view_frame(&v, input->bytes, input->length, input->segment);
	if (v.kind != VIEW_WHOLE)
		return;
	if (!v.ipv6) {
		put16(input->bytes + v.network + 10, 0);
		put16(input->bytes + v.network + 10, ~frame_sum(0, input->bytes + v.network, v.header));
	}
	field = v.protocol == TCP ? 16 : v.protocol == UDP ? 6 : 2;
	at = input->bytes + v.transport;
	length = v.end - v.transport;
	if (v.later || length < field + 2)
		return;
	sum = v.protocol == 1 ? 0 : v.protocol + length;
	if (v.protocol != 1) {
		sum = frame_sum(sum, v.source + (v.ipv6 ? 0 : 12), v.ipv6 ? 16 : 4);
		sum = frame_sum(sum, v.destination + (v.ipv6 ? 0 : 12), v.ipv6 ? 16 : 4);
	}
	put16(at + field, 0);
	sum = (__u16)~frame_sum(sum, at, length);
	put16(at + field, v.protocol == UDP && !sum ? 0xffff : sum);
}

void mutate(struct chance *c, const struct input *other, struct input *input)
{
	for (__u32 i = 0, count = 1 + chance_below(c, 4); i < count; i++)
		mutate_once(c, other, input);
	if (input->length < 14)
		set_length(input, 14);
	if (chance_percent(c, 50))
		mend(input);
}
