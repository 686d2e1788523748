/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scansarif - findings as SARIF 2.1.0 (OASIS, 2020), for code-scanning tools.
 *
 * Owns: the mapping. A place of a finding is a result with a byte region; what
 * lies in a member of a container has no region of the file, so its place is a
 * logical location; what was not examined is a notification.
 * Never: writes matched content: no snippet, no context region.
 *
 * High is an error, medium a warning, low a note. At most RESULTS_MAX places
 * of a finding become results; the message tells how many there are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/scanout.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define RESULTS_MAX 100
#define LINE_BYTES ((size_t)1 << 20)

/* A path as a URI reference (RFC 3986): every other byte is escaped. */
static void
uri(struct buf *out, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~/";

	if (path[0] == '/')
		buf_printf(out, "file://");
	for (const char *p = path; *p != '\0'; p++)
		if (strchr(plain, *p) != NULL)
			buf_put_u8(out, (uint8_t)*p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
}

static const char *
level(enum confidence c)
{
	return c == CONFIDENCE_HIGH     ? "error"
	       : c == CONFIDENCE_MEDIUM ? "warning"
					: "note";
}

static void
put_location(struct json *j, const char *path, const char *member,
    const struct span *span)
{
	OWN(buf_done) struct buf b = {0};
	bool inside = member[0] != '\0';

	buf_init(&b, LINE_BYTES);
	uri(&b, path);
	json_begin_array(j, "locations");
	json_begin_object(j, NULL);
	json_begin_object(j, "physicalLocation");
	json_begin_object(j, "artifactLocation");
	json_str(j, "uri", buf_text(&b) != NULL ? buf_text(&b) : "");
	json_end_object(j);
	if (span != NULL && !inside) {
		json_begin_object(j, "region");
		json_uint(j, "byteOffset", span->from);
		json_uint(j, "byteLength", span->to - span->from);
		json_end_object(j);
	}
	json_end_object(j);
	if (inside) {
		json_begin_array(j, "logicalLocations");
		json_begin_object(j, NULL);
		json_str(j, "fullyQualifiedName", member);
		json_str(j, "kind", "member");
		json_end_object(j);
		json_end_array(j);
	}
	json_end_object(j);
	json_end_array(j);
}

static void
put_result(struct scanout *o, const char *path, const struct finding *f,
    const struct span *span)
{
	OWN(buf_done) struct buf b = {0};
	char text[256];
	struct json j;

	(void)snprintf(text, sizeof text,
	    "%s (%s), %s confidence; %" PRIu64 " matches, %" PRIu64
	    " distinct%s",
	    f->detector, f->class_name, confidence_name(f->confidence),
	    f->count, f->unique, f->test_data ? "; known test data" : "");
	buf_init(&b, LINE_BYTES);
	if (o->some)
		buf_put_u8(&b, ',');
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "ruleId", f->detector);
	json_uint(&j, "ruleIndex", scanout_rule(o, f->detector));
	json_str(&j, "level", level(f->confidence));
	json_begin_object(&j, "message");
	json_str(&j, "text", text);
	json_end_object(&j);
	put_location(&j, path, f->member, span);
	if (finding_allowed(f)) {
		(void)snprintf(text, sizeof text, "allow %s, until %s",
		    f->allow, f->allow_until);
		json_begin_array(&j, "suppressions");
		json_begin_object(&j, NULL);
		json_str(&j, "kind", "external");
		json_str(&j, "justification", text);
		json_end_object(&j);
		json_end_array(&j);
	}
	json_begin_object(&j, "properties");
	json_str(&j, "class", f->class_name);
	json_str(&j, "confidence", confidence_name(f->confidence));
	json_uint(&j, "count", f->count);
	json_uint(&j, "unique", f->unique);
	if (f->decode[0] != '\0')
		json_str(&j, "decode", f->decode);
	if (span != NULL && f->member[0] != '\0') {
		json_uint(&j, "memberByteOffset", span->from);
		json_uint(&j, "memberByteLength", span->to - span->from);
	}
	json_end_object(&j);
	json_end_object(&j);
	o->some = true;
	cli_line(&b);
}

static void
put_note(struct scanout *o, const char *path, const struct scanout_skip *k)
{
	OWN(buf_done) struct buf b = {0};
	char text[256];
	struct json j;

	(void)snprintf(text, sizeof text, "not examined: %s", k->reason);
	buf_init(&b, LINE_BYTES);
	if (o->notes.len > 0)
		buf_put_u8(&b, ',');
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "level", "warning");
	json_begin_object(&j, "message");
	json_str(&j, "text", text);
	json_end_object(&j);
	put_location(&j, path, k->member, NULL);
	json_end_object(&j);
	/* Whole ones only: the list must stay JSON. */
	if (buf_error(&b) != 0 || b.len > o->notes.max - o->notes.len)
		o->over++;
	else
		buf_put(&o->notes, b.data, b.len);
}

static void
sarif_begin(struct scanout *o)
{
	(void)o;
	(void)printf("{\"$schema\":\"https://json.schemastore.org/"
		     "sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{"
		     "\"results\":[\n");
}

static void
sarif_file(struct scanout *o, const struct scanout_file *f)
{
	for (size_t i = 0; i < f->nfindings; i++) {
		const struct finding *x = &f->findings[i];

		if (x->nspans == 0)
			put_result(o, f->path, x, NULL);
		for (size_t k = 0; k < x->nspans && k < RESULTS_MAX; k++)
			put_result(o, f->path, x, &x->spans[k]);
	}
	for (size_t i = 0; i < f->nskips; i++)
		put_note(o, f->path, &f->skips[i]);
}

static void
put_rules(struct json *j, const struct scanout *o)
{
	json_begin_array(j, "rules");
	for (size_t at = 0; at < o->rules.len;) {
		const char *id = (const char *)o->rules.data + at;

		json_begin_object(j, NULL);
		json_str(j, "id", id);
		json_end_object(j);
		at += strlen(id) + 1;
	}
	json_end_array(j);
}

static void
sarif_end(struct scanout *o, const struct scanout_sum *s)
{
	OWN(buf_done) struct buf b = {0};
	OWN(buf_done) struct buf notes = {0};
	struct json j;

	buf_init(&notes, o->notes.max + 2);
	buf_put_u8(&notes, '[');
	buf_put(&notes, o->notes.data, o->notes.len);
	buf_put_u8(&notes, ']');
	buf_init(&b, o->notes.max + o->rules.max);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_begin_object(&j, "driver");
	json_str(&j, "name", "chaperone");
	json_str(&j, "version", VERSION);
	put_rules(&j, o);
	json_begin_object(&j, "properties");
	json_str(&j, "rulesDigest", s->digest);
	json_end_object(&j);
	json_end_object(&j);
	json_end_object(&j);
	(void)printf("],\n\"tool\":");
	cli_line(&b);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_bool(&j, "executionSuccessful", true);
	json_raw(&j, "toolExecutionNotifications", notes.data, notes.len);
	json_begin_object(&j, "properties");
	json_uint(&j, "files", s->files);
	json_uint(&j, "bytesExamined", s->bytes);
	json_uint(&j, "partsNotExamined", s->incomplete);
	json_uint(&j, "notificationsLeftOut", o->over);
	json_uint(&j, "filesUnchanged", s->unchanged);
	json_end_object(&j);
	json_end_object(&j);
	(void)printf(",\"invocations\":[");
	cli_line(&b);
	buf_printf(&b, "]}]}");
	cli_line(&b);
}

const struct scanout_format scansarif_format = {.name = "sarif",
    .machine = true,
    .begin = sarif_begin,
    .file = sarif_file,
    .end = sarif_end};
