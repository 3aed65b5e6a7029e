/*
 * table.h
 *		A foreign table as a view of a resource.
 */
#ifndef FORECAST_TABLE_H
#define FORECAST_TABLE_H

#include "utils/rel.h"

#include "option.h"
#include "resource.h"

/* Which field each column of a foreign table reads. */
typedef struct ForecastTable
{
	const ForecastResource *resource;
	ForecastTuning tuning;
	int natts;
	const ForecastField *fields[FLEXIBLE_ARRAY_MEMBER]; /* by attribute number - 1;
														 * NULL: dropped */
} ForecastTable;

extern ForecastTable *forecast_table_load(Relation relation);
extern const ForecastField *
forecast_table_field(const ForecastTable *table, AttrNumber attno);

#endif /* FORECAST_TABLE_H */
