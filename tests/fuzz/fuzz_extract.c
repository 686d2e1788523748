/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_extract - any bytes as an object: containers in containers, types and
 * charsets, within small budgets.
 */
#include <errno.h>
#include <string.h>

#include "agent/extract/extract.h"
#include "lib/finding.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The jail's limit of memory: libarchive asks for as much as a length field
 * says (a name in a cpio of 2 GiB), and takes a no.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "max_allocation_size_mb=1024:allocator_may_return_null=1";
}

struct seen {
	struct extract *x;
	bool inside;
	uint64_t text, skips;
	uint8_t sum; /* so that every byte is read */
};

/* A kind is a family and a form, or nothing. */
static int
on_kind(void *ctx, const char *member, const char *type, const char *kind)
{
	struct seen *s = ctx;

	must(!s->inside);
	must(str_utf8(member, strlen(member)) && strchr(type, '/') != NULL);
	must(kind[0] == '\0' || strchr(kind, '/') != NULL);
	return 0;
}

static int
on_begin(void *ctx, const char *member, const char *type)
{
	struct seen *s = ctx;

	must(!s->inside);
	must(str_utf8(member, strlen(member)) &&
	     strlen(member) <= FINDING_MEMBER_MAX);
	must(strchr(type, '/') != NULL);
	s->inside = true;
	s->text = 0;
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	struct seen *s = ctx;

	must(s->inside && c.len > 0);
	for (size_t i = 0; i < c.len; i++)
		s->sum ^= c.data[i];
	s->text += c.len;
	return 0;
}

/* Offsets go back into the member's bytes and never backwards. */
static int
on_end(void *ctx)
{
	struct seen *s = ctx;
	uint64_t before = 0;

	must(s->inside);
	s->inside = false;
	for (uint64_t at = 0; at <= s->text; at += 1 + s->text / 64) {
		uint64_t raw = extract_raw(s->x, at);

		must(raw >= before);
		before = raw;
	}
	return 0;
}

static void
on_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	struct seen *s = ctx;

	(void)bytes;
	must(strlen(member) <= FINDING_MEMBER_MAX && reason[0] != '\0');
	s->skips++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct extract *x;
	struct extract_limits lim = extract_limits_default();
	struct seen seen = {0};
	struct extract_sink sink = {.ctx = &seen,
	    .kind = on_kind,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	uint64_t examined = 0;
	char type[80];

	if (x == NULL)
		must(extract_new(&x, NULL) == 0);
	seen.x = x;
	lim.output_max = (uint64_t)1 << 20;
	lim.entries_max = 64;
	lim.cpu_us_max = 2000000;
	must(extract_bytes(x, (struct content){data, size}, &lim, &sink,
		 &examined, type) == 0);
	must(!seen.inside && examined <= size && strlen(type) < sizeof type);
	/* What was not looked at was told. */
	must(examined == size || seen.skips > 0);
	return 0;
}
