/*
 * qual.h
 *		Which clauses the API can answer.
 */
#ifndef FORECAST_QUAL_H
#define FORECAST_QUAL_H

#include "nodes/pathnodes.h"

#include "table.h"

/* A clause "column = expression" whose column is a key of the table. */
typedef struct ForecastKeyClause
{
	Var *column;
	Expr *value;
} ForecastKeyClause;

extern bool
forecast_is_key_column(const ForecastTable *table, Index relid, Node *node, Var **column);
extern bool forecast_key_clause(const ForecastTable *table, RelOptInfo *rel,
								RestrictInfo *rinfo, ForecastKeyClause *key);

#endif /* FORECAST_QUAL_H */
