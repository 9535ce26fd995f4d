// SPDX-License-Identifier: GPL-2.0-only
/* splitmix64 (Steele, Lea, Flood 2014). */
#include "fuzz.h"

static __u64 chance_next(struct chance *c)
{
	__u64 z = c->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

__u32 chance_below(struct chance *c, __u32 bound)
{
	return (__u32)((chance_next(c) >> 32) * bound >> 32);
}

bool chance_percent(struct chance *c, __u32 percent)
{
	return chance_below(c, 100) < percent;
}
