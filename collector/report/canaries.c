/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canaries - whose planted values were touched, and by whom.
 *
 * Owns: the alarm above everything, and the table below it.
 * Never: takes whose copy it is for who touched it.
 */
#include <string.h>

#include "collector/report/html.h"
#include "collector/report/words.h"
#include "lib/str.h"

#include "lib/own.h"

enum { ROWS_SHOWN = 200, SAID_MAX = 10, TEXT_MAX = 4096 };

static size_t
shown(const struct exposure *e)
{
	return e->ncanaries < ROWS_SHOWN ? e->ncanaries : ROWS_SHOWN;
}

/* Whether an earlier one of the list says the same of the same person. */
static bool
canary_again(const struct exposure *e, size_t at)
{
	const struct exposure_canary *c = &e->canaries[at];

	for (size_t i = 0; i < at; i++) {
		const struct exposure_canary *o = &e->canaries[i];

		if (o->copy == c->copy && str_eq(o->person, c->person) &&
		    (o->set == c->set || (o->set != NULL && c->set != NULL &&
					     str_eq(o->set, c->set))))
			return true;
	}
	return false;
}

static void
canary_name(struct buf *out, const struct exposure_canary *c)
{
	OWN(buf_done) struct buf text = {0};

	buf_init(&text, TEXT_MAX);
	words_canary(c, &text);
	html_raw(out, "<b>");
	html_text(out, buf_text(&text));
	html_raw(out, "</b>");
}

/* Above everything: each canary and who touched it, once. */
static void
canary_alert(struct buf *out, const struct exposure *e)
{
	size_t said = 0;

	html_raw(out, "<div class=\"alert\">");
	for (size_t i = 0; i < shown(e); i++) {
		const struct exposure_canary *c = &e->canaries[i];

		if (canary_again(e, i))
			continue;
		if (said++ == SAID_MAX)
			break;
		canary_name(out, c);
		html_raw(out, " was touched by ");
		if (str_eq(c->person, "unknown"))
			html_raw(out, "somebody unknown");
		else
			html_text(out, c->person);
		html_raw(out, " at ");
		words_time(out, c->first_us);
		if (c->copy == 0) {
			html_raw(out, "; ");
			html_text(out, words_exact(c->exact));
		}
		html_raw(out, ".<br>");
	}
	if (said > SAID_MAX)
		html_raw(out, "There are more, below.<br>");
	html_raw(out,
	    "A canary is a planted value that nobody has a reason to touch."
	    "</div>\n");
}

void
canaries_html(struct buf *out, const struct exposure *e)
{
	static const char *const COLUMNS[] = {"Canary", "Person", "Action",
	    "Object", "#Times", "First", "Last", NULL};

	if (e->ncanaries == 0)
		return;
	canary_alert(out, e);
	html_raw(out, "<h2>Canaries that were touched</h2>\n");
	html_table(out, COLUMNS, "canaries");
	for (size_t i = 0; i < shown(e); i++) {
		const struct exposure_canary *c = &e->canaries[i];
		bool net = str_eq(c->channel, "net");

		html_row(out);
		html_raw(out, "<td>");
		canary_name(out, c);
		html_raw(out, "<br><span class=\"note\">");
		html_text(
		    out, c->kind != NULL ? c->kind : words_exact(c->exact));
		html_raw(out, "</span></td><td>");
		html_text(out, str_eq(c->person, "unknown") ? NULL : c->person);
		html_raw(out, "<br><span class=\"note\">");
		html_text(out, c->grade);
		html_raw(out, "</span></td>");
		html_cell(out, c->op);
		html_raw(out, "<td><code>");
		html_text(out, net && c->path == NULL
				   ? words_named(c->server, c->dst)
				   : c->path);
		if (c->member != NULL && c->member[0] != '\0') {
			html_raw(out, " &rsaquo; ");
			html_text(out, c->member);
		}
		html_raw(out, "</code><br><span class=\"note\">");
		html_text(out, c->host);
		if (net) {
			html_raw(out, " &rarr; ");
			html_text(out, words_named(c->server, c->dst));
		}
		html_raw(out, "</span></td>");
		html_cell_number(out, c->entries);
		html_cell_time(out, c->first_us);
		html_cell_time(out, c->last_us);
		html_row_end(out);
	}
	html_table_end(out);
	if (e->ncanaries > ROWS_SHOWN || e->cut[LIST_CANARIES])
		html_raw(out,
		    "<p class=\"note\">There are more rows; the JSON form has "
		    "them.</p>\n");
	html_raw(out,
	    "<p class=\"note\">The name is of whom that copy was given to, who "
	    "need not be who touched it. With a copy's number the collector's "
	    "table confirms it; without, it is the host's word.</p>\n");
}
