/*
 * plan.c
 *		Paths, and the plan node of a scan.
 *
 * Where the query gives ARNs, a table is read by describing them; otherwise, by
 * listing it with the filters that the query gives.  Where the values come from
 * another table, there is one path for each table they can come from,
 * parameterised by that table; being made with get_baserel_parampathinfo(), they
 * are eligible for PostgreSQL's Memoize.  (The lookup join is in lookup_path.c.)
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
#include "utils/selfuncs.h"

#include "compat.h"
#include "plan.h"

/*
 * How many rows the service may hold, and what part of them filters may let
 * through, where nothing is known.  The service's quotas are of that size.  The
 * planner's own guess for an equality, one in two hundred, would make every
 * filtered list look like a single page.
 */
#define DEFAULT_TUPLES      1000
#define DEFAULT_FILTER_PART (1.0 / 3.0)

/* The items of ForeignScan.fdw_private; see ForecastScanPlan. */
enum ScanPlanItem
{
	ITEM_MODE,     /* Integer */
	ITEM_RESOURCE, /* Integer: index in forecast_resources */
	ITEM_LOOKUP,   /* Integer: index of the field, -1: none */
	ITEM_ATTNOS,
	ITEM_FIELDS,
	ITEM_DESCRIBE_FIELDS,
	ITEM_CONDITIONS, /* a list of integers for each, see ConditionItem */
	ITEM_VALUES,     /* an expression for each */
	ITEM_LIMIT,      /* Float */
	ITEM_TUNING,     /* see TuningItem */
	ITEM_RELID       /* Integer */
};

enum TuningItem
{
	TUNING_POOL_CONNECTIONS, /* Integer */
	TUNING_FETCH_SIZE,       /* Integer */
	TUNING_BATCH_SIZE,       /* Integer */
	TUNING_CACHE_TTL         /* Float */
};

enum ConditionItem
{
	CONDITION_FIELD,
	CONDITION_ATTNO,
	CONDITION_NEGATED,
	CONDITION_IS_ARRAY
};

/* The items of ForeignPath.fdw_private. */
enum PathItem
{
	PATH_MODE,   /* Integer */
	PATH_LOOKUP, /* Integer: as ITEM_LOOKUP */
	PATH_ARRAYS  /* Integer: are several values several lists? */
};

/* ---- estimates ---- */

/* Those of the conditions that a scan of that mode asks with. */
static List *
asked_conditions(const ForecastTable *table, ForecastScanMode mode, List *conditions)
{
	List *asked = NIL;
	ListCell *cell;

	foreach(cell, conditions)
	{
		ForecastCondition *condition = lfirst(cell);

		if (mode == FORECAST_SCAN_DESCRIBE ? forecast_is_key(table, condition) :
											 forecast_is_filter(condition))
			asked = lappend(asked, condition);
	}
	return asked;
}

/* Does the condition make several lists of one? */
static bool
multiplies_lists(const ForecastCondition *condition)
{
	return forecast_is_filter(condition) && condition->is_array && !condition->negated &&
		   condition->field->constant;
}

/* Those of the conditions that do not. */
static List *
single_list_conditions(List *conditions)
{
	List *single = NIL;
	ListCell *cell;

	foreach(cell, conditions)
		if (!multiplies_lists(lfirst(cell)))
			single = lappend(single, lfirst(cell));
	return single;
}

/* How many values a condition has, as far as can be told. */
static double
count_values(PlannerInfo *root pg_attribute_unused(), const ForecastCondition *condition)
{
	if (!condition->is_array)
		return 1;
	return Max(forecast_estimate_array_length(root, (Node *) condition->value), 1);
}

/* How many ARNs the conditions leave to be described; < 0: they give none. */
static double
count_keys(PlannerInfo *root, const ForecastTable *table, List *conditions)
{
	double fewest = -1;
	ListCell *cell;

	foreach(cell, asked_conditions(table, FORECAST_SCAN_DESCRIBE, conditions))
	{
		double n = count_values(root, lfirst(cell));

		fewest = fewest < 0 ? n : Min(fewest, n);
	}
	return fewest;
}

/*
 * The columns that the query reads in these clauses and above the table's scan,
 * as pull_varattnos() has them.
 */
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

/* Do the conditions tell the field's value? */
static bool
is_fixed(const ForecastField *field, List *conditions)
{
	ListCell *cell;

	foreach(cell, conditions)
	{
		ForecastCondition *condition = lfirst(cell);

		if (condition->field == field && forecast_fixes_field(condition))
			return true;
	}
	return false;
}

/* Does a column of a listed row take a describe call? */
static bool
column_needs_describe(const ForecastTable *table, AttrNumber attno, Bitmapset *columns,
					  List *conditions)
{
	const ForecastField *field = forecast_table_field(table, attno);

	return field && !field->listed && is_needed(columns, attno) &&
		   !is_fixed(field, conditions);
}

/* Does a list with those conditions not bring all of the columns? */
static bool
needs_describe(const ForecastTable *table, Bitmapset *columns, List *conditions)
{
	for (AttrNumber attno = 1; attno <= table->natts; attno++)
		if (column_needs_describe(table, attno, columns, conditions))
			return true;
	return false;
}

/* The clauses that are checked on the rows of a list, from RestrictInfos. */
static List *
local_clauses(List *rinfos, List *conditions, List **remote_only)
{
	List *local = extract_actual_clauses(rinfos, false);
	ListCell *cell;

	*remote_only = NIL;
	foreach(cell, conditions)
	{
		ForecastCondition *condition = lfirst(cell);

		if (!forecast_is_remote_only(condition))
			continue;
		local = list_delete_ptr(local, condition->rinfo->clause);
		*remote_only = lappend(*remote_only, condition->rinfo->clause);
	}
	return local;
}

/* What lists with these conditions cost. */
static ForecastCost
cost_of_list_scan(PlannerInfo *root, RelOptInfo *rel, List *conditions)
{
	ForecastRelInfo *info = rel->fdw_private;
	ForecastTable *table = info->table;
	List *remote_only;
	List *local = local_clauses(rel->baserestrictinfo, conditions, &remote_only);
	List *filters = NIL;
	Selectivity selectivity;
	double lists = 1;
	double rows;
	ListCell *cell;

	foreach(cell, asked_conditions(table, FORECAST_SCAN_LIST, conditions))
	{
		ForecastCondition *condition = lfirst(cell);

		/* Several values of a field that may change are not asked for. */
		if (!condition->negated && !condition->field->constant &&
			count_values(root, condition) > 1)
			continue;
		if (!condition->negated)
			lists *= count_values(root, condition);
		filters = lappend(filters, condition->rinfo);
	}
	selectivity = clauselist_selectivity(root, filters, rel->relid, JOIN_INNER, NULL);
	if (!info->analyzed && filters != NIL)
		selectivity = Max(selectivity, DEFAULT_FILTER_PART);
	rows = clamp_row_est(rel->tuples * selectivity);
	return forecast_cost_of_lists(&table->tuning, lists, rows,
								  needs_describe(table, needed_columns(rel, local),
												 conditions));
}

/*
 * What a scan of that mode costs with these conditions, without what the query
 * does with its rows.
 */
ForecastCost
forecast_cost_of_scan(PlannerInfo *root, RelOptInfo *rel, ForecastScanMode mode,
					  List *conditions)
{
	ForecastTable *table = ((ForecastRelInfo *) rel->fdw_private)->table;

	if (mode == FORECAST_SCAN_DESCRIBE)
		return forecast_cost_of_describes(&table->tuning,
										  count_keys(root, table, conditions));
	return cost_of_list_scan(root, rel, conditions);
}

/*
 * FDW callback: reads the table's definition and estimates its rows.
 */
void
forecastGetForeignRelSize(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	/* The planner holds a lock already. */
	Relation relation = table_open(relid, NoLock);
	ForecastRelInfo *info = palloc0(sizeof(ForecastRelInfo));
	double keys;

	info->table = forecast_table_load(relation);
	table_close(relation, NoLock);
	info->conditions = forecast_conditions(root, rel, info->table, rel->baserestrictinfo);
	rel->fdw_private = info;

	info->analyzed = rel->tuples >= 0;
	if (!info->analyzed)
		rel->tuples = DEFAULT_TUPLES;
	set_baserel_size_estimates(root, rel);
	keys = count_keys(root, info->table, info->conditions);
	if (keys >= 0)
		rel->rows = Min(rel->rows, keys);
}

/* ---- paths ---- */

/* Adds the path that has these conditions once the outer tables' rows are known. */
static void
add_scan_path(PlannerInfo *root, RelOptInfo *rel, ForecastScanMode mode, List *conditions,
			  double rows, Relids outer, bool arrays)
{
	ForecastCost cost = forecast_cost_of_scan(root, rel, mode, conditions);
	Cost checks = rel->baserestrictcost.startup +
				  rows * (cpu_tuple_cost + rel->baserestrictcost.per_tuple);

	add_path(rel,
			 (Path *) forecast_create_foreignscan_path(root, rel, rows, cost.startup,
													   cost.total + checks, outer,
													   list_make3(makeInteger(mode),
																  makeInteger(-1),
																  makeInteger(arrays))));
}

/*
 * Adds the paths that list: with all filters, and with several values of one of
 * them left to be checked here, if that is less.
 */
static void
add_list_paths(PlannerInfo *root, RelOptInfo *rel, List *conditions, double rows,
			   Relids outer)
{
	List *single = single_list_conditions(conditions);

	add_scan_path(root, rel, FORECAST_SCAN_LIST, conditions, rows, outer, true);
	if (list_length(single) < list_length(conditions))
		add_scan_path(root, rel, FORECAST_SCAN_LIST, single, rows, outer, false);
}

/*
 * The path of a scan that a lookup join drives by the values of a field.  It is
 * not added to the table's paths, since nothing else can execute it.
 */
Path *
forecast_create_lookup_path(PlannerInfo *root, RelOptInfo *rel,
							const ForecastField *field, ForecastCost cost)
{
	ForecastTable *table = ((ForecastRelInfo *) rel->fdw_private)->table;
	int lookup = field - table->resource->fields;

	return (Path *)
		forecast_create_foreignscan_path(root, rel, 1, cost.startup, cost.total, NULL,
										 list_make3(makeInteger(FORECAST_SCAN_LOOKUP),
													makeInteger(lookup),
													makeInteger(true)));
}

/* Adds the path of the tables this clause needs, unless it is there. */
static void
add_join_path(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *rinfo, List **ppis)
{
	ForecastTable *table = ((ForecastRelInfo *) rel->fdw_private)->table;
	Relids outer = bms_union(rinfo->clause_relids, rel->lateral_relids);
	ParamPathInfo *ppi;
	List *conditions;
	double keys;

	outer = bms_del_member(outer, rel->relid);
	if (bms_is_empty(outer))
		return;
	ppi = get_baserel_parampathinfo(root, rel, outer);
	if (list_member_ptr(*ppis, ppi))
		return;
	*ppis = lappend(*ppis, ppi);

	conditions = forecast_conditions(root, rel, table,
									 list_concat_copy(rel->baserestrictinfo,
													  ppi->ppi_clauses));
	keys = count_keys(root, table, conditions);
	if (keys >= 0)
		add_scan_path(root, rel, FORECAST_SCAN_DESCRIBE, conditions,
					  Min(ppi->ppi_rows, keys), outer, true);
	else
		add_list_paths(root, rel, conditions, ppi->ppi_rows, outer);
}

/* Adds the paths of those join clauses that are conditions on the table. */
static void
add_join_paths(PlannerInfo *root, RelOptInfo *rel, List *rinfos, List **ppis)
{
	ForecastTable *table = ((ForecastRelInfo *) rel->fdw_private)->table;
	ListCell *cell;

	foreach(cell, rinfos)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);

		if (join_clause_is_movable_to(rinfo, rel) &&
			forecast_conditions(root, rel, table, list_make1(rinfo)) != NIL)
			add_join_path(root, rel, rinfo, ppis);
	}
}

/* Callback: is this member of an equivalence class a column to ask by? */
static bool
is_condition_member(PlannerInfo *root pg_attribute_unused(), RelOptInfo *rel,
					EquivalenceClass *ec pg_attribute_unused(), EquivalenceMember *em,
					void *arg)
{
	ForecastTable *table = ((ForecastRelInfo *) rel->fdw_private)->table;
	const ForecastField *field = arg;
	Var *column;

	return forecast_is_condition_column(table, rel->relid, (Node *) em->em_expr,
										&column) &&
		   forecast_table_field(table, column->varattno) == field;
}

/*
 * Equivalences: a field may be equal to columns of several tables, any one of
 * which will do.  The clauses come back one for each.
 */
static void
add_equivalence_paths(PlannerInfo *root, RelOptInfo *rel, List **ppis)
{
	const ForecastResource *resource = ((ForecastRelInfo *) rel->fdw_private)
										   ->table->resource;

	if (!rel->has_eclass_joins)
		return;
	for (int i = 0; i < resource->nfields; i++)
		add_join_paths(root, rel,
					   generate_implied_equalities_for_column(
						   root, rel, is_condition_member, (void *) &resource->fields[i],
						   rel->lateral_referencers),
					   ppis);
}

/*
 * FDW callback: the ways to scan the table.
 */
void
forecastGetForeignPaths(PlannerInfo *root, RelOptInfo *rel,
						Oid relid pg_attribute_unused())
{
	ForecastRelInfo *info = rel->fdw_private;
	double keys = count_keys(root, info->table, info->conditions);
	List *ppis = NIL;

	if (keys >= 0)
		add_scan_path(root, rel, FORECAST_SCAN_DESCRIBE, info->conditions, rel->rows,
					  rel->lateral_relids, true);

	/*
	 * To list instead of describing takes knowledge of how much there is, and more
	 * keys than are described in the time of one page.
	 */
	if (keys < 0 || (keys > info->table->tuning.max_pool_connections && info->analyzed))
		add_list_paths(root, rel, info->conditions, rel->rows, rel->lateral_relids);
	if (keys < 0)
	{
		add_join_paths(root, rel, rel->joininfo, &ppis);
		add_equivalence_paths(root, rel, &ppis);
	}
}

/*
 * FDW callback: can it run beside other branches of an Append?
 */
bool
forecastIsForeignPathAsyncCapable(ForeignPath *path)
{
	return ((ForecastRelInfo *) path->path.parent->fdw_private)
		->table->tuning.async_capable;
}

/* ---- the plan node ---- */

/*
 * How many rows suffice, if the query says so and nothing but the service drops
 * any: -1 if it does not.  Asking for more is always right.
 */
static double
useful_limit(PlannerInfo *root, const ForecastTable *table, List *clauses,
			 List *conditions)
{
	ListCell *cell;

	if (root->limit_tuples < 0 || root->parse->sortClause != NIL ||
		root->parse->rowMarks != NIL ||
		bms_membership(root->all_baserels) != BMS_SINGLETON)
		return -1;
	if (list_length(clauses) != list_length(conditions))
		return -1;
	foreach(cell, conditions)
	{
		ForecastCondition *condition = lfirst(cell);

		if (condition->is_array && !condition->field->constant && !condition->negated &&
			!forecast_is_key(table, condition))
			return -1;
	}
	return root->limit_tuples;
}

/* The conditions as integers, and their values. */
static List *
pack_conditions(const ForecastResource *resource, List *conditions, List **values)
{
	List *packed = NIL;
	ListCell *cell;

	*values = NIL;
	foreach(cell, conditions)
	{
		ForecastCondition *condition = lfirst(cell);

		/* In the order of ConditionItem. */
		packed = lappend(packed, list_make4_int(condition->field - resource->fields,
												condition->column->varattno,
												condition->negated, condition->is_array));
		*values = lappend(*values, condition->value);
	}
	return packed;
}

static List *
pack_tuning(const ForecastTuning *tuning)
{
	/* In the order of TuningItem. */
	return list_make4(makeInteger(tuning->max_pool_connections),
					  makeInteger(tuning->fetch_size), makeInteger(tuning->batch_size),
					  makeFloat(psprintf("%g", tuning->cache_ttl)));
}

static void
unpack_tuning(ForecastTuning *tuning, List *packed)
{
	memset(tuning, 0, sizeof(*tuning));
	tuning->max_pool_connections = intVal(list_nth(packed, TUNING_POOL_CONNECTIONS));
	tuning->fetch_size = intVal(list_nth(packed, TUNING_FETCH_SIZE));
	tuning->batch_size = intVal(list_nth(packed, TUNING_BATCH_SIZE));
	tuning->cache_ttl = floatVal(list_nth(packed, TUNING_CACHE_TTL));
}

/*
 * Does a scan of that mode list, rather than describe the ARNs that it is given?
 * lookup is what a lookup join looks up by, or NULL.
 */
bool
forecast_scan_lists(const ForecastResource *resource, ForecastScanMode mode,
					const ForecastField *lookup)
{
	return mode == FORECAST_SCAN_LIST ||
		   (mode == FORECAST_SCAN_LOOKUP && lookup != forecast_arn_field(resource));
}

/*
 * FDW callback: the plan node.  All clauses stay with the node, but for those
 * that only the service can check.
 */
ForeignScan *
forecastGetForeignPlan(PlannerInfo *root, RelOptInfo *rel,
					   Oid relid pg_attribute_unused(), ForeignPath *path, List *tlist,
					   List *clauses, Plan *outer_plan)
{
	const ForecastTable *table = ((ForecastRelInfo *) rel->fdw_private)->table;
	const ForecastResource *resource = table->resource;
	ForecastScanMode mode = intVal(list_nth(path->fdw_private, PATH_MODE));
	int lookup = intVal(list_nth(path->fdw_private, PATH_LOOKUP));
	bool lists = forecast_scan_lists(resource, mode,
									 lookup < 0 ? NULL : &resource->fields[lookup]);
	List *conditions = forecast_conditions(root, rel, table, clauses);
	List *remote_only = NIL;
	List *quals;
	Bitmapset *columns;
	List *attnos = NIL;
	List *fields = NIL;
	List *describe_fields = NIL;
	List *packed;
	List *values;
	List *private;

	/* A lookup join by the ARN describes; its other conditions are local. */
	conditions = mode == FORECAST_SCAN_LOOKUP && !lists ?
					 NIL :
					 asked_conditions(table, mode, conditions);
	if (!intVal(list_nth(path->fdw_private, PATH_ARRAYS)))
		conditions = single_list_conditions(conditions);
	quals = lists ? local_clauses(clauses, conditions, &remote_only) :
					extract_actual_clauses(clauses, false);
	columns = needed_columns(rel, quals);
	for (AttrNumber attno = 1; attno <= table->natts; attno++)
	{
		const ForecastField *field = forecast_table_field(table, attno);

		if (field == NULL || !is_needed(columns, attno))
			continue;
		attnos = lappend_int(attnos, attno);
		fields = lappend_int(fields, field - resource->fields);
		if (lists && column_needs_describe(table, attno, columns, conditions) &&
			field - resource->fields != lookup)
			describe_fields = lappend_int(describe_fields, field - resource->fields);
	}
	packed = pack_conditions(resource, conditions, &values);

	/* In the order of ScanPlanItem. */
	private = list_make5(makeInteger(mode), makeInteger(resource - forecast_resources),
						 makeInteger(lookup), attnos, fields);
	private = lappend(private, describe_fields);
	private = lappend(private, packed);
	private = lappend(private, copyObject(values));
	private = lappend(private,
					  makeFloat(psprintf("%.0f", useful_limit(root, table, clauses,
															  conditions))));
	private = lappend(private, pack_tuning(&table->tuning));
	private = lappend(private, makeInteger(rel->relid));

	return make_foreignscan(tlist, quals, rel->relid, values, private, NIL, remote_only,
							outer_plan);
}

static void
unpack_condition(ForecastPlanCondition *condition, const ForecastResource *resource,
				 List *packed, Expr *value)
{
	condition->field = &resource->fields[list_nth_int(packed, CONDITION_FIELD)];
	condition->attno = list_nth_int(packed, CONDITION_ATTNO);
	condition->negated = list_nth_int(packed, CONDITION_NEGATED);
	condition->is_array = list_nth_int(packed, CONDITION_IS_ARRAY);
	condition->value = value;
}

/*
 * Reads what forecastGetForeignPlan() wrote; the result points into the node,
 * and its conditions are palloc'd.
 */
void
forecast_scan_plan_unpack(ForecastScanPlan *plan, const ForeignScan *node)
{
	List *private = node->fdw_private;
	List *conditions = list_nth(private, ITEM_CONDITIONS);
	List *values = list_nth(private, ITEM_VALUES);
	int lookup = intVal(list_nth(private, ITEM_LOOKUP));

	plan->mode = intVal(list_nth(private, ITEM_MODE));
	plan->resource = &forecast_resources[intVal(list_nth(private, ITEM_RESOURCE))];
	plan->lookup = lookup < 0 ? NULL : &plan->resource->fields[lookup];
	plan->attnos = list_nth(private, ITEM_ATTNOS);
	plan->fields = list_nth(private, ITEM_FIELDS);
	plan->describe_fields = list_nth(private, ITEM_DESCRIBE_FIELDS);
	plan->nconditions = list_length(conditions);
	plan->conditions = palloc(sizeof(ForecastPlanCondition) * plan->nconditions);
	for (int i = 0; i < plan->nconditions; i++)
		unpack_condition(&plan->conditions[i], plan->resource, list_nth(conditions, i),
						 list_nth(values, i));
	plan->limit = floatVal(list_nth(private, ITEM_LIMIT));
	unpack_tuning(&plan->tuning, list_nth(private, ITEM_TUNING));
	plan->relid = intVal(list_nth(private, ITEM_RELID));
}
