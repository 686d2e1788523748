/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who_test - which person stands behind a process or a flow, how surely, and
 * when it must not be said.
 */
#include "agent/who/who.h"

#include "tests/unit/agent/who/host.h"

#include "lib/own.h"

#define UNSET ACTOR_UNSET
#define ED25519 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIC8jyKy3e38AQI80OfIst5y8Cjm2By0056xRFy2YiJ9g"
#define ANN_KEY "SHA256:1qadaOL+TyrSFNe5zS/XFz16ovI7Pzfw92EGEpYVra8"
#define RSA \
	"AAAAB3NzaC1yc2EAAAADAQABAAAAgQCfEArdzbIx0dQFPYKec5Xv/fwKgUSbxsjE1e38" \
	"//70ja2KolWeNhPF+s59QvvIdskVs28rd5mFq4ViNho/HbcyVAcc8ouDZq3EnhYRI3g4" \
	"fdNJUp70syRDvtnVIIbjdAwPVUoziNX6QymP3ZMQ7RN3q/NtEqmOQDJVU/PEZnKiSw=="
#define BEA_KEY "SHA256:zvM7f0ghO+eDZo5ZhenhdFOhUurY2yAvI+VgmHRo3KA"

static struct who *w;
static struct session_event told[32];
static size_t ntold;
static pid_t agent;
static char sessions[400], log_path[400], roster[400];

static void
on_session(void *ctx UNUSED, const struct session_event *e)
{
	assert_true(ntold < ARRAY_LEN(told));
	told[ntold++] = *e;
}

static void
process(int pid, int parent, unsigned long long start, uint32_t uid,
    uint32_t loginuid, uint32_t audit_ses, const char *exe)
{
	struct host_process p = {
	    pid, parent, start, uid, loginuid, audit_ses, exe, false};

	host_process(&p);
}

/* 1 - 50 (sshd) - 100 (sshd, of a session) - 101 (bash); 60 is a daemon. */
static int
setup(void **state UNUSED)
{
	host_up();
	ntold = 0;
	host_path(sessions, "%s/sessions", host_dir);
	host_path(log_path, "%s/auth.log", host_dir);
	host_path(roster, "%s/roster.yaml", host_dir);
	host_write(roster, "providers:\n"
			   "- id: acme\n"
			   "  to: 2026-12-31\n"
			   "  people:\n"
			   "  - id: ann\n"
			   "    accounts: [acme1, deploy]\n"
			   "    keys: [\"" ANN_KEY "\"]\n"
			   "  - id: art\n"
			   "    accounts: [acme2, ops]\n"
			   "  - id: abe\n"
			   "    accounts: [ops]\n"
			   "- id: beta\n"
			   "  people:\n"
			   "  - id: bea\n"
			   "    accounts: [beta1, deploy]\n"
			   "    keys: [\"" BEA_KEY "\"]\n");
	process(1, 0, 1, 0, UNSET, UNSET, "init");
	process(50, 1, 100, geteuid(), UNSET, UNSET, "sshd");
	process(60, 1, 100, 0, UNSET, UNSET, "daemon");
	process(100, 50, HOUR_OLD, geteuid(), 1004, 51, "sshd");
	process(101, 100, HOUR_OLD, 1004, 1004, 51, "bash");
	return 0;
}

static int
teardown(void **state UNUSED)
{
	who_close(w);
	w = NULL;
	host_down();
	return 0;
}

static void
open_who(bool log)
{
	struct who_config c = {.roster = roster,
	    .sessions_dir = sessions,
	    .sshd_log = log ? log_path : NULL,
	    .agent = agent};
	char proc[300];
	struct diag why = {""};

	host_path(proc, "%s/proc", host_dir);
	c.proc = proc;
	if (who_open(&c, on_session, NULL, &w, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(who_step(w), 0);
}

/* A session file, as the PAM module leaves one. */
static void
login_file(
    int pid, unsigned long long start, const char *account, const char *rest)
{
	char hidden[512], path[512], text[4096];

	host_path(text,
	    "chaperone-session 1\naccount %s\nrhost 192.0.2.7\ntty ssh\n"
	    "connection 192.0.2.7 50022 192.0.2.1 22\n"
	    "pid %d\nstart %llu\nboot_us 1000\nwall_us %lld\n%s",
	    account, pid, start, (long long)HOST_WALL, rest);
	host_path(hidden, "%s/.x", sessions);
	host_path(path, "%s/%d-%llu.open", sessions, pid, start);
	host_write(hidden, text);
	assert_int_equal(rename(hidden, path), 0);
	assert_int_equal(who_step(w), 0);
}

static void
logout(int pid, unsigned long long start)
{
	char from[512], to[512];

	host_path(from, "%s/%d-%llu.open", sessions, pid, start);
	host_path(to, "%s/%d-%llu.closed", sessions, pid, start);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(who_step(w), 0);
}

#define LOGIN "loginuid 1004\nsession 51\n"
#define BY_KEY(key) LOGIN "auth publickey ssh-ed25519 " key "\n"

static void
expect(const struct actor *a, enum grade g, const char *provider,
    const char *person, const char *why)
{
	if (a->grade != g || !str_eq(a->provider, provider) ||
	    !str_eq(a->person, person) || strstr(a->why, why) == NULL)
		fail_msg("%s %s %s: %s", grade_name(a->grade), a->provider,
		    a->person, a->why);
}

static struct actor
ask(int pid, bool gone)
{
	struct actor a;

	who_pid(w, pid, gone, &a);
	return a;
}

/* ---- sessions of the PAM module ---- */

static void
test_key(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	a = ask(101, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_string_equal(a.account, "deploy");
	assert_string_equal(a.key_fp, ANN_KEY);
	assert_string_equal(a.src_addr, "192.0.2.7");
	assert_string_equal(a.method, "publickey");
	assert_int_equal(a.loginuid, 1004);
	assert_int_equal(a.audit_ses, 51);
	assert_int_equal(a.pid, 101);
	assert_int_equal(a.start_ticks, HOUR_OLD);
	assert_true(actor_is_person(&a));
	assert_true(who_counters(w)->pam);
	assert_int_equal(who_counters(w)->sessions, 1);
	assert_int_equal(who_counters(w)->by_grade[GRADE_KEY], 1);
}

/* One account, two keys, two people of two providers; and a third key. */
static void
test_shared_account(void **state UNUSED)
{
	struct actor a;

	process(200, 50, HOUR_OLD, geteuid(), 1004, 52, "sshd");
	process(201, 200, HOUR_OLD, 1004, 1004, 52, "bash");
	process(300, 50, HOUR_OLD, geteuid(), 1004, 53, "sshd");
	process(301, 300, HOUR_OLD, 1004, 1004, 53, "bash");
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	login_file(200, HOUR_OLD, "deploy",
	    "loginuid 1004\nsession 52\nauth publickey ssh-rsa " RSA "\n");
	login_file(300, HOUR_OLD, "deploy",
	    "loginuid 1004\nsession 53\nauth password\n");
	a = ask(101, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	a = ask(201, false);
	expect(&a, GRADE_KEY, "beta", "bea", "key");
	a = ask(301, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "several people");
	assert_true(actor_is_person(&a));
}

static void
test_shared_within_a_provider(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "ops", LOGIN "auth password\n");
	a = ask(101, false);
	expect(&a, GRADE_SESSION, "acme", "unknown", "several people");
}

static void
test_account(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN "auth password\n");
	a = ask(101, false);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
}

/* The account of one person, opened with a key that is not theirs. */
static void
test_strange_key(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "beta1", BY_KEY(ED25519));
	a = ask(101, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown",
	    "the key is listed for ann of acme, the account for others alone");
	process(200, 50, HOUR_OLD, geteuid(), 1004, 52, "sshd");
	login_file(200, HOUR_OLD, "acme1",
	    "loginuid 1004\nsession 52\nauth publickey ecdsa "
	    "AAAAC3NzaC1lZDI1NTE5AAAAIC8jyKy3e38AQI80OfIst5y8Cjm2By0056xRFy2YiJ9h\n");
	a = ask(200, false);
	expect(&a, GRADE_SESSION, "acme", "unknown",
	    "with a key that is not in the roster");
	/* An account that is listed for nobody is opened by whose key it is. */
	process(300, 50, HOUR_OLD, geteuid(), 1004, 53, "sshd");
	login_file(300, HOUR_OLD, "root",
	    "loginuid 1004\nsession 53\nauth publickey x " ED25519 "\n");
	a = ask(300, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
}

static void
test_not_listed(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "stranger", LOGIN);
	a = ask(101, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "in the roster");
	assert_string_equal(a.account, "stranger");
}

static void
test_expired(void **state UNUSED)
{
	struct actor a;

	/* Two months on. */
	host_clock(UINT64_C(60) * 86400 * 1000000);
	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	a = ask(101, false);
	/* What counts is when the session was opened. */
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
	process(200, 50, HOUR_OLD, geteuid(), 1004, 52, "sshd");
	login_file(200, HOUR_OLD, "acme2", "wall_us 1799000000000000\n");
	a = ask(200, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown",
	    "art of acme, but not for this time");
}

/* ---- through sudo, and after the end ---- */

static void
test_sudo(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	who_fork(w, 101, 102);
	process(102, 101, MINUTE_OLD, 0, 1004, 51, "sudo");
	who_exec(w, 102);
	who_fork(w, 102, 103);
	process(103, 102, MINUTE_OLD, 0, 1004, 51, "cat");
	who_exec(w, 103);
	a = ask(103, false);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
	assert_int_equal(a.uid, geteuid() == 0 ? 0 : geteuid());
	/* Everything between has ended, and so has it. */
	for (int pid = 100; pid <= 103; pid++) {
		host_gone(pid);
		who_exit(w, pid);
	}
	a = ask(103, true);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
	assert_non_null(strstr(a.exe, "/bin/cat"));
}

/* It ended between its event and the look at it: what its parent was counts. */
static void
test_ended_at_the_look(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	who_fork(w, 101, 102);
	who_exec(w, 102); /* there is nothing in /proc any more */
	a = ask(102, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_int_equal(a.loginuid, 1004);
	assert_int_equal(a.audit_ses, 51);
	assert_string_equal(a.exe, "");
	/* Another has its number already. */
	who_fork(w, 101, 103);
	process(103, 101, MINUTE_OLD, 1004, 1004, 51, "cat");
	who_exec(w, 103);
	process(103, 60, MINUTE_OLD + 1, 0, UNSET, UNSET, "daemon");
	who_exit(w, 103);
	a = ask(103, true);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_non_null(strstr(a.exe, "/bin/cat"));
}

/* What cron starts for somebody has ended before its event is read. */
static void
test_login_of_a_daemon_child(void **state UNUSED)
{
	struct actor a;

	process(62, 1, 100, 0, UNSET, UNSET, "/usr/sbin/cron");
	open_who(false);
	who_fork(w, 62, 104);
	process(62, 1, 100, 0, 0, 58, "/usr/sbin/cron");
	process(104, 62, MINUTE_OLD, 0, 0, 58, "bash");
	who_exec(w, 104);
	host_gone(104);
	who_exit(w, 104);
	a = ask(104, true);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "login uid alone");
	assert_string_equal(a.account, "root");
	assert_true(actor_is_person(&a));
}

static void
test_ended_unseen(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	who_fork(w, 101, 102);
	a = ask(4711, true);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "had ended before");
	assert_true(actor_is_person(&a)); /* it may have been anybody */
	a = ask(4711, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "had ended before");
	a = ask(0, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "pid namespace");
	assert_true(actor_is_person(&a));
}

static void
test_number_used_again(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	who_fork(w, 60, 110);
	who_exit(w, 110);
	who_fork(w, 101, 110);
	who_exit(w, 110);
	a = ask(110, true);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "used by another");
	assert_true(actor_is_person(&a));
	/* A daemon that took the number of a person's process. */
	who_fork(w, 101, 111);
	who_exit(w, 111);
	who_fork(w, 60, 111);
	process(111, 60, MINUTE_OLD, 0, UNSET, UNSET, "daemon");
	a = ask(111, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "no login");
	assert_false(actor_is_person(&a));
}

static struct actor
ask_caller(int pid, uint64_t start_ticks)
{
	uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	struct actor a;

	/* The kernel counts more finely than /proc shows. */
	who_caller(w,
	    &(struct caller){pid, start_ticks * tick + tick / 2, 4711, "short"},
	    &a);
	assert_int_equal(a.uid, 4711);
	assert_string_not_equal(a.exe, "");
	return a;
}

/* The kernel named a process with its start: none that had its number before or
 * has it now is taken for it. */
static void
test_caller(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	who_fork(w, 101, 102);
	process(102, 101, MINUTE_OLD, 1004, 1004, 51, "cat");
	who_exec(w, 102);
	a = ask_caller(102, MINUTE_OLD);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
	a = ask_caller(102, MINUTE_OLD - 1);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "had ended before");
	assert_true(actor_is_person(&a));
	/* A daemon takes its number at once: both are known. */
	host_gone(102);
	who_exit(w, 102);
	who_fork(w, 60, 102);
	process(102, 60, MINUTE_OLD + 5, 0, UNSET, UNSET, "daemon");
	who_exec(w, 102);
	a = ask_caller(102, MINUTE_OLD + 5);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "no login");
	a = ask_caller(102, MINUTE_OLD);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
	a = ask_caller(0, MINUTE_OLD);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "had ended before");
}

static char passed[256];

static void
on_bystander(void *ctx UNUSED, pid_t pid, bool own)
{
	size_t n = strlen(passed);

	assert_int_equal(str_format(passed + n, sizeof passed - n, " %d%s ",
			     (int)pid, own ? "!" : ""),
	    0);
}

/* Nobody's, older than the agent, and no way in: a daemon is; a shell, a session
 * and what came later are not. */
static void
test_bystanders(void **state UNUSED)
{
	process(61, 1, 100, 0, UNSET, UNSET, "bash");
	process(62, 60, MINUTE_OLD + 1, 0, UNSET, UNSET, "daemon");
	process(63, 60, 100, 0, 1004, 51, "daemon");
	process(70, 1, MINUTE_OLD, 0, UNSET, UNSET, "agent");
	process(71, 70, MINUTE_OLD + 2, 0, UNSET, UNSET, "watch");
	agent = 70;
	open_who(false);
	agent = 0;
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	passed[0] = '\0';
	who_bystanders(w, on_bystander, NULL);
	assert_non_null(strstr(passed, " 60 "));
	assert_non_null(strstr(passed, "70!"));
	assert_non_null(strstr(passed, "71!"));
	for (const char *const *p = (const char *const[]){"1", "50", "61", "62",
		 "63", "100", "101", NULL};
	     *p != NULL; p++) {
		char word[32];

		(void)snprintf(word, sizeof word, " %s ", *p);
		if (strstr(passed, word) != NULL)
			fail_msg("%s is passed over: %s", *p, passed);
	}
}

/* The agent was started by hand, within a session. */
static void
test_agent_itself(void **state UNUSED)
{
	struct actor a;

	process(102, 101, MINUTE_OLD, 0, 1004, 51, "agent");
	process(103, 102, MINUTE_OLD, 0, 1004, 51, "watch");
	agent = 102;
	open_who(false);
	agent = 0;
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	who_fork(w, 102, 104);
	a = ask(103, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "the agent itself");
	assert_false(actor_is_person(&a));
	a = ask(104, true);
	assert_false(actor_is_person(&a));
	a = ask(101, false);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
}

static void
test_daemon(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	a = ask(60, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "no login stands");
	assert_false(actor_is_person(&a));
}

/* ---- the kernel's own numbers ---- */

/* A process whose line was cut (a double fork before the agent ran). */
static void
test_by_session_number(void **state UNUSED)
{
	struct actor a;

	process(120, 1, HOUR_OLD, 1004, 1004, 51, "bash");
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	a = ask(120, false);
	expect(&a, GRADE_ACCOUNT, "acme", "ann", "session number");
}

static void
test_login_uid_alone(void **state UNUSED)
{
	struct actor a;

	process(120, 1, HOUR_OLD, 0, 0, 77, "bash");
	process(121, 1, HOUR_OLD, 0, 4000000000u, 77, "bash");
	open_who(false);
	a = ask(120, false);
	/* The account of uid 0 is in every /etc/passwd, and in no roster. */
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "login uid alone");
	assert_string_equal(a.account, "root");
	assert_true(actor_is_person(&a));
	a = ask(121, false);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "without an account");
}

/* What was born since counts by who has set its login uid. */
static void
test_login_uid_granted(void **state UNUSED)
{
	struct actor a;

	process(70, 1, HOUR_OLD, 0, UNSET, UNSET, "/usr/sbin/cron");
	open_who(false);
	who_fork(w, 70, 130);
	process(130, 70, MINUTE_OLD, 0, 0, 80, "/usr/sbin/cron");
	who_fork(w, 130, 131);
	process(131, 130, MINUTE_OLD, 0, 0, 80, "sh");
	who_exec(w, 131);
	a = ask(131, false);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "a job of the account");
	assert_string_equal(a.account, "root");
	/* The job takes another one, as root can. */
	process(131, 130, MINUTE_OLD, 0, 1, 81, "sh");
	a = ask(131, false);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "no program which");
	/* A service does, and so does one that is called like cron. */
	process(140, 1, MINUTE_OLD, 0, 0, 82, "sh");
	who_fork(w, 1, 140);
	who_exec(w, 140);
	a = ask(140, false);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "no program which");
	process(141, 1, MINUTE_OLD, 0, 0, 83, "/tmp/usr/sbin/cron");
	who_fork(w, 1, 141);
	who_exec(w, 141);
	a = ask(141, false);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "no program which");
}

/* Ann started a cron: whose jobs it runs are not hers. */
static void
test_job_below_session(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "deploy", LOGIN BY_KEY(ED25519));
	process(150, 101, MINUTE_OLD, 0, 1004, 51, "/usr/sbin/cron");
	who_fork(w, 101, 150);
	who_exec(w, 150);
	process(151, 150, MINUTE_OLD, 0, 0, 90, "/usr/sbin/cron");
	who_fork(w, 150, 151);
	process(152, 151, MINUTE_OLD, 0, 0, 90, "sh");
	who_fork(w, 151, 152);
	who_exec(w, 152);
	a = ask(152, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "another account's");
}

static void
descriptor(int pid, const char *number, const char *to)
{
	char path[512];

	host_path(path, "%s/proc/%d/fd", host_dir, pid);
	(void)mkdir(path, 0755);
	host_path(path, "%s/proc/%d/fd/%s", host_dir, pid, number);
	assert_int_equal(symlink(to, path), 0);
}

/* A terminal that Ann started, and who else ran its program. */
static void
test_terminal(void **state UNUSED)
{
	struct actor a;

	process(200, 50, HOUR_OLD, geteuid(), 1005, 52, "sshd");
	process(201, 200, HOUR_OLD, 1004, 1005, 52, "bash");
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", LOGIN BY_KEY(ED25519));
	login_file(200, HOUR_OLD, "deploy",
	    "loginuid 1005\nsession 52\nauth publickey ssh-rsa " RSA "\n");
	process(160, 101, MINUTE_OLD, 1004, 1004, 51, "tmux");
	who_fork(w, 101, 160);
	process(161, 160, MINUTE_OLD, 1004, 1004, 51, "tmux");
	who_fork(w, 160, 161);
	who_exec(w, 161);
	who_exit(w, 160);
	process(162, 161, MINUTE_OLD, 1004, 1004, 51, "cat");
	who_fork(w, 161, 162);
	who_exec(w, 162);
	process(210, 201, MINUTE_OLD, 1004, 1005, 52, "tmux");
	who_fork(w, 201, 210);
	who_exec(w, 210);
	/* No terminal is served: Bea runs the same program, and no more. */
	a = ask(162, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	descriptor(161, "5", "/dev/ptmx");
	a = ask(162, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown",
	    "ambiguous: ann of acme started the terminal, bea of beta");
	/* So is what has ended meanwhile. */
	host_gone(162);
	who_exit(w, 162);
	a = ask(162, true);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "ambiguous");
	/* What she does herself is hers. */
	a = ask(210, false);
	expect(&a, GRADE_KEY, "beta", "bea", "key");
	/* It stays so when she has left. */
	who_exit(w, 210);
	a = ask(161, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "ambiguous");
}

/* Another user's program of that name cannot have joined it. */
static void
test_terminal_of_others(void **state UNUSED)
{
	struct actor a;

	process(200, 50, HOUR_OLD, geteuid(), 1005, 52, "sshd");
	process(201, 200, HOUR_OLD, 1005, 1005, 52, "bash");
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", LOGIN BY_KEY(ED25519));
	login_file(200, HOUR_OLD, "beta1",
	    "loginuid 1005\nsession 52\nauth publickey ssh-rsa " RSA "\n");
	process(160, 101, MINUTE_OLD, 1004, 1004, 51, "tmux");
	who_fork(w, 101, 160);
	process(161, 160, MINUTE_OLD, 1004, 1004, 51, "tmux");
	who_fork(w, 160, 161);
	who_exec(w, 161);
	who_exit(w, 160);
	descriptor(161, "5", "/dev/ptmx");
	process(210, 201, MINUTE_OLD, 1005, 1005, 52, "tmux");
	who_fork(w, 201, 210);
	who_exec(w, 210);
	a = ask(161, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	/* By root it can. */
	process(211, 201, MINUTE_OLD, 0, 1005, 52, "tmux");
	who_fork(w, 201, 211);
	who_exec(w, 211);
	a = ask(161, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "ambiguous");
}

/* An unset process may choose a login uid: it frames nobody. */
static void
test_login_uid_changed(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	process(102, 101, MINUTE_OLD, 0, 0, 90, "bash");
	a = ask(102, false);
	expect(&a, GRADE_LINEAGE, "acme", "ann", "login uid was changed");
	process(103, 101, MINUTE_OLD, 0, UNSET, UNSET, "bash");
	a = ask(103, false);
	expect(&a, GRADE_LINEAGE, "acme", "ann", "login uid was changed");
}

static void
test_two_sessions_at_once(void **state UNUSED)
{
	struct actor a;

	process(200, 50, HOUR_OLD, geteuid(), 1004, 52, "sshd");
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	login_file(200, HOUR_OLD, "deploy",
	    "loginuid 1004\nsession 52\nauth publickey ssh-rsa " RSA "\n");
	/* By descent of ann's, by the kernel's number of bea's. */
	process(102, 101, MINUTE_OLD, 1004, 1004, 52, "bash");
	a = ask(102, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "of another");
	assert_string_equal(a.key_fp, "");
	assert_true(actor_is_person(&a));
}

/* A kernel without CONFIG_AUDIT: sessions and descent are enough. */
static void
test_without_audit(void **state UNUSED)
{
	static const int PIDS[] = {1, 50, 60, 100, 101, 130};
	struct actor a;
	char path[512];

	process(130, 1, HOUR_OLD, 1004, UNSET, UNSET, "bash");
	host_path(path, "%s/proc/self/loginuid", host_dir);
	assert_int_equal(unlink(path), 0);
	for (size_t i = 0; i < ARRAY_LEN(PIDS); i++) {
		host_path(path, "%s/proc/%d/loginuid", host_dir, PIDS[i]);
		assert_int_equal(unlink(path), 0);
		host_path(path, "%s/proc/%d/sessionid", host_dir, PIDS[i]);
		assert_int_equal(unlink(path), 0);
	}
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", "auth publickey x " ED25519 "\n");
	a = ask(101, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_int_equal(a.loginuid, UNSET);
	/* An account of people, there before us, without a line. */
	if (geteuid() != 0)
		return;
	a = ask(130, false);
	expect(&a, GRADE_UNKNOWN, "unknown", "unknown", "before the agent");
	assert_true(actor_is_person(&a));
	a = ask(60, false);
	assert_false(actor_is_person(&a));
}

/* ---- sshd's log ---- */

#define ACCEPTED(account, key) \
	"Accepted publickey for " account \
	" from 192.0.2.9 port 1 ssh2: ED25519 " key "\n"
/* The leader is an hour old. */
#define IN_TIME "Nov 24 15:00:03 server sshd[100]: "

static void
test_log(void **state UNUSED)
{
	struct actor a;

	host_write(log_path, IN_TIME ACCEPTED("deploy", ANN_KEY));
	open_who(true);
	a = ask(101, false);
	/* By a key, but others can write there: never the best grade. */
	expect(&a, GRADE_ACCOUNT, "acme", "ann", "sshd's log alone");
	assert_string_equal(a.src_addr, "192.0.2.9");
	assert_int_equal(a.loginuid, 1004);
	assert_false(who_counters(w)->pam);
	assert_int_equal(ntold, 1);
	assert_true(told[0].open);
	/* The module's word replaces it, and is told once. */
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	a = ask(101, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_int_equal(ntold, 1);
}

/* Lines that anybody can write (logger -t 'sshd[100]'). */
static void
test_forged_lines(void **state UNUSED)
{
	static const char *const FORGED[] = {
	    /* of a process that is no sshd, or not root's, or not there */
	    "Nov 24 15:00:03 server sshd[101]: " ACCEPTED("beta1", BEA_KEY),
	    "Nov 24 15:00:03 server sshd[140]: " ACCEPTED("beta1", BEA_KEY),
	    "Nov 24 15:00:03 server sshd[141]: " ACCEPTED("beta1", BEA_KEY),
	    "Nov 24 15:00:03 server sshd[4000]: " ACCEPTED("beta1", BEA_KEY),
	    /* before it was born: of an earlier one with the number */
	    "Nov 24 14:59:40 server sshd[100]: " ACCEPTED("beta1", BEA_KEY),
	    /* long after it was */
	    "Nov 24 15:55:00 server sshd[100]: " ACCEPTED("beta1", BEA_KEY),
	    "2026-11-24T15:55:00Z server sshd[100]: " ACCEPTED(
		"beta1", BEA_KEY)};
	char path[512];
	struct actor a;

	process(140, 101, HOUR_OLD, 1004, 1004, 51, "sshd"); /* a user's */
	process(141, 50, HOUR_OLD, geteuid(), UNSET, UNSET, "mine/sshd");
	host_path(path, "%s/bin/mine", host_dir);
	assert_int_equal(mkdir(path, 0755), 0);
	host_path(path, "%s/bin/mine/sshd", host_dir);
	host_write(path, "");
	assert_int_equal(chmod(path, 0777), 0); /* others can change it */
	host_write(log_path, "");
	open_who(true);
	for (size_t i = 0; i < ARRAY_LEN(FORGED); i++) {
		if (geteuid() != 0 && strstr(FORGED[i], "[140]") != NULL)
			continue; /* its owner cannot be made another */
		host_append(log_path, FORGED[i]);
		assert_int_equal(who_step(w), 0);
		assert_int_equal(who_counters(w)->sessions, 0);
	}
	a = ask(101, false);
	expect(&a, GRADE_LINEAGE, "unknown", "unknown", "");
}

static void
test_log_against_itself(void **state UNUSED)
{
	struct actor a;

	host_write(log_path, IN_TIME ACCEPTED("deploy", ANN_KEY));
	open_who(true);
	host_append(log_path, IN_TIME ACCEPTED("deploy", BEA_KEY));
	assert_int_equal(who_step(w), 0);
	a = ask(101, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "two different things");
	assert_string_equal(a.key_fp, "");
}

/* The same of what was there before the agent. */
static void
test_old_log_against_itself(void **state UNUSED)
{
	struct actor a;

	host_write(log_path, IN_TIME ACCEPTED("deploy", BEA_KEY)
				 IN_TIME ACCEPTED("deploy", ANN_KEY));
	open_who(true);
	a = ask(101, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "two different things");
}

/* The kernel's login uid says another account than the line. */
static void
test_log_against_login_uid(void **state UNUSED)
{
	struct actor a;

	process(200, 50, HOUR_OLD, geteuid(), UNSET, UNSET, "sshd");
	process(201, 200, HOUR_OLD, 0, 0, 60, "bash");
	host_write(log_path,
	    "Nov 24 15:00:03 server sshd[200]: " ACCEPTED("deploy", ANN_KEY));
	open_who(true);
	/* PAM sets it behind the line. */
	process(200, 50, HOUR_OLD, geteuid(), 0, 60, "sshd");
	a = ask(201, false);
	expect(&a, GRADE_SESSION, "unknown", "unknown", "another account");
}

/* ---- sessions are told ---- */

static void
test_told(void **state UNUSED)
{
	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	assert_int_equal(ntold, 1);
	assert_true(told[0].open);
	assert_int_equal(told[0].at.boot_us, 1000);
	assert_int_equal(told[0].at.wall_us, HOST_WALL);
	assert_string_equal(told[0].tty, "ssh");
	expect(&told[0].actor, GRADE_KEY, "acme", "ann", "key");
	assert_int_equal(told[0].actor.pid, 100);
	assert_non_null(strstr(told[0].actor.exe, "/bin/sshd"));
	logout(100, HOUR_OLD);
	assert_int_equal(ntold, 2);
	assert_false(told[1].open);
	assert_string_equal(told[1].actor.session, told[0].actor.session);
	/* What goes on behind it is still theirs. */
	host_clock(2000000);
	assert_int_equal(who_step(w), 0);
	assert_int_equal(ntold, 2);
	assert_int_equal(who_counters(w)->sessions, 1);
}

static void
test_leader_killed(void **state UNUSED)
{
	char path[512];

	open_who(false);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	host_gone(100);
	host_gone(101);
	who_exit(w, 101);
	who_exit(w, 100);
	host_clock(2000000);
	assert_int_equal(who_step(w), 0);
	assert_int_equal(ntold, 2);
	assert_false(told[1].open);
	/* Nobody else would remove its file. */
	host_path(path, "%s/100-%d.open", sessions, HOUR_OLD);
	assert_int_equal(access(path, F_OK), -1);
	/* Forgotten once all its processes are. */
	assert_int_equal(who_counters(w)->sessions, 1);
	host_clock(UINT64_C(120000000));
	assert_int_equal(who_step(w), 0);
	assert_int_equal(who_counters(w)->sessions, 0);
	assert_int_equal(ntold, 2);
}

/* A file from before whose process is another one today. */
static void
test_stale_file(void **state UNUSED)
{
	struct actor a;

	open_who(false);
	login_file(101, 5, "acme2", LOGIN);
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	a = ask(101, false);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
}

/* ---- the login's own connection ---- */

static void
test_login_connection(void **state UNUSED)
{
	struct tuple t = {.family = 4,
	    .proto = 6,
	    .src = {192, 0, 2, 7},
	    .dst = {192, 0, 2, 1},
	    .sport = 50022,
	    .dport = 22};
	struct actor a;
	bool out = true;

	open_who(false);
	assert_false(who_login(w, &t, 500, &a));
	login_file(100, HOUR_OLD, "deploy", BY_KEY(ED25519));
	assert_true(who_login(w, &t, 500, &a));
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_int_equal(a.pid, 100);
	who_flow(w, &t, &a, &out);
	expect(&a, GRADE_KEY, "acme", "ann", "key");
	assert_false(out);
	/* Another service from the same port of the client. */
	t.dport = 80;
	assert_false(who_login(w, &t, 500, &a));
	t.dport = 22;
	t.proto = 17;
	assert_false(who_login(w, &t, 500, &a));
	/* Also behind its end. */
	t.proto = 6;
	logout(100, HOUR_OLD);
	assert_true(who_login(w, &t, 500, &a));
	/* But not for the next one from the same port. */
	assert_false(who_login(w, &t, 1001, &a));
	who_flow(w, &t, &a, &out);
	assert_string_equal(a.person, "unknown");
}

/* ---- the roster ---- */

static void
test_reload(void **state UNUSED)
{
	struct diag why = {""};
	struct actor a;

	open_who(false);
	login_file(100, HOUR_OLD, "acme2", LOGIN);
	host_write(roster, "providers: nonsense\n");
	assert_int_equal(who_reload(w, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "roster.yaml:1:12"));
	assert_int_equal(who_check(roster, NULL), -EBADMSG);
	a = ask(101, false);
	expect(&a, GRADE_ACCOUNT, "acme", "art", "one person's");
	host_write(roster, "providers:\n- id: gamma\n  people:\n  - id: gus\n"
			   "    accounts: [acme2]\n");
	assert_int_equal(who_check(roster, NULL), 0);
	assert_int_equal(who_reload(w, NULL), 0);
	a = ask(101, false);
	expect(&a, GRADE_ACCOUNT, "gamma", "gus", "one person's");
}

static void
test_bad_roster_at_start(void **state UNUSED)
{
	struct who_config c = {
	    .roster = roster, .sessions_dir = sessions, .proc = "/proc"};
	struct diag why = {""};

	host_write(roster, "provider: []\n");
	assert_int_equal(who_open(&c, on_session, NULL, &w, &why), -EBADMSG);
	assert_non_null(strstr(why.text, "roster.yaml:1:1"));
	assert_null(w);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_key),
	    T(test_shared_account),
	    T(test_shared_within_a_provider),
	    T(test_account),
	    T(test_strange_key),
	    T(test_not_listed),
	    T(test_expired),
	    T(test_sudo),
	    T(test_ended_at_the_look),
	    T(test_login_of_a_daemon_child),
	    T(test_ended_unseen),
	    T(test_caller),
	    T(test_bystanders),
	    T(test_number_used_again),
	    T(test_agent_itself),
	    T(test_daemon),
	    T(test_by_session_number),
	    T(test_login_uid_alone),
	    T(test_login_uid_changed),
	    T(test_login_uid_granted),
	    T(test_job_below_session),
	    T(test_terminal),
	    T(test_terminal_of_others),
	    T(test_two_sessions_at_once),
	    T(test_without_audit),
	    T(test_log),
	    T(test_forged_lines),
	    T(test_log_against_itself),
	    T(test_old_log_against_itself),
	    T(test_log_against_login_uid),
	    T(test_told),
	    T(test_leader_killed),
	    T(test_stale_file),
	    T(test_login_connection),
	    T(test_reload),
	    T(test_bad_roster_at_start),
	};

	return cmocka_run_group_tests_name("agent/who/who", tests, NULL, NULL);
}
