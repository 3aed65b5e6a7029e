/*
 * feed.h
 *		What the service answers, as a stream of rows to be.
 */
#ifndef FORECAST_FEED_H
#define FORECAST_FEED_H

#include "pager.h"

/* A stream; see forecast_feed_describe() and forecast_feed_list(). */
typedef struct ForecastFeed ForecastFeed;

/* What all feeds of a scan have in common; it must outlive them. */
typedef struct ForecastSource
{
	ForecastAnswers *answers;
	UserMapping *user;
	const ForecastResource *resource;
	const ForecastTuning *tuning;
	double limit; /* how many rows suffice, < 0: all */
	ForecastCounters *counters;
} ForecastSource;

extern ForecastFeed *forecast_feed_describe(const ForecastSource *source, List *arns);
extern ForecastFeed *
forecast_feed_list(const ForecastSource *source, List *requests, bool describe);
extern const char *forecast_item_arn(const ForecastResource *resource, const cJSON *item);
extern ForecastProgress
forecast_feed_next(ForecastFeed *feed, const char **arn, const cJSON **row);
extern AwsClient *forecast_feed_client(const ForecastFeed *feed);
extern bool forecast_feed_can_advance(const ForecastFeed *feed);

#endif /* FORECAST_FEED_H */
