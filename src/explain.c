/*
 * explain.c
 *		What EXPLAIN says of a scan: the operations, what they are asked with, and
 *		under VERBOSE the field that each column reads.  ANALYZE adds what was asked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "explain.h"
#include "plan.h"
#include "scan.h"

static const char *
column_name(ForeignScanState *node, AttrNumber attno)
{
	TupleDesc desc = RelationGetDescr(node->ss.ss_currentRelation);

	return quote_identifier(NameStr(TupleDescAttr(desc, attno - 1)->attname));
}

/*
 * A condition's value was kept as the planner had it, before other tables'
 * columns in it became executor parameters that have no name.  To be printed it
 * needs the final range table's numbers, which differ by *offset, and none of
 * the planner's own nodes.
 */
static Node *
printable_mutator(Node *node, void *offset)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, PlaceHolderVar))
		return printable_mutator((Node *) ((PlaceHolderVar *) node)->phexpr, offset);
	if (IsA(node, Var))
	{
		Var *var = copyObject((Var *) node);

		var->varno += *(int *) offset;
		var->varnosyn = 0;
		var->varattnosyn = 0;
		return (Node *) var;
	}
	if (IsA(node, FieldSelect) && IsA(((FieldSelect *) node)->arg, Param))
	{
		/* Nothing knows the field names of an unnamed record behind a parameter. */
		FieldSelect *select = (FieldSelect *) node;
		Param *param = (Param *) select->arg;

		if (param->paramtype == RECORDOID)
		{
			param = copyObject(param);
			param->paramtype = select->resulttype;
			return (Node *) param;
		}
	}
	return expression_tree_mutator(node, printable_mutator, offset);
}

/*
 * The value of a condition, as the query has it.
 */
static char *
deparse_value(Node *value, Index planned_relid, ForeignScanState *node, ExplainState *es)
{
	int offset = ((ForeignScan *) node->ss.ps.plan)->scan.scanrelid - planned_relid;
	List *context = deparse_context_for_plan_tree(es->pstmt, es->rtable_names);

	/*
	 * Since 17, ruleutils.c looks for what computes a parameter in the context's
	 * plan node without asking whether there is one.  Parameters that come from
	 * nodes above are printed as $n: FDWs are not told what those are.
	 */
	context = set_deparse_context_plan(context, node->ss.ps.plan, NIL);
	return deparse_expression(printable_mutator(value, &offset), context, true, false);
}

/* The conditions: keys in the query's words, filters in the service's. */
static char *
conditions_text(ForeignScanState *node, const ForecastScanPlan *plan, ExplainState *es)
{
	static const char *const sql_operators[] = {"=", "<>"};
	static const char *const filter_operators[] = {"IS", "IS_NOT"};
	bool filters = plan->mode != FORECAST_SCAN_DESCRIBE;
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < plan->nconditions; i++)
	{
		const ForecastPlanCondition *condition = &plan->conditions[i];
		char *value = deparse_value((Node *) condition->value, plan->relid, node, es);
		bool negated = condition->negated;

		appendStringInfo(&text, "%s%s %s ", i > 0 ? " AND " : "",
						 filters ? condition->field->filter :
								   column_name(node, condition->attno),
						 filters ? filter_operators[negated] : sql_operators[negated]);
		if (condition->is_array)
			appendStringInfo(&text, "%s (%s)", negated ? "ALL" : "ANY", value);
		else
			appendStringInfoString(&text, value);
	}
	return text.data;
}

/* Does the plan describe, does it list? */
static void
explain_operations(const ForecastScanPlan *plan, ExplainState *es)
{
	const ForecastResource *resource = plan->resource;
	bool lists = forecast_scan_lists(resource, plan->mode, plan->lookup);

	ExplainPropertyText("Remote Operation",
						!lists ? resource->describe :
						plan->describe_fields ?
								 psprintf("%s, %s", resource->list, resource->describe) :
								 resource->list,
						es);
}

/* The columns that read those fields. */
static List *
columns_of_fields(ForeignScanState *node, const ForecastScanPlan *plan, List *fields)
{
	List *names = NIL;
	ListCell *attno;
	ListCell *field;

	forboth(attno, plan->attnos, field, plan->fields)
		if (list_member_int(fields, lfirst_int(field)))
			names = lappend(names, (char *) column_name(node, lfirst_int(attno)));
	return names;
}

/* How many calls may be under way at once, where that can be more than one. */
static void
explain_concurrency(const ForecastScanPlan *plan, ExplainState *es)
{
	if (plan->describe_fields == NIL && plan->mode != FORECAST_SCAN_LOOKUP &&
		!(plan->mode == FORECAST_SCAN_DESCRIBE && plan->conditions[0].is_array))
		return;
	ExplainPropertyInteger("Concurrent Calls", NULL, plan->tuning.max_pool_connections,
						   es);
}

static void
explain_fields(ForeignScanState *node, const ForecastScanPlan *plan, ExplainState *es)
{
	List *lines = NIL;
	ListCell *attno;
	ListCell *field;

	forboth(attno, plan->attnos, field, plan->fields)
		lines = lappend(lines, psprintf("%s = %s", column_name(node, lfirst_int(attno)),
										plan->resource->fields[lfirst_int(field)].path));
	ExplainPropertyList("Remote Fields", lines, es);
}

/* What was asked: in one line of text, as one property each otherwise. */
static void
explain_counters(const ForecastCounters *counters, ExplainState *es)
{
	const struct
	{
		const char *label;
		const char *short_label;
		int64 value;
	} figures[] = {
		{"Remote Calls", "calls", counters->calls},
		{"Remote Retries", "retries", counters->retries},
		{"Remote Throttles", "throttles", counters->throttles},
		{"Remote Bytes", "bytes", counters->bytes},
		{"Keys Asked", "keys asked", counters->keys_asked},
		{"Keys Shared", "shared", counters->keys_shared},
		{"Keys Missing", "missing", counters->keys_missing},
	};
	StringInfoData line;

	initStringInfo(&line);
	for (size_t i = 0; i < lengthof(figures); i++)
	{
		if (es->format == EXPLAIN_FORMAT_TEXT)
			appendStringInfo(&line, "%s%s=" INT64_FORMAT, i > 0 ? " " : "",
							 figures[i].short_label, figures[i].value);
		else
			ExplainPropertyInteger(figures[i].label, NULL, figures[i].value, es);
	}
	if (es->format == EXPLAIN_FORMAT_TEXT)
		ExplainPropertyText("Remote", line.data, es);
}

/*
 * FDW callback.
 */
void
forecastExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	ForecastScanPlan plan;
	const ForecastCounters *counters = forecast_scan_counters(node);

	forecast_scan_plan_unpack(&plan, castNode(ForeignScan, node->ss.ps.plan));
	explain_operations(&plan, es);
	if (plan.nconditions > 0)
		ExplainPropertyText(plan.mode == FORECAST_SCAN_DESCRIBE ? "Lookup Key" :
																  "Remote Filter",
							conditions_text(node, &plan, es), es);
	if (plan.describe_fields)
		ExplainPropertyList("Describe For",
							columns_of_fields(node, &plan, plan.describe_fields), es);
	if (plan.limit >= 0)
		ExplainPropertyFloat("Remote Limit", NULL, plan.limit, 0, es);
	explain_concurrency(&plan, es);
	if (es->verbose && plan.attnos != NIL)
		explain_fields(node, &plan, es);
	if (es->analyze && counters)
		explain_counters(counters, es);
}
