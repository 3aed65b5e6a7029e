/*
 * lookup_path.c
 *		Planning lookup joins: when a foreign table is joined by what the API can
 *		look up, the join may collect the keys of many outer rows and ask for them
 *		at once.  lookup_join.c executes it.
 *
 * The plan is a custom scan over two plans, the outer one and a scan of the
 * foreign table that does nothing by itself.  Its rows are those of the outer
 * plan, with the columns of the foreign table after them.
 */
#include "postgres.h"

#include <math.h>

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/guc.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "lookup_join.h"
#include "plan.h"

/* The items of CustomPath.custom_private. */
enum LookupPathItem
{
	PATH_JOIN_TYPE, /* Integer */
	PATH_KEY,
	PATH_COLUMN,
	PATH_MATCH,
	PATH_OTHER /* what is checked on joined rows, after NULLs were filled in */
};

static bool enable_lookup_join = true;

static set_join_pathlist_hook_type previous_hook = NULL;

static Plan *plan_lookup_join(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
							  List *tlist, List *clauses, List *plans);

static const CustomPathMethods lookup_path_methods =
	{.CustomName = FORECAST_LOOKUP_JOIN_NAME, .PlanCustomPath = plan_lookup_join};

/* ---- what can be looked up ---- */

static bool
has_pseudoconstant(List *rinfos)
{
	ListCell *cell;

	foreach(cell, rinfos)
		if (lfirst_node(RestrictInfo, cell)->pseudoconstant)
			return true;
	return false;
}

/*
 * Is it one of our foreign tables, that nothing else must be known for?  One that
 * is known to be empty was not planned; one with a condition that needs no row has
 * a plan with another node on top.
 */
static bool
is_lookup_table(RelOptInfo *rel)
{
	return IS_SIMPLE_REL(rel) && rel->rtekind == RTE_RELATION && rel->fdwroutine &&
		   rel->fdwroutine->GetForeignPlan == forecastGetForeignPlan &&
		   rel->fdw_private && !IS_DUMMY_REL(rel) && bms_is_empty(rel->lateral_relids) &&
		   !has_pseudoconstant(rel->baserestrictinfo);
}

/* Is the clause checked on pairs of rows, not on what an outer join made of them? */
static bool
is_join_clause(RestrictInfo *rinfo, RelOptInfo *joinrel, JoinType jointype)
{
	return !IS_OUTER_JOIN(jointype) || !RINFO_IS_PUSHED_DOWN(rinfo, joinrel->relids);
}

/*
 * The clause to look up by: the ARN if there is such a clause, else something
 * that lists can be filtered by.  NULL if there is none.
 */
static ForecastCondition *
find_lookup(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer, RelOptInfo *inner,
			JoinType jointype, List *rinfos)
{
	const ForecastTable *table = ((ForecastRelInfo *) inner->fdw_private)->table;
	ForecastCondition *filter = NULL;
	ListCell *cell;

	foreach(cell, forecast_conditions(root, inner, table, rinfos))
	{
		ForecastCondition *condition = lfirst(cell);
		Relids needed = pull_varnos(root, (Node *) condition->value);

		if (condition->negated || condition->is_array || bms_is_empty(needed) ||
			!bms_is_subset(needed, outer->relids) ||
			!is_join_clause(condition->rinfo, joinrel, jointype))
			continue;
		if (forecast_is_key(table, condition))
			return condition;
		if (filter == NULL)
			filter = condition;
	}
	return filter;
}

/* ---- costs ---- */

/* What it costs to look up so many distinct values. */
static ForecastCost
cost_of_lookups(PlannerInfo *root, RelOptInfo *inner, const ForecastCondition *lookup,
				double keys)
{
	ForecastRelInfo *info = inner->fdw_private;
	const ForecastTuning *tuning = &info->table->tuning;
	ForecastCost one;
	double rounds;

	if (forecast_is_key(info->table, lookup))
		return forecast_cost_of_describes(tuning, keys);

	/* Each value is a list; so many of them are read at once. */
	one = forecast_cost_of_scan(root, inner, FORECAST_SCAN_LIST,
								lappend(list_copy(info->conditions), (void *) lookup));
	rounds = ceil(keys / tuning->max_pool_connections);
	return (ForecastCost){one.startup, rounds * one.total};
}

/* Sets the costs of the join: the outer plan's, the lookups', and its own. */
static void
cost_lookup_join(PlannerInfo *root, CustomPath *path, double keys, ForecastCost lookups,
				 List *rinfos)
{
	Path *outer_path = linitial(path->custom_paths);
	RelOptInfo *inner = ((Path *) lsecond(path->custom_paths))->parent;
	QualCost quals;

	cost_qual_eval(&quals, rinfos, root);
	path->path.rows = path->path.parent->rows;
	path->path.startup_cost = outer_path->startup_cost + lookups.startup + quals.startup;
	path->path.total_cost = outer_path->total_cost + lookups.total + quals.startup +
							keys * inner->baserestrictcost.per_tuple +
							outer_path->rows * cpu_tuple_cost +
							path->path.rows * (cpu_tuple_cost + quals.per_tuple);
}

/* ---- paths ---- */

/*
 * The clauses on pairs of rows, or those on what an outer join made of them, as
 * they are to be evaluated: of lower security levels first.
 */
static List *
clauses_in_order(PlannerInfo *root, RelOptInfo *joinrel, JoinType jointype, List *rinfos,
				 bool join_clauses)
{
	List *clauses = NIL;
	ListCell *cell;

	for (Index level = 0; level <= root->qual_security_level; level++)
		foreach(cell, rinfos)
		{
			RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);

			if (rinfo->security_level == level &&
				is_join_clause(rinfo, joinrel, jointype) == join_clauses)
				clauses = lappend(clauses, rinfo->clause);
		}
	return clauses;
}

static void
add_lookup_path(PlannerInfo *root, RelOptInfo *joinrel, Path *outer_path,
				RelOptInfo *inner, JoinType jointype, const ForecastCondition *lookup,
				List *rinfos)
{
	CustomPath *path = makeNode(CustomPath);
	double keys = estimate_num_groups(root, list_make1(lookup->value), outer_path->rows,
									  NULL, NULL);
	ForecastCost lookups = cost_of_lookups(root, inner, lookup, keys);
	List *match;

	path->path.pathtype = T_CustomScan;
	path->path.parent = joinrel;
	path->path.pathtarget = joinrel->reltarget;
	path->path.pathkeys = build_join_pathkeys(root, joinrel, jointype,
											  outer_path->pathkeys);
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &lookup_path_methods;
	path->custom_paths = list_make2(outer_path,
									forecast_create_lookup_path(root, inner,
																lookup->field, lookups));
	/* The lookup's own clause may come first: see forecast_conditions(). */
	match = clauses_in_order(root, joinrel, jointype, rinfos, true);
	match = lcons(lookup->rinfo->clause, list_delete_ptr(match, lookup->rinfo->clause));
	/* In the order of LookupPathItem. */
	path->custom_private = list_make5(makeInteger(jointype), lookup->value,
									  lookup->column, match,
									  clauses_in_order(root, joinrel, jointype, rinfos,
													   false));
	cost_lookup_join(root, path, keys, lookups, rinfos);
	add_path(joinrel, &path->path);
}

/*
 * Adds the lookup joins of two relations, if there can be any.
 */
static void
add_lookup_paths(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer,
				 RelOptInfo *inner, JoinType jointype, JoinPathExtraData *extra)
{
	List *rinfos = extra->restrictlist;
	ForecastCondition *lookup;
	ListCell *cell;

	/* An outer side whose duplicates are removed first makes a semi-join inner. */
	bool unique_outer = jointype == JOIN_UNIQUE_OUTER;

	if (unique_outer)
		jointype = JOIN_INNER;
	if (!is_lookup_table(inner) || !bms_is_empty(joinrel->lateral_relids) ||
		(jointype != JOIN_INNER && jointype != JOIN_LEFT && jointype != JOIN_SEMI &&
		 jointype != JOIN_ANTI) ||
		has_pseudoconstant(rinfos))
		return;
	lookup = find_lookup(root, joinrel, outer, inner, jointype, rinfos);
	if (lookup == NULL)
		return;

	if (unique_outer)
	{
		Path *unique = (Path *) create_unique_path(root, outer,
												   outer->cheapest_total_path,
												   extra->sjinfo);

		if (unique && bms_is_empty(PATH_REQ_OUTER(unique)))
			add_lookup_path(root, joinrel, unique, inner, jointype, lookup, rinfos);
		return;
	}
	foreach(cell, outer->pathlist)
	{
		Path *outer_path = lfirst(cell);

		if (bms_is_empty(PATH_REQ_OUTER(outer_path)))
			add_lookup_path(root, joinrel, outer_path, inner, jointype, lookup, rinfos);
	}
}

/* Hook: the planner has found its own paths for a join. */
static void
on_join_pathlist(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer,
				 RelOptInfo *inner, JoinType jointype, JoinPathExtraData *extra)
{
	if (previous_hook)
		previous_hook(root, joinrel, outer, inner, jointype, extra);
	if (enable_lookup_join)
		add_lookup_paths(root, joinrel, outer, inner, jointype, extra);
}

/* ---- the plan node ---- */

/*
 * Since 16 a column of the nullable side differs from what the scan below calls
 * it: it knows that an outer join may have made it NULL.  Of each variable, the
 * node has one version only, the one that it returns.  versions is a List of these
 * Vars and PlaceHolderVars.
 */
static Node *
version_mutator(Node *node, void *versions)
{
	ListCell *cell;

	if (node == NULL)
		return NULL;
	foreach(cell, (List *) versions)
	{
		Node *version = lfirst(cell);

		if (IsA(node, Var) && IsA(version, Var) &&
			((Var *) node)->varno == ((Var *) version)->varno &&
			((Var *) node)->varattno == ((Var *) version)->varattno &&
			((Var *) node)->varlevelsup == ((Var *) version)->varlevelsup)
			return copyObject(version);
		if (IsA(node, PlaceHolderVar) && IsA(version, PlaceHolderVar) &&
			((PlaceHolderVar *) node)->phid == ((PlaceHolderVar *) version)->phid)
			return copyObject(version);
	}
	return expression_tree_mutator(node, version_mutator, versions);
}

/* What the node's rows consist of: all columns of both plans. */
static List *
scan_tlist(List *plans, List *versions)
{
	List *tlist = NIL;
	ListCell *plan;
	ListCell *cell;

	foreach(plan, plans)
		foreach(cell, ((Plan *) lfirst(plan))->targetlist)
		{
			Node *expr = (Node *) lfirst_node(TargetEntry, cell)->expr;

			tlist = lappend(tlist,
							makeTargetEntry((Expr *) version_mutator(expr, versions),
											list_length(tlist) + 1, NULL, false));
		}
	return tlist;
}

/* Callback: the plan of a path. */
static Plan *
plan_lookup_join(PlannerInfo *root pg_attribute_unused(), RelOptInfo *rel,
				 CustomPath *path, List *tlist, List *clauses pg_attribute_unused(),
				 List *plans)
{
	CustomScan *scan = makeNode(CustomScan);
	List *private = path->custom_private;
	List *other = list_nth(private, PATH_OTHER);
	/* In the order of ForecastLookupExpr. */
	List *exprs = list_make3(list_nth(private, PATH_KEY), list_nth(private, PATH_COLUMN),
							 list_nth(private, PATH_MATCH));
	List *targets;
	List *versions;

	/* tlist may be empty: a node above has its own put in place of it later. */
	targets = list_make2(rel->reltarget->exprs, other);
	/* ... and those that a placeholder is computed from here. */
	versions = list_concat(pull_var_clause((Node *) targets, PVC_INCLUDE_PLACEHOLDERS),
						   pull_var_clause((Node *) targets, PVC_RECURSE_PLACEHOLDERS));
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = other;
	scan->flags = path->flags;
	scan->custom_plans = plans;
	scan->custom_scan_tlist = scan_tlist(plans, versions);
	scan->custom_exprs = (List *) version_mutator((Node *) exprs, versions);
	scan->custom_private = list_make1(list_nth(private, PATH_JOIN_TYPE));
	scan->methods = &forecast_lookup_join_methods;
	return &scan->scan.plan;
}

/*
 * Makes lookup joins known to PostgreSQL.  To be called once, when the library is
 * loaded.
 */
void
forecast_lookup_path_init(void)
{
	DefineCustomBoolVariable("forecast_fdw.enable_lookup_join",
							 "Enables the planner's use of lookup joins with foreign "
							 "tables of Amazon Forecast.",
							 NULL, &enable_lookup_join, true, PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	MarkGUCPrefixReserved("forecast_fdw");
	RegisterCustomScanMethods(&forecast_lookup_join_methods);
	previous_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = on_join_pathlist;
}
