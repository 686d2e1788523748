/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources - where sessions come from.
 *
 * Owns: the inotify watches, the session files (a closed one is removed), and
 * the place in sshd's log up to which it was read.
 * Never: believes a file that is not its own user's (root's), or a line longer
 * than LINE_MAX_.
 *
 * The module writes PID-START.open under another name and renames it, and
 * renames it to PID-START.closed at the end.
 *
 * A log that is rotated is read to its end first: its writer may go on in the
 * old file until the new one has a line.
 */
#include "agent/who/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/str.h"

#include "lib/own.h"

#define FILES_EACH_STEP 4096
#define LINE_MAX_ 4096
#define LOG_EACH_STEP (1024 * 1024)
#define LOG_HISTORY (4 * 1024 * 1024) /* read back at the start */

struct sources {
	struct sources_calls calls;
	char dir[2048], log[2048];
	int inotify, dir_watch;
	bool changed; /* the directory has to be read */
	int fd; /* of the log, -1 */
	ino_t ino;
	off_t at;
	bool history;
	char line[LINE_MAX_];
	size_t len;
	bool skip; /* the rest of a line that is too long */
};

/* ---- session files ---- */

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && memcmp(name + n - m, end, m) == 0;
}

static void
take_file(struct sources *s, const char *name)
{
	OWN(buf_done) struct buf text = {0};
	char path[4096], id[64];
	struct session session;
	struct stat st;
	bool open = ends_with(name, ".open");

	if (!open && !ends_with(name, ".closed"))
		return;
	if (str_format(path, sizeof path, "%s/%s", s->dir, name) != 0 ||
	    lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid())
		return;
	buf_init(&text, SESSION_FILE_MAX);
	if (file_read(path, &text, NULL) != 0 ||
	    session_parse(text.data, text.len, &session, NULL) != 0 ||
	    str_copy_len(id, sizeof id, name,
		strlen(name) - strlen(open ? ".open" : ".closed")) != 0)
		return;
	must(str_copy(session.id, sizeof session.id, id) == 0);
	/* One that was closed before it was read has still been open. */
	s->calls.opened(s->calls.ctx, &session);
	if (open)
		return;
	s->calls.closed(s->calls.ctx, id);
	(void)unlink(path);
}

static int
read_dir(struct sources *s)
{
	const struct dirent *e;
	DIR *d = opendir(s->dir);

	if (d == NULL)
		return -errno;
	s->changed = false;
	for (int i = 0; i < FILES_EACH_STEP && (e = readdir(d)) != NULL; i++)
		if (e->d_name[0] != '.')
			take_file(s, e->d_name);
	(void)closedir(d);
	return 0;
}

static int
open_dir(struct sources *s, struct diag *why)
{
	char parent[2048];
	char *slash;
	struct stat st;

	must(str_copy(parent, sizeof parent, s->dir) == 0);
	slash = strrchr(parent, '/');
	if (slash != NULL && slash != parent) {
		*slash = '\0';
		(void)mkdir(parent, 0755);
	}
	if (mkdir(s->dir, 0700) != 0 && errno != EEXIST)
		return diag_set(why, -errno, "%s: %s", s->dir, strerror(errno));
	if (lstat(s->dir, &st) != 0)
		return diag_set(why, -errno, "%s: %s", s->dir, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) != 0)
		return diag_set(why, -EPERM,
		    "%s: must be a directory that only root can write to",
		    s->dir);
	s->dir_watch = inotify_add_watch(s->inotify, s->dir, IN_MOVED_TO);
	if (s->dir_watch < 0)
		return diag_set(why, -errno, "%s: %s", s->dir, strerror(errno));
	return 0;
}

/* ---- sshd's log ---- */

static void
take_text(struct sources *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct session session;

		if (text[i] != '\n') {
			if (s->len < sizeof s->line)
				s->line[s->len++] = text[i];
			else
				s->skip = true;
			continue;
		}
		if (!s->skip &&
		    session_log_line(s->line, s->len, &session) == 1)
			s->calls.opened(s->calls.ctx, &session);
		s->len = 0;
		s->skip = false;
	}
}

static int
open_log(struct sources *s)
{
	struct stat st;

	s->fd = open(s->log, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (s->fd < 0)
		return -errno;
	if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		own_close(&s->fd);
		s->fd = -1;
		return -EINVAL;
	}
	s->ino = st.st_ino;
	s->at = s->history && st.st_size > LOG_HISTORY
		    ? st.st_size - LOG_HISTORY
		    : 0;
	/* Behind a cut the first line is half of one. */
	s->skip = s->at > 0;
	s->len = 0;
	(void)inotify_add_watch(s->inotify, s->log, IN_MODIFY);
	return 0;
}

/* 0 at the end, 1 if more waits, -errno. */
static int
read_on(struct sources *s)
{
	char block[65536];
	ssize_t n = 0;

	for (size_t total = 0; total < LOG_EACH_STEP; total += (size_t)n) {
		n = pread(s->fd, block, sizeof block, s->at);
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		s->at += n;
		take_text(s, block, (size_t)n);
	}
	return 1;
}

/* True if it was cut short in place, or the log goes on in another file. */
static bool
is_replaced(const struct sources *s)
{
	struct stat st;

	return stat(s->log, &st) == 0 &&
	       (st.st_ino == s->ino ? st.st_size < s->at : st.st_size > 0);
}

static int
read_log(struct sources *s)
{
	int r;

	if (s->fd < 0 && (r = open_log(s)) != 0)
		return r == -ENOENT ? 0 : r;
	r = read_on(s);
	if (r != 0 || !is_replaced(s))
		return r < 0 ? r : 0;
	/* What was written behind the last look. */
	r = read_on(s);
	own_close(&s->fd);
	s->fd = -1;
	return r < 0 ? r : 0;
}

/* ---- the door ---- */

int
sources_open(const char *dir, const char *log,
    const struct sources_calls *calls, struct sources **out, struct diag *why)
{
	struct sources *s = calloc(1, sizeof *s);
	int r = 0;

	if (s == NULL)
		return -ENOMEM;
	s->calls = *calls;
	s->fd = s->dir_watch = -1;
	s->history = true;
	s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify < 0)
		r = diag_set(why, -errno, "inotify: %s", strerror(errno));
	if (r == 0 && dir != NULL)
		r = str_copy(s->dir, sizeof s->dir, dir);
	if (r == 0 && log != NULL)
		r = str_copy(s->log, sizeof s->log, log);
	if (r == 0 && dir != NULL) {
		r = open_dir(s, why);
		if (r == 0)
			r = read_dir(s);
	}
	if (r == 0 && log != NULL && read_log(s) != 0)
		r = diag_set(why, -EACCES, "%s: cannot be read", log);
	if (r != 0) {
		sources_close(s);
		return r;
	}
	s->history = false;
	*out = s;
	return 0;
}

void
sources_close(struct sources *s)
{
	if (s == NULL)
		return;
	own_close(&s->inotify);
	own_close(&s->fd);
	free(s);
}

int
sources_fd(const struct sources *s)
{
	return s->inotify;
}

int
sources_step(struct sources *s)
{
	_Alignas(struct inotify_event) char block[16384];
	ssize_t n;
	int r = 0;

	/* What happened there does not matter: the directory tells all. */
	while ((n = read(s->inotify, block, sizeof block)) > 0) {
		const struct inotify_event *e;

		for (size_t at = 0; at < (size_t)n; at += sizeof *e + e->len) {
			e = (const void *)(block + at);
			/* -1: the queue ran over. */
			s->changed |= e->wd == s->dir_watch || e->wd < 0;
		}
	}
	if (s->dir[0] != '\0' && s->changed)
		r = read_dir(s);
	if (r == 0 && s->log[0] != '\0')
		r = read_log(s);
	return r;
}

void
sources_forget(struct sources *s, const char *id)
{
	char path[4096];

	if (s->dir[0] != '\0' && id[0] != '\0' && strchr(id, '/') == NULL &&
	    str_format(path, sizeof path, "%s/%s.open", s->dir, id) == 0)
		(void)unlink(path);
}
