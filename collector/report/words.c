/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words - what a report says in sentences.
 *
 * Owns: the sentences on top of a report, and how numbers read in them.
 * Never: says that something did not happen: only that none is recorded, and
 * within which coverage; rounds a share up to the whole.
 */
#include "collector/report/words.h"

#include <inttypes.h>
#include <string.h>

#include "lib/actor.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

/* A number and its unit stay on one line. */
#define NBSP "\u00a0"
#define S_US INT64_C(1000000)
/* Classes that the sentence names; the table has all. */
#define NAMED 3

void
words_count(struct buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf_put_u8(out, ',');
		buf_put_u8(out, (uint8_t)digits[i]);
	}
}

void
words_many(struct buf *out, uint64_t n, const char *one, const char *many)
{
	words_count(out, n);
	buf_printf(out, " %s", n == 1 ? one : many);
}

void
words_bytes(struct buf *out, uint64_t n)
{
	static const char *const UNITS[] = {
	    "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	uint64_t tenths = 0;

	if (n < 1024) {
		words_many(out, n, "byte", "bytes");
		return;
	}
	while (n >= 1024) {
		tenths = n % 1024 * 10 / 1024;
		n /= 1024;
		unit++;
	}
	buf_printf(
	    out, "%" PRIu64 ".%" PRIu64 NBSP "%s", n, tenths, UNITS[unit]);
}

void
words_time(struct buf *out, int64_t us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_text(us, text);
	buf_printf(out, "%.10s %.8s", text, text + 11);
}

void
words_day(struct buf *out, int64_t us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_text(us, text);
	buf_printf(out, "%.10s", text);
}

void
words_span(struct buf *out, int64_t us)
{
	int64_t s = us / S_US;

	if (us > 0 && s == 0)
		buf_printf(out, "under 1 s");
	else if (s < 60)
		buf_printf(out, "%" PRId64 " s", s);
	else if (s < 3600)
		buf_printf(
		    out, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(out, "%" PRId64 " h %" PRId64 " min", s / 3600,
		    s % 3600 / 60);
	else
		buf_printf(out, "%" PRId64 " d %" PRId64 " h", s / 86400,
		    s % 86400 / 3600);
}

void
words_share(struct buf *out, uint64_t part, uint64_t whole)
{
	uint64_t tenths;

	if (whole == 0) {
		buf_printf(out, "none");
		return;
	}
	/* Large parts lose low bits, so that nothing overflows. */
	while (part > UINT64_MAX / 1000 && whole > 1) {
		part >>= 1;
		whole >>= 1;
	}
	tenths = part * 1000 / whole;
	if (tenths == 0 && part > 0)
		buf_printf(out, "under 0.1" NBSP "%%");
	else if (tenths % 10 == 0)
		buf_printf(out, "%" PRIu64 NBSP "%%", tenths / 10);
	else
		buf_printf(out, "%" PRIu64 ".%" PRIu64 NBSP "%%", tenths / 10,
		    tenths % 10);
}

void
words_range(struct buf *out, uint64_t low, uint64_t high, bool capped)
{
	if (capped)
		buf_printf(out, "at least ");
	words_count(out, low);
	if (high == low)
		return;
	buf_printf(out, " to ");
	words_count(out, high);
}

const char *
words_class(const char *name)
{
	static const struct {
		const char *name, *words;
	} CLASSES[] = {
	    {"pii.financial", "payment cards and bank accounts"},
	    {"pii.government_id", "government identity numbers"},
	    {"pii.contact", "contact data of people"},
	    {"canary", "planted canaries"},
	    {"ip.marking", "documents marked confidential"},
	    {"secret.password", "passwords"},
	    {"secret.cloud_key", "keys of cloud accounts"},
	    {"secret.api_token", "access tokens"},
	    {"secret.private_key", "private keys"},
	};

	for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++)
		if (str_eq(CLASSES[i].name, name))
			return CLASSES[i].words;
	return NULL;
}

const char *
words_exact(const char *state)
{
	static const struct {
		const char *state, *words;
	} STATES[] = {
	    {"pending", "confirmation pending"},
	    {"missing", "its index is not here"},
	    {"closed", "the key here does not open it"},
	};

	for (size_t i = 0; i < ARRAY_LEN(STATES); i++)
		if (str_eq(STATES[i].state, state))
			return STATES[i].words;
	return state;
}

void
words_canary(const struct exposure_canary *c, struct buf *out)
{
	buf_printf(out, "Canary of %s",
	    c->set != NULL ? c->set : "somebody that nobody can tell");
	if (c->copy > 0)
		buf_printf(out, ", copy %" PRIu32, c->copy);
}

void
words_exact_waits(const struct exposure_exact *x, struct buf *out)
{
	buf_printf(out, "index %s",
	    x->index != NULL ? x->index : "that nobody can tell");
	if (x->made_us != 0) {
		buf_printf(out, " of ");
		words_day(out, x->made_us);
	}
	if (x->missing > 0)
		buf_printf(out, " is not here");
	if (x->closed > 0)
		buf_printf(out,
		    "%s the key here does not open what was sealed "
		    "in %" PRIu64 " of its findings",
		    x->missing > 0 ? "," : ":", x->closed);
	if (x->pending > 0)
		buf_printf(out, "%s confirmation is pending",
		    x->missing + x->closed > 0 ? "," : ":");
	buf_printf(out, ": ");
	words_many(out, x->waiting, "candidate waits", "candidates wait");
}

const char *
words_grade(int grade)
{
	static const char *const GRADES[] = {
	    [GRADE_KEY] = "the person's own key opened the session",
	    [GRADE_ACCOUNT] = "the session is of an account that one person "
			      "has",
	    [GRADE_SESSION] = "the session is known, but more than one person "
			      "can use its account",
	    [GRADE_LINEAGE] = "only by the descent of the process: its session "
			      "was gone, or was looked at late",
	    [GRADE_UNKNOWN] = "nobody could be named; the reason stands beside "
			      "the person \"unknown\"",
	};

	must(grade >= 0 && (size_t)grade < ARRAY_LEN(GRADES));
	return GRADES[grade];
}

const char *
words_named(const char *server, const char *remote)
{
	if (server != NULL && server[0] != '\0')
		return server;
	return remote != NULL ? remote : "an unknown address";
}

struct words_left
words_left(const struct exposure *e)
{
	struct words_left w = {0};

	for (size_t i = 0; i < e->nplaces; i++) {
		const struct exposure_place *p = &e->places[i];

		if (p->loopback)
			continue;
		w.places++;
		w.out += p->out;
		w.examined += p->examined;
		w.flows += p->flows;
		w.findings += p->findings;
		w.unsized += p->unsized;
	}
	return w;
}

/* ---- the sentences ---- */

/* A name in a sentence: quoted, so that it ends where it ends. */
static void
quote(struct buf *out, const char *name)
{
	buf_printf(out, "“%s”", name);
}

static void
say_class(struct buf *out, const char *name)
{
	const char *words = words_class(name);

	if (words != NULL)
		buf_printf(out, "%s", words);
	else
		quote(out, name);
}

static uint64_t
hosts_with(const struct exposure *e)
{
	uint64_t n = 0;

	for (size_t i = 0; i < e->nhosts; i++)
		n += e->hosts[i].of_provider > 0;
	return n;
}

static void
say_who(const struct exposure *e, struct buf *out)
{
	bool unknown = false;
	uint64_t n = e->npeople;

	for (size_t i = 0; i < e->npeople; i++)
		unknown |= str_eq(e->people[i].name, "unknown");
	n -= unknown;
	if (e->entries == 0) {
		buf_printf(out, "No activity of ");
		quote(out, e->provider);
		buf_printf(out, " is recorded in this period.");
		return;
	}
	if (n == 0)
		buf_printf(out, "Nobody who could be named");
	else
		words_many(out, n, "person", "people");
	buf_printf(out, " of ");
	quote(out, e->provider);
	buf_printf(out, n > 1 ? " were seen on " : " was seen on ");
	words_many(out, hosts_with(e), "host", "hosts");
	buf_printf(out, ", first ");
	words_time(out, e->first_us);
	buf_printf(out, ", last ");
	words_time(out, e->last_us);
	buf_printf(out, " UTC.");
	if (unknown)
		buf_printf(
		    out, " Some activity could not be tied to a person.");
}

static void
say_what(const struct exposure *e, struct buf *out)
{
	if (e->nclasses == 0) {
		buf_printf(out,
		    "No access to a file with sensitive content is recorded "
		    "(within the coverage below).");
		return;
	}
	words_many(out, e->files_touched, "file", "files");
	buf_printf(out, " with sensitive content %s opened or written: ",
	    e->files_touched == 1 ? "was" : "were");
	for (size_t i = 0; i < e->nclasses && i < NAMED; i++) {
		const struct exposure_class *c = &e->classes[i];

		if (i > 0)
			buf_printf(out, "; ");
		say_class(out, c->name);
		buf_printf(out, " in ");
		words_many(out, c->files, "file", "files");
		buf_printf(out, " (");
		words_range(out, c->low, c->high, c->capped);
		buf_printf(out, c->high == 1 ? " record)" : " records)");
	}
	if (e->nclasses > NAMED) {
		buf_printf(out, "; and ");
		words_many(out, e->nclasses - NAMED, "further class",
		    "further classes");
	}
	buf_printf(out, ".");
}

static void
say_findings(const struct exposure *e, struct buf *out)
{
	if (e->nsent == 0) {
		buf_printf(out,
		    " In what could be examined of it, no sensitive content "
		    "is recorded.");
		return;
	}
	buf_printf(out, " Sensitive content was found in it: ");
	for (size_t i = 0; i < e->nsent && i < NAMED; i++) {
		const struct exposure_sent *t = &e->sent[i];

		if (i > 0)
			buf_printf(out, "; ");
		say_class(out, t->class_name);
		buf_printf(out, " (");
		words_range(out, t->low, t->high, t->capped);
		buf_printf(
		    out, t->high == 1 ? " record) to " : " records) to ");
		quote(out, words_named(t->server, t->remote));
	}
	if (e->nsent > NAMED)
		buf_printf(out, "; and more, listed below");
	buf_printf(out, ".");
}

static void
say_where(const struct exposure *e, struct buf *out)
{
	struct words_left w = words_left(e);

	if (w.flows == 0) {
		buf_printf(out,
		    "No connection that left a host is recorded (within the "
		    "coverage below).");
		if (e->nsent > 0)
			say_findings(e, out);
		return;
	}
	if (e->cut[LIST_PLACES])
		buf_printf(out, "At least ");
	words_bytes(out, w.out);
	buf_printf(out, " left the hosts in ");
	words_many(out, w.flows, "connection", "connections");
	buf_printf(out, " with ");
	words_many(out, w.places, "remote place", "remote places");
	buf_printf(out, ".");
	say_findings(e, out);
	buf_printf(out, " ");
	words_bytes(out, w.examined);
	buf_printf(out, " (");
	words_share(out, w.examined, w.out);
	buf_printf(out,
	    ") could be examined; of the rest (encrypted, or of a form that is "
	    "not read) only the size is known.");
}

static void
say_surely(const struct exposure *e, struct buf *out)
{
	uint64_t unknown = e->by_grade[GRADE_UNKNOWN] + e->no_grade;

	if (e->entries == 0) {
		buf_printf(out, "There is nothing to attribute.");
		return;
	}
	buf_printf(out, "Of ");
	words_many(out, e->entries, "record, ", "records, ");
	words_share(out, e->by_grade[GRADE_KEY], e->entries);
	buf_printf(out, " are tied to a person by that person's own key, ");
	words_share(out, e->by_grade[GRADE_ACCOUNT], e->entries);
	buf_printf(out, " by a personal account, ");
	words_share(out,
	    e->by_grade[GRADE_SESSION] + e->by_grade[GRADE_LINEAGE],
	    e->entries);
	buf_printf(out, " more weakly, ");
	words_share(out, unknown, e->entries);
	buf_printf(out, " to nobody.");
	if (e->nobodys == 0)
		return;
	buf_printf(out, " A further ");
	words_many(out, e->nobodys, "record names", "records name");
	buf_printf(out,
	    " no provider at all and could belong to this one or to any "
	    "other.");
}

static uint64_t
positive(int64_t v)
{
	return v < 0 ? 0 : (uint64_t)v;
}

static void
say_coverage(const struct exposure *e, struct buf *out)
{
	static const enum coverage REST[] = {
	    COVERAGE_DEGRADED, COVERAGE_BLIND, COVERAGE_UNKNOWN};
	uint64_t whole = 0;

	for (int s = 0; s < COVERAGE_STATES; s++)
		whole += positive(e->us[s]);
	if (whole == 0) {
		buf_printf(out,
		    "No host was enrolled in this period: nothing was "
		    "observed, and nothing can be concluded.");
		return;
	}
	buf_printf(out, "Of ");
	words_span(out, (int64_t)whole);
	buf_printf(out, " on ");
	words_many(out, e->nhosts, "enrolled host", "enrolled hosts");
	buf_printf(out, ", ");
	words_share(out, positive(e->us[COVERAGE_OBSERVED]), whole);
	buf_printf(out, " was fully observed");
	for (size_t i = 0; i < ARRAY_LEN(REST); i++) {
		buf_printf(out, ", ");
		words_share(out, positive(e->us[REST[i]]), whole);
		buf_printf(out, " %s", coverage_name(REST[i]));
	}
	buf_printf(out,
	    ". What is not recorded may still have happened where it was not "
	    "observed, and on hosts that have no agent.");
}

static const struct {
	const char *lead, *key;
	void (*say)(const struct exposure *e, struct buf *out);
} SENTENCES[SENTENCE_COUNT] = {
    [SENTENCE_WHO] = {"Who", "who", say_who},
    [SENTENCE_WHAT] = {"What", "what", say_what},
    [SENTENCE_WHERE] = {"Where to", "where", say_where},
    [SENTENCE_SURELY] = {"How surely", "surely", say_surely},
    [SENTENCE_COVERAGE] = {"How completely", "coverage", say_coverage},
};

const char *
words_lead(enum words_sentence s)
{
	must(s < SENTENCE_COUNT);
	return SENTENCES[s].lead;
}

const char *
words_key(enum words_sentence s)
{
	must(s < SENTENCE_COUNT);
	return SENTENCES[s].key;
}

void
words_sentence(const struct exposure *e, enum words_sentence s, struct buf *out)
{
	must(s < SENTENCE_COUNT);
	SENTENCES[s].say(e, out);
}

const char *
words_evidence(const char *evidence)
{
	static const struct {
		const char *name, *text;
	} MEANINGS[] = {
	    {"N5", "The content itself was seen where it was handed over to "
		   "be sent."},
	    {"N4", "The content itself was seen in the packets that left."},
	    {"N3", "The program that sent had read this file, itself or "
		   "through programs that only copy, pack or seal, and about "
		   "as much left as that makes."},
	    {"N2", "A program that had read this file sent something, or one "
		   "that belongs to it did; it may have been something else."},
	    {"N1", "Somebody read this file and, in the same login, sent "
		   "something; whether the two belong together is not known."},
	    {"N0", "So much was sent to such a place that somebody should "
		   "ask why."},
	};

	for (size_t i = 0; i < ARRAY_LEN(MEANINGS); i++)
		if (str_eq(MEANINGS[i].name, evidence))
			return MEANINGS[i].text;
	return NULL;
}

const char *
words_channel(const char *channel)
{
	static const struct {
		const char *name, *text;
	} WAYS[] = {{"net", "a connection of a program"},
	    {"ssh", "the connection of the login"},
	    {"tunnel", "a connection that the login forwarded"},
	    {"terminal", "shown in a terminal"},
	    {"pipe", "piped into what sent it"}, {"sftp", "copied by SFTP"},
	    {"input", "read by what sent it"}};

	for (size_t i = 0; i < ARRAY_LEN(WAYS); i++)
		if (str_eq(WAYS[i].name, channel))
			return WAYS[i].text;
	return channel;
}
