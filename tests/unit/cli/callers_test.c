/* SPDX-License-Identifier: Apache-2.0 */
/*
 * callers_test - `chaperone token` and `chaperone agents` as programs, against
 * a control socket that the test holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "collector/wire.h"
#include "lib/ipc.h"
#include "lib/str.h"

#include "lib/own.h"

#define WAIT_MS 30000
#define TOKEN "c2VjcmV0c2VjcmV0c2Vjcg.cGlu"

struct world {
	char state[64], path[96];
	int listener;
	pid_t pid;
	int out, err; /* files that the command writes */
	int caller;
	struct ipc_in in;
	uint64_t id;
	struct cur c; /* behind the id of what was asked */
	char said[8192], complained[4096];
};

static const char *
program(void)
{
	static char path[4096];
	const char *bin = getenv("BIN");

	must(str_format(path, sizeof path, "%s/chaperone",
		 bin != NULL ? bin : "build/bin") == 0);
	return path;
}

static int
scratch(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	must(fd >= 0);
	return fd;
}

static void
start(struct world *w, const char *const *words)
{
	const char *argv[16] = {program()};
	size_t n = 1;

	for (; *words != NULL; words++)
		argv[n++] = *words;
	argv[n++] = "--state";
	argv[n++] = w->state;
	w->out = scratch();
	w->err = scratch();
	w->pid = fork();
	must(w->pid >= 0);
	if (w->pid == 0) {
		if (dup2(w->out, 1) < 0 || dup2(w->err, 2) < 0)
			_exit(71);
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
}

static void
read_back(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);

	must(n >= 0);
	out[n] = '\0';
	close(fd);
}

static int
finish(struct world *w)
{
	int status;

	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	w->pid = 0;
	own_close(&w->caller);
	w->caller = -1;
	read_back(w->out, w->said, sizeof w->said);
	read_back(w->err, w->complained, sizeof w->complained);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Takes the caller and its question. */
static void
asked(struct world *w, uint32_t type)
{
	struct pollfd p = {.fd = w->listener, .events = POLLIN};

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	w->caller =
	    accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(w->caller >= 0);
	p.fd = w->caller;
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(ipc_recv(w->caller, &w->in), 1);
	assert_int_equal(w->in.type, type);
	cur_init(&w->c, w->in.data, w->in.len);
	w->id = cur_u64(&w->c);
}

static void
answer(struct world *w, uint32_t err, const char *error, const char *token)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, IPC_MAX);
	buf_put_u64(&b, w->id);
	buf_put_u32(&b, err);
	buf_put_str(&b, error);
	buf_put_str(&b, token);
	assert_int_equal(ipc_send_buf(w->caller, WIRE_DONE, &b, -1), 0);
}

static void
tell_agent(struct world *w, const char *id, const char *host, uint64_t seen)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, IPC_MAX);
	buf_put_u64(&b, w->id);
	buf_put_str(&b, id);
	buf_put_str(&b, host);
	buf_put_str(&b, "enrolled");
	buf_put_u64(&b, UINT64_C(1795500000000000));
	buf_put_u64(&b, seen);
	buf_put_u32(&b, 1);
	buf_put_u64(&b, 1234);
	buf_put_u32(&b, 2);
	assert_int_equal(ipc_send_buf(w->caller, WIRE_AGENT, &b, -1), 0);
}

static bool
no_program(void)
{
	if (access(program(), X_OK) == 0)
		return false;
	print_message("# chaperone is not built\n");
	return true;
}

/* ---- token --------------------------------------------------------------- */

static void
a_token_stands_alone(void **state)
{
	const char *const words[] = {"token", "new", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	start(w, words);
	asked(w, WIRE_TOKEN);
	assert_int_equal(cur_u64(&w->c), 3600);
	assert_int_equal(cur_end(&w->c), 0);
	answer(w, 0, "", TOKEN);
	assert_int_equal(finish(w), 0);
	assert_string_equal(w->said, TOKEN "\n");
	assert_string_equal(w->complained, "");
}

static void
a_token_in_json(void **state)
{
	const char *const words[] = {
	    "token", "new", "--json", "--lifetime", "60", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	start(w, words);
	asked(w, WIRE_TOKEN);
	assert_int_equal(cur_u64(&w->c), 60);
	answer(w, 0, "", TOKEN);
	assert_int_equal(finish(w), 0);
	assert_non_null(
	    strstr(w->said, "{\"token\":\"" TOKEN "\",\"expires\":\"20"));
}

static void
usage(struct world *w, const char *const *words)
{
	start(w, words);
	assert_int_equal(finish(w), 2);
	assert_string_equal(w->said, "");
	assert_non_null(strstr(w->complained, "--help"));
}

static void
words_are_checked(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	usage(w, (const char *[]){"token", NULL});
	usage(w, (const char *[]){"token", "old", NULL});
	usage(w, (const char *[]){"token", "new", "--lifetime", "0", NULL});
	usage(w, (const char *[]){"token", "new", "--lifetime", "x", NULL});
	usage(
	    w, (const char *[]){"token", "new", "--lifetime", "2592001", NULL});
	usage(w, (const char *[]){"agents", NULL});
	usage(w, (const char *[]){"agents", "revoke", NULL});
	usage(w, (const char *[]){"agents", "revoke", "h-1", NULL});
	usage(
	    w, (const char *[]){"agents", "revoke", "h-1", "--why", "", NULL});
	usage(w, (const char *[]){"agents", "list", "h-1", NULL});
}

/* ---- agents -------------------------------------------------------------- */

static void
agents_are_listed(void **state)
{
	const char *const words[] = {"agents", "list", "--json", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	start(w, words);
	asked(w, WIRE_AGENTS);
	assert_int_equal(cur_end(&w->c), 0);
	tell_agent(w, "h-1", "host \"one\"", UINT64_C(1795500001000000));
	tell_agent(w, "h-2", "two", 0);
	answer(w, 0, "", "");
	assert_int_equal(finish(w), 0);
	assert_string_equal(w->said,
	    "{\"agent\":\"h-1\",\"host\":\"host \\\"one\\\"\","
	    "\"state\":\"enrolled\",\"enrolled\":\"2026-11-24T06:00:00.000000Z\""
	    ",\"seen\":\"2026-11-24T06:00:01.000000Z\",\"generation\":1,"
	    "\"entries\":1234,\"alarms\":2}\n"
	    "{\"agent\":\"h-2\",\"host\":\"two\",\"state\":\"enrolled\","
	    "\"enrolled\":\"2026-11-24T06:00:00.000000Z\",\"seen\":null,"
	    "\"generation\":1,\"entries\":1234,\"alarms\":2}\n");
}

/* A host's name is its own word: it does not reach a terminal as it is. */
static void
names_are_escaped(void **state)
{
	const char *const words[] = {"agents", "list", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	start(w, words);
	asked(w, WIRE_AGENTS);
	tell_agent(w, "h-1", "\x1b[2Jone", 0);
	answer(w, 0, "", "");
	assert_int_equal(finish(w), 0);
	assert_null(strchr(w->said, '\x1b'));
	assert_non_null(strstr(w->said, "\\x1b[2Jone"));
	assert_non_null(strstr(w->said, "never"));
	assert_true(str_starts(w->said, "AGENT "));
}

static void
an_agent_is_revoked(void **state)
{
	const char *const words[] = {
	    "agents", "revoke", "h-1", "--why", "the host is sold", NULL};
	struct world *w = *state;
	char agent[80], why[512];

	if (no_program())
		skip();
	start(w, words);
	asked(w, WIRE_REVOKE);
	cur_str(&w->c, agent, sizeof agent);
	cur_str(&w->c, why, sizeof why);
	assert_int_equal(cur_end(&w->c), 0);
	assert_string_equal(agent, "h-1");
	assert_string_equal(why, "the host is sold");
	answer(w, 0, "", "");
	assert_int_equal(finish(w), 0);
	start(w, words);
	asked(w, WIRE_REVOKE);
	answer(w, ENOENT, "there is no such agent", "");
	assert_int_equal(finish(w), 2);
	assert_non_null(strstr(w->complained, "there is no such agent"));
	start(w, words);
	asked(w, WIRE_REVOKE);
	answer(w, EALREADY, "the agent is revoked already", "");
	assert_int_equal(finish(w), 1);
}

/* ---- a collector that does not answer well ------------------------------- */

static void
nobody_answers(void **state)
{
	const char *const words[] = {"token", "new", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	own_close(&w->listener);
	w->listener = -1;
	start(w, words);
	assert_int_equal(finish(w), 6);
	assert_int_equal(unlink(w->path), 0);
	start(w, words);
	assert_int_equal(finish(w), 6);
	assert_non_null(strstr(w->complained, "does it run"));
}

static void
it_hangs_up(void **state)
{
	const char *const words[] = {"agents", "list", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	start(w, words);
	asked(w, WIRE_AGENTS);
	tell_agent(w, "h-1", "one", 0);
	own_close(&w->caller);
	w->caller = -1;
	/* A list that is cut off is no list. */
	assert_int_equal(finish(w), 6);
}

static void
it_talks_nonsense(void **state)
{
	const char *const words[] = {"agents", "list", NULL};
	struct world *w = *state;

	if (no_program())
		skip();
	for (int i = 0; i < 3; i++) {
		start(w, words);
		asked(w, WIRE_AGENTS);
		if (i == 0) {
			assert_int_equal(
			    ipc_send(w->caller, WIRE_AGENT, "x", 1, -1), 0);
		} else if (i == 1) {
			w->id++;
			answer(w, 0, "", "");
		} else {
			assert_int_equal(
			    ipc_send(w->caller, WIRE_TAKEN, NULL, 0, -1), 0);
		}
		assert_int_equal(finish(w), 7);
	}
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (w == NULL)
		return -1;
	*state = w;
	w->caller = -1;
	must(str_copy(w->state, sizeof w->state,
		 "/tmp/chaperone-callers-XXXXXX") == 0);
	must(mkdtemp(w->state) != NULL);
	must(str_format(w->path, sizeof w->path, "%s/control.sock", w->state) ==
	     0);
	must(str_copy(at.sun_path, sizeof at.sun_path, w->path) == 0);
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	must(w->listener >= 0 &&
	     bind(w->listener, (const struct sockaddr *)&at, sizeof at) == 0 &&
	     listen(w->listener, 4) == 0);
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	/* After a test that failed. */
	if (w->pid > 0 && kill(w->pid, SIGKILL) == 0)
		(void)waitpid(w->pid, NULL, 0);
	own_close(&w->caller);
	own_close(&w->listener);
	(void)unlink(w->path);
	must(rmdir(w->state) == 0);
	free(w);
	return 0;
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ONE(a_token_stands_alone),
	    ONE(a_token_in_json),
	    ONE(words_are_checked),
	    ONE(agents_are_listed),
	    ONE(names_are_escaped),
	    ONE(an_agent_is_revoked),
	    ONE(nobody_answers),
	    ONE(it_hangs_up),
	    ONE(it_talks_nonsense),
	};

	return cmocka_run_group_tests_name("cli/callers", tests, NULL, NULL);
}
