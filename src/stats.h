/*
 * stats.h
 *		What has been asked of each server, and what came of it.
 */
#ifndef FORECAST_STATS_H
#define FORECAST_STATS_H

#include "aws/client.h"

extern void forecast_stats_init(void);
extern void forecast_stats_note(void *server, const AwsCallReport *report);

#endif /* FORECAST_STATS_H */
