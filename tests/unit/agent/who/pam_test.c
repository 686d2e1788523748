/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_test - the PAM module in a stack of libpam's own: what it writes is what
 * the agent reads.
 */
#include <dirent.h>
#include <security/pam_appl.h>

#include "agent/who/session.h"
#include "lib/buf.h"
#include "lib/file.h"

#include "tests/unit/agent/who/host.h"

#include "lib/own.h"

#define ED25519 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIC8jyKy3e38AQI80OfIst5y8Cjm2By0056xRFy2YiJ9g"
#define ED25519_FP "SHA256:1qadaOL+TyrSFNe5zS/XFz16ovI7Pzfw92EGEpYVra8"

static char sessions[400], confdir[400];
static pam_handle_t *pam;

static int
talk(int n UNUSED, const struct pam_message **m UNUSED,
    struct pam_response **r UNUSED, void *ctx UNUSED)
{
	return PAM_CONV_ERR; /* a session asks nothing */
}

static const struct pam_conv CONV = {talk, NULL};

/* A stack of this module and, behind or before it, another line. */
static void
write_stack(const char *before, const char *dir, const char *behind)
{
	char path[512], text[2048];

	host_path(path, "%s/test", confdir);
	host_path(text, "%ssession required %s/lib/pam_chaperone.so dir=%s\n%s",
	    before, getenv("B"), dir, behind);
	host_write(path, text);
}

static void
start(const char *user)
{
	assert_int_equal(
	    pam_start_confdir("test", user, &CONV, confdir, &pam), PAM_SUCCESS);
}

static void
end(void)
{
	assert_int_equal(pam_end(pam, PAM_SUCCESS), PAM_SUCCESS);
	pam = NULL;
}

static int
setup(void **state UNUSED)
{
	host_up();
	clock_fix(NULL);
	host_path(sessions, "%s/run/sessions", host_dir);
	host_path(confdir, "%s/pam.d", host_dir);
	assert_int_equal(mkdir(confdir, 0755), 0);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	host_down();
	return 0;
}

static void
need(void)
{
	char path[512];

	if (geteuid() != 0) {
		print_message("# the module's directory must be root's\n");
		skip();
	}
	if (getenv("B") == NULL) {
		print_message("# B names no build directory\n");
		skip();
	}
	host_path(path, "%s/lib/pam_chaperone.so", getenv("B"));
	assert_int_equal(access(path, R_OK), 0);
	write_stack("", sessions, "");
}

/* The one file in the directory, or NULL; the text is the caller's. */
static const char *
only_file(struct buf *text)
{
	static char name[256];
	const struct dirent *e;
	char path[800];
	DIR *d = opendir(sessions);
	size_t n = 0;

	if (d == NULL)
		return NULL;
	while ((e = readdir(d)) != NULL) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		host_path(name, "%s", e->d_name);
		n++;
	}
	(void)closedir(d);
	assert_true(n <= 1);
	if (n == 0)
		return NULL;
	host_path(path, "%s/%s", sessions, name);
	buf_init(text, SESSION_FILE_MAX);
	assert_int_equal(file_read(path, text, NULL), 0);
	return name;
}

static void
read_session(struct session *s)
{
	OWN(buf_done) struct buf text = {0};
	struct diag why = {""};
	const char *name = only_file(&text);

	assert_non_null(name);
	assert_non_null(strstr(name, ".open"));
	if (session_parse(text.data, text.len, s, &why) != 0)
		fail_msg("%s", why.text);
}

static void
put(const char *name_value)
{
	assert_int_equal(pam_putenv(pam, name_value), PAM_SUCCESS);
}

static void
test_session(void **state UNUSED)
{
	OWN(buf_done) struct buf text = {0};
	char name[128];
	struct session s;
	struct stat st;
	uint64_t before;

	need();
	start("deploy");
	assert_int_equal(
	    pam_set_item(pam, PAM_RHOST, "192.0.2.7"), PAM_SUCCESS);
	assert_int_equal(pam_set_item(pam, PAM_TTY, "ssh"), PAM_SUCCESS);
	put("SSH_AUTH_INFO_0=publickey ssh-ed25519 " ED25519 "\n");
	put("SSH_CONNECTION=192.0.2.7 50022 192.0.2.1 22");
	before = clock_boot_us();
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	read_session(&s);
	assert_string_equal(s.account, "deploy");
	assert_string_equal(s.src_addr, "192.0.2.7");
	assert_string_equal(s.tty, "ssh");
	assert_string_equal(s.method, "publickey");
	assert_string_equal(s.key_fp, ED25519_FP);
	assert_int_equal(s.connection.sport, 50022);
	assert_int_equal(s.connection.dport, 22);
	assert_int_equal(s.leader, getpid());
	assert_true(s.start_ticks > 0);
	assert_true(s.opened.boot_us >= before);
	assert_true(s.opened.boot_us <= clock_boot_us());
	host_path(name, "%d-%llu.open", (int)getpid(),
	    (unsigned long long)s.start_ticks);
	assert_string_equal(only_file(&text), name);
	/* Nobody but root reads it. */
	assert_int_equal(stat(sessions, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(pam_close_session(pam, 0), PAM_SUCCESS);
	end();
	buf_done(&text);
	host_path(name, "%d-%llu.closed", (int)getpid(),
	    (unsigned long long)s.start_ticks);
	assert_string_equal(only_file(&text), name);
}

/* Opened and closed by two handles, as some programs do. */
static void
test_two_handles(void **state UNUSED)
{
	OWN(buf_done) struct buf text = {0};

	need();
	start("a");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	end();
	start("a");
	assert_int_equal(pam_close_session(pam, 0), PAM_SUCCESS);
	end();
	assert_non_null(strstr(only_file(&text), ".closed"));
}

static void
test_several_methods(void **state UNUSED)
{
	struct session s;

	need();
	start("a");
	put("SSH_AUTH_INFO_0=publickey ssh-ed25519 " ED25519
	    "\nkeyboard-interactive\n");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	read_session(&s);
	assert_string_equal(s.method, "publickey+keyboard-interactive");
	assert_string_equal(s.key_fp, ED25519_FP);
	end();
}

static void
test_nothing_known(void **state UNUSED)
{
	struct session s;

	need();
	start("a");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	read_session(&s);
	assert_string_equal(s.key_fp, "");
	assert_string_equal(s.src_addr, "");
	assert_int_equal(s.connection.family, 0);
	end();
}

/* Texts that would be lines of their own. */
static void
test_injection(void **state UNUSED)
{
	struct session s;

	need();
	start("a\npid 1");
	assert_int_equal(
	    pam_set_item(pam, PAM_TTY, "t\naccount root"), PAM_SUCCESS);
	put("SSH_CONNECTION=192.0.2.7\naccount root 1 192.0.2.1 22");
	put("SSH_AUTH_INFO_0=publickey\tx\rpid 1\n");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	read_session(&s);
	assert_string_equal(s.account, "a?pid 1");
	assert_string_equal(s.tty, "t?account root");
	assert_int_equal(s.leader, getpid());
	assert_int_equal(s.connection.family, 0);
	end();
}

/* The environment contradicts what sshd says in PAM_RHOST: somebody wrote it. */
static void
test_changed_environment(void **state UNUSED)
{
	struct session s;

	need();
	start("a");
	assert_int_equal(
	    pam_set_item(pam, PAM_RHOST, "192.0.2.7"), PAM_SUCCESS);
	put("SSH_CONNECTION=192.0.2.8 50022 192.0.2.1 22");
	put("SSH_AUTH_INFO_0=publickey ssh-ed25519 " ED25519 "\n");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	read_session(&s);
	assert_string_equal(s.src_addr, "192.0.2.7");
	assert_string_equal(s.key_fp, "");
	assert_string_equal(s.method, "changed-environment");
	assert_int_equal(s.connection.family, 0);
	end();
}

/* With UseDNS the host is a name: the address is sshd's. */
static void
test_host_name(void **state UNUSED)
{
	struct session s;

	need();
	start("a");
	assert_int_equal(
	    pam_set_item(pam, PAM_RHOST, "client.example"), PAM_SUCCESS);
	put("SSH_CONNECTION=2001:db8::7 50022 2001:db8::1 22");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	read_session(&s);
	assert_string_equal(s.src_addr, "2001:db8::7");
	assert_int_equal(s.connection.family, 6);
	end();
}

/* What people may write by pam_env.so comes too late, as the manual says. */
static void
test_order(void **state UNUSED)
{
	char behind[800], path[512];
	struct session s;

	need();
	host_path(path, "%s/env", host_dir);
	host_write(path, "SSH_AUTH_INFO_0=\"publickey x AAAA\"\n");
	host_path(behind, "session required pam_env.so envfile=%s\n", path);
	write_stack("", sessions, behind);
	start("a");
	put("SSH_AUTH_INFO_0=publickey ssh-ed25519 " ED25519 "\n");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	assert_string_equal(
	    pam_getenv(pam, "SSH_AUTH_INFO_0"), "publickey x AAAA");
	read_session(&s);
	assert_string_equal(s.key_fp, ED25519_FP);
	end();
}

/* Whatever is wrong, people can log in. */
static void
test_never_in_the_way(void **state UNUSED)
{
	OWN(buf_done) struct buf text = {0};
	char file[512], parent[400];
	char *big;

	need();
	host_path(file, "%s/file", host_dir);
	host_write(file, "x");
	write_stack("", file, "");
	start("a");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	assert_int_equal(pam_close_session(pam, 0), PAM_SUCCESS);
	end();
	/* A directory that others can write to holds no truth. */
	host_path(parent, "%s/run", host_dir);
	assert_int_equal(mkdir(parent, 0755), 0);
	assert_int_equal(mkdir(sessions, 0700), 0);
	assert_int_equal(chmod(sessions, 0777), 0);
	write_stack("", sessions, "");
	start("a");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	end();
	assert_null(only_file(&text));
	assert_int_equal(chmod(sessions, 0700), 0);
	assert_int_equal(chown(sessions, 1000, 1000), 0);
	start("a");
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	end();
	assert_null(only_file(&text));
	assert_int_equal(chown(sessions, 0, 0), 0);
	/* More than a file may hold. */
	big = calloc(1, 200001);
	assert_non_null(big);
	memset(big, 'x', 200000);
	memcpy(big, "SSH_AUTH_INFO_0=", 16);
	start("a");
	put(big);
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	end();
	for (size_t i = 20; i < 200000; i += 20)
		big[i] = '\n';
	start("a");
	put(big);
	assert_int_equal(pam_open_session(pam, 0), PAM_SUCCESS);
	assert_int_equal(pam_close_session(pam, 0), PAM_SUCCESS);
	end();
	free(big);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_session),
	    T(test_two_handles),
	    T(test_several_methods),
	    T(test_nothing_known),
	    T(test_injection),
	    T(test_changed_environment),
	    T(test_host_name),
	    T(test_order),
	    T(test_never_in_the_way),
	};

	return cmocka_run_group_tests_name("agent/who/pam", tests, NULL, NULL);
}
