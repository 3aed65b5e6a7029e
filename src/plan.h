/*
 * plan.h
 *		From a query's clauses to the plan of a scan.
 */
#ifndef FORECAST_PLAN_H
#define FORECAST_PLAN_H

#include "foreign/fdwapi.h"

#include "table.h"

/* What the planner hands to the executor, in ForeignScan.fdw_private. */
typedef struct ForecastScanPlan
{
	const ForecastResource *resource;
	List *attnos;         /* integers: the columns the query needs */
	List *fields;         /* integers: for each the index of its field */
	AttrNumber key_attno; /* the column that is looked up by, 0: none */
	Expr *key_value;      /* the value as it was planned, for EXPLAIN */
	Index relid;          /* the table's index in that expression's range table */
} ForecastScanPlan;

extern void forecast_scan_plan_unpack(ForecastScanPlan *plan, const ForeignScan *node);

extern void forecastGetForeignRelSize(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void forecastGetForeignPaths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *
forecastGetForeignPlan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
					   List *tlist, List *clauses, Plan *outer_plan);

#endif /* FORECAST_PLAN_H */
