/*
 * plan.c
 *		Paths, costs, and the plan node of a scan.
 *
 * A describe call needs the ARN before it can be made.  Where the query fixes
 * it, the table has one path with that key.  Where it comes from another table,
 * there is one path for each table it can come from, parameterised by that
 * table; being made with get_baserel_parampathinfo(), they are eligible for
 * PostgreSQL's Memoize.
 *
 * Planning reads the catalogs and nothing else: no network, no credentials.
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/value.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/rel.h"

#include "compat.h"
#include "plan.h"
#include "qual.h"

/*
 * A round trip, in the planner's unit of one sequentially read page; the same
 * as postgres_fdw's default for starting a remote query.
 */
#define CALL_COST 100.0

/*
 * A scan without a key cannot be answered: any other plan is better, even one
 * with several nodes that are disabled (which cost 1.0e10 each before 18, and
 * are counted since).
 */
#define NO_KEY_COST           1.0e15
#define NO_KEY_DISABLED_NODES 1000

/* How many rows the service may hold, where nothing is known. */
#define DEFAULT_TUPLES 1000

/* The items of ForeignScan.fdw_private; see ForecastScanPlan. */
enum ScanPlanItem
{
	ITEM_RESOURCE, /* Integer: index in forecast_resources */
	ITEM_ATTNOS,
	ITEM_FIELDS,
	ITEM_KEY_ATTNO, /* Integer */
	ITEM_KEY_VALUE,
	ITEM_RELID /* Integer */
};

/* The first clause in the list that a describe call can answer. */
static bool
find_key(const ForecastTable *table, RelOptInfo *rel, List *rinfos,
		 ForecastKeyClause *key)
{
	ListCell *cell;

	foreach(cell, rinfos)
		if (forecast_key_clause(table, rel, lfirst_node(RestrictInfo, cell), key))
			return true;
	return false;
}

/*
 * FDW callback: reads the table's definition and estimates its rows.
 */
void
forecastGetForeignRelSize(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	/* The planner holds a lock already. */
	Relation relation = table_open(relid, NoLock);
	ForecastTable *table = forecast_table_load(relation);
	ForecastKeyClause key;

	table_close(relation, NoLock);
	rel->fdw_private = table;

	if (rel->tuples <= 0)
		rel->tuples = DEFAULT_TUPLES;
	set_baserel_size_estimates(root, rel);
	if (find_key(table, rel, rel->baserestrictinfo, &key))
		rel->rows = 1;
}

/*
 * Adds the path that returns so many rows once the outer tables' are known.
 */
static void
add_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows, int disabled_nodes,
			  Cost startup, Relids outer)
{
	Cost total = startup + rows * cpu_tuple_cost;

	add_path(rel,
			 (Path *) forecast_create_foreignscan_path(root, rel, rows, disabled_nodes,
													   startup, total, outer));
}

/* Adds the lookup path of the tables this clause needs, unless it is there. */
static void
add_join_path(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *rinfo, List **ppis)
{
	Relids outer = bms_union(rinfo->clause_relids, rel->lateral_relids);
	ParamPathInfo *ppi;

	outer = bms_del_member(outer, rel->relid);
	if (bms_is_empty(outer))
		return;
	ppi = get_baserel_parampathinfo(root, rel, outer);
	if (list_member_ptr(*ppis, ppi))
		return;
	*ppis = lappend(*ppis, ppi);
	add_scan_path(root, rel, 1, 0, CALL_COST, outer);
}

/* Join clauses that are no equivalences, as of outer joins. */
static void
add_join_clause_paths(PlannerInfo *root, RelOptInfo *rel, List **ppis)
{
	ListCell *cell;

	foreach(cell, rel->joininfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		ForecastKeyClause key;

		if (join_clause_is_movable_to(rinfo, rel) &&
			forecast_key_clause(rel->fdw_private, rel, rinfo, &key))
			add_join_path(root, rel, rinfo, ppis);
	}
}

/* Callback: does this member of an equivalence class stand for a key? */
static bool
is_key_member(PlannerInfo *root pg_attribute_unused(), RelOptInfo *rel,
			  EquivalenceClass *ec pg_attribute_unused(), EquivalenceMember *em,
			  void *arg pg_attribute_unused())
{
	Var *column;

	return forecast_is_key_column(rel->fdw_private, rel->relid, (Node *) em->em_expr,
								  &column);
}

/*
 * Equivalences: the key may be equal to columns of several tables, any one of
 * which will do.  The clauses come back one for each.
 */
static void
add_equivalence_paths(PlannerInfo *root, RelOptInfo *rel, List **ppis)
{
	List *rinfos;
	ListCell *cell;

	if (!rel->has_eclass_joins)
		return;
	rinfos = generate_implied_equalities_for_column(root, rel, is_key_member, NULL,
													rel->lateral_referencers);
	foreach(cell, rinfos)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		ForecastKeyClause key;

		if (join_clause_is_movable_to(rinfo, rel) &&
			forecast_key_clause(rel->fdw_private, rel, rinfo, &key))
			add_join_path(root, rel, rinfo, ppis);
	}
}

/*
 * FDW callback: the ways to scan the table.
 */
void
forecastGetForeignPaths(PlannerInfo *root, RelOptInfo *rel,
						Oid relid pg_attribute_unused())
{
	ForecastKeyClause key;
	List *ppis = NIL;

	if (find_key(rel->fdw_private, rel, rel->baserestrictinfo, &key))
	{
		add_scan_path(root, rel, 1, 0, CALL_COST, rel->lateral_relids);
		return;
	}

	/* The planner insists on a path that needs no table it can do without. */
	add_scan_path(root, rel, rel->rows, NO_KEY_DISABLED_NODES, NO_KEY_COST,
				  rel->lateral_relids);
	add_join_clause_paths(root, rel, &ppis);
	add_equivalence_paths(root, rel, &ppis);
}

/* The columns that the query reads, by attribute number. */
static Bitmapset *
needed_columns(RelOptInfo *rel, List *clauses)
{
	Bitmapset *columns = NULL;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	pull_varattnos((Node *) clauses, rel->relid, &columns);
	return columns;
}

static bool
is_needed(Bitmapset *columns, AttrNumber attno)
{
	/* Attribute number 0 is the whole row. */
	return bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, columns) ||
		   bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns);
}

/*
 * FDW callback: the plan node.  All clauses stay with the node, so the key is
 * checked again on what comes back.
 */
ForeignScan *
forecastGetForeignPlan(PlannerInfo *root pg_attribute_unused(), RelOptInfo *rel,
					   Oid relid pg_attribute_unused(),
					   ForeignPath *path pg_attribute_unused(), List *tlist,
					   List *clauses, Plan *outer_plan)
{
	const ForecastTable *table = rel->fdw_private;
	const ForecastResource *resource = table->resource;
	List *quals = extract_actual_clauses(clauses, false);
	Bitmapset *columns = needed_columns(rel, quals);
	List *attnos = NIL;
	List *fields = NIL;
	List *private;
	ForecastKeyClause key = {NULL, NULL};

	for (AttrNumber attno = 1; attno <= table->natts; attno++)
	{
		const ForecastField *field = table->fields[attno - 1];

		if (field == NULL || !is_needed(columns, attno))
			continue;
		attnos = lappend_int(attnos, attno);
		fields = lappend_int(fields, field - resource->fields);
	}
	(void) find_key(table, rel, clauses, &key);

	/* In the order of ScanPlanItem. */
	private = list_make5(makeInteger(resource - forecast_resources), attnos, fields,
						 makeInteger(key.column ? key.column->varattno : 0),
						 copyObject(key.value));
	private = lappend(private, makeInteger(rel->relid));

	return make_foreignscan(tlist, quals, rel->relid,
							key.value ? list_make1(key.value) : NIL, private, NIL, NIL,
							outer_plan);
}

/*
 * Reads what forecastGetForeignPlan() wrote; the result points into the node.
 */
void
forecast_scan_plan_unpack(ForecastScanPlan *plan, const ForeignScan *node)
{
	List *private = node->fdw_private;

	plan->resource = &forecast_resources[intVal(list_nth(private, ITEM_RESOURCE))];
	plan->attnos = list_nth(private, ITEM_ATTNOS);
	plan->fields = list_nth(private, ITEM_FIELDS);
	plan->key_attno = intVal(list_nth(private, ITEM_KEY_ATTNO));
	plan->key_value = list_nth(private, ITEM_KEY_VALUE);
	plan->relid = intVal(list_nth(private, ITEM_RELID));
}
