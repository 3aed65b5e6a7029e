/*
 * row.h
 *		From an answer to a row of a foreign table.
 */
#ifndef FORECAST_ROW_H
#define FORECAST_ROW_H

#include "executor/tuptable.h"
#include "utils/rel.h"

#include "value.h"

/* What makes rows of one foreign table; see forecast_row_maker(). */
typedef struct ForecastRowMaker
{
	const ForecastResource *resource;
	const char *table_name;
	int ncolumns;
	ForecastColumn *columns; /* those to fill in, others stay NULL */

	/* For error context: */
	const char *arn;         /* what is asked for, NULL: nothing in particular */
	ForecastColumn *current; /* the column being converted */
	ErrorContextCallback context;
} ForecastRowMaker;

extern ForecastRowMaker *
forecast_row_maker(Relation relation, const ForecastResource *resource, List *attnos,
				   List *fields);
extern void forecast_row_begin(ForecastRowMaker *maker);
extern void forecast_row_end(ForecastRowMaker *maker);
extern void
forecast_row_store(ForecastRowMaker *maker, TupleTableSlot *slot, const cJSON *answer);

#endif /* FORECAST_ROW_H */
