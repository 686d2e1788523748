/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc_test - frames, descriptors, and what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/ipc.h"

#include "lib/own.h"

static struct ipc_in in;

static void
test_message_and_descriptor(void **state UNUSED)
{
	OWN_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(ipc_send(pair[0], 7, "abc", 3, null), 0);
	assert_int_equal(ipc_send(pair[0], 8, NULL, 0, -1), 0);
	assert_int_equal(ipc_recv(pair[1], &in), 1);
	assert_int_equal(in.type, 7);
	assert_int_equal(in.len, 3);
	assert_memory_equal(in.data, "abc", 3);
	assert_true(in.fd >= 0);
	assert_true((fcntl(in.fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(in.fd);
	assert_int_equal(ipc_recv(pair[1], &in), 1);
	assert_int_equal(in.type, 8);
	assert_int_equal(in.len, 0);
	assert_int_equal(in.fd, -1);
	assert_int_equal(ipc_recv(pair[1], &in), -EAGAIN);
	close(pair[0]);
	assert_int_equal(ipc_recv(pair[1], &in), 0);
	assert_int_equal(ipc_send(pair[1], 1, "x", 1, -1), -EPIPE);
	close(pair[1]);
}

static void
test_bounds(void **state UNUSED)
{
	static uint8_t big[IPC_MAX + 1];
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(ipc_send(pair[0], 1, big, IPC_MAX, -1), 0);
	assert_int_equal(ipc_send(pair[0], 1, big, IPC_MAX + 1, -1), -EMSGSIZE);
	assert_int_equal(ipc_recv(pair[1], &in), 1);
	assert_int_equal(in.len, IPC_MAX);
	close(pair[0]);
	close(pair[1]);
}

static void
test_foreign_frames(void **state UNUSED)
{
	static const uint8_t SHORT[] = {0, 0, 0};
	static const uint8_t LIES[] = {0, 0, 0, 1, 0, 0, 0, 9, 'x'};
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(send(pair[0], SHORT, sizeof SHORT, 0), 3);
	assert_int_equal(ipc_recv(pair[1], &in), -EBADMSG);
	assert_int_equal(send(pair[0], LIES, sizeof LIES, 0), 9);
	assert_int_equal(ipc_recv(pair[1], &in), -EBADMSG);
	assert_int_equal(ipc_send(pair[0], 3, "ok", 2, -1), 0);
	assert_int_equal(ipc_recv(pair[1], &in), 1);
	close(pair[0]);
	close(pair[1]);
}

static void
test_full_queue(void **state UNUSED)
{
	static uint8_t big[IPC_MAX];
	int pair[2], r = 0, n = 0;

	assert_int_equal(ipc_pair(pair), 0);
	while (n < 10000 && (r = ipc_send(pair[0], 1, big, IPC_MAX, -1)) == 0)
		n++;
	assert_int_equal(r, -EAGAIN);
	assert_true(n > 0);
	assert_int_equal(
	    ipc_send_wait(pair[0], 1, big, IPC_MAX, -1, 20), -ETIMEDOUT);
	for (int i = 0; i < n; i++)
		assert_int_equal(ipc_recv(pair[1], &in), 1);
	assert_int_equal(ipc_send_wait(pair[0], 1, big, IPC_MAX, -1, 20), 0);
	close(pair[0]);
	close(pair[1]);
}

static void
test_last_words(void **state UNUSED)
{
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(ipc_send(pair[1], 1, "unread", 6, -1), 0);
	assert_int_equal(ipc_send(pair[0], 2, "last", 4, -1), 0);
	close(pair[0]); /* with a message that it never read */
	assert_int_equal(ipc_recv(pair[1], &in), 1);
	assert_memory_equal(in.data, "last", 4);
	assert_int_equal(ipc_recv(pair[1], &in), 0);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_message_and_descriptor),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_foreign_frames),
	    cmocka_unit_test(test_full_queue),
	    cmocka_unit_test(test_last_words),
	};

	return cmocka_run_group_tests_name("lib/ipc", tests, NULL, NULL);
}
