/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/who */
/*
 * fuzz_roster - any bytes as a roster, which names one person or none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/who/roster.h"

#include "lib/own.h"

#define KEY "SHA256:1qadaOL+TyrSFNe5zS/XFz16ovI7Pzfw92EGEpYVra8"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[256];

static void
remove_file(void)
{
	(void)unlink(path);
}

static int
open_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	(void)snprintf(path, sizeof path, "%s/fuzz-roster.XXXXXX",
	    dir != NULL ? dir : "/tmp");
	fd = mkstemp(path);
	must(fd >= 0 && atexit(remove_file) == 0);
	return fd;
}

static void
check(const struct roster_match *m)
{
	bool one = m->answer == ROSTER_ONE || m->answer == ROSTER_EXPIRED;

	must((m->person != NULL) == one);
	must(!one || (m->provider != NULL && m->provider[0] != '\0'));
	must(m->answer != ROSTER_NONE || m->provider == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t TIMES[] = {0, INT64_C(1795536000000000)};
	OWN(roster_freep) struct roster *r = NULL;
	static int fd = -1;
	struct diag why = {""};

	if (fd < 0)
		fd = open_file();
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, data, size, 0) == (ssize_t)size);
	if (roster_read(path, &r, &why) != 0) {
		must(r == NULL && why.text[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
		struct roster_match m = roster_account(r, "deploy", TIMES[i]);

		check(&m);
		m = roster_key(r, KEY, TIMES[i]);
		check(&m);
		must(m.answer != ROSTER_SHARED);
		if (m.answer == ROSTER_ONE)
			(void)roster_denies(r, &m, "deploy");
	}
	return 0;
}
