/*
 * pager.h
 *		The items of a list, page by page.
 */
#ifndef FORECAST_PAGER_H
#define FORECAST_PAGER_H

#include "answers.h"
#include "condition.h"

/* What an attempt to go on without waiting has brought. */
typedef enum ForecastProgress
{
	FORECAST_ROW,
	FORECAST_WAIT, /* nothing yet */
	FORECAST_END
} ForecastProgress;

/* A list being read; see forecast_pager_create(). */
typedef struct ForecastPager ForecastPager;

extern ForecastPager *
forecast_pager_create(UserMapping *user, const ForecastResource *resource,
					  const ForecastListRequest *request, int fetch_size, double limit,
					  ForecastCounters *counters);
extern void forecast_pager_start(ForecastPager *pager);
extern ForecastProgress forecast_pager_next(ForecastPager *pager, cJSON **item);
extern AwsClient *forecast_pager_client(const ForecastPager *pager);
extern bool forecast_pager_can_advance(const ForecastPager *pager);
extern void forecast_pager_free(ForecastPager *pager);

#endif /* FORECAST_PAGER_H */
