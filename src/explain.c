/*
 * explain.c
 *		What EXPLAIN says of a scan: the operation, the key it is asked with, and
 *		under VERBOSE the field that each column reads.
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

static void
explain_key(ForeignScanState *node, const ForecastScanPlan *plan, ExplainState *es)
{
	Index relid = ((ForeignScan *) node->ss.ps.plan)->scan.scanrelid;
	int offset = relid - plan->relid;
	Node *value = printable_mutator((Node *) plan->key_value, &offset);
	List *context = deparse_context_for_plan_tree(es->pstmt, es->rtable_names);

	/*
	 * Since 17, ruleutils.c looks for what computes a parameter in the context's
	 * plan node without asking whether there is one.  Parameters that come from
	 * nodes above are printed as $n: FDWs are not told what those are.
	 */
	context = set_deparse_context_plan(context, node->ss.ps.plan, NIL);

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
