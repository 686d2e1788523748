/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow - the tuple of a conversation, as text and on the wire.
 *
 * Owns: the wire form u8 family, u8 proto, 16 bytes src, 16 bytes dst,
 * u16 sport, u16 dport. Never: looks at payload.
 */
#include "lib/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/own.h"

void
tuple_addr(uint8_t family, const uint8_t addr[16], char *out, size_t size)
{
	if (inet_ntop(family == 4 ? AF_INET : AF_INET6, addr, out,
		(socklen_t)size) == NULL)
		out[0] = '\0';
}

void
tuple_encode(const struct tuple *t, struct buf *out)
{
	buf_put_u8(out, t->family);
	buf_put_u8(out, t->proto);
	buf_put(out, t->src, sizeof t->src);
	buf_put(out, t->dst, sizeof t->dst);
	buf_put_u16(out, t->sport);
	buf_put_u16(out, t->dport);
}

int
tuple_decode(struct tuple *t, struct cur *in)
{
	const uint8_t *src, *dst;

	t->family = cur_u8(in);
	t->proto = cur_u8(in);
	src = cur_bytes(in, sizeof t->src);
	dst = cur_bytes(in, sizeof t->dst);
	t->sport = cur_u16(in);
	t->dport = cur_u16(in);
	if (in->bad || (t->family != 4 && t->family != 6) ||
	    (t->proto != 6 && t->proto != 17))
		return -EBADMSG;
	memcpy(t->src, src, sizeof t->src);
	memcpy(t->dst, dst, sizeof t->dst);
	return 0;
}
