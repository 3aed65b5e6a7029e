/*
 * cache.h
 *		Answers that outlive their statement.
 */
#ifndef FORECAST_CACHE_H
#define FORECAST_CACHE_H

#include "datatype/timestamp.h"
#include "utils/hsearch.h"

#include "resource.h"

/* Nobody else's answer may be shared: the same ARN asked as somebody else. */
typedef struct ForecastAnswerKey
{
	Oid umid;   /* user mapping, */
	Oid userid; /* and whose: that of PUBLIC is not the same for all */
	const ForecastResource *resource;
	const char *arn;
} ForecastAnswerKey;

extern HTAB *
forecast_answer_hash(const char *name, Size entry_size, MemoryContext context);

extern const char *forecast_cache_get(const ForecastAnswerKey *key, double ttl);
extern uint64 forecast_cache_epoch(void);
extern void forecast_cache_put(const ForecastAnswerKey *key, uint64 epoch,
							   TimestampTz asked, const char *text, const cJSON *json);
extern void forecast_cache_flush(void);

#endif /* FORECAST_CACHE_H */
