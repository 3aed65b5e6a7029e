/*
 * lookup_join.h
 *		A join that looks up many keys at once.
 */
#ifndef FORECAST_LOOKUP_JOIN_H
#define FORECAST_LOOKUP_JOIN_H

#include "nodes/extensible.h"

/* As EXPLAIN and the node registry call it. */
#define FORECAST_LOOKUP_JOIN_NAME "ForecastLookupJoin"

/* The items of CustomScan.custom_exprs. */
enum ForecastLookupExpr
{
	LOOKUP_KEY,    /* over columns of the outer plan */
	LOOKUP_COLUMN, /* of the inner one, that is equal to the key */
	LOOKUP_MATCH   /* a list: what must be true of a pair of rows, that first */
};

/* The items of CustomScan.custom_private; the tables are custom_plans. */
enum ForecastLookupItem
{
	LOOKUP_JOIN_TYPE /* Integer: a JoinType */
};

extern const CustomScanMethods forecast_lookup_join_methods;

extern void forecast_lookup_path_init(void);

#endif /* FORECAST_LOOKUP_JOIN_H */
