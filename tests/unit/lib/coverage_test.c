/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coverage_test - which words of a log make which time observed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/coverage.h"
#include "lib/str.h"

#include "lib/own.h"

#define S INT64_C(1000000)
#define START_US (INT64_C(1700000000) * S)

struct scene {
	struct exposure e;
	struct exposure_host *host;
};

static void
scene_begin(struct scene *s, int64_t from, int64_t to)
{
	*s = (struct scene){.e = {.from_us = START_US + from * S,
				.to_us = START_US + to * S,
				.now_us = START_US + to * S}};
	s->host = exposure_add(&s->e.hosts, &s->e.nhosts, sizeof *s->host);
	assert_non_null(s->host);
}

static void
harm(struct scene *s, const char *role, int64_t from, int64_t to)
{
	struct exposure_harm *m =
	    exposure_add(&s->host->harms, &s->host->nharms, sizeof *m);

	assert_non_null(m);
	*m = (struct exposure_harm){.role = role,
	    .from_us = START_US + from * S,
	    .to_us = START_US + to * S};
}

/*
 * Words of the log: s start, b heartbeat, n one without rules, x stop; then the
 * second of the period, :SECOND of the boot clock if it is another, /LETTER of
 * the boot, #GENERATION.
 */
static const char *
read_word(const char *text, struct exposure_mark *m)
{
	int64_t at, boot;
	char *end;

	*m = (struct exposure_mark){.rules = *text != 'n', .boot = "a"};
	m->kind = *text == 's'   ? MARK_START
		  : *text == 'x' ? MARK_STOP
				 : MARK_BEAT;
	at = boot = strtoll(text + 1, &end, 10);
	if (*end == ':')
		boot = strtoll(end + 1, &end, 10);
	if (*end == '/') {
		m->boot[0] = end[1];
		end += 2;
	}
	if (*end == '#')
		m->gen = (uint32_t)strtoul(end + 1, &end, 10);
	m->wall_us = START_US + at * S;
	m->boot_us = (uint64_t)((boot + 3600) * S);
	return end + strspn(end, " ");
}

static void
speak(struct scene *s, const char *words)
{
	struct coverage_work *c;

	assert_int_equal(coverage_new(&s->e, s->host, &c), 0);
	while (*words != '\0') {
		struct exposure_mark m;

		words = read_word(words, &m);
		assert_int_equal(coverage_mark(c, &m), 0);
	}
	assert_int_equal(coverage_end(c), 0);
	coverage_sum(&s->e);
}

/* "O30 B10": the spans in order, in seconds; they have no hole. */
static void
is(struct scene *s, const char *want)
{
	static const char LETTERS[COVERAGE_STATES] = {
	    [COVERAGE_UNKNOWN] = 'U',
	    [COVERAGE_OBSERVED] = 'O',
	    [COVERAGE_DEGRADED] = 'D',
	    [COVERAGE_BLIND] = 'B',
	};
	char got[512] = "";
	int64_t at = s->e.from_us, sum = 0;

	for (size_t i = 0; i < s->host->nspans; i++) {
		const struct exposure_span *p = &s->host->spans[i];
		size_t n = strlen(got);

		assert_int_equal(p->from_us, at);
		at = p->to_us;
		(void)snprintf(got + n, sizeof got - n, "%s%c%lld",
		    i == 0 ? "" : " ", LETTERS[p->state],
		    (long long)((p->to_us - p->from_us) / S));
		assert_true(p->state == COVERAGE_OBSERVED || p->why != NULL);
	}
	assert_int_equal(at, s->e.to_us);
	assert_string_equal(got, want);
	for (int i = 0; i < COVERAGE_STATES; i++)
		sum += s->host->us[i];
	assert_int_equal(sum, s->e.to_us - s->e.from_us);
}

static void
done(struct scene *s)
{
	exposure_done(&s->e);
}

static void
beats_in_a_row_are_observed(void **state UNUSED)
{
	static const char w[] = "s0 b0 b30 b60";
	struct scene s;

	scene_begin(&s, 0, 60);
	speak(&s, w);
	is(&s, "O60");
	assert_true(s.e.complete);
	done(&s);
}

static void
the_period_cuts(void **state UNUSED)
{
	static const char w[] = "s-100 b-70 b-10 b50 b110";
	struct scene s;

	scene_begin(&s, 0, 60);
	speak(&s, w);
	is(&s, "O60");
	assert_true(s.e.complete);
	done(&s);
}

static void
the_ends_are_unknown(void **state UNUSED)
{
	static const char w[] = "s10 b10 b40";
	struct scene s;

	scene_begin(&s, 0, 200);
	speak(&s, w);
	is(&s, "U10 O30 U160");
	assert_false(s.e.complete);
	assert_int_equal(s.host->waiting_us, 0);
	done(&s);
}

static void
a_word_that_is_not_due_is_no_hole(void **state UNUSED)
{
	static const char w[] = "s0 b0 b30";
	struct scene s;

	scene_begin(&s, 0, 50);
	speak(&s, w);
	is(&s, "O30 U20");
	assert_true(s.e.complete);
	done(&s);
	/* The same of a period that is over. */
	scene_begin(&s, 0, 50);
	s.e.now_us += 3600 * S;
	speak(&s, w);
	is(&s, "O30 U20");
	assert_false(s.e.complete);
	done(&s);
}

static void
an_unknown_host_is_unknown(void **state UNUSED)
{
	struct scene s;

	scene_begin(&s, 0, 50);
	s.host->enrolled_us = START_US + 20 * S;
	speak(&s, "");
	is(&s, "U20 U30");
	assert_string_equal(s.host->spans[0].why, "it was not enrolled yet");
	assert_false(s.e.complete);
	done(&s);
}

static void
a_stop_is_blind_until_the_start(void **state UNUSED)
{
	static const char w[] = "s0 b0 b30 x32 s100:2/b b100:2/b b130:32/b";
	struct scene s;

	scene_begin(&s, 0, 130);
	speak(&s, w);
	is(&s, "O30 B70 O30");
	done(&s);
}

static void
a_stop_before_the_period_counts(void **state UNUSED)
{
	static const char w[] = "b-500 x-490 s40 b40";
	struct scene s;

	scene_begin(&s, 0, 40);
	speak(&s, w);
	is(&s, "B40");
	done(&s);
}

static void
a_start_without_a_stop_is_blind(void **state UNUSED)
{
	static const char w[] = "s0 b30 s90 b90";
	struct scene s;

	scene_begin(&s, 0, 90);
	speak(&s, w);
	is(&s, "O30 B60");
	done(&s);
}

static void
a_death_of_watch_is_blind(void **state UNUSED)
{
	static const char w[] = "s0 b30 s50 b50 b80";
	struct scene s;

	scene_begin(&s, 0, 80);
	harm(&s, "watch", 42, 44);
	speak(&s, w);
	is(&s, "O30 D12 B8 O30");
	done(&s);
}

static void
a_death_of_others(void **state UNUSED)
{
	static const char w[] = "s0 b30 b60 b90 b120";
	struct scene s;

	scene_begin(&s, 0, 120);
	harm(&s, "ship", 5, 6);
	harm(&s, "inspect", 40, 41);
	harm(&s, "record", 70, 71);
	harm(&s, "capture", 110, 110);
	speak(&s, w);
	is(&s, "O30 D30 O30 D30");
	done(&s);
}

static void
a_loss_degrades_its_stretch(void **state UNUSED)
{
	static const char w[] = "s0 b30 b60 b90";
	struct scene s;

	scene_begin(&s, 0, 90);
	harm(&s, NULL, 45, 45);
	speak(&s, w);
	is(&s, "O30 D30 O30");
	assert_false(s.e.complete);
	done(&s);
	/* A long one that began early is found behind shorter ones. */
	scene_begin(&s, 0, 90);
	harm(&s, NULL, 5, 65);
	harm(&s, NULL, 6, 7);
	harm(&s, NULL, 8, 9);
	speak(&s, w);
	is(&s, "D90");
	done(&s);
}

static void
no_rules_is_blind(void **state UNUSED)
{
	static const char w[] = "s0 b30 n60 b90 b120";
	struct scene s;

	scene_begin(&s, 0, 120);
	speak(&s, w);
	is(&s, "O30 B60 O30");
	done(&s);
}

static void
silence_is_unknown(void **state UNUSED)
{
	static const char w[] = "s0 b30 b400 b430";
	struct scene s;

	scene_begin(&s, 0, 430);
	speak(&s, w);
	is(&s, "O30 U370 O30");
	done(&s);
}

static void
another_boot_or_generation_vouches_for_nothing(void **state UNUSED)
{
	static const char boots[] = "s0 b30 b60:60/b b90:90/b";
	static const char gens[] = "s0 b30 b60#1 b90#1";
	struct scene s;

	scene_begin(&s, 0, 90);
	speak(&s, boots);
	is(&s, "O30 U30 O30");
	done(&s);
	scene_begin(&s, 0, 90);
	speak(&s, gens);
	is(&s, "O30 U30 O30");
	done(&s);
}

static void
a_clock_that_was_set(void **state UNUSED)
{
	/* An hour ahead: the hour in between did not happen. */
	static const char ahead[] = "s0 b30 b3660:60 b3690:90";
	/* Twenty seconds back: the same seconds twice, once degraded. */
	static const char back[] = "s0 b30 b40:60 b70:90";
	struct scene s;

	scene_begin(&s, 0, 3690);
	speak(&s, ahead);
	is(&s, "O30 U3600 O60");
	done(&s);
	scene_begin(&s, 0, 70);
	harm(&s, NULL, 35, 36);
	speak(&s, back);
	is(&s, "O10 D30 O30");
	done(&s);
}

static void
hosts_add_up(void **state UNUSED)
{
	static const char w[] = "s0 b30 b60";
	static const char late[] = "s50 b50 b60";
	struct scene s;

	scene_begin(&s, 0, 60);
	assert_non_null(exposure_add(&s.e.hosts, &s.e.nhosts, sizeof *s.host));
	s.host = &s.e.hosts[0];
	speak(&s, w);
	is(&s, "O60");
	memset(s.e.us, 0, sizeof s.e.us);
	s.host = &s.e.hosts[1];
	speak(&s, late);
	is(&s, "U50 O10");
	assert_int_equal(s.e.us[COVERAGE_OBSERVED], 70 * S);
	assert_int_equal(s.e.us[COVERAGE_UNKNOWN], 50 * S);
	assert_false(s.e.complete);
	done(&s);
}

static void
a_fork_is_not_complete(void **state UNUSED)
{
	static const char w[] = "s0 b30";
	struct exposure_alarm *a;
	struct scene s;

	scene_begin(&s, 0, 30);
	a = exposure_add(&s.e.alarms, &s.e.nalarms, sizeof *a);
	assert_non_null(a);
	a->kind = "fork";
	speak(&s, w);
	is(&s, "O30");
	assert_false(s.e.complete);
	done(&s);
}

static void
nobody_is_not_complete(void **state UNUSED)
{
	struct exposure e = {.from_us = 1, .to_us = 2, .now_us = 2};

	coverage_sum(&e);
	assert_false(e.complete);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(beats_in_a_row_are_observed),
	    cmocka_unit_test(the_period_cuts),
	    cmocka_unit_test(the_ends_are_unknown),
	    cmocka_unit_test(a_word_that_is_not_due_is_no_hole),
	    cmocka_unit_test(an_unknown_host_is_unknown),
	    cmocka_unit_test(a_stop_is_blind_until_the_start),
	    cmocka_unit_test(a_stop_before_the_period_counts),
	    cmocka_unit_test(a_start_without_a_stop_is_blind),
	    cmocka_unit_test(a_death_of_watch_is_blind),
	    cmocka_unit_test(a_death_of_others),
	    cmocka_unit_test(a_loss_degrades_its_stretch),
	    cmocka_unit_test(no_rules_is_blind),
	    cmocka_unit_test(silence_is_unknown),
	    cmocka_unit_test(another_boot_or_generation_vouches_for_nothing),
	    cmocka_unit_test(a_clock_that_was_set),
	    cmocka_unit_test(hosts_add_up),
	    cmocka_unit_test(a_fork_is_not_complete),
	    cmocka_unit_test(nobody_is_not_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
