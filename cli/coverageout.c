/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverageout - the two forms of what chaperone coverage tells.
 *
 * Owns: the picture of time, and that no count stands without the share of the
 * time that it was counted in.
 * Never: shows a share as whole that is not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/coverage.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define STRIP 72 /* columns of the picture */
#define SPANS_SHOWN 20
#define WHY_COLUMN 46
#define WIDTH 80
#define SECOND_US INT64_C(1000000)

static const struct {
	const char *name;
	char sign;
} STATES[COVERAGE_STATES] = {
    [COVERAGE_UNKNOWN] = {"unknown", '?'},
    [COVERAGE_OBSERVED] = {"observed", '#'},
    [COVERAGE_DEGRADED] = {"lossy", '~'},
    [COVERAGE_BLIND] = {"not observed", '.'},
};

static const enum coverage ORDER[] = {
    COVERAGE_OBSERVED, COVERAGE_DEGRADED, COVERAGE_BLIND, COVERAGE_UNKNOWN};

/* ---- JSON ---- */

static void
put_time(struct json *j, const char *key, int64_t us)
{
	char when[CLOCK_TEXT_SIZE];

	clock_text(us, when);
	json_str(j, key, when);
}

static void
put_seconds(struct json *j, const struct watched *c)
{
	const int64_t *us = c->e.hosts[0].us;
	int64_t whole = c->e.to_us - c->e.from_us;

	json_int(j, "seconds", whole / SECOND_US);
	json_int(j, "seconds_observed", us[COVERAGE_OBSERVED] / SECOND_US);
	json_int(j, "seconds_degraded", us[COVERAGE_DEGRADED] / SECOND_US);
	json_int(j, "seconds_blind", us[COVERAGE_BLIND] / SECOND_US);
	json_int(j, "seconds_unknown", us[COVERAGE_UNKNOWN] / SECOND_US);
	json_int(j, "observed_permille",
	    (int64_t)((double)us[COVERAGE_OBSERVED] / (double)whole * 1000));
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
		if (s->why != NULL)
			json_str(j, "why", s->why);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_reasons(
    struct json *j, const char *key, const struct coverage_reasons *list)
{
	json_begin_array(j, key);
	for (size_t i = 0; i < list->n; i++) {
		const struct coverage_reason *r = &list->of[i];

		json_begin_object(j, NULL);
		if (r->stage[0] != '\0')
			json_str(j, "stage", r->stage);
		json_str(j, "reason", r->reason);
		json_uint(j, "entries", r->entries);
		json_uint(j, "lost", r->lost);
		json_uint(j, "bytes", r->bytes);
		json_end_object(j);
	}
	json_end_array(j);
}

void
coverageout_json(const struct watched *c, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_str(&j, "host", c->host);
	put_time(&j, "from", c->e.from_us);
	put_time(&j, "to", c->e.to_us);
	json_bool(&j, "complete", c->e.complete);
	put_seconds(&j, c);
	put_spans(&j, &c->e.hosts[0]);
	json_begin_object(&j, "counters");
	for (const struct coverage_counter *k = c->counters; k->name != NULL;
	     k++)
		json_uint(&j, k->name, k->sum);
	json_end_object(&j);
	json_uint(&j, "stored", c->stored);
	json_uint(&j, "receipted", c->receipted);
	put_reasons(&j, "skipped", &c->skipped);
	put_reasons(&j, "losses", &c->losses);
	json_end_object(&j);
}

/* ---- text ---- */

/* "1,234,567" */
static void
number(uint64_t v, char out[32])
{
	char digits[24];
	size_t n, at = 0;

	must(str_format(digits, sizeof digits, "%" PRIu64, v) == 0);
	n = strlen(digits);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
}

/* "2 d 03 h", "5 h 07 min", "4 min 09 s", "26 s": two units at most. */
static void
duration(int64_t us, char out[32])
{
	int64_t s = us / SECOND_US;
	int r;

	if (s >= 86400)
		r = str_format(out, 32, "%" PRId64 " d %02" PRId64 " h",
		    s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		r = str_format(out, 32, "%" PRId64 " h %02" PRId64 " min",
		    s / 3600, s / 60 % 60);
	else if (s >= 60)
		r = str_format(
		    out, 32, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
	else
		r = str_format(out, 32, "%s%" PRId64 " s",
		    s == 0 && us > 0 ? "<" : "", s == 0 && us > 0 ? 1 : s);
	must(r == 0);
}

/* Rounded down, so that only the whole is 100; what is little is not nothing. */
static void
share(int64_t us, int64_t whole, char out[32])
{
	int64_t parts = (int64_t)((double)us / (double)whole * 10000);

	if (us < whole && parts >= 10000)
		parts = 9999;
	if (us > 0 && parts == 0)
		must(str_copy(out, 32, "<0.01 %") == 0);
	else
		must(str_format(out, 32, "%" PRId64 ".%02" PRId64 " %%",
			 parts / 100, parts % 100) == 0);
}

static void
observed(const struct watched *c, char out[32])
{
	share(c->e.hosts[0].us[COVERAGE_OBSERVED], c->e.to_us - c->e.from_us,
	    out);
}

static void
print_time(const struct watched *c, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(ORDER); i++) {
		int64_t us = c->e.hosts[0].us[ORDER[i]];
		char part[32], time[32];

		share(us, c->e.to_us - c->e.from_us, part);
		duration(us, time);
		buf_printf(out, "  %c %-14s %10s %16s\n", STATES[ORDER[i]].sign,
		    STATES[ORDER[i]].name, part, time);
	}
}

/* Each column is the worst that holds in its part of the time. */
static void
print_strip(const struct watched *c, struct buf *out)
{
	const struct exposure_host *h = &c->e.hosts[0];
	int64_t whole = c->e.to_us - c->e.from_us;
	enum coverage worst[STRIP];
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	bool any[STRIP] = {false};

	for (size_t i = 0; i < h->nspans; i++) {
		const struct exposure_span *s = &h->spans[i];
		double a = (double)(s->from_us - c->e.from_us) / (double)whole;
		double b =
		    (double)(s->to_us - 1 - c->e.from_us) / (double)whole;

		for (int k = (int)(a * STRIP);
		     k <= (int)(b * STRIP) && k < STRIP; k++) {
			/* Observed is best: what is unknown is not. */
			if (!any[k] || worst[k] == COVERAGE_OBSERVED ||
			    (s->state != COVERAGE_OBSERVED &&
				s->state > worst[k]))
				worst[k] = s->state;
			any[k] = true;
		}
	}
	buf_printf(out, "\n  ");
	for (int k = 0; k < STRIP; k++)
		buf_put_u8(
		    out, (uint8_t)(any[k] ? STATES[worst[k]].sign : '?'));
	clock_text(c->e.from_us, from);
	clock_text(c->e.to_us, to);
	buf_printf(out, "\n  %.10s %.5sZ%*s%.10s %.5sZ\n", from, from + 11,
	    STRIP - 34, "", to, to + 11);
}

/* A sentence in the rest of the line, and in lines below it. */
static void
print_wrapped(struct buf *out, const char *text)
{
	const size_t room = WIDTH - WHY_COLUMN;
	char shown[512];
	const char *at = shown;

	str_escape(shown, sizeof shown, text, strnlen(text, 120));
	while (strlen(at) > room) {
		size_t cut = room;

		while (cut > 0 && at[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = room;
		buf_printf(out, "%.*s\n%*s", (int)cut, at, (int)WHY_COLUMN, "");
		at += cut + (at[cut] == ' ' ? 1 : 0);
	}
	buf_printf(out, "%s\n", at);
}

static void
print_spans(const struct watched *c, struct buf *out)
{
	const struct exposure_host *h = &c->e.hosts[0];
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < h->nspans; i++) {
		const struct exposure_span *s = &h->spans[i];
		char when[CLOCK_TEXT_SIZE], time[32];

		if (s->state == COVERAGE_OBSERVED)
			continue;
		if (shown++ == SPANS_SHOWN) {
			shown--;
			more++;
			continue;
		}
		if (shown == 1)
			buf_printf(out, "\nnot fully observed\n");
		clock_text(s->from_us, when);
		duration(s->to_us - s->from_us, time);
		/* 2 + 16 + 1 + 12 + 1 + 12 + 2 are WHY_COLUMN. */
		buf_printf(out, "  %.10s %.5s %12s %-12s  ", when, when + 11,
		    time, STATES[s->state].name);
		print_wrapped(out, s->why == NULL ? "" : s->why);
	}
	if (more > 0)
		buf_printf(out, "  and %zu more; --json has all\n", more);
}

static void
print_heading(const struct watched *c, const char *title, struct buf *out)
{
	char part[32], text[80];

	observed(c, part);
	must(str_format(text, sizeof text, "%s of the time observed", part) ==
	     0);
	buf_printf(out, "\n%-30s%44s\n", title, text);
}

static void
print_count(const char *label, uint64_t v, struct buf *out)
{
	char n[32];

	number(v, n);
	buf_printf(out, "  %-50s %21s\n", label, n);
}

static void
print_counters(const struct watched *c, struct buf *out)
{
	const char *stage = "";

	for (const struct coverage_counter *k = c->counters; k->name != NULL;
	     k++) {
		if (!str_eq(stage, k->stage))
			print_heading(c, k->stage, out);
		stage = k->stage;
		print_count(k->label, k->sum, out);
	}
	/* Below the last heading, that of the log. */
	print_count("entries stored", c->stored, out);
	print_count("  receipted by the collector", c->receipted, out);
	print_count("  not receipted yet", c->stored - c->receipted, out);
}

static void
print_reasons(const struct watched *c, const char *title,
    const struct coverage_reasons *list, struct buf *out)
{
	if (list->n == 0)
		return;
	print_heading(c, title, out);
	for (size_t i = 0; i < list->n; i++) {
		const struct coverage_reason *r = &list->of[i];
		char text[512], label[64], n[32];

		str_escape(text, sizeof text, r->reason, strlen(r->reason));
		(void)str_copy_len(
		    label, sizeof label, text, strnlen(text, 56));
		number(r->entries, n);
		buf_printf(out, "  %-56s %15s\n", label, n);
		if (r->lost > 0)
			print_count("  events", r->lost, out);
		if (r->bytes > 0)
			print_count("  bytes", r->bytes, out);
	}
}

void
coverageout_text(const struct watched *c, struct buf *out)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE], host[256];

	clock_text(c->e.from_us, from);
	clock_text(c->e.to_us, to);
	str_escape(host, sizeof host, c->host, strnlen(c->host, 60));
	buf_printf(out, "%s, from %.19sZ to %.19sZ\n\n",
	    host[0] == '\0' ? "this host" : host, from, to);
	print_time(c, out);
	print_strip(c, out);
	print_spans(c, out);
	print_counters(c, out);
	print_reasons(c, "not inspected, or not wholly", &c->skipped, out);
	print_reasons(c, "losses", &c->losses, out);
	/* cli_line ends the last line. */
	if (out->len > 0 && out->data[out->len - 1] == '\n')
		out->len--;
}
