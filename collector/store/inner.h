/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inner - the writer's own state; for this room alone.
 */
#ifndef COLLECTOR_STORE_INNER_H
#define COLLECTOR_STORE_INNER_H

#include "collector/store/project.h"
#include "collector/store/store.h"
#include "lib/batch.h"
#include "lib/db.h"
#include "lib/entry.h"
#include "lib/own.h"

/* Prepared once, by the place in the table of store.c. */
enum store_sql {
	SQL_TOKEN_ADD,
	SQL_TOKEN_GET,
	SQL_TOKEN_USE,
	SQL_AGENT_GET,
	SQL_AGENT_BY_VKEY,
	SQL_AGENT_ADD,
	SQL_AGENT_AGAIN,
	SQL_AGENT_REVOKE,
	SQL_AGENT_SEEN,
	SQL_AGENT_LIST,
	SQL_FRONTIER_GET,
	SQL_FRONTIER_PUT,
	SQL_BATCH_ADD,
	SQL_BATCH_OVERLAP,
	SQL_BATCH_AT,
	SQL_DUE,
	SQL_DUE_ANY,
	SQL_RECEIPT,
	SQL_RECEIPT_LAST,
	SQL_ALARM_GET,
	SQL_ALARM_ADD,
	SQL_SEALED_NEXT,
	SQL_SEALED_DONE,
	SQL_SEALED_LEFT,
	SQL_SEALED_AGAIN,
	SQL_MARK_ADD,
	SQL_COUNT
};

struct store {
	struct db *db;
	struct stmt *sql[SQL_COUNT];
	struct project *project;
	/* Scratch of one store_take, kept between them. */
	struct buf plain;
	struct facts *facts; /* BATCH_ENTRIES_MAX of them */
	bool *readable;
};

#endif
