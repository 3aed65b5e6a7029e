/*
 * explain.h
 *		What EXPLAIN says of a scan.
 */
#ifndef FORECAST_EXPLAIN_H
#define FORECAST_EXPLAIN_H

#include "commands/explain.h"
#include "nodes/execnodes.h"

extern void forecastExplainForeignScan(ForeignScanState *node, ExplainState *es);

#endif /* FORECAST_EXPLAIN_H */
