/*
 * scan.h
 *		Executing a scan.
 */
#ifndef FORECAST_SCAN_H
#define FORECAST_SCAN_H

#include "nodes/execnodes.h"

#include "feed.h"

extern void forecastBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *forecastIterateForeignScan(ForeignScanState *node);
extern void forecastReScanForeignScan(ForeignScanState *node);
extern void forecastEndForeignScan(ForeignScanState *node);
extern void forecastForeignAsyncRequest(AsyncRequest *request);
extern void forecastForeignAsyncConfigureWait(AsyncRequest *request);
extern void forecastForeignAsyncNotify(AsyncRequest *request);

extern const ForecastCounters *forecast_scan_counters(ForeignScanState *node);

/* For the lookup join, which drives the scan of its inner table itself: */
extern const ForecastTuning *forecast_scan_tuning(ForeignScanState *node);
extern ForecastFeed *forecast_lookup_open(ForeignScanState *node, const char *key);
extern ForecastProgress forecast_lookup_next(ForeignScanState *node, ForecastFeed *feed,
											 const char *key, TupleTableSlot **row);
extern void
forecast_lookup_wait(ForeignScanState *node, const ForecastFeed *feed, const char *key);

#endif /* FORECAST_SCAN_H */
