/*
 * sts.c
 *		Temporary credentials of a role, from AWS's Security Token Service.
 *
 * AssumeRole is signed by credentials that may assume the role;
 * AssumeRoleWithWebIdentity is not signed, but has a token that somebody else gave
 * out.  The protocol is AWS's query protocol: a form in, XML out.
 */
#include "postgres.h"

#include <time.h>
#include <curl/curl.h>

#include "aws/endpoint.h"
#include "aws/error.h"
#include "aws/fetch.h"
#include "aws/retry.h"
#include "aws/secret.h"
#include "aws/sts.h"
#include "aws/sts_answer.h"

#define SERVICE      "sts"
#define API_VERSION  "2011-06-15"
#define CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

/* As botocore's standard mode has it. */
#define MAX_ATTEMPTS 3

/* Seconds; as botocore's. */
#define CONNECT_TIMEOUT 60
#define READ_TIMEOUT    60

/* An answer has about 2 kB, most of it the session token. */
#define MAX_RESPONSE_SIZE (256 * 1024)

/* A call of STS, however many attempts it takes. */
typedef struct StsCall
{
	const AwsIdentityConfig *config;
	const AwsStsRole *role;
	const AwsCredentials *source; /* NULL: not to be signed */
	const char *operation;
	AwsEndpoint endpoint;
	StringInfoData body;
	char signature[AWS_SHA256_HEX_LEN + 1];
	AwsTransport *transport;
	time_t clock_offset;  /* of the service's clock, as far as it is known */
	bool clock_corrected; /* once is enough */
} StsCall;

/* ---- where it is ---- */

static void
set_endpoint(StsCall *call, const AwsChain *chain)
{
	const AwsIdentityConfig *config = chain->config;
	const char *source = "sts_endpoint_url";
	const char *url = config->sts_endpoint_url;
	const char *problem;

	if (config->region == NULL)
		ereport(ERROR, (errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
						errmsg("a role cannot be assumed without a region")));
	if (url == NULL && chain->files)
		url = aws_config_endpoint_url(chain->settings, SERVICE, &source);
	if (url == NULL)
	{
		aws_endpoint_for_region(&call->endpoint, SERVICE, config->region,
								config->use_fips_endpoint,
								config->use_dualstack_endpoint);
		return;
	}
	problem = aws_endpoint_url_problem(url);
	if (problem)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s cannot be used as the endpoint of AWS STS", source),
						errdetail("%s", problem)));
	aws_endpoint_for_url(&call->endpoint, url);
}

/* ---- the request ---- */

/* Appends "&name=value", the value as it has to be in a form.  NULL is left out. */
static void
append_parameter(StringInfo body, const char *name, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";

	if (value == NULL)
		return;
	appendStringInfo(body, "&%s=", name);
	for (const char *p = value; *p; p++)
	{
		unsigned char c = *p;

		if (isalnum(c) && !IS_HIGHBIT_SET(c))
			appendStringInfoChar(body, c);
		else if (strchr("-_.~", c))
			appendStringInfoChar(body, c);
		else
			appendStringInfo(body, "%%%c%c", digits[c >> 4], digits[c & 15]);
	}
}

/* The form.  Made large enough at once: one that grew would leave the token behind. */
static void
write_body(StsCall *call)
{
	const AwsStsRole *role = call->role;
	StringInfo body = &call->body;
	const char *token = role->web_identity_token;
	int size = 3 * (strlen(role->arn) + (token ? strlen(token) : 0) +
					(role->session_name ? strlen(role->session_name) : 0) +
					(role->external_id ? strlen(role->external_id) : 0)) +
			   500;

	initStringInfo(body);
	enlargeStringInfo(body, size);
	aws_secret_wipe_later(body->data, size);
	appendStringInfo(body, "Action=%s&Version=" API_VERSION, call->operation);
	append_parameter(body, "RoleArn", role->arn);
	append_parameter(body, "RoleSessionName",
					 role->session_name && *role->session_name ?
						 role->session_name :
						 psprintf("botocore-session-%ld", (long) time(NULL)));
	append_parameter(body, "ExternalId", role->external_id);
	append_parameter(body, "WebIdentityToken", token);
	if (role->duration_seconds > 0)
		append_parameter(body, "DurationSeconds", psprintf("%d", role->duration_seconds));
}

/* Appends what the signature needs to the headers. */
static void
sign(StsCall *call, AwsHeader *headers, int *nheaders)
{
	const AwsCredentials *source = call->source;
	AwsCredentialScope scope = {.region = call->config->region, .service = SERVICE};
	AwsSigningKey key = {.date = ""};
	AwsSignableRequest request = {.method = "POST",
								  .path = "/",
								  .query = "",
								  .headers = headers,
								  .body = call->body.data,
								  .body_len = call->body.len};
	StringInfoData authorization;

	aws_sigv4_datetime(time(NULL) + call->clock_offset, scope.datetime);
	headers[(*nheaders)++] = (AwsHeader){"X-Amz-Date", pstrdup(scope.datetime)};
	if (source->session_token)
		headers[(*nheaders)++] = (AwsHeader){"X-Amz-Security-Token",
											 source->session_token};
	request.nheaders = *nheaders;
	initStringInfo(&authorization);
	aws_sigv4_authorization(&authorization, &request, &scope, source, &key,
							call->signature);
	explicit_bzero(&key, sizeof(key));
	headers[(*nheaders)++] = (AwsHeader){"Authorization", authorization.data};
}

static const AwsExchange *
send_attempt(StsCall *call)
{
	AwsHeader headers[5] = {{"Host", call->endpoint.host},
							{"Content-Type", CONTENT_TYPE}};
	int nheaders = 2;
	AwsHttpRequest request = {.method = "POST",
							  .url = call->endpoint.url,
							  .headers = headers,
							  .body = call->body.data,
							  .body_len = call->body.len};

	if (call->source)
		sign(call, headers, &nheaders);
	request.nheaders = nheaders;
	return aws_fetch(call->transport, &request);
}

/* ---- the answer ---- */

/* Was it answered with what should be credentials? */
static bool
is_success(const AwsExchange *exchange)
{
	return aws_exchange_outcome(exchange) == AWS_OUTCOME_ANSWERED &&
		   aws_exchange_status(exchange) / 100 == 2;
}

/* A failed attempt, for those who know errors; its body may have credentials. */
static AwsError
read_error(const StsCall *call, const AwsExchange *exchange, const AwsStsAnswer *answer)
{
	const AwsCredentials *source = call->source;
	AwsError error = {.question = {.service = "AWS STS",
								   .operation = call->operation,
								   .url = call->endpoint.url,
								   .input = psprintf("RoleArn=%s", call->role->arn)},
					  .outcome = aws_exchange_outcome(exchange),
					  .retry_after = -1,
					  .amz_retry_after = -1};

	error.secrets.strings[0] = source ? source->secret_access_key :
										call->role->web_identity_token;
	error.secrets.strings[1] = source ? source->session_token : NULL;
	error.secrets.strings[2] = source ? call->signature : NULL;
	if (error.outcome != AWS_OUTCOME_ANSWERED)
	{
		error.message = aws_exchange_problem(exchange);
		return error;
	}
	error.status = aws_exchange_status(exchange);
	error.request_id = answer->request_id;
	error.code = answer->code && *answer->code ? answer->code : NULL;
	error.message = answer->message;
	error.content_type = aws_exchange_header(exchange, "Content-Type");
	error.location = aws_exchange_header(exchange, "Location");
	error.date = aws_response_date(exchange);
	return error;
}

/* Was it the clock, and does the answer tell the right time? */
static bool
correct_clock(StsCall *call, const AwsError *error)
{
	if (call->clock_corrected ||
		!aws_error_clock_offset(error, call->clock_offset, &call->clock_offset))
		return false;
	call->clock_corrected = true;
	return true;
}

/* Throws the error, unless it is worth another attempt; then waits for its time. */
static void
wait_or_report(AwsRetrier *retrier, AwsRetryState *state, AwsError *error)
{
	AwsFailure failure = aws_error_failure(error);
	double now = aws_transport_now();
	double when = -1;

	error->attempts = state->attempts;
	if (failure != AWS_FAILURE_FINAL && failure != AWS_FAILURE_SKEW)
		when = aws_retry_after_failure(retrier, state, error, now);
	if (when < 0)
		aws_error_report(error);
	aws_fetch_pause(when - now);
}

/* Makes attempts until one is answered, or throws. */
static void
make_call(StsCall *call, AwsStsAnswer *answer)
{
	AwsRetrier retrier;
	AwsRetryState state = {0};

	aws_retry_init(&retrier, AWS_RETRY_STANDARD, MAX_ATTEMPTS);
	for (;;)
	{
		const AwsExchange *exchange = send_attempt(call);
		size_t len;
		const char *text = aws_exchange_body(exchange, &len);
		AwsError error;

		aws_retry_note_sent(&state, aws_transport_now());
		aws_sts_read_answer(answer, text, len);
		if (is_success(exchange))
			return;
		error = read_error(call, exchange, answer);
		if (!correct_clock(call, &error))
			wait_or_report(&retrier, &state, &error);
	}
}

/* Takes credentials out of the answer; what is wrong with it is not quoted. */
static void
take_credentials(const StsCall *call, const AwsStsAnswer *answer,
				 AwsCredentials *credentials)
{
	credentials->access_key_id = answer->access_key_id;
	credentials->secret_access_key = answer->secret_access_key;
	credentials->session_token = answer->session_token;
	if (answer->access_key_id && answer->secret_access_key && answer->session_token &&
		answer->expiration &&
		aws_parse_timestamp(answer->expiration, &credentials->expiration))
		return;
	ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
					errmsg("answer from %s to %s has no credentials", call->endpoint.url,
						   call->operation)));
}

/*
 * Assumes a role, with credentials that may do so (source), or with the role's web
 * identity token (source NULL).  Waits; throws if STS says no, or nothing.
 * The credentials are allocated in the current memory context, and wiped with it.
 */
void
aws_sts_assume_role(const AwsChain *chain, const AwsStsRole *role,
					const AwsCredentials *source, AwsCredentials *credentials)
{
	const AwsIdentityConfig *config = chain->config;
	AwsTransportConfig transport = {.user_agent = config->user_agent,
									.ca_bundle = config->ca_bundle,
									.proxy = config->proxy,
									.is_secret = true,
									.connect_timeout = CONNECT_TIMEOUT,
									.read_timeout = READ_TIMEOUT,
									.max_response_size = MAX_RESPONSE_SIZE,
									.max_connections = 1};
	StsCall call = {.config = config,
					.role = role,
					.source = source,
					.operation = role->web_identity_token ? "AssumeRoleWithWebIdentity" :
															"AssumeRole"};
	AwsStsAnswer answer;

	set_endpoint(&call, chain);
	write_body(&call);
	call.transport = aws_fetch_open(&transport);
	make_call(&call, &answer);
	take_credentials(&call, &answer, credentials);
}
