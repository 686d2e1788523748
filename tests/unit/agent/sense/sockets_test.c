/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets_test - whose sockets, as the kernel really tells it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sense/sense.h"

#include "lib/own.h"

#define WAIT_MS 5000
#define EVENTS_MAX 100000 /* of everybody on this machine, while we wait */
#define CHILDREN 100

static struct sockets *s;

static int
setup(void **state UNUSED)
{
	struct diag why = {""};
	int r = sockets_open(&s, &why);

	if (r == 0)
		return 0;
	assert_true(r < 0);
	assert_string_not_equal(why.text, "");
	print_message("# %s\n", why.text);
	s = NULL;
	return 0;
}

static int
teardown(void **state UNUSED)
{
	sockets_close(s);
	s = NULL;
	return 0;
}

/* The next event of one kind of a process; others' are passed over. */
static void
next_of(pid_t pid, enum socket_op op, struct socket_event *e)
{
	for (int i = 0; i < EVENTS_MAX; i++) {
		struct pollfd f = {.fd = sockets_fd(s), .events = POLLIN};
		int r = sockets_read(s, e);

		assert_true(r >= 0);
		assert_true(r == 0 || e->op != SOCKET_LOST);
		if (r == 1 && e->pid == pid && e->op == op)
			return;
		if (r == 0 && poll(&f, 1, WAIT_MS) != 1)
			fail_msg("nothing of process %d", (int)pid);
	}
	fail_msg("too many others");
}

static int
listen_here(struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *a;

	*a = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)a, sizeof *a), 0);
	assert_int_equal(listen(fd, CHILDREN), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &len), 0);
	return fd;
}

/* A program that connects, sends, and is gone. */
static pid_t
send_and_end(const struct sockaddr_in *to, size_t bytes)
{
	static const char DATA[4096];
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 ||
	    send(fd, DATA, bytes, 0) != (ssize_t)bytes)
		_exit(1);
	_exit(0);
}

static void
wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
check_ends(const struct socket_event *e, const struct sockaddr_in *to)
{
	const uint8_t loopback[4] = {127, 0, 0, 1};

	assert_int_equal(e->tuple.family, 4);
	assert_int_equal(e->tuple.dport, ntohs(to->sin_port));
	assert_int_not_equal(e->tuple.sport, 0);
	assert_memory_equal(e->tuple.src, loopback, 4);
	assert_memory_equal(e->tuple.dst, loopback, 4);
}

/* Each of many programs that live a moment is named, with its bytes. */
static void
test_short_lives(void **state UNUSED)
{
	pid_t pids[CHILDREN];
	struct sockaddr_in to;
	OWN_FD int fd = -1;

	if (s == NULL)
		skip();
	fd = listen_here(&to);
	for (size_t i = 0; i < CHILDREN; i++) {
		pids[i] = send_and_end(&to, 1 + i);
		wait_for(pids[i]);
	}
	for (size_t i = 0; i < CHILDREN; i++) {
		struct socket_event e;

		next_of(pids[i], SOCKET_OPEN, &e);
		check_ends(&e, &to);
		assert_int_equal(e.tuple.proto, IPPROTO_TCP);
		assert_true(e.start_ns > 0 && e.start_ns / 1000 <= e.boot_us);
	}
}

static void
test_bytes(void **state UNUSED)
{
	struct sockaddr_in to;
	struct socket_event e;
	OWN_FD int fd = -1, peer = -1;
	char data[4096];
	ssize_t n;
	pid_t pid;

	if (s == NULL)
		skip();
	fd = listen_here(&to);
	pid = send_and_end(&to, 1234);
	wait_for(pid);
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	do
		n = recv(peer, data, sizeof data, 0);
	while (n > 0);
	assert_int_equal(n, 0);
	assert_int_equal(shutdown(peer, SHUT_RDWR), 0);
	next_of(pid, SOCKET_OPEN, &e);
	next_of(pid, SOCKET_CLOSE, &e);
	check_ends(&e, &to);
	assert_int_equal(e.sent, 1234);
}

/* One socket, used by another process, to two peers. */
static void
test_datagrams(void **state UNUSED)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct socket_event e;
	OWN_FD int fd = -1;
	pid_t pid;

	if (s == NULL)
		skip();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (unsigned i = 0; i < 6; i++) {
			to.sin_port = htons((uint16_t)(9 + i / 3));
			if (sendto(fd, "x", 1, MSG_DONTWAIT,
				(struct sockaddr *)&to, sizeof to) != 1)
				_exit(1);
		}
		_exit(0);
	}
	wait_for(pid);
	to.sin_port = htons(9);
	next_of(pid, SOCKET_OPEN, &e);
	check_ends(&e, &to);
	assert_int_equal(e.tuple.proto, IPPROTO_UDP);
	/* The two that follow to the same peer are not told of. */
	to.sin_port = htons(10);
	next_of(pid, SOCKET_OPEN, &e);
	check_ends(&e, &to);
}

/* Who made a listener is not told to be the one who answers. */
static void
test_listener(void **state UNUSED)
{
	struct sockaddr_in to, mark;
	OWN_FD int fd = -1, marked = -1;
	struct socket_event e;
	pid_t pid;

	if (s == NULL)
		skip();
	fd = listen_here(&to);
	pid = send_and_end(&to, 1);
	wait_for(pid);
	next_of(pid, SOCKET_OPEN, &e);
	/* What comes next of ours is the mark that we set. */
	marked = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	mark = to;
	mark.sin_port = htons(9);
	assert_int_equal(
	    sendto(marked, "x", 1, 0, (struct sockaddr *)&mark, sizeof mark),
	    1);
	next_of(getpid(), SOCKET_OPEN, &e);
	assert_int_equal(e.tuple.dport, 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_short_lives, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_datagrams, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_listener, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
