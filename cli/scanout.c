/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanout - what `chaperone scan` writes: the table and the JSON lines.
 *
 * Owns: the list of formats, these two of them, and the count of reasons.
 * Never: writes a foreign byte to a terminal unescaped.
 *
 * The JSON line of a file:
 *   {"path","size","type","examined":BYTES,"skipped":[{"reason","bytes"}],
 *    "findings":[{"detector","class","confidence","count","unique","member",
 *    "spans":[[from,to],...],"sealed"}]}
 * A finding that an allow covers has "allow":{"id","until"}, too; one whose
 * values are all marked by flags of its rule has "flags":[...]; "sealed" is
 * there where an index for exact data match found something.
 */
#include "cli/scanout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

enum { SHOWN_MAX = 4096 };

#define LINE_BYTES ((size_t)256 << 20)
#define NOTES_BYTES ((size_t)64 << 20)

const struct scanout_format *
scanout_find(const char *name)
{
	static const struct scanout_format *const all[] = {
	    &scanout_table, &scanout_json, &scansarif_format, &scanpage_format};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_eq(name, all[i]->name))
			return all[i];
	return NULL;
}

void
scanout_init(
    struct scanout *o, const struct scanout_format *format, bool colour)
{
	*o = (struct scanout){.format = format, .colour = colour};
	buf_init(&o->notes, NOTES_BYTES);
	buf_init(&o->rows, NOTES_BYTES);
	buf_init(&o->rules, NOTES_BYTES);
}

void
scanout_done(struct scanout *o)
{
	buf_done(&o->notes);
	buf_done(&o->rows);
	buf_done(&o->rules);
}

size_t
scanout_rule(struct scanout *o, const char *id)
{
	size_t n = 0;

	for (size_t at = 0; at < o->rules.len; n++) {
		const char *known = (const char *)o->rules.data + at;

		if (str_eq(known, id))
			return n;
		at += strlen(known) + 1;
	}
	buf_put(&o->rules, id, strlen(id) + 1);
	must(buf_error(&o->rules) == 0);
	return n;
}

void
scanout_skipped(struct scanout_sum *s, const char *reason, uint64_t bytes)
{
	size_t i = 0;

	while (i < s->nreasons && !str_eq(s->reasons[i].text, reason))
		i++;
	if (i == SCANOUT_REASONS_MAX)
		i--; /* whatever it was: the count is right */
	else if (i == s->nreasons)
		(void)snprintf(s->reasons[s->nreasons++].text, SCANOUT_REASON,
		    "%s",
		    i + 1 == SCANOUT_REASONS_MAX ? "other reasons" : reason);
	s->reasons[i].n++;
	s->reasons[i].bytes += bytes;
}

/* ---- the table ----------------------------------------------------------- */

/* One row: word, count, what, and where. */
static void
put_row(struct scanout *o, const char *path, const char *word,
    const char *count, const char *what, const char *member)
{
	char shown[SHOWN_MAX], inside[SHOWN_MAX];
	const char *red = "", *plain = "";
	OWN(buf_done) struct buf b = {0};

	if (o->colour) {
		red = str_eq(word, "skipped") ? "\033[33m"
		      : str_eq(word, "allowed") || str_eq(word, "few")
			  ? ""
			  : "\033[31m";
		plain = "\033[0m";
	}
	if (!o->some)
		(void)printf("%-8s %8s  %-28s  %s\n", "LEVEL", "COUNT",
		    "DETECTOR OR REASON", "WHERE");
	o->some = true;
	str_escape(shown, sizeof shown, path, strlen(path));
	str_escape(inside, sizeof inside, member, strlen(member));
	buf_init(&b, 4 * SHOWN_MAX);
	buf_printf(&b, "%s%-8s%s %8s  %-28s  %s%s%s", red, word, plain, count,
	    what, shown, inside[0] != '\0' ? "!" : "", inside);
	cli_line(&b);
}

static void
table_file(struct scanout *o, const struct scanout_file *f)
{
	char count[24], what[256];

	for (size_t i = 0; i < f->nfindings; i++) {
		const struct finding *x = &f->findings[i];

		(void)snprintf(count, sizeof count, "%" PRIu64, x->count);
		if (finding_alerts(x))
			(void)str_copy(what, sizeof what, x->detector);
		else if (!finding_allowed(x))
			(void)snprintf(what, sizeof what,
			    "%s (%s, fewer than make an event)", x->detector,
			    confidence_name(x->confidence));
		else
			(void)snprintf(what, sizeof what,
			    "%s (%s, allowed by %s until %s)", x->detector,
			    confidence_name(x->confidence), x->allow,
			    x->allow_until);
		put_row(o, f->path,
		    finding_alerts(x)    ? confidence_name(x->confidence)
		    : finding_allowed(x) ? "allowed"
					 : "few",
		    count, what, x->member);
	}
	for (size_t i = 0; i < f->nskips; i++)
		put_row(o, f->path, "skipped", "", f->skips[i].reason,
		    f->skips[i].member);
}

const struct scanout_format scanout_table = {
    .name = "table", .file = table_file};

/* ---- JSON ---------------------------------------------------------------- */

static void
json_finding(struct json *j, const struct finding *f)
{
	json_begin_object(j, NULL);
	json_str(j, "detector", f->detector);
	json_str(j, "class", f->class_name);
	json_str(j, "confidence", confidence_name(f->confidence));
	json_uint(j, "count", f->count);
	json_uint(j, "unique", f->unique);
	json_str(j, "member", f->member);
	if (f->marks != 0)
		json_begin_array(j, "flags");
	for (unsigned m = MARK_TEST_DATA; m < MARKS; m <<= 1)
		if ((f->marks & m) != 0)
			json_str(j, NULL, finding_mark((enum mark)m));
	if (f->marks != 0)
		json_end_array(j);
	if (finding_allowed(f)) {
		json_begin_object(j, "allow");
		json_str(j, "id", f->allow);
		json_str(j, "until", f->allow_until);
		json_end_object(j);
	}
	if (f->sealed != NULL)
		json_str(j, "sealed", f->sealed);
	if (f->decode[0] != '\0')
		json_str(j, "decode", f->decode);
	json_begin_array(j, "spans");
	for (size_t i = 0; i < f->nspans; i++) {
		json_begin_array(j, NULL);
		json_uint(j, NULL, f->spans[i].from);
		json_uint(j, NULL, f->spans[i].to);
		json_end_array(j);
	}
	json_end_array(j);
	json_end_object(j);
}

static void
json_file(struct scanout *o, const struct scanout_file *f)
{
	OWN(buf_done) struct buf line = {0};
	struct json j;

	(void)o;
	buf_init(&line, LINE_BYTES);
	json_init(&j, &line);
	json_begin_object(&j, NULL);
	json_bytes(&j, "path", f->path, strlen(f->path));
	json_uint(&j, "size", f->size);
	json_str(&j, "type", f->type);
	json_uint(&j, "examined", f->examined);
	json_begin_array(&j, "skipped");
	for (size_t i = 0; i < f->nskips; i++) {
		json_begin_object(&j, NULL);
		json_str(&j, "reason", f->skips[i].reason);
		json_uint(&j, "bytes", f->skips[i].bytes);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_begin_array(&j, "findings");
	for (size_t i = 0; i < f->nfindings; i++)
		json_finding(&j, &f->findings[i]);
	json_end_array(&j);
	json_end_object(&j);
	cli_line(&line);
}

const struct scanout_format scanout_json = {
    .name = "json", .machine = true, .file = json_file};
