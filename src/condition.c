/*
 * condition.c
 *		What a plan's conditions ask for, once their values are known: ARNs to
 *		describe, or lists with their filters.
 *
 * The values that conditions leave to a field are a set: several conditions
 * intersect theirs, a NULL matches nothing, and nothing is asked for twice.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "answers.h"
#include "condition.h"

/* The service's maximum of a filter value, in characters. */
#define MAX_FILTER_VALUE 256

struct ForecastConditions
{
	const ForecastResource *resource;
	const ForecastField *lookup; /* gets one more value from a lookup join */
	int n;
	ForecastPlanCondition *plan;
	List *states; /* an ExprState for each */
};

/*
 * Prepares conditions for execution, palloc'd: plan says what they are, values
 * are their expressions.
 */
ForecastConditions *
forecast_conditions_begin(const ForecastScanPlan *plan, List *values, PlanState *parent)
{
	ForecastConditions *conditions = palloc0(sizeof(ForecastConditions));

	conditions->resource = plan->resource;
	conditions->lookup = plan->lookup;
	conditions->n = plan->nconditions;
	conditions->plan = plan->conditions;
	conditions->states = ExecInitExprList(values, parent);
	return conditions;
}

/* ---- sets of values: lists of C strings without repetition ---- */

static int
compare_strings(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Is the value in the sorted list? */
static bool
is_member(List *sorted, const char *value)
{
	int low = 0;
	int high = list_length(sorted);

	while (low < high)
	{
		int middle = (low + high) / 2;
		int order = strcmp(list_nth(sorted, middle), value);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* The values that are in both sets, in the order of the first. */
static List *
intersect(List *values, List *others)
{
	List *sorted = list_copy(others);
	List *both = NIL;
	ListCell *cell;

	list_sort(sorted, compare_strings);
	foreach(cell, values)
		if (is_member(sorted, lfirst(cell)))
			both = lappend(both, lfirst(cell));
	return both;
}

/* Makes a list a set: sorts it and drops what is repeated. */
static List *
make_set(List *values)
{
	List *set = NIL;
	ListCell *cell;

	list_sort(values, compare_strings);
	foreach(cell, values)
		if (set == NIL || strcmp(llast(set), lfirst(cell)) != 0)
			set = lappend(set, lfirst(cell));
	return set;
}

/* ---- values ---- */

/*
 * The values of one condition, a set.  False if it can be true of nothing:
 * because of a NULL, or for lack of any value.
 */
static bool
evaluate(const ForecastConditions *conditions, int i, ExprContext *econtext,
		 List **values)
{
	const ForecastPlanCondition *plan = &conditions->plan[i];
	bool isnull;
	Datum value = ExecEvalExprSwitchContext(list_nth(conditions->states, i), econtext,
											&isnull);
	Datum *elements;
	bool *nulls;
	int n;

	*values = NIL;
	if (isnull)
		return false;
	if (!plan->is_array)
	{
		*values = list_make1(TextDatumGetCString(value));
		return true;
	}

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int j = 0; j < n; j++)
	{
		if (!nulls[j])
			*values = lappend(*values, TextDatumGetCString(elements[j]));
		else if (plan->negated)
			return false; /* <> ALL is never true with a NULL among the values */
	}
	*values = make_set(*values);
	return plan->negated || *values != NIL;
}

/*
 * The ARNs that the conditions leave to be described, without repetition; those
 * that cannot exist are left out.  Allocated in the current memory context.
 */
List *
forecast_condition_keys(const ForecastConditions *conditions, ExprContext *econtext)
{
	List *keys = NIL;
	List *possible = NIL;
	ListCell *cell;

	for (int i = 0; i < conditions->n; i++)
	{
		List *values;

		if (!evaluate(conditions, i, econtext, &values))
			return NIL;
		keys = i == 0 ? values : intersect(keys, values);
	}
	foreach(cell, keys)
		if (forecast_is_possible_arn(lfirst(cell)))
			possible = lappend(possible, lfirst(cell));
	return possible;
}

/* ---- filters ---- */

/* Can a field that the service filters by have this value at all? */
static bool
is_possible_value(const char *value)
{
	size_t len = strlen(value);

	for (const char *p = value; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return len > 0 && len <= MAX_FILTER_VALUE;
}

static List *
possible_values(List *values)
{
	List *possible = NIL;
	ListCell *cell;

	foreach(cell, values)
		if (is_possible_value(lfirst(cell)))
			possible = lappend(possible, lfirst(cell));
	return possible;
}

/* What all conditions together say of one field. */
typedef struct FieldValues
{
	bool restricted; /* is it only allowed to be one of... */
	List *allowed;
	List *excluded;
} FieldValues;

/* Adds the condition to the field's values; false if nothing is left. */
static bool
add_values(FieldValues *field, bool negated, List *values)
{
	values = possible_values(values);
	if (negated)
	{
		field->excluded = list_concat(field->excluded, values);
		return true;
	}
	field->allowed = field->restricted ? intersect(field->allowed, values) : values;
	field->restricted = true;
	return field->allowed != NIL;
}

/* Appends a filter to a JSON array that lacks its end. */
static void
append_filter(StringInfo filters, const ForecastField *field, const char *condition,
			  const char *value)
{
	appendStringInfo(filters, "%s{\"Key\":\"%s\",\"Condition\":\"%s\",\"Value\":",
					 filters->len > 0 ? "," : "[", field->filter, condition);
	escape_json(filters, value);
	appendStringInfoChar(filters, '}');
}

/* The list in which each restricted field has the value that is its turn. */
static ForecastListRequest *
make_request(const ForecastResource *resource, const FieldValues *fields,
			 const int *turns)
{
	ForecastListRequest *request = palloc0(sizeof(ForecastListRequest));
	StringInfoData filters;

	initStringInfo(&filters);
	for (int i = 0; i < resource->nfields; i++)
	{
		const ForecastField *field = &resource->fields[i];
		ListCell *cell;

		if (fields[i].allowed)
		{
			char *value = list_nth(fields[i].allowed, turns[i]);

			append_filter(&filters, field, "IS", value);
			if (field->constant)
			{
				ForecastFixedField *fixed = palloc(sizeof(ForecastFixedField));

				*fixed = (ForecastFixedField){field, value};
				request->fixed = lappend(request->fixed, fixed);
			}
		}
		foreach(cell, fields[i].excluded)
			append_filter(&filters, field, "IS_NOT", lfirst(cell));
	}
	if (filters.len > 0)
	{
		appendStringInfoChar(&filters, ']');
		request->filters = filters.data;
	}
	return request;
}

/* Moves the turns on to the next combination; false after the last one. */
static bool
next_turns(const ForecastResource *resource, const FieldValues *fields, int *turns)
{
	for (int i = 0; i < resource->nfields; i++)
	{
		if (++turns[i] < list_length(fields[i].allowed))
			return true;
		turns[i] = 0;
	}
	return false;
}

/*
 * The lists that together have all rows for which the conditions can be true,
 * each row once: ForecastListRequests, in the current memory context.  NIL if
 * there can be no such row.  lookup_value is what a lookup join looks up, or NULL.
 *
 * A list can ask for one value of a field.  Several values of a field that never
 * changes are several lists.  A field that may change is different: a row could
 * be in two lists, or in none, if it changed while they were read; so it is not
 * asked for, but checked on the rows.
 */
List *
forecast_condition_lists(const ForecastConditions *conditions, ExprContext *econtext,
						 const char *lookup_value)
{
	const ForecastResource *resource = conditions->resource;
	FieldValues *fields = palloc0(sizeof(FieldValues) * resource->nfields);
	int *turns = palloc0(sizeof(int) * resource->nfields);
	List *requests = NIL;

	if (lookup_value && !add_values(&fields[conditions->lookup - resource->fields], false,
									list_make1(pstrdup(lookup_value))))
		return NIL;
	for (int i = 0; i < conditions->n; i++)
	{
		const ForecastPlanCondition *plan = &conditions->plan[i];
		List *values;

		if (!evaluate(conditions, i, econtext, &values) ||
			!add_values(&fields[plan->field - resource->fields], plan->negated, values))
			return NIL;
	}
	for (int i = 0; i < resource->nfields; i++)
		if (!resource->fields[i].constant && list_length(fields[i].allowed) > 1)
			fields[i].allowed = NIL;

	do
		requests = lappend(requests, make_request(resource, fields, turns));
	while (next_turns(resource, fields, turns));
	return requests;
}
