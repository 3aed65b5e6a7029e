/*
 * cache.c
 *		Answers that outlive their statement, where the option cache_ttl says so.
 *
 * Only answers of describe calls are kept, never that something does not exist.
 * What is at rest lives for cache_ttl; what is being worked on for a tenth of
 * it.  Any change of a server, a user mapping or a role forgets everything.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "cache.h"

/* When this many bytes of text are kept, all are forgotten. */
#define CACHE_SIZE (16 * 1024 * 1024)

/* The part of cache_ttl that the answer for a thing under work may live. */
#define UNSETTLED_PART 0.1

typedef struct CacheEntry
{
	ForecastAnswerKey key;
	const char *text;  /* JSON in UTF-8 */
	TimestampTz since; /* when it was asked for */
	bool settled;
} CacheEntry;

static MemoryContext cache_context = NULL;
static HTAB *cache_entries = NULL;
static Size cache_size = 0;
static uint64 cache_epoch = 0; /* how often all was forgotten on purpose */

PG_FUNCTION_INFO_V1(forecast_fdw_cache_flush);

/* ---- hash tables by answer key ---- */

static uint32
hash_key(const void *key, Size size pg_attribute_unused())
{
	const ForecastAnswerKey *k = key;

	return hash_combine(hash_combine(murmurhash32(k->umid ^ k->userid),
									 hash_bytes((const unsigned char *) k->arn,
												strlen(k->arn))),
						murmurhash32((uint32) (uintptr_t) k->resource));
}

static int
match_keys(const void *a, const void *b, Size size pg_attribute_unused())
{
	const ForecastAnswerKey *left = a;
	const ForecastAnswerKey *right = b;

	return !(left->umid == right->umid && left->userid == right->userid &&
			 left->resource == right->resource && strcmp(left->arn, right->arn) == 0);
}

/*
 * An empty hash table whose entries begin with a ForecastAnswerKey.  Who enters
 * one must replace the key's arn by a copy that lives as long.
 */
HTAB *
forecast_answer_hash(const char *name, Size entry_size, MemoryContext context)
{
	HASHCTL ctl = {.keysize = sizeof(ForecastAnswerKey),
				   .entrysize = entry_size,
				   .hash = hash_key,
				   .match = match_keys,
				   .hcxt = context};

	/* Most statements ask about one; for more it grows. */
	return hash_create(name, 1, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* ---- the cache ---- */

static void
drop_entries(void)
{
	/* The hash table goes with its context. */
	cache_entries = NULL;
	cache_size = 0;
	if (cache_context)
		MemoryContextReset(cache_context);
}

/*
 * Forgets all answers, those that are under way included.  Never throws.
 */
void
forecast_cache_flush(void)
{
	cache_epoch++;
	drop_entries();
}

/* Syscache callback: a server, a user mapping or a role changed. */
static void
invalidate_cache(Datum arg pg_attribute_unused(), int cacheid pg_attribute_unused(),
				 uint32 hash pg_attribute_unused())
{
	forecast_cache_flush();
}

/*
 * To be asked for before a question is, for forecast_cache_put().
 */
uint64
forecast_cache_epoch(void)
{
	static bool registered = false;

	/* From now on, there is something that a change must not outlive. */
	if (!registered)
	{
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_cache, (Datum) 0);
		CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate_cache, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHOID, invalidate_cache, (Datum) 0);
		registered = true;
	}
	return cache_epoch;
}

static void
initialize_cache(void)
{
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "forecast_fdw cache",
											  ALLOCSET_DEFAULT_SIZES);
	cache_entries = forecast_answer_hash("forecast_fdw cache", sizeof(CacheEntry),
										 cache_context);
}

/*
 * The answer, as JSON text in UTF-8, if there is one that is not older than ttl
 * seconds; else NULL.  It is valid until the next call of anything here or any
 * invalidation: copy it.
 */
const char *
forecast_cache_get(const ForecastAnswerKey *key, double ttl)
{
	CacheEntry *entry;

	if (cache_entries == NULL || ttl <= 0)
		return NULL;
	entry = hash_search(cache_entries, key, HASH_FIND, NULL);
	if (entry == NULL)
		return NULL;
	if (!entry->settled)
		ttl *= UNSETTLED_PART;
	if (TimestampDifferenceExceeds(entry->since, GetCurrentTimestamp(),
								   (int) (ttl * 1000)))
		return NULL;
	return entry->text;
}

/* Is the thing at rest, so that it will hardly change by itself? */
static bool
is_settled(const cJSON *json)
{
	static const char *const ends[] = {"_FAILED", "_STOPPED"};
	const char *status = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(json, "Status"));

	if (status == NULL || strcmp(status, "ACTIVE") == 0)
		return true;
	for (size_t i = 0; i < lengthof(ends); i++)
		if (strlen(status) > strlen(ends[i]) &&
			strcmp(status + strlen(status) - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

/*
 * Keeps a copy of an answer, of which text and json are two forms, unless all was
 * forgotten since it was asked for.
 */
void
forecast_cache_put(const ForecastAnswerKey *key, uint64 epoch, TimestampTz asked,
				   const char *text, const cJSON *json)
{
	CacheEntry *entry;
	char *kept_arn;
	char *kept_text;
	bool found;

	if (epoch != cache_epoch)
		return;
	if (cache_size > CACHE_SIZE)
		drop_entries();
	if (cache_entries == NULL)
		initialize_cache();

	/* Copied first: an entry must never be half filled in. */
	kept_text = MemoryContextStrdup(cache_context, text);
	kept_arn = MemoryContextStrdup(cache_context, key->arn);
	entry = hash_search(cache_entries, key, HASH_ENTER, &found);
	if (found)
		pfree((char *) entry->text);
	entry->key.arn = kept_arn;
	entry->text = kept_text;
	entry->since = asked;
	entry->settled = is_settled(json);
	cache_size += strlen(text) + strlen(key->arn);
}

/*
 * forecast_fdw_cache_flush() returns void: the next statement asks anew.
 */
Datum
forecast_fdw_cache_flush(PG_FUNCTION_ARGS pg_attribute_unused())
{
	forecast_cache_flush();
	PG_RETURN_VOID();
}
