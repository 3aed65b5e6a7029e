/*
 * scan.h
 *		Executing a scan.
 */
#ifndef FORECAST_SCAN_H
#define FORECAST_SCAN_H

#include "nodes/execnodes.h"

extern void forecastBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *forecastIterateForeignScan(ForeignScanState *node);
extern void forecastReScanForeignScan(ForeignScanState *node);
extern void forecastEndForeignScan(ForeignScanState *node);

#endif /* FORECAST_SCAN_H */
