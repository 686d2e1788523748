/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_test - frames of every link layer become IP packets; a live source
 * follows its interface, in a network namespace of the test's own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/sense/sense.h"
#include "lib/buf.h"

#include "lib/own.h"

/* ---- files ---- */

static void
word(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof v);
}

static void
begin_file(struct buf *b, uint32_t link)
{
	buf_init(b, 1 << 20);
	word(b, 0xa1b2c3d4);
	word(b, 4 << 16 | 2);
	word(b, 0);
	word(b, 0);
	word(b, 65535);
	word(b, link);
}

static void
put_frame(
    struct buf *b, const void *head, size_t nhead, const void *ip, size_t len)
{
	word(b, 1700000000);
	word(b, 5);
	word(b, (uint32_t)(nhead + len));
	word(b, (uint32_t)(nhead + len));
	buf_put(b, head, nhead);
	buf_put(b, ip, len);
}

static int
file_of(struct buf *b)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->data, b->len), b->len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	buf_done(b);
	return fd;
}

static void
test_link_layers(void **ctx UNUSED)
{
	static const struct {
		uint32_t link;
		const char *head;
		size_t n;
		bool ip;
	} CASES[] = {
	    {1, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\x00", 14, true},
	    {1, "\1\2\3\4\5\6\1\2\3\4\5\6\x08\x06", 14, false},
	    {1, "\1\2\3\4\5\6\1\2\3\4\5\6\x81\x00\0\7\x08\x00", 18, true},
	    {1, "\1\2\3\4\5\6\1\2\3\4\5\6\x88\xa8\0\7\x81\x00\0\7\x86\xdd", 22,
		true},
	    {1, "\1\2\3\4\5\6\1\2\3\4\5\6\x88\xa8\0\7\x81\x00\0\7\x12\x34", 22,
		false},
	    {113, "\0\0\0\1\0\6\1\2\3\4\5\6\0\0\x08\x00", 16, true},
	    {276, "\x86\xdd\0\0\0\0\0\2\0\1\0\6\1\2\3\4\5\6\0\0", 20, true},
	    {0, "\2\0\0\0", 4, true},
	    {0, "\0\0\0\x1e", 4, true},
	    {108, "\0\0\0\2", 4, true},
	    {0, "\7\0\0\0", 4, false},
	    {9, "\xff\3\0\x21", 4, true},
	    {9, "\0\x57", 2, true},
	    {9, "\xff\3\xc0\x21", 4, false},
	    {101, "", 0, true},
	    {228, "", 0, true},
	    {229, "", 0, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct diag why = {""};
		struct capture_counters n;
		struct capture *c;
		struct content ip;
		struct stamp at;
		struct buf b;

		begin_file(&b, CASES[i].link);
		/* A frame that is cut within its header is passed over. */
		if (CASES[i].n > 2)
			put_frame(&b, CASES[i].head, CASES[i].n - 3, "", 0);
		put_frame(&b, CASES[i].head, CASES[i].n, "packet", 6);
		assert_int_equal(capture_open_file(file_of(&b), &c, &why), 0);
		if (CASES[i].ip) {
			assert_int_equal(capture_read(c, &ip, &at), 1);
			assert_int_equal(ip.len, 6);
			assert_memory_equal(ip.data, "packet", 6);
			assert_true(at.wall_us == INT64_C(1700000000000005));
		}
		assert_int_equal(capture_read(c, &ip, &at), -ENODATA);
		assert_int_equal(capture_counters(c, &n), 0);
		assert_int_equal(n.packets, CASES[i].n > 2 ? 2 : 1);
		capture_close(c);
	}
}

static void
test_broken_files(void **ctx UNUSED)
{
	struct diag why = {""};
	struct capture *c;
	struct content ip;
	struct stamp at;
	struct buf b;

	begin_file(&b, 105); /* 802.11 */
	assert_int_equal(capture_open_file(file_of(&b), &c, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "IEEE802_11"));
	why.text[0] = '\0';
	begin_file(&b, 101);
	b.len = 7;
	assert_int_equal(capture_open_file(file_of(&b), &c, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "not a capture file"));
	why.text[0] = '\0';
	begin_file(&b, 101);
	put_frame(&b, "", 0, "packet", 6);
	put_frame(&b, "", 0, "packet", 6);
	b.len -= 3;
	assert_int_equal(capture_open_file(file_of(&b), &c, &why), 0);
	assert_int_equal(capture_read(c, &ip, &at), 1);
	assert_int_equal(capture_read(c, &ip, &at), -EBADMSG);
	assert_true(capture_error(c)[0] != '\0');
	capture_close(c);
	/* A length that no packet has. */
	begin_file(&b, 101);
	word(&b, 0);
	word(&b, 0);
	word(&b, 0x7fffffff);
	word(&b, 0x7fffffff);
	assert_int_equal(capture_open_file(file_of(&b), &c, &why), 0);
	assert_int_equal(capture_read(c, &ip, &at), -EBADMSG);
	capture_close(c);
}

/* ---- live ---- */

static int
run(const char *command)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A namespace of this process's own, or a skip with a reason. */
static void
own_network(void)
{
	if (geteuid() != 0) {
		print_message("# needs root\n");
		skip();
	}
	if (unshare(CLONE_NEWNET) != 0) {
		print_message("# no network namespaces: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(run("ip link set lo up"), 0);
}

/* A connection over an address of ours, with @bytes to the server. */
static void
connection(const char *address, size_t bytes)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server;
	char data[8192], got[8192];

	memset(data, 'x', sizeof data);
	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	assert_int_equal(bind(listening, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(
	    getsockname(listening, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
	server = accept(listening, NULL, NULL);
	assert_true(server >= 0);
	while (bytes > 0) {
		size_t n = bytes < sizeof data ? bytes : sizeof data;
		ssize_t k = write(client, data, n);

		assert_true(k > 0);
		for (ssize_t had = 0; had < k;) {
			ssize_t m = read(server, got, sizeof got);

			assert_true(m > 0);
			had += m;
		}
		bytes -= (size_t)k;
	}
	close(client);
	assert_int_equal(read(server, got, sizeof got), 0);
	close(server);
	close(listening);
}

struct seen {
	unsigned opened, closed;
	uint64_t bytes, to_server, gaps;
	char how[16];
};

static void
on_open(void *ctx, uint64_t flow UNUSED, const struct tuple *t,
    bool midstream UNUSED, struct stamp at UNUSED)
{
	struct seen *s = ctx;

	s->opened += t->proto == 6;
}

static void
on_data(void *ctx, uint64_t flow UNUSED, enum direction d UNUSED,
    uint64_t offset UNUSED, struct content c)
{
	struct seen *s = ctx;

	for (size_t i = 0; i < c.len; i++)
		assert_int_equal(c.data[i], 'x');
	s->bytes += c.len;
}

static void
on_gap(void *ctx, uint64_t flow UNUSED, enum direction d UNUSED,
    uint64_t offset UNUSED, uint64_t bytes)
{
	struct seen *s = ctx;

	s->gaps += bytes;
}

static void
on_close(void *ctx, uint64_t flow UNUSED, uint64_t to_server,
    uint64_t to_client UNUSED, uint64_t gap_bytes UNUSED, const char *how,
    struct stamp at UNUSED)
{
	struct seen *s = ctx;

	s->closed++;
	s->to_server += to_server;
	(void)snprintf(s->how, sizeof s->how, "%s", how);
}

static void
on_loss(void *ctx UNUSED, const char *reason UNUSED, uint64_t packets UNUSED,
    uint64_t bytes UNUSED)
{
}

static struct streams *
streams_for(struct seen *s)
{
	const struct stream_sink sink = {.ctx = s,
	    .open = on_open,
	    .data = on_data,
	    .gap = on_gap,
	    .close = on_close,
	    .loss = on_loss};
	const struct stream_limits lim = {.flows_max = 64,
	    .memory_max = 4 << 20,
	    .flow_memory_max = 1 << 20,
	    .idle_us = 100000000};
	struct streams *out;

	assert_int_equal(streams_new(&sink, &lim, &out), 0);
	return out;
}

/* Reads until @closed connections have ended, at most as long as one waits
 * for a machine that is busy. */
static void
read_until(
    struct capture *c, struct streams *s, const struct seen *seen, unsigned n)
{
	for (int i = 0; i < 200 && seen->closed < n; i++) {
		struct pollfd p = {.fd = capture_fd(c), .events = POLLIN};
		struct content ip;
		struct stamp at;

		(void)poll(&p, 1, 100);
		while (capture_read(c, &ip, &at) == 1)
			streams_packet(s, ip, at);
	}
	assert_int_equal(seen->closed, n);
}

static void
test_live(void **ctx UNUSED)
{
	struct capture *c, *early;
	struct capture_counters n;
	struct diag why = {""};
	struct seen seen = {0}, first = {0};
	struct streams *s, *e;
	struct content ip;
	struct stamp at;

	own_network();
	assert_int_equal(capture_open_live("lo", false, &c, &why), 0);
	assert_int_equal(capture_open_live("lo", true, &early, &why), 0);
	s = streams_for(&seen);
	e = streams_for(&first);
	connection("127.0.0.1", 1000000);
	connection("127.0.0.1", 0);
	read_until(c, s, &seen, 2);
	/* Loopback shows each packet twice, and one is left out; either way a
	 * byte counts once. */
	assert_int_equal(seen.opened, 2);
	assert_int_equal(seen.bytes, 1000000);
	assert_int_equal(seen.to_server, 1000000);
	assert_int_equal(seen.gaps, 0);
	assert_string_equal(seen.how, "fin");
	while (capture_read(early, &ip, &at) == 1)
		streams_early(e, ip, at);
	assert_int_equal(first.opened, 2);
	assert_int_equal(capture_counters(c, &n), 0);
	assert_true(n.packets > 10 && n.bytes > 1000000);
	assert_int_equal(n.dropped, 0);
	assert_int_equal(capture_counters(early, &n), 0);
	assert_int_equal(n.packets, 2);
	streams_free(s);
	streams_free(e);
	capture_close(c);
	capture_close(early);
}

/* The index that an interface has now, as netlink told it. */
static unsigned
next_index(struct interfaces *i, const char *name, bool gone)
{
	for (int n = 0; n < 200; n++) {
		struct pollfd p = {.fd = interfaces_fd(i), .events = POLLIN};
		struct interface_event e;

		while (interfaces_read(i, &e) == 1)
			if (strcmp(e.name, name) == 0 && e.gone == gone)
				return e.index;
		(void)poll(&p, 1, 100);
	}
	fail_msg("netlink says nothing of %s", name);
	return 0;
}

/* An interface that is not there yet, comes, goes, and comes again. */
static void
test_interface_comes_back(void **ctx UNUSED)
{
	struct interfaces *i;
	struct capture *c;
	struct diag why = {""};
	struct seen seen = {0};
	struct streams *s;
	struct content ip;
	struct stamp at;
	unsigned index, again;

	own_network();
	if (run("ip link add probe0 type veth peer name probe1 && "
		"ip link del probe0") != 0) {
		print_message("# no veth\n");
		skip();
	}
	s = streams_for(&seen);
	assert_int_equal(interfaces_open(&i, &why), 0);
	assert_int_equal(capture_open_live("probe0", false, &c, &why), 0);
	assert_int_equal(capture_index(c), 0);
	/* Nothing of other interfaces comes in meanwhile. */
	connection("127.0.0.1", 10);
	assert_int_equal(capture_read(c, &ip, &at), 0);
	assert_int_equal(run("ip link add probe0 type veth peer name probe1 && "
			     "ip addr add 10.1.1.1/24 dev probe0 && "
			     "ip link set probe0 up && ip link set probe1 up"),
	    0);
	index = next_index(i, "probe0", false);
	assert_int_equal(index, if_nametoindex("probe0"));
	assert_int_equal(capture_bind(c, index), 0);
	connection("10.1.1.1", 10); /* by way of lo: not ours */
	assert_int_equal(run("ip link set probe0 down && ip link set probe0 "
			     "up && ip link del probe0"),
	    0);
	assert_int_equal(next_index(i, "probe0", true), index);
	while (capture_read(c, &ip, &at) == 1)
		streams_packet(s, ip, at);
	assert_int_equal(seen.opened, 0);
	assert_int_equal(capture_bind(c, 0), 0);
	assert_int_equal(run("ip link add probe0 type veth peer name probe1 && "
			     "ip link set probe0 up && ip link set probe1 up "
			     "&& ip addr add 10.1.1.1/24 dev probe0 && "
			     "ip neigh add 10.1.1.2 dev probe0 lladdr "
			     "02:00:00:00:00:02"),
	    0);
	again = next_index(i, "probe0", false);
	assert_int_not_equal(again, index);
	assert_int_equal(capture_bind(c, again), 0);
	/* A SYN that nobody answers is enough. */
	{
		struct sockaddr_in a = {
		    .sin_family = AF_INET, .sin_port = htons(9)};
		OWN_FD int fd = socket(
		    AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		assert_int_equal(
		    inet_pton(AF_INET, "10.1.1.2", &a.sin_addr), 1);
		assert_true(connect(fd, (struct sockaddr *)&a, sizeof a) != 0);
		for (int n = 0; n < 200 && seen.opened == 0; n++) {
			struct pollfd p = {
			    .fd = capture_fd(c), .events = POLLIN};

			(void)poll(&p, 1, 100);
			while (capture_read(c, &ip, &at) == 1)
				streams_packet(s, ip, at);
		}
	}
	assert_int_equal(seen.opened, 1);
	streams_free(s);
	capture_close(c);
	interfaces_close(i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_link_layers),
	    cmocka_unit_test(test_broken_files),
	    cmocka_unit_test(test_live),
	    cmocka_unit_test(test_interface_comes_back),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
