/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sftp - the files in what an SFTP server answers, without what frames them.
 *
 * Owns: the packets of draft-ietf-secsh-filexfer-02 sections 3 and 7, as OpenSSH
 * speaks them: u32 length, u8 type, then by type; of SSH_FXP_DATA u32 id, u32
 * length, the bytes.
 * Never: follows which file is which: requests go the other way. Whoever reads
 * several at once gets them in the order of the answers.
 *
 * What does not follow the form is handed over as it is, with all that comes
 * behind it: rather too much is looked at.
 */
#include "agent/extract/extract.h"

#include "lib/own.h"

#define VERSION_PACKET 2
#define STATUS 101
#define HANDLE 102
#define DATA 103
#define NAME 104
#define ATTRS 105
#define EXTENDED_REPLY 201
#define PACKET_MAX (256 * 1024) /* SFTP_MAX_MSG_LENGTH of OpenSSH */
#define BEGIN 5 /* length and type */
#define BEGIN_DATA 13 /* and id, and the length of the bytes */

static uint32_t
number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static bool
is_begin(const uint8_t *p)
{
	uint32_t len = number(p);
	uint8_t type = p[4];

	return len >= 5 && len <= PACKET_MAX &&
	       (type == VERSION_PACKET || (type >= STATUS && type <= ATTRS) ||
		   type == EXTENDED_REPLY) &&
	       (type != DATA || len >= 9);
}

bool
sftp_begins(struct content c)
{
	return c.len >= BEGIN && is_begin(c.data);
}

static void
give(const struct sftp_sink *sink, const uint8_t *data, size_t len)
{
	if (len > 0)
		sink->data(
		    sink->ctx, (struct content){.data = data, .len = len});
}

static void
give_up(struct sftp *s, const struct sftp_sink *sink)
{
	s->lost = true;
	give(sink, s->head, s->have);
	s->have = 0;
}

/* The head is whole as far as it was gathered: what follows it? */
static void
take_head(struct sftp *s, const struct sftp_sink *sink)
{
	uint32_t len = number(s->head);

	if (!is_begin(s->head) ||
	    (s->have == BEGIN_DATA && number(s->head + 9) != len - 9)) {
		give_up(s, sink);
		return;
	}
	s->type = s->head[4];
	if (s->type == DATA && s->have < BEGIN_DATA)
		return;
	s->left = s->type == DATA ? len - 9 : len - 1;
	s->have = 0;
	/* The next file was opened: what comes is of another one. */
	if (s->type == HANDLE)
		sink->file(sink->ctx);
}

static size_t
take_body(struct sftp *s, struct content c, const struct sftp_sink *sink)
{
	size_t n = c.len < s->left ? c.len : s->left;

	/* Names of a directory are shown to whoever asks. */
	if (s->type == DATA || s->type == NAME)
		give(sink, c.data, n);
	s->left -= (uint32_t)n;
	return n;
}

void
sftp_feed(struct sftp *s, struct content c, const struct sftp_sink *sink)
{
	while (c.len > 0) {
		size_t n = 1;

		if (s->lost) {
			give(sink, c.data, c.len);
			return;
		}
		if (s->left > 0) {
			n = take_body(s, c, sink);
		} else {
			s->head[s->have++] = *c.data;
			if (s->have == BEGIN || s->have == BEGIN_DATA)
				take_head(s, sink);
		}
		c.data += n;
		c.len -= n;
	}
}

void
sftp_gap(struct sftp *s, uint64_t bytes, const struct sftp_sink *sink)
{
	if (bytes <= s->left)
		s->left -= (uint32_t)bytes;
	else
		give_up(s, sink);
}
