/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/control.c */
/*
 * control_test - root's connections reach store unread; others' do not.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "collector/control.h"
#include "collector/wire.h"
#include "lib/ipc.h"
#include "lib/str.h"

#include "lib/own.h"

struct world {
	char dir[64], path[96];
	int listener;
	int link[2]; /* ours and store's end */
	struct ipc_in *in;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	must(w != NULL);
	*state = w;
	must(str_copy(w->dir, sizeof w->dir, "/tmp/control_test.XXXXXX") == 0);
	if (mkdtemp(w->dir) == NULL || ipc_pair(w->link) != 0)
		return -1;
	must(str_format(w->path, sizeof w->path, "%s/control.sock", w->dir) ==
	     0);
	w->in = calloc(1, sizeof *w->in);
	must(w->in != NULL);
	w->listener = control_open(w->dir, NULL);
	return w->listener < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	close(w->listener);
	close(w->link[0]);
	close(w->link[1]);
	(void)unlink(w->path);
	(void)rmdir(w->dir);
	free(w->in);
	free(w);
	return 0;
}

static int
call(const struct world *w)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	must(str_copy(at.sun_path, sizeof at.sun_path, w->path) == 0);
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void
hands_over(void **state)
{
	struct world *w = *state;
	OWN_FD int a = call(w);
	OWN_FD int b = call(w);
	struct stat st;

	assert_true(a >= 0 && b >= 0);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	control_pass(w->listener, w->link[0]);
	for (unsigned i = 0; i < 2; i++) {
		char word[8] = "";

		assert_int_equal(ipc_recv(w->link[1], w->in), 1);
		assert_int_equal(w->in->type, WIRE_CONTROL);
		assert_true(w->in->fd >= 0);
		/* It is the caller's own connection. */
		assert_int_equal(send(w->in->fd, "hello", 5, 0), 5);
		close(w->in->fd);
		assert_int_equal(recv(i == 0 ? a : b, word, sizeof word, 0), 5);
	}
	assert_int_equal(ipc_recv(w->link[1], w->in), -EAGAIN);
}

static void
hangs_up_without_store(void **state)
{
	struct world *w = *state;
	OWN_FD int a = call(w);
	char word[8];

	control_pass(w->listener, -1);
	assert_int_equal(recv(a, word, sizeof word, 0), 0);
	/* Store's end is closed. */
	close(w->link[1]);
	w->link[1] = dup(w->listener);
	own_close(&a);
	a = call(w);
	control_pass(w->listener, w->link[0]);
	assert_int_equal(recv(a, word, sizeof word, 0), 0);
}

/* Whoever got past the mode of the socket is asked who they are. */
static void
hangs_up_on_others(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("# it takes root to become somebody else\n");
		skip();
	}
	assert_int_equal(chmod(w->dir, 0755), 0);
	assert_int_equal(chmod(w->path, 0777), 0);
	pid = fork();
	if (pid == 0) {
		char word[8];
		int fd;

		if (setresgid(65534, 65534, 65534) != 0 ||
		    setresuid(65534, 65534, 65534) != 0)
			_exit(2);
		fd = call(w);
		_exit(fd < 0 ? 3 : recv(fd, word, sizeof word, 0) == 0 ? 0 : 4);
	}
	assert_true(pid > 0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd p = {.fd = w->listener, .events = POLLIN};

		(void)poll(&p, 1, 10);
		control_pass(w->listener, w->link[0]);
	}
	assert_int_equal(status, 0);
	assert_int_equal(ipc_recv(w->link[1], w->in), -EAGAIN);
}

static void
replaces_a_dead_one(void **state)
{
	struct world *w = *state;
	OWN_FD int again = control_open(w->dir, NULL);
	struct diag why = {""};
	char deep[200] = "/tmp/";

	assert_true(again >= 0);
	memset(deep + 5, 'x', sizeof deep - 6);
	assert_int_equal(control_open(deep, &why), -ENAMETOOLONG);
	assert_non_null(strstr(why.text, "too long"));
	assert_int_equal(control_open("/nonexistent", &why), -ENOENT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(hands_over),
	    T(hangs_up_without_store), T(hangs_up_on_others),
	    T(replaces_a_dead_one)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
