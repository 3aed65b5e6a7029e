/*
 * settings.c
 *		What the database server's own environment says of a client: variables and
 *		the shared configuration file, as the AWS CLI and boto3 read them.
 *
 * Only for those who may use what is the server's own; who that is, is not decided
 * here.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "aws/config_file.h"
#include "aws/endpoint.h"
#include "aws/settings.h"

#define MAX_VARIABLES 2

typedef struct Setting Setting;

/* Stores a value in its member; false if it cannot be used. */
typedef bool (*SettingParser)(const char *value, void *target);

struct Setting
{
	const char *variables[MAX_VARIABLES]; /* the first that is set counts */
	const char *key;                      /* in a profile of the configuration file */
	SettingParser parse;
	size_t offset; /* in AwsClientConfig */
};

static bool
parse_string(const char *value, void *target)
{
	*(char **) target = pstrdup(value);
	return true;
}

static bool
parse_region(const char *value, void *target)
{
	return aws_region_is_valid(value) && parse_string(value, target);
}

/* As botocore: what is not "true" is false. */
static bool
parse_switch(const char *value, void *target)
{
	*(bool *) target = pg_strcasecmp(value, "true") == 0;
	return true;
}

static bool
parse_attempts(const char *value, void *target)
{
	char *end;
	long attempts = strtol(value, &end, 10);

	*(int *) target = attempts;
	return end > value && *end == '\0' && attempts >= 1 && attempts <= PG_INT32_MAX;
}

/* "legacy" is what botocore has by default, and nobody's choice of today. */
static bool
parse_retry_mode(const char *value, void *target)
{
	if (strcmp(value, "legacy") == 0)
		value = aws_retry_mode_name(AWS_RETRY_STANDARD);
	return aws_retry_mode_by_name(value, target);
}

static bool
parse_url(const char *value, void *target)
{
	return aws_endpoint_url_problem(value) == NULL && parse_string(value, target);
}

#define MEMBER(member) offsetof(AwsClientConfig, member)

static const Setting settings[] = {
	{{"AWS_REGION", "AWS_DEFAULT_REGION"}, "region", parse_region, MEMBER(region)},
	{{"AWS_USE_FIPS_ENDPOINT"},
	 "use_fips_endpoint",
	 parse_switch,
	 MEMBER(use_fips_endpoint)},
	{{"AWS_USE_DUALSTACK_ENDPOINT"},
	 "use_dualstack_endpoint",
	 parse_switch,
	 MEMBER(use_dualstack_endpoint)},
	{{"AWS_CA_BUNDLE"}, "ca_bundle", parse_string, MEMBER(ca_bundle)},
	{{"AWS_RETRY_MODE"}, "retry_mode", parse_retry_mode, MEMBER(retry_mode)},
	{{"AWS_MAX_ATTEMPTS"}, "max_attempts", parse_attempts, MEMBER(max_attempts)},
	{{"AWS_SDK_UA_APP_ID"}, "sdk_ua_app_id", parse_string, MEMBER(app_id)},
};

static void
store(const Setting *setting, const char *source, const char *value,
	  AwsClientConfig *config)
{
	if (setting->parse(value, (char *) config + setting->offset))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value of %s in the environment of the database server",
					source)));
}

static void
read_setting(const Setting *setting, const AwsProfile *profile, AwsClientConfig *config)
{
	const char *value;

	for (int i = 0; i < MAX_VARIABLES; i++)
	{
		value = setting->variables[i] ? aws_config_variable(setting->variables[i]) : NULL;
		if (value)
		{
			store(setting, setting->variables[i], value, config);
			return;
		}
	}
	value = aws_profile_value(profile, setting->key);
	if (value)
		store(setting, psprintf("%s in the AWS configuration file", setting->key), value,
			  config);
}

static void
read_endpoint(const char *service, const AwsProfile *profile, AwsClientConfig *config)
{
	const Setting setting = {.parse = parse_url, .offset = MEMBER(endpoint_url)};
	const char *source;
	const char *url = aws_config_endpoint_url(profile, service, &source);

	if (url)
		store(&setting, source, url, config);
}

/*
 * Fills in what the environment says of a client for that service (its name in
 * AWS's configuration), with strings allocated in the current memory context; the
 * rest of config stays as it is.  config->identity.profile says which profile
 * counts.  Throws on a value that cannot be used, and on a configuration file that
 * cannot be read.
 */
void
aws_settings_read(AwsClientConfig *config, const char *service)
{
	const AwsProfile *profile = aws_profile_load(config->identity.profile);

	for (size_t i = 0; i < lengthof(settings); i++)
		read_setting(&settings[i], profile, config);
	read_endpoint(service, profile, config);
	config->proxy = NULL; /* libcurl reads the variables for it */
}
