/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/init.c collector/roles.c collector/config.c */
/*
 * init_test - what a first start makes, and what a second one leaves alone.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "collector/init.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/note.h"
#include "lib/pki.h"
#include "lib/str.h"

#include "lib/own.h"

#define DAY_US INT64_C(86400000000)

struct world {
	char dir[64];
	struct config config;
	char password[INIT_PASSWORD_MAX];
};

static const char *const FILES[] = {"ca.crt", "collector.vkey", "sign/ca.key",
    "sign/ca.crt", "sign/log.key", "sign/cosign.key", "sign/log.vkey",
    "sign/cosign.vkey", "store/log.vkey", "store/cosign.vkey", "front/ca.crt",
    "front/server.key", "front/server.crt", "front/cosign.vkey",
    "front/password"};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	must(w != NULL);
	*state = w;
	must(str_copy(w->dir, sizeof w->dir, "/tmp/init_test.XXXXXX") == 0);
	if (mkdtemp(w->dir) == NULL)
		return -1;
	return config_read(NULL, &w->config, NULL);
}

static int
remove_one(const char *p, const struct stat *st UNUSED, int flag UNUSED,
    struct FTW *f UNUSED)
{
	return remove(p);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	clock_fix(NULL);
	config_done(&w->config);
	(void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static void
path_of(const struct world *w, const char *name, char out[256])
{
	must(str_format(out, 256, "%s/%s", w->dir, name) == 0);
}

static void
get(const struct world *w, const char *name, struct buf *out)
{
	char path[256];

	path_of(w, name, path);
	buf_init(out, PKI_PEM_MAX);
	assert_int_equal(file_read(path, out, NULL), 0);
}

static void
start(struct world *w)
{
	struct diag why = {""};

	if (collector_init(w->dir, &w->config, w->password, &why) != 0)
		fail_msg("%s", why.text);
}

static void
makes_everything(void **state)
{
	struct world *w = *state;
	OWN(buf_done) struct buf pem = {0};
	OWN(buf_done) struct buf ca_pem = {0};
	OWN(buf_done) struct buf hash = {0};
	OWN(buf_done) struct buf vkey = {0};
	OWN(pki_cert_freep) struct pki_cert *ca = NULL, *cert = NULL;
	struct vkey v;

	start(w);
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		char path[256];
		struct stat st;
		bool open = strchr(FILES[i], '/') == NULL;

		path_of(w, FILES[i], path);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, open ? 0644 : 0600);
	}
	get(w, "ca.crt", &ca_pem);
	get(w, "front/server.crt", &pem);
	assert_int_equal(pki_cert_parse(ca_pem.data, ca_pem.len, &ca, NULL), 0);
	assert_int_equal(pki_cert_parse(pem.data, pem.len, &cert, NULL), 0);
	assert_int_equal(
	    pki_verify(cert, ca, PKI_SERVER, clock_now().wall_us, NULL), 0);
	assert_true(pki_cert_names(
	    cert, (const char *const[]){"localhost", "127.0.0.1", NULL}));
	get(w, "front/password", &hash);
	assert_int_equal(strlen(w->password), 23);
	assert_true(seal_password_ok(buf_text(&hash), w->password));
	assert_false(seal_password_ok(buf_text(&hash), "reviewer"));
	get(w, "store/log.vkey", &vkey);
	assert_int_equal(vkey_parse(buf_text(&vkey), &v), 0);
	assert_int_equal(v.type, NOTE_ED25519);
	assert_string_equal(v.name, w->config.name);
}

/* The bytes of every file, to see what changed. */
static void
digest_all(const struct world *w, uint8_t out[][SEAL_HASH])
{
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		OWN(buf_done) struct buf b = {0};

		get(w, FILES[i], &b);
		seal_sha256(b.data, b.len, out[i]);
	}
}

static void
changes_nothing(void **state)
{
	struct world *w = *state;
	uint8_t first[ARRAY_LEN(FILES)][SEAL_HASH];
	uint8_t second[ARRAY_LEN(FILES)][SEAL_HASH];

	start(w);
	digest_all(w, first);
	start(w);
	assert_string_equal(w->password, "");
	digest_all(w, second);
	assert_memory_equal(first, second, sizeof first);
}

static bool
is_server(size_t i)
{
	return str_starts(FILES[i], "front/server.");
}

/* Names that are new, and an end that is near: the server's pair alone. */
static void
makes_the_servers_anew(void **state)
{
	struct world *w = *state;
	uint8_t was[ARRAY_LEN(FILES)][SEAL_HASH];
	uint8_t is[ARRAY_LEN(FILES)][SEAL_HASH];
	struct stamp later = clock_now();

	start(w);
	digest_all(w, was);
	later.wall_us += 800 * DAY_US;
	clock_fix(&later);
	start(w);
	digest_all(w, is);
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++)
		assert_int_equal(
		    memcmp(was[i], is[i], SEAL_HASH) != 0, is_server(i));
	digest_all(w, was);
	w->config.names[w->config.nnames] = strdup("collector.example");
	must(w->config.names[w->config.nnames++] != NULL);
	start(w);
	digest_all(w, is);
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++)
		assert_int_equal(
		    memcmp(was[i], is[i], SEAL_HASH) != 0, is_server(i));
}

static void
makes_what_was_lost(void **state)
{
	struct world *w = *state;
	char path[256];

	start(w);
	path_of(w, "front/password", path);
	assert_int_equal(unlink(path), 0);
	path_of(w, "front/server.crt", path);
	assert_int_equal(unlink(path), 0);
	start(w);
	assert_string_not_equal(w->password, "");
}

/* A first start that was cut off anywhere is finished by the next one. */
static void
finishes_a_cut_start(void **state)
{
	struct world *w = *state;

	start(w);
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		char path[256];

		path_of(w, FILES[i], path);
		assert_int_equal(unlink(path), 0);
		/* These two are the collector's identity: without them it is
		 * another one, and its public halves do not fit any more. */
		if (str_starts(FILES[i], "sign/"))
			for (size_t k = 0; k < ARRAY_LEN(FILES); k++) {
				path_of(w, FILES[k], path);
				(void)unlink(path);
			}
		start(w);
		path_of(w, FILES[i], path);
		assert_int_equal(access(path, F_OK), 0);
	}
}

static void
tells_what_is_broken(void **state)
{
	struct world *w = *state;
	const struct file_mode m = {.mode = 0600, .uid = (uid_t)-1};
	struct diag why = {""};
	char path[256];

	start(w);
	path_of(w, "sign/ca.key", path);
	assert_int_equal(file_write(path, "no key", 6, &m, NULL), 0);
	assert_true(collector_init(w->dir, &w->config, w->password, &why) < 0);
	assert_non_null(strstr(why.text, "ca.key"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(makes_everything),
	    T(changes_nothing), T(makes_the_servers_anew),
	    T(makes_what_was_lost), T(finishes_a_cut_start),
	    T(tells_what_is_broken)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
