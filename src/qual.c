/*
 * qual.c
 *		Which clauses the API can answer, and as what.
 *
 * For now that is one kind: an equality on the ARN, which a describe call
 * answers.  A clause that is answered so is checked again on the rows that come
 * back; taking one as a key never changes a result, only what it costs.
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

#include "qual.h"

/*
 * Is node a key column of the table with that range table index?  Columns of
 * type varchar, or of a domain, come with a relabeling to text on top.
 */
bool
forecast_is_key_column(const ForecastTable *table, Index relid, Node *node, Var **column)
{
	Oid type;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (!IsA(node, Var))
		return false;

	*column = (Var *) node;
	if ((Index) (*column)->varno != relid || (*column)->varlevelsup != 0 ||
		!forecast_table_is_key(table, (*column)->varattno))
		return false;

	/* A type that changes the text (char(n), citext, ...) is compared locally. */
	type = getBaseType((*column)->vartype);
	return type == TEXTOID || type == VARCHAROID;
}

/*
 * Equality of two texts, byte by byte?  The operators between text and name are
 * in the same operator family, but their values are no texts.
 */
static bool
is_text_equality(OpExpr *clause)
{
	return clause->opno == TextEqualOperator &&
		   (!OidIsValid(clause->inputcollid) ||
			get_collation_isdeterministic(clause->inputcollid));
}

/* Can the value be computed once, before a row of rel is asked for? */
static bool
is_usable_value(Node *value, Relids value_relids, RelOptInfo *rel)
{
	return !bms_overlap(value_relids, rel->relids) && !contain_volatile_functions(value);
}

/*
 * Does a describe call answer this clause?  If so, key says by which column and
 * for which value.  Clauses that must not be evaluated before others (row level
 * security, security barrier views) are left alone.
 */
bool
forecast_key_clause(const ForecastTable *table, RelOptInfo *rel, RestrictInfo *rinfo,
					ForecastKeyClause *key)
{
	OpExpr *clause = (OpExpr *) rinfo->clause;
	Node *left;
	Node *right;

	if (!is_opclause(rinfo->clause) || rinfo->pseudoconstant ||
		!is_text_equality(clause) || !restriction_is_securely_promotable(rinfo, rel))
		return false;

	left = linitial(clause->args);
	right = lsecond(clause->args);
	if (forecast_is_key_column(table, rel->relid, left, &key->column) &&
		is_usable_value(right, rinfo->right_relids, rel))
		key->value = (Expr *) right;
	else if (forecast_is_key_column(table, rel->relid, right, &key->column) &&
			 is_usable_value(left, rinfo->left_relids, rel))
		key->value = (Expr *) left;
	else
		return false;
	return true;
}
