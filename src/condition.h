/*
 * condition.h
 *		What a plan's conditions ask for, once their values are known.
 */
#ifndef FORECAST_CONDITION_H
#define FORECAST_CONDITION_H

#include "nodes/execnodes.h"

#include "plan.h"

/* A field that is known to have some value. */
typedef struct ForecastFixedField
{
	const ForecastField *field;
	const char *value;
} ForecastFixedField;

/* One list to be read. */
typedef struct ForecastListRequest
{
	const char *filters; /* JSON array; NULL: none */
	List *fixed;         /* ForecastFixedFields: what the filters tell of each row */
} ForecastListRequest;

/* The conditions of a scan. */
typedef struct ForecastConditions ForecastConditions;

extern ForecastConditions *
forecast_conditions_begin(const ForecastScanPlan *plan, List *values, PlanState *parent);
extern List *
forecast_condition_keys(const ForecastConditions *conditions, ExprContext *econtext);
extern List *forecast_condition_lists(const ForecastConditions *conditions,
									  ExprContext *econtext, const char *lookup_value);

#endif /* FORECAST_CONDITION_H */
