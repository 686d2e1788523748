/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - the log's key, its name, and whose receipts it takes.
 *
 * Owns: log.key (PKCS#8, 0600) and log.vkey (one line, for `chaperone enrol`).
 * Never: writes cosign.vkey, which root does at enrolment; makes a second key
 * for a log that has one.
 *
 * The name is HOST-R, where R are 16 random hexadecimal digits: a host that is
 * set up anew is another log.
 */
#include <errno.h>
#include <string.h>

#include "agent/record/inner.h"
#include "lib/file.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define VKEY_MAX 1024
#define HOST_MAX 100

static void
path_of(const char *dir, const char *name, char out[DIR_MAX + 16])
{
	must(str_format(out, DIR_MAX + 16, "%s/%s", dir, name) == 0);
}

static void
make_name(const char *host, char out[NOTE_NAME_MAX])
{
	uint8_t random[8];
	char hex[2 * sizeof random + 1];
	char clean[HOST_MAX + 1];
	size_t n = 0;

	for (; host[n] != '\0' && n < HOST_MAX; n++) {
		bool plain = (host[n] >= 'a' && host[n] <= 'z') ||
			     (host[n] >= 'A' && host[n] <= 'Z') ||
			     (host[n] >= '0' && host[n] <= '9') ||
			     host[n] == '.' || host[n] == '-';

		clean[n] = host[n];
		if (!plain)
			clean[n] = '-';
	}
	clean[n] = '\0';
	rng_fill(random, sizeof random);
	str_hex(hex, random, sizeof random);
	must(str_format(out, NOTE_NAME_MAX, "%s-%s", n > 0 ? clean : "host",
		 hex) == 0);
}

static int
read_vkey(const char *path, struct vkey *out, struct diag *why)
{
	OWN(buf_done) struct buf text = {0};
	int r;

	buf_init(&text, VKEY_MAX);
	r = file_read(path, &text, why);
	if (r != 0)
		return r;
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (buf_text(&text) == NULL || vkey_parse(buf_text(&text), out) != 0)
		return diag_set(why, -EBADMSG, "%s: is no vkey", path);
	return 0;
}

static int
write_vkey(const char *path, const struct vkey *v, struct diag *why)
{
	const struct file_mode mode = {
	    .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1, .fresh = true};
	OWN(buf_done) struct buf text = {0};

	buf_init(&text, VKEY_MAX);
	vkey_print(v, &text);
	buf_put_u8(&text, '\n');
	if (buf_error(&text) != 0)
		return buf_error(&text);
	return file_write(path, text.data, text.len, &mode, why);
}

static int
load_key(const char *dir, struct keys *k, struct diag *why)
{
	char path[DIR_MAX + 16], log[DIR_MAX + 16];
	int r;

	path_of(dir, "log.key", path);
	path_of(dir, "log.db", log);
	if (access(path, F_OK) == 0)
		return seal_key_load(path, &k->key, why);
	if (access(log, F_OK) == 0)
		return diag_set(why, -ENOKEY,
		    "%s: is gone, and the log beside it cannot go on without "
		    "it; bring it back, or move the whole directory away and "
		    "enrol anew",
		    path);
	r = seal_key_new(&k->key);
	return r == 0 ? seal_key_save(k->key, path, why) : r;
}

/* A key without a name is what a crash leaves between the two. */
static int
name_key(const char *dir, const char *host, struct keys *k,
    const uint8_t public[SEAL_PUBLIC], struct diag *why)
{
	char path[DIR_MAX + 16], log[DIR_MAX + 16], name[NOTE_NAME_MAX];
	struct ledger *l;
	int r;

	path_of(dir, "log.vkey", path);
	path_of(dir, "log.db", log);
	if (access(path, F_OK) == 0) {
		r = read_vkey(path, &k->vkey, why);
		if (r == 0 && memcmp(k->vkey.public, public, SEAL_PUBLIC) != 0)
			return diag_set(why, -EBADMSG,
			    "%s: does not belong to log.key", path);
		return r;
	}
	make_name(host, name);
	if (access(log, F_OK) == 0) {
		r = ledger_open_read(log, &l, why);
		if (r != 0)
			return r;
		r = str_copy(name, sizeof name, ledger_origin(l));
		ledger_close(l);
		if (r != 0)
			return r;
	}
	r = vkey_init(&k->vkey, name, NOTE_ED25519, public);
	return r == 0 ? write_vkey(path, &k->vkey, why) : r;
}

int
keys_open(const char *dir, const char *host, struct keys *out, struct diag *why)
{
	uint8_t public[SEAL_PUBLIC];
	int r;

	*out = (struct keys){0};
	r = load_key(dir, out, why);
	if (r != 0)
		return r;
	seal_key_public(out->key, public);
	return name_key(dir, host, out, public, why);
}

void
keys_close(struct keys *k)
{
	seal_key_free(k->key);
	k->key = NULL;
}

int
keys_sign(void *ctx, const void *body, size_t len, struct buf *note)
{
	const struct keys *k = ctx;

	return note_sign(body, len, &k->vkey, k->key, note);
}

int
keys_cosign(const char *dir, struct vkey *out, struct diag *why)
{
	char path[DIR_MAX + 16];
	int r;

	path_of(dir, "cosign.vkey", path);
	if (access(path, F_OK) != 0)
		return diag_set(why, -ENOKEY,
		    "%s: is not there; see chaperone enrol", path);
	r = read_vkey(path, out, why);
	if (r == 0 && out->type != NOTE_COSIGNATURE)
		return diag_set(
		    why, -EBADMSG, "%s: is no key of cosignatures", path);
	return r;
}
