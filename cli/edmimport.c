/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edmimport - `chaperone edm import`: gives the collector on this machine a
 * table and the key that opens what hosts sealed for it.
 *
 * Owns: the files NAME-ID.table and NAME-ID.key below STATE/confirm: of the
 * account that the directory is of, and there whole or not at all. The key
 * comes first, since a table without it is left out.
 * Never: takes a table that is not whole; removes another one: what hosts found
 * by an older index needs that index's table.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/edm.h"
#include "lib/clock.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

struct import {
	const char *state, *table, *key;
	char dir[PATH_MAX], fresh[PATH_MAX]; /* fresh: the copy in the making */
	char stem[PATH_MAX];
	struct stat owner; /* of dir */
	struct rows_table *rows; /* owned */
	struct diag why;
};

static void
import_done(struct import *m)
{
	rows_close(m->rows);
	if (m->fresh[0] != '\0')
		(void)unlink(m->fresh);
}

static int
failed(struct import *m, const char *path)
{
	int e = errno;

	return diag_set(&m->why, -e, "%s: %s", path, strerror(e));
}

static int
find_dir(struct import *m)
{
	int r = str_format(m->dir, sizeof m->dir, "%s/confirm", m->state);

	if (r != 0)
		return r;
	if (lstat(m->dir, &m->owner) != 0 && errno == ENOENT)
		return diag_set(&m->why, -ENOENT,
		    "%s: is not there; no collector has run with this --state",
		    m->dir);
	else if (!S_ISDIR(m->owner.st_mode))
		return failed(m, m->dir);
	return 0;
}

static int
copy_bytes(struct import *m, int in, int out)
{
	char block[65536];
	ssize_t n;

	while ((n = read(in, block, sizeof block)) > 0)
		for (ssize_t at = 0, w; at < n; at += w)
			if ((w = write(out, block + at, (size_t)(n - at))) <= 0)
				return failed(m, m->fresh);
	return n == 0 ? 0 : failed(m, m->table);
}

/* Copied first and judged then, so that it is the copy that was judged. */
static int
copy_table(struct import *m)
{
	OWN_FD int in = open(m->table, O_RDONLY | O_CLOEXEC);
	OWN_FD int out = -1;
	int r;

	if (in < 0)
		return failed(m, m->table);
	r = str_format(m->fresh, sizeof m->fresh, "%s/.import.%ld", m->dir,
	    (long)getpid());
	if (r != 0) {
		m->fresh[0] = '\0';
		return r;
	}
	out = open(m->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return failed(m, m->fresh);
	r = copy_bytes(m, in, out);
	if (r == 0 && (fchown(out, m->owner.st_uid, m->owner.st_gid) != 0 ||
			  fsync(out) != 0))
		r = failed(m, m->fresh);
	if (r == 0 && rows_open(m->fresh, &m->rows, NULL) != 0)
		r = diag_set(&m->why, -EBADMSG,
		    "%s: is no table for exact data match, or was changed",
		    m->table);
	return r;
}

static int
put_key(struct import *m)
{
	OWN(seal_box_key_freep) struct seal_box_key *k = NULL;
	char path[PATH_MAX];
	int r = seal_box_key_load(m->key, &k, &m->why);

	if (r == 0)
		r = str_format(path, sizeof path, "%s.key", m->stem);
	if (r != 0)
		return r;
	if (unlink(path) != 0 && errno != ENOENT)
		return failed(m, path);
	r = seal_box_key_save(k, path, &m->why);
	if (r == 0 && lchown(path, m->owner.st_uid, m->owner.st_gid) != 0)
		r = failed(m, path);
	return r;
}

static int
put_table(struct import *m)
{
	OWN_FD int dir =
	    open(m->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[PATH_MAX];
	int r = str_format(path, sizeof path, "%s.table", m->stem);

	if (r != 0)
		return r;
	if (dir < 0 || rename(m->fresh, path) != 0 || fsync(dir) != 0)
		return failed(m, path);
	m->fresh[0] = '\0';
	return 0;
}

static int
import(struct import *m)
{
	char id[2 * EXACT_ID + 1];
	int r = find_dir(m);

	if (r == 0)
		r = copy_table(m);
	if (r != 0)
		return r;
	str_hex(id, rows_id(m->rows), EXACT_ID);
	r = str_format(m->stem, sizeof m->stem, "%s/%s-%s", m->dir,
	    rows_name(m->rows), id);
	if (r == 0)
		r = put_key(m);
	return r == 0 ? put_table(m) : r;
}

int
edmimport_run(int argc, char **argv)
{
	OWN(import_done) struct import m = {.state = CONTROL_STATE};
	char made[CLOCK_TEXT_SIZE];
	int r;

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		const char **to = NULL;

		if (str_eq(argv[i], "--state"))
			to = &m.state;
		else if (str_eq(argv[i], "--key"))
			to = &m.key;
		else if (argv[i][0] != '-' && m.table == NULL) {
			m.table = argv[i];
			continue;
		}
		if (to == NULL || next == NULL)
			return cli_usage("edm", "what is \"%s\"?", argv[i]);
		*to = next;
		i++;
	}
	if (m.table == NULL || m.key == NULL)
		return cli_usage("edm", "import needs a table and --key");
	r = import(&m);
	if (r != 0)
		return cli_error("edm",
		    r == -EBADMSG ? CLI_CONFIG : cli_exit_for(r), "%s",
		    m.why.text[0] != '\0' ? m.why.text : strerror(-r));
	clock_text(exact_made(rows_id(m.rows)) * 1000000, made);
	(void)fprintf(stderr,
	    "%s of %.10s: %" PRIu64 " records; what hosts found by it is "
	    "confirmed from now on\n",
	    rows_name(m.rows), made, rows_count(m.rows));
	return CLI_OK;
}
