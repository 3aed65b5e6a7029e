/*
 * provider.c
 *		What the providers of credentials have in common.
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "lib/stringinfo.h"

#include "aws/provider.h"
#include "aws/secret.h"

/*
 * Notes why a provider has nothing to give.  Always false.
 */
bool
aws_refuse(AwsChain *chain, const char *provider, const char *reason, ...)
{
	AwsProviderRefusal *refusal = palloc(sizeof(AwsProviderRefusal));
	StringInfoData text;
	int needed;

	initStringInfo(&text);
	do
	{
		va_list args;

		va_start(args, reason);
		needed = appendStringInfoVA(&text, reason, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&text, needed);
	} while (needed > 0);

	refusal->provider = provider;
	refusal->reason = text.data;
	chain->refusals = lappend(chain->refusals, refusal);
	return false;
}

/* ---- timestamps ---- */

/* Takes exactly n digits. */
static bool
take_number(const char **text, int n, int *number)
{
	*number = 0;
	for (; n > 0; n--, (*text)++)
	{
		if (**text < '0' || **text > '9')
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return true;
}

static bool
take_char(const char **text, const char *any_of)
{
	if (**text == '\0' || strchr(any_of, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

/* "Z", "+01:00", "-0100", or nothing: the zone's seconds east of Greenwich. */
static bool
take_zone(const char **text, int *offset)
{
	bool west = **text == '-';
	int hours;
	int minutes = 0;

	*offset = 0;
	if (**text == '\0' || take_char(text, "Zz"))
		return true;
	if (!take_char(text, "+-") || !take_number(text, 2, &hours))
		return false;
	(void) take_char(text, ":");
	if (**text && !take_number(text, 2, &minutes))
		return false;
	*offset = (hours * MINS_PER_HOUR + minutes) * SECS_PER_MINUTE * (west ? -1 : 1);
	return hours <= 23 && minutes <= 59;
}

/*
 * Reads a point in time as AWS writes it, ISO 8601; false if it is none.
 */
bool
aws_parse_timestamp(const char *text, TimestampTz *timestamp)
{
	int year, month, day, hour, minute, second, offset;
	int64 seconds;

	if (!take_number(&text, 4, &year) || !take_char(&text, "-") ||
		!take_number(&text, 2, &month) || !take_char(&text, "-") ||
		!take_number(&text, 2, &day) || !take_char(&text, "Tt ") ||
		!take_number(&text, 2, &hour) || !take_char(&text, ":") ||
		!take_number(&text, 2, &minute) || !take_char(&text, ":") ||
		!take_number(&text, 2, &second))
		return false;
	if (take_char(&text, ".,"))
		text += strspn(text, "0123456789");
	if (!take_zone(&text, &offset) || *text)
		return false;
	if (year < 1 || month < 1 || month > MONTHS_PER_YEAR || day < 1 ||
		day > day_tab[isleap(year)][month - 1] || hour > 23 || minute > 59 || second > 60)
		return false;

	seconds = (int64) (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * SECS_PER_DAY +
			  hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second - offset;
	*timestamp = seconds * USECS_PER_SEC;
	return true;
}

/* ---- credentials as JSON ---- */

/* Memory context callback: overwrites all strings of a tree. */
static void
wipe_tree(void *arg)
{
	for (cJSON *item = arg; item; item = item->next)
	{
		if (item->valuestring)
			OPENSSL_cleanse(item->valuestring, strlen(item->valuestring));
		if (item->child)
			wipe_tree(item->child);
	}
}

/*
 * As aws_json_parse(), but the tree is overwritten before it is freed.
 */
cJSON *
aws_json_parse_secret(const char *text, size_t len)
{
	MemoryContextCallback *cleanup = palloc(sizeof(MemoryContextCallback));
	cJSON *tree = aws_json_parse(text, len);

	if (tree == NULL)
		return NULL;
	/* What is registered last is called first. */
	cleanup->func = wipe_tree;
	cleanup->arg = tree;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, cleanup);
	return tree;
}

/* A string member; NULL if there is none. */
static char *
string_member(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/*
 * Takes credentials out of an object as metadata and processes have it; they point
 * into it.  token_name is what the session token is called there.  Returns NULL, or
 * what is wrong with it, as the end of a sentence.
 */
const char *
aws_json_credentials(const cJSON *json, const char *token_name, bool needs_expiration,
					 AwsCredentials *credentials)
{
	const char *expiration;

	memset(credentials, 0, sizeof(*credentials));
	if (!cJSON_IsObject(json))
		return "is not a JSON object";
	credentials->access_key_id = string_member(json, "AccessKeyId");
	credentials->secret_access_key = string_member(json, "SecretAccessKey");
	credentials->session_token = string_member(json, token_name);
	expiration = string_member(json, "Expiration");

	if (credentials->access_key_id == NULL)
		return "lacks AccessKeyId";
	if (credentials->secret_access_key == NULL)
		return "lacks SecretAccessKey";
	if (needs_expiration && credentials->session_token == NULL)
		return psprintf("lacks %s", token_name);
	if (needs_expiration && expiration == NULL)
		return "lacks Expiration";
	if (expiration && !aws_parse_timestamp(expiration, &credentials->expiration))
		return "has an Expiration that is no timestamp";
	return NULL;
}
