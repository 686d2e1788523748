/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/web */
/*
 * fuzz_form - what anybody may send to the page: a form, a header with
 * credentials, and where to go after the login.
 */
#include <string.h>

#include "collector/web/inner.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512], a[64], b[64];
	OWN(buf_done) struct buf page = {0};

	if (form_get(data, size, "next", text, sizeof text) == 0) {
		must(strlen(text) < sizeof text);
		(void)form_target_ok(text);
		buf_init(&page, 65536);
		page_login(&page, text, text);
		must(strstr(buf_text(&page), "<script") == NULL);
	}
	if (size < sizeof text && memchr(data, '\0', size) == NULL) {
		memcpy(text, data, size);
		text[size] = '\0';
		if (form_basic(text, a, sizeof a, b, sizeof b) == 0)
			must(strlen(a) < sizeof a && strlen(b) < sizeof b);
		(void)form_target_ok(text);
	}
	return 0;
}
