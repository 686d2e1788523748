/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanpage - findings as one HTML page without script, for people.
 *
 * Owns: its escaping, its style, and the order: what it came to, what was
 * found, what was not examined.
 * Never: refers to anything outside of the page; writes matched content; lets
 * a file's name turn the text around.
 *
 * Rows are gathered, since the sum stands above them; what does not fit is
 * counted, and the page says so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/scanout.h"
#include "lib/str.h"

#include "lib/own.h"

enum { NAME_MAX_BYTES = 8192 };

static const char STYLE[] =
    ":root{--ink:#1c2733;--soft:#55606c;--line:#d5dbe1;--back:#f4f6f8;"
    "--half:#e3a008;--blind:#b3261e;--accent:#1f5fa8}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:#fff;color:var(--ink);font:14px/1.45 "
    "system-ui,\"Segoe UI\",\"DejaVu Sans\",sans-serif}"
    "main{max-width:1040px;margin:0 auto;padding:28px 24px 48px}"
    "header{border-bottom:3px solid var(--accent);padding-bottom:14px;"
    "margin-bottom:20px}"
    "h1{font-size:26px;line-height:1.2;margin:0 0 4px}"
    "h2{font-size:17px;margin:32px 0 8px}"
    "p{margin:6px 0}.meta{color:var(--soft);font-size:12.5px;"
    "overflow-wrap:anywhere}"
    ".tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;"
    "margin:20px 0 8px}"
    ".tile{border:1px solid var(--line);border-radius:6px;padding:10px 12px;"
    "background:var(--back)}"
    ".tile b{display:block;font-size:20px;line-height:1.25}"
    ".tile span{color:var(--soft);font-size:12px}"
    ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;width:100%;font-size:12.5px}"
    "th,td{text-align:left;vertical-align:top;padding:4px 8px;"
    "border-bottom:1px solid var(--line)}"
    "th{background:var(--back);font-weight:600;color:var(--soft)}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "code{font:12px \"DejaVu Sans Mono\",ui-monospace,monospace;"
    "overflow-wrap:anywhere}"
    ".high{color:var(--blind);font-weight:600}.medium{color:#7a4b00}"
    "@media print{main{max-width:none;padding:0}tr{break-inside:avoid}"
    "thead{display:table-header-group}}"
    "@media(max-width:700px){.tiles{grid-template-columns:1fr 1fr}}";

/* Characters that no reader sees, or that turn what follows around. */
static bool
deceives(const uint8_t *p, size_t left)
{
	if (left >= 3 && p[0] == 0xe2 && p[1] == 0x80)
		return (p[2] >= 0x8b && p[2] <= 0x8f) ||
		       (p[2] >= 0xa8 && p[2] <= 0xae);
	if (left >= 3 && p[0] == 0xe2 && p[1] == 0x81)
		return p[2] >= 0xa0 && p[2] <= 0xaf;
	return (left >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) ||
	       (left >= 2 && p[0] == 0xd8 && p[1] == 0x9c) ||
	       (left >= 2 && p[0] == 0xc2 && p[1] == 0xad);
}

/* Foreign bytes: controls and bad UTF-8 become \xHH first. */
static void
put_text(struct buf *out, const char *text)
{
	char shown[NAME_MAX_BYTES];
	size_t len;

	str_escape(shown, sizeof shown, text, strlen(text));
	len = strlen(shown);
	for (size_t i = 0; i < len; i++) {
		const uint8_t *p = (const uint8_t *)shown + i;

		/* A byte of such a character, the first, second or third. */
		bool within = deceives(p, len - i) ||
			      (i > 0 && *p >= 0x80 && *p < 0xc0 &&
				  (deceives(p - 1, len - i + 1) ||
				      (i > 1 && deceives(p - 2, len - i + 2))));

		if (within)
			buf_printf(out, "\\x%02x", *p);
		else if (strchr("<>&\"'", *p) != NULL)
			buf_printf(out, "&#%u;", *p);
		else
			buf_put_u8(out, *p);
	}
}

static void
put_where(struct buf *out, const char *path, const char *member)
{
	buf_printf(out, "<td><code>");
	put_text(out, path);
	if (member[0] != '\0') {
		buf_printf(out, "!");
		put_text(out, member);
	}
	buf_printf(out, "</code></td>");
}

/* Adds a whole row, or counts it. */
static void
add_row(struct scanout *o, struct buf *to, const struct buf *row)
{
	if (buf_error(row) != 0 || row->len > to->max - to->len)
		o->over++;
	else
		buf_put(to, row->data, row->len);
}

static void
page_file(struct scanout *o, const struct scanout_file *f)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, (size_t)1 << 20);
	for (size_t i = 0; i < f->nfindings; i++) {
		const struct finding *x = &f->findings[i];
		const char *c = confidence_name(x->confidence);

		buf_printf(&b, "<tr><td class=\"%s\">%s</td><td>", c, c);
		put_text(&b, x->detector);
		buf_printf(&b, "<br><span class=\"meta\">");
		put_text(&b, x->class_name);
		if (finding_allowed(x))
			buf_printf(&b, ", allowed by %s until %s", x->allow,
			    x->allow_until);
		else if (!finding_alerts(x))
			buf_printf(&b, ", fewer than make an event");
		if (x->decode[0] != '\0')
			buf_printf(&b, ", in %s", x->decode);
		buf_printf(&b,
		    "%s</span></td><td class=\"n\">%" PRIu64
		    "</td><td class=\"n\">%" PRIu64 "</td><td class=\"n\">",
		    x->test_data ? ", test data" : "", x->count, x->unique);
		if (x->nspans > 0)
			buf_printf(&b, "%" PRIu64, x->spans[0].from);
		buf_printf(&b, "</td>");
		put_where(&b, f->path, x->member);
		buf_printf(&b, "</tr>\n");
		add_row(o, &o->rows, &b);
		buf_reset(&b);
	}
	for (size_t i = 0; i < f->nskips; i++) {
		buf_printf(&b, "<tr><td>");
		put_text(&b, f->skips[i].reason);
		buf_printf(&b, "</td><td class=\"n\">%" PRIu64 "</td>",
		    f->skips[i].bytes);
		put_where(&b, f->path, f->skips[i].member);
		buf_printf(&b, "</tr>\n");
		add_row(o, &o->notes, &b);
		buf_reset(&b);
	}
}

static void
put_tile(struct buf *b, uint64_t n, const char *what)
{
	buf_printf(b,
	    "<div class=\"tile\"><b>%" PRIu64 "</b><span>%s</span></div>", n,
	    what);
}

static void
put_table(struct buf *b, const char *title, const char *head,
    const struct buf *rows, const char *none)
{
	buf_printf(b, "<h2>%s</h2>\n", title);
	if (rows->len == 0) {
		buf_printf(b, "<p>%s</p>\n", none);
		return;
	}
	buf_printf(b,
	    "<div class=\"scroll\"><table><thead><tr>%s</tr></thead><tbody>\n",
	    head);
	buf_put(b, rows->data, rows->len);
	buf_printf(b, "</tbody></table></div>\n");
}

static void
page_end(struct scanout *o, const struct scanout_sum *s)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, o->rows.max + o->notes.max + 65536);
	buf_printf(&b,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n"
	    "<meta name=\"referrer\" content=\"no-referrer\">\n"
	    "<title>Sensitive data in files</title>\n<style>%s</style>\n"
	    "</head>\n<body>\n<main>\n<header>"
	    "<h1>Sensitive data in files</h1>\n<p class=\"meta\">chaperone %s, "
	    "rules %s</p></header>\n",
	    STYLE, VERSION, s->digest);
	buf_printf(&b, "<div class=\"tiles\">");
	put_tile(&b, s->found, "findings");
	put_tile(&b, s->with_findings, "files with findings");
	put_tile(&b, s->files, "files examined");
	put_tile(&b, s->incomplete, "parts not examined");
	buf_printf(&b, "</div>\n");
	if (s->allowed > 0)
		buf_printf(&b,
		    "<p>%" PRIu64 " more are covered by an allow, and are "
		    "listed with its name and last day.</p>\n",
		    s->allowed);
	if (s->few > 0)
		buf_printf(&b,
		    "<p>%" PRIu64 " more are fewer in their text than make an "
		    "event.</p>\n",
		    s->few);
	if (s->unchanged > 0)
		buf_printf(&b,
		    "<p>%" PRIu64 " files were unchanged since the last scan "
		    "and are not listed.</p>\n",
		    s->unchanged);
	if (o->over > 0)
		buf_printf(&b,
		    "<p>%" PRIu64 " rows are left out: the page is full.</p>\n",
		    o->over);
	put_table(&b, "Found",
	    "<th>Level</th><th>Detector</th><th class=\"n\">Matches</th>"
	    "<th class=\"n\">Distinct</th><th class=\"n\">First at byte</th>"
	    "<th>Where</th>",
	    &o->rows, "Nothing was found in what was examined.");
	put_table(&b, "Not examined",
	    "<th>Reason</th><th class=\"n\">Bytes</th><th>Where</th>",
	    &o->notes, "Everything was examined.");
	buf_printf(&b, "</main>\n</body>\n</html>");
	cli_line(&b);
}

const struct scanout_format scanpage_format = {
    .name = "html", .machine = true, .file = page_file, .end = page_end};
