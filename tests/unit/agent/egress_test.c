/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/touches.c agent/pipeline.c agent/reasons.c agent/shown.c agent/memo.c agent/fields.c */
/*
 * egress_test - how surely something left, by invented reads and connections.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/egress.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define SECOND UINT64_C(1000000)
#define START UINT64_C(1000000000)
#define FAMILIES 64

static struct egress *e;
static struct family families[FAMILIES]; /* by pid */
static struct draft out[64];
static char paths[64][2][64]; /* path and derived */
static size_t nout;
static uint64_t now_us;

bool
who_family(
    struct who *w UNUSED, pid_t pid, uint64_t start UNUSED, struct family *f)
{
	if (pid <= 0 || pid >= FAMILIES || families[pid].id == 0)
		return false;
	*f = families[pid];
	return true;
}

void
names_put(struct names *n UNUSED, struct draft *d, const struct raw_name *raws,
    size_t count)
{
	assert_int_equal(draft_error(d), 0);
	assert_int_equal(count, 3);
	assert_true(nout < ARRAY_LEN(out));
	for (size_t i = 0; i < 2; i++)
		must(str_copy_len(paths[nout][i], sizeof paths[nout][i],
			 raws[i].bytes, raws[i].len) == 0);
	out[nout++] = *d;
}

static void
at(uint64_t second)
{
	struct stamp s = {START + second * SECOND, (int64_t)(second * SECOND)};

	now_us = s.boot_us;
	clock_fix(&s);
}

static int
setup(void **state UNUSED)
{
	memset(families, 0, sizeof families);
	nout = 0;
	at(0);
	assert_int_equal(egress_new(NULL, NULL, &e), 0);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	egress_free(e);
	for (size_t i = 0; i < nout; i++)
		draft_done(&out[i]);
	clock_fix(NULL);
	return 0;
}

/* ---- what happens ---- */

static void
born(pid_t pid, uint64_t id, uint64_t parent)
{
	families[pid] =
	    (struct family){.id = id, .born_us = now_us, .line = {parent}};
}

static struct actor
actor(pid_t pid, const char *session, const char *program)
{
	struct actor a = {.grade = GRADE_KEY,
	    .person = "ann",
	    .provider = "acme",
	    .loginuid = 1000,
	    .audit_ses = 1,
	    .uid = 1000,
	    .pid = pid};

	must(str_copy(a.session, sizeof a.session, session) == 0);
	must(str_format(a.exe, sizeof a.exe, "/usr/bin/%s", program) == 0);
	return a;
}

static struct memo_key
version(uint64_t ino, uint64_t size)
{
	const uint64_t k[2] = {ino, size};

	return memo_key(k, sizeof k);
}

static void
touch(const struct actor *who, bool write, uint64_t ino, uint64_t size)
{
	char path[32];
	struct touched t = {.who = who,
	    .boot_us = now_us,
	    .write = write,
	    .object = version(ino, size),
	    .dev = 1,
	    .ino = ino,
	    .size = size,
	    .born_ns = 7,
	    .mtime_ns = (int64_t)size,
	    .path = path};

	must(str_format(path, sizeof path, "/srv/%u", (unsigned)ino) == 0);
	t.path_len = strlen(path);
	egress_touch(e, &t);
}

static void
holds(uint64_t ino, uint64_t size)
{
	const struct finding f = {.detector = "pci.pan",
	    .class_name = "pii.financial",
	    .confidence = CONFIDENCE_HIGH};

	egress_learn(e, version(ino, size), &f, 1, false);
}

static void
clean(uint64_t ino, uint64_t size)
{
	egress_learn(e, version(ino, size), NULL, 0, false);
}

static void
read_secret(const struct actor *who, uint64_t ino, uint64_t size)
{
	touch(who, false, ino, size);
	holds(ino, size);
}

static struct sent
connection(const struct actor *who, uint64_t bytes)
{
	static const struct tuple TUPLE = {.family = 4,
	    .proto = 6,
	    .src = {192, 0, 2, 1},
	    .dst = {198, 51, 100, 7},
	    .sport = 40000,
	    .dport = 443};
	static const struct labels NONE = {.n = 0};

	return (struct sent){.who = who,
	    .tuple = &TUPLE,
	    .began = clock_now(),
	    .ended = clock_now(),
	    .flow = 9,
	    .bytes = bytes,
	    .host = "",
	    .carried = &NONE};
}

static void
send_bytes(const struct actor *who, uint64_t bytes)
{
	struct sent s = connection(who, bytes);

	egress_sent(e, &s);
}

/* ---- what is said ---- */

static const char *
text(size_t i, const char *name)
{
	for (size_t k = 0; k < out[i].nfields; k++)
		if (str_eq(out[i].fields[k].name, name) &&
		    !out[i].fields[k].is_int)
			return out[i].fields[k].text;
	return "";
}

static void
said(size_t i, const char *grade, const char *reason)
{
	assert_true(i < nout);
	assert_string_equal(text(i, "evidence"), grade);
	if (strstr(text(i, "reasons"), reason) == NULL)
		fail_msg("%s", text(i, "reasons"));
}

static void
one_process(void **state UNUSED)
{
	const struct actor curl = actor(10, "s1", "curl");

	born(10, 100, 50);
	read_secret(&curl, 5, 10000);
	send_bytes(&curl, 11000);
	assert_int_equal(egress_tick(e), 0);
	assert_int_equal(nout, 0); /* it may still be told what was read */
	at(2);
	assert_int_equal(egress_tick(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N3", "through the only connection");
	assert_string_equal(paths[0][0], "/srv/5");
	assert_string_equal(paths[0][1], "");
	assert_string_equal(text(0, "classes"), "pii.financial");
	assert_string_equal(text(0, "channel"), "net");
	assert_string_equal(text(0, "dst"), "198.51.100.7");
}

static void
sizes_and_sockets(void **state UNUSED)
{
	const struct actor curl = actor(10, "s1", "curl");
	const struct actor nc = actor(11, "s2", "nc");

	born(10, 100, 50);
	born(11, 101, 60);
	read_secret(&curl, 5, 10000);
	send_bytes(&curl, 900);
	read_secret(&nc, 6, 10000);
	send_bytes(&nc, 10000);
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 2); /* the third is the second once more */
	assert_int_equal(egress_counters(e)->folded, 1);
	said(0, "N2", "more or fewer bytes left");
	said(1, "N2", "several connections");
}

/* What cannot have been in it, even packed, is not said to be. */
static void
too_little(void **state UNUSED)
{
	const struct actor curl = actor(10, "s1", "curl");

	born(10, 100, 50);
	read_secret(&curl, 5, 1000000);
	for (int i = 0; i < 2; i++)
		send_bytes(&curl, 30000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1); /* both together can */
	said(0, "N2", "several connections");
}

static void
through_a_file(void **state UNUSED)
{
	const struct actor gpg = actor(10, "s1", "gpg");
	const struct actor vim = actor(11, "s1", "vim");
	struct actor curl = actor(12, "s2", "curl");

	born(10, 100, 50);
	born(11, 101, 55);
	born(12, 102, 60);
	read_secret(&gpg, 5, 10000);
	touch(&gpg, true, 6, 9000);
	clean(6, 9000);
	at(1);
	read_secret(&vim, 7, 10000);
	touch(&vim, true, 8, 9000);
	clean(8, 9000);
	/* Another person, in another session, by another name. */
	must(str_copy(curl.person, sizeof curl.person, "bea") == 0);
	at(2);
	touch(&curl, false, 6, 9000);
	send_bytes(&curl, 9500);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N3", "a file that was made from it");
	assert_string_equal(paths[0][0], "/srv/5");
	assert_string_equal(paths[0][1], "/srv/6");
	assert_string_equal(text(0, "person"), "bea");
	/* A program that may have written anything. */
	families[12].ended = 103;
	egress_exit(e, 12);
	born(12, 104, 60);
	touch(&curl, false, 8, 9000);
	send_bytes(&curl, 9500);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 2);
	said(1, "N2", "may have put something else");
	assert_string_equal(paths[1][0], "/srv/7");
}

static void
read_after_it_was_written(void **state UNUSED)
{
	const struct actor cp = actor(10, "s1", "cp");
	const struct actor curl = actor(12, "s2", "curl");

	born(10, 100, 50);
	born(12, 102, 60);
	touch(&cp, true, 6, 9000);
	clean(6, 9000);
	at(3);
	read_secret(&cp, 5, 9000);
	touch(&curl, false, 6, 9000);
	send_bytes(&curl, 9500);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 0);
}

/* A program between two pipes, by their numbers; 0: none. */
static void
starts(pid_t pid, const char *program, uint64_t in, uint64_t to)
{
	struct start_event s = {.pid = pid, .in = {in, 9}, .out = {to, 9}};

	must(str_copy(s.comm, sizeof s.comm, program) == 0);
	egress_start(e, &s);
}

static void
through_pipes(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor nc = actor(12, "s1", "nc");

	born(10, 100, 50);
	born(11, 101, 50);
	born(12, 102, 50);
	starts(10, "cat", 0, 7);
	starts(12, "nc", 7, 0);
	read_secret(&cat, 5, 100000);
	send_bytes(&nc, 101000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N3", "it went through pipes");
	said(0, "N3", "about as many bytes left as had been read");
}

/* One between that packs: how much it makes of it is not known. */
static void
through_a_packer(void **state UNUSED)
{
	const struct actor tar = actor(10, "s1", "tar");
	const struct actor nc = actor(12, "s1", "nc");

	for (pid_t pid = 10; pid < 13; pid++)
		born(pid, 90 + (uint64_t)pid, 50);
	starts(10, "tar", 0, 7);
	starts(11, "gzip", 7, 8);
	starts(12, "nc", 8, 0);
	read_secret(&tar, 5, 100000);
	send_bytes(&nc, 9000);
	send_bytes(&nc, 200); /* far less than it can be packed into */
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 2);
	said(0, "N2", "several connections");
	families[12].ended = 300;
	egress_exit(e, 12);
	born(12, 301, 50);
	starts(12, "nc", 8, 0);
	send_bytes(&nc, 9000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 3);
	said(2, "N3", "may have been packed into");
}

/* What grep lets through is not the file. */
static void
through_another_program(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor nc = actor(12, "s1", "nc");

	for (pid_t pid = 10; pid < 13; pid++)
		born(pid, 90 + (uint64_t)pid, 50);
	starts(10, "cat", 0, 7);
	starts(11, "grep", 7, 8);
	starts(12, "nc", 8, 0);
	read_secret(&cat, 5, 10000);
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N2", "it went through pipes");
	said(0, "N2", "may have put something else");
}

/* A pipe of the same number on another device, and one that nobody tied. */
static void
other_pipes(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor nc = actor(12, "s1", "nc");
	struct start_event s = {
	    .pid = 12, .comm = "nc", .in = {.ino = 7, .dev = 10}};

	born(10, 100, 50);
	born(12, 102, 50);
	starts(10, "cat", 0, 7);
	egress_start(e, &s);
	read_secret(&cat, 5, 10000);
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N2", "side by side");
}

/* More writers than are kept: none of them is named by the pipe. */
static void
too_many_writers(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor nc = actor(40, "s1", "nc");

	for (pid_t pid = 10; pid < 19; pid++) {
		born(pid, 90 + (uint64_t)pid, 50);
		starts(pid, "cat", 0, 7);
	}
	born(40, 140, 50);
	starts(40, "nc", 7, 0);
	read_secret(&cat, 5, 10000);
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N2", "side by side");
}

/* A file that came out of a pipeline; its writer was looked up as the shell that
 * it had been. */
static void
a_file_of_a_pipeline(void **state UNUSED)
{
	const struct actor tar = actor(10, "s1", "tar");
	const struct actor shell = actor(11, "s1", "sh");
	const struct actor curl = actor(12, "s1", "curl");

	born(10, 100, 50);
	born(11, 101, 50);
	starts(10, "tar", 0, 7);
	starts(11, "sh", 7, 0);
	starts(11, "gzip", 7, 0);
	read_secret(&tar, 5, 100000);
	touch(&shell, true, 6, 9000);
	clean(6, 9000);
	at(2);
	born(12, 102, 50);
	touch(&curl, false, 6, 9000);
	send_bytes(&curl, 9500);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N3", "it went through pipes");
	said(0, "N3", "a file that was made from it");
	assert_string_equal(paths[0][1], "/srv/6");
}

/* tar has a shell start gzip, and the shell closes what gzip wrote. */
static void
through_a_helper(void **state UNUSED)
{
	const struct actor tar = actor(10, "s1", "tar");
	const struct actor shell = actor(11, "s1", "sh");
	const struct actor curl = actor(13, "s1", "curl");

	born(10, 100, 50);
	born(11, 101, 100);
	born(12, 102, 101);
	born(13, 103, 50);
	starts(10, "tar", 0, 0);
	starts(11, "sh", 7, 0);
	read_secret(&tar, 5, 100000);
	for (unsigned i = 0; i < 2; i++) {
		starts(12, i == 0 ? "gzip" : "date", i == 0 ? 7 : 0, 0);
		touch(&shell, true, 6 + i, 9000);
		clean(6 + i, 9000);
		at(1 + i);
		touch(&curl, false, 6 + i, 9000);
		send_bytes(&curl, 9500);
		assert_int_equal(egress_flush(e), 0);
		assert_int_equal(nout, 1 + i);
		for (pid_t pid = 10; pid < 14; pid += 3) {
			families[pid].ended = 200 + i;
			egress_exit(e, pid);
		}
		born(13, 300 + i, 50);
	}
	said(0, "N3", "came from the other");
	said(1, "N2", "may have put something else");
}

/* What was shown with a better grade is said once for a connection, and only if
 * it can have been one file alone. */
static void
shown_before(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor sshd = actor(11, "s1", "sshd");
	struct sent s = connection(&sshd, 10000);
	struct shown_content c = {.who = &sshd,
	    .tuple = s.tuple,
	    .began_us = now_us + 1,
	    .ended_us = now_us + SECOND,
	    .grade = 5,
	    .detectors = "pci.pan"};
	struct tuple other = *s.tuple;

	s.login = true;
	other.sport++;
	born(10, 100, 50);
	born(11, 60, 1);
	assert_null(egress_shown(e, &c));
	read_secret(&cat, 5, 9000);
	c.detectors = "pci.pan,us.ssn"; /* which that file does not hold */
	assert_null(egress_shown(e, &c));
	c.detectors = "pci";
	assert_null(egress_shown(e, &c));
	c.detectors = "pci.pan";
	c.began_us += 60 * SECOND;
	assert_null(egress_shown(e, &c)); /* it was read long before */
	c.began_us -= 60 * SECOND;
	assert_non_null(egress_shown(e, &c));
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 0);
	assert_int_equal(egress_counters(e)->folded, 1);
	s.tuple = &other; /* another connection of that session */
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 0);
	read_secret(&cat, 6, 9000);
	assert_null(egress_shown(e, &c)); /* either may have been it */
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1); /* of the other file */
	said(0, "N1", "login session had read");
	assert_string_equal(paths[0][0], "/srv/6");
}

/* What is known to have left is not said to have left by the login, too; that
 * somebody sent it once more is. */
static void
said_before(void **state UNUSED)
{
	const struct actor curl = actor(10, "s1", "curl");
	const struct actor nc = actor(12, "s1", "nc");
	const struct actor sshd = actor(11, "s1", "sshd");
	struct sent s = connection(&sshd, 10000);

	s.login = true;
	born(10, 100, 50);
	born(11, 60, 1);
	read_secret(&curl, 5, 9000);
	send_bytes(&curl, 9500);
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N3", "through the only connection");
	at(9);
	families[10].ended = 200;
	egress_exit(e, 10);
	born(12, 300, 50);
	send_bytes(&nc, 9500);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 2);
	said(1, "N1", "login session had read");
}

static void
side_by_side(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor nc = actor(11, "s1", "nc");

	born(10, 100, 50);
	read_secret(&cat, 5, 10000);
	families[10].ended = 101;
	egress_exit(e, 10);
	born(11, 102, 50); /* at once */
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N2", "ran side by side");
	at(1);
	born(10, 103, 60);
	families[10].line[1] = 50; /* in a shell below */
	read_secret(&cat, 6, 10000);
	at(9);
	born(11, 104, 50); /* the reader still lives */
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 3);
	said(1, "N2", "ran side by side");
}

/* The end of the reader was told after its read. */
static void
one_after_the_other(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor nc = actor(11, "s1", "nc");

	born(10, 100, 50);
	read_secret(&cat, 5, 10000);
	families[10].ended = 101;
	egress_exit(e, 10);
	at(1);
	born(11, 102, 50);
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N1", "the login session had read it");
	/* To the same place it is not said again and again. */
	send_bytes(&nc, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	assert_int_equal(egress_counters(e)->folded, 1);
}

static void
shell_becomes_the_last(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor curl = actor(9, "s1", "curl");

	born(9, 50, 40);
	born(10, 100, 50);
	read_secret(&cat, 5, 10000);
	families[10].ended = 101;
	egress_exit(e, 10);
	send_bytes(&curl, 10000);
	families[9].image = 102;
	assert_int_equal(egress_flush(e), 0);
	said(0, "N2", "came from the other");
	send_bytes(&curl, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 2);
	said(1, "N1", "the login session had read it");
}

static void
nothing(void **state UNUSED)
{
	const struct actor ann = actor(10, "s1", "curl");
	const struct actor bea = actor(11, "s2", "curl");
	const struct actor lost = actor(12, "", "curl");

	born(10, 100, 50);
	born(11, 101, 50);
	born(12, 102, 50);
	touch(&ann, false, 5, 10000);
	clean(5, 10000);
	send_bytes(&ann, 10000);
	read_secret(&bea, 6, 10000);
	read_secret(&lost, 7, 10000);
	send_bytes(&ann, 10000);
	send_bytes(&bea, 0);
	send_bytes(&lost, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 0);
}

/* The number of a process that has ended is another's now. */
static void
number_comes_again(void **state UNUSED)
{
	const struct actor old = actor(10, "s1", "curl");
	const struct actor young = actor(10, "s2", "curl");

	born(10, 100, 50);
	read_secret(&old, 5, 10000);
	born(10, 200, 60);
	send_bytes(&young, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 0);
}

static void
doubts(void **state UNUSED)
{
	struct actor curl = actor(10, "s1", "curl");
	struct sent s;

	born(10, 100, 50);
	read_secret(&curl, 5, 10000);
	at(1);
	egress_lost(e);
	at(2);
	send_bytes(&curl, 10000);
	assert_int_equal(egress_flush(e), 0);
	said(0, "N2", "events were lost");
	/* Who it was, was found later. */
	curl = actor(11, "s2", "curl");
	curl.grade = GRADE_LINEAGE;
	born(11, 101, 60);
	at(20);
	read_secret(&curl, 6, 10000);
	send_bytes(&curl, 10000);
	assert_int_equal(egress_flush(e), 0);
	said(1, "N2", "looked up late");
	/* Packets were missed. */
	curl = actor(12, "s3", "curl");
	born(12, 102, 70);
	read_secret(&curl, 7, 10000);
	s = connection(&curl, 10000);
	s.gap_bytes = 1;
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	said(2, "N2", "not every packet");
	/* The file is not what it was. */
	curl = actor(13, "s4", "curl");
	born(13, 103, 80);
	at(30);
	read_secret(&curl, 8, 10000);
	at(31);
	born(14, 104, 80);
	{
		const struct actor vim = actor(14, "s4", "vim");

		touch(&vim, true, 8, 500);
	}
	at(32);
	send_bytes(&curl, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 4);
	said(3, "N2", "the file was changed between");
}

static void
content(void **state UNUSED)
{
	const struct finding f = {.detector = "pci.pan",
	    .class_name = "pii.financial",
	    .confidence = CONFIDENCE_HIGH};
	const struct actor curl = actor(10, "s1", "curl");
	const struct actor typed = actor(11, "s2", "curl");
	struct labels l = {.n = 0};
	struct sent s;

	fields_label(&l, &f);
	born(10, 100, 50);
	born(11, 101, 60);
	read_secret(&curl, 5, 10000);
	s = connection(&curl, 10000);
	s.carried = &l;
	egress_sent(e, &s);
	s.who = &typed;
	egress_sent(e, &s);
	s.gap_bytes = 3;
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 3);
	said(0, "N4", "the content was seen");
	assert_string_equal(paths[0][0], "/srv/5");
	said(1, "N4", "the content was seen");
	assert_string_equal(paths[1][0], "");
	assert_string_equal(text(1, "detectors"), "pci.pan");
	said(2, "N3", "not every packet");
}

static void
login_connection(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor sftp = actor(11, "s2", "sftp-server");
	struct sent s = connection(&cat, 20000);

	born(10, 100, 50);
	born(11, 101, 60);
	read_secret(&cat, 5, 10000);
	read_secret(&sftp, 6, 10000);
	s.login = true;
	egress_sent(e, &s);
	s.who = &sftp;
	egress_sent(e, &s);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 2);
	said(0, "N1", "the login session had read it");
	assert_string_equal(text(0, "channel"), "ssh");
	said(1, "N2", "serves copies");
}

/* All that the session started came from sshd. */
static void
forwarded(void **state UNUSED)
{
	const struct actor cat = actor(10, "s1", "cat");
	const struct actor sshd = actor(11, "s1", "sshd");

	born(10, 100, 60);
	born(11, 60, 50);
	read_secret(&cat, 5, 10000);
	send_bytes(&sshd, 20000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N1", "the login session had read it");
	assert_string_equal(text(0, "channel"), "tunnel");
}

/* An object that an inspector still has delays what is said, for a while. */
static void
examined_later(void **state UNUSED)
{
	const struct actor curl = actor(10, "s1", "curl");

	born(10, 100, 50);
	touch(&curl, false, 5, 10000);
	send_bytes(&curl, 10000);
	at(5);
	assert_int_equal(egress_tick(e), 0);
	assert_int_equal(nout, 0);
	holds(5, 10000);
	assert_int_equal(egress_tick(e), 0);
	assert_int_equal(nout, 1);
	touch(&curl, false, 6, 10000);
	send_bytes(&curl, 10000);
	at(60);
	assert_int_equal(egress_tick(e), 0);
	at(61);
	holds(6, 10000);
	assert_int_equal(egress_tick(e), 0);
	assert_int_equal(egress_flush(e), 0);
	/* The first file was read by the same process, before. */
	for (size_t i = 1; i < nout; i++)
		assert_string_equal(paths[i][0], "/srv/5");
}

/* Others do not push out what matters; when that is too much, it is told. */
static void
bounds(void **state UNUSED)
{
	const struct actor find = actor(10, "s1", "find");
	const struct actor curl = actor(11, "s1", "curl");
	uint64_t lost;

	born(10, 100, 50);
	born(11, 101, 50);
	read_secret(&curl, 5, 10000);
	for (uint64_t i = 0; i < 3 * TOUCHES_MAX; i++) {
		touch(&find, false, 1000 + i, 10);
		clean(1000 + i, 10);
	}
	assert_int_equal(egress_tick(e), 0);
	send_bytes(&curl, 10000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 1);
	said(0, "N3", "had read it");
	for (uint64_t i = 0; i < 2 * TOUCHES_MAX; i++)
		read_secret(&find, 100000 + i, 10);
	lost = egress_tick(e);
	assert_true(lost > 0 && lost <= 2 * TOUCHES_MAX);
	assert_int_equal(egress_counters(e)->forgotten, lost);
	/* One connection, and more files than are told one by one. */
	send_bytes(&find, 100000000);
	assert_int_equal(egress_flush(e), 0);
	assert_int_equal(nout, 17);
}

static void
named_labels(void **state UNUSED)
{
	struct finding f = {.confidence = CONFIDENCE_HIGH};
	struct labels l = {.n = 0};

	for (int i = 0; i < 60; i++) {
		must(str_format(f.detector, sizeof f.detector, "detector.%d",
			 i / 2) == 0);
		must(str_format(
			 f.class_name, sizeof f.class_name, "c%d", i % 2) == 0);
		fields_label(&l, &f);
	}
	assert_int_equal(l.n, 60);
	assert_string_equal(l.classes, "c0,c1");
	assert_non_null(strstr(l.detectors, ",..."));
	assert_true(strlen(l.detectors) < sizeof l.detectors);
	l = (struct labels){.n = 0};
	f.confidence = CONFIDENCE_LOW;
	fields_label(&l, &f);
	f.confidence = CONFIDENCE_HIGH;
	f.test_data = true;
	fields_label(&l, &f);
	f.test_data = false;
	must(str_copy(f.allow, sizeof f.allow, "somebody") == 0);
	fields_label(&l, &f);
	assert_int_equal(l.n, 0);
}

/* Connections that are dear to join, as fast as they come: a turn joins some, the
 * others wait, and what has no room is told. */
static void
a_flood_is_bounded(void **state UNUSED)
{
	enum { CHAIN = 30, FILES = 16000, SENT = 6000 };
	struct actor who[CHAIN];
	uint64_t forgotten = 0;
	size_t turns = 0;

	for (unsigned i = 0; i < CHAIN; i++) {
		who[i] = actor((pid_t)(10 + i), "s1", "cp");
		born((pid_t)(10 + i), 100 + i, 50);
	}
	for (unsigned i = 0; i < FILES; i++)
		touch(&who[i % CHAIN], false, 1000 + i, 100);
	for (unsigned i = 0; i < CHAIN; i++) {
		at(i + 1);
		touch(&who[i], false, 5 + i, 10000);
		touch(&who[i], true, 6 + i, 10000);
	}
	at(CHAIN + 1);
	for (unsigned i = 0; i < SENT; i++)
		send_bytes(&who[CHAIN - 1], 11000);
	at(CHAIN + 40);
	forgotten = egress_tick(e);
	assert_true(forgotten > 0 && forgotten < SENT);
	/* The rest takes as many turns as it takes, and none is told twice. */
	for (; turns < 3; turns++)
		assert_int_equal(egress_tick(e), 0);
	forgotten = egress_flush(e);
	assert_true(forgotten > 0 && forgotten < SENT);
	assert_int_equal(egress_flush(e), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(one_process),
	    T(sizes_and_sockets),
	    T(too_little),
	    T(through_a_file),
	    T(read_after_it_was_written),
	    T(through_pipes),
	    T(through_a_packer),
	    T(through_another_program),
	    T(other_pipes),
	    T(too_many_writers),
	    T(a_file_of_a_pipeline),
	    T(through_a_helper),
	    T(shown_before),
	    T(said_before),
	    T(side_by_side),
	    T(one_after_the_other),
	    T(shell_becomes_the_last),
	    T(nothing),
	    T(number_comes_again),
	    T(doubts),
	    T(content),
	    T(login_connection),
	    T(forwarded),
	    T(examined_later),
	    T(bounds),
	    T(named_labels),
	    T(a_flood_is_bounded),
	};

	return cmocka_run_group_tests_name("agent/egress", tests, NULL, NULL);
}
