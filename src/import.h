/*
 * import.h
 *		IMPORT FOREIGN SCHEMA.
 */
#ifndef FORECAST_IMPORT_H
#define FORECAST_IMPORT_H

#include "nodes/parsenodes.h"

extern List *forecastImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverid);

#endif /* FORECAST_IMPORT_H */
