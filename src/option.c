/*
 * option.c
 *		Every option: its name, the object it belongs to, what it may be, who may
 *		set it and where its value goes.
 *
 * Names and units follow boto3 and the AWS configuration file.
 */
#include "postgres.h"

#include <float.h>

#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "aws/endpoint.h"
#include "aws/settings.h"
#include "compat.h"
#include "option.h"

/* botocore's defaults, in seconds. */
#define DEFAULT_CONNECT_TIMEOUT 60.0
#define DEFAULT_READ_TIMEOUT    60.0
#define MIN_TIMEOUT             0.001
#define MAX_TIMEOUT             86400.0

/* A describe answer has about a kilobyte, a list page about 60. */
#define DEFAULT_MAX_RESPONSE_SIZE (16 * 1024 * 1024)
#define MIN_MAX_RESPONSE_SIZE     1024

/* The service's own maximum of a page. */
#define MAX_FETCH_SIZE 100

/* botocore's default; the maximum is about what a backend has descriptors for. */
#define DEFAULT_POOL_CONNECTIONS 10
#define MAX_POOL_CONNECTIONS     500

/* botocore's default; the maximum is for slips of the pen. */
#define DEFAULT_MAX_ATTEMPTS 3
#define MAX_ATTEMPTS         100

/* Enough rows to find some hundreds of distinct keys in. */
#define DEFAULT_BATCH_SIZE 1000
#define MAX_BATCH_SIZE     1000000

/* As in postgres_fdw, where the first one is what a remote query costs to start. */
#define DEFAULT_STARTUP_COST 100.0
#define DEFAULT_TUPLE_COST   0.01

typedef struct ForecastOption ForecastOption;

/*
 * Checks a value and, if target is not NULL, stores it there.  Throws on a value
 * that cannot be used.
 */
typedef void (*ForecastOptionParser)(const ForecastOption *option, char *value,
									 void *target);

/* The structs that values go into. */
typedef enum ForecastOptionTarget
{
	TO_NONE,
	TO_CLIENT, /* AwsClientConfig */
	TO_TUNING  /* ForecastTuning */
} ForecastOptionTarget;

/* Who may set an option, where that is not everybody who may set options. */
typedef struct ForecastOptionGuard
{
	bool (*permits)(const ForecastOption *option, const char *value);
	const char *hint; /* who may */
} ForecastOptionGuard;

struct ForecastOption
{
	const char *name;
	Oid catalog; /* of the objects that have it */
	ForecastOptionParser parse;
	ForecastOptionTarget target;
	size_t offset;                    /* in the target */
	int max;                          /* of a count, which is at least 1 */
	const ForecastOptionGuard *guard; /* NULL: nothing is asked of who sets it */
	const char *service;              /* whose endpoint it names */
	bool is_secret;                   /* to be wiped after use */
};

#define CLIENT(member) .target = TO_CLIENT, .offset = offsetof(AwsClientConfig, member)
#define TUNING(member) .target = TO_TUNING, .offset = offsetof(ForecastTuning, member)

static void parse_region(const ForecastOption *option, char *value, void *target);
static void parse_url(const ForecastOption *option, char *value, void *target);
static void parse_proxy(const ForecastOption *option, char *value, void *target);
static void parse_file(const ForecastOption *option, char *value, void *target);
static void parse_timeout(const ForecastOption *option, char *value, void *target);
static void parse_lifetime(const ForecastOption *option, char *value, void *target);
static void parse_size(const ForecastOption *option, char *value, void *target);
static void parse_count(const ForecastOption *option, char *value, void *target);
static void parse_cost(const ForecastOption *option, char *value, void *target);
static void parse_switch(const ForecastOption *option, char *value, void *target);
static void parse_retry_mode(const ForecastOption *option, char *value, void *target);
static void parse_text(const ForecastOption *option, char *value, void *target);
static void parse_key(const ForecastOption *option, char *value, void *target);
static void parse_resource(const ForecastOption *option, char *value, void *target);
static void parse_field(const ForecastOption *option, char *value, void *target);

static bool is_own_url(const ForecastOption *option, const char *value);
static bool is_by_file_reader(const ForecastOption *option, const char *value);
static bool is_by_superuser(const ForecastOption *option, const char *value);
static bool is_required(const ForecastOption *option, const char *value);

/*
 * What makes the database server talk to others, or lets somebody use what is the
 * server's own, is not for everybody.
 */
static const ForecastOptionGuard url_guard =
	{is_own_url,
	 "Only superusers may name an endpoint other than the service's own, over https."};
static const ForecastOptionGuard superuser_guard = {is_by_superuser,
													"Only superusers may set it."};
static const ForecastOptionGuard file_guard = {
	is_by_file_reader,
	"Only roles with the privileges of the \"pg_read_server_files\" role may name a file of the server."};
static const ForecastOptionGuard required_guard =
	{is_required, "Only superusers may set it to false."};

static const ForecastOption forecast_options[] = {
	{"region", ForeignServerRelationId, parse_region, CLIENT(region)},
	{"endpoint_url", ForeignServerRelationId, parse_url, CLIENT(endpoint_url),
	 .guard = &url_guard, .service = "forecast"},
	{"sts_endpoint_url", ForeignServerRelationId, parse_url,
	 CLIENT(identity.sts_endpoint_url), .guard = &url_guard, .service = "sts"},
	{"use_fips_endpoint", ForeignServerRelationId, parse_switch,
	 CLIENT(use_fips_endpoint)},
	{"use_dualstack_endpoint", ForeignServerRelationId, parse_switch,
	 CLIENT(use_dualstack_endpoint)},
	{"ca_bundle", ForeignServerRelationId, parse_file, CLIENT(ca_bundle),
	 .guard = &file_guard},
	{"proxy", ForeignServerRelationId, parse_proxy, CLIENT(proxy),
	 .guard = &superuser_guard},
	{"retry_mode", ForeignServerRelationId, parse_retry_mode, CLIENT(retry_mode)},
	{"max_attempts", ForeignServerRelationId, parse_count, CLIENT(max_attempts),
	 .max = MAX_ATTEMPTS},
	{"connect_timeout", ForeignServerRelationId, parse_timeout, CLIENT(connect_timeout)},
	{"read_timeout", ForeignServerRelationId, parse_timeout, CLIENT(read_timeout)},
	{"max_response_size", ForeignServerRelationId, parse_size, CLIENT(max_response_size)},
	{"max_pool_connections", ForeignServerRelationId, parse_count,
	 TUNING(max_pool_connections), .max = MAX_POOL_CONNECTIONS},
	{"fetch_size", ForeignServerRelationId, parse_count, TUNING(fetch_size),
	 .max = MAX_FETCH_SIZE},
	{"batch_size", ForeignServerRelationId, parse_count, TUNING(batch_size),
	 .max = MAX_BATCH_SIZE},
	{"async_capable", ForeignServerRelationId, parse_switch, TUNING(async_capable)},
	{"fdw_startup_cost", ForeignServerRelationId, parse_cost, TUNING(startup_cost)},
	{"fdw_tuple_cost", ForeignServerRelationId, parse_cost, TUNING(tuple_cost)},
	{"cache_ttl", ForeignServerRelationId, parse_lifetime, TUNING(cache_ttl)},

	{"aws_access_key_id", UserMappingRelationId, parse_key,
	 CLIENT(identity.keys.access_key_id)},
	{"aws_secret_access_key", UserMappingRelationId, parse_key,
	 CLIENT(identity.keys.secret_access_key), .is_secret = true},
	{"aws_session_token", UserMappingRelationId, parse_key,
	 CLIENT(identity.keys.session_token), .is_secret = true},
	{"profile", UserMappingRelationId, parse_text, CLIENT(identity.profile),
	 .guard = &superuser_guard},
	{"role_arn", UserMappingRelationId, parse_key, CLIENT(identity.role_arn)},
	{"role_session_name", UserMappingRelationId, parse_key,
	 CLIENT(identity.role_session_name)},
	{"external_id", UserMappingRelationId, parse_key, CLIENT(identity.external_id)},
	{"credentials_required", UserMappingRelationId, parse_switch, .target = TO_NONE,
	 .guard = &required_guard},

	{"resource", ForeignTableRelationId, parse_resource, .target = TO_NONE},
	{"fetch_size", ForeignTableRelationId, parse_count, TUNING(fetch_size),
	 .max = MAX_FETCH_SIZE},
	{"batch_size", ForeignTableRelationId, parse_count, TUNING(batch_size),
	 .max = MAX_BATCH_SIZE},
	{"async_capable", ForeignTableRelationId, parse_switch, TUNING(async_capable)},
	{"cache_ttl", ForeignTableRelationId, parse_lifetime, TUNING(cache_ttl)},

	{"field", AttributeRelationId, parse_field, .target = TO_NONE},
};

/* ---- who may ---- */

static bool
is_by_superuser(const ForecastOption *option pg_attribute_unused(),
				const char *value pg_attribute_unused())
{
	return superuser();
}

/* What file_fdw asks of its user, we ask too. */
static bool
is_by_file_reader(const ForecastOption *option pg_attribute_unused(),
				  const char *value pg_attribute_unused())
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES);
}

static bool
is_own_url(const ForecastOption *option, const char *value)
{
	return superuser() || aws_endpoint_is_service_url(value, option->service);
}

static bool
is_required(const ForecastOption *option pg_attribute_unused(), const char *value)
{
	bool required;

	return superuser() || (parse_bool(value, &required) && required);
}

/* ---- values ---- */

/* Throws: this value cannot be used.  NULL parts are left out of the report. */
pg_noreturn static void
refuse_value(const ForecastOption *option, const char *value, const char *detail,
			 const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 value ?
				 errmsg("invalid value for option \"%s\": \"%s\"", option->name, value) :
				 errmsg("invalid value for option \"%s\"", option->name),
			 detail ? errdetail("%s", detail) : 0, hint ? errhint("%s", hint) : 0));
}

static void
store_string(void *target, char *value)
{
	if (target)
		*(char **) target = value;
}

static void
parse_region(const ForecastOption *option, char *value, void *target)
{
	if (!aws_region_is_valid(value))
		refuse_value(option, value, NULL, "A region looks like \"eu-west-1\".");
	store_string(target, value);
}

static void
parse_url(const ForecastOption *option, char *value, void *target)
{
	const char *problem = aws_endpoint_url_problem(value);

	/* The value is not repeated: a URL may carry a password. */
	if (problem)
		refuse_value(option, NULL, problem, NULL);
	store_string(target, value);
}

static void
parse_proxy(const ForecastOption *option, char *value, void *target)
{
	const char *problem = aws_proxy_url_problem(value);

	if (problem)
		refuse_value(option, NULL, problem, NULL);
	store_string(target, value);
}

static void
parse_file(const ForecastOption *option, char *value, void *target)
{
	if (!is_absolute_path(value))
		refuse_value(option, value, NULL, "Give an absolute path.");
	store_string(target, value);
}

static void
parse_retry_mode(const ForecastOption *option, char *value, void *target)
{
	AwsRetryMode mode;

	if (!aws_retry_mode_by_name(value, &mode))
		refuse_value(option, value, NULL, "Valid modes are: standard, adaptive.");
	if (target)
		*(AwsRetryMode *) target = mode;
}

static void
parse_text(const ForecastOption *option, char *value, void *target)
{
	if (*value == '\0')
		refuse_value(option, NULL, "It must not be empty.", NULL);
	store_string(target, value);
}

static void
parse_seconds(const ForecastOption *option, char *value, double min, const char *expected,
			  void *target)
{
	double seconds;
	const char *hint = NULL;

	if (!parse_real(value, &seconds, GUC_UNIT_S, &hint) ||
		!(seconds >= min && seconds <= MAX_TIMEOUT))
		refuse_value(option, value, NULL, hint ? hint : expected);
	if (target)
		*(double *) target = seconds;
}

static void
parse_timeout(const ForecastOption *option, char *value, void *target)
{
	parse_seconds(option, value, MIN_TIMEOUT,
				  "Give seconds, or a number with a unit: from 1ms to 1d.", target);
}

static void
parse_lifetime(const ForecastOption *option, char *value, void *target)
{
	parse_seconds(option, value, 0,
				  "Give seconds, or a number with a unit: up to 1d, 0 for none.", target);
}

static void
parse_count(const ForecastOption *option, char *value, void *target)
{
	int count;

	if (!parse_int(value, &count, 0, NULL) || count < 1 || count > option->max)
		refuse_value(option, value, NULL,
					 psprintf("Give an integer from 1 to %d.", option->max));
	if (target)
		*(int *) target = count;
}

static void
parse_cost(const ForecastOption *option, char *value, void *target)
{
	double cost;

	if (!parse_real(value, &cost, 0, NULL) || !(cost >= 0 && cost <= DBL_MAX))
		refuse_value(option, value, NULL, "Give a number that is not negative.");
	if (target)
		*(double *) target = cost;
}

static void
parse_switch(const ForecastOption *option, char *value, void *target)
{
	bool on;

	if (!parse_bool(value, &on))
		refuse_value(option, value, NULL, "Give a boolean: true or false.");
	if (target)
		*(bool *) target = on;
}

static void
parse_size(const ForecastOption *option, char *value, void *target)
{
	int bytes;
	const char *hint = NULL;

	if (!parse_int(value, &bytes, GUC_UNIT_BYTE, &hint) || bytes < MIN_MAX_RESPONSE_SIZE)
		refuse_value(option, value, NULL,
					 hint ? hint :
							"Give bytes, or a number with a unit: from 1kB to 2047MB.");
	if (target)
		*(int *) target = bytes;
}

/* A part of credentials.  It goes into HTTP headers and is never repeated. */
static void
parse_key(const ForecastOption *option, char *value, void *target)
{
	bool ok = *value != '\0';

	for (char *p = value; *p; p++)
		ok = ok && *p > ' ' && *p < 0x7f;
	if (!ok)
		refuse_value(option, NULL,
					 "It must consist of printable ASCII characters without spaces.",
					 NULL);
	store_string(target, value);
}

static void
parse_resource(const ForecastOption *option, char *value,
			   void *target pg_attribute_unused())
{
	if (forecast_resource_by_name(value) == NULL)
		refuse_value(option, value, NULL,
					 psprintf("Valid resources are: %s.", forecast_resource_names()));
}

/* Which resource the column belongs to is not known yet: any will do. */
static void
parse_field(const ForecastOption *option, char *value, void *target pg_attribute_unused())
{
	StringInfoData paths;

	initStringInfo(&paths);
	for (int i = 0; i < forecast_nresources; i++)
	{
		if (forecast_field_by_path(&forecast_resources[i], value))
			return;
		appendStringInfo(&paths, "%s%s", i > 0 ? ", " : "",
						 forecast_field_paths(&forecast_resources[i]));
	}
	refuse_value(option, value, NULL, psprintf("Valid fields are: %s.", paths.data));
}

/*
 * Comma-separated names for a hint, palloc'd: of all resources.
 */
char *
forecast_resource_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < forecast_nresources; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", forecast_resources[i].name);
	return names.data;
}

/*
 * The same: of the paths of a resource's fields.
 */
char *
forecast_field_paths(const ForecastResource *resource)
{
	StringInfoData paths;

	initStringInfo(&paths);
	for (int i = 0; i < resource->nfields; i++)
		appendStringInfo(&paths, "%s%s", i > 0 ? ", " : "", resource->fields[i].path);
	return paths.data;
}

/* ---- validation ---- */

/* Throws: nobody knows this option here. */
static void
report_unknown_option(const char *name, Oid catalog)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (size_t i = 0; i < lengthof(forecast_options); i++)
		if (forecast_options[i].catalog == catalog)
			appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "",
							 forecast_options[i].name);
	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					errmsg("invalid option \"%s\"", name),
					valid.len > 0 ?
						errhint("Valid options in this context are: %s.", valid.data) :
						errhint("There are no valid options in this context.")));
}

static const ForecastOption *
find_option(const char *name, Oid catalog)
{
	for (size_t i = 0; i < lengthof(forecast_options); i++)
		if (forecast_options[i].catalog == catalog &&
			strcmp(forecast_options[i].name, name) == 0)
			return &forecast_options[i];
	return NULL;
}

/*
 * The value of an option, NULL if it is not in the list.
 */
const char *
forecast_option(List *options, const char *name)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *def = lfirst(cell);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

/* Stores those options that go into this kind of struct. */
static void
read_options(void *base, ForecastOptionTarget target, List *options, Oid catalog)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *def = lfirst(cell);
		const ForecastOption *option = find_option(def->defname, catalog);

		if (option && option->target == target)
			option->parse(option, defGetString(def), (char *) base + option->offset);
	}
}

/* Half a set of keys signs nothing. */
static void
validate_credentials(List *options)
{
	bool has_id = forecast_option(options, "aws_access_key_id") != NULL;
	bool has_secret = forecast_option(options, "aws_secret_access_key") != NULL;
	bool has_token = forecast_option(options, "aws_session_token") != NULL;

	if (has_id == has_secret && (has_id || !has_token))
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
		 errmsg("incomplete AWS credentials"),
		 errdetail(
			 "aws_access_key_id and aws_secret_access_key go together, and aws_session_token goes with both.")));
}

/*
 * These say something of a role to assume.  The role itself takes what the mapping's
 * user has to sign with; who makes a mapping for a superuser must not choose it.
 */
static void
validate_role(List *options)
{
	static const char *const details[] = {"role_session_name", "external_id"};

	if (forecast_option(options, "role_arn") &&
		!forecast_option(options, "aws_access_key_id") && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"", "role_arn"),
				 errhint("Only superusers may set it without aws_access_key_id.")));

	for (size_t i = 0; i < lengthof(details); i++)
		if (forecast_option(options, details[i]) && !forecast_option(options, "role_arn"))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
					 errmsg("option \"%s\" needs option \"role_arn\"", details[i])));
}

/* Throws if an endpoint is both given and to be chosen. */
static void
check_endpoint(const char *endpoint_url, bool fips, bool dualstack)
{
	if (endpoint_url && (fips || dualstack))
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("endpoint_url cannot be combined with %s",
							   fips ? "use_fips_endpoint" : "use_dualstack_endpoint"),
						errhint("Give the URL of such an endpoint, or none.")));
}

static void
validate_endpoint(List *options)
{
	AwsClientConfig config = {0};

	read_options(&config, TO_CLIENT, options, ForeignServerRelationId);
	check_endpoint(config.endpoint_url, config.use_fips_endpoint,
				   config.use_dualstack_endpoint);
}

/* Throws if the current role may not set the option to this value. */
static void
check_privilege(const ForecastOption *option, const char *value)
{
	if (option->guard == NULL || option->guard->permits(option, value))
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied to set option \"%s\"", option->name),
					errhint("%s", option->guard->hint)));
}

/*
 * Checks the options of one object as CREATE or ALTER would leave them; catalog
 * is the system catalog that holds the object.
 */
void
forecast_validate_options(List *options, Oid catalog)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *def = lfirst(cell);
		const ForecastOption *option = find_option(def->defname, catalog);

		if (option == NULL)
			report_unknown_option(def->defname, catalog);
		option->parse(option, defGetString(def), NULL);
		check_privilege(option, defGetString(def));
	}
	if (catalog == UserMappingRelationId)
	{
		validate_credentials(options);
		validate_role(options);
	}
	if (catalog == ForeignServerRelationId)
		validate_endpoint(options);
}

/* ---- reading ---- */

/*
 * How to read a table of that server: the table's options count before the
 * server's, those before the defaults.  table may be NULL.
 */
void
forecast_read_tuning(ForecastTuning *tuning, ForeignServer *server, ForeignTable *table)
{
	*tuning = (ForecastTuning){.max_pool_connections = DEFAULT_POOL_CONNECTIONS,
							   .fetch_size = MAX_FETCH_SIZE,
							   .batch_size = DEFAULT_BATCH_SIZE,
							   .startup_cost = DEFAULT_STARTUP_COST,
							   .tuple_cost = DEFAULT_TUPLE_COST};
	read_options(tuning, TO_TUNING, server->options, ForeignServerRelationId);
	if (table)
		read_options(tuning, TO_TUNING, table->options, ForeignTableRelationId);
}

/*
 * May this user's calls use what is the server's own: its environment, the files
 * and processes it has, the metadata of its machine?
 */
bool
forecast_may_use_server_identity(UserMapping *user)
{
	const char *required = forecast_option(user->options, "credentials_required");
	bool is_required = true;

	if (required)
		(void) parse_bool(required, &is_required);
	return superuser_arg(user->userid) || !is_required;
}

/* Throws unless the mapping has all that such a user needs. */
static void
require_credentials(const AwsIdentityConfig *identity)
{
	if (identity->keys.access_key_id && identity->profile == NULL)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
		 errmsg("AWS credentials are required"),
		 errdetail(
			 "Non-superusers must have aws_access_key_id and aws_secret_access_key in the user mapping, and no profile."),
		 errhint(
			 "Set them with ALTER USER MAPPING. A superuser may set credentials_required 'false' there, to share the server's own credentials.")));
}

/* What the calls for credentials have in common with all others. */
static void
share_settings(AwsClientConfig *config)
{
	AwsIdentityConfig *identity = &config->identity;

	identity->region = config->region;
	identity->use_fips_endpoint = config->use_fips_endpoint;
	identity->use_dualstack_endpoint = config->use_dualstack_endpoint;
	identity->ca_bundle = config->ca_bundle;
	identity->proxy = config->proxy;
}

/*
 * Fills config in from a server and a user mapping and, where the user may, from
 * what the database server's own environment says.  Its strings point into their
 * option lists.  Throws if something that a call needs is missing.
 */
void
forecast_client_config(AwsClientConfig *config, ForeignServer *server, UserMapping *user)
{
	AwsIdentityConfig *identity = &config->identity;
	ForecastTuning tuning;

	memset(config, 0, sizeof(*config));
	config->connect_timeout = DEFAULT_CONNECT_TIMEOUT;
	config->read_timeout = DEFAULT_READ_TIMEOUT;
	config->max_response_size = DEFAULT_MAX_RESPONSE_SIZE;
	config->max_attempts = DEFAULT_MAX_ATTEMPTS;
	config->proxy = "";
	forecast_read_tuning(&tuning, server, NULL);
	config->max_pool_connections = tuning.max_pool_connections;

	read_options(config, TO_CLIENT, user->options, UserMappingRelationId);
	identity->use_server_identity = forecast_may_use_server_identity(user);
	if (!identity->use_server_identity)
		require_credentials(identity);
	else
		aws_settings_read(config, "forecast");
	read_options(config, TO_CLIENT, server->options, ForeignServerRelationId);
	share_settings(config);

	check_endpoint(config->endpoint_url, config->use_fips_endpoint,
				   config->use_dualstack_endpoint);
	if (config->region == NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
						errmsg("server \"%s\" has no region", server->servername),
						errhint("Set it with ALTER SERVER %s OPTIONS (ADD region '...').",
								quote_identifier(server->servername))));
}

/*
 * Overwrites the secrets in a list of a user mapping's options, which nobody needs
 * any longer.
 */
void
forecast_wipe_options(List *options)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *def = lfirst(cell);
		const ForecastOption *option = find_option(def->defname, UserMappingRelationId);

		if (option && option->is_secret)
			aws_wipe(defGetString(def));
	}
}
