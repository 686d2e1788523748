/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft - one value after another, until an entry can be sealed from them.
 *
 * Owns: the check that a field belongs to its type (the table of lib/entry.h),
 * and the wire form of MESSAGE_APPEND:
 *   str type, u64 boot_us, u64 wall_us, u16 n, n times
 *   (str name, u8 kind, kind 1: u64 value, kind 0: blob text).
 * Never: seals, salts, or looks at what a text says.
 */
#include "lib/draft.h"

#include <errno.h>
#include <string.h>

#include "lib/entry.h"
#include "lib/str.h"

#include "lib/own.h"

#define WHO \
	"provider", "person", "account", "grade", "why", "session", "key_fp", \
	    "src_addr", "method", "loginuid", "audit_ses", "uid", "pid", "exe"
#define OBJECT "path", "dev", "ino", "size"
#define NET "proto", "src", "sport", "dst", "dport", "host"

static const char *const FILE_FIELDS[] = {WHO, OBJECT, "op", "count", NULL};
static const char *const FINDING_FIELDS[] = {WHO, OBJECT, NET, "channel", "op",
    "detector", "version", "class", "confidence", "sensitivity", "count",
    "unique", "unique_capped", "test_data", "bulk", "member", "mask", "tag",
    "rules", "flow", "allow", "allow_until", "sealed", "flags", "decode", NULL};
static const char *const FLOW_FIELDS[] = {WHO, NET, "direction", "bytes_out",
    "bytes_in", "gap_bytes", "kernel_out", "examined_out", "examined_in",
    "began_us", "ended_us", "how", "flow", NULL};
/* "method" of a transfer is HTTP's: WHO's stands in the session's entry. */
static const char *const TRANSFER_FIELDS[] = {WHO, NET, "flow", "protocol",
    "direction", "http_method", "uri", "filename", "bytes", "complete",
    "examined", NULL};
/* "grade" is WHO's; how surely it left is "evidence". */
static const char *const EGRESS_FIELDS[] = {WHO, OBJECT, NET, "channel",
    "evidence", "reasons", "classes", "detectors", "bytes", "derived", "files",
    "began_us", "ended_us", "flow", "lost", "acked", NULL};
static const char *const SESSION_FIELDS[] = {WHO, "op", "tty", NULL};
static const char *const SKIPPED_FIELDS[] = {
    WHO, OBJECT, NET, "op", "reason", "member", "bytes", "flow", NULL};
static const char *const START_FIELDS[] = {"role", "version", "rules",
    "rule_count", "config", "host", "sensors", "why", NULL};
static const char *const STOP_FIELDS[] = {"role", "why", NULL};
static const char *const LOSS_FIELDS[] = {
    "stage", "reason", "lost", "bytes", "from_us", "to_us", NULL};
static const char *const CRASH_FIELDS[] = {
    "role", "signal", "exit", "from_us", "to_us", NULL};
static const char *const PROBE_FIELDS[] = {"result", "ms", "why", NULL};
static const char *const CFG_FIELDS[] = {
    "what", "digest", "result", "why", NULL};
static const char *const VERSION_FIELDS[] = {"version", "why", NULL};
static const char *const ENROL_FIELDS[] = {
    "agent", "host", "spki", "vkey", NULL};
static const char *const REVOKE_FIELDS[] = {"agent", "why", NULL};
static const char *const ACCESS_FIELDS[] = {
    "user", "via", "action", "provider", "from", "to", "format", "view", NULL};
static const char *const ALARM_FIELDS[] = {"agent", "kind", "detail", NULL};

static const struct draft_type TYPES[] = {
    {"file", 2, false, FILE_FIELDS},
    {"finding", 0, false, FINDING_FIELDS},
    {"flow", 2, false, FLOW_FIELDS},
    {"transfer", 1, false, TRANSFER_FIELDS},
    {"egress", 0, false, EGRESS_FIELDS},
    {"session", 1, false, SESSION_FIELDS},
    {"skipped", 2, false, SKIPPED_FIELDS},
    {"cov.start", 1, true, START_FIELDS},
    {"cov.stop", 1, true, STOP_FIELDS},
    {"cov.beat", 1, true, NULL},
    {"cov.loss", 0, true, LOSS_FIELDS},
    {"cov.crash", 0, true, CRASH_FIELDS},
    {"cov.cfg", 1, true, CFG_FIELDS},
    {"cov.probe", 1, true, PROBE_FIELDS},
    {"col.start", 1, true, VERSION_FIELDS},
    {"col.stop", 1, true, VERSION_FIELDS},
    {"col.enrol", 1, true, ENROL_FIELDS},
    {"col.revoke", 1, true, REVOKE_FIELDS},
    {"col.access", 1, false, ACCESS_FIELDS},
    {"col.alarm", 0, true, ALARM_FIELDS},
};

const struct draft_type *
draft_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
		if (str_eq(TYPES[i].name, name))
			return &TYPES[i];
	return NULL;
}

bool
draft_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < sizeof((struct field *)0)->name &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

static bool
field_fits(const char *type, const char *name)
{
	const struct draft_type *t = draft_type(type);

	if (t == NULL || !draft_name_ok(name))
		return false;
	if (t->fields == NULL)
		return true;
	for (const char *const *f = t->fields; *f != NULL; f++)
		if (str_eq(*f, name))
			return true;
	return false;
}

void
draft_init(struct draft *d, const char *type, struct stamp at)
{
	*d = (struct draft){.at = at};
	must(draft_type(type) != NULL);
	must(str_copy(d->type, sizeof d->type, type) == 0);
}

void
draft_done(struct draft *d)
{
	for (size_t i = 0; i < d->nfields; i++)
		free(d->fields[i].text);
	*d = (struct draft){0};
}

int
draft_error(const struct draft *d)
{
	return d->err;
}

/* A new field, or NULL with the error set. */
static struct field *
add(struct draft *d, const char *name)
{
	struct field *f;

	if (d->err != 0)
		return NULL;
	if (!field_fits(d->type, name)) {
		d->err = -EINVAL;
		return NULL;
	}
	for (size_t i = 0; i < d->nfields; i++) {
		if (str_eq(d->fields[i].name, name)) {
			d->err = -EINVAL;
			return NULL;
		}
	}
	if (d->nfields == ENTRY_FIELDS_MAX) {
		d->err = -ENOBUFS;
		return NULL;
	}
	f = &d->fields[d->nfields];
	*f = (struct field){0};
	if (str_copy(f->name, sizeof f->name, name) != 0) {
		d->err = -EINVAL;
		return NULL;
	}
	d->nfields++;
	return f;
}

void
draft_int(struct draft *d, const char *name, int64_t v)
{
	struct field *f;

	if (v > DRAFT_INT_MAX || v < -DRAFT_INT_MAX) {
		if (d->err == 0)
			d->err = -ERANGE;
		return;
	}
	f = add(d, name);
	if (f == NULL)
		return;
	f->is_int = true;
	f->num = v;
}

void
draft_uint(struct draft *d, const char *name, uint64_t v)
{
	draft_int(d, name, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

void
draft_bytes(struct draft *d, const char *name, const void *s, size_t len)
{
	struct field *f;

	if (len == 0)
		return;
	if (len > ENTRY_TEXT_MAX) {
		if (d->err == 0)
			d->err = -ENOBUFS;
		return;
	}
	f = add(d, name);
	if (f == NULL)
		return;
	f->text = calloc(1, len + 1);
	if (f->text == NULL) {
		d->err = -ENOMEM;
		return;
	}
	memcpy(f->text, s, len);
	f->len = len;
}

void
draft_text(struct draft *d, const char *name, const char *s)
{
	if (s != NULL)
		draft_bytes(d, name, s, strlen(s));
}

void
draft_encode(const struct draft *d, struct buf *out)
{
	buf_put_str(out, d->type);
	buf_put_u64(out, d->at.boot_us);
	buf_put_u64(out, (uint64_t)d->at.wall_us);
	buf_put_u16(out, (uint16_t)d->nfields);
	for (size_t i = 0; i < d->nfields; i++) {
		const struct field *f = &d->fields[i];

		buf_put_str(out, f->name);
		buf_put_u8(out, f->is_int ? 1 : 0);
		if (f->is_int)
			buf_put_u64(out, (uint64_t)f->num);
		else
			buf_put_blob(out, f->text, f->len);
	}
}

static void
decode_field(struct draft *d, struct cur *in)
{
	char name[sizeof d->fields[0].name];
	const uint8_t *text;
	uint8_t kind;
	size_t len;

	cur_str(in, name, sizeof name);
	kind = cur_u8(in);
	if (kind == 1) {
		draft_int(d, name, (int64_t)cur_u64(in));
		return;
	}
	text = cur_blob(in, &len);
	if (kind != 0 || in->bad || len == 0)
		d->err = -EBADMSG;
	else
		draft_bytes(d, name, text, len);
}

int
draft_decode(struct draft *out, struct cur *in)
{
	struct draft d;
	char type[sizeof d.type];
	struct stamp at;
	uint16_t n;
	int r;

	cur_str(in, type, sizeof type);
	at.boot_us = cur_u64(in);
	at.wall_us = (int64_t)cur_u64(in);
	n = cur_u16(in);
	if (in->bad || draft_type(type) == NULL || n > ENTRY_FIELDS_MAX)
		return -EBADMSG;
	draft_init(&d, type, at);
	for (uint16_t i = 0; i < n && d.err == 0 && !in->bad; i++)
		decode_field(&d, in);
	r = in->bad || (d.err != 0 && d.err != -ENOMEM) ? -EBADMSG : d.err;
	if (r != 0) {
		draft_done(&d);
		return r;
	}
	*out = d;
	return 0;
}
