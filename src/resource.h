/*
 * resource.h
 *		The service as data.
 */
#ifndef FORECAST_RESOURCE_H
#define FORECAST_RESOURCE_H

#include "aws/client.h"

/* The types that response members have; see value.c for what they become. */
typedef enum ForecastType
{
	FORECAST_TEXT,
	FORECAST_TIMESTAMP
} ForecastType;

/* One member of an answer, and the column that shows it. */
typedef struct ForecastField
{
	const char *column; /* the column's default name */
	const char *path;   /* member names, outermost first, dotted */
	ForecastType type;
	bool listed;        /* is it in the items of a list, too? */
	const char *filter; /* the key a list can be filtered by; NULL: it cannot */
	bool constant;      /* does it never change while the thing exists? */
} ForecastField;

/* One kind of thing that the service knows, and the table that shows it. */
typedef struct ForecastResource
{
	const char *name;            /* of the table, and in the option resource */
	const char *describe;        /* the operation that takes one ARN */
	const char *arn_member;      /* names the ARN in its input and its answer */
	const char *list;            /* the operation that lists all of them */
	const char *list_member;     /* names the items in its answer */
	const ForecastField *fields; /* in the service's order */
	int nfields;
} ForecastResource;

extern const AwsService forecast_service;
extern const ForecastResource forecast_resources[];
extern const int forecast_nresources;

extern const ForecastResource *forecast_resource_by_name(const char *name);
extern const ForecastField *forecast_arn_field(const ForecastResource *resource);
extern const ForecastField *
forecast_field_by_path(const ForecastResource *resource, const char *path);
extern const ForecastField *
forecast_field_by_column(const ForecastResource *resource, const char *column);

#endif /* FORECAST_RESOURCE_H */
