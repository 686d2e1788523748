/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens - a loop that opens, reads and closes the files of a directory.
 *
 * Owns: the count: prints opens per second over SECONDS, each file in turn, and
 * opens per second of processor time: on a busy machine that is what compares.
 * Never: is part of the product.
 *
 * Usage: opens DIRECTORY SECONDS      a round for each line of its input
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define FILES_MAX 4096

/* That this process has used, in user and kernel mode. */
static double
processor_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) != 0)
		exit(1);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static char names[FILES_MAX][256];

static int
round_of(int dir, size_t n, uint64_t us)
{
	double used = processor_us();
	uint64_t start = clock_boot_us(), now = start, count = 0;
	char block[4096];

	while (now - start < us) {
		for (int i = 0; i < 64; i++) {
			OWN_FD int fd =
			    openat(dir, names[count % n], O_RDONLY | O_CLOEXEC);

			if (fd < 0 || read(fd, block, sizeof block) < 0)
				return -1;
			count++;
		}
		now = clock_boot_us();
	}
	(void)printf("%.0f %.0f\n",
	    (double)count * 1000000.0 / (double)(now - start),
	    (double)count * 1000000.0 / (processor_us() - used));
	(void)fflush(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct dirent *e;
	uint64_t seconds;
	char line[16];
	size_t n = 0;
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
	while (fgets(line, sizeof line, stdin) != NULL)
		if (round_of(dirfd(d), n, seconds * 1000000) != 0)
			return 1;
	(void)closedir(d);
	return 0;
}
