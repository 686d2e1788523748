/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields - actors, findings and flows as the fields of a draft.
 *
 * Owns: which member of which struct becomes which field of lib/entry.h.
 * Never: writes an unknown as a value: what is not known is left out.
 */
#include "agent/fields.h"

#include <inttypes.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

#define NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* lib/entry.c */

void
fields_actor(struct draft *d, const struct actor *who)
{
	draft_text(d, "provider", who->provider);
	draft_text(d, "person", who->person);
	draft_text(d, "account", who->account);
	draft_text(d, "grade", grade_name(who->grade));
	draft_text(d, "why", who->why);
	draft_text(d, "session", who->session);
	draft_text(d, "key_fp", who->key_fp);
	draft_text(d, "src_addr", who->src_addr);
	draft_text(d, "method", who->method);
	if (who->loginuid != ACTOR_UNSET)
		draft_uint(d, "loginuid", who->loginuid);
	if (who->audit_ses != ACTOR_UNSET)
		draft_uint(d, "audit_ses", who->audit_ses);
	if (who->uid != ACTOR_UNSET)
		draft_uint(d, "uid", who->uid);
	if (who->pid > 0)
		draft_int(d, "pid", who->pid);
}

void
fields_tuple(struct draft *d, const struct tuple *t)
{
	char text[64];

	draft_text(d, "proto", t->proto == 17 ? "udp" : "tcp");
	tuple_addr(t->family, t->src, text, sizeof text);
	draft_text(d, "src", text);
	draft_uint(d, "sport", t->sport);
	tuple_addr(t->family, t->dst, text, sizeof text);
	draft_text(d, "dst", text);
	draft_uint(d, "dport", t->dport);
}

/* Marks that have no field of their own, "expired,sample". */
static void
fields_marks(struct draft *d, unsigned marks)
{
	char text[64] = "";

	for (unsigned m = MARK_ENCRYPTED_KEY; m < MARKS; m <<= 1)
		if ((marks & m) != 0)
			must(str_format(text + strlen(text),
				 sizeof text - strlen(text), "%s%s",
				 text[0] != '\0' ? "," : "",
				 finding_mark((enum mark)m)) == 0);
	if (text[0] != '\0')
		draft_text(d, "flags", text);
}

void
fields_finding(struct draft *d, const struct finding *f, const char *rules)
{
	char tag[2 * FINDING_TAG_LEN + 1];

	draft_text(d, "detector", f->detector);
	draft_text(d, "version", f->version);
	draft_text(d, "class", f->class_name);
	draft_text(d, "confidence", confidence_name(f->confidence));
	draft_text(d, "sensitivity", sensitivity_name(f->sensitivity));
	draft_uint(d, "count", f->count);
	draft_uint(d, "unique", f->unique);
	if (f->unique_capped)
		draft_int(d, "unique_capped", 1);
	if (f->test_data)
		draft_int(d, "test_data", 1);
	fields_marks(d, f->marks);
	if (f->bulk)
		draft_int(d, "bulk", 1);
	if (finding_allowed(f)) {
		draft_text(d, "allow", f->allow);
		draft_text(d, "allow_until", f->allow_until);
	}
	draft_text(d, "member", f->member);
	draft_text(d, "mask", f->mask);
	if (f->decode[0] != '\0')
		draft_text(d, "decode", f->decode);
	if (f->tag_set) {
		str_hex(tag, f->tag, sizeof f->tag);
		draft_text(d, "tag", tag);
	}
	draft_text(d, "rules", rules);
	draft_text(d, "sealed", f->sealed);
}

void
fields_number(struct draft *d, const char *name, uint64_t v)
{
	char text[24];

	if (v <= NUMBER_MAX) {
		draft_uint(d, name, v);
		return;
	}
	must(str_format(text, sizeof text, "%" PRIu64, v) == 0);
	draft_text(d, name, text);
}

static void
list_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);
	bool first = used == 0;

	if (name[0] == '\0' || str_listed(list, name) ||
	    (strlen(list) >= 3 && str_eq(list + strlen(list) - 3, "...")))
		return;
	/* Room for what says that there are more is always left. */
	if (used + strlen(name) + sizeof ",..." + 1 > size)
		name = "...";
	must(str_format(list + used, size - used, "%s%s", first ? "" : ",",
		 name) == 0);
}

void
fields_label(struct labels *l, const struct finding *f)
{
	if (f->test_data || !finding_alerts(f) ||
	    (f->confidence < CONFIDENCE_MEDIUM && f->sealed == NULL))
		return;
	l->n++;
	list_name(l->classes, sizeof l->classes, f->class_name);
	list_name(l->detectors, sizeof l->detectors, f->detector);
}
