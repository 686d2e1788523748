/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index - the page that leads to the reports.
 *
 * Owns: what stands on it: the providers that entries name, a form for a
 * period, and the hosts with their agents' state.
 * Never: shows more than counts.
 */
#include <string.h>

#include "collector/report/html.h"
#include "collector/report/report.h"
#include "collector/report/words.h"
#include "lib/str.h"

#include "lib/own.h"

static const struct {
	const char *id, *means;
} SPECIAL[] = {
    {"unassigned", "people whom the roster gives to no provider"},
    {"staff", "the company's own people"},
    {"unknown", "activity that could not be tied to anybody"},
};

static const char *
meaning(const char *id)
{
	for (size_t i = 0; i < ARRAY_LEN(SPECIAL); i++)
		if (str_eq(id, SPECIAL[i].id))
			return SPECIAL[i].means;
	return NULL;
}

static void
link_to(struct buf *out, const char *id, const char *format, const char *word)
{
	html_raw(out, "<a href=\"/report?provider=");
	html_query(out, id);
	if (format != NULL) {
		html_raw(out, "&amp;format=");
		html_raw(out, format);
	}
	html_raw(out, "\">");
	html_text(out, word);
	html_raw(out, "</a>");
}

static void
provider(struct buf *out, const struct exposure_provider *p)
{
	html_row(out);
	html_raw(out, "<td>");
	link_to(out, p->id, NULL, p->id);
	if (meaning(p->id) != NULL) {
		html_raw(out, "<br><span class=\"note\">");
		html_text(out, meaning(p->id));
		html_raw(out, "</span>");
	}
	html_raw(out, "</td>");
	html_cell_time(out, p->last_us);
	html_cell_number(out, p->people);
	html_cell_number(out, p->hosts);
	html_cell_number(out, p->findings);
	html_cell_bytes(out, p->out);
	html_cell_number(out, p->entries);
	html_raw(out, "<td>");
	link_to(out, p->id, "json", "JSON");
	html_raw(out, " ");
	link_to(out, p->id, "csv", "CSV");
	html_raw(out, "</td>");
	html_row_end(out);
}

static void
providers(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Provider", "Last activity",
	    "#People", "#Hosts", "#Findings", "#Bytes out", "#Records",
	    "Other forms", NULL};

	html_raw(out, "<h2>Providers</h2>\n");
	if (e->nproviders == 0) {
		html_raw(out,
		    "<p class=\"note\">No activity of anybody is recorded "
		    "yet.</p>\n");
		return;
	}
	html_table(out, COLUMNS, "providers");
	for (size_t i = 0; i < e->nproviders; i++)
		provider(out, &e->providers[i]);
	html_table_end(out);
}

static void
form(struct buf *out, const struct exposure *e)
{
	if (e->nproviders == 0)
		return;
	html_raw(out, "<h2>A report of a period</h2>\n"
		      "<form action=\"/report\" method=\"get\">"
		      "<label>Provider<select name=\"provider\">");
	for (size_t i = 0; i < e->nproviders; i++) {
		html_raw(out, "<option value=\"");
		html_text(out, e->providers[i].id);
		html_raw(out, "\">");
		html_text(out, e->providers[i].id);
		html_raw(out, "</option>");
	}
	html_raw(out,
	    "</select></label>"
	    "<label>From (first day)<input type=\"date\" name=\"from\"></label>"
	    "<label>To (day after the last)<input type=\"date\" name=\"to\">"
	    "</label><label>Form<select name=\"format\">"
	    "<option>html</option><option>json</option><option>csv</option>"
	    "</select></label><button>Show</button></form>\n");
}

/* The state of the last span is the state now. */
static const char *
now(const struct exposure_host *h)
{
	const struct exposure_span *last;

	if (!str_eq(h->state, "active"))
		return h->state;
	if (h->word_us == 0)
		return "enrolled, has not spoken yet";
	if (h->waiting_us > 0 || h->nspans == 0)
		return "speaking";
	last = &h->spans[h->nspans - 1];
	return last->why == NULL ? "speaking" : last->why;
}

static void
hosts(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Host", "Agent", "Now",
	    "Last word", "Last seen", "Since the first agent began",
	    "#Observed", "#Records", NULL};
	int64_t whole = e->to_us - e->from_us;

	html_raw(out, "<h2>Hosts</h2>\n");
	if (e->nhosts == 0) {
		html_raw(out,
		    "<p class=\"note\">No host is enrolled yet: `chaperone "
		    "token new` here makes a token, `chaperone enrol` there "
		    "uses it.</p>\n");
		return;
	}
	html_table(out, COLUMNS, "hosts");
	for (size_t i = 0; i < e->nhosts; i++) {
		const struct exposure_host *h = &e->hosts[i];

		html_row(out);
		html_cell(out, h->name);
		html_cell_code(out, h->agent);
		html_cell(out, now(h));
		html_cell_time(out, h->word_us);
		html_cell_time(out, h->seen_us);
		html_raw(out, "<td class=\"strip\">");
		html_strip(out, e, h);
		html_raw(out, "</td><td class=\"n\">");
		words_share(
		    out, (uint64_t)h->us[COVERAGE_OBSERVED], (uint64_t)whole);
		html_raw(out, "</td>");
		html_cell_number(out, h->entries);
		html_row_end(out);
	}
	html_table_end(out);
	html_legend(out);
}

static void
alarms(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {
	    "When", "Host", "Kind", "What happened", NULL};

	if (e->nalarms == 0)
		return;
	html_raw(out, "<h2>Alarms</h2>\n");
	html_table(out, COLUMNS, "alarms");
	for (size_t i = 0; i < e->nalarms && i < 50; i++) {
		html_row(out);
		html_cell_time(out, e->alarms[i].at_us);
		html_cell(out, e->alarms[i].host);
		html_cell(out, e->alarms[i].kind);
		html_cell(out, e->alarms[i].detail);
		html_row_end(out);
	}
	html_table_end(out);
}

void
page_index(const struct exposure *e, struct buf *out)
{
	html_begin(out, "Chaperone: providers and hosts");
	html_nav(out, e);
	html_raw(out, "<header><h1>Providers and hosts</h1>\n"
		      "<p class=\"meta\">");
	words_time(out, e->now_us);
	html_raw(out, " UTC, for ");
	html_text(out, e->user);
	html_raw(out, ", Chaperone " VERSION "</p></header>\n");
	alarms(out, e);
	providers(out, e);
	form(out, e);
	hosts(out, e);
	html_raw(out,
	    "<footer class=\"note\">Providers are known by what is recorded of "
	    "them: one who was never seen is not listed. Hosts without an "
	    "agent are not listed either. This view is itself recorded in the "
	    "collector's log.</footer>\n");
	html_end(out);
}
