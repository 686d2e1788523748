/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - the only writer of operational messages. For programs alone: lib and
 * rooms return errors, the files that hold a main or a process loop log.
 *
 * A message says what, where, and what to do. Foreign bytes go through
 * str_escape first; content under inspection never goes in.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/own.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_NOTE = 5,
	LOG_LEVEL_DEBUG = 7
};

/* log_open - names the program; standard error, "<N>" before each line where
 * systemd reads it (JOURNAL_STREAM is set). */
void log_open(const char *program);
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_note(...) log_at(LOG_LEVEL_NOTE, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
