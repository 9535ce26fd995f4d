/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fragments: only the first shows ports.  It takes the packet's usual way and leaves a note of what was done to its
 * address; the others follow the note.  All take the host's stack, so that their order stays, and a firewall that puts
 * packets together sees them all.
 */
#ifndef TEAL_BPF_FRAGMENT_H
#define TEAL_BPF_FRAGMENT_H

#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "rewrite.h"

static __always_inline void fragment_key(struct teal_fragment_key *key, const struct packet *p)
{
	__builtin_memcpy(key->source, p->source.bytes, sizeof(key->source));
	__builtin_memcpy(key->destination, p->destination.bytes, sizeof(key->destination));
	key->id = p->fragment_id;
	key->protocol = address_is_mapped(&p->destination) ? p->segment.protocol : 0;
	__builtin_memset(key->pad, 0, sizeof(key->pad));
}

/* Not static, as ASIDE() has it. */
__noinline int fragment_put(const struct packet *p, const struct rewrite *r, __u32 backend, __u32 verdict)
{
	struct teal_fragment row = { .backend = backend, .verdict = verdict };
	struct teal_fragment_key key;
	const struct end *end;

	if (!p || !r)
		return 0;
	end = r->source.is_new ? &r->source : &r->destination;
	row.source = r->source.is_new;
	__builtin_memcpy(row.address, end->address.bytes, sizeof(row.address));
	fragment_key(&key, p);
	return bpf_map_update_elem(&fragments, &key, &row, BPF_ANY);
}

/* A first fragment gets a new address, at one end, and counts in `backend`'s row, or (0) in nobody's. */
static __always_inline void fragment_note(const struct packet *p, const struct rewrite *r, __u32 backend,
					  enum teal_verdict verdict)
{
	if (p->fragment == FRAGMENT_FIRST)
		fragment_put(p, r, backend, verdict);
}

/* A fragment that is not the first. */
static __always_inline int fragment_later(void *ctx, struct packet *p, const enum hook hook)
{
	struct rewrite r = rewrite_of(p, !address_is_mapped(&p->destination));
	const struct teal_fragment *found;
	struct teal_fragment note;
	struct teal_fragment_key key;
	struct teal_counters *count;

	fragment_key(&key, p);
	found = bpf_map_lookup_elem(&fragments, &key);
	/* What egress noted of the first is egress's to do: with the VIP's address the stack would not take it. */
	if (!found || (!p->leaves && (found->verdict == TEAL_PASS_BACK_EGRESS || found->verdict == TEAL_PASS_IN_SOURCE)))
		return TEAL_NEXT;
	note = *found; /* at once: this is an LRU table, the row may change hands */
	if (note.source)
		end_replace(&r.source, &p->source, 0, note.address, 0);
	else
		end_replace(&r.destination, &p->destination, 0, note.address, 0);
	if (rewrite_any_aside(ctx, &r, hook))
		return TEAL_DROP_REWRITE;
	count = note.backend ? counters_get(note.backend) : NULL;
	if (count && note.source) {
		count->packets_out++;
		count->bytes_out += p->length;
	} else if (count) {
		count->packets_in++;
		count->bytes_in += p->length;
	}
	return note.verdict;
}
ASIDE(fragment_later, struct packet)

/* One of which no note tells is lost if it is for a VIP: its packet's first piece went another way, or never came. */
static __always_inline enum teal_verdict fragment(void *ctx, struct packet *p, const enum hook hook)
{
	int verdict;

	p->leaves = hook == HOOK_TC_EGRESS;
	verdict = fragment_later_aside(ctx, p, hook);
	if (verdict != TEAL_NEXT)
		return verdict;
	if (p->segment.protocol != TEAL_TCP && p->segment.protocol != TEAL_UDP)
		return TEAL_PASS_NOT_OURS;
	return parse_refuse(p, TEAL_DROP_FRAGMENT);
}

#endif
