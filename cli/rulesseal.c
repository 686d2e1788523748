/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesseal - `chaperone rules sign` and `verify`: who made a set of packs, and
 * that it is not older than the one in force.
 *
 * Owns: the file rules.sig beside the packs, and what it says.
 * Never: signs a set that does not load, or believes a version that it did not
 * read in a pack itself.
 *
 * rules.sig is a C2SP signed note. Its body is
 *   chaperone-rules/v1
 *   set DIGEST                         as `rules list` and findings name it
 *   pack ID VERSION SHA256 FILE        a line each, sorted by FILE
 * where DIGEST and SHA256 are 64 hex digits; the digest of the set covers the
 * files that lists of terms are in, too. The key is Ed25519, PKCS#8; who
 * verifies has its C2SP vkey. A change of form is a new first line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "cli/cli.h"
#include "cli/rules.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/note.h"
#include "lib/seal.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

enum { PACKS_MAX = 256, NAME_BYTES = 256, PATH_BYTES = 4096 };

#define SIG_FILE "rules.sig"
#define MAGIC "chaperone-rules/v1\n"

struct sealed {
	char id[128], version[32];
	char sha256[65], file[NAME_BYTES];
	uint8_t whole[SEAL_HASH]; /* of the pack and its terms_files */
};

struct sealed_set {
	struct sealed packs[PACKS_MAX];
	size_t n;
};

/* ---- what lies in a directory -------------------------------------------- */

static int
is_pack(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 &&
	       str_eq(e->d_name + n - 5, ".yaml");
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A word of a line: no blank, no control character. */
static bool
is_word(const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return s[0] != '\0' && str_utf8(s, strlen(s));
}

/* Of lists in files; a pack that is otherwise wrong is told when it loads. */
static int
terms_hash(const char *dir, const struct yaml *doc, struct seal_hash *h,
    struct diag *why)
{
	const struct yaml *lists = yaml_get(doc, "lists");

	for (const struct yaml *y = lists != NULL ? lists->child : NULL;
	     y != NULL; y = y->next) {
		const struct yaml *name = yaml_get(y, "terms_file");
		OWN(buf_done) struct buf b = {0};
		char path[PATH_BYTES];
		int r;

		if (name == NULL || name->kind != YAML_SCALAR ||
		    strchr(name->text, '/') != NULL)
			continue;
		if (str_format(path, sizeof path, "%s/%s", dir, name->text) !=
		    0)
			return diag_set(
			    why, -ENAMETOOLONG, "the path is too long");
		buf_init(&b, YAML_FILE_MAX);
		if ((r = file_read(path, &b, why)) != 0)
			return r;
		seal_hash_put(h, b.data, b.len);
	}
	return 0;
}

static int
whole_hash(const char *dir, const struct yaml *doc, const struct buf *pack,
    uint8_t out[SEAL_HASH], struct diag *why)
{
	struct seal_hash *h = NULL;
	int r = seal_hash_new(&h);

	if (r != 0)
		return r;
	seal_hash_put(h, pack->data, pack->len);
	r = terms_hash(dir, doc, h, why);
	seal_hash_end(h, out);
	seal_hash_free(h);
	return r;
}

static int
pack_read(
    const char *dir, const char *name, struct sealed *out, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};
	OWN(yaml_freep) struct yaml *doc = NULL;
	const struct yaml *head;
	const char *id = "", *version = "";
	uint8_t digest[SEAL_HASH];
	char path[PATH_BYTES];
	int r;

	if (str_format(path, sizeof path, "%s/%s", dir, name) != 0)
		return diag_set(why, -ENAMETOOLONG, "the path is too long");
	buf_init(&b, YAML_FILE_MAX);
	if ((r = file_read(path, &b, why)) != 0 ||
	    (r = yaml_parse(path, b.data, b.len, &doc, why)) != 0)
		return r;
	head = yaml_get(doc, "pack");
	if ((r = yaml_text(yaml_get(head, "id"), &id, why)) != 0 ||
	    (r = yaml_text(yaml_get(head, "version"), &version, why)) != 0)
		return r;
	if (!is_word(id) || !is_word(version) || !is_word(name) ||
	    str_copy(out->id, sizeof out->id, id) != 0 ||
	    str_copy(out->version, sizeof out->version, version) != 0 ||
	    str_copy(out->file, sizeof out->file, name) != 0)
		return diag_set(why, -EBADMSG,
		    "%s: a blank in, or no, id, version or name", path);
	seal_sha256(b.data, b.len, digest);
	str_hex(out->sha256, digest, sizeof digest);
	return whole_hash(dir, doc, &b, out->whole, why);
}

static int
set_read(const char *dir, struct sealed_set *out, struct diag *why)
{
	struct dirent **names = NULL;
	int r = 0;
	int n;

	must(dir != NULL);
	n = scandir(dir, &names, is_pack, by_bytes);

	out->n = 0;
	if (n < 0)
		return diag_set(why, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (r == 0 && out->n == PACKS_MAX)
			r = diag_set(why, -E2BIG, "%s: more than %d packs", dir,
			    (int)PACKS_MAX);
		if (r == 0)
			r = pack_read(
			    dir, names[i]->d_name, &out->packs[out->n++], why);
		free(names[i]);
	}
	free(names);
	return r;
}

static void
set_print(const struct sealed_set *s, const char *digest, struct buf *out)
{
	buf_printf(out, MAGIC "set %s\n", digest);
	for (size_t i = 0; i < s->n; i++)
		buf_printf(out, "pack %s %s %s %s\n", s->packs[i].id,
		    s->packs[i].version, s->packs[i].sha256, s->packs[i].file);
}

/* ---- versions ------------------------------------------------------------ */

/* Three numbers, as in 1.0.0. */
static int
version_parse(const char *text, uint64_t out[3])
{
	char copy[32];
	char *p = copy;

	if (str_copy(copy, sizeof copy, text) != 0)
		return -EBADMSG;
	for (unsigned i = 0; i < 3; i++) {
		char *point = strchr(p, '.');

		if ((point == NULL) != (i == 2))
			return -EBADMSG;
		if (point != NULL)
			*point = '\0';
		if (str_u64(p, 999999, &out[i]) != 0)
			return -EBADMSG;
		p = point + 1;
	}
	return 0;
}

/* Less than, equal to or greater than 0; what is no version is the least. */
static int
version_compare(const char *a, const char *b)
{
	uint64_t x[3] = {0}, y[3] = {0};

	if (version_parse(a, x) != 0 || version_parse(b, y) != 0)
		return strcmp(a, b);
	for (unsigned i = 0; i < 3; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* Each pack of @old is there, not older, and not another of the same number. */
static int
upwards(const struct sealed_set *old, const struct sealed_set *new,
    struct diag *why)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct sealed *a = &old->packs[i];
		const struct sealed *b = NULL;
		int c;

		for (size_t k = 0; k < new->n &&b == NULL; k++)
			if (str_eq(new->packs[k].id, a->id) &&
			    str_eq(new->packs[k].file, a->file))
				b = &new->packs[k];
		if (b == NULL)
			return diag_set(why, -ESTALE,
			    "%s: pack %s %s is in force and is missing; a pack "
			    "that is done with stays, its detectors deprecated",
			    a->file, a->id, a->version);
		c = version_compare(b->version, a->version);
		if (c < 0)
			return diag_set(why, -ESTALE,
			    "%s: pack %s is %s, but %s is in force; versions "
			    "only go up",
			    b->file, b->id, b->version, a->version);
		if (c == 0 && memcmp(a->whole, b->whole, sizeof a->whole) != 0)
			return diag_set(why, -ESTALE,
			    "%s: pack %s changed, but is still %s; give it a "
			    "higher version",
			    b->file, b->id, b->version);
	}
	return 0;
}

/* ---- the command --------------------------------------------------------- */

struct seal_args {
	bool json, fresh;
	const char *key, *name, *vkey, *previous, *dir;
};

static int
parse(struct seal_args *a, bool sign, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char **value = NULL;

		if (str_eq(argv[i], "--json"))
			a->json = true;
		else if (sign && str_eq(argv[i], "--new-key"))
			a->fresh = true;
		else if (sign && str_eq(argv[i], "--key"))
			value = &a->key;
		else if (sign && str_eq(argv[i], "--name"))
			value = &a->name;
		else if (!sign && str_eq(argv[i], "--vkey"))
			value = &a->vkey;
		else if (!sign && str_eq(argv[i], "--previous"))
			value = &a->previous;
		else if (argv[i][0] == '-')
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		else if (a->dir == NULL)
			a->dir = argv[i];
		else
			return cli_usage("rules", "one directory at a time");
		if (value == NULL)
			continue;
		if (i + 1 == argc)
			return cli_usage("rules", "%s needs a value", argv[i]);
		*value = argv[++i];
	}
	if (a->dir == NULL)
		return cli_usage("rules", "which directory?");
	if (sign ? a->key == NULL : a->vkey == NULL)
		return cli_usage(
		    "rules", "%s is needed", sign ? "--key" : "--vkey");
	return 0;
}

/* The packs of a directory, which load, as they are signed. */
static int
body_of(
    const char *dir, struct sealed_set *set, struct buf *body, struct diag *why)
{
	OWN(ruleset_freep) struct ruleset *rules = NULL;
	int r = set_read(dir, set, why);

	if (r == 0)
		r = ruleset_load(&dir, 1, &rules, NULL, why);
	if (r == 0)
		set_print(set, ruleset_digest(rules), body);
	return r == 0 ? buf_error(body) : r;
}

static void
say(const struct seal_args *a, const char *kind, const struct sealed_set *set,
    const char *vkey)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	if (!a->json) {
		(void)printf("%s\n", vkey);
		(void)fprintf(stderr, "%zu packs %s\n", set->n, kind);
		return;
	}
	buf_init(&b, (size_t)1 << 20);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", kind);
	json_str(&j, "vkey", vkey);
	json_begin_array(&j, "packs");
	for (size_t i = 0; i < set->n; i++) {
		json_begin_object(&j, NULL);
		json_str(&j, "id", set->packs[i].id);
		json_str(&j, "version", set->packs[i].version);
		json_str(&j, "sha256", set->packs[i].sha256);
		json_str(&j, "file", set->packs[i].file);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_end_object(&j);
	cli_line(&b);
}

static int
load_key(const struct seal_args *a, struct seal_key **out, struct diag *why)
{
	int r;

	if (!a->fresh)
		return seal_key_load(a->key, out, why);
	r = seal_key_new(out);
	if (r != 0)
		return diag_set(why, r, "a new key: %s", strerror(-r));
	return seal_key_save(*out, a->key, why);
}

static int
write_sig(const struct seal_args *a, const struct buf *note, struct diag *why)
{
	struct file_mode mode = {
	    .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1};
	char path[PATH_BYTES];

	if (str_format(path, sizeof path, "%s/" SIG_FILE, a->dir) != 0)
		return diag_set(why, -ENAMETOOLONG, "the path is too long");
	return file_write(path, note->data, note->len, &mode, why);
}

static int
sign(const struct seal_args *a, struct sealed_set *set, struct diag *why)
{
	OWN(seal_key_freep) struct seal_key *key = NULL;
	OWN(buf_done) struct buf body = {0};
	OWN(buf_done) struct buf note = {0};
	OWN(buf_done) struct buf text = {0};
	uint8_t public[SEAL_PUBLIC];
	struct vkey v;
	int r;

	buf_init(&body, NOTE_MAX - 1024);
	buf_init(&note, NOTE_MAX);
	buf_init(&text, 1024);
	if ((r = body_of(a->dir, set, &body, why)) != 0 ||
	    (r = load_key(a, &key, why)) != 0)
		return r;
	seal_key_public(key, public);
	r = vkey_init(&v, a->name != NULL ? a->name : "chaperone-rules",
	    NOTE_ED25519, public);
	if (r != 0)
		return diag_set(why, -EINVAL,
		    "a key's name has no blank and no \"+\" in it");
	if ((r = note_sign(body.data, body.len, &v, key, &note)) != 0)
		return diag_set(why, r, "signing: %s", strerror(-r));
	if ((r = write_sig(a, &note, why)) != 0)
		return r;
	vkey_print(&v, &text);
	say(a, "signed", set, buf_text(&text));
	return 0;
}

static int
run_sign(int argc, char **argv)
{
	OWN_MEM struct sealed_set *set = calloc(1, sizeof *set);
	struct seal_args a = {.json = false};
	struct diag why = {""};
	int r = parse(&a, true, argc, argv);

	must(set != NULL);
	if (r != 0)
		return r;
	r = sign(&a, set, &why);
	return r == 0 ? CLI_OK
		      : cli_error("rules", cli_exit_for(r), "%s",
			    why.text[0] != '\0' ? why.text : strerror(-r));
}

/* -EKEYREJECTED: the signature does not hold, or is not of these packs. */
static int
verify(const struct seal_args *a, struct sealed_set *set, struct diag *why)
{
	OWN(buf_done) struct buf body = {0};
	OWN(buf_done) struct buf note = {0};
	OWN_MEM struct sealed_set *old = calloc(1, sizeof *old);
	char path[PATH_BYTES];
	struct vkey v;
	size_t len = 0;
	int r;

	must(old != NULL);
	buf_init(&body, NOTE_MAX);
	buf_init(&note, NOTE_MAX);
	if (vkey_parse(a->vkey, &v) != 0)
		return diag_set(
		    why, -EINVAL, "--vkey is name+hash+key, as sign prints it");
	if (str_format(path, sizeof path, "%s/" SIG_FILE, a->dir) != 0)
		return diag_set(why, -ENAMETOOLONG, "the path is too long");
	r = file_read(path, &note, why);
	if (r != 0)
		return r;
	r = note_verify((const char *)note.data, note.len, &v, NULL, why);
	if (r != 0 ||
	    note_body_len((const char *)note.data, note.len, &len) != 0) {
		diag_prefix(why, path);
		return -EKEYREJECTED;
	}
	/* What is signed must be what is there, to the byte. */
	if ((r = body_of(a->dir, set, &body, why)) != 0)
		return r;
	if (body.len != len || memcmp(body.data, note.data, len) != 0)
		return diag_set(why, -EKEYREJECTED,
		    "%s: these are not the packs that were signed", a->dir);
	if (a->previous == NULL)
		return 0;
	if ((r = set_read(a->previous, old, why)) != 0)
		return r;
	return upwards(old, set, why);
}

static int
run_verify(int argc, char **argv)
{
	OWN_MEM struct sealed_set *set = calloc(1, sizeof *set);
	struct seal_args a = {.json = false};
	struct diag why = {""};
	int r = parse(&a, false, argc, argv);
	int code;

	must(set != NULL);
	if (r != 0)
		return r;
	r = verify(&a, set, &why);
	if (r == 0) {
		say(&a, "verified", set, a.vkey);
		return CLI_OK;
	}
	code = r == -EKEYREJECTED || r == -ESTALE || r == -ENOENT
		   ? CLI_VERIFY
		   : cli_exit_for(r);
	return cli_error(
	    "rules", code, "%s", why.text[0] != '\0' ? why.text : strerror(-r));
}

const struct rules_verb rulesseal_sign = {
    .name = "sign",
    .summary = "signs the packs of a directory",
    .help =
	"Example: chaperone rules sign --key rules.key rules/\n\n"
	"Usage: chaperone rules sign [--new-key] --key FILE [--name NAME]\n"
	"                            [--json] DIR\n\n"
	"Writes DIR/" SIG_FILE ", which names each pack, its version and its\n"
	"digest, and prints the vkey that verify needs. --new-key makes the\n"
	"key first (Ed25519, for its owner alone); keep it off the hosts.\n\n"
	"Exit: 0, 2 usage, 3 a rule is refused, 4 not permitted.\n",
    .run = run_sign,
};

const struct rules_verb rulesseal_verify = {
    .name = "verify",
    .summary = "checks who signed packs, and that none is older",
    .help =
	"Example: chaperone rules verify --vkey \"$(cat rules.vkey)\" \\\n"
	"    --previous /etc/chaperone/rules rules/\n\n"
	"Usage: chaperone rules verify --vkey VKEY [--previous DIR] [--json]\n"
	"                              DIR\n\n"
	"The packs in DIR must be, to the byte, those that were signed.\n"
	"With --previous each pack that is in force must be among them, with\n"
	"the same bytes or a higher version.\n\n"
	"Exit: 0, 2 usage, 3 a rule is refused, 7 the signature does not\n"
	"hold, or a version would go down.\n",
    .run = run_verify,
};
