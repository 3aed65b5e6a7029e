/*
 * analyze.h
 *		ANALYZE.
 */
#ifndef FORECAST_ANALYZE_H
#define FORECAST_ANALYZE_H

#include "foreign/fdwapi.h"

extern bool forecastAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
										BlockNumber *totalpages);

#endif /* FORECAST_ANALYZE_H */
