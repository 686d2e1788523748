/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-confirm - the process with the tables of exact data match and the
 * keys that open candidates.
 *
 * Owns: STATE/confirm: NAME-ID.table (lib/rows.h) and NAME-ID.key of each index
 * that `chaperone edm import` brought, and when they are read again.
 * Never: talks to anybody but store; answers with more than counts and marks:
 * neither a value nor a digest that the index key could make leaves it.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/config.h"
#include "collector/roles.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	TABLES_MAX = 64,
	NAMES_MAX = 4096, /* entries of the directory that are looked at */
	GROUP_MAX = 64, /* questions before the other links are looked at */
	LOOK_MS = 1000, /* between two looks at the directory */
	SEND_WAIT_MS = 5000,
	PATH_SIZE = 4096,
};
/* A change that is younger may be followed by one with the same time. */
#define YOUNG_US INT64_C(2000000)
#define END ".table"

struct table {
	struct rows_table *rows; /* owned */
	struct seal_box_key *key; /* owned */
};

struct confirm {
	struct proc proc;
	char dir[PATH_SIZE];
	struct table tables[TABLES_MAX];
	size_t ntables;
	struct timespec changed; /* of the directory, when it was read */
	bool young, told;
};

static struct confirm self;

/* ---- the tables ---- */

static void
forget(void)
{
	for (size_t i = 0; i < self.ntables; i++) {
		rows_close(self.tables[i].rows);
		seal_box_key_free(self.tables[i].key);
	}
	self.ntables = 0;
}

/* NAME-ID.table with its key; one that is bad is told and left out. */
static void
take_table(const char *name)
{
	OWN(rows_closep) struct rows_table *rows = NULL;
	OWN(seal_box_key_freep) struct seal_box_key *key = NULL;
	size_t stem = strlen(name) - strlen(END);
	char path[PATH_SIZE];
	struct diag why = {""};
	int r;

	if (self.ntables == TABLES_MAX) {
		log_warn("%s: more than %d tables", self.dir, TABLES_MAX);
		return;
	}
	r = str_format(path, sizeof path, "%s/%s", self.dir, name);
	if (r == 0)
		r = rows_open(path, &rows, &why);
	if (r == 0)
		r = str_format(path, sizeof path, "%s/%.*s.key", self.dir,
		    (int)stem, name);
	if (r == 0)
		r = seal_box_key_load(path, &key, &why);
	if (r != 0) {
		log_warn("a table is left out: %s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
		return;
	}
	self.tables[self.ntables++] =
	    (struct table){OWN_TAKE(&rows), OWN_TAKE(&key)};
}

static void
read_tables(void)
{
	const struct dirent *e;
	DIR *d = opendir(self.dir);

	forget();
	self.told = false;
	if (d == NULL) {
		log_warn("%s: %s", self.dir, strerror(errno));
		return;
	}
	for (unsigned i = 0; i < NAMES_MAX && (e = readdir(d)) != NULL; i++) {
		size_t n = strlen(e->d_name);

		if (e->d_name[0] != '.' && n > strlen(END) &&
		    str_eq(e->d_name + n - strlen(END), END))
			take_table(e->d_name);
	}
	(void)closedir(d);
	log_note("tables for exact data match: %zu", self.ntables);
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Reads the tables again if the directory was changed. */
static void
look(void)
{
	int64_t now = clock_now().wall_us;
	struct stat st;

	if (stat(self.dir, &st) != 0)
		return;
	if (same_time(&st.st_mtim, &self.changed) && !self.young)
		return;
	self.changed = st.st_mtim;
	self.young = now - (int64_t)st.st_mtim.tv_sec * 1000000 < YOUNG_US &&
		     now >= (int64_t)st.st_mtim.tv_sec * 1000000;
	read_tables();
}

static const struct table *
table_of(const uint8_t id[EXACT_ID])
{
	for (size_t i = 0; i < self.ntables; i++)
		if (memcmp(rows_id(self.tables[i].rows), id, EXACT_ID) == 0)
			return &self.tables[i];
	return NULL;
}

/* ---- questions ---- */

/* Returns 0, -ENOENT without that table, -EBADMSG if its key does not open. */
static int
judge(const char *sealed, struct rows_verdict *v)
{
	struct exact_sealed s;
	struct exact_head head;
	const struct table *t;
	int r = exact_head(sealed, &head);

	if (r != 0)
		return r;
	t = table_of(head.id);
	if (t == NULL)
		return -ENOENT;
	r = exact_open(t->key, sealed, &s);
	if (r == 0)
		r = rows_confirm(t->rows, t->key, &s, v);
	explicit_bzero(&s, sizeof s);
	return r;
}

static int
answer(struct proc_peer *store, struct cur *in)
{
	OWN(buf_done) struct buf b = {0};
	char sealed[EXACT_SEALED_MAX + 1];
	struct rows_verdict v = {0};
	uint64_t id = cur_u64(in);
	int r;

	cur_str(in, sealed, sizeof sealed);
	if (cur_end(in) != 0)
		return -EBADMSG;
	r = judge(sealed, &v);
	buf_init(&b, 1024);
	buf_put_u64(&b, id);
	buf_put_u32(&b, (uint32_t)-r);
	buf_put_u32(&b, v.candidates);
	buf_put_blob(&b, v.marks, (size_t)v.confirmed * ROWS_MARK);
	if (buf_error(&b) != 0)
		return buf_error(&b);
	return ipc_send_wait(
	    store->fd, WIRE_CONFIRMED, b.data, b.len, -1, SEND_WAIT_MS);
}

static void
serve(struct proc_peer *store)
{
	for (unsigned i = 0; i < GROUP_MAX; i++) {
		struct cur c;
		int r = ipc_recv(store->fd, self.proc.in);

		if (r == -EAGAIN)
			return;
		if (r == 1) {
			own_close(&self.proc.in->fd);
			cur_init(&c, self.proc.in->data, self.proc.in->len);
			r = self.proc.in->type == WIRE_CONFIRM
				? answer(store, &c)
				: -EBADMSG;
		} else {
			r = -EPIPE;
		}
		if (r != 0) {
			proc_peer_lost(store);
			return;
		}
	}
}

/* After each change, and to each store that is new, how many tables there are:
 * what waited for one is asked again. */
static void
tell(struct proc_peer *store)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 16);
	buf_put_u32(&b, (uint32_t)self.ntables);
	if (buf_error(&b) != 0 || ipc_send_wait(store->fd, WIRE_TABLES, b.data,
				      b.len, -1, SEND_WAIT_MS) != 0)
		proc_peer_lost(store);
	self.told = true;
}

static void
loop(void)
{
	while (!self.proc.stopping) {
		struct proc_peer *store = proc_peer(&self.proc, ROLE_STORE, 0);
		struct pollfd p[2] = {{.fd = self.proc.ctl, .events = POLLIN},
		    {.fd = store == NULL ? -1 : store->fd, .events = POLLIN}};

		if (store != NULL && store->fd >= 0 && !self.told)
			tell(store);
		if (poll(p, 2, LOOK_MS) < 0 && errno != EINTR)
			return;
		look();
		if (p[0].revents != 0) {
			if (proc_step(&self.proc))
				self.told = false;
		} else if (p[1].revents != 0 && store != NULL &&
			   store->fd >= 0) {
			serve(store);
		}
	}
}

int
main(int argc, char **argv)
{
	struct config_args args = {0};
	struct jail_taken taken;
	struct diag why = {""};
	struct jail j;

	config_args(&args, argc, argv);
	proc_init(&self.proc, "chaperone-confirm");
	must(args.state != NULL);
	must(str_format(self.dir, sizeof self.dir, "%s/confirm", args.state) ==
	     0);
	j = role_jail(role_find(COLLECTOR_ROLES, ROLE_CONFIRM), self.dir);
	if (jail_enter(&j, &taken, &why) != 0) {
		log_error("%s", why.text);
		return 1;
	}
	look();
	proc_ready(&self.proc, "");
	loop();
	forget();
	free(self.proc.in);
	return 0;
}
