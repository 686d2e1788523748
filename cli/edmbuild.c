/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edmbuild - `chaperone edm build`: from a table to an index.
 *
 * Owns: what makes a column too weak, and what is said of one that is not.
 * Never: keeps a cell, or prints one; writes over a file.
 *
 * The table is read twice, row by row: first to count, then to fill. What is
 * kept are 2 MiB of bits a column, the filters, and the collector's records (16
 * bytes and 8 a secondary, for each row and primary).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/csv.h"
#include "cli/edm.h"
#include "lib/exact.h"
#include "lib/file.h"
#include "lib/rng.h"
#include "lib/rows.h"
#include "lib/sip.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	PATH_BYTES = 4096,
	RATE = 128,
	RATE_SECONDARY = 1024,
	BITS = 1 << 24, /* to tell how many different values there are */
	WEAK_PERCENT = 5, /* of values that a host cannot find */
	BARE_PERCENT = 25, /* of hits that are true, from where on it is told */
	VARIETY_ROWS = 1000, /* from so many rows on few values are too few */
	VARIETY_MIN = 16,
};

/* Words that stand in any text, and so beside any number. */
static const char *const COMMON[] = {"about", "after", "all", "also", "an",
    "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "das",
    "dem", "den", "der", "des", "die", "do", "ein", "eine", "el", "en", "es",
    "est", "et", "for", "from", "für", "had", "has", "have", "he", "her", "his",
    "if", "im", "in", "is", "ist", "it", "its", "la", "le", "les", "los", "may",
    "mit", "more", "mr", "mrs", "name", "nicht", "no", "not", "of", "on", "one",
    "or", "other", "our", "out", "she", "so", "some", "than", "that", "the",
    "their", "them", "there", "they", "this", "to", "und", "up", "us", "von",
    "was", "we", "were", "what", "when", "which", "who", "will", "with",
    "would", "you", "your", "zu"};

/* What is known of a column after the first reading. */
struct column {
	size_t cell; /* of the table */
	uint64_t cells; /* values that go in */
	uint64_t some; /* cells that are not empty */
	uint64_t short_ones, long_ones, silent, common;
	uint64_t different; /* about */
	uint64_t lengths; /* bit n: values of n digits */
	bool letters; /* there are others */
	uint8_t *seen; /* owned */
};

struct build {
	const char *table, *out, *name, *key_path;
	const char *primary, *secondary;
	uint32_t rate;
	char own_name[EXACT_NAME_MAX + 1];
	struct exact_index x;
	struct column columns[EXACT_COLUMNS_MAX];
	struct rows rows;
	struct seal_box_key *key;
	uint8_t sip[16];
	FILE *in;
	struct csv csv;
	struct diag why;
};

static void
build_done(struct build *b)
{
	for (size_t i = 0; i < EXACT_COLUMNS_MAX; i++)
		free(b->columns[i].seen);
	if (b->in != NULL)
		(void)fclose(b->in);
	csv_done(&b->csv);
	exact_done(&b->x);
	rows_done(&b->rows);
	seal_box_key_free(b->key);
}

/* ---- columns ---- */

/* A column's name as a rule writes it: small, blanks become '_'. */
static int
column_name(const char *text, size_t len, char out[EXACT_NAME_MAX + 1])
{
	if (str_copy_len(out, EXACT_NAME_MAX + 1, text, len) != 0)
		return -EBADMSG;
	for (char *p = out; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
		else if (*p == ' ')
			*p = '_';
	}
	return exact_name_ok(out) ? 0 : -EBADMSG;
}

static int
find_column(struct build *b, const char *name, size_t *at)
{
	size_t found = 0;

	for (size_t i = 0; i < b->csv.n; i++) {
		char own[EXACT_NAME_MAX + 1];
		size_t len;
		const char *text = csv_cell(&b->csv, i, &len);

		if (column_name(text, len, own) == 0 && str_eq(own, name)) {
			*at = i;
			found++;
		}
	}
	if (found == 1)
		return 0;
	return diag_set(&b->why, -EBADMSG, "the first row has %s column \"%s\"",
	    found == 0 ? "no" : "more than one", name);
}

/* Takes a list "a,b" of columns. */
static int
take_columns(struct build *b, const char *list, bool primary)
{
	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		struct exact_column *c = &b->x.columns[b->x.ncolumns];
		int r;

		if (b->x.ncolumns == EXACT_COLUMNS_MAX)
			return diag_set(&b->why, -EINVAL,
			    "more than %d columns", EXACT_COLUMNS_MAX);
		if (column_name(list, n, c->name) != 0)
			return diag_set(&b->why, -EINVAL,
			    "a column's name is letters, digits, \"_\", \"-\" "
			    "and \".\", at most %d",
			    EXACT_NAME_MAX);
		for (size_t i = 0; i < b->x.ncolumns; i++)
			if (str_eq(b->x.columns[i].name, c->name))
				return diag_set(&b->why, -EINVAL,
				    "the column \"%s\" is named twice",
				    c->name);
		c->primary = primary;
		c->rate = primary ? b->rate : RATE_SECONDARY;
		r = find_column(b, c->name, &b->columns[b->x.ncolumns].cell);
		if (r != 0)
			return r;
		b->x.ncolumns++;
		list += n + (list[n] == ',');
	}
	return 0;
}

/* ---- the first reading ---- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool
is_common(const uint8_t *v, size_t n)
{
	char word[EXACT_VALUE_MAX + 1];

	memcpy(word, v, n);
	word[n] = '\0';
	return bsearch(word, COMMON, ARRAY_LEN(COMMON), sizeof COMMON[0],
		   by_text) != NULL;
}

/* Whether a host would look the value up as a primary. */
static bool
audible(const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((v[i] >= '0' && v[i] <= '9') || v[i] == '@')
			return true;
	return false;
}

/* The normal form of a cell that goes into the index; 0 if it does not. */
static size_t
value_of(const struct build *b, size_t i, uint8_t *v, bool *digits,
    struct column *count)
{
	const struct exact_column *c = &b->x.columns[i];
	size_t least = c->primary ? EXACT_PRIMARY_MIN : EXACT_SECONDARY_MIN;
	size_t len, n;
	const char *text = csv_cell(&b->csv, b->columns[i].cell, &len);

	n = exact_normal((const uint8_t *)text, len, v, digits);
	if (count != NULL) {
		count->some += strspn(text, " \t") < len;
		count->long_ones += n == 0 && len > EXACT_VALUE_MAX;
		count->short_ones += n > 0 && n < least;
		count->silent += n >= least && !audible(v, n);
	}
	return n >= least ? n : 0;
}

static void
count_row(struct build *b)
{
	for (size_t i = 0; i < b->x.ncolumns; i++) {
		struct column *c = &b->columns[i];
		uint8_t v[EXACT_VALUE_MAX];
		bool digits;
		size_t n = value_of(b, i, v, &digits, c);
		uint64_t bit;

		if (n == 0)
			continue;
		bit = sip_hash(b->sip, v, n) % BITS;
		c->different += (c->seen[bit / 8] >> bit % 8 & 1) == 0;
		c->seen[bit / 8] = (uint8_t)(c->seen[bit / 8] | 1U << bit % 8);
		c->cells++;
		c->common += is_common(v, n);
		if (digits)
			c->lengths |= UINT64_C(1) << n;
		else
			c->letters = true;
		explicit_bzero(v, n);
	}
	b->x.rows++;
}

static int
begin(struct build *b)
{
	int r;

	b->in = fopen(b->table, "re");
	if (b->in == NULL)
		return diag_set(&b->why, -errno, "%s", strerror(errno));
	csv_begin(&b->csv, b->in);
	r = csv_row(&b->csv, &b->why);
	if (r == 0)
		return diag_set(&b->why, -EBADMSG, "the table is empty");
	return r == 1 ? 0 : r;
}

static int
first_reading(struct build *b)
{
	int r = begin(b);

	if (r == 0)
		r = take_columns(b, b->primary, true);
	if (r == 0)
		r = take_columns(b, b->secondary, false);
	for (size_t i = 0; i < b->x.ncolumns && r == 0; i++) {
		b->columns[i].seen = calloc(1, BITS / 8);
		if (b->columns[i].seen == NULL)
			r = -ENOMEM;
	}
	if (r != 0)
		return r;
	while ((r = csv_row(&b->csv, &b->why)) == 1)
		count_row(b);
	return r;
}

/* ---- judging ---- */

static bool
over(uint64_t part, uint64_t whole, unsigned percent)
{
	return part * 100 > whole * percent;
}

static int
judge_primary(struct build *b, size_t i)
{
	const struct column *c = &b->columns[i];
	const char *name = b->x.columns[i].name;

	if (over(c->short_ones, c->some, WEAK_PERCENT))
		return diag_set(&b->why, -EBADMSG,
		    "%s is too weak a primary: %" PRIu64 " of %" PRIu64
		    " values have fewer than %d letters and digits",
		    name, c->short_ones, c->some, EXACT_PRIMARY_MIN);
	if (over(c->silent, c->some, WEAK_PERCENT))
		return diag_set(&b->why, -EBADMSG,
		    "%s is too weak a primary: %" PRIu64 " of %" PRIu64
		    " values hold neither a digit nor an @",
		    name, c->silent, c->some);
	if (c->different * 2 < c->cells || c->cells == 0)
		return diag_set(&b->why, -EBADMSG,
		    "%s is too weak a primary: about %" PRIu64
		    " different values in %" PRIu64 " rows",
		    name, c->different, c->cells);
	return 0;
}

static int
judge_secondary(struct build *b, size_t i)
{
	const struct column *c = &b->columns[i];
	const char *name = b->x.columns[i].name;

	if (c->cells == 0)
		return diag_set(&b->why, -EBADMSG,
		    "%s holds no value that a host could find", name);
	if (c->cells >= VARIETY_ROWS && c->different < VARIETY_MIN)
		return diag_set(&b->why, -EBADMSG,
		    "%s is too weak a secondary: it has %" PRIu64
		    " different values, which stand beside anything",
		    name, c->different);
	return 0;
}

/* What somebody with the host's part learns by trying every number. */
static void
say_guesses(const struct build *b, size_t i)
{
	const struct column *c = &b->columns[i];
	double all = 0, power = 1, chance, share;

	for (unsigned n = 0; n <= EXACT_VALUE_MAX; n++) {
		if ((c->lengths >> n & 1) != 0)
			all += power;
		power *= 10;
	}
	if (c->letters || all == 0)
		return;
	chance = all / b->x.columns[i].rate;
	share = 100.0 * (double)c->different / ((double)c->different + chance);
	(void)fprintf(stderr,
	    "  trying all %.2g numbers of that length on a host leaves %.2g "
	    "by chance: %.2g %% of hits are true%s\n",
	    all, chance, share,
	    share > BARE_PERCENT ? ". WARNING: a filter cannot hide a table "
				   "that fills its numbers"
				 : "");
}

static void
say_column(const struct build *b, size_t i)
{
	const struct column *c = &b->columns[i];
	const struct exact_column *e = &b->x.columns[i];

	(void)fprintf(stderr,
	    "%s: %s, %" PRIu64 " values, about %" PRIu64
	    " different; one in %u others passes\n",
	    e->name, e->primary ? "primary" : "secondary", c->cells,
	    c->different, e->rate);
	if (c->some > c->cells)
		(void)fprintf(stderr,
		    "  left out: %" PRIu64 " too short, %" PRIu64 " too long\n",
		    c->short_ones, c->some - c->cells - c->short_ones);
	if (c->common > 0)
		(void)fprintf(stderr,
		    "  %" PRIu64 " are common words, which stand beside "
		    "anything\n",
		    c->common);
	if (e->primary)
		say_guesses(b, i);
}

static int
judge(struct build *b)
{
	for (size_t i = 0; i < b->x.ncolumns; i++) {
		int r = b->x.columns[i].primary ? judge_primary(b, i)
						: judge_secondary(b, i);

		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- the second reading ---- */

static int
fill_row(struct build *b)
{
	uint8_t digests[EXACT_COLUMNS_MAX][EXACT_DIGEST];
	const uint8_t *near[EXACT_COLUMNS_MAX] = {NULL};
	bool there[EXACT_COLUMNS_MAX] = {false};
	size_t k = 0;
	int r = 0;

	for (size_t i = 0; i < b->x.ncolumns; i++) {
		struct exact_column *c = &b->x.columns[i];
		uint8_t v[EXACT_VALUE_MAX];
		bool digits;
		size_t n = value_of(b, i, v, &digits, NULL);

		there[i] = n > 0;
		if (n > 0) {
			exact_add(c, v, n, digits);
			exact_digest(&b->x, i, v, n, digests[i]);
			explicit_bzero(v, n);
		}
		if (!c->primary)
			near[k++] = there[i] ? digests[i] : NULL;
	}
	for (size_t i = 0; i < b->x.ncolumns && r == 0; i++)
		if (b->x.columns[i].primary && there[i])
			r = rows_add(&b->rows, i, digests[i], near);
	explicit_bzero(digests, sizeof digests);
	return r == -EFBIG
		   ? diag_set(&b->why, r,
			 "more than %d rows; build several indexes", ROWS_MAX)
		   : r;
}

static int
second_reading(struct build *b)
{
	uint64_t cells[EXACT_COLUMNS_MAX] = {0}, rows = 0;
	uint8_t public[SEAL_BOX_PUBLIC];
	int r;

	for (size_t i = 0; i < b->x.ncolumns; i++) {
		/* Values that are there twice need no room twice. The count of
		 * different ones is from below by at most a quarter. */
		uint64_t most = b->columns[i].different / 3 * 4 + 1;

		cells[i] =
		    b->columns[i].cells < most ? b->columns[i].cells : most;
	}
	seal_box_key_public(b->key, public);
	r = exact_begin(&b->x, cells, public);
	if (r == -EFBIG)
		return diag_set(&b->why, r,
		    "the host's part would be larger than %d MiB; build "
		    "several indexes",
		    EXACT_FILE_MAX / 1024 / 1024);
	if (r != 0)
		return r;
	rows_begin(&b->rows, &b->x, b->key);
	rewind(b->in);
	csv_done(&b->csv);
	csv_begin(&b->csv, b->in);
	r = csv_row(&b->csv, &b->why);
	while (r == 1 && (r = csv_row(&b->csv, &b->why)) == 1) {
		r = fill_row(b);
		if (r != 0)
			return r;
		rows++;
		r = 1;
	}
	if (r == 0 && rows != b->x.rows)
		return diag_set(&b->why, -EBADMSG, "changed while it was read");
	for (size_t i = 0; i < b->x.ncolumns && r == 0; i++)
		exact_fill(&b->x.columns[i]);
	return r;
}

/* ---- files ---- */

static int
path_of(const struct build *b, const char *end, char out[PATH_BYTES])
{
	return str_format(out, PATH_BYTES, "%s/%s.%s", b->out, b->name, end);
}

/* The key that is there, or a new one. */
static int
take_key(struct build *b)
{
	char own[PATH_BYTES];
	const char *path = b->key_path;
	struct stat st;
	int r = 0;

	if (path == NULL)
		r = path_of(b, "key", own);
	if (r != 0)
		return r;
	path = path != NULL ? path : own;
	if (stat(path, &st) == 0)
		return seal_box_key_load(path, &b->key, &b->why);
	r = seal_box_key_new(&b->key);
	return r == 0 ? seal_box_key_save(b->key, path, &b->why) : r;
}

static int
write_both(struct build *b)
{
	const struct file_mode mode = {0644, (uid_t)-1, (gid_t)-1, true};
	OWN(buf_done) struct buf host = {0};
	char path[PATH_BYTES];
	int r = path_of(b, "table", path);

	if (r == 0)
		r = rows_write(&b->rows, path, &b->why);
	buf_init(&host, EXACT_FILE_MAX);
	exact_print(&b->x, &host);
	if (r == 0)
		r = buf_error(&host);
	if (r == 0)
		r = path_of(b, "edm", path);
	if (r == 0)
		r = file_write(path, host.data, host.len, &mode, &b->why);
	return r;
}

/* The name of an index by its table: the file's, without its end. */
static int
name_of(struct build *b)
{
	const char *slash, *base;

	must(b->table != NULL);
	slash = strrchr(b->table, '/');
	base = slash != NULL ? slash + 1 : b->table;
	if (b->name == NULL) {
		if (column_name(base, strcspn(base, "."), b->own_name) != 0)
			return diag_set(&b->why, -EINVAL,
			    "its name is none for an index; give one with "
			    "--name");
		b->name = b->own_name;
	}
	if (!exact_name_ok(b->name))
		return diag_set(&b->why, -EINVAL,
		    "the name of an index is small letters, digits, \"_\", "
		    "\"-\" and \".\", at most %d",
		    EXACT_NAME_MAX);
	return str_copy(b->x.name, sizeof b->x.name, b->name);
}

static int
build(struct build *b)
{
	int r = name_of(b);

	rng_fill(b->sip, sizeof b->sip);
	if (r == 0)
		r = first_reading(b);
	if (r == 0)
		r = judge(b);
	if (r == 0)
		r = take_key(b);
	if (r == 0)
		r = second_reading(b);
	return r == 0 ? write_both(b) : r;
}

static int
options(int argc, char **argv, struct build *b)
{
	uint64_t rate = RATE;

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		const char **to = NULL;

		must(argv[i] != NULL);
		if (str_eq(argv[i], "--primary"))
			to = &b->primary;
		else if (str_eq(argv[i], "--secondary"))
			to = &b->secondary;
		else if (str_eq(argv[i], "--out"))
			to = &b->out;
		else if (str_eq(argv[i], "--name"))
			to = &b->name;
		else if (str_eq(argv[i], "--key"))
			to = &b->key_path;
		else if (str_eq(argv[i], "--rate") && next != NULL) {
			if (str_u64(next, 1024, &rate) != 0 ||
			    !exact_rate_ok((uint32_t)rate))
				return cli_usage("edm",
				    "--rate is 16, 32, 64, 128, 256, 512 or "
				    "1024");
			i++;
			continue;
		} else if (argv[i][0] != '-' && b->table == NULL) {
			b->table = argv[i];
			continue;
		}
		if (to == NULL || next == NULL)
			return cli_usage("edm", "what is \"%s\"?", argv[i]);
		*to = next;
		i++;
	}
	b->rate = (uint32_t)rate;
	if (b->table == NULL || b->primary == NULL || b->secondary == NULL ||
	    b->out == NULL)
		return cli_usage("edm",
		    "build needs a table, --primary, --secondary and --out");
	return CLI_OK;
}

int
edmbuild_run(int argc, char **argv)
{
	OWN(build_done) struct build b = {0};
	int r = options(argc, argv, &b);

	if (r != CLI_OK)
		return r;
	r = build(&b);
	if (r != 0)
		return cli_error("edm",
		    r == -EBADMSG || r == -EINVAL ? CLI_CONFIG
						  : cli_exit_for(r),
		    "%s: %s", b.table,
		    b.why.text[0] != '\0' ? b.why.text : strerror(-r));
	(void)fprintf(stderr, "%s: %" PRIu64 " rows\n", b.name, b.x.rows);
	for (size_t i = 0; i < b.x.ncolumns; i++)
		say_column(&b, i);
	return CLI_OK;
}
