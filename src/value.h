/*
 * value.h
 *		JSON value to Datum.
 */
#ifndef FORECAST_VALUE_H
#define FORECAST_VALUE_H

#include "access/tupdesc.h"
#include "fmgr.h"

#include "resource.h"

/* A column that a scan fills in. */
typedef struct ForecastColumn
{
	AttrNumber attno;
	const ForecastField *field;
	bool converted; /* is the column's type not the field's own? */
	FmgrInfo input; /* the column type's input function, if converted */
	Oid ioparam;    /* likewise */
	int32 typmod;
} ForecastColumn;

extern const char *forecast_type_name(ForecastType type);
extern void forecast_column_prepare(ForecastColumn *column, const ForecastField *field,
									Form_pg_attribute attribute);
extern Datum
forecast_column_value(ForecastColumn *column, const cJSON *answer, bool *isnull);

#endif /* FORECAST_VALUE_H */
