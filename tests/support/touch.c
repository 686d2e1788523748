/* SPDX-License-Identifier: Apache-2.0 */
/*
 * touch - reaches one file by one named way.
 *
 * Owns: the ways: system calls that open, read, map, copy, run or rename a file.
 * Never: prints what it reads; is part of the product.
 *
 * Usage: touch METHOD FILE [ARGUMENT]
 * Exits with 0 if the way was gone to its end, with 3 if the kernel or the file
 * system does not have it, else with 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define BLOCK 4096
#define HANDLE_MAX 128

static _Alignas(BLOCK) char block[BLOCK];

/* 0 if something was read. */
static int
got(ssize_t n)
{
	return n > 0 ? 0 : -1;
}

static int
open_file(const char *file, int flags)
{
	return open(file, O_RDONLY | O_CLOEXEC | flags);
}

static int
read_all(int fd)
{
	return fd < 0 ? -1 : got(read(fd, block, sizeof block));
}

/* ---- openings ---- */

static int
by_open(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);

	return read_all(fd);
}

static int
by_openat2(const char *file, const char *more UNUSED)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
	OWN_FD int fd =
	    (int)syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof how);

	return read_all(fd);
}

static int
by_path(const char *file, const char *more UNUSED)
{
	OWN_FD int path = open(file, O_PATH | O_CLOEXEC), fd = -1;
	char link[64];

	if (path < 0)
		return -1;
	must(str_format(link, sizeof link, "/proc/self/fd/%d", path) == 0);
	fd = open_file(link, 0);
	return read_all(fd);
}

static int
by_handle(const char *file, const char *more UNUSED)
{
	union {
		struct file_handle head;
		char bytes[sizeof(struct file_handle) + HANDLE_MAX];
	} h = {.head = {.handle_bytes = HANDLE_MAX}};
	OWN_FD int anchor = -1, fd = -1;
	char dir[PATH_MAX];
	char *slash;
	int mount;

	if (str_copy(dir, sizeof dir, file) != 0 ||
	    (slash = strrchr(dir, '/')) == NULL)
		return -1;
	*slash = '\0';
	anchor = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (anchor < 0 ||
	    name_to_handle_at(AT_FDCWD, file, &h.head, &mount, 0) != 0)
		return -1;
	fd = open_by_handle_at(anchor, &h.head, O_RDONLY | O_CLOEXEC);
	return read_all(fd);
}

static int
by_direct(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, O_DIRECT);

	return read_all(fd);
}

/* A 32-bit call: it takes addresses below 4 GiB alone. */
static int
by_narrow(const char *file, const char *more UNUSED)
{
	size_t n = strlen(file) + 1;
	char *low = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long fd = -1, r = -1;

	if (low == MAP_FAILED || n > BLOCK)
		return -1;
	memcpy(low, file, n);
#ifdef __x86_64__
	/* openat is 295, read 3 (arch/x86/entry/syscalls/syscall_32.tbl) */
	__asm__ volatile("int $0x80"
			 : "=a"(fd)
			 : "a"(295L), "b"((long)AT_FDCWD), "c"((long)low),
			 "d"((long)O_RDONLY)
			 : "memory", "r8", "r9", "r10", "r11");
	if (fd < 0) {
		errno = (int)-fd;
		return -1;
	}
	__asm__ volatile(
	    "int $0x80"
	    : "=a"(r)
	    : "a"(3L), "b"(fd), "c"((long)(low + BLOCK)), "d"((long)BLOCK)
	    : "memory", "r8", "r9", "r10", "r11");
#else
	errno = ENOSYS;
#endif
	return got(r);
}

/* ---- reads ---- */

static int
by_mmap(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);
	void *p = MAP_FAILED;

	if (fd >= 0)
		p = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? -1 : munmap(p, BLOCK);
}

static int
by_pread(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);

	return fd < 0 ? -1 : got(pread(fd, block, sizeof block, 0));
}

static int
by_readv(const char *file, const char *more UNUSED)
{
	const struct iovec v = {block, sizeof block};
	OWN_FD int fd = open_file(file, 0);

	return fd < 0 ? -1 : got(readv(fd, &v, 1));
}

static int
by_sendfile(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);
	OWN_FD int out = (int)syscall(SYS_memfd_create, "out", 1U);

	return fd < 0 || out < 0 ? -1 : got(sendfile(out, fd, NULL, BLOCK));
}

static int
by_splice(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);
	int ends[2];

	if (fd < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	return got(splice(fd, NULL, ends[1], NULL, BLOCK, 0));
}

static int
by_copy(const char *file, const char *more)
{
	OWN_FD int fd = open_file(file, 0);
	OWN_FD int out = more == NULL
			     ? -1
			     : open(more, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 || out < 0
		   ? -1
		   : got(copy_file_range(fd, NULL, out, NULL, BLOCK, 0));
}

static int
by_aio(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);
	struct iocb one = {.aio_lio_opcode = IOCB_CMD_PREAD,
	    .aio_fildes = (uint32_t)fd,
	    .aio_buf = (uint64_t)(uintptr_t)block,
	    .aio_nbytes = sizeof block};
	struct iocb *all[1] = {&one};
	struct io_event done;
	aio_context_t ctx = 0;

	if (fd < 0 || syscall(SYS_io_setup, 1, &ctx) != 0 ||
	    syscall(SYS_io_submit, ctx, 1L, all) != 1 ||
	    syscall(SYS_io_getevents, ctx, 1L, 1L, &done, NULL) != 1)
		return -1;
	return got(done.res);
}

/* ---- io_uring, without its library ---- */

struct uring {
	int fd;
	struct io_uring_sqe *sqe;
	uint32_t *sq_tail, *sq_array;
	_Atomic uint32_t *cq_head, *cq_tail;
	struct io_uring_cqe *cqes;
	uint32_t sq_mask, cq_mask;
};

static void *
uring_map(int fd, size_t len, off_t what)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_POPULATE, fd, what);

	if (p == MAP_FAILED)
		exit(1);
	return p;
}

static int
uring_open(struct uring *u, uint32_t flags)
{
	struct io_uring_params p = {.flags = flags, .sq_thread_idle = 1000};
	uint8_t *sq, *cq;

	u->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (u->fd < 0)
		return -1;
	sq = uring_map(
	    u->fd, p.sq_off.array + p.sq_entries * 4, IORING_OFF_SQ_RING);
	cq = uring_map(u->fd, p.cq_off.cqes + p.cq_entries * sizeof *u->cqes,
	    IORING_OFF_CQ_RING);
	u->sqe =
	    uring_map(u->fd, p.sq_entries * sizeof *u->sqe, IORING_OFF_SQES);
	u->sq_tail = (void *)(sq + p.sq_off.tail);
	u->sq_array = (void *)(sq + p.sq_off.array);
	memcpy(&u->sq_mask, sq + p.sq_off.ring_mask, 4);
	u->cq_head = (void *)(cq + p.cq_off.head);
	u->cq_tail = (void *)(cq + p.cq_off.tail);
	memcpy(&u->cq_mask, cq + p.cq_off.ring_mask, 4);
	u->cqes = (void *)(cq + p.cq_off.cqes);
	return 0;
}

/* One request; its result. */
static int
uring_do(struct uring *u, const struct io_uring_sqe *want)
{
	uint32_t at = *u->sq_tail & u->sq_mask, head;
	int r;

	u->sqe[at] = *want;
	u->sq_array[at] = at;
	atomic_store((_Atomic uint32_t *)(void *)u->sq_tail, *u->sq_tail + 1);
	if (syscall(SYS_io_uring_enter, u->fd, 1U, 1U,
		IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0L) < 0)
		return -1;
	head = atomic_load(u->cq_head);
	while (atomic_load(u->cq_tail) == head)
		;
	r = u->cqes[head & u->cq_mask].res;
	atomic_store(u->cq_head, head + 1);
	errno = r < 0 ? -r : 0;
	return r < 0 ? -1 : r;
}

static int
uring_read(struct uring *u, int fd, uint8_t flags)
{
	const struct io_uring_sqe read_it = {.opcode = IORING_OP_READ,
	    .fd = fd,
	    .flags = flags,
	    .addr = (uint64_t)(uintptr_t)block,
	    .len = sizeof block};

	return got(uring_do(u, &read_it));
}

static int
by_uring(const char *file, const char *more UNUSED)
{
	const struct io_uring_sqe open_it = {.opcode = IORING_OP_OPENAT,
	    .fd = AT_FDCWD,
	    .addr = (uint64_t)(uintptr_t)file,
	    .open_flags = O_RDONLY | O_CLOEXEC};
	struct uring u;
	int fd;

	if (uring_open(&u, 0) != 0 || (fd = uring_do(&u, &open_it)) < 0)
		return -1;
	return uring_read(&u, fd, 0);
}

/* The file never has a number in the process's own table. */
static int
by_uring_direct(const char *file, const char *more UNUSED)
{
	const struct io_uring_sqe open_it = {.opcode = IORING_OP_OPENAT,
	    .fd = AT_FDCWD,
	    .addr = (uint64_t)(uintptr_t)file,
	    .open_flags = O_RDONLY,
	    .file_index = 1};
	int table[1] = {-1};
	struct uring u;

	if (uring_open(&u, 0) != 0 ||
	    syscall(SYS_io_uring_register, u.fd, IORING_REGISTER_FILES, table,
		1U) != 0 ||
	    uring_do(&u, &open_it) < 0)
		return -1;
	return uring_read(&u, 0, IOSQE_FIXED_FILE);
}

/* A thread of the kernel's takes the requests. */
static int
by_uring_poll(const char *file, const char *more UNUSED)
{
	const struct io_uring_sqe open_it = {.opcode = IORING_OP_OPENAT,
	    .fd = AT_FDCWD,
	    .addr = (uint64_t)(uintptr_t)file,
	    .open_flags = O_RDONLY | O_CLOEXEC};
	struct uring u;
	int fd;

	if (uring_open(&u, IORING_SETUP_SQPOLL) != 0 ||
	    (fd = uring_do(&u, &open_it)) < 0)
		return -1;
	return uring_read(&u, fd, 0);
}

/* ---- others ---- */

static int
by_exec(const char *file, const char *more UNUSED)
{
	pid_t pid = fork();
	char name[] = "x";
	char *argv[] = {name, NULL};
	int status;

	if (pid == 0) {
		(void)execv(file, argv);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0
									 : -1;
}

static int
by_rename(const char *file, const char *more)
{
	return more == NULL ? -1 : rename(file, more);
}

static int
by_link(const char *file, const char *more)
{
	return more == NULL ? -1 : link(file, more);
}

static int
by_unlink(const char *file, const char *more UNUSED)
{
	return unlink(file);
}

static int
by_truncate(const char *file, const char *more UNUSED)
{
	return truncate(file, 1);
}

/* Deleted before it is read. */
static int
by_deleted(const char *file, const char *more UNUSED)
{
	OWN_FD int fd = open_file(file, 0);

	return fd < 0 || unlink(file) != 0 ? -1 : read_all(fd);
}

/* What somebody else opened: standard input. */
static int
by_inherited(const char *file UNUSED, const char *more UNUSED)
{
	return got(pread(0, block, sizeof block, 0));
}

/* No file at all: memory that has a descriptor. */
static int
by_memfd(const char *file UNUSED, const char *more UNUSED)
{
	OWN_FD int fd = (int)syscall(SYS_memfd_create, "nothing", 1U);

	return fd < 0 || write(fd, "x", 1) != 1 || lseek(fd, 0, SEEK_SET) != 0
		   ? -1
		   : read_all(fd);
}

/* What a process (@file: its number) has open under the number @more. */
static int
by_taking(const char *file, const char *more)
{
	OWN_FD int process = -1, fd = -1;
	uint64_t pid, number;

	if (more == NULL || str_u64(file, INT_MAX, &pid) != 0 ||
	    str_u64(more, INT_MAX, &number) != 0)
		return -1;
	process = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0U);
	fd = process < 0
		 ? -1
		 : (int)syscall(SYS_pidfd_getfd, process, (int)number, 0U);
	return fd < 0 ? -1 : got(pread(fd, block, sizeof block, 0));
}

/* One component after the other: the whole may be longer than a path. With
 * @more, it is made, and that is written into it. */
static int
by_steps(const char *file, const char *more)
{
	char copy[16384], *save = NULL, *name, *next;
	OWN_FD int at = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags = more != NULL ? O_RDWR | O_CREAT : O_RDONLY;

	if (at < 0 || str_copy(copy, sizeof copy, file) != 0)
		return -1;
	for (name = strtok_r(copy, "/", &save); name != NULL; name = next) {
		int fd;

		next = strtok_r(NULL, "/", &save);
		if (next != NULL && more != NULL)
			(void)mkdirat(at, name, 0755);
		fd = openat(at, name,
		    (next != NULL ? O_RDONLY | O_DIRECTORY : flags) | O_CLOEXEC,
		    0644);
		own_close(&at);
		at = fd;
		if (fd < 0)
			return -1;
	}
	return more != NULL ? got(write(at, more, strlen(more))) : read_all(at);
}

/* @more: for so many milliseconds the other files of that directory (their
 * names are numbers) are opened as fast as goes, and in the middle this one. */
static int
by_burst(const char *file, const char *more)
{
	uint64_t ms, now, start = clock_boot_us();
	bool planted = false;
	unsigned long n = 0;
	char name[32];
	OWN_FD int at = -1;
	char *slash, dir[PATH_MAX];

	if (more == NULL || str_u64(more, 60000, &ms) != 0 ||
	    str_copy(dir, sizeof dir, file) != 0 ||
	    (slash = strrchr(dir, '/')) == NULL)
		return -1;
	*slash = '\0';
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -1;
	for (now = start; now - start < ms * 1000; now = clock_boot_us()) {
		for (int i = 0; i < 256; i++) {
			int fd;

			must(str_format(name, sizeof name, "%lu", n++ % 1000) ==
			     0);
			fd = openat(at, name, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				return -1;
			close(fd);
		}
		if (!planted && now - start > ms * 500) {
			planted = true;
			if (by_open(file, NULL) != 0)
				return -1;
		}
	}
	(void)printf("%lu\n", n);
	return planted ? 0 : -1;
}

static const struct {
	const char *name;
	int (*go)(const char *file, const char *more);
} METHODS[] = {
    {"open", by_open},
    {"openat2", by_openat2},
    {"o_path", by_path},
    {"handle", by_handle},
    {"o_direct", by_direct},
    {"32-bit", by_narrow},
    {"mmap", by_mmap},
    {"pread", by_pread},
    {"readv", by_readv},
    {"sendfile", by_sendfile},
    {"splice", by_splice},
    {"copy_file_range", by_copy},
    {"aio", by_aio},
    {"io_uring", by_uring},
    {"io_uring-direct", by_uring_direct},
    {"io_uring-sqpoll", by_uring_poll},
    {"exec", by_exec},
    {"rename", by_rename},
    {"link", by_link},
    {"unlink", by_unlink},
    {"truncate", by_truncate},
    {"deleted", by_deleted},
    {"inherited", by_inherited},
    {"taken", by_taking},
    {"memfd", by_memfd},
    {"steps", by_steps},
    {"burst", by_burst},
};

int
main(int argc, char **argv)
{
	if (argc < 3 || argc > 4) {
		(void)fprintf(stderr, "usage: touch METHOD FILE [ARGUMENT]\n");
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
		if (!str_eq(argv[1], METHODS[i].name))
			continue;
		if (METHODS[i].go(argv[2], argv[3]) == 0)
			return 0;
		(void)fprintf(
		    stderr, "touch: %s: %s\n", argv[1], strerror(errno));
		return errno == ENOSYS || errno == EOPNOTSUPP ? 3 : 1;
	}
	return 2;
}
