/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - small files, read whole and written whole.
 *
 * Owns: the order of write, fsync, rename, fsync.
 * Never: follows a link, or leaves half a file under the name asked for.
 */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/own.h"

int
file_read(const char *path, struct buf *out, struct diag *why)
{
	OWN_FD int fd =
	    open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_set(why, -EINVAL, "%s: is no file", path);
	/* Every round reads at least one byte of at most @out->max. */
	for (;;) {
		uint8_t chunk[4096];
		ssize_t n = read(fd, chunk, sizeof chunk);

		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			buf_put(out, chunk, (size_t)n);
		explicit_bzero(chunk, sizeof chunk);
		if (n < 0)
			return diag_set(
			    why, -errno, "%s: %s", path, strerror(errno));
		if (buf_error(out) != 0)
			return diag_set(
			    why, buf_error(out), "%s: is too large", path);
		if (n == 0)
			return 0;
	}
}

static int
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
fill(int fd, const void *data, size_t len, const struct file_mode *m)
{
	int r;

	if (fchmod(fd, m->mode) != 0)
		return -errno;
	if (m->uid != (uid_t)-1 && geteuid() == 0 &&
	    fchown(fd, m->uid, m->gid) != 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r == 0 && fsync(fd) != 0)
		r = -errno;
	return r;
}

/* The rename itself is durable only when the directory is. */
static int
sync_dir(const char *path)
{
	char dir[4096] = ".";
	const char *slash = strrchr(path, '/');

	if (slash != NULL && snprintf(dir, sizeof dir, "%.*s/",
				 (int)(slash - path), path) >= (int)sizeof dir)
		return -ENAMETOOLONG;
	OWN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return -errno;
	return 0;
}

int
file_write(const char *path, const void *data, size_t len,
    const struct file_mode *mode, struct diag *why)
{
	char temporary[4096];
	int n = snprintf(temporary, sizeof temporary, "%s.new", path);
	int r;

	if (n < 0 || (size_t)n >= sizeof temporary)
		return diag_set(why, -ENAMETOOLONG, "%s: too long", path);
	if (mode->fresh && access(path, F_OK) == 0)
		return diag_set(why, -EEXIST, "%s: is there already", path);
	(void)unlink(temporary);
	OWN_FD int fd = open(temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	r = fill(fd, data, len, mode);
	if (r == 0 && rename(temporary, path) != 0)
		r = -errno;
	if (r != 0) {
		(void)unlink(temporary);
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	}
	r = sync_dir(path);
	if (r != 0)
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	return 0;
}
