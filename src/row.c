/*
 * row.c
 *		From an answer to a row of a foreign table, and what an error on the way
 *		says of where it happened.
 */
#include "postgres.h"

#include "row.h"

/*
 * What makes rows of that table, palloc'd.  attnos are its columns to fill in,
 * fields the index of the field that each of them reads.
 */
ForecastRowMaker *
forecast_row_maker(Relation relation, const ForecastResource *resource, List *attnos,
				   List *fields)
{
	ForecastRowMaker *maker = palloc0(sizeof(ForecastRowMaker));
	TupleDesc desc = RelationGetDescr(relation);

	maker->resource = resource;
	maker->table_name = pstrdup(RelationGetRelationName(relation));
	maker->ncolumns = list_length(attnos);
	maker->columns = palloc0(sizeof(ForecastColumn) * maker->ncolumns);
	for (int i = 0; i < maker->ncolumns; i++)
		forecast_column_prepare(&maker->columns[i],
								&resource->fields[list_nth_int(fields, i)],
								TupleDescAttr(desc, list_nth_int(attnos, i) - 1));
	return maker;
}

/* Error context callback: says for what, and for which column, it was. */
static void
add_error_context(void *arg)
{
	const ForecastRowMaker *maker = arg;
	const char *arn = maker->arn ? psprintf(", %s \"%s\"", maker->resource->arn_member,
											maker->arn) :
								   "";

	if (maker->current)
		errcontext("column reading field \"%s\" of foreign table \"%s\"%s",
				   maker->current->field->path, maker->table_name, arn);
	else
		errcontext("scan of foreign table \"%s\"%s", maker->table_name, arn);
}

/*
 * From here to forecast_row_end(), errors say that they are about this table.
 */
void
forecast_row_begin(ForecastRowMaker *maker)
{
	maker->arn = NULL;
	maker->current = NULL;
	maker->context.callback = add_error_context;
	maker->context.arg = maker;
	maker->context.previous = error_context_stack;
	error_context_stack = &maker->context;
}

void
forecast_row_end(ForecastRowMaker *maker)
{
	error_context_stack = maker->context.previous;
}

/*
 * Stores the answer as the slot's row.  Its values are allocated in the current
 * memory context.
 */
void
forecast_row_store(ForecastRowMaker *maker, TupleTableSlot *slot, const cJSON *answer)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < maker->ncolumns; i++)
	{
		ForecastColumn *column = &maker->columns[i];

		maker->current = column;
		slot->tts_values[column->attno - 1] =
			forecast_column_value(column, answer, &slot->tts_isnull[column->attno - 1]);
	}
	maker->current = NULL;
	ExecStoreVirtualTuple(slot);
}
