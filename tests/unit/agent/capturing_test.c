/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/config.c */
/*
 * capturing_test - chaperone-capture itself, in its jail, between a hub and an
 * inspector that this test plays, in a network namespace of the test's own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/roles.h"
#include "lib/buf.h"
#include "lib/flow.h"
#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/proc.h"

#include "lib/own.h"

#define WAIT_MS 20000

static struct ipc_in in;

struct world {
	char dir[64];
	pid_t pid;
	int ctl, hub, inspector;
};

static int
run(const char *command)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
give_link(int ctl, uint32_t role)
{
	OWN(buf_done) struct buf m = {0};
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	buf_init(&m, 64);
	buf_put_u32(&m, role);
	buf_put_u32(&m, 0);
	assert_int_equal(ipc_send_buf(ctl, MESSAGE_PEER, &m, pair[0]), 0);
	close(pair[0]);
	return pair[1];
}

static void
become(int ctl, const char *bin, const char *config)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/chaperone-capture", bin);
	ctl = fcntl(ctl, F_DUPFD, 16);
	if (ctl < 0 || dup2(ctl, PROC_CTL) < 0)
		_exit(71);
	(void)execl(path, path, "--config", config, "--state", "/nowhere",
	    "--index", "0", (char *)NULL);
	_exit(127);
}

static void
start(struct world *w, const char *bin)
{
	char config[128];
	int pair[2];
	FILE *f;

	(void)snprintf(w->dir, sizeof w->dir, "/tmp/capturing.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(config, sizeof config, "%s/agent.yaml", w->dir);
	f = fopen(config, "we");
	assert_non_null(f);
	(void)fprintf(f,
	    "host: test\nstate: %s\nrules: [%s]\ninterfaces: [lo, late0]\n"
	    "inspectors: \"1\"\n",
	    w->dir, w->dir);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(ipc_pair(pair), 0);
	w->pid = fork();
	if (w->pid == 0)
		become(pair[1], bin, config);
	close(pair[1]);
	w->ctl = pair[0];
	w->hub = give_link(w->ctl, ROLE_WATCH);
	w->inspector = give_link(w->ctl, ROLE_INSPECT);
}

/* The next message of a type; others are passed over. */
static void
await(int sock, uint32_t type)
{
	for (int n = 0; n < 100000; n++) {
		struct pollfd p = {.fd = sock, .events = POLLIN};
		int r = ipc_recv(sock, &in);

		if (r == 1 && in.type == type)
			return;
		if (r == 1)
			continue;
		assert_int_equal(r, -EAGAIN);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
	fail_msg("no message of type %u", type);
}

static void
await_loss(const struct world *w, const char *what)
{
	char stage[32], reason[96];

	do {
		struct cur c;

		await(w->hub, MESSAGE_LOSS);
		cur_init(&c, in.data, in.len);
		cur_str(&c, stage, sizeof stage);
		cur_str(&c, reason, sizeof reason);
		assert_string_equal(stage, "capture");
	} while (strstr(reason, what) == NULL);
}

/* Sends @n bytes to a listener of ours; with @between called behind the first of
 * them, if there is one. */
static void
connection(size_t n, void (*between)(struct world *w), struct world *w)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	OWN_FD int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	OWN_FD int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	OWN_FD int server = -1;
	char data[4096], got[4096];

	memset(data, 'x', sizeof data);
	assert_int_equal(bind(listening, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(
	    getsockname(listening, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
	server = accept(listening, NULL, NULL);
	assert_true(n <= sizeof data);
	if (between != NULL) {
		assert_int_equal(write(client, data, 1), 1);
		n--;
		between(w);
	}
	assert_int_equal(write(client, data, n), (ssize_t)n);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	while (read(server, got, sizeof got) > 0)
		;
}

/* What the inspector gets of a flow, until its end. */
static uint64_t
bytes_of(const struct world *w, uint64_t flow)
{
	uint64_t bytes = 0;
	struct cur c;
	size_t len;

	for (;;) {
		await(w->inspector, MESSAGE_FLOW_DATA);
		cur_init(&c, in.data, in.len);
		if (cur_u64(&c) != flow)
			continue;
		(void)cur_u8(&c);
		assert_int_equal(cur_u64(&c), bytes);
		(void)cur_blob(&c, &len);
		assert_int_equal(cur_end(&c), 0);
		bytes += len;
		if (bytes >= 4000)
			return bytes;
	}
}

/* The next flow that begins over the loopback interface. */
static uint64_t
next_flow(int sock)
{
	struct tuple t;
	uint64_t flow;

	do {
		struct cur c;

		await(sock, MESSAGE_FLOW_OPEN);
		cur_init(&c, in.data, in.len);
		flow = cur_u64(&c);
		assert_int_equal(tuple_decode(&t, &c), 0);
	} while (t.family != 4 || t.proto != 6 || t.src[0] != 127);
	return flow;
}

/* Knocks at a host behind late0 until that is seen. */
static void
await_late(const struct world *w)
{
	for (int n = 0; n < 200; n++) {
		struct sockaddr_in a = {
		    .sin_family = AF_INET, .sin_port = htons(9)};
		struct pollfd p = {.fd = w->hub, .events = POLLIN};
		OWN_FD int fd = socket(
		    AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		assert_int_equal(
		    inet_pton(AF_INET, "10.9.9.2", &a.sin_addr), 1);
		assert_true(connect(fd, (struct sockaddr *)&a, sizeof a) != 0);
		(void)poll(&p, 1, 100);
		while (ipc_recv(w->hub, &in) == 1)
			/* The number, family and protocol; then the address. */
			if (in.type == MESSAGE_FLOW_OPEN && in.data[10] == 10)
				return;
	}
	fail_msg("late0 was never captured from");
}

/* The inspector wants no more of what comes now. */
static void
seal(struct world *w)
{
	OWN(buf_done) struct buf m = {0};
	uint64_t flow = next_flow(w->inspector);
	struct cur c;

	await(w->inspector, MESSAGE_FLOW_DATA);
	cur_init(&c, in.data, in.len);
	assert_int_equal(cur_u64(&c), flow);
	buf_init(&m, 16);
	buf_put_u64(&m, flow);
	buf_put_u8(&m, cur_u8(&c));
	assert_int_equal(ipc_send_buf(w->inspector, MESSAGE_SEALED, &m, -1), 0);
	/* A hub that comes after that is greeted after that was heard. */
	close(w->hub);
	w->hub = give_link(w->ctl, ROLE_WATCH);
	await(w->hub, MESSAGE_RELAYS);
}

/* What was sealed is counted to its end, and not handed over. */
static void
sealed_stays(struct world *w)
{
	struct cur c;

	connection(4000, seal, w);
	for (;;) {
		struct pollfd p = {.fd = w->inspector, .events = POLLIN};
		int r = ipc_recv(w->inspector, &in);

		if (r == 1 && in.type == MESSAGE_FLOW_CLOSE)
			break;
		assert_true(r == -EAGAIN || in.type != MESSAGE_FLOW_DATA);
		if (r == -EAGAIN)
			assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	}
	cur_init(&c, in.data, in.len);
	assert_true(cur_u64(&c) > 0);
	assert_int_equal(cur_u64(&c), 4000);
	/* Of the next one the inspector gets everything. */
	connection(4000, NULL, NULL);
	assert_int_equal(bytes_of(w, next_flow(w->inspector)), 4000);
}

static void
stop(struct world *w)
{
	char command[128];
	int status;

	assert_int_equal(ipc_send(w->ctl, MESSAGE_STOP, NULL, 0, -1), 0);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_int_equal(status, 0);
	close(w->ctl);
	close(w->hub);
	close(w->inspector);
	(void)snprintf(command, sizeof command, "rm -r %s", w->dir);
	assert_int_equal(run(command), 0);
}

static void
test_host(void **ctx UNUSED)
{
	const char *bin = getenv("BIN");
	struct world w = {0};
	uint64_t flow, again;
	struct cur c;

	if (bin == NULL || geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		print_message("# needs BIN, root and network namespaces\n");
		skip();
	}
	assert_int_equal(run("ip link set lo up"), 0);
	start(&w, bin);
	await(w.ctl, MESSAGE_READY);
	/* An interface that is not there is said, and the others are read. */
	await_loss(&w, "late0 is not there or down");
	connection(4000, NULL, NULL);
	flow = next_flow(w.hub);
	assert_int_equal(next_flow(w.inspector), flow);
	assert_int_equal(bytes_of(&w, flow), 4000);
	await(w.hub, MESSAGE_COUNTERS);
	/* It comes: the jailed process binds to it without a word. */
	assert_int_equal(run("ip link add late0 type dummy 2>/dev/null || "
			     "ip link add late0 type veth peer name late1"),
	    0);
	assert_int_equal(run("ip addr add 10.9.9.1/24 dev late0 && "
			     "ip link set late0 up && { ip link set late1 up "
			     "2>/dev/null || :; } && ip neigh add 10.9.9.2 "
			     "dev late0 lladdr 02:00:00:00:00:02"),
	    0);
	await_late(&w);
	assert_int_equal(run("ip link del late0"), 0);
	await_loss(&w, "late0 is not there or down");
	/* A hub and an inspector that come anew are told of what is open. */
	connection(4000, NULL, NULL);
	again = next_flow(w.hub);
	assert_int_equal(bytes_of(&w, again), 4000);
	close(w.hub);
	close(w.inspector);
	w.hub = give_link(w.ctl, ROLE_WATCH);
	w.inspector = give_link(w.ctl, ROLE_INSPECT);
	connection(4000, NULL, NULL);
	flow = next_flow(w.inspector);
	assert_int_equal(bytes_of(&w, flow), 4000);
	await(w.hub, MESSAGE_FLOW_CLOSE);
	cur_init(&c, in.data, in.len);
	assert_true(cur_u64(&c) > 0);
	await(w.inspector, MESSAGE_FLOW_CLOSE);
	sealed_stays(&w);
	stop(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_host)};

	return cmocka_run_group_tests_name("capturing", tests, NULL, NULL);
}
