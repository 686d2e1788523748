/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/who */
/*
 * fuzz_session - any bytes as a session file, and as a key.
 */
#include <string.h>

#include "agent/who/session.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session s;
	struct diag why = {""};
	char fp[96];

	if (session_parse(data, size, &s, &why) == 0) {
		must(s.leader > 0 && s.account[0] != '\0');
		must(strnlen(s.account, sizeof s.account) < sizeof s.account);
		must(strnlen(s.method, sizeof s.method) < sizeof s.method);
		must(s.key_fp[0] == '\0' || strlen(s.key_fp) == 50);
		must(s.connection.family == 0 || s.connection.family == 4 ||
		     s.connection.family == 6);
	} else {
		must(why.text[0] != '\0');
	}
	if (session_fingerprint((const char *)data, size, fp) == 0)
		must(strlen(fp) == 50);
	return 0;
}
