/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket_test - who holds a flow's local end, asked of the real kernel.
 */
#include "agent/who/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

#include "agent/who/session.h"
#include "lib/str.h"

#include "lib/own.h"

static struct lineage *l;
static struct socket_finder f;

static int
setup(void **state UNUSED)
{
	socket_start(&f);
	assert_true(f.fd >= 0);
	assert_int_equal(lineage_new("/proc", &l), 0);
	assert_int_equal(lineage_seed(l, 0), 0);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	socket_stop(&f);
	lineage_free(l);
	return 0;
}

static struct sockaddr_in
local4(void)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof a;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	return a.ss_family == AF_INET
		   ? ntohs(((const struct sockaddr_in *)(const void *)&a)
			       ->sin_port)
		   : ntohs(((const struct sockaddr_in6 *)(const void *)&a)
			       ->sin6_port);
}

static int
bound4(int type)
{
	struct sockaddr_in a = local4();
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void
connect4(int fd, uint16_t port)
{
	struct sockaddr_in a = local4();

	a.sin_port = htons(port);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
}

static struct tuple
flow4(uint8_t proto, uint16_t sport, uint16_t dport)
{
	return (struct tuple){.family = 4,
	    .proto = proto,
	    .src = {127, 0, 0, 1},
	    .dst = {127, 0, 0, 1},
	    .sport = sport,
	    .dport = dport};
}

static struct socket_owner
find(const struct tuple *t)
{
	struct socket_owner o;

	socket_find(&f, l, "/proc", t, &o);
	assert_int_equal(o.pid == 0, o.why != NULL);
	return o;
}

/* A server of its own: the other end is another process's. */
static void
test_tcp(void **state UNUSED)
{
	int server = bound4(SOCK_STREAM), client = bound4(SOCK_STREAM);
	int go[2];
	struct socket_owner o;
	struct tuple t;
	pid_t child;
	char byte = 0;
	int peer;

	assert_int_equal(listen(server, 8), 0);
	assert_int_equal(pipe(go), 0);
	connect4(client, port_of(server));
	t = flow4(IPPROTO_TCP, port_of(client), port_of(server));
	o = find(&t);
	assert_int_equal(o.pid, getpid());
	assert_true(o.outgoing);
	/* Of a flow whose client is elsewhere, ours is the server. */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(server);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(client);
	peer = accept(server, NULL, NULL);
	assert_true(peer >= 0);
	assert_int_equal(lineage_seed(l, 0), 0);
	o = find(&t);
	/* The child alone holds the client's end now. */
	assert_int_equal(o.pid, child);
	assert_true(o.outgoing);
	/* The listener is nobody's connection. */
	t.sport = 1;
	o = find(&t);
	assert_int_equal(o.pid, 0);
	assert_non_null(strstr(o.why, "no socket"));
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(peer);
	close(server);
	close(go[0]);
	close(go[1]);
}

/* Accepted, and the client is of another network namespace or host: only our
 * end is here. It is tried by one whose client is closed already. */
static void
test_incoming(void **state UNUSED)
{
	const struct linger reset = {1, 0};
	int server = bound4(SOCK_STREAM), client = bound4(SOCK_STREAM), peer;
	struct socket_owner o;
	struct tuple t;
	char byte = 'x';

	assert_int_equal(listen(server, 8), 0);
	connect4(client, port_of(server));
	t = flow4(IPPROTO_TCP, port_of(client), port_of(server));
	peer = accept(server, NULL, NULL);
	assert_true(peer >= 0);
	/* An orderly end leaves the client's end without an owner. */
	assert_int_equal(write(client, &byte, 1), 1);
	close(client);
	o = find(&t);
	assert_int_equal(o.pid, getpid());
	assert_false(o.outgoing);
	assert_int_equal(
	    setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(peer);
	o = find(&t);
	assert_int_equal(o.pid, 0);
	close(server);
}

static void
test_udp(void **state UNUSED)
{
	int server = bound4(SOCK_DGRAM), client = bound4(SOCK_DGRAM);
	struct socket_owner o;
	struct tuple t;

	connect4(client, port_of(server));
	t = flow4(IPPROTO_UDP, port_of(client), port_of(server));
	o = find(&t);
	assert_int_equal(o.pid, getpid());
	assert_true(o.outgoing);
	/* Only the server is here. */
	close(client);
	o = find(&t);
	assert_int_equal(o.pid, getpid());
	assert_false(o.outgoing);
	close(server);
	o = find(&t);
	assert_int_equal(o.pid, 0);
}

/* A socket of both families holds a flow of the older one. */
static void
test_dual(void **state UNUSED)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int server = bound4(SOCK_STREAM);
	int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_owner o;
	struct tuple t;

	if (client < 0) {
		print_message("# no IPv6 here\n");
		close(server);
		skip();
	}
	assert_int_equal(listen(server, 8), 0);
	assert_int_equal(
	    inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr), 1);
	a.sin6_port = htons(port_of(server));
	assert_int_equal(
	    connect(client, (const struct sockaddr *)&a, sizeof a), 0);
	t = flow4(IPPROTO_TCP, port_of(client), port_of(server));
	o = find(&t);
	assert_int_equal(o.pid, getpid());
	assert_true(o.outgoing);
	close(client);
	close(server);
}

static void
test_ipv6(void **state UNUSED)
{
	struct sockaddr_in6 a = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int server = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct tuple t = {.family = 6, .proto = IPPROTO_TCP};
	struct socket_owner o;

	if (server < 0 || client < 0 ||
	    bind(server, (const struct sockaddr *)&a, sizeof a) != 0) {
		print_message("# no IPv6 here\n");
		skip();
	}
	assert_int_equal(listen(server, 8), 0);
	a.sin6_port = htons(port_of(server));
	assert_int_equal(
	    connect(client, (const struct sockaddr *)&a, sizeof a), 0);
	t.src[15] = t.dst[15] = 1;
	t.sport = port_of(client);
	t.dport = port_of(server);
	o = find(&t);
	assert_int_equal(o.pid, getpid());
	assert_true(o.outgoing);
	close(client);
	close(server);
}

/* People's processes come first: a daemon that holds a copy does not count. */
static void
test_people_first(void **state UNUSED)
{
	int server = bound4(SOCK_STREAM), client = bound4(SOCK_STREAM);
	struct session session = {.id = "x"};
	struct socket_owner o;
	struct tuple t;
	int go[2];
	pid_t child;
	char byte = 0;

	assert_int_equal(listen(server, 8), 0);
	assert_int_equal(pipe(go), 0);
	connect4(client, port_of(server));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
	session.leader = child;
	assert_true(lineage_lead(l, &session));
	t = flow4(IPPROTO_TCP, port_of(client), port_of(server));
	o = find(&t);
	assert_int_equal(o.pid, child);
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	lineage_drop(l, &session);
	close(client);
	close(server);
	close(go[0]);
	close(go[1]);
}

static void
test_without_netlink(void **state UNUSED)
{
	struct tuple t = flow4(IPPROTO_TCP, 1, 2);
	struct socket_owner o;

	socket_stop(&f);
	o = find(&t);
	assert_int_equal(o.pid, 0);
	assert_non_null(strstr(o.why, "tells nothing"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_tcp),
	    T(test_incoming),
	    T(test_udp),
	    T(test_dual),
	    T(test_ipv6),
	    T(test_people_first),
	    T(test_without_netlink),
	};

	return cmocka_run_group_tests_name(
	    "agent/who/socket", tests, NULL, NULL);
}
