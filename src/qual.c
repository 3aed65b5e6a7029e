/*
 * qual.c
 *		Which clauses the API can answer, and as what.
 *
 * An equality on the ARN is a key, which a describe call answers; an equality or
 * inequality on some other fields is a filter of a list.  Both are checked again
 * on the rows that come back, so taking a clause as one of them never changes a
 * result, only what it costs.  (The one exception: forecast_is_remote_only().)
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "qual.h"

/*
 * Is node a column of the table with that range table index that a condition can
 * be put on?  Columns of type varchar, or of a domain, come with a relabeling to
 * text on top.
 */
bool
forecast_is_condition_column(const ForecastTable *table, Index relid, Node *node,
							 Var **column)
{
	const ForecastField *field;
	Oid type;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (!IsA(node, Var))
		return false;

	*column = (Var *) node;
	if ((Index) (*column)->varno != relid || (*column)->varlevelsup != 0)
		return false;
	field = forecast_table_field(table, (*column)->varattno);
	if (field == NULL ||
		(field->filter == NULL && field != forecast_arn_field(table->resource)))
		return false;

	/* A type that changes the text (char(n), citext, ...) is compared locally. */
	type = getBaseType((*column)->vartype);
	return type == TEXTOID || type == VARCHAROID;
}

/*
 * A comparison of two texts, byte by byte?  The operators between text and name
 * are in the same operator family, but their values are no texts.
 */
static bool
is_text_comparison(Oid operator, Oid collation, bool *negated)
{
	*negated = get_opcode(operator) == F_TEXTNE;
	return (operator== TextEqualOperator || * negated) &&
		   (!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

/* Can the value be computed once, before a row of rel is asked for? */
static bool
is_usable_value(PlannerInfo *root, Node *value, RelOptInfo *rel)
{
	return !bms_overlap(pull_varnos(root, value), rel->relids) &&
		   !contain_volatile_functions(value);
}

/* Is the clause column = value, value <> column, or the like? */
static bool
read_comparison(PlannerInfo *root, RelOptInfo *rel, const ForecastTable *table,
				OpExpr *clause, ForecastCondition *condition)
{
	Node *left;
	Node *right;

	if (list_length(clause->args) != 2 ||
		!is_text_comparison(clause->opno, clause->inputcollid, &condition->negated))
		return false;
	left = linitial(clause->args);
	right = lsecond(clause->args);
	condition->is_array = false;
	if (forecast_is_condition_column(table, rel->relid, left, &condition->column) &&
		is_usable_value(root, right, rel))
		condition->value = (Expr *) right;
	else if (forecast_is_condition_column(table, rel->relid, right, &condition->column) &&
			 is_usable_value(root, left, rel))
		condition->value = (Expr *) left;
	else
		return false;
	return true;
}

/* column = ANY (values), column <> ALL (values)?  IN and NOT IN become these. */
static bool
read_array_comparison(PlannerInfo *root, RelOptInfo *rel, const ForecastTable *table,
					  ScalarArrayOpExpr *clause, ForecastCondition *condition)
{
	Node *left = linitial(clause->args);
	Node *right = lsecond(clause->args);

	if (!is_text_comparison(clause->opno, clause->inputcollid, &condition->negated) ||
		clause->useOr == condition->negated ||
		!forecast_is_condition_column(table, rel->relid, left, &condition->column) ||
		!is_usable_value(root, right, rel))
		return false;
	condition->is_array = true;
	condition->value = (Expr *) right;
	return true;
}

/* column = value OR column = value ...?  That is column = ANY (values). */
static bool
read_disjunction(PlannerInfo *root, RelOptInfo *rel, const ForecastTable *table,
				 BoolExpr *clause, ForecastCondition *condition)
{
	ArrayExpr *values = makeNode(ArrayExpr);
	ListCell *cell;

	values->array_typeid = TEXTARRAYOID;
	values->array_collid = DEFAULT_COLLATION_OID;
	values->element_typeid = TEXTOID;
	values->location = -1;

	condition->column = NULL;
	foreach(cell, clause->args)
	{
		Var *column = condition->column;

		if (!IsA(lfirst(cell), OpExpr) ||
			!read_comparison(root, rel, table, lfirst(cell), condition) ||
			condition->negated ||
			(column && column->varattno != condition->column->varattno))
			return false;
		values->elements = lappend(values->elements, condition->value);
	}
	condition->is_array = true;
	condition->value = (Expr *) eval_const_expressions(root, (Node *) values);
	return true;
}

/*
 * Reads a clause as a condition, if it is one.  Clauses that must not be
 * evaluated before others (row level security, security barrier views) are left
 * alone.
 */
static bool
read_condition(PlannerInfo *root, RelOptInfo *rel, const ForecastTable *table,
			   RestrictInfo *rinfo, ForecastCondition *condition)
{
	Node *clause = (Node *) rinfo->clause;
	bool known;

	if (rinfo->pseudoconstant || !restriction_is_securely_promotable(rinfo, rel))
		return false;
	known = (IsA(clause, OpExpr) &&
			 read_comparison(root, rel, table, (OpExpr *) clause, condition)) ||
			(IsA(clause, ScalarArrayOpExpr) &&
			 read_array_comparison(root, rel, table, (ScalarArrayOpExpr *) clause,
								   condition)) ||
			(is_orclause(clause) &&
			 read_disjunction(root, rel, table, (BoolExpr *) clause, condition));
	if (!known)
		return false;
	condition->field = forecast_table_field(table, condition->column->varattno);
	condition->rinfo = rinfo;
	return forecast_is_key(table, condition) || forecast_is_filter(condition);
}

/*
 * Those of the clauses that are conditions, as a list of ForecastCondition,
 * palloc'd.
 */
List *
forecast_conditions(PlannerInfo *root, RelOptInfo *rel, const ForecastTable *table,
					List *rinfos)
{
	List *conditions = NIL;
	ListCell *cell;

	foreach(cell, rinfos)
	{
		ForecastCondition condition;

		if (read_condition(root, rel, table, lfirst_node(RestrictInfo, cell), &condition))
		{
			ForecastCondition *copy = palloc(sizeof(condition));

			*copy = condition;
			conditions = lappend(conditions, copy);
		}
	}
	return conditions;
}

/*
 * Does a describe call answer the condition?
 */
bool
forecast_is_key(const ForecastTable *table, const ForecastCondition *condition)
{
	return condition->field == forecast_arn_field(table->resource) && !condition->negated;
}

/*
 * Is the condition a filter of the list?
 */
bool
forecast_is_filter(const ForecastCondition *condition)
{
	return condition->field->filter != NULL;
}

/*
 * Does the filter tell the field's value in each row?  One that may change while
 * pages are read is told by the rows only.
 */
bool
forecast_fixes_field(const ForecastCondition *condition)
{
	return forecast_is_filter(condition) && !condition->negated &&
		   condition->field->constant;
}

/*
 * Is the condition left to the service?  To check again that a field which a
 * list does not show is not some value would take a describe call for each row.
 * Such fields are never NULL.
 */
bool
forecast_is_remote_only(const ForecastCondition *condition)
{
	return forecast_is_filter(condition) && condition->negated &&
		   condition->field->constant && !condition->field->listed;
}
