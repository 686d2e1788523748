/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - a provider's exposure as JSON.
 *
 * Owns: the keys, which docs/man/chaperone-report.1 promises: they may be
 * added to, but not renamed or removed. What is unknown is null. Times are RFC
 * 3339 in UTC, durations whole seconds, shares parts of 1000, rounded down.
 */
#include "collector/report/report.h"
#include "collector/report/words.h"
#include "lib/actor.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define SECOND_US 1000000
#define SENTENCE_MAX 65536

static void
put_text(struct json *j, const char *key, const char *s)
{
	if (s != NULL)
		json_str(j, key, s);
	else
		json_put_null(j, key);
}

static void
put_time(struct json *j, const char *key, int64_t us)
{
	char text[CLOCK_TEXT_SIZE];

	if (us == 0) {
		json_put_null(j, key);
		return;
	}
	clock_text(us, text);
	json_str(j, key, text);
}

static void
put_maybe(struct json *j, const char *key, int64_t v)
{
	if (v >= 0)
		json_int(j, key, v);
	else
		json_put_null(j, key);
}

static void
put_span(struct json *j, int64_t first_us, int64_t last_us)
{
	put_time(j, "first", first_us);
	put_time(j, "last", last_us);
}

static void
put_records(struct json *j, uint64_t low, uint64_t high, bool capped)
{
	json_uint(j, "records_low", low);
	json_uint(j, "records_high", high);
	json_bool(j, "records_at_least", capped);
}

/* ---- the question ---- */

static void
put_question(struct json *j, const struct exposure *e)
{
	json_str(j, "version", VERSION);
	put_time(j, "generated", e->now_us);
	put_text(j, "user", e->user);
	put_text(j, "via", e->via);
	json_begin_object(j, "period");
	put_time(j, "from", e->from_us);
	put_time(j, "to", e->to_us);
	json_bool(j, "open_from", e->open_from);
	json_bool(j, "open_to", e->open_to);
	json_end_object(j);
}

static void
put_summary(struct json *j, const struct exposure *e)
{
	json_begin_object(j, "summary");
	for (int i = 0; i < SENTENCE_COUNT; i++) {
		enum words_sentence s = (enum words_sentence)i;
		OWN(buf_done) struct buf text = {0};

		buf_init(&text, SENTENCE_MAX);
		words_sentence(e, s, &text);
		json_bytes(j, words_key(s), text.data, text.len);
	}
	json_end_object(j);
}

/* ---- coverage ---- */

static void
put_seconds(struct json *j, const int64_t us[COVERAGE_STATES])
{
	int64_t whole = 0, observed = us[COVERAGE_OBSERVED];

	for (int s = 0; s < COVERAGE_STATES; s++)
		whole += us[s];
	json_int(j, "seconds", whole / SECOND_US);
	json_int(j, "seconds_observed", observed / SECOND_US);
	json_int(j, "seconds_degraded", us[COVERAGE_DEGRADED] / SECOND_US);
	json_int(j, "seconds_blind", us[COVERAGE_BLIND] / SECOND_US);
	json_int(j, "seconds_unknown", us[COVERAGE_UNKNOWN] / SECOND_US);
	if (whole == 0)
		json_put_null(j, "observed_permille");
	else
		json_int(j, "observed_permille",
		    (int64_t)((double)observed / (double)whole * 1000));
}

static void
put_spans(struct json *j, const struct exposure_host *h)
{
	json_begin_array(j, "spans");
	for (size_t i = 0; i < h->nspans; i++) {
		const struct exposure_span *s = &h->spans[i];

		json_begin_object(j, NULL);
		put_time(j, "from", s->from_us);
		put_time(j, "to", s->to_us);
		json_str(j, "state", coverage_name(s->state));
		put_text(j, "why", s->why);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_hosts(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "hosts");
	for (size_t i = 0; i < e->nhosts; i++) {
		const struct exposure_host *h = &e->hosts[i];

		json_begin_object(j, NULL);
		put_text(j, "host", h->name);
		put_text(j, "agent", h->agent);
		put_text(j, "state", h->state);
		put_text(j, "log", h->vkey);
		put_time(j, "enrolled", h->enrolled_us);
		put_time(j, "revoked", h->revoked_us);
		put_time(j, "seen", h->seen_us);
		put_time(j, "last_word", h->word_us);
		json_uint(j, "generation", h->gen);
		json_uint(j, "entries", h->entries);
		json_uint(j, "generation_entries", h->next);
		json_uint(j, "generation_receipted", h->receipted);
		json_uint(j, "provider_entries", h->of_provider);
		put_seconds(j, h->us);
		json_int(j, "seconds_not_due", h->waiting_us / SECOND_US);
		put_spans(j, h);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_coverage(struct json *j, const struct exposure *e)
{
	json_bool(j, "complete", e->complete);
	json_begin_object(j, "coverage");
	put_seconds(j, e->us);
	put_hosts(j, e);
	json_end_object(j);
}

/* ---- who ---- */

static void
put_grades(struct json *j, const char *key, const uint64_t by_grade[5],
    uint64_t no_grade)
{
	json_begin_object(j, key);
	for (int g = 0; g <= GRADE_UNKNOWN; g++)
		json_uint(j, grade_name((enum grade)g),
		    by_grade[g] + (g == GRADE_UNKNOWN ? no_grade : 0));
	json_end_object(j);
}

static void
put_traits(struct json *j, const char *key, const struct exposure_person *p,
    enum exposure_trait_kind kind)
{
	json_begin_array(j, key);
	for (size_t i = 0; i < p->ntraits; i++)
		if (p->traits[i].kind == kind)
			put_text(j, NULL, p->traits[i].value);
	json_end_array(j);
}

static void
put_people(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "people");
	for (size_t i = 0; i < e->npeople; i++) {
		const struct exposure_person *p = &e->people[i];

		json_begin_object(j, NULL);
		put_text(j, "person", p->name);
		json_uint(j, "entries", p->entries);
		json_uint(j, "sessions", p->sessions);
		json_uint(j, "hosts", p->hosts);
		put_grades(j, "grades", p->by_grade, 0);
		put_traits(j, "accounts", p, TRAIT_ACCOUNT);
		put_traits(j, "keys", p, TRAIT_KEY);
		put_traits(j, "addresses", p, TRAIT_ADDRESS);
		put_traits(j, "why_unknown", p, TRAIT_WHY);
		put_span(j, p->first_us, p->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

/* ---- what ---- */

static void
put_classes(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "classes");
	for (size_t i = 0; i < e->nclasses; i++) {
		const struct exposure_class *c = &e->classes[i];

		json_begin_object(j, NULL);
		put_text(j, "class", c->name);
		put_text(j, "sensitivity", c->sensitivity);
		json_uint(j, "files", c->files);
		json_uint(j, "files_read", c->read);
		json_uint(j, "files_written", c->written);
		put_records(j, c->low, c->high, c->capped);
		json_uint(j, "records_samples", c->samples);
		json_uint(j, "people", c->people);
		json_bool(j, "people_unknown", c->unknown);
		put_span(j, c->first_us, c->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_detectors(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "detectors");
	for (size_t i = 0; i < e->ndetectors; i++) {
		const struct exposure_detector *d = &e->detectors[i];

		json_begin_object(j, NULL);
		put_text(j, "detector", d->name);
		put_text(j, "version", d->version);
		put_text(j, "class", d->class_name);
		put_text(j, "channel", d->channel);
		json_uint(j, "objects", d->objects);
		json_uint(j, "findings", d->entries);
		json_uint(j, "records_high_confidence", d->high);
		json_uint(j, "records_medium_confidence", d->medium);
		json_uint(j, "records_low_confidence", d->low);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_finding(struct json *j, const struct exposure_finding *f)
{
	json_begin_object(j, NULL);
	put_text(j, "host", f->host);
	put_text(j, "person", f->person);
	put_text(j, "grade", f->grade);
	put_text(j, "account", f->account);
	put_text(j, "channel", f->channel);
	put_text(j, "op", f->op);
	put_text(j, "path", f->path);
	put_text(j, "member", f->member);
	put_text(j, "src", f->src);
	put_text(j, "dst", f->dst);
	put_maybe(j, "dport", f->dport);
	put_text(j, "server", f->server);
	put_text(j, "class", f->class_name);
	put_text(j, "detector", f->detector);
	put_text(j, "version", f->version);
	put_text(j, "confidence", f->confidence);
	put_text(j, "sensitivity", f->sensitivity);
	put_text(j, "mask", f->mask);
	json_uint(j, "records", f->records);
	json_bool(j, "records_at_least", f->capped);
	json_bool(j, "samples", f->sample);
	put_text(j, "flags", f->flags);
	put_text(j, "allow", f->allow);
	put_text(j, "allow_until", f->allow_until);
	put_text(j, "exact", f->exact);
	if (f->exact != NULL) {
		put_text(j, "confidence_told", f->told);
		json_uint(j, "candidates", f->candidates);
		json_uint(j, "confirmed", f->confirmed);
	}
	json_uint(j, "times", f->entries);
	put_span(j, f->first_us, f->last_us);
	json_end_object(j);
}

static void
put_findings(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "findings");
	for (size_t i = 0; i < e->nfindings; i++)
		put_finding(j, &e->findings[i]);
	json_end_array(j);
}

static void
put_exacts(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "exact");
	for (size_t i = 0; i < e->nexacts; i++) {
		const struct exposure_exact *x = &e->exacts[i];

		json_begin_object(j, NULL);
		put_text(j, "index", x->index);
		put_text(j, "id", x->index != NULL ? x->id : NULL);
		put_time(j, "made", x->made_us);
		put_text(j, "person", x->person);
		json_uint(j, "confirmed", x->confirmed);
		json_uint(j, "refuted", x->refuted);
		json_uint(j, "findings_pending", x->pending);
		json_uint(j, "findings_without_table", x->missing);
		json_uint(j, "findings_not_opened", x->closed);
		json_uint(j, "candidates_waiting", x->waiting);
		put_span(j, x->first_us, x->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_canaries(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "canaries");
	for (size_t i = 0; i < e->ncanaries; i++) {
		const struct exposure_canary *c = &e->canaries[i];

		json_begin_object(j, NULL);
		put_text(j, "set", c->set);
		if (c->copy > 0)
			json_uint(j, "copy", c->copy);
		else
			json_put_null(j, "copy");
		put_text(j, "kind", c->kind);
		put_text(j, "exact", c->exact);
		put_text(j, "host", c->host);
		put_text(j, "person", c->person);
		put_text(j, "grade", c->grade);
		put_text(j, "account", c->account);
		put_text(j, "channel", c->channel);
		put_text(j, "op", c->op);
		put_text(j, "path", c->path);
		put_text(j, "member", c->member);
		put_text(j, "server", c->server);
		put_text(j, "dst", c->dst);
		put_text(j, "detector", c->detector);
		json_uint(j, "times", c->entries);
		put_span(j, c->first_us, c->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_allows(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "allowed");
	for (size_t i = 0; i < e->nallows; i++) {
		const struct exposure_allow *a = &e->allows[i];

		json_begin_object(j, NULL);
		put_text(j, "allow", a->id);
		put_text(j, "until", a->until);
		put_text(j, "detector", a->detector);
		json_uint(j, "times", a->entries);
		json_uint(j, "records", a->records);
		json_uint(j, "people", a->people);
		json_bool(j, "people_unknown", a->unknown);
		put_span(j, a->first_us, a->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

/* ---- where to ---- */

static void
put_place(struct json *j, const struct exposure_place *p)
{
	json_begin_object(j, NULL);
	put_text(j, "host", p->host);
	put_text(j, "direction", p->direction);
	put_text(j, "remote", p->remote);
	put_maybe(j, "port", p->port);
	put_text(j, "proto", p->proto);
	put_text(j, "server", p->server);
	json_bool(j, "loopback", p->loopback);
	json_uint(j, "flows", p->flows);
	json_uint(j, "flows_without_size", p->unsized);
	json_uint(j, "bytes_out", p->out);
	json_uint(j, "bytes_in", p->in);
	json_uint(j, "bytes_out_examined", p->examined);
	json_uint(j, "bytes_out_unanswered", p->unexamined);
	json_uint(j, "bytes_missed", p->gap);
	json_uint(j, "findings", p->findings);
	json_uint(j, "people", p->people);
	json_bool(j, "people_unknown", p->unknown);
	put_span(j, p->first_us, p->last_us);
	json_end_object(j);
}

static void
put_transfers(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "transfers");
	for (size_t i = 0; i < e->ntransfers; i++) {
		const struct exposure_transfer *t = &e->transfers[i];

		json_begin_object(j, NULL);
		put_time(j, "at", t->at_us);
		put_text(j, "host", t->host);
		put_text(j, "person", t->person);
		put_text(j, "grade", t->grade);
		put_text(j, "protocol", t->protocol);
		put_text(j, "direction", t->direction);
		put_text(j, "method", t->method);
		put_text(j, "uri", t->uri);
		put_text(j, "filename", t->filename);
		put_text(j, "server", t->server);
		put_text(j, "remote", t->dst);
		put_maybe(j, "port", t->dport);
		put_maybe(j, "bytes", t->bytes);
		put_maybe(j, "bytes_examined", t->examined);
		json_bool(j, "complete", t->complete);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_egress(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "egress");
	for (size_t i = 0; i < e->negress; i++) {
		const struct exposure_egress *t = &e->egress[i];

		json_begin_object(j, NULL);
		put_time(j, "at", t->at_us);
		put_text(j, "host", t->host);
		put_text(j, "person", t->person);
		put_text(j, "grade", t->grade);
		put_text(j, "evidence", t->evidence);
		put_text(j, "meaning", words_evidence(t->evidence));
		put_text(j, "reasons", t->reasons);
		put_text(j, "classes", t->classes);
		put_text(j, "path", t->path);
		put_text(j, "derived", t->derived);
		put_text(j, "channel", t->channel);
		put_text(j, "server", t->server);
		put_text(j, "remote", t->dst);
		put_maybe(j, "port", t->dport);
		put_maybe(j, "bytes", t->bytes);
		put_maybe(j, "size", t->size);
		json_uint(j, "more_files", t->files);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_left(struct json *j, const struct exposure *e)
{
	struct words_left w = words_left(e);

	json_begin_object(j, "left");
	json_uint(j, "bytes_out", w.out);
	json_uint(j, "bytes_out_examined", w.examined);
	json_uint(j, "flows", w.flows);
	json_uint(j, "flows_without_size", w.unsized);
	json_begin_array(j, "places");
	for (size_t i = 0; i < e->nplaces; i++)
		put_place(j, &e->places[i]);
	json_end_array(j);
	json_begin_array(j, "findings");
	for (size_t i = 0; i < e->nsent; i++) {
		const struct exposure_sent *t = &e->sent[i];

		json_begin_object(j, NULL);
		put_text(j, "class", t->class_name);
		put_text(j, "remote", t->remote);
		put_maybe(j, "port", t->port);
		put_text(j, "server", t->server);
		json_uint(j, "findings", t->entries);
		put_records(j, t->low, t->high, t->capped);
		json_uint(j, "people", t->people);
		json_bool(j, "people_unknown", t->unknown);
		put_span(j, t->first_us, t->last_us);
		json_end_object(j);
	}
	json_end_array(j);
	put_transfers(j, e);
	put_egress(j, e);
	json_end_object(j);
}

/* ---- the rest ---- */

static void
put_gaps(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "gaps");
	for (size_t i = 0; i < e->ngaps; i++) {
		const struct exposure_gap *g = &e->gaps[i];

		json_begin_object(j, NULL);
		put_text(j, "host", g->host);
		put_text(j, "kind", g->kind);
		put_text(j, "where", g->where);
		put_text(j, "reason", g->reason);
		json_bool(j, "of_provider", g->own);
		json_uint(j, "times", g->count);
		json_uint(j, "lost", g->lost);
		json_uint(j, "bytes", g->bytes);
		put_span(j, g->first_us, g->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_alarms(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "alarms");
	for (size_t i = 0; i < e->nalarms; i++) {
		json_begin_object(j, NULL);
		put_time(j, "at", e->alarms[i].at_us);
		put_text(j, "host", e->alarms[i].host);
		put_text(j, "kind", e->alarms[i].kind);
		put_text(j, "detail", e->alarms[i].detail);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_behind(struct json *j, const struct exposure_behind *b)
{
	json_begin_object(j, NULL);
	put_text(j, "host", b->host);
	put_text(j, "channel", b->channel);
	put_text(j, "op", b->op);
	put_text(j, "path", b->path);
	put_text(j, "member", b->member);
	put_text(j, "dst", b->dst);
	put_text(j, "server", b->server);
	put_text(j, "class", b->class_name);
	put_text(j, "detector", b->detector);
	put_text(j, "confidence", b->confidence);
	json_uint(j, "records", b->records);
	json_bool(j, "records_at_least", b->capped);
	json_uint(j, "times", b->entries);
	put_span(j, b->first_us, b->last_us);
	json_end_object(j);
}

static void
put_condition(struct json *j, const struct exposure_condition *c)
{
	json_begin_object(j, NULL);
	put_text(j, "of", c->subject);
	json_uint(j, "unique_wanted", c->wanted);
	json_uint(j, "unique", c->unique);
	json_bool(j, "unique_at_least", c->capped);
	put_maybe(j, "window_seconds",
	    c->window_us == 0 ? -1 : c->window_us / SECOND_US);
	json_end_object(j);
}

static void
put_hit(struct json *j, const struct exposure *e, const struct exposure_hit *h)
{
	json_begin_object(j, NULL);
	put_text(j, "person", h->person);
	put_span(j, h->first_us, h->last_us);
	json_uint(j, "times", h->times);
	json_begin_array(j, "conditions");
	for (size_t i = 0; i < h->nconditions; i++)
		put_condition(j, &e->conditions[h->condition + i]);
	json_end_array(j);
	json_begin_array(j, "findings");
	for (size_t i = 0; i < h->nbehind; i++)
		put_behind(j, &e->behind[h->behind + i]);
	json_end_array(j);
	json_uint(j, "findings_more", h->more);
	json_end_object(j);
}

/* Null where none are configured: nothing was held against any. */
static void
put_policies(struct json *j, const struct exposure *e)
{
	if (!e->weighed) {
		json_put_null(j, "policies");
		return;
	}
	json_begin_array(j, "policies");
	for (size_t i = 0; i < e->npolicies; i++) {
		const struct exposure_policy *p = &e->policies[i];

		json_begin_object(j, NULL);
		put_text(j, "policy", p->id);
		put_text(j, "title", p->title);
		put_text(j, "level", p->level);
		put_text(j, "then", p->then);
		json_bool(j, "applies", p->applies);
		json_bool(j, "met", p->people > 0);
		json_bool(j, "complete", !p->cut);
		json_begin_array(j, "people");
		for (size_t k = 0; k < e->nhits; k++)
			if (e->hits[k].policy == i)
				put_hit(j, e, &e->hits[k]);
		json_end_array(j);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_view(struct json *j, const struct exposure *e)
{
	if (e->view == NULL) {
		json_put_null(j, "view");
		return;
	}
	json_begin_object(j, "view");
	put_text(j, "id", e->view);
	put_text(j, "title", e->view_title);
	put_text(j, "regulation", e->view_law);
	json_uint(j, "other_findings", e->others);
	json_uint(j, "other_detectors", e->other_kinds);
	json_end_object(j);
}

static void
put_rules(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "rules");
	for (size_t i = 0; i < e->nrules; i++) {
		json_begin_object(j, NULL);
		put_time(j, "at", e->rules[i].at_us);
		put_text(j, "host", e->rules[i].host);
		put_text(j, "why", e->rules[i].why);
		put_text(j, "agent_version", e->rules[i].version);
		put_text(j, "digest", e->rules[i].digest);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_days(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "days");
	for (size_t i = 0; i < e->ndays; i++) {
		OWN(buf_done) struct buf day = {0};

		buf_init(&day, CLOCK_TEXT_SIZE);
		words_day(&day, e->days[i].day_us);
		json_begin_object(j, NULL);
		json_bytes(j, "day", day.data, day.len);
		json_uint(j, "findings", e->days[i].findings);
		json_uint(j, "accesses", e->days[i].accesses);
		json_uint(j, "bytes_out", e->days[i].out);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_cut(struct json *j, const struct exposure *e)
{
	static const char *const LISTS[LIST_COUNT] = {
	    [LIST_PEOPLE] = "people",
	    [LIST_FINDINGS] = "findings",
	    [LIST_PLACES] = "left.places",
	    [LIST_TRANSFERS] = "left.transfers",
	    [LIST_EGRESS] = "left.egress",
	    [LIST_GAPS] = "gaps",
	    [LIST_ALARMS] = "alarms",
	    [LIST_EXACTS] = "exact",
	    [LIST_CANARIES] = "canaries",
	    [LIST_OTHERS] = "providers",
	};

	json_begin_array(j, "cut");
	for (int i = 0; i < LIST_COUNT; i++)
		if (e->cut[i])
			json_str(j, NULL, LISTS[i]);
	json_end_array(j);
}

static void
put_providers(struct json *j, const struct exposure *e)
{
	json_begin_array(j, "providers");
	for (size_t i = 0; i < e->nproviders; i++) {
		const struct exposure_provider *p = &e->providers[i];

		json_begin_object(j, NULL);
		put_text(j, "provider", p->id);
		json_uint(j, "entries", p->entries);
		json_uint(j, "findings", p->findings);
		json_uint(j, "people", p->people);
		json_uint(j, "hosts", p->hosts);
		json_uint(j, "bytes_out", p->out);
		put_span(j, p->first_us, p->last_us);
		json_end_object(j);
	}
	json_end_array(j);
}

void
keys_exposure(const struct exposure *e, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_str(&j, "report", "exposure");
	json_str(&j, "provider", e->provider);
	put_question(&j, e);
	json_bool(&j, "known", e->known);
	put_canaries(&j, e);
	put_summary(&j, e);
	put_coverage(&j, e);
	json_uint(&j, "entries", e->entries);
	put_span(&j, e->first_us, e->last_us);
	put_grades(&j, "attribution", e->by_grade, e->no_grade);
	json_uint(&j, "entries_of_nobody", e->nobodys);
	put_people(&j, e);
	json_uint(&j, "files_touched", e->files_touched);
	put_classes(&j, e);
	put_detectors(&j, e);
	put_view(&j, e);
	put_policies(&j, e);
	put_findings(&j, e);
	put_exacts(&j, e);
	put_allows(&j, e);
	put_left(&j, e);
	put_days(&j, e);
	put_gaps(&j, e);
	put_alarms(&j, e);
	put_rules(&j, e);
	put_cut(&j, e);
	json_end_object(&j);
	buf_put_u8(out, '\n');
}

void
keys_index(const struct exposure *e, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_str(&j, "report", "index");
	put_question(&j, e);
	put_providers(&j, e);
	put_coverage(&j, e);
	put_alarms(&j, e);
	put_cut(&j, e);
	json_end_object(&j);
	buf_put_u8(out, '\n');
}
