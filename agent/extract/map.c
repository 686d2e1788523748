/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - offsets in a text back to offsets in what it was made from.
 *
 * Owns: a list of runs in which every character has the same length in the
 * text and in its source. It is exact up to its most runs and interpolates
 * behind them, so that hostile text cannot make it grow without bound.
 * Never: goes backwards.
 */
#include "agent/extract/map.h"

#include <stdlib.h>

#include "lib/own.h"

void
map_start(struct map *m, uint64_t raw)
{
	m->nruns = 0;
	m->text_end = 0;
	m->raw_end = raw;
	m->jumped = m->full = false;
}

void
map_free(struct map *m)
{
	free(m->runs);
	*m = (struct map){0};
}

static bool
grow(struct map *m)
{
	size_t cap = m->cap == 0 ? 64 : m->cap * 2;
	struct map_run *more;

	if (m->nruns < m->cap)
		return true;
	if (m->cap == m->max)
		return false;
	if (cap > m->max)
		cap = m->max;
	more = reallocarray(m->runs, cap, sizeof *more);
	if (more == NULL)
		return false;
	m->runs = more;
	m->cap = cap;
	return true;
}

static void
push(struct map *m, uint8_t text_per, uint8_t raw_per)
{
	m->jumped = false;
	if (m->full || !grow(m)) {
		m->full = true;
		return;
	}
	must(m->runs != NULL);
	m->runs[m->nruns++] = (struct map_run){.text = m->text_end,
	    .raw = m->raw_end,
	    .text_per = text_per,
	    .raw_per = raw_per};
}

void
map_add(struct map *m, uint8_t text_per, uint8_t raw_per, size_t n)
{
	const struct map_run *last =
	    m->nruns > 0 ? &m->runs[m->nruns - 1] : NULL;

	if (n == 0)
		return;
	if (last == NULL || m->jumped || last->text_per != text_per ||
	    last->raw_per != raw_per)
		push(m, text_per, raw_per);
	m->text_end += (uint64_t)n * text_per;
	m->raw_end += (uint64_t)n * raw_per;
}

void
map_jump(struct map *m, uint64_t raw)
{
	if (raw <= m->raw_end)
		return;
	m->raw_end = raw;
	m->jumped = true;
}

void
map_fix(struct map *m, uint64_t text, uint64_t raw)
{
	if (m->text_end == text && m->raw_end == raw)
		return;
	m->text_end = text;
	m->raw_end = raw;
	m->jumped = true;
}

/* The run that holds @text, which lies before the end. */
static size_t
find(const struct map *m, uint64_t text)
{
	size_t lo = 0, hi = m->nruns;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->runs[mid].text <= text)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* @end: behind the character, instead of at it. */
static uint64_t
within(const struct map *m, size_t i, uint64_t text, bool end)
{
	const struct map_run *r = &m->runs[i];
	bool last = i + 1 == m->nruns;
	uint64_t raw_end = last ? m->raw_end : m->runs[i + 1].raw;
	uint64_t d = text - r->text;
	uint64_t raw = r->raw + (d / r->text_per + end) * r->raw_per;

	if (r->text_per == r->raw_per)
		raw = r->raw + d + end;
	if (last && m->full)
		raw = r->raw + (uint64_t)((double)(d + end) *
					  (double)(raw_end - r->raw) /
					  (double)(m->text_end - r->text));
	return raw < raw_end ? raw : raw_end;
}

uint64_t
map_raw(const struct map *m, uint64_t text)
{
	if (m->nruns == 0)
		return text;
	if (text >= m->text_end)
		return m->raw_end;
	return within(m, find(m, text), text, false);
}

uint64_t
map_raw_end(const struct map *m, uint64_t text)
{
	if (m->nruns == 0 || text == 0)
		return map_raw(m, text);
	if (text > m->text_end)
		return m->raw_end;
	return within(m, find(m, text - 1), text - 1, true);
}
