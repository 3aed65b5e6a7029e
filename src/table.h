/*
 * table.h
 *		A foreign table as a view of a resource.
 */
#ifndef FORECAST_TABLE_H
#define FORECAST_TABLE_H

#include "utils/rel.h"

#include "resource.h"

/* Which field each column of a foreign table reads. */
typedef struct ForecastTable
{
	const ForecastResource *resource;
	int natts;
	const ForecastField *fields[FLEXIBLE_ARRAY_MEMBER]; /* by attribute number - 1;
														 * NULL: dropped */
} ForecastTable;

extern ForecastTable *forecast_table_load(Relation relation);
extern bool forecast_table_is_key(const ForecastTable *table, AttrNumber attno);

#endif /* FORECAST_TABLE_H */
