/*
 * value.c
 *		JSON value to Datum, by the field's type and the column's.
 *
 * Each field type has one SQL type of its own, whose Datum is made directly.  A
 * column declared with another type gets the text form of that value through
 * its own type's input function, as if it had been typed in.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "value.h"

static Datum text_value(const ForecastField *field, const cJSON *item);
static char *text_text(const ForecastField *field, const cJSON *item);
static Datum timestamp_value(const ForecastField *field, const cJSON *item);
static char *timestamp_text(const ForecastField *field, const cJSON *item);

/* The field types: SQL type, and how to make its Datum and its text. */
static const struct
{
	const char *name;
	Oid oid;
	Datum (*value)(const ForecastField *field, const cJSON *item);
	char *(*text)(const ForecastField *field, const cJSON *item);
} types[] = {
	[FORECAST_TEXT] = {"text", TEXTOID, text_value, text_text},
	[FORECAST_TIMESTAMP] = {"timestamptz", TIMESTAMPTZOID, timestamp_value,
							timestamp_text},
};

/*
 * The SQL name of a field type's own type.
 */
const char *
forecast_type_name(ForecastType type)
{
	return types[type].name;
}

/* How a message calls what came in JSON. */
static const char *
json_type_name(const cJSON *item)
{
	return cJSON_IsString(item) ? "a string" :
		   cJSON_IsNumber(item) ? "a number" :
		   cJSON_IsBool(item)   ? "a boolean" :
		   cJSON_IsArray(item)  ? "an array" :
								  "an object";
}

static void
require(bool ok, const ForecastField *field, const cJSON *item, const char *expected)
{
	if (ok)
		return;
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
					errmsg("field \"%s\" of the answer is %s, expected %s", field->path,
						   json_type_name(item), expected)));
}

static char *
text_text(const ForecastField *field, const cJSON *item)
{
	require(cJSON_IsString(item), field, item, "a string");
	return pg_any_to_server(item->valuestring, strlen(item->valuestring), PG_UTF8);
}

static Datum
text_value(const ForecastField *field, const cJSON *item)
{
	return CStringGetTextDatum(text_text(field, item));
}

static void
report_out_of_range(const ForecastField *field)
{
	ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("field \"%s\" of the answer is out of range for a timestamp",
						   field->path)));
}

/* Seconds since the epoch; a double holds microseconds until the year 2242. */
static Datum
timestamp_value(const ForecastField *field, const cJSON *item)
{
	require(cJSON_IsNumber(item), field, item, "a number");
	/* to_timestamp() takes infinity for a date; JSON knows none. */
	if (isinf(item->valuedouble))
		report_out_of_range(field);
	return DirectFunctionCall1(float8_timestamptz, Float8GetDatum(item->valuedouble));
}

/*
 * In ISO 8601 with a numeric zone whatever DateStyle is: an abbreviated zone, as
 * other styles have it, may mean another zone when it is read again.
 */
static char *
timestamp_text(const ForecastField *field, const cJSON *item)
{
	TimestampTz timestamp = DatumGetTimestampTz(timestamp_value(field, item));
	struct pg_tm tm;
	fsec_t fsec;
	int zone;
	char *text = palloc(MAXDATELEN + 1);

	if (timestamp2tm(timestamp, &zone, &tm, &fsec, NULL, NULL) != 0)
		report_out_of_range(field);
	EncodeDateTime(&tm, fsec, true, zone, NULL, USE_ISO_DATES, text);
	return text;
}

/*
 * Prepares to fill in a column of a foreign table.
 */
void
forecast_column_prepare(ForecastColumn *column, const ForecastField *field,
						Form_pg_attribute attribute)
{
	Oid input;

	column->attno = attribute->attnum;
	column->field = field;
	column->typmod = attribute->atttypmod;
	column->converted = attribute->atttypid != types[field->type].oid ||
						attribute->atttypmod >= 0;
	if (column->converted)
	{
		getTypeInputInfo(attribute->atttypid, &input, &column->ioparam);
		fmgr_info(input, &column->input);
	}
}

/*
 * The member at a dotted path of names; NULL if it, or one on the way to it, is
 * missing or null.
 */
static const cJSON *
find_member(const cJSON *answer, const char *path)
{
	const cJSON *item = answer;
	char name[NAMEDATALEN];

	for (const char *start = path; start != NULL && item != NULL;)
	{
		const char *dot = strchr(start, '.');
		size_t len = dot ? (size_t) (dot - start) : strlen(start);

		strlcpy(name, start, Min(sizeof(name), len + 1));
		if (!cJSON_IsNull(item) && !cJSON_IsObject(item))
			ereport(
				ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("field \"%s\" of the answer is inside of %s, expected an object",
						path, json_type_name(item))));
		item = cJSON_GetObjectItemCaseSensitive(item, name);
		start = dot ? dot + 1 : NULL;
	}
	return cJSON_IsNull(item) ? NULL : item;
}

/*
 * A column's value in an answer, allocated in the current memory context.
 * Throws if the answer has another type there, or the column's type refuses the
 * value.
 */
Datum
forecast_column_value(ForecastColumn *column, const cJSON *answer, bool *isnull)
{
	const ForecastField *field = column->field;
	const cJSON *item = find_member(answer, field->path);

	*isnull = item == NULL;
	if (column->converted)
	{
		/* NULLs too: a domain may refuse them. */
		char *text = item ? types[field->type].text(field, item) : NULL;

		return InputFunctionCall(&column->input, text, column->ioparam, column->typmod);
	}
	return item ? types[field->type].value(field, item) : (Datum) 0;
}
