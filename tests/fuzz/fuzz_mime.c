/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_mime - any bytes as the rest of a message, or of a mailbox.
 *
 * The first byte says which. Nothing may be lost unsaid: a line of the bytes
 * that is no coded one stands in what comes out.
 */
#include <string.h>

#include "agent/extract/extract.h"
#include "agent/extract/mail.h"
#include "lib/buf.h"
#include "lib/finding.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((visibility("default"))) const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "max_allocation_size_mb=1024:allocator_may_return_null=1";
}

#define FROM "From a@b Tue Nov 24 18:34:18 2026\n"
#define FIELDS "From: a\nSubject: b\nMIME-Version: 1.0\n"
#define KNOWN "zebra crossing 4532 0151"

struct seen {
	struct extract *x;
	bool inside, known;
	uint64_t text, skips;
};

static int
on_begin(void *ctx, const char *member, const char *type)
{
	struct seen *s = ctx;

	must(!s->inside && strlen(member) <= FINDING_MEMBER_MAX);
	must(str_utf8(member, strlen(member)) && strchr(type, '/') != NULL);
	s->inside = true;
	s->text = 0;
	return 0;
}

static int
on_text(void *ctx, struct content c)
{
	struct seen *s = ctx;

	must(s->inside && c.len > 0);
	s->known |= memmem(c.data, c.len, KNOWN, sizeof KNOWN - 1) != NULL;
	s->text += c.len;
	return 0;
}

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

/* What makes another text of a line by right. */
static bool
reads_otherwise(const uint8_t *p, size_t len)
{
	static const char *const WORDS[] = {"utf", "ucs", "2022", "<", "\\rtf"};

	/* Half of UTF-16, or its mark. */
	if (memchr(p, 0, len) != NULL || memchr(p, 0xfe, len) != NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
		for (size_t at = 0; at + strlen(WORDS[i]) <= len; at++)
			if (strncasecmp((const char *)p + at, WORDS[i],
				strlen(WORDS[i])) == 0)
				return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct extract *x;
	OWN(buf_done) struct buf in = {0};
	struct extract_limits lim = extract_limits_default();
	struct seen seen = {0};
	struct extract_sink sink = {.ctx = &seen,
	    .begin = on_begin,
	    .text = on_text,
	    .end = on_end,
	    .skip = on_skip};
	uint64_t examined = 0;
	char type[80];

	if (x == NULL)
		must(extract_new(&x, NULL) == 0);
	if (size < 1 || size > 65536)
		return 0;
	seen.x = x;
	lim.output_max = (uint64_t)4 << 20;
	lim.entries_max = 200;
	lim.cpu_us_max = 2000000;
	buf_init(&in, size + 512);
	if (data[0] % 2 == 1)
		buf_printf(&in, FROM);
	buf_printf(&in, FIELDS);
	buf_put(&in, data + 1, size - 1);
	/* Whatever was left open, this is read. */
	buf_printf(&in, "\n\n" KNOWN "\n");
	must(buf_error(&in) == 0);
	must(extract_bytes(x, (struct content){in.data, in.len}, &lim, &sink,
		 &examined, type) == 0);
	must(!seen.inside && (examined == in.len || seen.skips > 0));
	must(seen.known || seen.skips > 0 || reads_otherwise(data, size));
	return 0;
}
