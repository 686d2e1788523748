/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/who */
/*
 * fuzz_sshdlog - any bytes as a line of sshd's log.
 */
#include <string.h>

#include "agent/who/session.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stamp NOW = {
	    UINT64_C(90000000000), INT64_C(1795536000000000)};
	struct session s;
	int r;

	clock_fix(&NOW);
	r = session_log_line((const char *)data, size, &s);
	must(r == 0 || r == 1);
	if (r == 0)
		return 0;
	must(s.leader > 0 && s.source == SESSION_LOG);
	must(strnlen(s.account, sizeof s.account) < sizeof s.account);
	must(s.account[0] != '\0' && s.src_addr[0] != '\0');
	must(strchr(s.account, ' ') == NULL);
	must(s.key_fp[0] == '\0' || strncmp(s.key_fp, "SHA256:", 7) == 0);
	/* A line without a year is never of the future. */
	must(data[0] < 'A' || s.logged_us <= NOW.wall_us + 86400000000);
	return 0;
}
