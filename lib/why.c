/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why - how one match of a rule was judged; never the matched bytes.
 *
 * Owns: the wire form between inspect and whoever asked it:
 *   str detector, u8 confidence, str dropped, str mask, u64 from, u64 to,
 *   u64 more, u32 n, n * (str kind, str text, u8 flags (1 holds, 2 placed),
 *   u64 from, u64 to).
 * Both ends are built together, so the form may change in any release.
 */
#include "lib/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/own.h"

enum { FACT_HOLDS = 1, FACT_PLACED = 2 };

void
why_done(struct why *w)
{
	free(w->facts);
	*w = (struct why){0};
}

struct why_fact *
why_fact(struct why *w, const char *kind, bool holds, const char *fmt, ...)
{
	struct why_fact *f;
	va_list ap;

	if (w->nfacts == WHY_FACTS_MAX)
		return NULL;
	f = reallocarray(w->facts, w->nfacts + 1, sizeof *f);
	if (f == NULL)
		return NULL;
	w->facts = f;
	f += w->nfacts++;
	*f = (struct why_fact){.holds = holds};
	(void)snprintf(f->kind, sizeof f->kind, "%s", kind);
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	return f;
}

void
why_encode(const struct why *w, struct buf *out)
{
	buf_put_str(out, w->detector);
	buf_put_u8(out, (uint8_t)w->confidence);
	buf_put_str(out, w->dropped);
	buf_put_str(out, w->mask);
	buf_put_u64(out, w->value.from);
	buf_put_u64(out, w->value.to);
	buf_put_u64(out, w->more);
	buf_put_u32(out, (uint32_t)w->nfacts);
	for (size_t i = 0; i < w->nfacts; i++) {
		const struct why_fact *f = &w->facts[i];

		buf_put_str(out, f->kind);
		buf_put_str(out, f->text);
		buf_put_u8(out, (uint8_t)((f->holds ? FACT_HOLDS : 0) |
					  (f->placed ? FACT_PLACED : 0)));
		buf_put_u64(out, f->at.from);
		buf_put_u64(out, f->at.to);
	}
}

static void
decode_fact(struct why_fact *f, struct cur *in)
{
	uint8_t flags;

	cur_str(in, f->kind, sizeof f->kind);
	cur_str(in, f->text, sizeof f->text);
	flags = cur_u8(in);
	f->holds = (flags & FACT_HOLDS) != 0;
	f->placed = (flags & FACT_PLACED) != 0;
	f->at.from = cur_u64(in);
	f->at.to = cur_u64(in);
	in->bad = in->bad || flags > (FACT_HOLDS | FACT_PLACED);
}

int
why_decode(struct why *w, struct cur *in)
{
	OWN(why_done) struct why got = {0};
	uint32_t n;
	uint8_t c;

	cur_str(in, got.detector, sizeof got.detector);
	c = cur_u8(in);
	cur_str(in, got.dropped, sizeof got.dropped);
	cur_str(in, got.mask, sizeof got.mask);
	got.value.from = cur_u64(in);
	got.value.to = cur_u64(in);
	got.more = cur_u64(in);
	n = cur_u32(in);
	if (in->bad || c > CONFIDENCE_HIGH || n > WHY_FACTS_MAX)
		return -EBADMSG;
	got.confidence = (enum confidence)c;
	got.facts = calloc((size_t)n + 1, sizeof *got.facts);
	if (got.facts == NULL)
		return -ENOMEM;
	for (got.nfacts = 0; got.nfacts < n && !in->bad; got.nfacts++)
		decode_fact(&got.facts[got.nfacts], in);
	if (in->bad)
		return -EBADMSG;
	*w = got;
	got.facts = NULL;
	return 0;
}
