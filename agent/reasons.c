/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reasons - the sentences that say what a grade rests on, and what lowered it.
 *
 * Owns: their words (chaperone-log(5), docs/decisions/0015-egress-grades.md).
 * Never: decides which of them hold.
 */
#include "agent/reasons.h"

#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

static const struct {
	unsigned bit;
	const char *text;
} REASONS[] = {
    {WHY_CONTENT, "the content was seen in the packets"},
    {WHY_SAME, "the process that sent had read it"},
    {WHY_PIPE, "it went through pipes to the process that sent"},
    {WHY_LINE, "one of the processes that read and sent came from the other"},
    {WHY_BESIDE, "the processes that read and sent were started together or "
		 "ran side by side; what went between them was not seen"},
    {WHY_SESSION, "the login session had read it before"},
    {WHY_SERVED, "it was read by what serves copies to the client"},
    {WHY_DERIVED, "a file that was made from it was read in its stead"},
    {WHY_CLOSED, "about as many bytes left as had been read, through the only "
		 "connection"},
    {WHY_PACKED, "about as many bytes left as it may have been packed into, "
		 "through the only connection"},
    {WHY_SIZES, "more or fewer bytes left than had been read"},
    {WHY_SOCKETS, "the process had several connections"},
    {WHY_PROGRAM, "the program that made the file may have put something else "
		  "into it"},
    {WHY_CHANGED, "the file was changed between"},
    {WHY_LATE, "who it was, or what it came from, was looked up late"},
    {WHY_LOST, "events were lost meanwhile"},
    {WHY_GAPS, "not every packet was seen"},
};

void
reasons_print(unsigned why, char out[REASONS_SIZE])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(REASONS); i++) {
		if ((why & REASONS[i].bit) == 0)
			continue;
		must(str_format(out + used, REASONS_SIZE - used, "%s%s",
			 used > 0 ? "; " : "", REASONS[i].text) == 0);
		used = strlen(out);
	}
}
