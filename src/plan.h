/*
 * plan.h
 *		From a query's clauses to the plan of a scan.
 */
#ifndef FORECAST_PLAN_H
#define FORECAST_PLAN_H

#include "foreign/fdwapi.h"

#include "cost.h"
#include "qual.h"
#include "table.h"

/* How a scan gets its rows. */
typedef enum ForecastScanMode
{
	FORECAST_SCAN_DESCRIBE, /* by keys that the query gives */
	FORECAST_SCAN_LIST,     /* by listing, and describing what is listed if need be */
	FORECAST_SCAN_LOOKUP    /* by keys that a lookup join gives */
} ForecastScanMode;

/* What the planner knows of a foreign table, in RelOptInfo.fdw_private. */
typedef struct ForecastRelInfo
{
	ForecastTable *table;
	List *conditions; /* ForecastConditions of baserestrictinfo */
	bool analyzed;    /* is its number of rows known? */
} ForecastRelInfo;

/* One ForecastCondition in a plan. */
typedef struct ForecastPlanCondition
{
	const ForecastField *field;
	AttrNumber attno;
	bool negated;
	bool is_array;
	Expr *value; /* as it was planned, for EXPLAIN */
} ForecastPlanCondition;

/* What the planner hands to the executor, in ForeignScan.fdw_private. */
typedef struct ForecastScanPlan
{
	ForecastScanMode mode;
	const ForecastResource *resource;
	const ForecastField *lookup; /* what a lookup join looks up by, or NULL */
	List *attnos;                /* integers: the columns the query needs */
	List *fields;                /* integers: for each the index of its field */
	List *describe_fields;       /* integers: those that only describe calls bring */
	int nconditions;             /* keys of describe calls, or filters of lists */
	ForecastPlanCondition *conditions; /* as many as ForeignScan.fdw_exprs */
	double limit;                      /* how many rows suffice, < 0: unknown */
	ForecastTuning tuning;             /* without what only concerns the planner */
	Index relid; /* the table's index in the range table of the conditions' values */
} ForecastScanPlan;

extern bool forecast_scan_lists(const ForecastResource *resource, ForecastScanMode mode,
								const ForecastField *lookup);
extern void forecast_scan_plan_unpack(ForecastScanPlan *plan, const ForeignScan *node);
extern ForecastCost forecast_cost_of_scan(PlannerInfo *root, RelOptInfo *rel,
										  ForecastScanMode mode, List *conditions);
extern Path *forecast_create_lookup_path(PlannerInfo *root, RelOptInfo *rel,
										 const ForecastField *field, ForecastCost cost);

extern void forecastGetForeignRelSize(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void forecastGetForeignPaths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *
forecastGetForeignPlan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
					   List *tlist, List *clauses, Plan *outer_plan);
extern bool forecastIsForeignPathAsyncCapable(ForeignPath *path);

#endif /* FORECAST_PLAN_H */
