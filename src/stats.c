/*
 * stats.c
 *		What has been asked of each server, and what came of it: in this session and,
 *		if the library is preloaded, in all sessions.
 *
 * Counters are kept in memory, as those of pg_stat_statements are, and begin anew
 * with the server.  Both kinds are the same entries in hash tables: one of this
 * backend and one in shared memory.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"

#include "compat.h"
#include "stats.h"

PG_FUNCTION_INFO_V1(forecast_fdw_stats);
PG_FUNCTION_INFO_V1(forecast_fdw_stats_reset);

#define TRANCHE_NAME "forecast_fdw"

/* Entries in shared memory; when it is full, the one with the fewest calls goes. */
#define MAX_SHARED_ENTRIES 256

/* Latencies are counted in buckets, each longer than the one before by a quarter of
 * an octave, from a microsecond to over an hour. */
#define BUCKETS_PER_OCTAVE 4
#define NBUCKETS           (32 * BUCKETS_PER_OCTAVE)

/* Error codes that are told apart; the last row is for all others. */
#define MAX_CODES   16
#define OTHER_CODES "(other)" /* no code of AWS's looks like it */

typedef struct StatsKey
{
	Oid database;
	Oid server;
	char operation[NAMEDATALEN];
} StatsKey;

typedef struct StatsCode
{
	char code[NAMEDATALEN]; /* "" where the row is free */
	int64 count;
} StatsCode;

typedef struct StatsEntry
{
	StatsKey key;
	bool gone; /* had no server when it was last shown */
	int64 calls;
	int64 errors;
	int64 retries;
	int64 throttles;
	int64 bytes_sent;
	int64 bytes_received;
	double seconds;
	StatsCode codes[MAX_CODES];
	uint32 latencies[NBUCKETS];
} StatsEntry;

/* In shared memory, beside the hash table that it protects. */
typedef struct SharedStats
{
	LWLock *lock;
} SharedStats;

static HTAB *session_entries = NULL;
static HTAB *shared_entries = NULL; /* NULL unless preloaded */
static SharedStats *shared_stats = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* ---- shared memory ---- */

static void
request_shared_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(
		add_size(MAXALIGN(sizeof(SharedStats)),
				 hash_estimate_size(MAX_SHARED_ENTRIES, sizeof(StatsEntry))));
	RequestNamedLWLockTranche(TRANCHE_NAME, 1);
}

static void
attach_shared_memory(void)
{
	HASHCTL ctl = {.keysize = sizeof(StatsKey), .entrysize = sizeof(StatsEntry)};
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared_stats = ShmemInitStruct("forecast_fdw", sizeof(SharedStats), &found);
	if (!found)
		shared_stats->lock = &GetNamedLWLockTranche(TRANCHE_NAME)->lock;
	shared_entries = ShmemInitHash("forecast_fdw statistics", MAX_SHARED_ENTRIES,
								   MAX_SHARED_ENTRIES, &ctl, HASH_ELEM | HASH_BLOBS);
	LWLockRelease(AddinShmemInitLock);
}

/*
 * To be called when the library is loaded: reserves shared memory, if that is
 * possible yet.
 */
void
forecast_stats_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_shared_memory;
}

/* ---- counting ---- */

static HTAB *
get_session_entries(void)
{
	HASHCTL ctl = {.keysize = sizeof(StatsKey), .entrysize = sizeof(StatsEntry)};

	if (session_entries == NULL)
		session_entries = hash_create("forecast_fdw session statistics", 8, &ctl,
									  HASH_ELEM | HASH_BLOBS);
	return session_entries;
}

/* Is the first one of less use than the other? */
static bool
goes_before(const StatsEntry *entry, const StatsEntry *other)
{
	return entry->gone == other->gone ? entry->calls < other->calls : entry->gone;
}

/* Makes room.  Of what was dropped, nobody makes calls any longer. */
static void
evict_entry(HTAB *entries)
{
	HASH_SEQ_STATUS scan;
	StatsEntry *entry;
	StatsEntry *least = NULL;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (least == NULL || goes_before(entry, least))
			least = entry;
	if (least)
		hash_search(entries, &least->key, HASH_REMOVE, NULL);
}

/*
 * The entry of that key, a new one if need be; NULL if there is no room for it.  A
 * table in shared memory would take what is others' unless it were counted.
 */
static StatsEntry *
get_entry(HTAB *entries, const StatsKey *key)
{
	bool found;
	StatsEntry *entry = hash_search(entries, key, HASH_FIND, &found);

	if (entry)
		return entry;
	if (entries == shared_entries && hash_get_num_entries(entries) >= MAX_SHARED_ENTRIES)
		evict_entry(entries);
	entry = hash_search(entries, key,
						entries == shared_entries ? HASH_ENTER_NULL : HASH_ENTER, &found);

	if (entry && !found)
		memset((char *) entry + sizeof(StatsKey), 0,
			   sizeof(StatsEntry) - sizeof(StatsKey));
	return entry;
}

static void
count_code(StatsEntry *entry, const char *code)
{
	int i = 0;

	while (i < MAX_CODES - 1 && entry->codes[i].code[0] != '\0' &&
		   strcmp(entry->codes[i].code, code) != 0)
		i++;
	strlcpy(entry->codes[i].code, i < MAX_CODES - 1 ? code : OTHER_CODES, NAMEDATALEN);
	entry->codes[i].count++;
}

static void
count_latency(StatsEntry *entry, double seconds)
{
	double bucket = BUCKETS_PER_OCTAVE * log2(Max(seconds * 1e6, 1));

	entry->latencies[(int) Min(bucket, NBUCKETS - 1)]++;
}

static void
count_call(StatsEntry *entry, const AwsCallReport *report, const char *code)
{
	entry->gone = false;
	entry->calls++;
	entry->errors += code != NULL;
	entry->retries += report->retries;
	entry->throttles += report->throttles;
	entry->bytes_sent += report->sent;
	entry->bytes_received += report->received;
	entry->seconds += report->seconds;
	if (code)
		count_code(entry, code);
	count_latency(entry, report->seconds);
}

/*
 * An AwsClientConfig's observer: counts a call to the server with that OID.
 */
void
forecast_stats_note(void *server, const AwsCallReport *report)
{
	StatsKey key = {.database = MyDatabaseId, .server = (Oid) (uintptr_t) server};
	char code[NAMEDATALEN] = "";
	StatsEntry *entry;

	strlcpy(key.operation, report->operation, sizeof(key.operation));
	if (report->error)
		strlcpy(code, aws_error_label(report->error), sizeof(code));

	entry = get_entry(get_session_entries(), &key);
	if (entry)
		count_call(entry, report, report->error ? code : NULL);
	if (shared_entries == NULL)
		return;
	LWLockAcquire(shared_stats->lock, LW_EXCLUSIVE);
	entry = get_entry(shared_entries, &key);
	if (entry)
		count_call(entry, report, report->error ? code : NULL);
	LWLockRelease(shared_stats->lock);
}

/* ---- showing ---- */

/* The latency in seconds below which that share of the calls was. */
static double
quantile(const StatsEntry *entry, double share)
{
	int64 rest = (int64) ceil(share * entry->calls);
	int i = 0;

	while (i < NBUCKETS - 1 && (rest -= entry->latencies[i]) > 0)
		i++;
	return exp2((i + 0.5) / BUCKETS_PER_OCTAVE) / 1e6; /* the middle of the bucket */
}

static Datum
codes_jsonb(const StatsEntry *entry)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < MAX_CODES && entry->codes[i].code[0] != '\0'; i++)
	{
		appendStringInfoString(&json, i > 0 ? ", " : "");
		escape_json(&json, entry->codes[i].code);
		appendStringInfo(&json, ": " INT64_FORMAT, entry->codes[i].count);
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* May the current user see what others have asked of that server? */
static bool
may_see(Oid server)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		   forecast_server_aclcheck(server, GetUserId()) == ACLCHECK_OK;
}

/*
 * There is no such server: its place is the first to be given to others.  It is not
 * given away at once: who drops the server, or creates it, may not have committed yet.
 */
static void
mark_gone(HTAB *entries, const StatsKey *key)
{
	bool is_shared = entries == shared_entries;
	StatsEntry *entry;

	if (is_shared)
		LWLockAcquire(shared_stats->lock, LW_EXCLUSIVE);
	entry = hash_search(entries, key, HASH_FIND, NULL);
	if (entry)
		entry->gone = true;
	if (is_shared)
		LWLockRelease(shared_stats->lock);
}

/* The columns of the result, in its order. */
static void
put_row(ReturnSetInfo *result, const ForeignServer *server, const StatsEntry *entry,
		const char *scope)
{
	Datum values[] = {
		CStringGetTextDatum(scope),
		DirectFunctionCall1(namein, CStringGetDatum(server->servername)),
		CStringGetTextDatum(entry->key.operation),
		Int64GetDatum(entry->calls),
		Int64GetDatum(entry->errors),
		codes_jsonb(entry),
		Int64GetDatum(entry->retries),
		Int64GetDatum(entry->throttles),
		Int64GetDatum(entry->bytes_sent),
		Int64GetDatum(entry->bytes_received),
		Float8GetDatum(entry->seconds),
		Float8GetDatum(quantile(entry, 0.5)),
		Float8GetDatum(quantile(entry, 0.95)),
		Float8GetDatum(quantile(entry, 0.99)),
	};
	bool nulls[lengthof(values)] = {0};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A copy of the entries, so that rows are made without the lock. */
static List *
copy_entries(HTAB *entries)
{
	HASH_SEQ_STATUS scan;
	StatsEntry *entry;
	List *copies = NIL;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		StatsEntry *copy = palloc(sizeof(StatsEntry));

		*copy = *entry;
		if (copy->key.database == MyDatabaseId)
			copies = lappend(copies, copy);
	}
	return copies;
}

static void
put_rows(ReturnSetInfo *result, HTAB *entries, List *copies, const char *scope)
{
	ListCell *cell;

	foreach(cell, copies)
	{
		const StatsEntry *entry = lfirst(cell);
		ForeignServer *server = GetForeignServerExtended(entry->key.server,
														 FSV_MISSING_OK);

		if (server == NULL)
			mark_gone(entries, &entry->key);
		else if (may_see(server->serverid))
			put_row(result, server, entry, scope);
	}
}

/*
 * forecast_fdw_stats() returns setof record: a row for each server and operation, of
 * this session, and of all sessions if that is counted.
 */
Datum
forecast_fdw_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	List *entries;

	InitMaterializedSRF(fcinfo, 0);
	put_rows(result, get_session_entries(), copy_entries(get_session_entries()),
			 "session");
	if (shared_entries)
	{
		LWLockAcquire(shared_stats->lock, LW_SHARED);
		entries = copy_entries(shared_entries);
		LWLockRelease(shared_stats->lock);
		put_rows(result, shared_entries, entries, "all sessions");
	}
	PG_RETURN_NULL();
}

static void
remove_entries(HTAB *entries)
{
	HASH_SEQ_STATUS scan;
	StatsEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->key.database == MyDatabaseId)
			hash_search(entries, &entry->key, HASH_REMOVE, NULL);
}

/*
 * forecast_fdw_stats_reset() returns void: forgets what is counted in this database.
 */
Datum
forecast_fdw_stats_reset(PG_FUNCTION_ARGS pg_attribute_unused())
{
	remove_entries(get_session_entries());
	if (shared_entries)
	{
		LWLockAcquire(shared_stats->lock, LW_EXCLUSIVE);
		remove_entries(shared_entries);
		LWLockRelease(shared_stats->lock);
	}
	PG_RETURN_VOID();
}
