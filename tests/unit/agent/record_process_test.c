/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/outbox.c agent/roles.c */
/*
 * record_process_test - chaperone-record as a process, with a supervisor, a
 * writer and a ship of our own: killed at random, on a full and a broken disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/outbox.h"
#include "agent/roles.h"
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/ipc.h"
#include "lib/ledger.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define KILLS 50
#define WAIT_MS 20000 /* a bound on hanging, not a measure */

static char program[4096];
static char state_dir[64];
static char log_path[128];

/* The process, and our ends. */
static pid_t pid;
static int ctl, writer_fd, ship_fd;
static bool disk_full;
static uint64_t heard; /* messages of the process to the writer */
static struct ipc_in in;
static uint64_t seed;

/* A small generator, so that a failure can be told by its seed. */
static uint64_t
dice(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static int
find_program(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0)
		return -1;
	self[n] = '\0';
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(self, '/');

		if (slash == NULL)
			return -1;
		*slash = '\0';
	}
	return str_format(program, sizeof program, "%s/bin/chaperone-record",
		   self) == 0
		   ? access(program, X_OK)
		   : -1;
}

static int
give(const char *path)
{
	const struct role *r = role_find(AGENT_ROLES, ROLE_RECORD);
	uid_t uid;
	gid_t gid;

	role_ids(r, &uid, &gid);
	return geteuid() == 0 ? chown(path, uid, gid) : 0;
}

static int
setup(void **state UNUSED)
{
	char dir[96];

	pid = 0;
	ctl = writer_fd = ship_fd = -1;
	disk_full = false;
	rng_fill(&seed, sizeof seed);
	seed |= 1;
	(void)str_copy(state_dir, sizeof state_dir, "/tmp/record_test.XXXXXX");
	if (find_program() != 0 || mkdtemp(state_dir) == NULL ||
	    chmod(state_dir, 0711) != 0)
		return -1;
	(void)str_format(dir, sizeof dir, "%s/record", state_dir);
	(void)str_format(log_path, sizeof log_path, "%s/log.db", dir);
	return mkdir(dir, 0700) != 0 || give(dir) != 0 ? -1 : 0;
}

static int
remove_one(const char *p, const struct stat *st UNUSED, int flag UNUSED,
    struct FTW *f UNUSED)
{
	return remove(p);
}

static int
teardown(void **state UNUSED)
{
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	own_close(&ctl);
	own_close(&writer_fd);
	own_close(&ship_fd);
	return nftw(state_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- the supervisor ---- */

NORETURN static void
become(int fd, uint64_t file_max)
{
	struct rlimit limit = {file_max, file_max};
	char *argv[] = {
	    program, (char *)(uintptr_t) "--state", state_dir, NULL};

	if (file_max > 0) {
		/* A write over the limit fails instead. */
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(70);
	}
	if (fd == PROC_CTL ? fcntl(fd, F_SETFD, 0) != 0
			   : dup2(fd, PROC_CTL) < 0)
		_exit(71);
	(void)execv(program, argv);
	_exit(127);
}

static int
make_link(uint32_t role)
{
	OWN(buf_done) struct buf m = {0};
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	buf_init(&m, 16);
	buf_put_u32(&m, role);
	buf_put_u32(&m, 0);
	assert_int_equal(ipc_send_buf(ctl, MESSAGE_PEER, &m, pair[0]), 0);
	close(pair[0]);
	return pair[1];
}

static void
start(struct outbox *box, uint64_t file_max)
{
	int pair[2];

	own_close(&ctl);
	own_close(&writer_fd);
	own_close(&ship_fd);
	assert_int_equal(ipc_pair(pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		become(pair[1], file_max);
	close(pair[1]);
	ctl = pair[0];
	writer_fd = make_link(ROLE_WATCH);
	ship_fd = make_link(ROLE_SHIP);
	outbox_link(box, writer_fd);
}

/* What the process tells; the one thing that a test waits for is a note. */
static void
read_ctl(void)
{
	while (ipc_recv(ctl, &in) == 1) {
		char name[64], value[600];
		struct cur c;

		cur_init(&c, in.data, in.len);
		cur_str(&c, name, sizeof name);
		cur_str(&c, value, sizeof value);
		if (in.type == MESSAGE_NOTE && str_eq(name, "disk"))
			disk_full = !str_eq(value, "ok");
	}
}

static void
kill_it(void)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = 0;
	/* It did not end before we ended it. */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
stop(void)
{
	int status;

	assert_int_equal(ipc_send(ctl, MESSAGE_STOP, NULL, 0, -1), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the writer ---- */

static void
put(struct outbox *box, const char *type, uint64_t number)
{
	char text[32];
	struct draft d;

	draft_init(&d, type, (struct stamp){.boot_us = number, .wall_us = 1});
	(void)str_format(
	    text, sizeof text, "p%llu", (unsigned long long)number);
	draft_text(&d, "person", text);
	draft_text(&d, "path", "/srv/customers/2026/list of people.csv");
	assert_int_equal(draft_error(&d), 0);
	outbox_put(box, &d);
}

/* One turn of the writer's loop; false at the end of the link. */
static bool
pump(struct outbox *box, int ms)
{
	bool room = outbox_flush(box);
	struct pollfd p[2] = {
	    {.fd = writer_fd, .events = (short)(POLLIN | (room ? POLLOUT : 0))},
	    {.fd = ctl, .events = POLLIN}};
	int r;

	(void)poll(p, 2, ms);
	read_ctl();
	while ((r = ipc_recv(writer_fd, &in)) == 1) {
		own_close(&in.fd);
		heard++;
		assert_int_equal(
		    outbox_message(box, in.type, in.data, in.len), 0);
	}
	return r == -EAGAIN;
}

static void
pump_all(struct outbox *box)
{
	uint64_t began = clock_boot_us(), before = heard;

	while (!outbox_empty(box)) {
		assert_true(pump(box, 100));
		/* As long as it answers it may take its time. */
		if (heard != before)
			began = clock_boot_us();
		before = heard;
		assert_true(clock_boot_us() - began < WAIT_MS * 1000ull);
	}
}

/* ---- what is in the log afterwards ---- */

struct found {
	uint64_t next; /* number of the next entry of ours */
	uint64_t lost; /* that cov.loss entries tell */
	uint64_t others;
};

static void
take_facts(struct found *f, const struct facts *facts)
{
	char want[32];
	int64_t lost = 0;

	if (str_starts(facts->type, "cov.")) {
		f->others++;
		if (facts_int(facts, "lost", &lost) == 0)
			f->lost += (uint64_t)lost;
		return;
	}
	(void)str_format(
	    want, sizeof want, "p%llu", (unsigned long long)facts->at.boot_us);
	assert_string_equal(facts_text(facts, "person"), want);
	assert_int_equal(facts->at.boot_us, f->next);
	f->next++;
}

static void
read_vkey(struct vkey *v)
{
	OWN(buf_done) struct buf text = {0};
	char path[160];

	(void)str_format(path, sizeof path, "%s/record/log.vkey", state_dir);
	buf_init(&text, 1024);
	assert_int_equal(file_read(path, &text, NULL), 0);
	text.len--; /* the newline */
	assert_int_equal(vkey_parse(buf_text(&text), v), 0);
}

/* One generation: every leaf hashes to the tree whose root was signed. */
static void
check_gen(uint32_t gen, struct found *f, bool whole)
{
	OWN(ledger_closep) struct ledger *l = NULL;
	OWN(buf_done) struct buf note = {0};
	struct merkle m;
	struct checkpoint c;
	struct vkey v;
	uint64_t size = 0;

	assert_int_equal(ledger_open_gen(log_path, gen, &l, NULL), 0);
	buf_init(&note, NOTE_MAX);
	read_vkey(&v);
	assert_int_equal(ledger_note(l, 0, UINT64_MAX, &note, &size), 0);
	assert_int_equal(
	    note_verify((char *)note.data, note.len, &v, NULL, NULL), 0);
	assert_int_equal(
	    checkpoint_parse((char *)note.data, note.len, &c, NULL), 0);
	if (whole)
		assert_int_equal(size, ledger_size(l));
	merkle_init(&m);
	for (uint64_t seq = 0; seq < ledger_size(l); seq++) {
		struct entry e = {0};
		uint8_t hash[SEAL_HASH], root[SEAL_HASH];
		struct facts facts;

		assert_int_equal(ledger_read(l, seq, &e), 0);
		assert_int_equal(
		    entry_open(e.leaf.data, e.leaf.len, e.disclosures,
			e.ndisclosures, &facts, NULL),
		    0);
		assert_int_equal(facts.seq, seq);
		assert_int_equal(facts.gen, gen);
		take_facts(f, &facts);
		facts_done(&facts);
		merkle_leaf(e.leaf.data, e.leaf.len, hash);
		merkle_append(&m, hash);
		entry_done(&e);
		if (m.size == size) {
			merkle_root(&m, root);
			assert_memory_equal(root, c.root, SEAL_HASH);
		}
	}
}

/* ---- the collector behind ship ---- */

struct collector {
	uint32_t gen;
	uint64_t next;
	struct merkle tree;
	struct vkey log, cosign;
	struct seal_key *key;
	struct buf last; /* note */
	struct found found;
};

static void
enrol(struct collector *c)
{
	const struct file_mode mode = {
	    .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1};
	OWN(buf_done) struct buf text = {0};
	uint8_t public[SEAL_PUBLIC];
	char path[160];

	*c = (struct collector){.found = {.next = 1}};
	buf_init(&c->last, NOTE_MAX);
	read_vkey(&c->log);
	assert_int_equal(seal_key_new(&c->key), 0);
	seal_key_public(c->key, public);
	assert_int_equal(
	    vkey_init(&c->cosign, "collector", NOTE_COSIGNATURE, public), 0);
	buf_init(&text, 1024);
	vkey_print(&c->cosign, &text);
	buf_put_u8(&text, '\n');
	(void)str_format(path, sizeof path, "%s/record/cosign.vkey", state_dir);
	assert_int_equal(file_write(path, text.data, text.len, &mode, NULL), 0);
}

static void
want(uint64_t first)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 8);
	buf_put_u64(&m, first);
	assert_int_equal(ipc_send_buf(ship_fd, MESSAGE_WANT, &m, -1), 0);
}

static void
send_receipt(const void *note, size_t len)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_blob(&m, note, len);
	assert_int_equal(ipc_send_buf(ship_fd, MESSAGE_RECEIPT, &m, -1), 0);
}

/* Judges a batch as the collector does, and cosigns what it holds then. */
static void
take_batch(struct collector *c, const struct batch *b, bool receipt)
{
	OWN(buf_done) struct buf note = {0};
	struct checkpoint cp;
	uint8_t root[SEAL_HASH];

	if (b->gen != c->gen) {
		assert_int_equal(b->gen, c->gen + 1);
		c->gen++;
		c->next = 0;
		merkle_init(&c->tree);
	}
	assert_int_equal(b->first, c->next);
	assert_string_equal(b->origin, c->log.name);
	assert_int_equal(
	    note_verify(b->note, b->note_len, &c->log, NULL, NULL), 0);
	assert_int_equal(checkpoint_parse(b->note, b->note_len, &cp, NULL), 0);
	assert_int_equal(cp.size, b->first + b->count);
	for (uint32_t i = 0; i < b->count; i++) {
		const struct batch_entry *e = &b->entries[i];
		uint8_t hash[SEAL_HASH];
		struct facts f;

		merkle_leaf(e->leaf, e->len, hash);
		merkle_append(&c->tree, hash);
		assert_int_equal(entry_open(e->leaf, e->len, e->disclosures,
				     e->ndisclosures, &f, NULL),
		    0);
		assert_int_equal(f.seq, b->first + i);
		take_facts(&c->found, &f);
		facts_done(&f);
	}
	merkle_root(&c->tree, root);
	assert_memory_equal(root, cp.root, SEAL_HASH);
	c->next = cp.size;
	buf_reset(&c->last);
	buf_put(&c->last, b->note, b->note_len);
	if (!receipt)
		return;
	buf_init(&note, NOTE_MAX);
	buf_put(&note, b->note, b->note_len);
	assert_int_equal(note_cosign(&note, &c->cosign, c->key, 1), 0);
	send_receipt(note.data, note.len);
}

/* The answer to a want that was sent. */
static void
get_batch(struct collector *c, bool receipt)
{
	struct pollfd p = {.fd = ship_fd, .events = POLLIN};
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	OWN(batch_done) struct batch b = {0};
	struct stat st;
	struct cur cur;
	void *map;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(ipc_recv(ship_fd, &in), 1);
	assert_int_equal(in.type, MESSAGE_BATCH);
	assert_true(in.fd >= 0);
	assert_int_equal(fcntl(in.fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(fstat(in.fd, &st), 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, in.fd, 0);
	assert_true(map != MAP_FAILED);
	assert_int_equal(batch_parse(map, (size_t)st.st_size, &b, NULL), 0);
	cur_init(&cur, in.data, in.len);
	assert_int_equal(cur_u64(&cur), b.first);
	assert_int_equal(cur_u64(&cur), b.count);
	close(in.fd);
	take_batch(c, &b, receipt);
	(void)munmap(map, (size_t)st.st_size);
}

/* ---- tests ---- */

static void
test_files(void **state UNUSED)
{
	struct outbox *box;
	struct stat st;
	char path[160];
	struct vkey v;

	assert_int_equal(outbox_new("watch", &box), 0);
	start(box, 0);
	put(box, "finding", 1);
	pump_all(box);
	stop();
	(void)str_format(path, sizeof path, "%s/record/log.key", state_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	(void)str_format(path, sizeof path, "%s/record/tag.key", state_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 44);
	(void)str_format(path, sizeof path, "%s/record/log.vkey", state_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	read_vkey(&v);
	assert_int_equal(v.type, NOTE_ED25519);
	check_gen(0, &(struct found){.next = 1}, true);
	outbox_free(box);
}

static void
test_killed(void **state UNUSED)
{
	struct found f = {.next = 1};
	struct outbox *box;
	uint64_t n = 0;

	print_message("seed %llu\n", (unsigned long long)seed);
	assert_int_equal(outbox_new("watch", &box), 0);
	for (int round = 0; round < KILLS; round++) {
		uint64_t turns = dice(40);

		start(box, 0);
		for (uint64_t t = 0; t < turns; t++) {
			for (uint64_t i = dice(30); i > 0; i--)
				put(box, "finding", ++n);
			assert_true(pump(box, (int)dice(6)));
		}
		kill_it();
		outbox_link(box, -1);
	}
	start(box, 0);
	put(box, "finding", ++n);
	pump_all(box);
	stop();
	check_gen(0, &f, true);
	assert_int_equal(f.next, n + 1);
	assert_int_equal(f.others, 0);
	print_message("%llu entries, %d kills\n", (unsigned long long)n, KILLS);
	outbox_free(box);
}

static void
receipted(uint64_t want_size)
{
	uint64_t began = clock_boot_us(), size = 0;
	int64_t at;

	for (;;) {
		OWN(ledger_closep) struct ledger *l = NULL;

		assert_int_equal(ledger_open_read(log_path, &l, NULL), 0);
		if (ledger_receipted(l, &size, &at) == 0 && size == want_size)
			return;
		assert_true(clock_boot_us() - began < WAIT_MS * 1000ull);
		(void)poll(NULL, 0, 20);
	}
}

/* A backlog arrives whole, then what is new; receipts are kept or refused. */
static void
test_ship(void **state UNUSED)
{
	OWN(buf_done) struct buf note = {0};
	struct collector c;
	struct outbox *box;
	uint64_t n = 0;
	struct seal_key *other;
	struct vkey v;
	uint8_t public[SEAL_PUBLIC];

	assert_int_equal(outbox_new("watch", &box), 0);
	start(box, 0);
	while (n < 3000)
		put(box, "finding", ++n);
	pump_all(box);
	stop();
	start(box, 0);
	enrol(&c);
	want(0);
	get_batch(&c, true);
	/* Once more from the beginning, as after a lost answer. */
	c.next = 0;
	c.found.next = 1;
	merkle_init(&c.tree);
	while (c.next < n) {
		want(c.next);
		get_batch(&c, true);
	}
	assert_int_equal(c.found.next, n + 1);
	receipted(n);
	/* Asked before it is there: answered once it is. */
	want(n);
	put(box, "finding", ++n);
	pump_all(box);
	get_batch(&c, false);
	assert_int_equal(c.next, n);
	/* Receipts of somebody else, of another tree, and no note at all. */
	assert_int_equal(seal_key_new(&other), 0);
	seal_key_public(other, public);
	assert_int_equal(
	    vkey_init(&v, "collector", NOTE_COSIGNATURE, public), 0);
	buf_init(&note, NOTE_MAX);
	buf_put(&note, c.last.data, c.last.len);
	assert_int_equal(note_cosign(&note, &v, other, 1), 0);
	send_receipt(note.data, note.len);
	seal_key_free(other);
	buf_reset(&note);
	buf_put(&note, c.last.data, c.last.len);
	assert_int_equal(note_cosign(&note, &c.cosign, c.key, 1), 0);
	note.data[strlen(c.log.name) + 8] ^= 1;
	send_receipt(note.data, note.len);
	send_receipt("nonsense", 8);
	put(box, "finding", ++n);
	want(c.next);
	pump_all(box);
	get_batch(&c, true);
	receipted(n);
	stop();
	seal_key_free(c.key);
	buf_done(&c.last);
	outbox_free(box);
}

/* A disk whose writes fail: generation after generation, and nothing is lost
 * or doubled; ship gets each to its end. */
static void
test_broken_disk(void **state UNUSED)
{
	OWN(ledger_closep) struct ledger *l = NULL;
	struct found f = {.next = 1};
	struct collector c;
	struct outbox *box;
	uint64_t n = 0;
	uint32_t gen;

	assert_int_equal(outbox_new("watch", &box), 0);
	start(box, 2 * 1024 * 1024);
	while (n < 4000) {
		put(box, "finding", ++n);
		if (n % 100 == 0)
			assert_true(pump(box, 0));
	}
	pump_all(box);
	stop();
	assert_int_equal(ledger_open_read(log_path, &l, NULL), 0);
	gen = ledger_gen(l);
	assert_true(gen >= 1);
	print_message("%u generations\n", gen + 1);
	for (uint32_t g = 0; g <= gen; g++)
		check_gen(g, &f, false);
	assert_int_equal(f.next, n + 1);
	assert_int_equal(f.others, gen); /* each says why it began */
	start(box, 0);
	enrol(&c);
	want(0);
	get_batch(&c, true);
	while (c.found.next < n + 1) {
		want(c.next);
		get_batch(&c, true);
	}
	assert_int_equal(c.gen, gen);
	assert_int_equal(c.found.others, gen);
	/* The process is another one, and so is ship's place: it goes on in
	 * the last one, since all others are receipted to their ends. */
	receipted(c.next);
	kill_it();
	start(box, 0);
	want(0);
	c.next = 0;
	merkle_init(&c.tree);
	c.found.next = 0;
	{
		struct entry e = {0};
		struct facts facts;

		/* The first of ours in that generation. */
		assert_int_equal(ledger_read(l, 1, &e), 0);
		assert_int_equal(
		    entry_open(e.leaf.data, e.leaf.len, e.disclosures,
			e.ndisclosures, &facts, NULL),
		    0);
		c.found.next = facts.at.boot_us;
		facts_done(&facts);
		entry_done(&e);
	}
	get_batch(&c, false);
	stop();
	seal_key_free(c.key);
	buf_done(&c.last);
	outbox_free(box);
}

/* ---- writers that do what they must not ---- */

static void
send_hello(int fd, const char *source)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	buf_put_str(&m, source);
	buf_put_u64(&m, 1);
	assert_int_equal(ipc_send_buf(fd, MESSAGE_HELLO, &m, -1), 0);
}

static void
send_number(int fd, uint64_t number, uint64_t place)
{
	OWN(buf_done) struct buf m = {0};
	struct draft d;

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, number);
	draft_init(
	    &d, "finding", (struct stamp){.boot_us = place, .wall_us = 1});
	draft_text(&d, "person", place == 1 ? "p1" : "p2");
	if (place > 0)
		draft_encode(&d, &m);
	else
		buf_put_str(&m, "no draft");
	draft_done(&d);
	assert_int_equal(ipc_send_buf(fd, MESSAGE_APPEND, &m, -1), 0);
}

/* The next message, or 0 at the end of the link. */
static uint32_t
answer(int fd, uint64_t *number)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct cur c;
	int r;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	r = ipc_recv(fd, &in);
	if (r <= 0)
		return 0;
	cur_init(&c, in.data, in.len);
	*number = cur_u64(&c);
	return in.type;
}

static void
test_bad_writers(void **state UNUSED)
{
	static const uint8_t NONE[OUTBOX_TAG_KEY];
	struct found f = {.next = 1};
	struct outbox *box;
	uint64_t n = 9;
	int fd;

	assert_int_equal(outbox_new("watch", &box), 0);
	start(box, 0);
	outbox_link(box, -1);
	/* Another's name. */
	fd = make_link(ROLE_WATCH);
	send_hello(fd, "supervise");
	assert_int_equal(answer(fd, &n), 0);
	close(fd);
	/* A draft before the greeting. */
	fd = make_link(ROLE_WATCH);
	send_number(fd, 1, 1);
	assert_int_equal(answer(fd, &n), 0);
	close(fd);
	/* A message of another protocol. */
	fd = make_link(ROLE_WATCH);
	assert_int_equal(ipc_send(fd, MESSAGE_JOB, "x", 1, -1), 0);
	assert_int_equal(answer(fd, &n), 0);
	close(fd);
	/* A good draft, one that is none, a good one: three numbers. */
	fd = make_link(ROLE_WATCH);
	send_hello(fd, "watch");
	assert_int_equal(answer(fd, &n), MESSAGE_HELLO);
	assert_int_equal(n, 0);
	assert_memory_not_equal(in.data + 8, NONE, sizeof NONE);
	send_number(fd, 1, 1);
	send_number(fd, 2, 0);
	send_number(fd, 3, 2);
	while (n < 3)
		assert_int_equal(answer(fd, &n), MESSAGE_APPENDED);
	/* A number that was there. */
	send_number(fd, 3, 2);
	assert_int_equal(answer(fd, &n), 0);
	close(fd);
	/* The supervisor's link gets no key of tags. */
	fd = make_link(ROLE_SUPERVISE);
	send_hello(fd, "supervise");
	assert_int_equal(answer(fd, &n), MESSAGE_HELLO);
	assert_memory_equal(in.data + 8, NONE, sizeof NONE);
	close(fd);
	stop();
	check_gen(0, &f, true);
	assert_int_equal(f.next, 3);
	assert_int_equal(f.lost, 1);
	outbox_free(box);
}

/* ---- a disk without room ---- */

static int
mount_small(void)
{
	char options[64];
	const struct role *r = role_find(AGENT_ROLES, ROLE_RECORD);
	char dir[96];
	uid_t uid;
	gid_t gid;

	role_ids(r, &uid, &gid);
	(void)str_format(dir, sizeof dir, "%s/record", state_dir);
	(void)str_format(options, sizeof options,
	    "size=16m,mode=700,uid=%u,gid=%u", (unsigned)uid, (unsigned)gid);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	return mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options);
}

/* Leaves @left bytes of room. */
static void
fill_disk(const char *path, uint64_t left)
{
	OWN_FD int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	char chunk[4096] = {0};

	assert_true(fd >= 0);
	while (write(fd, chunk, sizeof chunk) == (ssize_t)sizeof chunk)
		;
	if (left > 0) {
		off_t end = lseek(fd, 0, SEEK_END);

		assert_int_equal(ftruncate(fd, end - (off_t)left), 0);
	}
}

static void
test_full_disk(void **state UNUSED)
{
	struct found f = {.next = 1};
	struct outbox *box;
	uint64_t n = 0, refused = 0, began;
	char filler[160], dir[96];

	if (geteuid() != 0 || mount_small() != 0) {
		print_message("needs root: mounts a small file system\n");
		skip();
	}
	(void)str_format(dir, sizeof dir, "%s/record", state_dir);
	(void)str_format(filler, sizeof filler, "%s/filler", dir);
	assert_int_equal(outbox_new("watch", &box), 0);
	start(box, 0);
	while (n < 300)
		put(box, "finding", ++n);
	pump_all(box);
	stop();
	/* Little room: bulk is refused and counted, the rest goes on. */
	fill_disk(filler, 600 * 1024);
	start(box, 0);
	for (; refused < 40; refused++)
		put(box, "file", 0);
	put(box, "finding", ++n);
	pump_all(box);
	/* None at all: everything waits. */
	assert_int_equal(unlink(filler), 0);
	fill_disk(filler, 0);
	began = clock_boot_us();
	while (!disk_full) {
		put(box, "finding", ++n);
		assert_true(pump(box, 5));
		assert_true(clock_boot_us() - began < WAIT_MS * 1000ull);
	}
	for (int i = 0; i < 500; i++)
		put(box, "finding", ++n);
	assert_true(pump(box, 50));
	assert_false(outbox_empty(box));
	assert_int_equal(unlink(filler), 0);
	pump_all(box);
	assert_false(disk_full);
	stop();
	check_gen(0, &f, true);
	assert_int_equal(f.next, n + 1);
	assert_int_equal(f.lost, refused);
	outbox_free(box);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_files),
	    T(test_killed),
	    T(test_ship),
	    T(test_broken_disk),
	    T(test_bad_writers),
	    T(test_full_disk),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
