/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page - a provider's exposure as one HTML file.
 *
 * Owns: the order: sentences for whoever manages the contract, then tables for
 * whoever looks after the hosts, then what it all rests on.
 * Never: leaves out how much was observed; shows more rows of a list than a
 * person reads (JSON and CSV have them all).
 */
#include <inttypes.h>
#include <string.h>

#include "collector/report/html.h"
#include "collector/report/report.h"
#include "collector/report/words.h"
#include "lib/actor.h"
#include "lib/str.h"

#include "lib/own.h"

#define ROWS_SHOWN 200
#define BEHIND_SHOWN 5
#define TEXT_MAX 65536

static void
heading(struct buf *out, const char *text)
{
	html_raw(out, "<h2>");
	html_text(out, text);
	html_raw(out, "</h2>\n");
}

static void
note(struct buf *out, const char *text)
{
	html_raw(out, "<p class=\"note\">");
	html_text(out, text);
	html_raw(out, "</p>\n");
}

/* Rows beyond those on the page. */
static void
rest(struct buf *out, size_t n, bool cut)
{
	if (n <= ROWS_SHOWN && !cut)
		return;
	html_raw(out, "<p class=\"note\">The first ");
	words_count(out, n < ROWS_SHOWN ? n : ROWS_SHOWN);
	html_raw(out, " of ");
	if (cut)
		html_raw(out, "more than ");
	words_count(out, n);
	html_raw(out, " rows; the JSON form has ");
	html_raw(out, cut ? "that many.</p>\n" : "all.</p>\n");
}

static size_t
shown(size_t n)
{
	return n < ROWS_SHOWN ? n : ROWS_SHOWN;
}

static void
cell_range(struct buf *out, uint64_t low, uint64_t high, bool capped)
{
	html_raw(out, "<td class=\"n\">");
	if (capped)
		html_raw(out, "&ge; ");
	words_count(out, low);
	if (high != low) {
		html_raw(out, " &hellip; ");
		words_count(out, high);
	}
	html_raw(out, "</td>");
}

/* ---- the top ---- */

static void
meta(struct buf *out, const struct exposure *e)
{
	html_raw(out, "<p class=\"meta\">Period ");
	words_time(out, e->from_us);
	html_raw(out, " to ");
	words_time(out, e->to_us);
	html_raw(out, " UTC (");
	words_span(out, e->to_us - e->from_us);
	html_raw(out, ")");
	if (e->open_from && e->open_to)
		html_raw(out,
		    ": everything that is held, since the first agent began");
	else if (e->open_from)
		html_raw(out, ": from the first agent's beginning");
	else if (e->open_to)
		html_raw(out, ": up to now");
	html_raw(out, "</p>\n<p class=\"meta\">Generated ");
	words_time(out, e->now_us);
	html_raw(out, " UTC for ");
	html_text(out, e->user);
	html_raw(out, " by Chaperone " VERSION "</p>\n");
}

static void
alerts(struct buf *out, const struct exposure *e)
{
	if (!e->known) {
		html_raw(out,
		    "<div class=\"alert\">No record of this provider is held, "
		    "of any time. A mistyped name looks the same. Providers "
		    "that are known: ");
		for (size_t i = 0; i < e->nproviders && i < 20; i++) {
			if (i > 0)
				html_raw(out, ", ");
			html_text(out, e->providers[i].id);
		}
		html_raw(out,
		    e->nproviders == 0 ? "none yet.</div>\n" : ".</div>\n");
	}
	if (e->nalarms > 0) {
		html_raw(out, "<div class=\"alert\">");
		words_many(out, e->nalarms, "alarm was", "alarms were");
		html_raw(out, " raised in this period, see <a "
			      "href=\"#alarms\">Alarms</a>: a log may have "
			      "been tampered with.</div>\n");
	}
}

/* What is not shown is told in the same place as what is. */
static void
view(struct buf *out, const struct exposure *e)
{
	if (e->view == NULL)
		return;
	html_raw(out, "<p class=\"note\">What follows shows the view ");
	html_text(out, e->view);
	html_raw(out, ": ");
	html_text(out, e->view_title);
	html_raw(out, " (");
	html_text(out, e->view_law);
	html_raw(out, "). ");
	words_many(out, e->others, "finding", "findings");
	html_raw(out, " of ");
	words_many(out, e->other_kinds, "other detector", "other detectors");
	html_raw(out, " are recorded in this period and not shown; people, "
		      "attribution, coverage, policies and what left by how "
		      "surely are of everything.</p>\n");
}

static void
cell_conditions(
    struct buf *out, const struct exposure *e, const struct exposure_hit *h)
{
	html_raw(out, "<td>");
	for (size_t i = 0; i < h->nconditions; i++) {
		const struct exposure_condition *c =
		    &e->conditions[h->condition + i];

		html_raw(out, i > 0 ? "<br>" : "");
		if (c->capped)
			html_raw(out, "&ge; ");
		words_count(out, c->unique);
		html_raw(out, " of ");
		words_count(out, c->wanted);
		html_raw(out, " <code>");
		html_text(out, c->subject);
		html_raw(out, "</code> within ");
		if (c->window_us == 0)
			html_raw(out, "the period");
		else
			words_span(out, c->window_us);
	}
	html_raw(out, "</td>");
}

/* What lies behind it, the first few: JSON and CSV have them all. */
static void
cell_behind(
    struct buf *out, const struct exposure *e, const struct exposure_hit *h)
{
	uint64_t more = h->more;

	html_raw(out, "<td>");
	for (size_t i = 0; i < h->nbehind; i++) {
		const struct exposure_behind *b = &e->behind[h->behind + i];

		if (i >= BEHIND_SHOWN) {
			more += b->entries;
			continue;
		}
		html_raw(out, i > 0 ? "<br><code>" : "<code>");
		html_text(out,
		    b->path != NULL ? b->path : words_named(b->server, b->dst));
		html_raw(out, "</code> ");
		html_text(out, b->host);
	}
	if (more > 0) {
		html_raw(out, "<br>and ");
		words_many(out, more, "more finding", "more findings");
	}
	html_raw(out, "</td>");
}

static void
hits(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Policy", "Level", "Person",
	    "What was counted", "Behind it", "#Times", "First", "Last", NULL};

	html_table(out, COLUMNS, "policies that were met");
	for (size_t i = 0; i < shown(e->nhits); i++) {
		const struct exposure_hit *h = &e->hits[i];
		const struct exposure_policy *p = &e->policies[h->policy];

		html_row(out);
		html_raw(out, "<td>");
		html_text(out, p->title);
		html_raw(out, "<br><code>");
		html_text(out, p->id);
		html_raw(out, "</code></td>");
		html_cell(out, p->level);
		html_cell(out, str_eq(h->person, "unknown") ? NULL : h->person);
		cell_conditions(out, e, h);
		cell_behind(out, e, h);
		html_cell_number(out, h->times);
		html_cell_time(out, h->first_us);
		html_cell_time(out, h->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->nhits, false);
}

static void
policies(struct buf *out, const struct exposure *e)
{
	size_t asked = 0, cut = 0;

	if (!e->weighed)
		return;
	heading(out, "Policies");
	for (size_t i = 0; i < e->npolicies; i++) {
		asked += e->policies[i].applies;
		cut += e->policies[i].cut;
	}
	if (e->nhits > 0)
		hits(out, e);
	html_raw(out, "<p class=\"note\">");
	words_many(out, e->npolicies, "policy is", "policies are");
	html_raw(out, " configured, ");
	words_count(out, asked);
	html_raw(out, " about this provider. ");
	html_raw(
	    out, e->nhits == 0 ? "None was met by what is recorded. " : "");
	html_raw(out, cut > 0 ? "Somebody has more findings than were weighed: "
				"these policies may be met by more. "
			      : "");
	html_raw(out, "What an allow covers and known samples do not count. "
		      "Values are distinct within an object; the same value in "
		      "two objects counts twice, unless both held it "
		      "alone.</p>\n");
}

static void
sentences(struct buf *out, const struct exposure *e)
{
	html_raw(out, "<dl class=\"short\">\n");
	for (int i = 0; i < SENTENCE_COUNT; i++) {
		enum words_sentence s = (enum words_sentence)i;
		OWN(buf_done) struct buf text = {0};
		const char *plain;

		buf_init(&text, TEXT_MAX);
		words_sentence(e, s, &text);
		plain = buf_text(&text);
		html_raw(out, "<dt>");
		html_text(out, words_lead(s));
		html_raw(out, "</dt><dd>");
		html_text(out, plain);
		html_raw(out, "</dd>\n");
	}
	html_raw(out, "</dl>\n");
}

static void
tile(struct buf *out, const char *label)
{
	html_raw(out, "</b><span>");
	html_raw(out, label);
	html_raw(out, "</span></div>\n");
}

static void
tiles(struct buf *out, const struct exposure *e)
{
	struct words_left w = words_left(e);
	uint64_t whole = 0, low = 0, high = 0;

	for (size_t i = 0; i < e->nclasses; i++) {
		low += e->classes[i].low;
		high += e->classes[i].high;
	}
	for (int s = 0; s < COVERAGE_STATES; s++)
		whole += (uint64_t)e->us[s];
	html_raw(out, "<div class=\"tiles\">\n<div class=\"tile\"><b>");
	words_count(out, e->files_touched);
	tile(out, "sensitive files touched");
	html_raw(out, "<div class=\"tile\"><b>");
	words_count(out, low);
	if (high != low) {
		html_raw(out, " &hellip; ");
		words_count(out, high);
	}
	tile(out, "records in them, low &hellip; high");
	html_raw(out, "<div class=\"tile\"><b>");
	words_bytes(out, w.out);
	tile(out, "left the hosts");
	html_raw(out, "<div class=\"tile\"><b>");
	words_share(out, (uint64_t)e->us[COVERAGE_OBSERVED], whole);
	tile(out, "of the time fully observed");
	html_raw(out, "</div>\n");
}

/* ---- how completely ---- */

static void
cell_share(struct buf *out, int64_t us, int64_t whole)
{
	html_raw(out, "<td class=\"n\">");
	words_share(out, (uint64_t)us, (uint64_t)whole);
	html_raw(out, "</td>");
}

static void
coverage(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Host", "Along the period",
	    "#Observed", "#Degraded", "#Blind", "#Unknown", "Last word", NULL};

	heading(out, "How much of the time was observed");
	if (e->nhosts == 0) {
		note(out, "No host is enrolled.");
		return;
	}
	html_table(out, COLUMNS, "coverage by host");
	for (size_t i = 0; i < e->nhosts; i++) {
		const struct exposure_host *h = &e->hosts[i];
		int64_t whole = e->to_us - e->from_us;

		html_row(out);
		html_cell(out, h->name);
		html_raw(out, "<td class=\"strip\">");
		html_strip(out, e, h);
		html_raw(out, "</td>");
		cell_share(out, h->us[COVERAGE_OBSERVED], whole);
		cell_share(out, h->us[COVERAGE_DEGRADED], whole);
		cell_share(out, h->us[COVERAGE_BLIND], whole);
		cell_share(out, h->us[COVERAGE_UNKNOWN], whole);
		html_cell_time(out, h->word_us);
		html_row_end(out);
	}
	html_table_end(out);
	html_legend(out);
	note(out,
	    "The measure is the whole period on every enrolled host, whether "
	    "anybody was logged in or not. Agents say a word every 30 s; what "
	    "lies behind the last word is unknown until the next. A short "
	    "stretch is drawn wider than it was.");
}

/* The stretches that were not observed, longest first, are what to ask for. */
static const struct exposure_span *
longest(const struct exposure_host *h, int64_t below)
{
	const struct exposure_span *best = NULL;

	for (size_t i = 0; i < h->nspans; i++) {
		const struct exposure_span *s = &h->spans[i];
		int64_t us = s->to_us - s->from_us;

		if (s->state == COVERAGE_OBSERVED || us >= below)
			continue;
		if (best == NULL || us > best->to_us - best->from_us)
			best = s;
	}
	return best;
}

static void
holes(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {
	    "Host", "State", "From", "To", "#Length", "Why", NULL};
	bool any = false;

	for (size_t i = 0; i < e->nhosts; i++) {
		const struct exposure_host *h = &e->hosts[i];
		int64_t below = INT64_MAX;

		for (int k = 0; k < 5; k++) {
			const struct exposure_span *s = longest(h, below);

			if (s == NULL)
				break;
			if (!any) {
				html_raw(out,
				    "<h3>The longest stretches that were not "
				    "fully observed</h3>\n");
				html_table(out, COLUMNS, "stretches");
				any = true;
			}
			below = s->to_us - s->from_us;
			html_row(out);
			html_cell(out, h->name);
			html_cell(out, coverage_name(s->state));
			html_cell_time(out, s->from_us);
			html_cell_time(out, s->to_us);
			html_raw(out, "<td class=\"n\">");
			words_span(out, below);
			html_raw(out, "</td>");
			html_cell(out, s->why);
			html_row_end(out);
		}
	}
	if (any)
		html_table_end(out);
}

/* ---- who ---- */

static void
grades(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {
	    "Grade", "What it rests on", "#Records", "#Share", NULL};

	heading(out, "How surely people are named");
	html_table(out, COLUMNS, "attribution");
	for (int g = 0; g <= GRADE_UNKNOWN; g++) {
		uint64_t n = e->by_grade[g];

		if (g == GRADE_UNKNOWN)
			n += e->no_grade;
		html_row(out);
		html_cell(out, grade_name((enum grade)g));
		html_cell(out, words_grade(g));
		html_cell_number(out, n);
		html_raw(out, "<td class=\"n\">");
		words_share(out, n, e->entries);
		html_raw(out, "</td>");
		html_row_end(out);
	}
	html_table_end(out);
}

/* The values of one kind, one under the other; keys are cut. */
static void
cell_traits(struct buf *out, const struct exposure_person *p,
    enum exposure_trait_kind kind)
{
	bool any = false;

	html_raw(out, kind == TRAIT_WHY ? "<td>" : "<td><code>");
	for (size_t i = 0; i < p->ntraits; i++) {
		const char *v = p->traits[i].value;
		char key[24];

		if (p->traits[i].kind != kind)
			continue;
		if (any)
			html_raw(out, "<br>");
		any = true;
		/* "SHA256:" and twelve characters tell keys apart. */
		if (kind == TRAIT_KEY && strlen(v) > 19 &&
		    str_copy_len(key, sizeof key, v, 19) == 0) {
			html_text(out, key);
			html_raw(out, "&hellip;");
		} else {
			html_text(out, v);
		}
	}
	if (!any)
		html_raw(out, "&ndash;");
	html_raw(out, kind == TRAIT_WHY ? "</td>" : "</code></td>");
}

static void
people(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Person", "Accounts", "Keys",
	    "From", "#Hosts", "#Sessions", "#Records", "First", "Last", NULL};
	static const char *const WHYS[] = {"Person", "Why not known", NULL};
	bool unknown = false;

	heading(out, "People");
	if (e->npeople == 0) {
		note(out, "Nobody is recorded.");
		return;
	}
	html_table(out, COLUMNS, "people");
	for (size_t i = 0; i < shown(e->npeople); i++) {
		const struct exposure_person *p = &e->people[i];
		bool nobody = str_eq(p->name, "unknown");

		unknown |= nobody;
		html_row(out);
		html_cell(out, nobody ? NULL : p->name);
		cell_traits(out, p, TRAIT_ACCOUNT);
		cell_traits(out, p, TRAIT_KEY);
		cell_traits(out, p, TRAIT_ADDRESS);
		html_cell_number(out, p->hosts);
		html_cell_number(out, p->sessions);
		html_cell_number(out, p->entries);
		html_cell_time(out, p->first_us);
		html_cell_time(out, p->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->npeople, e->cut[LIST_PEOPLE]);
	if (!unknown)
		return;
	html_table(out, WHYS, "why people are not known");
	for (size_t i = 0; i < e->npeople; i++) {
		if (!str_eq(e->people[i].name, "unknown"))
			continue;
		html_row(out);
		html_cell(out, NULL);
		cell_traits(out, &e->people[i], TRAIT_WHY);
		html_row_end(out);
	}
	html_table_end(out);
}

/* ---- what ---- */

static void
classes(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Class", "Sensitivity", "#Files",
	    "#Read", "#Written", "#Records, low … high", "#People", "First",
	    "Last", NULL};

	heading(out, "What was touched");
	if (e->nclasses == 0) {
		note(out,
		    "No access to a file with sensitive content is recorded "
		    "within the coverage above.");
		return;
	}
	html_table(out, COLUMNS, "classes");
	for (size_t i = 0; i < e->nclasses; i++) {
		const struct exposure_class *c = &e->classes[i];

		html_row(out);
		html_raw(out, "<td>");
		html_text(out, c->name);
		if (words_class(c->name) != NULL) {
			html_raw(out, "<br><span class=\"note\">");
			html_text(out, words_class(c->name));
			html_raw(out, "</span>");
		}
		html_raw(out, "</td>");
		html_cell(out, c->sensitivity);
		html_cell_number(out, c->files);
		html_cell_number(out, c->read);
		html_cell_number(out, c->written);
		cell_range(out, c->low, c->high, c->capped);
		html_cell_people(out, c->people, c->unknown);
		html_cell_time(out, c->first_us);
		html_cell_time(out, c->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	note(out,
	    "Records are distinct values, summed over files: low counts those "
	    "of high confidence that are no known samples, high counts all. A "
	    "file that was read is taken to have been read whole.");
}

/* "index customers of 2026-11-01 is not here: 12 candidates wait" */
static void
exact_waits(struct buf *out, const struct exposure_exact *x)
{
	OWN(buf_done) struct buf text = {0};

	if (x->waiting == 0)
		return;
	buf_init(&text, TEXT_MAX);
	words_exact_waits(x, &text);
	html_raw(out, "<br><span class=\"u\">");
	html_text(out, buf_text(&text));
	html_raw(out, "</span>");
}

static void
exacts(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Index", "Made", "Person",
	    "#Confirmed values", "#Refuted candidates", "#Waiting", "First",
	    "Last", NULL};

	if (e->nexacts == 0)
		return;
	html_raw(out, "<h3>Your own data: what was confirmed</h3>\n");
	html_table(out, COLUMNS, "exact data match");
	for (size_t i = 0; i < shown(e->nexacts); i++) {
		const struct exposure_exact *x = &e->exacts[i];

		html_row(out);
		html_raw(out, "<td>");
		html_text(out, x->index);
		exact_waits(out, x);
		html_raw(out, "</td>");
		html_cell_time(out, x->made_us);
		html_cell(out, str_eq(x->person, "unknown") ? NULL : x->person);
		html_cell_number(out, x->confirmed);
		html_cell_number(out, x->refuted);
		html_cell_number(out, x->waiting);
		html_cell_time(out, x->first_us);
		html_cell_time(out, x->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->nexacts, e->cut[LIST_EXACTS]);
	note(out,
	    "Confirmed are distinct values that stand in the table, in a row "
	    "with what stood beside them. Of one finding at most 16 candidates "
	    "are looked up. What was refuted stays on record.");
}

static void
detectors(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Class", "Detector", "Version",
	    "Channel", "#Objects", "#Findings", "#High", "#Medium", "#Low",
	    NULL};

	if (e->ndetectors == 0)
		return;
	html_raw(out, "<h3>By detector: distinct values by confidence</h3>\n");
	html_table(out, COLUMNS, "detectors");
	for (size_t i = 0; i < shown(e->ndetectors); i++) {
		const struct exposure_detector *d = &e->detectors[i];

		html_row(out);
		html_cell(out, d->class_name);
		html_cell_code(out, d->name);
		html_cell(out, d->version);
		html_cell(out, d->channel);
		html_cell_number(out, d->objects);
		html_cell_number(out, d->entries);
		html_cell_number(out, d->high);
		html_cell_number(out, d->medium);
		html_cell_number(out, d->low);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->ndetectors, false);
}

static void
days(struct buf *out, const struct exposure *e)
{
	if (e->ndays == 0)
		return;
	html_raw(out, "<div class=\"pair\">\n<div><h3>Findings by day</h3>");
	html_days(out, e, BAR_FINDINGS);
	html_raw(out, "</div>\n<div><h3>Bytes out by day</h3>");
	html_days(out, e, BAR_OUT);
	html_raw(out, "</div>\n</div>\n");
}

/* ---- where to ---- */

static void
cell_port(struct buf *out, const char *proto, int64_t port)
{
	html_raw(out, "<td class=\"n\">");
	if (port < 0)
		html_text(out, NULL);
	else
		buf_printf(out, "%" PRId64, port);
	if (proto != NULL) {
		html_raw(out, "/");
		html_text(out, proto);
	}
	html_raw(out, "</td>");
}

static void
place(struct buf *out, const struct exposure_place *p)
{
	bool in = str_eq(p->direction, "in");

	html_row(out);
	html_raw(out, "<td>");
	html_text(out, p->remote);
	if (p->server != NULL) {
		html_raw(out, "<br><span class=\"note\">");
		html_text(out, p->server);
		html_raw(out, "</span>");
	}
	html_raw(out, "</td>");
	cell_port(out, p->proto, p->port);
	html_cell(out, p->loopback ? "stayed on the host"
		       : in        ? "came to this host"
				   : "opened from here");
	html_cell(out, p->host);
	html_cell_number(out, p->flows);
	html_cell_bytes(out, p->out);
	html_raw(out, "<td class=\"n\">");
	words_share(out, p->examined, p->out);
	html_raw(out, "</td>");
	html_cell_number(out, p->findings);
	html_cell_people(out, p->people, p->unknown);
	html_cell_time(out, p->last_us);
	html_row_end(out);
}

static void
places(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Remote place", "#Port",
	    "Connection", "Host", "#Flows", "#Bytes out", "#Examined",
	    "#Findings", "#People", "Last", NULL};

	heading(out, "What left the hosts");
	if (e->nplaces == 0) {
		note(out,
		    "No connection is recorded within the coverage above.");
		return;
	}
	html_table(out, COLUMNS, "remote places");
	for (size_t i = 0; i < shown(e->nplaces); i++)
		place(out, &e->places[i]);
	html_table_end(out);
	rest(out, e->nplaces, e->cut[LIST_PLACES]);
	note(out,
	    "Examined is the share of the bytes out whose content could be "
	    "read. Encrypted connections are known by size and destination "
	    "alone: what was in them is unknown. Bytes out of a connection "
	    "that came to this host are what its other end received.");
}

static void
sent(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Class", "To", "#Port",
	    "#Findings", "#Records, low … high", "#People", "First", "Last",
	    NULL};

	if (e->nsent == 0)
		return;
	html_raw(out, "<h3>Sensitive content found in what was sent</h3>\n");
	html_table(out, COLUMNS, "findings in what was sent");
	for (size_t i = 0; i < shown(e->nsent); i++) {
		const struct exposure_sent *t = &e->sent[i];

		html_row(out);
		html_cell(out, t->class_name);
		html_raw(out, "<td>");
		html_text(out, t->remote);
		if (t->server != NULL) {
			html_raw(out, "<br><span class=\"note\">");
			html_text(out, t->server);
			html_raw(out, "</span>");
		}
		html_raw(out, "</td>");
		cell_port(out, NULL, t->port);
		html_cell_number(out, t->entries);
		cell_range(out, t->low, t->high, t->capped);
		html_cell_people(out, t->people, t->unknown);
		html_cell_time(out, t->first_us);
		html_cell_time(out, t->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->nsent, false);
}

static void
cell_maybe_bytes(struct buf *out, int64_t n)
{
	if (n >= 0)
		html_cell_bytes(out, (uint64_t)n);
	else
		html_raw(out,
		    "<td class=\"n\"><span class=\"u\">unknown</span></td>");
}

static void
transfers(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"When", "Person", "Method",
	    "To or from", "File or address", "#Bytes", "#Examined", "Whole",
	    NULL};

	if (e->ntransfers == 0)
		return;
	html_raw(out, "<h3>Transfers whose content could be read</h3>\n");
	html_table(out, COLUMNS, "transfers");
	for (size_t i = 0; i < shown(e->ntransfers); i++) {
		const struct exposure_transfer *t = &e->transfers[i];
		bool outward = str_eq(t->direction, "out");

		html_row(out);
		html_cell_time(out, t->at_us);
		html_cell(out, t->person);
		html_raw(out, "<td>");
		html_text(out, t->protocol);
		if (t->method != NULL) {
			html_raw(out, " ");
			html_text(out, t->method);
		}
		html_raw(out, "</td>");
		html_raw(out, outward ? "<td>to " : "<td>from ");
		html_text(out, words_named(t->server, t->dst));
		html_raw(out, "</td>");
		html_cell_code(out, t->filename != NULL ? t->filename : t->uri);
		cell_maybe_bytes(out, t->bytes);
		cell_maybe_bytes(out, t->examined);
		html_cell(out, t->complete ? "yes" : "no");
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->ntransfers, e->cut[LIST_TRANSFERS]);
}

static void
cell_left_file(struct buf *out, const struct exposure_egress *t)
{
	html_raw(out, "<td><code>");
	html_text(out, t->path);
	html_raw(out, "</code>");
	if (t->derived != NULL) {
		html_raw(out, "<br><span class=\"note\">sent as ");
		html_text(out, t->derived);
		html_raw(out, "</span>");
	}
	if (t->files > 0) {
		html_raw(out, "<br><span class=\"note\">and ");
		words_many(out, t->files, "more file", "more files");
		html_raw(out, "</span>");
	}
	html_raw(out, "<br><span class=\"note\">");
	html_text(out, t->reasons);
	html_raw(out, "</span></td>");
}

static void
egress_row(struct buf *out, const struct exposure_egress *t)
{
	html_row(out);
	html_cell(out, t->evidence);
	html_cell_time(out, t->at_us);
	html_raw(out, "<td>");
	html_text(out, str_eq(t->person, "unknown") ? NULL : t->person);
	html_raw(out, "<br><span class=\"note\">");
	html_text(out, t->grade);
	html_raw(out, "</span></td>");
	cell_left_file(out, t);
	html_cell(out, t->classes);
	html_cell(out, words_channel(t->channel));
	html_raw(out, "<td>");
	html_text(out, words_named(t->server, t->dst));
	if (t->dport >= 0)
		buf_printf(out, " port %" PRId64, t->dport);
	html_raw(out, "</td>");
	cell_maybe_bytes(out, t->bytes);
	html_row_end(out);
}

/* What is said of each grade that there is, and why, before its rows. */
static void
egress(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Grade", "When", "Person", "File",
	    "Classes", "How", "To", "#Bytes", NULL};
	size_t n = shown(e->negress);

	if (e->negress == 0)
		return;
	html_raw(out, "<h3>What left, by how surely</h3>\n<ul>\n");
	for (size_t i = 0; i < n; i++) {
		const struct exposure_egress *t = &e->egress[i];

		if (i > 0 && str_eq(t->evidence, t[-1].evidence))
			continue;
		html_raw(out, "<li><b>");
		html_text(out, t->evidence);
		html_raw(out, "</b>: ");
		html_text(out, words_evidence(t->evidence));
		html_raw(out, "</li>\n");
	}
	html_raw(out, "</ul>\n");
	html_table(out, COLUMNS, "what left");
	for (size_t i = 0; i < n; i++)
		egress_row(out, &e->egress[i]);
	html_table_end(out);
	rest(out, e->negress, e->cut[LIST_EGRESS]);
	note(out,
	    "Who is the person that logged in on the host. Of the other end its "
	    "address is known, not who is behind it. Bytes are all that "
	    "the connection carried away, of whatever it was.");
}

/* ---- one by one ---- */

/* What became of an exact data match, beside what the host said of it. */
static void
exact_note(struct buf *out, const struct exposure_finding *f)
{
	if (f->exact == NULL)
		return;
	html_raw(out, "<br><span class=\"note\">");
	if (f->candidates > 0) {
		words_count(out, f->confirmed);
		html_raw(out, " of ");
		words_many(out, f->candidates, "candidate", "candidates");
		html_raw(out, " confirmed; told as ");
	} else {
		html_text(out, words_exact(f->exact));
		html_raw(out, "; told as ");
	}
	html_text(out, f->told);
	html_raw(out, "</span>");
}

/* How it left, where packets do not show it. */
static void
relay_note(struct buf *out, const char *channel)
{
	static const struct {
		const char *channel, *words;
	} WAYS[] = {{"terminal", ", shown in a terminal"},
	    {"pipe", ", the output of a command"}, {"sftp", ", copied by SFTP"},
	    {"input", ", the input of a command"}};

	for (size_t i = 0; i < ARRAY_LEN(WAYS); i++)
		if (str_eq(WAYS[i].channel, channel))
			html_text(out, WAYS[i].words);
}

static void
finding(struct buf *out, const struct exposure_finding *f)
{
	html_row(out);
	html_cell_time(out, f->first_us);
	html_raw(out, "<td>");
	html_text(out, str_eq(f->person, "unknown") ? NULL : f->person);
	html_raw(out, "<br><span class=\"note\">");
	html_text(out, f->grade);
	html_raw(out, "</span></td>");
	html_cell(out, f->op);
	html_raw(out, "<td><code>");
	if (!str_eq(f->channel, "file") && f->path == NULL)
		html_text(out, words_named(f->server, f->dst));
	else
		html_text(out, f->path);
	if (f->member != NULL && f->member[0] != '\0') {
		html_raw(out, " &rsaquo; ");
		html_text(out, f->member);
	}
	html_raw(out, "</code><br><span class=\"note\">");
	html_text(out, f->host);
	if (!str_eq(f->channel, "file")) {
		html_raw(out, " &rarr; ");
		html_text(out, words_named(f->server, f->dst));
		relay_note(out, f->channel);
	}
	html_raw(out, "</span></td>");
	html_cell_code(out, f->detector);
	html_raw(out, "<td>");
	html_text(out, f->confidence);
	html_raw(out, f->sample ? " (samples)" : "");
	if (f->flags != NULL) {
		html_raw(out, "<br><span class=\"note\">");
		html_text(out, f->flags);
		html_raw(out, "</span>");
	}
	exact_note(out, f);
	if (f->allow != NULL) {
		html_raw(out, "<br><span class=\"note\">allowed by ");
		html_text(out, f->allow);
		html_raw(out, " until ");
		html_text(out, f->allow_until);
		html_raw(out, "</span>");
	}
	html_raw(out, "</td>");
	cell_range(out, f->records, f->records, f->capped);
	html_cell_number(out, f->entries);
	html_row_end(out);
}

static void
findings(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"First", "Person", "How",
	    "Object", "Detector", "Confidence", "#Records", "#Times", NULL};

	if (e->nfindings == 0)
		return;
	heading(out, "Findings one by one");
	html_table(out, COLUMNS, "findings");
	for (size_t i = 0; i < shown(e->nfindings); i++)
		finding(out, &e->findings[i]);
	html_table_end(out);
	rest(out, e->nfindings, e->cut[LIST_FINDINGS]);
	note(out,
	    "No matched content is kept anywhere: only which detector matched, "
	    "where, and how often.");
}

static void
allowed(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Allow", "Until", "Detector",
	    "#Times", "#Records", "#People", "First", "Last", NULL};

	if (e->nallows == 0)
		return;
	html_raw(out, "<h3>Suppressed: found, and allowed by name</h3>\n");
	html_table(out, COLUMNS, "allows");
	for (size_t i = 0; i < shown(e->nallows); i++) {
		const struct exposure_allow *a = &e->allows[i];

		html_row(out);
		html_cell_code(out, a->id);
		html_cell(out, a->until);
		html_cell_code(out, a->detector);
		html_cell_number(out, a->entries);
		html_cell_number(out, a->records);
		html_cell_people(out, a->people, a->unknown);
		html_cell_time(out, a->first_us);
		html_cell_time(out, a->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->nallows, false);
	note(out,
	    "An allow of the rules lets these raise no alert until its date. "
	    "They are recorded like all others, and no record count leaves "
	    "them out but the low one.");
}

/* ---- what was not seen ---- */

static void
gaps(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Host", "Kind", "Where", "Why",
	    "#Times", "#Lost", "#Bytes", "First", "Last", NULL};

	heading(out, "What was not seen or not examined");
	if (e->ngaps == 0) {
		note(out, "No gap is recorded beside the coverage above.");
		return;
	}
	html_table(out, COLUMNS, "gaps");
	for (size_t i = 0; i < shown(e->ngaps); i++) {
		const struct exposure_gap *g = &e->gaps[i];

		html_row(out);
		html_cell(out, g->host);
		html_cell(out, g->own                     ? "not examined"
			       : str_eq(g->kind, "crash") ? "a process died"
							  : "loss");
		html_cell(out, g->where);
		html_cell(out, g->reason == NULL && str_eq(g->kind, "crash")
				   ? "it was started again"
				   : g->reason);
		html_cell_number(out, g->count);
		html_cell_number(out, g->lost);
		html_cell_bytes(out, g->bytes);
		html_cell_time(out, g->first_us);
		html_cell_time(out, g->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->ngaps, e->cut[LIST_GAPS]);
	note(out,
	    "\"Not examined\" is about this provider; losses and deaths of "
	    "processes concern everybody on the host.");
}

static void
alarms(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {
	    "When", "Host", "Kind", "What happened", NULL};

	if (e->nalarms == 0)
		return;
	html_raw(out, "<h2 id=\"alarms\">Alarms</h2>\n");
	html_table(out, COLUMNS, "alarms");
	for (size_t i = 0; i < shown(e->nalarms); i++) {
		html_row(out);
		html_cell_time(out, e->alarms[i].at_us);
		html_cell(out, e->alarms[i].host);
		html_cell(out, e->alarms[i].kind);
		html_cell(out, e->alarms[i].detail);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->nalarms, e->cut[LIST_ALARMS]);
}

/* ---- what it rests on ---- */

static void
logs(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Host", "State", "Log",
	    "#Records held", "#Receipted", "Enrolled", "Last seen", NULL};

	heading(out, "What this report rests on");
	if (e->nhosts == 0)
		return;
	html_table(out, COLUMNS, "logs");
	for (size_t i = 0; i < e->nhosts; i++) {
		const struct exposure_host *h = &e->hosts[i];

		html_row(out);
		html_cell(out, h->name);
		html_cell(out, h->state);
		html_cell_code(out, h->vkey);
		html_cell_number(out, h->entries);
		html_raw(out, "<td class=\"n\">");
		words_count(out, h->receipted);
		html_raw(out, " of ");
		words_count(out, h->next);
		html_raw(out, "</td>");
		html_cell_time(out, h->enrolled_us);
		html_cell_time(out, h->seen_us);
		html_row_end(out);
	}
	html_table_end(out);
	note(out,
	    "Every record lies in its host's log, which the host signs and "
	    "the collector countersigns. \"Receipted\" is of the log's newest "
	    "generation.");
}

static void
rules(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {
	    "Host", "Seen", "Because", "Agent", "Rules", NULL};

	if (e->nrules == 0)
		return;
	html_raw(out, "<h3>Rules in force</h3>\n");
	html_table(out, COLUMNS, "rules");
	for (size_t i = 0; i < shown(e->nrules); i++) {
		const struct exposure_rules *r = &e->rules[i];

		html_row(out);
		html_cell(out, r->host);
		html_cell_time(out, r->at_us);
		html_cell(out, r->why);
		html_raw(out, "<td>");
		if (r->version != NULL)
			html_text(out, r->version);
		else
			html_raw(out, "&ndash;");
		html_raw(out, "</td>");
		html_cell_code(out, r->digest);
		html_row_end(out);
	}
	html_table_end(out);
	rest(out, e->nrules, false);
}

void
page_exposure(const struct exposure *e, struct buf *out)
{
	OWN(buf_done) struct buf title = {0};

	buf_init(&title, TEXT_MAX);
	buf_printf(&title, "Exposure report: %s", e->provider);
	html_begin(out, buf_text(&title));
	html_nav(out, e);
	html_raw(out, "<header><h1>Exposure report: ");
	html_text(out, e->provider);
	html_raw(out, "</h1>\n");
	meta(out, e);
	html_raw(out, "</header>\n");
	alerts(out, e);
	canaries_html(out, e);
	view(out, e);
	sentences(out, e);
	tiles(out, e);
	policies(out, e);
	coverage(out, e);
	holes(out, e);
	classes(out, e);
	exacts(out, e);
	days(out, e);
	places(out, e);
	egress(out, e);
	sent(out, e);
	transfers(out, e);
	people(out, e);
	grades(out, e);
	findings(out, e);
	allowed(out, e);
	detectors(out, e);
	gaps(out, e);
	alarms(out, e);
	logs(out, e);
	rules(out, e);
	html_raw(out,
	    "<footer class=\"note\">This report says what is recorded, and how "
	    "much of the time was observed. What is not recorded is not shown "
	    "not to have happened. Times are UTC, of each host's own clock. "
	    "This view is itself recorded in the collector's log.</footer>\n");
	html_end(out);
}
