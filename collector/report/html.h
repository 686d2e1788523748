/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html - the parts that pages are made of; for this room alone.
 */
#ifndef COLLECTOR_REPORT_HTML_H
#define COLLECTOR_REPORT_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/exposure.h"
#include "lib/own.h"

/* html_raw - markup of ours. */
void html_raw(struct buf *out, const char *markup);
/*
 * html_text - foreign text as such: markup becomes references, control
 * characters, characters that turn the direction of text, and bytes that are
 * not UTF-8 become visible. NULL becomes the word "unknown".
 */
void html_text(struct buf *out, const char *text);
/* html_query - foreign text as the value of a query, in an attribute. */
void html_query(struct buf *out, const char *text);

/* html_begin - from the doctype to the opening of the page's content. */
void html_begin(struct buf *out, const char *title);
void html_end(struct buf *out);
/* html_nav - the way to the other pages and out, where the reader is logged in
 * to the collector's page; nothing in a report that the command line made. */
void html_nav(struct buf *out, const struct exposure *e);

/* Tables: a caption of ours (or NULL), the headings, then rows of cells. A
 * heading that begins with '#' is one of numbers. */
void html_table(
    struct buf *out, const char *const *headings, const char *label);
void html_table_end(struct buf *out);
void html_row(struct buf *out);
void html_row_end(struct buf *out);
void html_cell(struct buf *out, const char *text);
/* html_cell_code - the same for names of files and the like. */
void html_cell_code(struct buf *out, const char *text);
void html_cell_number(struct buf *out, uint64_t n);
void html_cell_bytes(struct buf *out, uint64_t n);
void html_cell_time(struct buf *out, int64_t us);
void html_cell_people(struct buf *out, uint64_t n, bool unknown);

/* html_strip - a host's coverage along the period, as a picture. */
void html_strip(
    struct buf *out, const struct exposure *e, const struct exposure_host *h);
void html_legend(struct buf *out);

enum html_bar { BAR_FINDINGS, BAR_OUT };
/* html_days - one bar a day of the period, of findings or of bytes out. */
void html_days(struct buf *out, const struct exposure *e, enum html_bar bar);

/* canaries_html - the alarm and its table; nothing if none was touched. */
void canaries_html(struct buf *out, const struct exposure *e);

#endif
