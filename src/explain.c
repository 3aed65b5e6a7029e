/*
 * explain.c
 *		What EXPLAIN says of a scan: the operation, the key it is asked with, and
 *		under VERBOSE the field that each column reads.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "explain.h"
#include "plan.h"

static const char *
column_name(ForeignScanState *node, AttrNumber attno)
{
	TupleDesc desc = RelationGetDescr(node->ss.ss_currentRelation);

	return quote_identifier(NameStr(TupleDescAttr(desc, attno - 1)->attname));
}

/*
 * The key's expression was kept as the planner had it, before other tables'
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
	return expression_tree_mutator(node, printable_mutator, offset);
}

static void
explain_key(ForeignScanState *node, const ForecastScanPlan *plan, ExplainState *es)
{
	Index relid = ((ForeignScan *) node->ss.ps.plan)->scan.scanrelid;
	int offset = relid - plan->relid;
	Node *value = printable_mutator((Node *) plan->key_value, &offset);
	List *context = deparse_context_for_plan_tree(es->pstmt, es->rtable_names);

	ExplainPropertyText("Lookup Key",
						psprintf("%s = %s", column_name(node, plan->key_attno),
								 deparse_expression(value, context, true, false)),
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

/*
 * FDW callback.
 */
void
forecastExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	ForecastScanPlan plan;

	forecast_scan_plan_unpack(&plan, castNode(ForeignScan, node->ss.ps.plan));
	ExplainPropertyText("Remote Operation",
						plan.key_value ? plan.resource->describe :
										 "none, for lack of a key",
						es);
	if (plan.key_value)
		explain_key(node, &plan, es);
	if (es->verbose && plan.attnos != NIL)
		explain_fields(node, &plan, es);
}
