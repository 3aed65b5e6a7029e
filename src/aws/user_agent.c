/*
 * user_agent.c
 *		What we tell AWS of ourselves, in the form that its SDKs have for that.
 */
#include "postgres.h"

#include <ctype.h>
#include <curl/curl.h>
#include <sys/utsname.h>

#include "lib/stringinfo.h"

#include "aws/user_agent.h"
#include "version.h"

/* Appends value with whatever cannot stand in a part of a User-Agent replaced. */
static void
append_token(StringInfo out, const char *value)
{
	for (; *value; value++)
		appendStringInfoChar(out, isalnum((unsigned char) *value) ||
										  strchr("!$%&'*+-.^_`|~", *value) ?
									  *value :
									  '-');
}

/* Appends " kind/name#value"; the value may be NULL. */
static void
append_part(StringInfo out, const char *kind, const char *name, const char *value)
{
	appendStringInfo(out, " %s/", kind);
	append_token(out, name);
	if (value == NULL)
		return;
	appendStringInfoChar(out, '#');
	append_token(out, value);
}

/*
 * The value of the User-Agent header, palloc'd.  app_id is what the user calls the
 * application (AWS_SDK_UA_APP_ID), or NULL.
 */
char *
aws_user_agent(AwsRetryMode retry_mode, const char *app_id)
{
	StringInfoData agent;
	struct utsname system;

	initStringInfo(&agent);
	appendStringInfoString(&agent, "forecast_fdw/" FORECAST_FDW_VERSION " ua/2.1");
	if (uname(&system) == 0)
	{
		append_part(&agent, "os", "linux", system.release);
		append_part(&agent, "md", "arch", system.machine);
	}
	append_part(&agent, "lang", "c", NULL);
	append_part(&agent, "md", "postgresql", PG_VERSION);
	append_part(&agent, "md", "libcurl", curl_version_info(CURLVERSION_NOW)->version);
	append_part(&agent, "cfg", "retry-mode", aws_retry_mode_name(retry_mode));
	if (app_id)
		append_part(&agent, "app", app_id, NULL);
	return agent.data;
}
