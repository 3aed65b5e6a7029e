/*
 * answers.h
 *		What a statement has been told.
 */
#ifndef FORECAST_ANSWERS_H
#define FORECAST_ANSWERS_H

#include "foreign/foreign.h"
#include "nodes/execnodes.h"

#include "resource.h"

/* What has been asked on behalf of a scan, for EXPLAIN ANALYZE. */
typedef struct ForecastCounters
{
	int64 calls;
	int64 retries;      /* more attempts than calls */
	int64 throttles;    /* attempts that were throttled */
	int64 bytes;        /* received */
	int64 keys_asked;   /* and answered, by calls of this scan */
	int64 keys_shared;  /* answered by what the statement, or the cache, had */
	int64 keys_missing; /* of both, those that name nothing */
} ForecastCounters;

/* The answers of one statement; see forecast_statement_answers(). */
typedef struct ForecastAnswers ForecastAnswers;

/* One of them, given or still awaited; see forecast_answer(). */
typedef struct ForecastAnswer ForecastAnswer;

extern void forecast_count_answer(ForecastCounters *counters, const AwsAnswer *answer);
extern bool forecast_is_possible_arn(const char *arn);
extern ForecastAnswers *forecast_statement_answers(EState *estate);
extern ForecastAnswers *forecast_answers_create(MemoryContext context);
extern ForecastAnswer *
forecast_answer(ForecastAnswers *answers, UserMapping *user,
				const ForecastResource *resource, const char *arn, double ttl, bool keep);
extern bool forecast_answer_start(ForecastAnswer *answer, ForecastCounters *counters);
extern bool forecast_answer_ready(ForecastAnswer *answer, ForecastCounters *counters);
extern bool forecast_answer_can_advance(const ForecastAnswer *answer);
extern AwsClient *forecast_answer_client(const ForecastAnswer *answer);
extern const char *forecast_answer_arn(const ForecastAnswer *answer);
extern const cJSON *
forecast_answer_json(ForecastAnswer *answer, ForecastCounters *counters);

#endif /* FORECAST_ANSWERS_H */
