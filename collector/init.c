/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init - the first start of a collector.
 *
 * Owns: which file of the state directory is whose, and how each is made:
 *   ca.crt           the CA's certificate, for everyone
 *   collector.vkey   two lines for everyone: the log's key, the receipts' key
 *   sign/ca.key sign/ca.crt             P-256, PKCS#8 PEM
 *   sign/log.key sign/cosign.key        Ed25519, PKCS#8 PEM
 *   sign/log.vkey sign/cosign.vkey      their public halves, C2SP vkeys
 *   store/log.vkey store/cosign.vkey    the same
 *   store/collector.db                  empty; report's group may read it
 *   front/ca.crt front/server.key front/server.crt front/cosign.vkey
 *   front/password                      scrypt hash (lib/seal.h)
 *   confirm/                            empty: for `chaperone edm import`
 * Never: overwrites a key; keeps the clear password.
 */
#include "collector/init.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/roles.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/note.h"
#include "lib/pki.h"
#include "lib/rng.h"
#include "lib/seal.h"

#include "lib/own.h"

#define DAY_US INT64_C(86400000000)
#define CA_DAYS 3650
#define SERVER_DAYS 825
#define RENEW_DAYS 30
#define HOUR_US INT64_C(3600000000) /* clocks of agents may be behind */
#define PATH_SIZE 4096

struct work {
	const char *state;
	const struct config *config;
	struct pki_key *ca_key;
	struct pki_cert *ca;
	struct diag *why;
};

static int
path_of(const struct work *w, const char *name, char out[PATH_SIZE])
{
	int n = snprintf(out, PATH_SIZE, "%s/%s", w->state, name);

	if (n < 0 || n >= PATH_SIZE)
		return diag_set(
		    w->why, -ENAMETOOLONG, "%s: too long", w->state);
	return 0;
}

static bool
is_there(const struct work *w, const char *name)
{
	char path[PATH_SIZE];
	struct stat st;

	return path_of(w, name, path) == 0 && lstat(path, &st) == 0;
}

/* role 0: for everyone to read. */
static int
put(const struct work *w, uint32_t role, const char *name, const void *data,
    size_t len)
{
	struct file_mode m = {.mode = 0644, .uid = (uid_t)-1};
	char path[PATH_SIZE];
	int r = path_of(w, name, path);

	if (r != 0)
		return r;
	if (role != 0) {
		m.mode = 0600;
		role_ids(role_find(COLLECTOR_ROLES, role), &m.uid, &m.gid);
	}
	return file_write(path, data, len, &m, w->why);
}

static int
get(const struct work *w, const char *name, struct buf *out)
{
	char path[PATH_SIZE];
	int r = path_of(w, name, path);

	return r != 0 ? r : file_read(path, out, w->why);
}

static int
failed(const struct work *w, int r, const char *what)
{
	return r == 0 ? 0
		      : diag_set(w->why, r, "%s could not be made: %s", what,
			    strerror(-r));
}

static int
make_dirs(const struct work *w)
{
	if (mkdir(w->state, 0755) != 0 && errno != EEXIST)
		return diag_set(
		    w->why, -errno, "%s: %s", w->state, strerror(errno));
	for (const struct role *r = COLLECTOR_ROLES; r->id != 0; r++) {
		char path[PATH_SIZE];
		int e;

		if (r->dir == NULL)
			continue;
		e = path_of(w, r->dir, path);
		if (e != 0)
			return e;
		e = role_dir(COLLECTOR_ROLES, r, path);
		if (e != 0)
			return diag_set(
			    w->why, e, "%s: %s", path, strerror(-e));
	}
	return 0;
}

/*
 * The database is made empty, before store does, with the mode by which report
 * may read it: SQLite gives what it keeps beside it the same one.
 */
static int
make_database(const struct work *w)
{
	struct file_mode m = {.mode = 0640};
	char path[PATH_SIZE];
	uid_t unused;
	int r = path_of(w, "store/collector.db", path);

	if (r != 0 || is_there(w, "store/collector.db"))
		return r;
	role_ids(role_find(COLLECTOR_ROLES, ROLE_STORE), &m.uid, &m.gid);
	role_ids(role_find(COLLECTOR_ROLES, ROLE_REPORT), &unused, &m.gid);
	return file_write(path, "", 0, &m, w->why);
}

/* ---- keys of notes -------------------------------------------------------- */

static int
make_note_key(const struct work *w, const char *key)
{
	OWN(seal_key_freep) struct seal_key *k = NULL;
	char path[PATH_SIZE];
	uid_t uid;
	gid_t gid;
	int r = path_of(w, key, path);

	if (r == 0 && !is_there(w, key)) {
		r = failed(w, seal_key_new(&k), path);
		if (r == 0)
			r = seal_key_save(k, path, w->why);
	}
	if (r != 0)
		return r;
	role_ids(role_find(COLLECTOR_ROLES, ROLE_SIGN), &uid, &gid);
	if (geteuid() == 0 && lchown(path, uid, gid) != 0)
		return diag_set(
		    w->why, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* The public half, for each who needs it, each time from the first copy. */
static int
make_vkey(const struct work *w, const char *which, enum note_key_type type,
    struct buf *text)
{
	OWN(seal_key_freep) struct seal_key *k = NULL;
	uint8_t public[SEAL_PUBLIC];
	char key[64], file[64], path[PATH_SIZE];
	struct vkey v;
	int r;

	(void)snprintf(key, sizeof key, "sign/%s.key", which);
	(void)snprintf(file, sizeof file, "sign/%s.vkey", which);
	if ((r = make_note_key(w, key)) != 0 ||
	    (r = path_of(w, key, path)) != 0)
		return r;
	if (is_there(w, file)) {
		r = get(w, file, text);
	} else {
		r = seal_key_load(path, &k, w->why);
		if (r != 0)
			return r;
		seal_key_public(k, public);
		r = failed(
		    w, vkey_init(&v, w->config->name, type, public), file);
		if (r != 0)
			return r;
		vkey_print(&v, text);
		if (buf_error(text) != 0)
			return buf_error(text);
		r = put(w, ROLE_SIGN, file, text->data, text->len);
	}
	(void)snprintf(file, sizeof file, "store/%s.vkey", which);
	if (r == 0 && !is_there(w, file))
		r = put(w, ROLE_STORE, file, text->data, text->len);
	return r;
}

static int
make_vkeys(const struct work *w)
{
	OWN(buf_done) struct buf log, cosign;
	int r;

	buf_init(&log, 2048);
	buf_init(&cosign, 1024);
	if ((r = make_vkey(w, "log", NOTE_ED25519, &log)) != 0 ||
	    (r = make_vkey(w, "cosign", NOTE_COSIGNATURE, &cosign)) != 0)
		return r;
	if (!is_there(w, "front/cosign.vkey"))
		r = put(w, ROLE_FRONT, "front/cosign.vkey", cosign.data,
		    cosign.len);
	if (r != 0 || is_there(w, "collector.vkey"))
		return r;
	buf_put_u8(&log, '\n');
	buf_put(&log, cosign.data, cosign.len);
	buf_put_u8(&log, '\n');
	if (buf_error(&log) != 0)
		return buf_error(&log);
	return put(w, 0, "collector.vkey", log.data, log.len);
}

/* ---- certificates --------------------------------------------------------- */

static int
make_ca(struct work *w)
{
	OWN(buf_wipe) struct buf key = {0};
	OWN(buf_done) struct buf cert = {0};
	int64_t now = clock_now().wall_us;
	const struct pki_span when = {
	    .from_us = now - HOUR_US, .to_us = now + CA_DAYS * DAY_US};
	char name[128];
	int r;

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	(void)snprintf(name, sizeof name, "Chaperone CA %s", w->config->name);
	if ((r = failed(w, pki_key_new(&w->ca_key), "the CA's key")) != 0 ||
	    (r = failed(w, pki_ca_new(w->ca_key, name, &when, &w->ca),
		 "the CA's certificate")) != 0 ||
	    (r = pki_key_print(w->ca_key, &key)) != 0 ||
	    (r = pki_cert_print(w->ca, &cert)) != 0)
		return r;
	/* The certificate first: a key in its place means that both are. */
	r = put(w, ROLE_SIGN, "sign/ca.crt", cert.data, cert.len);
	return r != 0 ? r : put(w, ROLE_SIGN, "sign/ca.key", key.data, key.len);
}

static int
load_ca(struct work *w)
{
	OWN(buf_wipe) struct buf key = {0};
	OWN(buf_done) struct buf cert = {0};
	int r;

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	if (!is_there(w, "sign/ca.key")) {
		r = make_ca(w);
		if (r != 0)
			return r;
		pki_key_free(w->ca_key);
		pki_cert_free(w->ca);
		w->ca_key = NULL;
		w->ca = NULL;
	}
	if ((r = get(w, "sign/ca.key", &key)) != 0 ||
	    (r = get(w, "sign/ca.crt", &cert)) != 0)
		return r;
	r = pki_key_parse(key.data, key.len, &w->ca_key, w->why);
	if (r != 0) {
		diag_prefix(w->why, "sign/ca.key");
		return r;
	}
	r = pki_cert_parse(cert.data, cert.len, &w->ca, w->why);
	if (r != 0) {
		diag_prefix(w->why, "sign/ca.crt");
		return r;
	}
	if (!is_there(w, "ca.crt"))
		r = put(w, 0, "ca.crt", cert.data, cert.len);
	if (r == 0 && !is_there(w, "front/ca.crt"))
		r = put(w, ROLE_FRONT, "front/ca.crt", cert.data, cert.len);
	return r;
}

/* True if the certificate that is there still does. */
static bool
server_fits(const struct work *w)
{
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	OWN(buf_done) struct buf pem = {0};
	int64_t now = clock_now().wall_us;

	buf_init(&pem, PKI_PEM_MAX);
	return is_there(w, "front/server.crt") &&
	       is_there(w, "front/server.key") &&
	       get(w, "front/server.crt", &pem) == 0 &&
	       pki_cert_parse(pem.data, pem.len, &c, NULL) == 0 &&
	       pki_verify(c, w->ca, PKI_SERVER, now + RENEW_DAYS * DAY_US,
		   NULL) == 0 &&
	       pki_cert_names(
		   c, (const char *const *)(const void *)w->config->names);
}

static int
make_server(const struct work *w)
{
	OWN(pki_key_freep) struct pki_key *k = NULL;
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	OWN(buf_wipe) struct buf key = {0};
	OWN(buf_done) struct buf cert = {0};
	int64_t now = clock_now().wall_us;
	const struct pki_span when = {
	    .from_us = now - HOUR_US, .to_us = now + SERVER_DAYS * DAY_US};
	char path[PATH_SIZE];
	int r;

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	if (server_fits(w))
		return 0;
	if ((r = failed(w, pki_key_new(&k), "the server's key")) != 0 ||
	    (r = failed(w,
		 pki_server_new(w->ca, w->ca_key, k,
		     (const char *const *)(const void *)w->config->names, &when,
		     &c),
		 "the server's certificate")) != 0 ||
	    (r = pki_key_print(k, &key)) != 0 ||
	    (r = pki_cert_print(c, &cert)) != 0)
		return r;
	/* A key that is not the certificate's would stop front: without a
	 * certificate, both are made anew at the next start. */
	if (path_of(w, "front/server.crt", path) == 0)
		(void)unlink(path);
	r = put(w, ROLE_FRONT, "front/server.key", key.data, key.len);
	return r != 0 ? r
		      : put(w, ROLE_FRONT, "front/server.crt", cert.data,
			    cert.len);
}

/* ---- the password --------------------------------------------------------- */

/* 20 letters of an alphabet without look-alikes: over 98 bits. */
static void
make_password(char out[INIT_PASSWORD_MAX])
{
	static const char LETTERS[] = "abcdefghjkmnpqrstuvwxyz23456789";
	uint8_t bytes[20];
	size_t n = 0;

	rng_fill(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++) {
		if (i > 0 && i % 5 == 0)
			out[n++] = '-';
		out[n++] = LETTERS[bytes[i] % (sizeof LETTERS - 1)];
	}
	out[n] = '\0';
	explicit_bzero(bytes, sizeof bytes);
}

static int
make_password_file(const struct work *w, char out[INIT_PASSWORD_MAX])
{
	char hash[256];
	int r;

	out[0] = '\0';
	if (is_there(w, "front/password"))
		return 0;
	make_password(out);
	r = failed(w, seal_password(out, hash, sizeof hash), "the password");
	if (r == 0)
		r = put(w, ROLE_FRONT, "front/password", hash, strlen(hash));
	if (r != 0)
		explicit_bzero(out, INIT_PASSWORD_MAX);
	return r;
}

int
collector_init(const char *state, const struct config *c,
    char password_out[INIT_PASSWORD_MAX], struct diag *why)
{
	struct work w = {.state = state, .config = c, .why = why};
	int r;

	password_out[0] = '\0';
	if ((r = make_dirs(&w)) == 0 && (r = make_database(&w)) == 0 &&
	    (r = load_ca(&w)) == 0 && (r = make_server(&w)) == 0 &&
	    (r = make_vkeys(&w)) == 0)
		r = make_password_file(&w, password_out);
	pki_key_free(w.ca_key);
	pki_cert_free(w.ca);
	return r;
}
