/*
 * forecast_fdw.c
 *		The front door: what PostgreSQL calls by name.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"

#include "analyze.h"
#include "compat.h"
#include "explain.h"
#include "import.h"
#include "lookup_join.h"
#include "option.h"
#include "plan.h"
#include "scan.h"
#include "stats.h"
#include "version.h"

FORECAST_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(forecast_fdw_handler);
PG_FUNCTION_INFO_V1(forecast_fdw_validator);

void _PG_init(void);

/*
 * Called when the library is loaded: by shared_preload_libraries, or at the latest
 * when a query's first foreign table is planned, and so before its joins are.
 */
void
_PG_init(void)
{
	forecast_lookup_path_init();
	forecast_stats_init();
}

/*
 * forecast_fdw_handler() returns fdw_handler: the callbacks.
 */
Datum
forecast_fdw_handler(PG_FUNCTION_ARGS pg_attribute_unused())
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = forecastGetForeignRelSize;
	routine->GetForeignPaths = forecastGetForeignPaths;
	routine->GetForeignPlan = forecastGetForeignPlan;

	routine->BeginForeignScan = forecastBeginForeignScan;
	routine->IterateForeignScan = forecastIterateForeignScan;
	routine->ReScanForeignScan = forecastReScanForeignScan;
	routine->EndForeignScan = forecastEndForeignScan;

	routine->IsForeignPathAsyncCapable = forecastIsForeignPathAsyncCapable;
	routine->ForeignAsyncRequest = forecastForeignAsyncRequest;
	routine->ForeignAsyncConfigureWait = forecastForeignAsyncConfigureWait;
	routine->ForeignAsyncNotify = forecastForeignAsyncNotify;

	routine->AnalyzeForeignTable = forecastAnalyzeForeignTable;
	routine->ExplainForeignScan = forecastExplainForeignScan;
	routine->ImportForeignSchema = forecastImportForeignSchema;

	PG_RETURN_POINTER(routine);
}

/*
 * forecast_fdw_validator(options text[], catalog oid) returns void: throws if
 * an object of that catalog cannot have these options.
 */
Datum
forecast_fdw_validator(PG_FUNCTION_ARGS)
{
	forecast_validate_options(untransformRelOptions(PG_GETARG_DATUM(0)),
							  PG_GETARG_OID(1));
	PG_RETURN_VOID();
}
