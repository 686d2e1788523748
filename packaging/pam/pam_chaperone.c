/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_chaperone - tells the agent who logs in: a PAM session module.
 *
 *   session optional pam_chaperone.so [dir=/run/chaperone/sessions]
 *
 * in /etc/pam.d/sshd, right behind pam_loginuid.so (which sets what we write
 * down), and before pam_env.so: with user_readenv=1 that lets people put words of
 * their own into the environment that sshd speaks to us by.
 *
 * Owns: one file below dir for each session, PID-START.open, renamed to
 * PID-START.closed at the end; the agent removes it.
 * Never: keeps anybody from logging in: whatever fails, it answers
 * PAM_SUCCESS, since a stack of PAM_IGNORE alone denies. Never reads a secret:
 * sshd gives it the public key.
 *
 * The file: "chaperone-session 1", then lines "key value": account, rhost, tty,
 * service, loginuid, session (the kernel's number), pid and start (of the
 * process that opened the session, which all others of it descend from),
 * boot_us, wall_us, "connection CLIENT PORT SERVER PORT" of SSH_CONNECTION, and
 * "auth METHOD [TYPE KEY]" for each line of SSH_AUTH_INFO_0, both of which sshd
 * puts into the PAM environment (OpenSSH, auth-pam.c; sshd_config(5),
 * ExposeAuthInfo). Control characters become "?".
 *
 * Stands alone: it is loaded into sshd, so it has no library but libpam.
 */
#define PAM_SM_SESSION

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define DIR_DEFAULT "/run/chaperone/sessions"
#define TEXT_MAX 30000
#define VALUE_MAX 255
#define AUTH_LINES_MAX 8
#define NAME_KEPT "chaperone_session"
#define NAME_SIZE 64

struct text {
	char data[TEXT_MAX];
	size_t len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void
put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->data + t->len, sizeof t->data - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof t->data - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

/* "key value", with nothing in the value that could end the line. */
static void
put_value(struct text *t, const char *key, const char *value, size_t max)
{
	size_t n = value == NULL ? 0 : strnlen(value, max);

	if (n == 0)
		return;
	put(t, "%s ", key);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)value[i];

		put(t, "%c", c < ' ' || c == 0x7f ? '?' : c);
	}
	put(t, "\n");
}

/* ---- this process ---- */

static bool
read_small(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, out, size - 1);
	close(fd);
	if (n < 0)
		return false;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return n > 0;
}

/* Field 22 of /proc/self/stat (proc(5)). */
static uint64_t
start_ticks(void)
{
	char text[4096], *p, *save = NULL;
	int field = 2;

	if (!read_small("/proc/self/stat", text, sizeof text))
		return 0;
	p = strrchr(text, ')');
	if (p == NULL)
		return 0;
	for (p = strtok_r(p + 1, " ", &save); p != NULL;
	     p = strtok_r(NULL, " ", &save))
		if (++field == 22)
			return strtoull(p, NULL, 10);
	return 0;
}

static uint64_t
micros(clockid_t clock)
{
	struct timespec t = {0};

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the file ---- */

static const char *
item(pam_handle_t *pamh, int which)
{
	const void *p = NULL;

	return pam_get_item(pamh, which, &p) == PAM_SUCCESS ? p : NULL;
}

/* Each line "METHOD[ TYPE KEY]" of what sshd says the session was opened by. */
static void
put_auth(struct text *t, const char *info)
{
	for (int i = 0; info != NULL && *info != '\0' && i < AUTH_LINES_MAX;
	     i++) {
		size_t n = strcspn(info, "\n");

		put_value(
		    t, "auth", n == 0 ? NULL : info, n < TEXT_MAX / 2 ? n : 0);
		info += n + (info[n] == '\n');
	}
}

static bool
is_address(const char *text)
{
	struct in6_addr a;

	return inet_pton(AF_INET, text, &a) == 1 ||
	       inet_pton(AF_INET6, text, &a) == 1;
}

/*
 * The client's address. PAM_RHOST is sshd's alone, but with UseDNS a name; an
 * environment that contradicts it was changed by somebody, and false is
 * returned: what else stands there is not to be believed.
 */
static bool
put_address(struct text *t, pam_handle_t *pamh)
{
	const char *rhost = item(pamh, PAM_RHOST);
	const char *c = pam_getenv(pamh, "SSH_CONNECTION");
	size_t n = c == NULL ? 0 : strcspn(c, " ");
	bool known = rhost != NULL && is_address(rhost);

	if (n == 0 ||
	    (known && (strlen(rhost) != n || memcmp(rhost, c, n) != 0))) {
		put_value(t, "rhost", rhost, VALUE_MAX);
		return n == 0;
	}
	put_value(t, "rhost", c, n);
	put_value(t, "connection", c, VALUE_MAX);
	return true;
}

static void
describe(struct text *t, pam_handle_t *pamh, uint64_t start)
{
	char number[32];
	bool believed;

	put(t, "chaperone-session 1\n");
	put_value(t, "account", item(pamh, PAM_USER), 63);
	believed = put_address(t, pamh);
	put_value(t, "tty", item(pamh, PAM_TTY), 31);
	put_value(t, "service", item(pamh, PAM_SERVICE), 31);
	if (read_small("/proc/self/loginuid", number, sizeof number))
		put_value(t, "loginuid", number, sizeof number);
	if (read_small("/proc/self/sessionid", number, sizeof number))
		put_value(t, "session", number, sizeof number);
	put(t,
	    "pid %d\nstart %" PRIu64 "\nboot_us %" PRIu64 "\nwall_us %" PRIu64
	    "\n",
	    (int)getpid(), start, micros(CLOCK_BOOTTIME),
	    micros(CLOCK_REALTIME));
	if (believed)
		put_auth(t, pam_getenv(pamh, "SSH_AUTH_INFO_0"));
	else
		put(t, "auth changed-environment\n");
}

/* Only root may be able to say who logged in. */
static int
open_dir(const char *dir)
{
	struct stat st;
	char parent[1024];
	const char *slash = strrchr(dir, '/');
	int fd;

	if (slash != NULL && slash != dir &&
	    (size_t)(slash - dir) < sizeof parent) {
		memcpy(parent, dir, (size_t)(slash - dir));
		parent[slash - dir] = '\0';
		(void)mkdir(parent, 0755);
	}
	(void)mkdir(dir, 0700);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || st.st_uid != 0 || (st.st_mode & 022) != 0) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

static bool
write_file(int dir, const char *name, const struct text *t)
{
	char new[3 * NAME_SIZE];
	bool good;
	int fd;

	(void)snprintf(new, sizeof new, ".%s", name);
	fd = openat(dir, new,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	good = write(fd, t->data, t->len) == (ssize_t)t->len;
	close(fd);
	if (good && renameat(dir, new, dir, name) == 0)
		return true;
	(void)unlinkat(dir, new, 0);
	return false;
}

static const char *
dir_of(int argc, const char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "dir=", 4) == 0)
			return argv[i] + 4;
	return DIR_DEFAULT;
}

static void
drop(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	free(data);
}

/* "PID-START", the same for both ends of a session. */
static void
name_session(char *out, size_t size)
{
	(void)snprintf(out, size, "%d-%" PRIu64, (int)getpid(), start_ticks());
}

/* Writes the file of a session; NULL, or what went wrong. */
static const char *
tell(pam_handle_t *pamh, struct text *t, const char *dir_name, const char *name)
{
	const char *error = NULL;
	char file[2 * NAME_SIZE];
	int dir;

	(void)snprintf(file, sizeof file, "%s.open", name);
	describe(t, pamh, start_ticks());
	if (t->full)
		return "there is too much to say";
	dir = open_dir(dir_name);
	if (dir < 0)
		return strerror(errno);
	if (!write_file(dir, file, t))
		error = strerror(errno);
	close(dir);
	return error;
}

int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct text *t = calloc(1, sizeof *t);
	char *kept = calloc(1, NAME_SIZE);
	const char *error = "out of memory";

	(void)flags;
	if (t != NULL && kept != NULL) {
		name_session(kept, NAME_SIZE);
		error = tell(pamh, t, dir_of(argc, argv), kept);
	}
	if (error != NULL)
		pam_syslog(pamh, LOG_WARNING,
		    "the agent is not told of this session: %s", error);
	if (error != NULL ||
	    pam_set_data(pamh, NAME_KEPT, kept, drop) != PAM_SUCCESS)
		free(kept);
	free(t);
	return PAM_SUCCESS;
}

int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const void *kept = NULL;
	char own[NAME_SIZE], from[2 * NAME_SIZE], to[2 * NAME_SIZE];
	int dir;

	(void)flags;
	/* Nothing is kept if another handle opened it in this process. */
	if (pam_get_data(pamh, NAME_KEPT, &kept) != PAM_SUCCESS ||
	    kept == NULL) {
		name_session(own, sizeof own);
		kept = own;
	}
	dir = open_dir(dir_of(argc, argv));
	if (dir < 0)
		return PAM_SUCCESS;
	(void)snprintf(from, sizeof from, "%s.open", (const char *)kept);
	(void)snprintf(to, sizeof to, "%s.closed", (const char *)kept);
	(void)renameat(dir, from, dir, to);
	close(dir);
	return PAM_SUCCESS;
}
