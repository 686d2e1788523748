/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/memo.c agent/fields.c */
/*
 * traffic_test - which entries a flow becomes, and whose.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/traffic.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

static struct actor owner; /* what who_flow answers */
static bool owner_out;
static int asked;
static struct draft out[32]; /* what was written */
static size_t nout;

void
who_flow(struct who *w UNUSED, const struct tuple *t UNUSED,
    struct actor *result, bool *outgoing)
{
	asked++;
	*result = owner;
	*outgoing = owner_out;
}

void
names_put(struct names *n UNUSED, struct draft *d, const struct raw_name *raws,
    size_t count)
{
	assert_int_equal(draft_error(d), 0);
	assert_int_equal(count, 1);
	assert_string_equal(raws[0].field, "exe");
	out[nout++] = *d;
}

static struct actor login; /* what who_login answers, if it has a session */

bool
who_login(struct who *w UNUSED, const struct tuple *t UNUSED, uint64_t began_us,
    struct actor *result)
{
	assert_int_equal(began_us, 1000000000);
	if (login.session[0] == '\0')
		return false;
	*result = login;
	return true;
}

static const char *
text(const struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->nfields; i++)
		if (str_eq(d->fields[i].name, name) && !d->fields[i].is_int)
			return d->fields[i].text;
	return "";
}

static int64_t
number(const struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->nfields; i++)
		if (str_eq(d->fields[i].name, name) && d->fields[i].is_int)
			return d->fields[i].num;
	return -1;
}

static const struct actor PERSON = {.session = "s1",
    .person = "alice",
    .provider = "acme",
    .grade = GRADE_KEY,
    .loginuid = 1000,
    .audit_ses = 1,
    .uid = 1000,
    .pid = 99,
    .exe = "/usr/bin/curl"};
static const struct actor DAEMON = {.person = "unknown",
    .provider = "unassigned",
    .grade = GRADE_UNKNOWN,
    .loginuid = ACTOR_UNSET,
    .audit_ses = ACTOR_UNSET,
    .uid = 0,
    .pid = 1,
    .exe = "/usr/sbin/ntpd"};
static const struct actor NOBODY = {.person = "unknown",
    .provider = "unassigned",
    .grade = GRADE_UNKNOWN,
    .why = "no process has this socket",
    .loginuid = ACTOR_UNSET,
    .audit_ses = ACTOR_UNSET,
    .uid = ACTOR_UNSET};

static int
setup(void **state)
{
	static const struct stamp NOW = {1000000000, 1700000000000000};
	struct traffics *t;

	clock_fix(&NOW);
	nout = 0;
	asked = 0;
	owner = PERSON;
	owner_out = true;
	login = (struct actor){0};
	assert_int_equal(traffic_new(NULL, NULL, &t), 0);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	traffic_free(*state);
	for (size_t i = 0; i < nout; i++)
		draft_done(&out[i]);
	clock_fix(NULL);
	return 0;
}

static void
open_flow(struct traffics *t, uint64_t id)
{
	const struct tuple tuple = {.family = 4,
	    .proto = 6,
	    .src = {192, 0, 2, 1},
	    .dst = {198, 51, 100, 7},
	    .sport = 40000,
	    .dport = 80};
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 1024);
	buf_put_u64(&m, id);
	tuple_encode(&tuple, &m);
	buf_put_u8(&m, 0);
	buf_put_u64(&m, clock_boot_us());
	assert_int_equal(traffic_open(t, m.data, m.len), 0);
	/* A message that is cut anywhere is refused. */
	for (size_t n = 0; n < m.len; n++)
		assert_int_equal(traffic_open(t, m.data, n), -EBADMSG);
}

static void
close_flow(struct traffics *t, uint64_t id, uint64_t up, uint64_t down)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 1024);
	buf_put_u64(&m, id);
	buf_put_u64(&m, up);
	buf_put_u64(&m, down);
	buf_put_u64(&m, 3);
	buf_put_u64(&m, clock_boot_us());
	buf_put_str(&m, "fin");
	assert_int_equal(traffic_close(t, m.data, m.len), 0);
}

static struct sent heard; /* the last one; what it points to is gone */
static struct labels heard_labels;
static struct tuple heard_tuple;
static int nheard;

static void
on_sent(void *ctx UNUSED, const struct sent *s)
{
	heard = *s;
	heard_labels = *s->carried;
	heard_tuple = *s->tuple;
	nheard++;
}

static void
test_upload(void **state)
{
	struct traffics *t = *state;
	struct finding f = {.detector = "pci.pan",
	    .class_name = "pci",
	    .confidence = CONFIDENCE_HIGH,
	    .count = 2,
	    .unique = 2};
	struct transfer o = {.flow = 1,
	    .protocol = "http/1.1",
	    .direction = TO_SERVER,
	    .method = "POST",
	    .uri = "/up",
	    .host = "sink.example",
	    .filename = "cards.csv",
	    .size = 700,
	    .examined = 700,
	    .complete = true,
	    .findings = &f,
	    .nfindings = 1};

	nheard = 0;
	traffic_tell(t, on_sent, NULL);
	open_flow(t, 1);
	traffic_transfer(t, &o);
	traffic_examined(t, 1, 700, 100);
	close_flow(t, 1, 800, 120);
	assert_int_equal(nout, 3);
	assert_string_equal(out[0].type, "finding");
	assert_string_equal(text(&out[0], "channel"), "net");
	assert_string_equal(text(&out[0], "op"), "send");
	assert_string_equal(text(&out[0], "dst"), "198.51.100.7");
	assert_string_equal(text(&out[0], "person"), "alice");
	assert_string_equal(out[1].type, "transfer");
	assert_string_equal(text(&out[1], "direction"), "out");
	assert_int_equal(number(&out[1], "bytes"), 700);
	assert_string_equal(out[2].type, "flow");
	assert_string_equal(text(&out[2], "host"), "sink.example");
	assert_int_equal(number(&out[2], "bytes_out"), 800);
	assert_int_equal(number(&out[2], "bytes_in"), 120);
	assert_int_equal(number(&out[2], "examined_out"), 700);
	assert_int_equal(number(&out[2], "gap_bytes"), 3);
	assert_int_equal(traffic_ending(t), 0);
	assert_int_equal(nheard, 1);
	assert_int_equal(heard.bytes, 800);
	assert_int_equal(heard.gap_bytes, 3);
	assert_false(heard.login || heard.partial);
	assert_string_equal(heard_labels.detectors, "pci.pan");
	assert_int_equal(heard_tuple.dport, 80);
}

static void
test_incoming_is_turned(void **state)
{
	struct traffics *t = *state;
	struct transfer o = {.flow = 1,
	    .protocol = "http/1.1",
	    .direction = TO_CLIENT,
	    .size = 10};

	owner_out = false;
	open_flow(t, 1);
	traffic_transfer(t, &o);
	traffic_examined(t, 1, 1, 2);
	close_flow(t, 1, 800, 120);
	assert_string_equal(text(&out[0], "direction"), "out");
	assert_string_equal(text(&out[1], "direction"), "in");
	assert_int_equal(number(&out[1], "bytes_out"), 120);
	assert_int_equal(number(&out[1], "examined_out"), 2);
}

static void
test_daemon_is_counted(void **state)
{
	struct traffics *t = *state;

	owner = DAEMON;
	open_flow(t, 1);
	traffic_examined(t, 1, 0, 0);
	close_flow(t, 1, 800, 120);
	assert_int_equal(nout, 0);
	assert_int_equal(traffic_counters(t)->others, 1);
}

/* sshd's own connection is nobody's until somebody has logged in by it. */
static void
test_login_connection(void **state)
{
	struct traffics *t = *state;

	nheard = 0;
	traffic_tell(t, on_sent, NULL);
	owner = DAEMON;
	owner_out = false;
	open_flow(t, 1);
	login = PERSON;
	traffic_examined(t, 1, 0, 0);
	close_flow(t, 1, 800, 120);
	assert_int_equal(nout, 1);
	assert_string_equal(text(&out[0], "person"), "alice");
	assert_string_equal(text(&out[0], "direction"), "in");
	assert_int_equal(number(&out[0], "bytes_out"), 120);
	assert_int_equal(nheard, 1);
	assert_true(heard.login);
	assert_int_equal(heard.bytes, 120);
	/* It went to the other end. */
	assert_int_equal(heard_tuple.dport, 40000);
	assert_int_equal(heard_tuple.dst[0], 192);
}

static void
test_owner_found_later(void **state)
{
	struct traffics *t = *state;
	struct stamp later = {1000000000 + 60000, 1700000000060000};

	owner = NOBODY;
	open_flow(t, 1);
	assert_int_equal(asked, 1);
	owner = PERSON;
	traffic_tick(t); /* too early */
	assert_int_equal(asked, 1);
	clock_fix(&later);
	traffic_tick(t);
	assert_int_equal(asked, 2);
	traffic_examined(t, 1, 0, 0);
	close_flow(t, 1, 1, 1);
	assert_int_equal(asked, 2);
	assert_string_equal(text(&out[0], "person"), "alice");
}

static void
test_nobody_is_recorded(void **state)
{
	struct traffics *t = *state;

	owner = NOBODY;
	open_flow(t, 1);
	traffic_examined(t, 1, 0, 0);
	close_flow(t, 1, 5, 6);
	assert_int_equal(nout, 1);
	assert_string_equal(text(&out[0], "person"), "unknown");
	assert_string_equal(text(&out[0], "why"), "no process has this socket");
	assert_int_equal(traffic_counters(t)->unowned, 1);
}

static void
test_silent_inspector(void **state)
{
	struct traffics *t = *state;
	struct stamp later = {1000000000 + 11000000, 1700000011000000};

	open_flow(t, 1);
	close_flow(t, 1, 5, 6);
	assert_int_equal(traffic_ending(t), 1);
	traffic_tick(t);
	assert_int_equal(nout, 0);
	clock_fix(&later);
	traffic_tick(t);
	assert_int_equal(nout, 1);
	/* Not examined is left out, not zero. */
	assert_int_equal(number(&out[0], "examined_out"), -1);
	assert_int_equal(traffic_ending(t), 0);
}

static void
test_capture_ended(void **state)
{
	struct traffics *t = *state;

	open_flow(t, 1);
	open_flow(t, 2);
	traffic_cut(t, "the capture process ended");
	assert_int_equal(nout, 2);
	assert_string_equal(text(&out[1], "how"), "the capture process ended");
	traffic_examined(t, 1, 0, 0);
	assert_int_equal(traffic_counters(t)->orphans, 1);
}

static struct socket_event
socket_of(enum socket_op op, uint64_t boot_us)
{
	return (struct socket_event){.op = op,
	    .pid = PERSON.pid,
	    .boot_us = boot_us,
	    .sent = 777,
	    .tuple = {.family = 4,
		.proto = 6,
		.src = {192, 0, 2, 1},
		.dst = {198, 51, 100, 7},
		.sport = 40000,
		.dport = 80}};
}

/* What the kernel's programs tell goes before what /proc shows, and comes before
 * or behind the flow's first packet. */
static void
test_told(void **state)
{
	struct socket_event begin = socket_of(SOCKET_OPEN, 1000000000),
			    end = socket_of(SOCKET_CLOSE, 1000000100);
	struct traffics *t = *state;

	owner = NOBODY;
	traffic_socket(t, &begin, &PERSON);
	open_flow(t, 1);
	assert_int_equal(asked, 0);
	traffic_socket(t, &end, &PERSON);
	close_flow(t, 1, 800, 120);
	traffic_examined(t, 1, 0, 0);
	assert_int_equal(nout, 1);
	assert_string_equal(text(&out[0], "person"), "alice");
	assert_string_equal(text(&out[0], "direction"), "out");
	assert_int_equal(number(&out[0], "kernel_out"), 777);
	assert_int_equal(traffic_counters(t)->named, 1);
}

static void
test_told_late(void **state)
{
	struct socket_event begin = socket_of(SOCKET_OPEN, 1000000000);
	struct traffics *t = *state;

	owner = NOBODY;
	open_flow(t, 1);
	assert_int_equal(asked, 1);
	traffic_socket(t, &begin, &PERSON);
	close_flow(t, 1, 800, 120);
	traffic_examined(t, 1, 0, 0);
	assert_int_equal(asked, 1);
	assert_string_equal(text(&out[0], "person"), "alice");
	assert_int_equal(number(&out[0], "kernel_out"), -1);
}

/* The same ports at another time are another flow. */
static void
test_told_of_another(void **state)
{
	struct socket_event begin = socket_of(SOCKET_OPEN, 990000000);
	struct traffics *t = *state;

	owner = NOBODY;
	traffic_socket(t, &begin, &PERSON);
	open_flow(t, 1);
	close_flow(t, 1, 800, 120);
	traffic_examined(t, 1, 0, 0);
	assert_string_equal(text(&out[0], "person"), "unknown");
	assert_int_equal(traffic_counters(t)->named, 0);
}

/* Our end is the server's: it answered from a socket of its own. */
static void
test_told_of_server(void **state)
{
	struct socket_event begin = socket_of(SOCKET_OPEN, 1000000000);
	struct traffics *t = *state;
	struct tuple turned = begin.tuple;

	memcpy(turned.src, begin.tuple.dst, sizeof turned.src);
	memcpy(turned.dst, begin.tuple.src, sizeof turned.dst);
	turned.sport = begin.tuple.dport;
	turned.dport = begin.tuple.sport;
	begin.tuple = turned;
	owner = NOBODY;
	traffic_socket(t, &begin, &PERSON);
	open_flow(t, 1);
	close_flow(t, 1, 800, 120);
	traffic_examined(t, 1, 0, 0);
	assert_string_equal(text(&out[0], "person"), "alice");
	assert_string_equal(text(&out[0], "direction"), "in");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_upload, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_incoming_is_turned, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_daemon_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_login_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_owner_found_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_nobody_is_recorded, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_silent_inspector, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_capture_ended, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_told_late, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_told_of_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_told_of_server, setup, teardown),
	};

	return cmocka_run_group_tests_name("agent/traffic", tests, NULL, NULL);
}
