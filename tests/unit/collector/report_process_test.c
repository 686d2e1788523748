/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/roles.c collector/store/schema.c collector/store/project.c collector/store/store.c */
/*
 * report_process_test - chaperone-report as a process, with a supervisor, a
 * front and a store of our own: nothing is shown before it is recorded.
 */
#include "tests/unit/collector/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "collector/roles.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/proc.h"

#include "lib/own.h"

#define WAIT_MS 20000 /* a bound on hanging, not a measure */

struct world {
	char state[48], store_dir[64], sock[64];
	struct scene scene;
	pid_t pid;
	int ctl, front, store;
	struct ipc_in in;
};

static char program[4096];

/* ---- the process ---- */

static int
find_program(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0)
		return -1;
	self[n] = '\0';
	/* build/unit/collector/report_process_test */
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(self, '/');

		if (slash == NULL)
			return -1;
		*slash = '\0';
	}
	return str_format(program, sizeof program, "%s/bin/chaperone-report",
		   self) == 0
		   ? access(program, X_OK)
		   : -1;
}

NORETURN static void
become(int ctl, const char *state)
{
	if (dup2(ctl, PROC_CTL) < 0)
		_exit(71);
	(void)execl(
	    program, program, "--index", "0", "--state", state, (char *)NULL);
	_exit(127);
}

static int
give_link(struct world *w, uint32_t role)
{
	OWN(buf_done) struct buf m = {0};
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	buf_init(&m, 64);
	buf_put_u32(&m, role);
	buf_put_u32(&m, 0);
	assert_int_equal(ipc_send_buf(w->ctl, MESSAGE_PEER, &m, pair[1]), 0);
	close(pair[1]);
	return pair[0];
}

/* The next message on a link, which has to come. */
static void
receive(struct world *w, int fd)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int r = ipc_recv(fd, &w->in);

		if (r == 1)
			return;
		assert_int_equal(r, -EAGAIN);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
}

/* As the collector's first start leaves them (collector/init.c). */
static void
make_files(struct world *w)
{
	const struct role *store = role_find(COLLECTOR_ROLES, ROLE_STORE);
	struct file_mode mode = {.mode = 0640};
	struct diag why = {""};
	char path[96];
	uid_t unused;

	assert_int_equal(role_dir(COLLECTOR_ROLES, store, w->store_dir), 0);
	role_ids(store, &mode.uid, &mode.gid);
	role_ids(role_find(COLLECTOR_ROLES, ROLE_REPORT), &unused, &mode.gid);
	(void)snprintf(path, sizeof path, "%s/collector.db", w->store_dir);
	assert_int_equal(file_write(path, "", 0, &mode, &why), 0);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	int pair[2];

	assert_non_null(w);
	*state = w;
	assert_int_equal(find_program(), 0);
	(void)str_copy(
	    w->state, sizeof w->state, "/tmp/chaperone-report-XXXXXX");
	assert_non_null(mkdtemp(w->state));
	assert_int_equal(chmod(w->state, 0711), 0);
	(void)snprintf(w->store_dir, sizeof w->store_dir, "%s/store", w->state);
	(void)snprintf(w->sock, sizeof w->sock, "%s/report.sock", w->state);
	make_files(w);
	scene_open_at(&w->scene, w->store_dir);
	scene_agent(&w->scene, "a-1", "web1", 0);
	scene_put(&w->scene, "a-1", 10, "file", "provider", "acme", "person",
	    "ann", "grade", "key", "op", "open", "path", "/srv/x", "count",
	    "#1", NULL);
	assert_int_equal(ipc_pair(pair), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0)
		become(pair[1], w->state);
	close(pair[1]);
	w->ctl = pair[0];
	w->front = give_link(w, ROLE_FRONT);
	w->store = give_link(w, ROLE_STORE);
	receive(w, w->ctl);
	assert_int_equal(w->in.type, MESSAGE_READY);
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	int status = 0;

	assert_int_equal(ipc_send(w->ctl, MESSAGE_STOP, NULL, 0, -1), 0);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	own_close(&w->ctl);
	own_close(&w->front);
	own_close(&w->store);
	scene_close(&w->scene);
	(void)unlink(w->sock);
	assert_int_equal(rmdir(w->state), 0);
	free(w);
	return 0;
}

/* ---- questions and answers ---- */

static void
send_ask(int fd, uint64_t id, const char *via, const char *provider)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 4096);
	buf_put_u64(&m, id);
	buf_put_str(&m, "rita");
	buf_put_str(&m, via);
	buf_put_str(&m, "report");
	buf_put_str(&m, provider);
	buf_put_u64(&m, 0);
	buf_put_u64(&m, 0);
	buf_put_str(&m, "json");
	buf_put_str(&m, "");
	assert_int_equal(ipc_send_buf(fd, WIRE_ASK, &m, -1), 0);
}

/* The draft that came to store; its id. */
static uint64_t
take_record(struct world *w, const char *via)
{
	struct draft d;
	struct cur c;
	uint64_t id;
	bool seen = false;

	receive(w, w->store);
	assert_int_equal(w->in.type, WIRE_RECORD);
	cur_init(&c, w->in.data, w->in.len);
	id = cur_u64(&c);
	assert_int_equal(draft_decode(&d, &c), 0);
	assert_int_equal(cur_end(&c), 0);
	assert_string_equal(d.type, "col.access");
	for (size_t i = 0; i < d.nfields; i++) {
		if (str_eq(d.fields[i].name, "user"))
			assert_string_equal(d.fields[i].text, "rita");
		if (!str_eq(d.fields[i].name, "via"))
			continue;
		assert_string_equal(d.fields[i].text, via);
		seen = true;
	}
	assert_true(seen);
	draft_done(&d);
	return id;
}

static void
recorded(struct world *w, uint64_t id, uint32_t err)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	buf_put_u64(&m, id);
	buf_put_u32(&m, err);
	assert_int_equal(ipc_send_buf(w->store, WIRE_RECORDED, &m, -1), 0);
}

/* The answer on a link: its status; the body's text, or NULL. */
static uint32_t
take_answer(struct world *w, int fd, uint64_t id, char **body)
{
	char type[128], error[WIRE_ERROR_MAX];
	uint32_t status;
	struct cur c;
	struct stat st;

	*body = NULL;
	receive(w, fd);
	assert_int_equal(w->in.type, WIRE_ANSWER);
	cur_init(&c, w->in.data, w->in.len);
	assert_int_equal(cur_u64(&c), id);
	status = cur_u32(&c);
	cur_str(&c, type, sizeof type);
	cur_str(&c, error, sizeof error);
	(void)cur_u8(&c);
	assert_int_equal(cur_end(&c), 0);
	assert_int_equal(status == 200, w->in.fd >= 0);
	assert_int_equal(status == 200, error[0] == '\0');
	if (w->in.fd < 0)
		return status;
	assert_string_equal(type, "application/json");
	assert_int_equal(fcntl(w->in.fd, F_GET_SEALS),
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(fstat(w->in.fd, &st), 0);
	*body = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(*body);
	assert_int_equal(read(w->in.fd, *body, (size_t)st.st_size), st.st_size);
	own_close(&w->in.fd);
	return status;
}

static void
nothing_yet(struct world *w, int fd)
{
	assert_int_equal(ipc_recv(fd, &w->in), -EAGAIN);
}

static int
call(const struct world *w)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)str_copy(at.sun_path, sizeof at.sun_path, w->sock);
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
		return fd;
	close(fd);
	return -errno;
}

/* ---- the tests ---- */

static void
recorded_before_it_is_read(void **state)
{
	struct world *w = *state;
	uint64_t id;

	/* Front says that it is the command line, and is not believed. */
	send_ask(w->front, 7, "cli", "acme");
	id = take_record(w, "page");
	nothing_yet(w, w->front);
	recorded(w, id, 0);
	OWN_MEM char *body = NULL;
	assert_int_equal(take_answer(w, w->front, 7, &body), 200);
	assert_non_null(strstr(body, "\"person\":\"ann\""));
}

static void
not_recorded_is_not_shown(void **state)
{
	struct world *w = *state;
	OWN_MEM char *body = NULL;

	send_ask(w->front, 1, "page", "acme");
	recorded(w, take_record(w, "page"), EIO);
	assert_int_equal(take_answer(w, w->front, 1, &body), 503);
	/* An answer to what was not asked changes nothing. */
	recorded(w, 4711, 0);
	recorded(w, 0, 0);
	send_ask(w->front, 2, "page", "acme");
	recorded(w, take_record(w, "page"), 0);
	assert_int_equal(take_answer(w, w->front, 2, &body), 200);
}

static void
without_store_nothing_is_shown(void **state)
{
	struct world *w = *state;
	OWN_MEM char *body = NULL;

	send_ask(w->front, 1, "page", "acme");
	(void)take_record(w, "page");
	own_close(&w->store);
	w->store = -1;
	assert_int_equal(take_answer(w, w->front, 1, &body), 503);
	send_ask(w->front, 2, "page", "acme");
	assert_int_equal(take_answer(w, w->front, 2, &body), 503);
	/* A new store is asked again. */
	w->store = give_link(w, ROLE_STORE);
	for (;;) {
		struct pollfd p[2] = {{.fd = w->store, .events = POLLIN},
		    {.fd = w->front, .events = POLLIN}};

		/* The new link may come behind the question. */
		send_ask(w->front, 3, "page", "acme");
		assert_true(poll(p, 2, WAIT_MS) > 0);
		if (p[0].revents != 0)
			break;
		assert_int_equal(take_answer(w, w->front, 3, &body), 503);
	}
	recorded(w, take_record(w, "page"), 0);
	assert_int_equal(take_answer(w, w->front, 3, &body), 200);
}

static void
answers_find_their_asker(void **state)
{
	struct world *w = *state;
	OWN_FD int root = call(w);
	OWN_FD int gone = call(w);
	uint64_t page, cli, lost;

	assert_true(root >= 0 && gone >= 0);
	send_ask(w->front, 5, "page", "acme");
	page = take_record(w, "page");
	send_ask(root, 5, "page", "acme");
	cli = take_record(w, "cli");
	send_ask(gone, 5, "cli", "acme");
	lost = take_record(w, "cli");
	own_close(&gone);
	gone = -1;
	recorded(w, cli, 0);
	recorded(w, lost, 0);
	OWN_MEM char *one = NULL;
	assert_int_equal(take_answer(w, root, 5, &one), 200);
	nothing_yet(w, w->front);
	recorded(w, page, 0);
	OWN_MEM char *two = NULL;
	assert_int_equal(take_answer(w, w->front, 5, &two), 200);
}

static void
bad_questions_do_no_harm(void **state)
{
	struct world *w = *state;
	OWN_FD int root = call(w);
	char *body = NULL;

	assert_true(root >= 0);
	assert_int_equal(ipc_send(w->front, WIRE_ASK, "12345678", 8, -1), 0);
	receive(w, w->front);
	assert_int_equal(w->in.type, WIRE_ANSWER);
	send_ask(w->front, 6, "page", "");
	assert_int_equal(take_answer(w, w->front, 6, &body), 400);
	/* What is no question ends the connection of who sent it. */
	assert_int_equal(ipc_send(root, WIRE_RECORDED, NULL, 0, -1), 0);
	for (;;) {
		struct pollfd p = {.fd = root, .events = POLLIN};
		int r = ipc_recv(root, &w->in);

		if (r == 0)
			break;
		assert_int_equal(r, -EAGAIN);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
	/* None of it came to store. */
	nothing_yet(w, w->store);
}

static void
others_may_not_call(void **state)
{
	struct world *w = *state;
	struct stat st;
	int status;
	pid_t pid;

	assert_int_equal(stat(w->sock, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(setgid(65534) == 0 && setuid(65534) == 0 &&
			      call(w) == -EACCES
			  ? 0
			  : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
it_cannot_write_the_store(void **state)
{
	static const char *const FILES[] = {"", "-wal", "-shm"};
	struct world *w = *state;
	uid_t unused;
	gid_t reader;

	if (geteuid() != 0)
		skip();
	role_ids(role_find(COLLECTOR_ROLES, ROLE_REPORT), &unused, &reader);
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		char path[128];
		struct stat st;

		(void)snprintf(
		    path, sizeof path, "%s%s", w->scene.path, FILES[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_gid, reader);
		assert_int_equal(st.st_mode & 07777, 0640);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(recorded_before_it_is_read),
	    TEST(not_recorded_is_not_shown),
	    TEST(without_store_nothing_is_shown),
	    TEST(answers_find_their_asker),
	    TEST(bad_questions_do_no_harm),
	    TEST(others_may_not_call),
	    TEST(it_cannot_write_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
