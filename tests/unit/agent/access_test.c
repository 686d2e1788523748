/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/memo.c agent/fields.c */
/*
 * access_test - which entries a file event becomes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/access.h"
#include "lib/str.h"

#include "lib/own.h"

#define DIGEST_A \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B \
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static uint64_t jobs[64];
static size_t njobs;
static bool refuse;
/* "type op detail" of each entry. */
static char out[64][128];
static size_t nout;
static int learned;
static char last_ino[32]; /* where it is text */

int
hub_submit(struct hub *h UNUSED, uint64_t job, int fd, uint64_t max,
    const void *name UNUSED, size_t len)
{
	OWN_FD int mine = fd;

	assert_true(mine >= 0);
	assert_int_equal(max, 4096);
	assert_true(len > 0);
	if (refuse)
		return -ENOBUFS;
	jobs[njobs++] = job;
	return 0;
}

static size_t waiting; /* what hub_waiting answers */

size_t
hub_waiting(const struct hub *h UNUSED)
{
	return waiting;
}

static const char *
text(const struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->nfields; i++)
		if (str_eq(d->fields[i].name, name) && !d->fields[i].is_int)
			return d->fields[i].text;
	return "-";
}

static int64_t
number(const struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->nfields; i++)
		if (str_eq(d->fields[i].name, name) && d->fields[i].is_int)
			return d->fields[i].num;
	return -1;
}

void
names_put(struct names *n UNUSED, struct draft *d, const struct raw_name *raws,
    size_t count)
{
	const char *detail = "";

	assert_int_equal(draft_error(d), 0);
	assert_int_equal(count, 2);
	assert_string_equal(raws[0].field, "path");
	assert_string_equal(raws[1].field, "exe");
	if (str_eq(d->type, "finding"))
		detail = text(d, "detector");
	else if (str_eq(d->type, "skipped"))
		detail = text(d, "reason");
	assert_int_equal(
	    str_copy(last_ino, sizeof last_ino, text(d, "ino")), 0);
	(void)snprintf(out[nout++], sizeof out[0], "%s %s %s%s%d", d->type,
	    text(d, "op"), detail, detail[0] != '\0' ? " " : "",
	    (int)number(d, "count"));
	draft_done(d);
}

void
names_learn(struct names *n UNUSED, const char *raw UNUSED, size_t len UNUSED,
    const char *masked UNUSED)
{
	learned++;
}

const char *
file_op_name(enum file_op op)
{
	static const char *const OPS[] = {"open", "read", "write", "exec"};

	return OPS[op];
}

void
event_done(struct event *e)
{
	own_close(&e->fd);
	own_close(&e->pidfd);
	e->fd = e->pidfd = -1;
}

static const struct actor PERSON = {.session = "s1",
    .person = "alice",
    .provider = "acme",
    .grade = GRADE_KEY,
    .loginuid = 1000,
    .audit_ses = 1,
    .uid = 1000,
    .exe = "/bin/cat"};
static const struct actor DAEMON = {.person = "unknown",
    .provider = "unassigned",
    .grade = GRADE_UNKNOWN,
    .loginuid = ACTOR_UNSET,
    .audit_ses = ACTOR_UNSET,
    .uid = 0,
    .exe = "/usr/sbin/cron"};

static int
setup(void **state)
{
	struct accesses *a;

	njobs = nout = 0;
	learned = 0;
	refuse = false;
	assert_int_equal(access_new(NULL, NULL, 4096, &a), 0);
	access_rules(a, DIGEST_A);
	*state = a;
	return 0;
}

static int
teardown(void **state)
{
	access_free(*state);
	return 0;
}

static void
event(struct accesses *a, enum file_op op, uint64_t ino, int64_t ctime_ns,
    const struct actor *who)
{
	static struct event e;

	e = (struct event){.at = clock_now(),
	    .op = op,
	    .count = 1,
	    .pid = 7,
	    .pidfd = -1,
	    .fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
	    .dev = 1,
	    .ino = ino,
	    .size = 10,
	    .ctime_ns = ctime_ns,
	    .path_len = 6};
	(void)str_copy(e.path, sizeof e.path, "/srv/a");
	access_event(a, &e, who);
	assert_int_equal(e.fd, -1);
}

static void
answer(struct accesses *a, size_t i, size_t nfindings, size_t nskips)
{
	struct finding f[2] = {{.detector = "pci.pan",
				   .class_name = "pci",
				   .confidence = CONFIDENCE_HIGH,
				   .count = 3,
				   .unique = 3},
	    {.detector = "pii.email",
		.class_name = "pii",
		.confidence = CONFIDENCE_LOW,
		.count = 1,
		.unique = 1}};
	struct skip s[1] = {{.reason = "encrypted", .bytes = 9}};
	struct outcome o = {.name = (char[]){"/srv/a"},
	    .findings = f,
	    .nfindings = nfindings,
	    .skips = s,
	    .nskips = nskips};

	access_done(a, jobs[i], &o);
}

static void
test_read_with_findings(void **state)
{
	struct accesses *a = *state;

	event(a, FILE_OPEN, 5, 1, &PERSON);
	assert_int_equal(njobs, 1);
	assert_int_equal(nout, 0);
	answer(a, 0, 2, 1);
	assert_int_equal(nout, 4);
	assert_string_equal(out[0], "finding open pci.pan 3");
	assert_string_equal(out[1], "finding open pii.email 1");
	assert_string_equal(out[2], "skipped open encrypted -1");
	assert_string_equal(out[3], "file open 1");
	assert_int_equal(learned, 1);
	/* Closing it is another entry, without another look. */
	event(a, FILE_READ, 5, 1, &PERSON);
	assert_int_equal(njobs, 1);
	assert_string_equal(out[4], "file read 1");
}

static struct {
	char text[16][32]; /* what was told, and of which file */
	size_t n;
	struct memo_key object;
} heard;

static void
on_touched(void *ctx UNUSED, struct touched *t)
{
	must(str_format(heard.text[heard.n++], sizeof heard.text[0], "%s %u",
		 t->write ? "write" : "read", (unsigned)t->ino) == 0);
	heard.object = t->object;
}

static void
on_learned(void *ctx UNUSED, struct memo_key object,
    const struct finding *findings UNUSED, size_t n, bool failed)
{
	assert_memory_equal(&object, &heard.object, sizeof object);
	must(str_format(heard.text[heard.n++], sizeof heard.text[0],
		 "learned %zu%s", n, failed ? " failed" : "") == 0);
}

/* What people do is told at once, what is in it when it is known. */
static void
test_tells(void **state)
{
	static const char *const WANTED[] = {"read 5", "learned 2 failed",
	    "read 5", "learned 2 failed", "write 6", "learned 0", "read 7",
	    "learned 0 failed"};
	const struct access_calls calls = {NULL, on_touched, on_learned};
	struct accesses *a = *state;

	heard.n = 0;
	access_tell(a, &calls);
	event(a, FILE_OPEN, 5, 1, &PERSON);
	answer(a, 0, 2, 1);
	event(a, FILE_READ, 5, 1, &PERSON);
	event(a, FILE_EXEC, 5, 1, &DAEMON);
	event(a, FILE_WRITE, 6, 1, &PERSON);
	answer(a, 1, 0, 0);
	refuse = true;
	event(a, FILE_OPEN, 7, 1, &PERSON);
	assert_int_equal(heard.n, ARRAY_LEN(WANTED));
	for (size_t i = 0; i < heard.n; i++)
		assert_string_equal(heard.text[i], WANTED[i]);
}

static void
test_known_until_it_changes(void **state)
{
	struct accesses *a = *state;

	event(a, FILE_OPEN, 5, 1, &DAEMON);
	answer(a, 0, 1, 0);
	assert_int_equal(nout, 1); /* a finding, but no file entry */
	event(a, FILE_OPEN, 5, 1, &PERSON);
	assert_int_equal(njobs, 1);
	assert_int_equal(access_counters(a)->known, 1);
	assert_string_equal(out[1], "finding open pci.pan 3");
	assert_string_equal(out[2], "file open 1");
	event(a, FILE_OPEN, 5, 2, &PERSON);
	assert_int_equal(njobs, 2);
	answer(a, 1, 0, 0);
	access_rules(a, DIGEST_A);
	event(a, FILE_OPEN, 5, 2, &DAEMON);
	assert_int_equal(njobs, 2);
	access_rules(a, DIGEST_B);
	event(a, FILE_OPEN, 5, 2, &PERSON);
	assert_int_equal(njobs, 3);
}

static void
test_repeats_are_counted(void **state)
{
	struct accesses *a = *state;

	for (int i = 0; i < 10; i++)
		event(a, FILE_OPEN, 5, 1, &PERSON);
	assert_int_equal(njobs, 1); /* one object, one job */
	answer(a, 0, 1, 0);
	assert_int_equal(nout, 2);
	assert_int_equal(access_counters(a)->folded, 9);
	access_tick(a);
	assert_int_equal(nout, 2);
	access_flush(a);
	assert_int_equal(nout, 3);
	assert_string_equal(out[2], "file open 9");
}

static void
test_daemon_is_counted(void **state)
{
	struct accesses *a = *state;

	event(a, FILE_READ, 5, 1, &DAEMON);
	event(a, FILE_EXEC, 5, 1, &DAEMON);
	assert_int_equal(nout, 0);
	assert_int_equal(njobs, 0);
	assert_int_equal(access_counters(a)->others, 2);
}

/* The system's own work is not examined while anything waits long. */
static void
test_people_come_first(void **state)
{
	struct accesses *a = *state;

	waiting = 7;
	event(a, FILE_OPEN, 5, 1, &DAEMON);
	assert_int_equal(njobs, 1);
	waiting = 8;
	event(a, FILE_OPEN, 6, 1, &DAEMON);
	event(a, FILE_WRITE, 7, 1, &DAEMON);
	assert_int_equal(njobs, 1);
	assert_int_equal(access_counters(a)->others, 2);
	event(a, FILE_OPEN, 8, 1, &PERSON);
	assert_int_equal(njobs, 2);
	waiting = 0;
}

/* An inode has 64 bits, a number of an entry 53. */
static void
test_large_inode(void **state)
{
	struct accesses *a = *state;

	event(a, FILE_READ, (UINT64_C(1) << 53) - 1, 1, &PERSON);
	assert_string_equal(last_ino, "-");
	event(a, FILE_READ, UINT64_MAX, 1, &PERSON);
	assert_string_equal(last_ino, "18446744073709551615");
	assert_int_equal(nout, 2);
}

static void
test_queue_full_is_told(void **state)
{
	struct accesses *a = *state;

	refuse = true;
	event(a, FILE_OPEN, 5, 1, &PERSON);
	assert_int_equal(nout, 2);
	assert_string_equal(
	    out[0], "skipped open too many objects wait to be examined -1");
	assert_string_equal(out[1], "file open 1");
	/* It is not taken for known. */
	refuse = false;
	event(a, FILE_OPEN, 5, 1, &PERSON);
	assert_int_equal(njobs, 1);
}

static void
test_inspector_died_of_it(void **state)
{
	struct accesses *a = *state;
	struct outcome o = {.failed = true, .why = "the inspector died of it"};

	event(a, FILE_WRITE, 5, 1, &PERSON);
	access_done(a, jobs[0], &o);
	assert_string_equal(
	    out[0], "skipped write the inspector died of it -1");
	assert_string_equal(out[1], "file write 1");
	assert_int_equal(learned, 0);
}

/* What the kernel's programs tell comes with its count, and may be gone. */
static void
test_counted_and_gone(void **state)
{
	struct accesses *a = *state;
	struct event e = {.at = clock_now(),
	    .op = FILE_READ,
	    .count = 7,
	    .pid = 7,
	    .start_ns = 1,
	    .pidfd = -1,
	    .fd = -1,
	    .dev = 1,
	    .ino = 9};

	access_event(a, &e, &PERSON);
	assert_string_equal(out[0], "file read 7");
	e.op = FILE_OPEN;
	e.count = 2;
	access_event(a, &e, &PERSON);
	assert_int_equal(nout, 3);
	assert_string_equal(out[1],
	    "skipped open the object was gone before it could be opened -1");
	assert_string_equal(out[2], "file open 2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_read_with_findings, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_known_until_it_changes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_repeats_are_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_daemon_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_people_come_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_large_inode, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tells, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_queue_full_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_inspector_died_of_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_counted_and_gone, setup, teardown),
	};

	return cmocka_run_group_tests_name("agent/access", tests, NULL, NULL);
}
