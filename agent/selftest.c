/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest - a known answer through the real path, at random times.
 *
 * Owns: the planted file, the process that makes and opens it, and the time.
 * Never: plants anything but a number that it has just made up; leaves the file
 * behind, as long as the process that made it lives; says of a path whose
 * processes are being replaced that it fails.
 *
 * Who wants to be unseen for a moment must not know when that is: the time to
 * the next one is even between NEXT_MIN_US and NEXT_MAX_US.
 */
#include "agent/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/card.h"
#include "lib/clock.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define NEXT_MIN_US UINT64_C(60000000)
#define NEXT_MAX_US UINT64_C(1140000000)
#define SETTLE_US 5000000
#define LIMIT_US 30000000 /* from planting until it must be found */
#define TRIES 2 /* one may be lost where much else is going on */
#define REAP_US 5000000

struct selftest {
	struct selftest_calls calls;
	uint64_t next_us; /* 0: not until settle */
	unsigned tries;
	/* Of what is planted; pid 0: nothing is. */
	pid_t pid;
	int go; /* our end of the pipe that the process waits at */
	bool told, going; /* record was told, and knows */
	uint64_t began_us;
	/* The process was let go, and is not reaped yet. */
	uint64_t end_us;
	int64_t since_us;
	char why[256];
};

int
selftest_new(const struct selftest_calls *calls, struct selftest **out)
{
	struct selftest *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	t->calls = *calls;
	t->go = -1;
	t->since_us = clock_now().wall_us;
	*out = t;
	return 0;
}

/* ---- what is planted ---- */

/* Letters alone: no rule finds something in the name. */
static void
make_name(char out[SELFTEST_NAME_MAX])
{
	uint8_t random[16];
	size_t n = strlen(SELFTEST_NAME);

	rng_fill(random, sizeof random);
	memcpy(out, SELFTEST_NAME, n);
	for (size_t i = 0; i < sizeof random; i++)
		out[n + i] = (char)('a' + random[i] % 16);
	out[n + sizeof random] = '\0';
}

/* It stays open: the object is there as long as somebody may look for it. */
static int
plant(const char *path)
{
	char text[128], card[CARD_SIZE], byte;
	int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int n, r = 0;

	if (fd < 0)
		return errno;
	card_make_up(card);
	n = snprintf(text, sizeof text,
	    "credit card number: %s\nexpiry 12/29, cvv follows\n", card);
	if (write(fd, text, (size_t)n) != n)
		r = EIO;
	close(fd);
	if (r == 0) {
		/* Who opened it before it was written has seen nothing. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || read(fd, &byte, 1) != 1)
			r = EIO;
	}
	if (r != 0)
		(void)unlink(path);
	return r;
}

/* Waits for the word, plants, and takes it away once the other end is closed,
 * by whatever end its starter comes to. Exits with 0, or an error number. */
NORETURN static void
be_planter(const char *const *dirs, size_t n, const char *name, int go)
{
	char path[4096], byte;
	int r = ENOENT;

	if (read(go, &byte, 1) != 1)
		_exit(0);
	for (size_t i = 0; r != 0 && i < n; i++) {
		r = -str_format(path, sizeof path, "%s/%s", dirs[i], name);
		if (r == 0)
			r = plant(path);
	}
	if (r != 0)
		_exit(r < 256 ? r : EIO);
	while (read(go, &byte, 1) > 0)
		continue;
	(void)unlink(path);
	_exit(0);
}

static int
start_planter(
    struct selftest *t, const char *const *dirs, size_t n, const char *name)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		be_planter(dirs, n, name, ends[0]);
	}
	close(ends[0]);
	if (pid < 0) {
		int e = errno;

		close(ends[1]);
		return -e;
	}
	t->pid = pid;
	t->go = ends[1];
	t->end_us = 0;
	t->going = false;
	t->began_us = clock_boot_us();
	return 0;
}

static void
clear(struct selftest *t)
{
	own_close(&t->go);
	t->go = -1;
	if (t->pid != 0 && t->end_us == 0)
		t->end_us = clock_boot_us();
}

/* True once there is no process. */
static bool
reap(struct selftest *t)
{
	if (t->pid == 0)
		return true;
	if (waitpid(t->pid, NULL, WNOHANG) == 0) {
		/* It hangs in a file system that does not answer. */
		if (clock_boot_us() - t->end_us > REAP_US)
			(void)kill(t->pid, SIGKILL);
		return false;
	}
	t->pid = 0;
	return true;
}

void
selftest_free(struct selftest *t)
{
	if (t == NULL)
		return;
	clear(t);
	free(t);
}

/* ---- time ---- */

static uint64_t
next_time(void)
{
	uint64_t random;

	rng_fill(&random, sizeof random);
	return clock_boot_us() + NEXT_MIN_US +
	       random % (NEXT_MAX_US - NEXT_MIN_US);
}

void
selftest_hold(struct selftest *t)
{
	clear(t);
	t->next_us = 0;
	t->tries = 0;
}

void
selftest_settle(struct selftest *t)
{
	selftest_hold(t);
	t->next_us = clock_boot_us() + SETTLE_US;
}

static void
end(struct selftest *t, enum selftest_end how)
{
	struct selftest_result r = {.end = how,
	    .ms = (clock_boot_us() - t->began_us) / 1000,
	    .since_us = t->since_us,
	    .why = t->why};

	clear(t);
	t->tries = 0;
	t->next_us = next_time();
	/* What was not found then is told once. */
	if (how != SELFTEST_IMPOSSIBLE)
		t->since_us = clock_now().wall_us;
	t->calls.ended(t->calls.ctx, &r);
}

static void
fail_to_plant(struct selftest *t, int err)
{
	(void)snprintf(t->why, sizeof t->why,
	    "no watched directory takes a file: %s", strerror(err));
	end(t, SELFTEST_IMPOSSIBLE);
}

static void
begin(struct selftest *t, const char *const *dirs, size_t n)
{
	char name[SELFTEST_NAME_MAX];
	int r;

	make_name(name);
	r = start_planter(t, dirs, n, name);
	if (r != 0) {
		fail_to_plant(t, -r);
		return;
	}
	t->tries++;
	t->told = t->calls.expect(t->calls.ctx, t->pid, name);
}

static void
miss(struct selftest *t, const char *why)
{
	must(str_copy(t->why, sizeof t->why, why) == 0);
	clear(t);
	if (t->tries >= TRIES)
		end(t, SELFTEST_FAILED);
}

/* Its process has ended before it was told to. */
static bool
has_ended(struct selftest *t)
{
	int status;

	if (waitpid(t->pid, &status, WNOHANG) == 0)
		return false;
	t->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		fail_to_plant(t, WEXITSTATUS(status));
	else
		miss(t, "the process that plants was ended");
	return true;
}

void
selftest_tick(struct selftest *t, const char *const *dirs, size_t n)
{
	uint64_t now = clock_boot_us();

	if (t->pid != 0 && t->end_us == 0) {
		if (!has_ended(t) && now - t->began_us > LIMIT_US)
			miss(t, t->going ? "what was planted was not found"
					 : "the log's process did not answer");
		return;
	}
	if (!reap(t) || n == 0 || t->next_us == 0 || now < t->next_us)
		return;
	begin(t, dirs, n);
}

void
selftest_word(struct selftest *t, bool met)
{
	if (t->pid == 0 || t->end_us != 0 || !t->told)
		return; /* of one that was given up */
	if (met && t->going) {
		end(t, SELFTEST_OK);
	} else if (!met && !t->going) {
		t->going = true;
		t->began_us = clock_boot_us();
		if (write(t->go, "", 1) != 1)
			miss(t, "the process that plants was ended");
	}
}
