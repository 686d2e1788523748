/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding - what a detector found in one member of one object; never content.
 *
 * Owns: the wire form between inspect and whoever asked it:
 *   str detector, str version, str class, u8 confidence, u8 sensitivity,
 *   blob member, u64 count, u64 unique, u8 flags (1 capped, 2 test data,
 *   4 bulk, 8 tag set), u8 marks, 8 bytes tag, str mask, str allow,
 *   str allow_until, str decode, u32 n, n * (u64 from, u64 to), str sealed.
 * Both ends are built together, so the form may change in any release.
 */
#include "lib/finding.h"

#include <errno.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

enum {
	FLAG_CAPPED = 1,
	FLAG_TEST = 2,
	FLAG_BULK = 4,
	FLAG_TAG = 8,
	FLAGS = 15, /* all that there are */
};

static const char *const CONFIDENCES[] = {"none", "low", "medium", "high"};
static const char *const SENSITIVITIES[] = {
    "low", "medium", "high", "critical"};

void
finding_done(struct finding *f)
{
	free(f->member);
	free(f->spans);
	free(f->sealed);
	*f = (struct finding){0};
}

void
finding_encode(const struct finding *f, struct buf *out)
{
	uint8_t flags = 0;

	flags |= f->unique_capped ? FLAG_CAPPED : 0;
	flags |= f->test_data ? FLAG_TEST : 0;
	flags |= f->bulk ? FLAG_BULK : 0;
	flags |= f->tag_set ? FLAG_TAG : 0;
	buf_put_str(out, f->detector);
	buf_put_str(out, f->version);
	buf_put_str(out, f->class_name);
	buf_put_u8(out, (uint8_t)f->confidence);
	buf_put_u8(out, (uint8_t)f->sensitivity);
	buf_put_str(out, f->member);
	buf_put_u64(out, f->count);
	buf_put_u64(out, f->unique);
	buf_put_u8(out, flags);
	buf_put_u8(out, f->marks);
	buf_put(out, f->tag, sizeof f->tag);
	buf_put_str(out, f->mask);
	buf_put_str(out, f->allow);
	buf_put_str(out, f->allow_until);
	buf_put_str(out, f->decode);
	buf_put_u32(out, (uint32_t)f->nspans);
	for (size_t i = 0; i < f->nspans; i++) {
		buf_put_u64(out, f->spans[i].from);
		buf_put_u64(out, f->spans[i].to);
	}
	buf_put_str(out, f->sealed);
}

static int
decode_spans(struct finding *f, struct cur *in)
{
	uint32_t n = cur_u32(in);

	if (in->bad || n > FINDING_SPANS_MAX)
		return -EBADMSG;
	if (n == 0)
		return 0;
	f->spans = calloc(n, sizeof *f->spans);
	if (f->spans == NULL)
		return -ENOMEM;
	f->nspans = n;
	for (uint32_t i = 0; i < n; i++) {
		f->spans[i].from = cur_u64(in);
		f->spans[i].to = cur_u64(in);
		if (f->spans[i].from >= f->spans[i].to ||
		    (i > 0 && f->spans[i].from < f->spans[i - 1].from))
			return -EBADMSG;
	}
	return 0;
}

static int
decode_member(struct finding *f, struct cur *in)
{
	const uint8_t *at;
	size_t len;

	at = cur_blob(in, &len);
	if (in->bad || len > FINDING_MEMBER_MAX ||
	    (len > 0 && memchr(at, '\0', len) != NULL))
		return -EBADMSG;
	f->member = calloc(1, len + 1);
	if (f->member == NULL)
		return -ENOMEM;
	if (len > 0)
		memcpy(f->member, at, len);
	return 0;
}

/* Base64url, or nothing. */
static int
decode_sealed(struct finding *f, struct cur *in)
{
	const char *text;
	size_t len;

	text = (const char *)cur_blob(in, &len);
	if (in->bad || len > FINDING_SEALED_MAX)
		return -EBADMSG;
	if (len == 0)
		return 0;
	f->sealed = strndup(text, len);
	if (f->sealed == NULL)
		return -ENOMEM;
	return strspn(f->sealed,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789-_") == len
		   ? 0
		   : -EBADMSG;
}

/* These words go to terminals and reports as they are. */
static bool
plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

int
finding_decode(struct finding *out, struct cur *in)
{
	struct finding f = {0};
	const uint8_t *tag;
	uint8_t confidence, sensitivity, flags;
	int r;

	cur_str(in, f.detector, sizeof f.detector);
	cur_str(in, f.version, sizeof f.version);
	cur_str(in, f.class_name, sizeof f.class_name);
	confidence = cur_u8(in);
	sensitivity = cur_u8(in);
	r = decode_member(&f, in);
	f.count = cur_u64(in);
	f.unique = cur_u64(in);
	flags = cur_u8(in);
	f.marks = cur_u8(in);
	tag = cur_bytes(in, sizeof f.tag);
	cur_str(in, f.mask, sizeof f.mask);
	cur_str(in, f.allow, sizeof f.allow);
	cur_str(in, f.allow_until, sizeof f.allow_until);
	cur_str(in, f.decode, sizeof f.decode);
	if (r == 0)
		r = decode_spans(&f, in);
	if (r == 0)
		r = decode_sealed(&f, in);
	if (r == 0 &&
	    (in->bad || tag == NULL || f.detector[0] == '\0' ||
		confidence < CONFIDENCE_LOW || confidence > CONFIDENCE_HIGH ||
		sensitivity > SENSITIVITY_CRITICAL || f.count == 0 ||
		f.unique > f.count || (flags & ~FLAGS) != 0 ||
		f.marks > MARKS || !plain(f.detector) || !plain(f.version) ||
		!plain(f.class_name) || !plain(f.mask) || !plain(f.allow) ||
		!plain(f.allow_until) || !plain(f.decode)))
		r = -EBADMSG;
	if (r != 0) {
		finding_done(&f);
		return r;
	}
	memcpy(f.tag, tag, sizeof f.tag);
	f.confidence = (enum confidence)confidence;
	f.sensitivity = (enum sensitivity)sensitivity;
	f.unique_capped = (flags & FLAG_CAPPED) != 0;
	f.test_data = (flags & FLAG_TEST) != 0;
	f.bulk = (flags & FLAG_BULK) != 0;
	f.tag_set = (flags & FLAG_TAG) != 0;
	*out = f;
	return 0;
}

const char *
finding_mark(enum mark m)
{
	switch (m) {
	case MARK_TEST_DATA:
		return "test_data";
	case MARK_ENCRYPTED_KEY:
		return "encrypted_key";
	case MARK_EXPIRED:
		return "expired";
	case MARK_SAMPLE:
		return "sample";
	case MARK_FEW:
		return "below_event";
	case MARKS:
		break;
	}
	return "";
}

static int
name_index(const char *const names[], size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], s))
			return (int)i;
	return -EINVAL;
}

const char *
confidence_name(enum confidence c)
{
	return CONFIDENCES[c];
}

int
confidence_parse(const char *s, enum confidence *out)
{
	int i = name_index(CONFIDENCES, ARRAY_LEN(CONFIDENCES), s);

	if (i < CONFIDENCE_LOW)
		return -EINVAL;
	*out = (enum confidence)i;
	return 0;
}

const char *
sensitivity_name(enum sensitivity s)
{
	return SENSITIVITIES[s];
}

int
sensitivity_parse(const char *s, enum sensitivity *out)
{
	int i = name_index(SENSITIVITIES, ARRAY_LEN(SENSITIVITIES), s);

	if (i < 0)
		return -EINVAL;
	*out = (enum sensitivity)i;
	return 0;
}
