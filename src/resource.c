/*
 * resource.c
 *		The service as data: one table of resources, each with its operations,
 *		its ARN and its columns.
 *
 * Adding a resource is adding rows here.  The contents are those of the
 * published service model, API version 2018-06-26.
 */
#include "postgres.h"

#include "resource.h"

const AwsService forecast_service = {.title = "Amazon Forecast",
									 .endpoint_prefix = "forecast",
									 .signing_name = "forecast",
									 .target_prefix = "AmazonForecast"};

static const ForecastField predictor_backtest_export_job_fields[] = {
	{"predictor_backtest_export_job_arn", "PredictorBacktestExportJobArn", FORECAST_TEXT,
	 .listed = true, .constant = true},
	{"predictor_backtest_export_job_name", "PredictorBacktestExportJobName",
	 FORECAST_TEXT, .listed = true, .constant = true},
	{"predictor_arn", "PredictorArn", FORECAST_TEXT, .filter = "PredictorArn",
	 .constant = true},
	{"destination_s3_path", "Destination.S3Config.Path", FORECAST_TEXT, .listed = true,
	 .constant = true},
	{"destination_s3_role_arn", "Destination.S3Config.RoleArn", FORECAST_TEXT,
	 .listed = true, .constant = true},
	{"destination_s3_kms_key_arn", "Destination.S3Config.KMSKeyArn", FORECAST_TEXT,
	 .listed = true, .constant = true},
	{"message", "Message", FORECAST_TEXT, .listed = true},
	{"status", "Status", FORECAST_TEXT, .listed = true, .filter = "Status"},
	{"creation_time", "CreationTime", FORECAST_TIMESTAMP, .listed = true,
	 .constant = true},
	{"last_modification_time", "LastModificationTime", FORECAST_TIMESTAMP,
	 .listed = true},
	{"format", "Format", FORECAST_TEXT, .constant = true},
};

const ForecastResource forecast_resources[] = {
	{.name = "predictor_backtest_export_jobs",
	 .describe = "DescribePredictorBacktestExportJob",
	 .arn_member = "PredictorBacktestExportJobArn",
	 .list = "ListPredictorBacktestExportJobs",
	 .list_member = "PredictorBacktestExportJobs",
	 .fields = predictor_backtest_export_job_fields,
	 .nfields = lengthof(predictor_backtest_export_job_fields)},
};

const int forecast_nresources = lengthof(forecast_resources);

/*
 * The resource of that name, NULL if there is none.
 */
const ForecastResource *
forecast_resource_by_name(const char *name)
{
	for (int i = 0; i < forecast_nresources; i++)
		if (strcmp(forecast_resources[i].name, name) == 0)
			return &forecast_resources[i];
	return NULL;
}

/*
 * The field that holds the ARN.
 */
const ForecastField *
forecast_arn_field(const ForecastResource *resource)
{
	return forecast_field_by_path(resource, resource->arn_member);
}

/*
 * The resource's field at that path of members, NULL if there is none.
 */
const ForecastField *
forecast_field_by_path(const ForecastResource *resource, const char *path)
{
	for (int i = 0; i < resource->nfields; i++)
		if (strcmp(resource->fields[i].path, path) == 0)
			return &resource->fields[i];
	return NULL;
}

/*
 * The resource's field whose column has that name by default, NULL if there is
 * none.
 */
const ForecastField *
forecast_field_by_column(const ForecastResource *resource, const char *column)
{
	for (int i = 0; i < resource->nfields; i++)
		if (strcmp(resource->fields[i].column, column) == 0)
			return &resource->fields[i];
	return NULL;
}
