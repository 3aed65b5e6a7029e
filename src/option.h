/*
 * option.h
 *		The options of servers, user mappings, tables and columns.
 */
#ifndef FORECAST_OPTION_H
#define FORECAST_OPTION_H

#include "foreign/foreign.h"

#include "resource.h"

extern void forecast_validate_options(List *options, Oid catalog);
extern void
forecast_client_config(AwsClientConfig *config, ForeignServer *server, UserMapping *user);
extern const char *forecast_option(List *options, const char *name);
extern char *forecast_resource_names(void);
extern char *forecast_field_paths(const ForecastResource *resource);

#endif /* FORECAST_OPTION_H */
