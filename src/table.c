/*
 * table.c
 *		A foreign table as a view of a resource: which resource it shows, how
 *		it is to be read, and which field each of its columns reads.
 */
#include "postgres.h"

#include "foreign/foreign.h"

#include "table.h"

/* The resource that the table names, or is named after. */
static const ForecastResource *
table_resource(Relation relation, ForeignTable *foreign)
{
	const char *name = forecast_option(foreign->options, "resource");
	const ForecastResource *resource;

	if (name == NULL)
		name = RelationGetRelationName(relation);
	resource = forecast_resource_by_name(name);
	if (resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
				 errmsg("foreign table \"%s\" shows no resource of Amazon Forecast",
						RelationGetRelationName(relation)),
				 errhint("Set the table's option resource to one of: %s.",
						 forecast_resource_names())));
	return resource;
}

/* The field that the column names, or is named after. */
static const ForecastField *
column_field(Relation relation, const ForecastResource *resource,
			 Form_pg_attribute column)
{
	List *options = GetForeignColumnOptions(RelationGetRelid(relation), column->attnum);
	const char *path = forecast_option(options, "field");
	const ForecastField *field = path ?
									 forecast_field_by_path(resource, path) :
									 forecast_field_by_column(resource,
															  NameStr(column->attname));

	if (field == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg(
				 "column \"%s\" of foreign table \"%s\" reads no field of resource \"%s\"",
				 NameStr(column->attname), RelationGetRelationName(relation),
				 resource->name),
			 errhint("Set the column's option field to one of: %s.",
					 forecast_field_paths(resource))));
	return field;
}

/*
 * Reads a foreign table's definition, palloc'd.  Throws if the table or one of
 * its columns shows nothing.
 */
ForecastTable *
forecast_table_load(Relation relation)
{
	TupleDesc desc = RelationGetDescr(relation);
	ForeignTable *foreign = GetForeignTable(RelationGetRelid(relation));
	ForecastTable *table = palloc0(offsetof(ForecastTable, fields) +
								   sizeof(ForecastField *) * desc->natts);

	table->resource = table_resource(relation, foreign);
	forecast_read_tuning(&table->tuning, GetForeignServer(foreign->serverid), foreign);
	table->natts = desc->natts;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped)
			table->fields[i] = column_field(relation, table->resource, column);
	}
	return table;
}

/*
 * The field that a column reads; NULL for the whole row and system columns.
 */
const ForecastField *
forecast_table_field(const ForecastTable *table, AttrNumber attno)
{
	return attno > 0 && attno <= table->natts ? table->fields[attno - 1] : NULL;
}
