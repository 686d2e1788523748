/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/memo.c agent/fields.c */
/*
 * relayed_test - which entries relayed content becomes, whose, and how surely it
 * left.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/relayed.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define FLOW (FLOW_RELAY | 1)

static struct actor owner; /* what who_caller answers */
/* What the process did beside: read of other sources, calls of other sockets. */
static uint64_t beside, others;
static struct draft out[32]; /* what was written */
static size_t nout;
static unsigned named; /* entries with the path of that file */
static struct object *file; /* what egress_shown answers */
static struct shown_content asked;

const struct object *
egress_shown(struct egress *e UNUSED, const struct shown_content *c)
{
	assert_ptr_not_equal(c->tuple, NULL);
	assert_string_equal(c->detectors, "pci.pan");
	asked = *c;
	return file;
}

void
who_caller(struct who *w UNUSED, const struct caller *c, struct actor *result)
{
	assert_int_equal(c->pid, 99);
	assert_int_equal(c->start_ns, 5);
	assert_string_equal(c->comm, "sshd");
	*result = owner;
}

void
names_put(struct names *n UNUSED, struct draft *d, const struct raw_name *raws,
    size_t count)
{
	assert_int_equal(draft_error(d), 0);
	assert_in_range(count, 1, 2);
	assert_string_equal(raws[count - 1].field, "exe");
	if (count == 2) {
		assert_string_equal(raws[0].field, "path");
		assert_int_equal(raws[0].len, strlen("/srv/a"));
		assert_string_equal(d->type, "egress");
		named++;
	}
	assert_true(nout < ARRAY_LEN(out));
	out[nout++] = *d;
}

static const char *
text(const char *type, const char *name)
{
	for (size_t k = 0; k < nout; k++)
		for (size_t i = 0; i < out[k].nfields; i++)
			if (str_eq(out[k].type, type) &&
			    str_eq(out[k].fields[i].name, name) &&
			    !out[k].fields[i].is_int)
				return out[k].fields[i].text;
	return "";
}

static int64_t
number(const char *type, const char *name)
{
	for (size_t k = 0; k < nout; k++)
		for (size_t i = 0; i < out[k].nfields; i++)
			if (str_eq(out[k].type, type) &&
			    str_eq(out[k].fields[i].name, name) &&
			    out[k].fields[i].is_int)
				return out[k].fields[i].num;
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
    .exe = "/usr/sbin/sshd"};
static const struct actor DAEMON = {.person = "unknown",
    .provider = "unassigned",
    .grade = GRADE_UNKNOWN,
    .loginuid = ACTOR_UNSET,
    .audit_ses = ACTOR_UNSET,
    .uid = 0,
    .pid = 99,
    .exe = "/usr/sbin/ntpd"};

static int
setup(void **state)
{
	static const struct stamp NOW = {1000000000, 1700000000000000};
	struct relayeds *r;

	clock_fix(&NOW);
	nout = 0;
	named = 0;
	owner = PERSON;
	beside = others = 0;
	assert_int_equal(relayed_new(NULL, NULL, NULL, &r), 0);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	relayed_free(*state);
	for (size_t i = 0; i < nout; i++)
		draft_done(&out[i]);
	clock_fix(NULL);
	return 0;
}

static void
put_open(struct buf *m, uint64_t flow, uint8_t proto)
{
	const struct tuple tuple = {.family = 4,
	    .proto = proto,
	    .src = {192, 0, 2, 10},
	    .dst = {192, 0, 2, 30},
	    .sport = 22,
	    .dport = 40000};

	buf_init(m, 4096);
	buf_put_u64(m, flow);
	buf_put_u8(m, 0);
	buf_put_u32(m, 99);
	buf_put_u64(m, 5);
	buf_put_str(m, "sshd");
	tuple_encode(&tuple, m);
	buf_put_u64(m, 1000000000);
}

static void
put_close(
    struct buf *m, uint64_t flow, uint64_t bytes, uint64_t lost, uint64_t sent)
{
	buf_init(m, 4096);
	buf_put_u64(m, flow);
	buf_put_u64(m, bytes);
	buf_put_u64(m, lost);
	buf_put_u64(m, sent);
	buf_put_u64(m, sent / 2);
	buf_put_u64(m, bytes + beside);
	buf_put_u64(m, others);
	buf_put_u8(m, 1);
	buf_put_u64(m, 1000000000);
}

/* A portion from its begin to its inspector's last word; @n findings. */
static void
relay(struct relayeds *r, uint8_t proto, uint64_t bytes, uint64_t seen,
    uint64_t sent, const char *protocol, size_t n)
{
	struct finding f[2] = {{.detector = "pci.pan",
				   .version = "1.0.0",
				   .class_name = "pii.financial",
				   .count = 3,
				   .unique = 3},
	    {.detector = "pci.pan",
		.version = "1.0.0",
		.class_name = "pii.financial",
		.count = 1,
		.unique = 1}};
	struct transfer t = {.flow = FLOW,
	    .size = seen,
	    .examined = seen,
	    .findings = f,
	    .nfindings = n};
	OWN(buf_done) struct buf open = {0};
	OWN(buf_done) struct buf end = {0};

	must(str_copy(t.protocol, sizeof t.protocol, protocol) == 0);
	put_open(&open, FLOW, proto);
	assert_int_equal(relayed_open(r, open.data, open.len), 0);
	put_close(&end, FLOW, bytes, bytes - seen, sent);
	assert_int_equal(relayed_close(r, end.data, end.len), 0);
	assert_int_equal(relayed_waiting(r), 1);
	relayed_transfer(r, &t);
	relayed_examined(r, FLOW);
	assert_int_equal(relayed_waiting(r), 0);
}

static void
what_was_found_is_one_egress(void **state)
{
	relay(*state, 6, 5000, 5000, 5100, "terminal", 2);
	assert_int_equal(nout, 4); /* two findings, egress, transfer */
	assert_string_equal(text("finding", "channel"), "terminal");
	assert_string_equal(text("finding", "op"), "send");
	assert_string_equal(text("egress", "evidence"), "N5");
	assert_string_equal(text("egress", "person"), "alice");
	assert_string_equal(text("egress", "grade"), "key");
	assert_string_equal(text("egress", "dst"), "192.0.2.30");
	assert_string_equal(text("egress", "detectors"), "pci.pan");
	assert_string_equal(text("egress", "classes"), "pii.financial");
	assert_int_equal(number("egress", "bytes"), 5000);
	assert_int_equal(number("egress", "lost"), 0);
	assert_int_equal(number("egress", "acked"), 2550);
	assert_int_equal(number("transfer", "complete"), 1);
	assert_string_equal(text("transfer", "direction"), "out");
}

static void
what_has_no_room_is_told(void **state)
{
	struct relayeds *r = *state;
	uint64_t n = 0;

	/* However many there may be at once: beyond that each is told. */
	while (n < 100000 && relayed_forgotten(r) == 0) {
		OWN(buf_done) struct buf open = {0};

		put_open(&open, FLOW + n++, 6);
		assert_int_equal(relayed_open(r, open.data, open.len), 0);
	}
	assert_in_range(n, 1000, 99999);
	assert_int_equal(relayed_forgotten(r), 0);
	relayed_examined(r, FLOW + n - 1);
	{
		OWN(buf_done) struct buf open = {0};

		put_open(&open, FLOW + n, 6);
		assert_int_equal(relayed_open(r, open.data, open.len), 0);
	}
	assert_int_equal(relayed_forgotten(r), 0);
}

static void
the_file_is_named(void **state)
{
	static struct file_id id = {.dev = 5, .ino = 6};
	struct object *o = calloc(1, sizeof *o + 16);

	assert_non_null(o);
	o->file = &id;
	o->size = 70;
	o->path_len = strlen("/srv/a");
	memcpy(o->path, "/srv/a", o->path_len);
	file = o;
	relay(*state, 6, 5000, 4000, 5100, "pipe", 1);
	file = NULL;
	free(o);
	assert_int_equal(asked.grade, 3);
	assert_true(asked.began_us <= asked.ended_us);
	assert_int_equal(number("egress", "ino"), 6);
	assert_int_equal(number("egress", "size"), 70);
	assert_non_null(strstr(text("egress", "reasons"), "was lost"));
	assert_non_null(strstr(text("egress", "reasons"), "had just read"));
	assert_int_equal(named, 1);
}

static void
less_is_surer_of_less(void **state)
{
	relay(*state, 6, 5000, 4000, 5100, "pipe", 1);
	assert_string_equal(text("egress", "evidence"), "N3");
	assert_non_null(strstr(text("egress", "reasons"), "was lost"));
	assert_int_equal(number("egress", "lost"), 1000);
	assert_int_equal(number("transfer", "complete"), 0);
}

static void
the_connection_carried_less(void **state)
{
	relay(*state, 6, 5000, 5000, 4999, "pipe", 1);
	assert_string_equal(text("egress", "evidence"), "N3");
	assert_non_null(strstr(text("egress", "reasons"), "carried less"));
}

static void
all_its_sources_count(void **state)
{
	beside = 101;
	relay(*state, 6, 5000, 5000, 5100, "pipe", 1);
	assert_string_equal(text("egress", "evidence"), "N3");
	assert_non_null(strstr(text("egress", "reasons"), "all its sources"));
}

/* A program of which nothing is known, and OpenSSH's. */
static void
another_connection_was_used(void **state)
{
	others = 1;
	must(str_copy(owner.exe, sizeof owner.exe, "/usr/bin/python3") == 0);
	relay(*state, 6, 5000, 5000, 5100, "pipe", 1);
	assert_string_equal(text("egress", "evidence"), "N3");
	assert_non_null(strstr(text("egress", "reasons"), "other connections"));
}

static void
sshd_forwards_meanwhile(void **state)
{
	others = 1;
	relay(*state, 6, 5000, 5000, 5100, "terminal", 1);
	assert_string_equal(text("egress", "evidence"), "N5");
	assert_non_null(strstr(text("egress", "reasons"), "other connections"));
	assert_non_null(strstr(text("egress", "reasons"), "hands on"));
}

static void
little_is_not_weighed_by_its_amount(void **state)
{
	must(str_copy(owner.exe, sizeof owner.exe, "/home/a/sshd") == 0);
	relay(*state, 6, 1023, 1023, 5100, "pipe", 1);
	assert_string_equal(text("egress", "evidence"), "N3");
	assert_non_null(strstr(text("egress", "reasons"), "of so little"));
	assert_null(strstr(text("egress", "reasons"), "hands on"));
}

static void
enough_is(void **state)
{
	must(str_copy(owner.exe, sizeof owner.exe, "/home/a/nc") == 0);
	relay(*state, 6, 1024, 1024, 1024, "pipe", 1);
	assert_string_equal(text("egress", "evidence"), "N5");
	assert_null(strstr(text("egress", "reasons"), ";"));
}

static void
little_of_ssh_goes_to_its_peer(void **state)
{
	must(str_copy(owner.exe, sizeof owner.exe, "/usr/bin/ssh") == 0);
	relay(*state, 6, 138, 138, 5100, "input", 1);
	assert_string_equal(text("egress", "evidence"), "N5");
	assert_non_null(strstr(text("egress", "reasons"), "of so little"));
	assert_non_null(strstr(text("egress", "reasons"), "hands on"));
}

static void
datagrams_are_not_counted(void **state)
{
	relay(*state, 17, 5000, 5000, 0, "terminal", 1);
	assert_string_equal(text("egress", "evidence"), "N3");
	assert_string_equal(text("egress", "proto"), "udp");
}

static void
little_of_a_terminal_is_counted(void **state)
{
	relay(*state, 6, 4095, 4095, 5000, "terminal", 0);
	assert_int_equal(nout, 0);
	assert_int_equal(relayed_counters(*state)->little, 1);
	relay(*state, 6, 4096, 4096, 5000, "terminal", 0);
	assert_int_equal(nout, 1);
	relay(*state, 6, 1, 1, 5000, "pipe", 0);
	assert_int_equal(nout, 2);
	assert_string_equal(text("egress", "evidence"), "");
}

static void
nobody_logged_in(void **state)
{
	owner = DAEMON;
	relay(*state, 6, 5000, 5000, 5100, "pipe", 1);
	assert_int_equal(nout, 2); /* what was found is told of anybody */
	assert_string_equal(text("transfer", "direction"), "");
	assert_int_equal(relayed_counters(*state)->others, 1);
}

static void
malformed_messages(void **state)
{
	struct transfer unknown = {.flow = FLOW_RELAY | 9};
	OWN(buf_done) struct buf m = {0};
	OWN(buf_done) struct buf end = {0};

	put_open(&m, FLOW, 6);
	for (size_t n = 0; n < m.len; n++)
		assert_int_equal(relayed_open(*state, m.data, n), -EBADMSG);
	put_close(&end, FLOW, 1, 0, 1);
	for (size_t n = 0; n < end.len; n++)
		assert_int_equal(relayed_close(*state, end.data, n), -EBADMSG);
	/* A flow of packets is none of these. */
	buf_done(&m);
	put_open(&m, 1, 6);
	assert_int_equal(relayed_open(*state, m.data, m.len), -EBADMSG);
	assert_int_equal(relayed_close(*state, end.data, end.len), 0);
	relayed_transfer(*state, &unknown);
	assert_int_equal(relayed_counters(*state)->orphans, 2);
	assert_int_equal(nout, 0);
}

static void
cut_with_its_process(void **state)
{
	OWN(buf_done) struct buf m = {0};
	OWN(buf_done) struct buf end = {0};

	put_open(&m, FLOW, 6);
	put_close(&end, FLOW, 1, 0, 1);
	assert_int_equal(relayed_open(*state, m.data, m.len), 0);
	assert_int_equal(relayed_close(*state, end.data, end.len), 0);
	relayed_cut(*state);
	assert_int_equal(relayed_waiting(*state), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		what_was_found_is_one_egress, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_file_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_has_no_room_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		less_is_surer_of_less, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		the_connection_carried_less, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		all_its_sources_count, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		another_connection_was_used, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		sshd_forwards_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		little_is_not_weighed_by_its_amount, setup, teardown),
	    cmocka_unit_test_setup_teardown(enough_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		little_of_ssh_goes_to_its_peer, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		datagrams_are_not_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		little_of_a_terminal_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(nobody_logged_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		malformed_messages, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		cut_with_its_process, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
