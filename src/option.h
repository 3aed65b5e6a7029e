/*
 * option.h
 *		The options of servers, user mappings, tables and columns.
 */
#ifndef FORECAST_OPTION_H
#define FORECAST_OPTION_H

#include "foreign/foreign.h"

#include "aws/client.h"
#include "resource.h"

/* How a table is to be read; set on the server, and by some tables anew. */
typedef struct ForecastTuning
{
	int max_pool_connections; /* calls under way at once */
	int fetch_size;           /* rows asked for in a page */
	int batch_size;           /* outer rows that a lookup join looks ahead */
	bool async_capable;       /* beside other branches of an Append? */
	double startup_cost;      /* of a round trip, in the planner's unit */
	double tuple_cost;        /* of a listed row, likewise */
	double cache_ttl;         /* seconds that answers are kept for later statements */
} ForecastTuning;

extern void forecast_validate_options(List *options, Oid catalog);
extern void
forecast_client_config(AwsClientConfig *config, ForeignServer *server, UserMapping *user);
extern bool forecast_may_use_server_identity(UserMapping *user);
extern void forecast_wipe_options(List *options);
extern void
forecast_read_tuning(ForecastTuning *tuning, ForeignServer *server, ForeignTable *table);
extern const char *forecast_option(List *options, const char *name);
extern char *forecast_resource_names(void);
extern char *forecast_field_paths(const ForecastResource *resource);

#endif /* FORECAST_OPTION_H */
