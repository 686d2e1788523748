/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_note - notes, checkpoints and keys as a stranger sends them: a key in
 * the first line, and a note behind it.
 */
#include <errno.h>
#include <string.h>

#include "lib/note.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read is written the same way. */
static void
check_key(const char *text, struct vkey *v)
{
	OWN(buf_done) struct buf out = {0};
	static const uint8_t ZERO[SEAL_PUBLIC];

	if (vkey_parse(text, v) != 0) {
		must(vkey_init(v, "log", NOTE_COSIGNATURE, ZERO) == 0);
		return;
	}
	buf_init(&out, 4096);
	vkey_print(v, &out);
	must(str_eq(buf_text(&out), text));
}

static void
check_note(const char *note, size_t len, const struct vkey *v)
{
	OWN(buf_done) struct buf out = {0};
	struct diag why = {""};
	struct checkpoint c;
	size_t body;
	uint64_t t;
	int r = note_verify(note, len, v, &t, &why);

	must(r == 0 || why.text[0] != '\0');
	if (note_body_len(note, len, &body) != 0) {
		must(r == -EBADMSG);
		must(checkpoint_parse(note, len, &c, NULL) == -EBADMSG);
		return;
	}
	must(body < len && note[body - 1] == '\n');
	if (checkpoint_parse(note, len, &c, NULL) != 0)
		return;
	buf_init(&out, 4096);
	checkpoint_print(&c, &out);
	must(buf_error(&out) == 0 && out.len <= body);
	must(memcmp(out.data, note, out.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *nl = size > 0 ? memchr(text, '\n', size) : NULL;
	char key[512];
	struct vkey v;

	if (nl == NULL ||
	    str_copy_len(key, sizeof key, text, (size_t)(nl - text)) != 0)
		return 0;
	check_key(key, &v);
	/* A copy, so that a step behind its end is seen. */
	size -= (size_t)(nl + 1 - text);
	char *note = malloc(size > 0 ? size : 1);
	must(note != NULL);
	memcpy(note, nl + 1, size);
	check_note(note, size, &v);
	free(note);
	return 0;
}
