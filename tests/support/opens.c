/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens - a loop that opens, reads and closes the files of a directory.
 *
 * Owns: the count: prints opens per second over SECONDS, each file in turn.
 * Never: is part of the product.
 *
 * Usage: opens DIRECTORY SECONDS
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define FILES_MAX 4096

int
main(int argc, char **argv)
{
	static char names[FILES_MAX][256];
	const struct dirent *e;
	uint64_t seconds, start, now, count = 0;
	size_t n = 0;
	char block[4096];
	DIR *d;

	if (argc != 3 || str_u64(argv[2], 3600, &seconds) != 0 ||
	    (d = opendir(argv[1])) == NULL) {
		(void)fprintf(stderr, "usage: opens DIRECTORY SECONDS\n");
		return 2;
	}
	while (n < FILES_MAX && (e = readdir(d)) != NULL)
		if (e->d_type == DT_REG &&
		    str_copy(names[n], sizeof names[n], e->d_name) == 0)
			n++;
	if (n == 0)
		return 2;
	start = now = clock_boot_us();
	while (now - start < seconds * 1000000) {
		for (int i = 0; i < 64; i++) {
			OWN_FD int fd = openat(
			    dirfd(d), names[count % n], O_RDONLY | O_CLOEXEC);

			if (fd < 0 || read(fd, block, sizeof block) < 0)
				return 1;
			count++;
		}
		now = clock_boot_us();
	}
	(void)printf(
	    "%.0f\n", (double)count * 1000000.0 / (double)(now - start));
	(void)closedir(d);
	return 0;
}
