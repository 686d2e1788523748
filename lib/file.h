/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - small files, read whole and written whole.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

/*
 * file_read - appends a regular file's bytes to @out, as many as it may hold.
 * Never follows a link at the end of @path.
 * Returns 0, -ENOBUFS for more than @out may hold, -EINVAL for what is no
 * regular file, or -errno, each with a sentence that names the path.
 */
int file_read(const char *path, struct buf *out, struct diag *why) MUST_CHECK;

/* How a file is to be kept. */
struct file_mode {
	mode_t mode;
	uid_t uid; /* given away if we are root; (uid_t)-1 keeps it */
	gid_t gid;
	bool fresh; /* -EEXIST if the name is taken */
};

/*
 * file_write - writes under a temporary name beside it, fsyncs, renames, and
 * fsyncs the directory: after 0 the file is whole and durable, after an error
 * what stood there before still stands.
 */
int file_write(const char *path, const void *data, size_t len,
    const struct file_mode *mode, struct diag *why) MUST_CHECK;

#endif
