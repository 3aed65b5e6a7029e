/*
 * scan.c
 *		Executing a scan: the key is computed, the resource is described, the
 *		answer becomes a row.
 *
 * A scan returns at most one row for each key.  It does not begin before its
 * first row is asked for: until then neither credentials nor a user mapping are
 * needed, and a NULL key never needs them.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "answers.h"
#include "compat.h"
#include "plan.h"
#include "scan.h"
#include "value.h"

typedef struct ForecastScan
{
	const ForecastResource *resource;
	const char *table_name;
	ExprState *key;  /* NULL: the query gave none */
	const char *arn; /* what the row is asked for by, for error context */
	bool done;       /* has this key been answered? */

	Oid userid; /* whose mapping is used */
	Oid serverid;
	UserMapping *user; /* NULL before the first call */

	int ncolumns;
	ForecastColumn *columns;   /* those the query needs */
	ForecastColumn *current;   /* the one being converted, for error context */
	MemoryContext row_context; /* the answer and the row's values */
} ForecastScan;

static void
prepare_columns(ForecastScan *scan, const ForecastScanPlan *plan, TupleDesc desc)
{
	int n = list_length(plan->attnos);

	scan->ncolumns = n;
	scan->columns = palloc0(sizeof(ForecastColumn) * n);
	for (int i = 0; i < n; i++)
	{
		const ForecastField *field = &plan->resource
										  ->fields[list_nth_int(plan->fields, i)];
		AttrNumber attno = list_nth_int(plan->attnos, i);

		forecast_column_prepare(&scan->columns[i], field, TupleDescAttr(desc, attno - 1));
	}
}

/*
 * FDW callback: sets the scan up, without touching the network.
 */
void
forecastBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan_node = castNode(ForeignScan, node->ss.ps.plan);
	Relation relation = node->ss.ss_currentRelation;
	EState *estate = node->ss.ps.state;
	ForecastScanPlan plan;
	ForecastScan *scan;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	forecast_scan_plan_unpack(&plan, plan_node);
	scan = palloc0(sizeof(ForecastScan));
	scan->resource = plan.resource;
	scan->table_name = RelationGetRelationName(relation);
	if (plan_node->fdw_exprs != NIL)
		scan->key = ExecInitExpr(linitial(plan_node->fdw_exprs), &node->ss.ps);

	/* As in postgres_fdw: the owner of a view, not whoever reads it. */
	scan->userid = forecast_check_as_user(plan_node, estate);
	if (!OidIsValid(scan->userid))
		scan->userid = GetUserId();
	scan->serverid = GetForeignTable(RelationGetRelid(relation))->serverid;

	prepare_columns(scan, &plan, RelationGetDescr(relation));
	scan->row_context = AllocSetContextCreate(estate->es_query_cxt, "forecast_fdw row",
											  ALLOCSET_SMALL_SIZES);
	node->fdw_state = scan;
}

/* Error context callback: says for what, and for which column, it was. */
static void
add_error_context(void *arg)
{
	const ForecastScan *scan = arg;

	if (scan->arn == NULL)
		errcontext("key of foreign table \"%s\"", scan->table_name);
	else if (scan->current)
		errcontext("column reading field \"%s\" of foreign table \"%s\", %s \"%s\"",
				   scan->current->field->path, scan->table_name,
				   scan->resource->arn_member, scan->arn);
	else
		errcontext("scan of foreign table \"%s\", %s \"%s\"", scan->table_name,
				   scan->resource->arn_member, scan->arn);
}

static void
report_missing_key(const ForecastScan *scan)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
		 errmsg("foreign table \"%s\" can only be read by %s", scan->table_name,
				scan->resource->arn_member),
		 errhint(
			 "Add a condition \"column = value\" on the column that reads this field; the column must be of type text. Several values can be joined, as from unnest(ARRAY[...]).")));
}

/* Computes the key in the row context; NULL if it is NULL. */
static const char *
compute_key(ForecastScan *scan, ExprContext *econtext)
{
	bool isnull;
	Datum value = ExecEvalExprSwitchContext(scan->key, econtext, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* An answer must be about what was asked, or the row would vanish silently. */
static void
check_answer(const ForecastScan *scan, const cJSON *answer)
{
	const char *arn = cJSON_GetStringValue(
		forecast_member(answer, scan->resource->arn_member));

	if (arn == NULL ||
		strcmp(pg_any_to_server(arn, strlen(arn), PG_UTF8), scan->arn) != 0)
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
						errmsg("answer to %s is not about the ARN that was asked for",
							   scan->resource->describe)));
}

/* The mapping of the user the scan runs as, kept for as long as the query. */
static UserMapping *
scan_user(ForecastScan *scan, EState *estate)
{
	if (scan->user == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);

		scan->user = GetUserMapping(scan->userid, scan->serverid);
		MemoryContextSwitchTo(caller);
	}
	return scan->user;
}

/* Stores the answer as the slot's row. */
static void
fill_slot(ForecastScan *scan, TupleTableSlot *slot, const cJSON *answer)
{
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < scan->ncolumns; i++)
	{
		ForecastColumn *column = &scan->columns[i];

		scan->current = column;
		slot->tts_values[column->attno - 1] =
			forecast_column_value(column, answer, &slot->tts_isnull[column->attno - 1]);
	}
	scan->current = NULL;
	ExecStoreVirtualTuple(slot);
}

/* Describes the resource that the key names, and stores it as a row if it is. */
static void
look_up(ForecastScan *scan, ForeignScanState *node, TupleTableSlot *slot)
{
	EState *estate = node->ss.ps.state;
	const cJSON *answer;

	scan->arn = compute_key(scan, node->ss.ps.ps_ExprContext);
	if (scan->arn == NULL || !forecast_is_possible_arn(scan->arn))
		return;
	answer = forecast_describe(forecast_statement_answers(estate),
							   scan_user(scan, estate), scan->resource, scan->arn);
	if (answer == NULL)
		return;
	check_answer(scan, answer);
	fill_slot(scan, slot, answer);
}

/*
 * FDW callback: the next row, which is the first or none.
 */
TupleTableSlot *
forecastIterateForeignScan(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ErrorContextCallback context;
	MemoryContext caller;

	ExecClearTuple(slot);
	if (scan->done)
		return slot;
	if (scan->key == NULL)
		report_missing_key(scan);

	scan->done = true;
	scan->arn = NULL;
	MemoryContextReset(scan->row_context);
	caller = MemoryContextSwitchTo(scan->row_context);
	context.callback = add_error_context;
	context.arg = scan;
	context.previous = error_context_stack;
	error_context_stack = &context;
	look_up(scan, node, slot);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(caller);
	return slot;
}

/*
 * FDW callback: another key may have come.
 */
void
forecastReScanForeignScan(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;

	scan->done = false;
}

/*
 * FDW callback: the answer is freed at once; the rest goes with the query.
 */
void
forecastEndForeignScan(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;

	if (scan)
		MemoryContextDelete(scan->row_context);
}
