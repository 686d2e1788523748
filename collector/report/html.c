/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html - the parts that pages are made of.
 *
 * Owns: escaping, the style, tables, and the two pictures.
 * Never: writes a script, an event handler, or an address of another host; puts
 * foreign text where it is not text or a quoted attribute.
 */
#include "collector/report/html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/report/words.h"
#include "lib/str.h"

#include "lib/own.h"

/* What a strip is divided into; the worst state in a part is its colour. */
#define STRIP_PARTS 360
#define DAY_US INT64_C(86400000000)
/* Bars of one picture: longer periods put several days into one bar. */
#define BARS_MAX 92

static const char STYLE[] =
    ":root{--ink:#1c2733;--soft:#55606c;--line:#d5dbe1;--back:#f4f6f8;"
    "--ok:#2f7d5b;--half:#e3a008;--blind:#b3261e;--none:#aab4be;"
    "--accent:#1f5fa8}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:#fff;color:var(--ink);font:14px/1.45 "
    "system-ui,\"Segoe UI\",\"DejaVu Sans\",sans-serif}"
    "main{max-width:1040px;margin:0 auto;padding:28px 24px 48px}"
    "header{border-bottom:3px solid var(--accent);padding-bottom:14px;"
    "margin-bottom:20px}"
    "h1{font-size:26px;line-height:1.2;margin:0 0 4px;"
    "overflow-wrap:anywhere}"
    "h2{font-size:17px;margin:32px 0 8px}"
    "h3{font-size:14px;margin:20px 0 6px;color:var(--soft)}"
    "p{margin:6px 0}"
    ".meta,.note{color:var(--soft);font-size:12.5px}"
    ".meta{margin:2px 0}"
    "dl.short{margin:0;display:grid;grid-template-columns:128px 1fr;"
    "gap:9px 14px}"
    "dl.short dt{font-weight:600;color:var(--accent)}"
    "dl.short dd{margin:0;overflow-wrap:anywhere}"
    ".tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;"
    "margin:20px 0 8px}"
    ".tile{border:1px solid var(--line);border-radius:6px;padding:10px 12px;"
    "background:var(--back)}"
    ".tile b{display:block;font-size:20px;line-height:1.25}"
    ".tile span{color:var(--soft);font-size:12px}"
    ".alert{border-left:4px solid var(--blind);background:#fdf1f0;"
    "padding:8px 12px;margin:0 0 14px}"
    ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;width:100%;font-size:12.5px;"
    "margin:6px 0 4px}"
    "th,td{text-align:left;vertical-align:top;padding:4px 8px;"
    "border-bottom:1px solid var(--line)}"
    "th{background:var(--back);font-weight:600;color:var(--soft);"
    "border-bottom:1px solid #b9c2cb}"
    /* A long name breaks anywhere, but not a column to a thread. */
    "td{overflow-wrap:break-word;min-width:8.5ch}"
    "td code{overflow-wrap:anywhere}"
    "td:first-child{min-width:17ch}"
    "td.n{min-width:0}td .note{font-size:.92em}"
    "td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}"
    "td.t{white-space:nowrap;font-variant-numeric:tabular-nums}"
    "code{font:12px \"DejaVu Sans Mono\",ui-monospace,monospace;"
    "overflow-wrap:anywhere}"
    ".u{color:#7a4b00;font-style:italic}"
    "td.strip{width:30%;vertical-align:middle}"
    "svg{display:block;max-width:100%}"
    ".observed{fill:var(--ok)}.degraded{fill:var(--half)}"
    ".blind{fill:var(--blind)}.unknown{fill:var(--none)}"
    ".bar{fill:var(--accent)}.axis{stroke:#8a95a0}"
    "svg text{font-size:10px;fill:var(--soft)}"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:12px;"
    "color:var(--soft);margin:6px 0}"
    ".legend svg{display:inline-block;vertical-align:-1px;margin-right:5px}"
    ".pair{display:grid;grid-template-columns:1fr 1fr;gap:20px}"
    "form{display:flex;flex-wrap:wrap;gap:10px;align-items:end;"
    "background:var(--back);border:1px solid var(--line);border-radius:6px;"
    "padding:12px}"
    "label{font-size:12px;color:var(--soft);display:grid;gap:3px}"
    "input,select,button{font:inherit;padding:4px 8px;border:1px solid "
    "#b9c2cb;border-radius:4px;background:#fff}"
    "button{background:var(--accent);color:#fff;border-color:"
    "var(--accent)}"
    "a{color:var(--accent)}"
    "footer{margin-top:36px;border-top:1px solid var(--line);"
    "padding-top:10px}"
    "nav{display:flex;justify-content:space-between;align-items:center;"
    "margin-bottom:12px}nav form{margin:0;padding:0;border:0;"
    "background:none}"
    "@page{size:A4;margin:14mm 12mm}"
    "@media print{"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "body{font-size:10.5pt}main{max-width:none;padding:0}"
    "td{min-width:10ch}td.t{white-space:normal;min-width:10.5ch}"
    "td:first-child{min-width:14ch}td:first-child.t{min-width:10.5ch}"
    "td,th{padding:3px 5px}.tile b{font-size:14pt}"
    "h1{font-size:19pt}h2{font-size:12.5pt;break-after:avoid}"
    "h3{break-after:avoid}table{font-size:8pt}code{font-size:7.5pt}"
    ".scroll{overflow:visible}thead{display:table-header-group}"
    "tr,.tile,dl.short dd{break-inside:avoid}form,nav{display:none}}"
    "@media(max-width:700px){.tiles{grid-template-columns:1fr 1fr}"
    ".pair,dl.short{grid-template-columns:1fr}}";

void
html_raw(struct buf *out, const char *markup)
{
	buf_put(out, markup, strlen(markup));
}

/* ---- foreign text ---- */

/* The length of the well-formed character at @p, or 0. */
static size_t
character(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	return n <= left && str_utf8(p, n) ? n : 0;
}

/*
 * Characters that hide or turn what stands beside them: C1 controls, the
 * zero-width and direction marks of U+200B to U+200F, U+2028 to U+202E, U+2060
 * to U+206F, and U+FEFF.
 */
static uint32_t
deceives(const uint8_t *p, size_t n)
{
	uint32_t c = 0;

	if (n == 2)
		c = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3fu);
	else if (n == 3)
		c = (uint32_t)(p[0] & 0x0f) << 12 |
		    (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
	if ((c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff)
		return c;
	return 0;
}

static void
put_character(struct buf *out, const uint8_t *p, size_t n)
{
	uint32_t c = deceives(p, n);

	if (c != 0)
		buf_printf(out, "\\u%04" PRIx32, c);
	else if (n > 1)
		buf_put(out, p, n);
	else if (p[0] == '<' || p[0] == '>' || p[0] == '&' || p[0] == '"' ||
		 p[0] == '\'')
		buf_printf(out, "&#%u;", p[0]);
	else if (p[0] == '\n')
		html_raw(out, "\\n");
	else if (p[0] < 0x20 || p[0] == 0x7f)
		buf_printf(out, "\\x%02x", p[0]);
	else
		buf_put_u8(out, p[0]);
}

void
html_text(struct buf *out, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t left;

	if (text == NULL) {
		html_raw(out, "<span class=\"u\">unknown</span>");
		return;
	}
	left = strlen(text);
	while (left > 0) {
		size_t n = character(p, left);

		if (n == 0) {
			buf_printf(out, "\\x%02x", p[0]);
			n = 1;
		} else {
			put_character(out, p, n);
		}
		p += n;
		left -= n;
	}
}

void
html_query(struct buf *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' ||
		    *p == '.')
			buf_put_u8(out, (uint8_t)*p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

/* ---- the frame ---- */

void
html_begin(struct buf *out, const char *title)
{
	html_raw(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n"
	    "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	html_text(out, title);
	html_raw(out, "</title>\n<style>");
	html_raw(out, STYLE);
	html_raw(out, "</style>\n</head>\n<body>\n<main>\n");
}

void
html_nav(struct buf *out, const struct exposure *e)
{
	if (!str_eq(e->via, "page"))
		return;
	html_raw(out, "<nav><a href=\"/\">Providers and hosts</a>"
		      "<form method=\"post\" action=\"/logout\">"
		      "<button>Log out</button></form></nav>\n");
}

void
html_end(struct buf *out)
{
	html_raw(out, "</main>\n</body>\n</html>\n");
}

/* ---- tables ---- */

void
html_table(struct buf *out, const char *const *headings, const char *label)
{
	html_raw(out, "<div class=\"scroll\"><table aria-label=\"");
	html_text(out, label);
	html_raw(out, "\"><thead><tr>");
	for (; *headings != NULL; headings++) {
		bool number = **headings == '#';

		html_raw(out, number ? "<th class=\"n\">" : "<th>");
		html_text(out, *headings + (number ? 1 : 0));
		html_raw(out, "</th>");
	}
	html_raw(out, "</tr></thead><tbody>\n");
}

void
html_table_end(struct buf *out)
{
	html_raw(out, "</tbody></table></div>\n");
}

void
html_row(struct buf *out)
{
	html_raw(out, "<tr>");
}

void
html_row_end(struct buf *out)
{
	html_raw(out, "</tr>\n");
}

void
html_cell(struct buf *out, const char *text)
{
	html_raw(out, "<td>");
	html_text(out, text);
	html_raw(out, "</td>");
}

void
html_cell_code(struct buf *out, const char *text)
{
	html_raw(out, "<td><code>");
	html_text(out, text);
	html_raw(out, "</code></td>");
}

void
html_cell_number(struct buf *out, uint64_t n)
{
	html_raw(out, "<td class=\"n\">");
	words_count(out, n);
	html_raw(out, "</td>");
}

void
html_cell_bytes(struct buf *out, uint64_t n)
{
	html_raw(out, "<td class=\"n\">");
	words_bytes(out, n);
	html_raw(out, "</td>");
}

void
html_cell_time(struct buf *out, int64_t us)
{
	html_raw(out, "<td class=\"t\">");
	if (us == 0)
		html_raw(out, "never");
	else
		words_time(out, us);
	html_raw(out, "</td>");
}

void
html_cell_people(struct buf *out, uint64_t n, bool unknown)
{
	html_raw(out, "<td class=\"n\">");
	if (n > 0 || !unknown)
		words_count(out, n);
	if (n > 0 && unknown)
		html_raw(out, " + ");
	if (unknown)
		html_text(out, NULL);
	html_raw(out, "</td>");
}

/* ---- pictures ---- */

/* The worst state in each part of the period. */
static void
fill_parts(const struct exposure *e, const struct exposure_host *h,
    enum coverage parts[STRIP_PARTS])
{
	/* In a picture, what nobody vouches for is worse than observed. */
	static const int RANK[COVERAGE_STATES] = {
	    [COVERAGE_OBSERVED] = 0,
	    [COVERAGE_UNKNOWN] = 1,
	    [COVERAGE_DEGRADED] = 2,
	    [COVERAGE_BLIND] = 3,
	};
	double width = (double)(e->to_us - e->from_us) / STRIP_PARTS;

	for (size_t i = 0; i < STRIP_PARTS; i++)
		parts[i] = COVERAGE_OBSERVED;
	for (size_t i = 0; i < h->nspans; i++) {
		const struct exposure_span *s = &h->spans[i];
		double from = (double)(s->from_us - e->from_us) / width;
		double to = (double)(s->to_us - e->from_us) / width;

		for (size_t k = (size_t)from; k < STRIP_PARTS && (double)k < to;
		     k++)
			if (RANK[s->state] > RANK[parts[k]])
				parts[k] = s->state;
	}
}

void
html_strip(
    struct buf *out, const struct exposure *e, const struct exposure_host *h)
{
	enum coverage parts[STRIP_PARTS];
	size_t from = 0;

	html_raw(out, "<svg width=\"100%\" height=\"16\" viewBox=\"0 0 360 16\""
		      " preserveAspectRatio=\"none\" role=\"img\""
		      " aria-label=\"coverage along the period\">");
	if (e->to_us > e->from_us && h->nspans > 0) {
		fill_parts(e, h, parts);
		for (size_t i = 1; i <= STRIP_PARTS; i++) {
			if (i < STRIP_PARTS && parts[i] == parts[from])
				continue;
			buf_printf(out,
			    "<rect class=\"%s\" x=\"%zu\" y=\"0\" "
			    "width=\"%zu\" height=\"16\"/>",
			    coverage_name(parts[from]), from, i - from);
			from = i;
		}
	}
	html_raw(out, "</svg>");
}

void
html_legend(struct buf *out)
{
	static const struct {
		enum coverage state;
		const char *means;
	} ROWS[] = {
	    {COVERAGE_OBSERVED, "observed: watched, and nothing was lost"},
	    {COVERAGE_DEGRADED, "degraded: watched, but something was lost"},
	    {COVERAGE_BLIND, "blind: not watched, and that is known"},
	    {COVERAGE_UNKNOWN, "unknown: nobody says anything about it"},
	};

	html_raw(out, "<div class=\"legend\">");
	for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
		buf_printf(out,
		    "<span><svg width=\"11\" height=\"11\"><rect class=\"%s\" "
		    "width=\"11\" height=\"11\"/></svg>",
		    coverage_name(ROWS[i].state));
		html_text(out, ROWS[i].means);
		html_raw(out, "</span>");
	}
	html_raw(out, "</div>\n");
}

static uint64_t
day_value(const struct exposure_day *d, enum html_bar bar)
{
	return bar == BAR_FINDINGS ? d->findings : d->out;
}

/* Sums into bars of @each days; returns the largest. */
static uint64_t
fill_bars(const struct exposure *e, enum html_bar bar, int64_t first,
    int64_t each, uint64_t bars[BARS_MAX])
{
	uint64_t most = 0;

	for (size_t i = 0; i < e->ndays; i++) {
		int64_t at = (e->days[i].day_us / DAY_US - first) / each;

		if (at < 0 || at >= BARS_MAX)
			continue;
		bars[at] += day_value(&e->days[i], bar);
		if (bars[at] > most)
			most = bars[at];
	}
	return most;
}

static void
print_value(struct buf *out, enum html_bar bar, uint64_t value)
{
	if (bar == BAR_OUT)
		words_bytes(out, value);
	else
		words_count(out, value);
}

/* 440 by 84: the largest value and the first and last day stand beside it. */
void
html_days(struct buf *out, const struct exposure *e, enum html_bar bar)
{
	uint64_t bars[BARS_MAX] = {0}, most;
	int64_t first, last, each, n, wide;

	if (e->ndays == 0)
		return;
	first = e->days[0].day_us / DAY_US;
	last = e->days[e->ndays - 1].day_us / DAY_US;
	if (e->from_us / DAY_US < first)
		first = e->from_us / DAY_US;
	if ((e->to_us - 1) / DAY_US > last)
		last = (e->to_us - 1) / DAY_US;
	each = (last - first) / BARS_MAX + 1;
	n = (last - first) / each + 1;
	most = fill_bars(e, bar, first, each, bars);
	wide = 4000 / n < 400 ? 4000 / n : 400;
	html_raw(out,
	    "<svg width=\"440\" height=\"84\" viewBox=\"0 0 440 84\" "
	    "role=\"img\" aria-label=\"by day\"><line class=\"axis\" x1=\"0\" "
	    "y1=\"66\" x2=\"400\" y2=\"66\"/>");
	for (int64_t i = 0; i < n && most > 0; i++) {
		uint64_t high = bars[i] / (most / 50 + 1);

		/* Whatever happened at all is seen. */
		if (most <= 50)
			high = bars[i] * 50 / most;
		if (bars[i] > 0 && high == 0)
			high = 1;
		buf_printf(out,
		    "<rect class=\"bar\" x=\"%" PRId64 ".%" PRId64
		    "\" y=\"%" PRIu64 "\" width=\"%" PRId64 ".%" PRId64
		    "\" height=\"%" PRIu64 "\"/>",
		    i * wide / 10, i * wide % 10, 66 - high, wide * 8 / 100,
		    wide * 8 / 10 % 10, high);
	}
	html_raw(out, "<text x=\"0\" y=\"10\">most: ");
	print_value(out, bar, most);
	html_raw(out, each == 1 ? " in a day</text>" : " in a bar</text>");
	buf_printf(out, "<text x=\"0\" y=\"80\">");
	words_day(out, first * DAY_US);
	if (last > first) {
		html_raw(out,
		    "</text><text x=\"400\" y=\"80\" text-anchor=\"end\">");
		words_day(out, last * DAY_US);
	}
	html_raw(out, "</text></svg>\n");
}
