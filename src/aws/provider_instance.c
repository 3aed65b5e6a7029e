/*
 * provider_instance.c
 *		Credentials of the role that an EC2 instance has, from its metadata.
 *
 * Only by version 2 of the protocol, which asks for a token first: version 1 can be
 * abused by whoever gets a server to fetch a URL.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "aws/fetch.h"
#include "aws/printable.h"
#include "aws/provider.h"
#include "aws/url.h"

#define BASE_URL      "http://169.254.169.254"
#define BASE_URL_IPV6 "http://[fd00:ec2::254]"
#define TOKEN_PATH    "latest/api/token"
#define ROLE_PATH     "latest/meta-data/iam/security-credentials/"

/* Of the token, in seconds. */
#define TOKEN_TTL "21600"

#define MAX_RESPONSE_SIZE (64 * 1024)

/*
 * Credentials that expire sooner than this, in seconds, and up to so much more, are
 * used for longer: it means that they cannot be renewed just now.
 */
#define REFRESH_WINDOW (15 * SECS_PER_MINUTE)
#define MIN_JITTER     (2 * SECS_PER_MINUTE)
#define MAX_JITTER     (10 * SECS_PER_MINUTE)

/* An instance that is asked. */
typedef struct Metadata
{
	const char *base_url;
	int timeout;
	int attempts;
	AwsTransport *transport;
	const char *token;
	const char *problem; /* why it did not answer */
} Metadata;

/* ---- settings ---- */

static const char *
setting(const AwsChain *chain, const char *variable, const char *key)
{
	const char *value = aws_config_variable(variable);

	return value ? value : aws_profile_value(chain->settings, key);
}

/* A whole number that is not too small; 1 if none is set. */
static int
number_setting(const AwsChain *chain, const char *variable, const char *key)
{
	const char *value = setting(chain, variable, key);
	char *end;
	long number = value ? strtol(value, &end, 10) : 1;

	if (value && (end == value || *end || number < 1 || number > SECS_PER_HOUR))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value of %s in the environment of the database "
							   "server",
							   variable)));
	return number;
}

static const char *
find_base_url(const AwsChain *chain)
{
	const char *url = setting(chain, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
							  "ec2_metadata_service_endpoint");
	const char *mode = setting(chain, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
							   "ec2_metadata_service_endpoint_mode");
	AwsUrl parts;

	if (url == NULL)
		url = mode && pg_strcasecmp(mode, "ipv6") == 0 ? BASE_URL_IPV6 : BASE_URL;
	if (!aws_url_split(&parts, url) || !aws_url_is_http(&parts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL of http or https")));
	return url;
}

/* ---- asking ---- */

/*
 * Asks for one thing, as often as it is worth it.  NULL if there is no answer with
 * status 200; metadata->problem says why.
 */
static const char *
ask(Metadata *metadata, const char *method, const char *path, const AwsHeader *header,
	size_t *len)
{
	bool has_slash = metadata->base_url[strlen(metadata->base_url) - 1] == '/';
	char *url = psprintf("%s%s%s", metadata->base_url, has_slash ? "" : "/", path);
	AwsHttpRequest request = {.method = method,
							  .url = url,
							  .headers = header,
							  .nheaders = 1};

	for (int attempt = 1; attempt <= metadata->attempts; attempt++)
	{
		const AwsExchange *exchange = aws_fetch(metadata->transport, &request);
		const char *body = aws_exchange_body(exchange, len);

		metadata->problem = aws_fetch_problem(exchange, aws_printable(url),
											  metadata->timeout);
		if (metadata->problem == NULL && *len > 0)
			return body;
		if (metadata->problem == NULL)
			metadata->problem = psprintf("The answer from %s is empty.",
										 aws_printable(url));
		/* It was understood, and will not be answered otherwise. */
		if (aws_exchange_outcome(exchange) == AWS_OUTCOME_ANSWERED &&
			aws_exchange_status(exchange) >= 400 && aws_exchange_status(exchange) < 500)
			break;
	}
	return NULL;
}

static bool
ask_for_token(Metadata *metadata)
{
	AwsHeader ttl = {"x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL};
	size_t len;

	metadata->token = ask(metadata, "PUT", TOKEN_PATH, &ttl, &len);
	if (metadata->token && strpbrk(metadata->token, "\r\n"))
	{
		metadata->token = NULL;
		metadata->problem = "The token of the metadata has a line break.";
	}
	return metadata->token != NULL;
}

/* The name of the instance's role. */
static const char *
ask_for_role(Metadata *metadata)
{
	AwsHeader token = {"x-aws-ec2-metadata-token", metadata->token};
	size_t len;
	const char *role = ask(metadata, "GET", ROLE_PATH, &token, &len);
	char *name = role ? pstrdup(role) : NULL;

	if (name == NULL)
		return NULL;
	name[strcspn(name, "\r\n")] = '\0';
	/* What IAM allows in a name: nothing that would have a meaning in a URL. */
	if (*name && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
							  "0123456789_+=,.@-") == strlen(name))
		return name;
	metadata->problem = "The metadata names no role.";
	return NULL;
}

static bool
ask_for_credentials(Metadata *metadata, const char *role, AwsCredentials *credentials)
{
	AwsHeader token = {"x-aws-ec2-metadata-token", metadata->token};
	size_t len;
	const char *body = ask(metadata, "GET", psprintf(ROLE_PATH "%s", role), &token, &len);
	const char *problem;

	if (body == NULL)
		return false;
	problem = aws_json_credentials(aws_json_parse_secret(body, len), "Token", true,
								   credentials);
	if (problem)
		metadata->problem = psprintf("What the metadata has of role \"%s\" %s.", role,
									 problem);
	return problem == NULL;
}

/* Has credentials that the instance did not renew used for a while longer. */
static void
extend(AwsCredentials *credentials)
{
	TimestampTz now = GetCurrentTimestamp();
	int64 window = REFRESH_WINDOW +
				   pg_prng_uint64_range(&pg_global_prng_state, MIN_JITTER, MAX_JITTER);
	TimestampTz earliest = now + window * USECS_PER_SEC;

	credentials->expiration = Max(credentials->expiration, earliest);
}

/*
 * Asks the instance's metadata, without a proxy.  Refuses where there is none, or
 * no role.
 */
bool
aws_provider_instance(AwsChain *chain, AwsCredentials *credentials)
{
	const char *disabled = aws_config_variable("AWS_EC2_METADATA_DISABLED");
	Metadata metadata = {0};
	AwsTransportConfig config = {.user_agent = chain->config->user_agent,
								 .ca_bundle = chain->config->ca_bundle,
								 .proxy = "",
								 .is_metadata = true,
								 .is_secret = true,
								 .max_response_size = MAX_RESPONSE_SIZE,
								 .max_connections = 1};
	const char *role;

	if (disabled && pg_strcasecmp(disabled, "true") == 0)
		return aws_refuse(chain, AWS_PROVIDER_INSTANCE,
						  "AWS_EC2_METADATA_DISABLED is true.");
	metadata.base_url = find_base_url(chain);
	metadata.timeout = number_setting(chain, "AWS_METADATA_SERVICE_TIMEOUT",
									  "metadata_service_timeout");
	metadata.attempts = number_setting(chain, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
									   "metadata_service_num_attempts");
	config.connect_timeout = config.read_timeout = metadata.timeout;
	metadata.transport = aws_fetch_open(&config);

	if (!ask_for_token(&metadata) || (role = ask_for_role(&metadata)) == NULL ||
		!ask_for_credentials(&metadata, role, credentials))
		return aws_refuse(chain, AWS_PROVIDER_INSTANCE, "%s", metadata.problem);
	extend(credentials);
	return true;
}
