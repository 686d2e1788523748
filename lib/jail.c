/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail - how a process gives up what it does not need, for good.
 *
 * Owns: the order of the steps: limits, the Landlock ruleset (its directories
 * are opened while they still can be), ids, capabilities, Landlock, seccomp.
 * Never: gives anything back; goes on after a step that failed.
 *
 * A call that the filter does not name ends the process (SIGSYS), so that an
 * exploit is a crash in the record and not a retry. The exceptions are calls
 * that honest libraries make and take a no for: they get an error.
 */
#include "lib/jail.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "lib/own.h"

#ifndef SAN
#define SAN 0
#endif

/* ---- limits ------------------------------------------------------------- */

static int
limit(int what, uint64_t value, const char *name, struct diag *why)
{
	struct rlimit l = {.rlim_cur = value, .rlim_max = value};

	if (setrlimit((__rlimit_resource_t)what, &l) != 0)
		return diag_set(
		    why, -errno, "jail: limit %s: %s", name, strerror(errno));
	return 0;
}

static int
take_limits(const struct jail *j, struct diag *why)
{
	int r = limit(RLIMIT_CORE, 0, "core", why);

	if (r == 0 && j->files_max > 0)
		r = limit(RLIMIT_NOFILE, j->files_max, "files", why);
	/* The address sanitizer reserves terabytes of address space. */
	if (r == 0 && j->memory_max > 0 && !SAN)
		r = limit(RLIMIT_AS, j->memory_max, "memory", why);
	return r;
}

static int
take_prctl(int option, unsigned long value, const char *name, struct diag *why)
{
	if (prctl(option, value, 0, 0, 0) != 0)
		return diag_set(
		    why, -errno, "jail: %s: %s", name, strerror(errno));
	return 0;
}

/* ---- Landlock ----------------------------------------------------------- */

/*
 * The kernel's interface, written out: the headers of the oldest supported
 * system know fewer rights than the kernels that we run on.
 */
struct landlock_attr {
	uint64_t fs, net, scoped;
};

struct landlock_path {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

enum {
	LL_VERSION = 1, /* flag of landlock_create_ruleset */
	LL_PATH_BENEATH = 1, /* type of landlock_add_rule */
};

enum {
	LL_EXECUTE = 1 << 0,
	LL_WRITE_FILE = 1 << 1,
	LL_READ_FILE = 1 << 2,
	LL_READ_DIR = 1 << 3,
	LL_MAKE_CHAR = 1 << 6,
	LL_MAKE_BLOCK = 1 << 11,
	LL_MAKE_SYM = 1 << 12,
	LL_ABI1 = (1 << 13) - 1,
	LL_REFER = 1 << 13, /* ABI 2 */
	LL_TRUNCATE = 1 << 14, /* ABI 3 */
	LL_IOCTL_DEV = 1 << 15, /* ABI 5 */
	LL_FILE = LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE |
		  LL_IOCTL_DEV, /* rights that a plain file can have */
	LL_OWN_NOT = LL_EXECUTE | LL_MAKE_CHAR | LL_MAKE_BLOCK | LL_MAKE_SYM |
		     LL_IOCTL_DEV,
	LL_NET_BOTH = 3, /* ABI 4: bind and connect of TCP */
	LL_SCOPE_BOTH = 3, /* ABI 6: abstract sockets and signals */
};

/* What name resolution and the certificates of the host need. */
static const char *const SHIP_READS[] = {"/etc", "/usr", "/lib", "/lib64",
    "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
    "/dev/urandom", "/dev/null"};

static struct landlock_attr
landlock_handled(const struct jail *j, int abi)
{
	struct landlock_attr a = {.fs = LL_ABI1};

	if (abi >= 2)
		a.fs |= LL_REFER;
	if (abi >= 3)
		a.fs |= LL_TRUNCATE;
	if (abi >= 5)
		a.fs |= LL_IOCTL_DEV;
	if (abi >= 4 && j->filter != JAIL_FILTER_SHIP)
		a.net = LL_NET_BOTH;
	if (abi >= 6)
		a.scoped = LL_SCOPE_BOTH;
	return a;
}

static size_t
landlock_size(int abi)
{
	if (abi >= 6)
		return sizeof(struct landlock_attr);
	return abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

/* A rule for what lies below a path. */
static int
landlock_allow(int ruleset, const char *path, uint64_t rights)
{
	OWN_FD int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path rule = {.allowed = rights, .parent = fd};

	if (fd < 0)
		return -errno;
	if (syscall(
		SYS_landlock_add_rule, ruleset, LL_PATH_BENEATH, &rule, 0) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* A plain file cannot have a directory's rights. */
	rule.allowed = rights & LL_FILE;
	if (syscall(
		SYS_landlock_add_rule, ruleset, LL_PATH_BENEATH, &rule, 0) == 0)
		return 0;
	return -errno;
}

static int
landlock_fill(
    int ruleset, const struct jail *j, uint64_t handled, struct diag *why)
{
	const uint64_t reads = LL_READ_FILE | LL_READ_DIR;
	int r = 0;

	if (j->dir != NULL)
		r = landlock_allow(
		    ruleset, j->dir, handled & ~(uint64_t)LL_OWN_NOT);
	if (r != 0)
		return diag_set(why, r, "jail: %s: %s", j->dir, strerror(-r));
	if (j->read_dir != NULL)
		r = landlock_allow(ruleset, j->read_dir, reads);
	if (r != 0)
		return diag_set(
		    why, r, "jail: %s: %s", j->read_dir, strerror(-r));
	if (j->filter != JAIL_FILTER_SHIP)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(SHIP_READS); i++) {
		r = landlock_allow(ruleset, SHIP_READS[i], reads);
		/* Not every host has every one of them. */
		if (r != 0 && r != -ENOENT && r != -EACCES)
			return diag_set(why, r, "jail: %s: %s", SHIP_READS[i],
			    strerror(-r));
	}
	return 0;
}

/* *ruleset stays -1 where the kernel has no Landlock. */
static int
landlock_make(const struct jail *j, int *ruleset, int *abi, struct diag *why)
{
	struct landlock_attr a;
	long n = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_VERSION);

	*abi = n > 0 ? (int)n : 0;
	if (*abi == 0 || !j->landlock)
		return 0;
	a = landlock_handled(j, *abi);
	*ruleset = (int)syscall(
	    SYS_landlock_create_ruleset, &a, landlock_size(*abi), 0);
	if (*ruleset < 0)
		return diag_set(
		    why, -errno, "jail: Landlock: %s", strerror(errno));
	return landlock_fill(*ruleset, j, a.fs, why);
}

static int
landlock_enter(int ruleset, struct diag *why)
{
	if (ruleset >= 0 &&
	    syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		return diag_set(
		    why, -errno, "jail: Landlock: %s", strerror(errno));
	return 0;
}

/* ---- ids and capabilities ----------------------------------------------- */

static void
select_caps(uint64_t caps)
{
	const capng_type_t both = CAPNG_EFFECTIVE | CAPNG_PERMITTED;

	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if ((caps & UINT64_C(1) << i) != 0)
			(void)capng_update(CAPNG_ADD, both, i);
}

/*
 * The bounding set goes while CAP_SETPCAP is still there; without it (a
 * container's root) no_new_privs keeps an exec from gaining anything.
 */
static int
drop_bounds(struct diag *why)
{
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 1)
		return 0;
	select_caps(0);
	if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return diag_set(why, -EPERM,
		    "jail: the bounding set of capabilities stays");
	return 0;
}

static int
take_ids(const struct jail *j, struct jail_taken *taken, struct diag *why)
{
	if (geteuid() != 0 || j->uid == 0)
		return 0;
	if (j->caps != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return diag_set(
		    why, -errno, "jail: keepcaps: %s", strerror(errno));
	if (setgroups(0, NULL) != 0 || setresgid(j->gid, j->gid, j->gid) != 0 ||
	    setresuid(j->uid, j->uid, j->uid) != 0)
		return diag_set(why, -errno, "jail: ids %u:%u: %s",
		    (unsigned)j->uid, (unsigned)j->gid, strerror(errno));
	/* A way back would be a bug of ours or of the kernel. */
	if (setresuid(0, 0, 0) == 0 || geteuid() == 0)
		return diag_set(why, -EPERM, "jail: root came back");
	taken->ids = true;
	return 0;
}

static int
take_caps(const struct jail *j, struct diag *why)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	(void)capng_get_caps_process();
	select_caps(j->caps);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return diag_set(why, -EPERM,
		    "jail: the capabilities that this process needs are not "
		    "there; start it as root");
	return 0;
}

/* ---- seccomp ------------------------------------------------------------ */

#define END INT32_MIN

/* Memory, time, signals to itself, and descriptors that are there already. */
static const int BASE[] = {SCMP_SYS(brk), SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(close),
    SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fstat),
    SCMP_SYS(futex), SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom),
    SCMP_SYS(getrusage), SCMP_SYS(gettid), SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid), SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(membarrier),
    SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(nanosleep),
    SCMP_SYS(newfstatat), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64),
    SCMP_SYS(preadv), SCMP_SYS(pselect6), SCMP_SYS(read), SCMP_SYS(readv),
    SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(select),
    SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack), SCMP_SYS(sysinfo),
    SCMP_SYS(time), SCMP_SYS(uname), SCMP_SYS(write), SCMP_SYS(writev), END};

/* Links that were handed over. */
static const int LINKS[] = {SCMP_SYS(getsockopt), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(shutdown),
    END};

/* Files and databases; where they may lie, Landlock and the owner say. The clock
 * is only read: setting it takes a capability. */
static const int FILES[] = {SCMP_SYS(access), SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime), SCMP_SYS(chdir), SCMP_SYS(chmod), SCMP_SYS(chown),
    SCMP_SYS(copy_file_range), SCMP_SYS(creat), SCMP_SYS(eventfd2),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fadvise64),
    SCMP_SYS(fallocate), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchown),
    SCMP_SYS(fchownat), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fstatfs),
    SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(getcwd),
    SCMP_SYS(getdents64), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(lstat),
    SCMP_SYS(memfd_create), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(mlock),
    SCMP_SYS(mlock2), SCMP_SYS(msync), SCMP_SYS(munlock), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(pipe2), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
    SCMP_SYS(readahead), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(rmdir),
    SCMP_SYS(signalfd4), SCMP_SYS(stat), SCMP_SYS(statfs), SCMP_SYS(statx),
    SCMP_SYS(sync_file_range), SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime), SCMP_SYS(umask), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(utimensat), SCMP_SYS(accept4), END};

/* The network, and threads (a resolver's). */
static const int NET[] = {SCMP_SYS(bind), SCMP_SYS(connect),
    SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(recvmmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(setsockopt), SCMP_SYS(socket),
    SCMP_SYS(socketpair), SCMP_SYS(ioctl), SCMP_SYS(sendfile), END};

/* A server on listeners that it has: accepts, keeps bodies in memory. */
static const int SERVE[] = {SCMP_SYS(accept4), SCMP_SYS(ftruncate),
    SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(memfd_create),
    SCMP_SYS(setsockopt), END};

/* Packet sockets are bound anew when their interface comes back. */
static const int PACKETS[] = {SCMP_SYS(bind), END};

/* What the sanitizers' runtimes call to report. */
static const int SANITIZERS[] = {SCMP_SYS(getcwd), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(prctl), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(stat), SCMP_SYS(pipe2), SCMP_SYS(prlimit64), END};

/* Calls of honest libraries that are refused softly, and how. */
struct refusal {
	int call;
	int error;
};

static const struct refusal SOFT[] = {
    {SCMP_SYS(open), EACCES}, {SCMP_SYS(openat), EACCES},
    {SCMP_SYS(openat2), EACCES}, {SCMP_SYS(access), EACCES},
    {SCMP_SYS(faccessat), EACCES}, {SCMP_SYS(faccessat2), EACCES},
    {SCMP_SYS(stat), EACCES}, {SCMP_SYS(lstat), EACCES},
    {SCMP_SYS(statx), EACCES}, {SCMP_SYS(readlink), EACCES},
    {SCMP_SYS(readlinkat), EACCES}, {SCMP_SYS(ioctl), ENOTTY}, /* isatty */
    {SCMP_SYS(setsockopt), EPERM}, /* libpcap on its way out */
    {SCMP_SYS(prctl), EPERM}, /* names of threads */
    {SCMP_SYS(prlimit64), EPERM},
    {SCMP_SYS(clone3), ENOSYS}, /* libc falls back to clone, which can be
				   looked into */
};

struct filter {
	const int *sets[6];
	bool exec_memory; /* may map memory as code: libraries load later */
	bool threads;
};

static const struct filter FILTERS[] = {
    [JAIL_FILTER_INSPECT] = {.sets = {BASE, LINKS}},
    [JAIL_FILTER_CAPTURE] = {.sets = {BASE, LINKS, PACKETS}},
    [JAIL_FILTER_RECORD] = {.sets = {BASE, LINKS, FILES}},
    [JAIL_FILTER_SHIP] = {.sets = {BASE, LINKS, FILES, NET},
	.exec_memory = true,
	.threads = true},
    [JAIL_FILTER_SIGN] = {.sets = {BASE, LINKS, FILES}},
    [JAIL_FILTER_FRONT] = {.sets = {BASE, LINKS, SERVE}},
};

static int
allow_set(scmp_filter_ctx ctx, const int *set)
{
	for (; *set != END; set++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, *set, 0);

		/* A call that this architecture does not have. */
		if (r != 0 && r != -EDOM)
			return r;
	}
	return 0;
}

/* Calls that are allowed by what they are asked to do. */
static int
allow_some(scmp_filter_ctx ctx, const struct filter *f)
{
	const uint64_t self = (uint64_t)getpid();
	const uint64_t exec = f->exec_memory ? 0 : PROT_EXEC;
	/* fcntl: descriptor flags, status flags, locks; nothing of owners. */
	static const int COMMANDS[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,
	    F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK,
	    F_OFD_SETLK, F_OFD_SETLKW, F_ADD_SEALS, F_GET_SEALS};
	int r;

	if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		 SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0))) != 0 ||
	    (r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		 SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0))) != 0 ||
	    /* abort() */
	    (r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		 SCMP_A0(SCMP_CMP_EQ, self, 0))) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(COMMANDS); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
		    SCMP_A1(SCMP_CMP_EQ, (uint64_t)COMMANDS[i], 0));
	if (r == 0 && f->threads)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	return r;
}

static bool
set_has(const int *set, int call)
{
	for (; *set != END; set++)
		if (*set == call)
			return true;
	return false;
}

/* The soft refusals, but for what the filter allows. */
static int
refuse_softly(scmp_filter_ctx ctx, const struct filter *f)
{
	for (size_t i = 0; i < ARRAY_LEN(SOFT); i++) {
		bool allowed = SAN && set_has(SANITIZERS, SOFT[i].call);
		int r = 0;

		for (size_t k = 0; f->sets[k] != NULL; k++)
			allowed |= set_has(f->sets[k], SOFT[i].call);
		if (!allowed)
			r = seccomp_rule_add(ctx,
			    SCMP_ACT_ERRNO((uint16_t)SOFT[i].error),
			    SOFT[i].call, 0);
		if (r != 0 && r != -EDOM)
			return r;
	}
	return 0;
}

static int
build(scmp_filter_ctx ctx, const struct filter *f)
{
	int r = seccomp_attr_set(
	    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; r == 0 && f->sets[i] != NULL; i++)
		r = allow_set(ctx, f->sets[i]);
	if (r == 0 && SAN)
		r = allow_set(ctx, SANITIZERS);
	if (r == 0)
		r = allow_some(ctx, f);
	if (r == 0)
		r = refuse_softly(ctx, f);
	/* A tree instead of a list: the filter runs at every call. */
	if (r == 0)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return r == 0 ? seccomp_load(ctx) : r;
}

static int
take_seccomp(const struct jail *j, struct jail_taken *taken, struct diag *why)
{
	scmp_filter_ctx ctx;
	int r;

	if (j->filter == JAIL_FILTER_NONE)
		return 0;
	must((size_t)j->filter < ARRAY_LEN(FILTERS));
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return diag_set(why, -ENOMEM, "jail: seccomp: no memory");
	r = build(ctx, &FILTERS[j->filter]);
	seccomp_release(ctx);
	if (r != 0)
		return diag_set(why, r, "jail: seccomp: %s", strerror(-r));
	taken->seccomp = true;
	return 0;
}

/* ---- the order ---------------------------------------------------------- */

#if SAN
/* A jailed process cannot be stopped and searched for leaks at its end. */
static bool jailed;

/* The runtime is a library of its own, and must see it. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return jailed;
}

static void
leave_leaks(void)
{
	jailed = true;
}
#else
static void
leave_leaks(void)
{
}
#endif

int
jail_enter(const struct jail *j, struct jail_taken *taken, struct diag *why)
{
	OWN_FD int ruleset = -1;
	int r;

	*taken = (struct jail_taken){0};
	leave_leaks();
	if ((r = take_limits(j, why)) != 0 ||
	    (r = landlock_make(j, &ruleset, &taken->landlock_abi, why)) != 0 ||
	    (r = drop_bounds(why)) != 0 || (r = take_ids(j, taken, why)) != 0 ||
	    (r = take_caps(j, why)) != 0 ||
	    (r = take_prctl(PR_SET_NO_NEW_PRIVS, 1, "no_new_privs", why)) !=
		0 ||
	    /* Behind the ids: a change of them sets it anew. */
	    (r = take_prctl(PR_SET_DUMPABLE, 0, "dumpable", why)) != 0 ||
	    (r = landlock_enter(ruleset, why)) != 0)
		return r;
	return take_seccomp(j, taken, why);
}
