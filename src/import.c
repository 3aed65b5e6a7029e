/*
 * import.c
 *		IMPORT FOREIGN SCHEMA: a foreign table for each resource.
 */
#include "postgres.h"

#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"

#include "import.h"
#include "option.h"
#include "resource.h"
#include "value.h"

/* The one schema that the service has. */
#define REMOTE_SCHEMA "forecast"

static void
check_statement(ImportForeignSchemaStmt *stmt)
{
	ListCell *cell;

	if (strcmp(stmt->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR, (errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
						errmsg("schema \"%s\" does not exist in Amazon Forecast",
							   stmt->remote_schema),
						errhint("The schema to import is \"%s\".", REMOTE_SCHEMA)));

	foreach(cell, stmt->options)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", lfirst_node(DefElem, cell)->defname),
				 errhint("There are no valid options in this context.")));

	if (stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		return;
	foreach(cell, stmt->table_list)
	{
		const char *name = lfirst_node(RangeVar, cell)->relname;

		if (forecast_resource_by_name(name) == NULL)
			ereport(ERROR, (errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
							errmsg("table \"%s\" does not exist in schema \"%s\"", name,
								   REMOTE_SCHEMA),
							errhint("Its tables are: %s.", forecast_resource_names())));
	}
}

/* Columns name their fields, so that they can be renamed. */
static char *
create_table_command(const ForecastResource *resource, const char *server)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(resource->name));
	for (int i = 0; i < resource->nfields; i++)
	{
		const ForecastField *field = &resource->fields[i];

		appendStringInfo(&sql, "%s\n  %s %s OPTIONS (field %s)", i > 0 ? "," : "",
						 quote_identifier(field->column), forecast_type_name(field->type),
						 quote_literal_cstr(field->path));
	}
	appendStringInfo(&sql, "\n) SERVER %s OPTIONS (resource %s)",
					 quote_identifier(server), quote_literal_cstr(resource->name));
	return sql.data;
}

/*
 * FDW callback: the commands that create the tables.
 */
List *
forecastImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	const char *server = GetForeignServer(serverid)->servername;
	List *commands = NIL;

	check_statement(stmt);
	for (int i = 0; i < forecast_nresources; i++)
		if (IsImportableForeignTable(forecast_resources[i].name, stmt))
			commands = lappend(commands,
							   create_table_command(&forecast_resources[i], server));
	return commands;
}
