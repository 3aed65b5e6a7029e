/*
 * qual.h
 *		Which clauses the API can answer.
 */
#ifndef FORECAST_QUAL_H
#define FORECAST_QUAL_H

#include "nodes/pathnodes.h"

#include "table.h"

/*
 * What a clause asks of a field: that it is, or is not, a value or one of an
 * array's.
 */
typedef struct ForecastCondition
{
	const ForecastField *field;
	Var *column;   /* that reads the field */
	Expr *value;   /* of type text, or text[] */
	bool negated;  /* <> value, <> ALL (values) */
	bool is_array; /* = ANY (values), <> ALL (values) */
	RestrictInfo *rinfo;
} ForecastCondition;

extern bool forecast_is_condition_column(const ForecastTable *table, Index relid,
										 Node *node, Var **column);
extern List *forecast_conditions(PlannerInfo *root, RelOptInfo *rel,
								 const ForecastTable *table, List *rinfos);
extern bool
forecast_is_key(const ForecastTable *table, const ForecastCondition *condition);
extern bool forecast_is_filter(const ForecastCondition *condition);
extern bool forecast_fixes_field(const ForecastCondition *condition);
extern bool forecast_is_remote_only(const ForecastCondition *condition);

#endif /* FORECAST_QUAL_H */
