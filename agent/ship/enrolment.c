/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment - what makes an agent one of a collector's.
 *
 * Owns: the files below the directory of the role ship, each 0600 and written
 * whole:
 *   agent.key        P-256, PKCS#8 PEM; made once and never changed
 *   ca.crt           the only CA that is trusted, PEM
 *   agent.crt        for agent.key, by ca.crt, PEM; renewed
 *   enrolment.yaml   url: URL, agent: ID; written last: where it stands, the
 *                    others do
 * Never: talks to anyone.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/ship/ship.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/seal.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

#define PATH_SIZE 4096
#define KEY "agent.key"
#define CERT "agent.crt"
#define CA "ca.crt"
#define YAML "enrolment.yaml"

static const char *const KEYS[] = {"url", "agent", NULL};

void
enrolment_done(struct enrolment *e)
{
	buf_done(&e->ca);
	buf_done(&e->cert);
	buf_wipe(&e->key);
	*e = (struct enrolment){0};
}

static int
path_of(
    const char *dir, const char *name, char out[PATH_SIZE], struct diag *why)
{
	if (str_format(out, PATH_SIZE, "%s/%s", dir, name) != 0)
		return diag_set(why, -ENAMETOOLONG, "%s: too long", dir);
	return 0;
}

static int
read_pem(const char *dir, const char *name, struct buf *out, struct diag *why)
{
	char path[PATH_SIZE];
	int r = path_of(dir, name, path, why);

	buf_init(out, PKI_PEM_MAX);
	return r == 0 ? file_read(path, out, why) : r;
}

static int
write_pem(const char *dir, const char *name, const struct buf *pem,
    const struct file_mode *mode, struct diag *why)
{
	char path[PATH_SIZE];
	int r = path_of(dir, name, path, why);

	return r == 0 ? file_write(path, pem->data, pem->len, mode, why) : r;
}

/* ---- reading ------------------------------------------------------------- */

static int
read_member(const struct yaml *y, const char *key, char *out, size_t size,
    bool (*ok)(const char *text), struct diag *why)
{
	const struct yaml *m = yaml_get(y, key);
	const char *text = NULL;
	int r = yaml_text(m, &text, why);

	if (r != 0)
		return r;
	if (text == NULL)
		return yaml_fail(y, why, "%s: is missing", key);
	if (!ok(text) || str_copy(out, size, text) != 0)
		return yaml_fail(m, why, "%s: is none", key);
	return 0;
}

static int
read_yaml(const char *dir, struct enrolment *e, struct diag *why)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	char path[PATH_SIZE];
	int r = path_of(dir, YAML, path, why);

	if (r != 0)
		return r;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return -ENOENT;
	if ((r = yaml_read(path, &y, why)) != 0 ||
	    (r = yaml_keys(y, "an enrolment", KEYS, why)) != 0 ||
	    (r = read_member(
		 y, "url", e->url, sizeof e->url, ship_url_ok, why)) != 0)
		return r;
	return read_member(
	    y, "agent", e->agent, sizeof e->agent, pki_id_ok, why);
}

/* A missing file behind the address is no "not enrolled". */
static int
read_pems(const char *dir, struct enrolment *e, struct diag *why)
{
	int r;

	if ((r = read_pem(dir, CA, &e->ca, why)) != 0 ||
	    (r = read_pem(dir, CERT, &e->cert, why)) != 0)
		return r == -ENOENT ? -EBADMSG : r;
	r = read_pem(dir, KEY, &e->key, why);
	return r == -ENOENT ? -EBADMSG : r;
}

static int
same_key(const struct pki_key *k, const struct pki_cert *c)
{
	OWN(buf_done) struct buf der = {0};
	uint8_t ours[SEAL_HASH], theirs[SEAL_HASH];
	int r;

	buf_init(&der, PKI_PUBLIC_MAX);
	if ((r = pki_key_public(k, &der)) != 0 ||
	    (r = pki_cert_key_digest(c, theirs)) != 0)
		return r;
	seal_sha256(der.data, der.len, ours);
	return memcmp(ours, theirs, sizeof ours) == 0 ? 0 : -EBADMSG;
}

/* All but the time: a certificate that ran out is the collector's to refuse. */
static int
belongs(const struct pki_key *k, const struct pki_cert *c, const char *agent,
    struct diag *why)
{
	char id[PKI_ID_MAX];
	int r = same_key(k, c);

	if (r == -EBADMSG)
		return diag_set(why, r, "the certificate is for another key");
	if (r != 0)
		return r;
	if (pki_cert_id(c, id) != 0 || !str_eq(id, agent))
		return diag_set(
		    why, -EBADMSG, "the certificate is for another agent");
	return 0;
}

static int
check_all(struct enrolment *e, struct diag *why)
{
	OWN(pki_key_freep) struct pki_key *key = NULL;
	OWN(pki_cert_freep) struct pki_cert *cert = NULL, *ca = NULL;
	int64_t from_us = 0;
	int r;

	if ((r = pki_cert_parse(e->ca.data, e->ca.len, &ca, why)) != 0) {
		diag_prefix(why, CA);
		return r;
	}
	if ((r = pki_cert_parse(e->cert.data, e->cert.len, &cert, why)) != 0) {
		diag_prefix(why, CERT);
		return r;
	}
	if ((r = pki_key_parse(e->key.data, e->key.len, &key, why)) != 0) {
		diag_prefix(why, KEY);
		return r;
	}
	r = belongs(key, cert, e->agent, why);
	return r == 0 ? pki_cert_times(cert, &from_us, &e->expires_us) : r;
}

int
enrolment_read(const char *dir, struct enrolment *out, struct diag *why)
{
	struct enrolment e = {0};
	int r;

	if ((r = read_yaml(dir, &e, why)) == 0 &&
	    (r = read_pems(dir, &e, why)) == 0)
		r = check_all(&e, why);
	if (r != 0) {
		enrolment_done(&e);
		return r;
	}
	*out = e;
	return 0;
}

uint64_t
enrolment_mark(const char *dir)
{
	char path[PATH_SIZE];
	struct stat st;

	if (path_of(dir, YAML, path, NULL) != 0 || lstat(path, &st) != 0)
		return 0;
	/* It is always a new file: rename() put it there. */
	return ((uint64_t)st.st_ino << 32 ^ (uint64_t)st.st_mtim.tv_sec << 20 ^
		   (uint64_t)st.st_mtim.tv_nsec) |
	       1;
}

/* ---- writing ------------------------------------------------------------- */

static int
make_key(const char *dir, const struct file_mode *mode, struct pki_key **out,
    struct diag *why)
{
	OWN(pki_key_freep) struct pki_key *k = NULL;
	OWN(buf_wipe) struct buf pem = {0};
	struct file_mode fresh = *mode;
	int r;

	fresh.fresh = true;
	buf_init(&pem, PKI_PEM_MAX);
	if ((r = pki_key_new(&k)) != 0 || (r = pki_key_print(k, &pem)) != 0)
		return diag_set(why, r, "no key could be made");
	r = write_pem(dir, KEY, &pem, &fresh, why);
	if (r == 0)
		*out = OWN_TAKE(&k);
	return r;
}

int
enrolment_key(const char *dir, const struct file_mode *mode,
    struct pki_key **out, struct diag *why)
{
	OWN(buf_wipe) struct buf pem = {0};
	char path[PATH_SIZE];
	int r = path_of(dir, KEY, path, why);

	if (r != 0)
		return r;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return make_key(dir, mode, out, why);
	r = read_pem(dir, KEY, &pem, why);
	if (r == 0) {
		r = pki_key_parse(pem.data, pem.len, out, why);
		if (r != 0)
			diag_prefix(why, path);
	}
	return r;
}

int
enrolment_check(const struct pki_key *k, const struct pki_cert *ca,
    const void *pem, size_t len, const char *agent, struct diag *why)
{
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	int r;

	if ((r = pki_cert_parse(pem, len, &c, why)) != 0 ||
	    (r = belongs(k, c, agent, why)) != 0)
		return r;
	return pki_verify(c, ca, PKI_AGENT, clock_now().wall_us, why);
}

int
enrolment_write(const char *dir, const struct enrolment *e,
    const struct file_mode *mode, struct diag *why)
{
	OWN(buf_done) struct buf yaml = {0};
	int r;

	buf_init(&yaml, 4096);
	/* Neither may hold what YAML would have quoted. */
	must(ship_url_ok(e->url) && pki_id_ok(e->agent));
	buf_printf(&yaml, "url: \"%s\"\nagent: \"%s\"\n", e->url, e->agent);
	if ((r = buf_error(&yaml)) != 0 ||
	    (r = write_pem(dir, CA, &e->ca, mode, why)) != 0 ||
	    (r = write_pem(dir, CERT, &e->cert, mode, why)) != 0)
		return r;
	return write_pem(dir, YAML, &yaml, mode, why);
}

int
enrolment_renew(const char *dir, const struct enrolment *e, const void *pem,
    size_t len, struct diag *why)
{
	OWN(pki_key_freep) struct pki_key *key = NULL;
	OWN(pki_cert_freep) struct pki_cert *ca = NULL;
	const struct file_mode mode = {
	    .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1};
	char path[PATH_SIZE];
	int r;

	if ((r = pki_cert_parse(e->ca.data, e->ca.len, &ca, why)) != 0 ||
	    (r = pki_key_parse(e->key.data, e->key.len, &key, why)) != 0 ||
	    (r = enrolment_check(key, ca, pem, len, e->agent, why)) != 0 ||
	    (r = path_of(dir, CERT, path, why)) != 0)
		return r;
	return file_write(path, pem, len, &mode, why);
}
