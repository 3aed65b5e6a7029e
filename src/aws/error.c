/*
 * error.c
 *		What can go wrong with a call, and how it is reported.
 *
 * An error is read in one place, whoever answered: AWS, a proxy in between or
 * nobody.  What others say is cleared of secrets before it is printed: AWS's own
 * message on a wrong signature quotes the session token, and any server may
 * echo what it was sent.
 */
#include "postgres.h"

#include <time.h>
#include <curl/curl.h>

#include "mb/pg_wchar.h"

#include "aws/error.h"
#include "aws/json.h"
#include "aws/printable.h"

/* How much of somebody else's words a report quotes, in bytes. */
#define MAX_QUOTED_MESSAGE 2000
#define MAX_QUOTED_BODY    200

/* AWS's secrets are longer. */
#define MIN_SECRET_LENGTH 16

/* A piece of a secret, in bytes, that gives it away. */
#define SECRET_PIECE 8

/* ---- reading an error ---- */

static const char *
string_member(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* "com.amazon.coral.service#Name:http://..." is Name. */
static char *
bare_code(const char *code)
{
	char *result = pstrdup(code);
	char *colon = strchr(result, ':');
	char *hash;

	if (colon)
		*colon = '\0';
	hash = strchr(result, '#');
	return hash ? hash + 1 : result;
}

/* AWS's error code, from wherever it stands; NULL if nowhere. */
static const char *
find_code(const cJSON *body, const AwsExchange *exchange)
{
	const char *code = string_member(body, "__type");

	if (code == NULL)
		code = aws_exchange_header(exchange, "X-Amzn-Errortype");
	if (code == NULL)
		code = string_member(body, "code");
	code = code ? bare_code(code) : NULL;
	return code && *code ? code : NULL;
}

static const char *
find_message(const cJSON *body)
{
	const char *message = string_member(body, "message");

	return message ? message : string_member(body, "Message");
}

/* A header that has a number, not negative; -1 if there is none. */
static double
number_header(const AwsExchange *exchange, const char *name)
{
	const char *value = aws_exchange_header(exchange, name);
	char *end;
	double number = value ? strtod(value, &end) : -1;

	return value && end > value && *end == '\0' && number >= 0 ? number : -1;
}

/*
 * When a response was made, by the clock of who made it; 0 if it does not say.
 */
time_t
aws_response_date(const AwsExchange *exchange)
{
	const char *date = aws_exchange_header(exchange, "Date");
	time_t when = date ? curl_getdate(date, NULL) : 0;

	return Max(when, 0);
}

/*
 * Reads the error out of an exchange that did not bring an answer.  text is
 * the response body, which len bytes long a NUL byte follows.  Question, secrets
 * and text are kept, not copied; the rest is allocated in the current memory
 * context.  This is cheap: an error may be nothing but "no such resource".
 */
AwsError *
aws_error_read(const AwsQuestion *question, const AwsSecrets *secrets,
			   const AwsExchange *exchange, const char *text, size_t len)
{
	AwsError *error = palloc0(sizeof(AwsError));
	const cJSON *body;

	error->question = *question;
	error->secrets = *secrets;
	error->retry_after = error->amz_retry_after = -1;
	error->outcome = aws_exchange_outcome(exchange);
	if (error->outcome != AWS_OUTCOME_ANSWERED)
	{
		error->message = aws_exchange_problem(exchange);
		return error;
	}

	body = aws_json_parse(text, len);
	error->status = aws_exchange_status(exchange);
	error->request_id = aws_exchange_header(exchange, "x-amzn-RequestId");
	error->code = error->status >= 400 ? find_code(body, exchange) : NULL;
	error->message = find_message(body);
	error->content_type = aws_exchange_header(exchange, "Content-Type");
	error->location = aws_exchange_header(exchange, "Location");
	error->body = text;
	error->retry_after = number_header(exchange, "Retry-After");
	error->amz_retry_after = number_header(exchange, "x-amz-retry-after");
	if (error->amz_retry_after > 0)
		error->amz_retry_after /= 1000; /* it is in milliseconds */
	error->date = aws_response_date(exchange);
	return error;
}

/*
 * Did AWS answer with this error code?
 */
bool
aws_error_is(const AwsError *error, const char *code)
{
	return error->code != NULL && strcmp(error->code, code) == 0;
}

/* ---- making it fit to print ---- */

/* How much of text is also a piece of the secret?  0 if it gives nothing away. */
static size_t
secret_length(const char *text, const char *secret)
{
	size_t least = Min(strlen(secret), SECRET_PIECE);
	size_t longest = 0;

	for (const char *s = secret; *s; s++)
	{
		size_t n = 0;

		while (s[n] &&
			   pg_tolower((unsigned char) text[n]) == pg_tolower((unsigned char) s[n]))
			n++;
		longest = Max(longest, n);
	}
	return longest >= least ? longest : 0;
}

/*
 * Blots out, in place, whatever text has of the secrets: the whole, or any piece
 * that is not very short.  Pieces, because others quote what they were sent cut
 * off, escaped ("\/", "%2F", "&#x2F;") or in upper case.
 */
static void
blot_out(char *text, const AwsSecrets *secrets)
{
	for (char *p = text; *p;)
	{
		size_t longest = 0;

		for (size_t i = 0; i < lengthof(secrets->strings); i++)
			if (secrets->strings[i])
				longest = Max(longest, secret_length(p, secrets->strings[i]));
		memset(p, '*', longest);
		p += Max(longest, 1);
	}
}

/*
 * Blots the secrets out of an answer, in place, should a server send them back: a
 * value may end up in an error of its column's type.  Only the whole of what is no
 * likely word.
 */
void
aws_secrets_blot_out(char *text, const AwsSecrets *secrets)
{
	for (size_t i = 0; i < lengthof(secrets->strings); i++)
	{
		const char *secret = secrets->strings[i];
		size_t len = secret ? strlen(secret) : 0;

		if (len < MIN_SECRET_LENGTH)
			continue;
		for (char *p = text; (p = strstr(p, secret)) != NULL; p += len)
			memset(p, '*', len);
	}
}

/*
 * Makes foreign words printable: no secrets, no more than max bytes, in the
 * server's encoding.  NULL stays NULL.
 */
static char *
quotable(const char *words, size_t max, const AwsSecrets *secrets)
{
	char *text;

	if (words == NULL)
		return NULL;
	text = aws_clip(words, max);
	blot_out(text, secrets);
	aws_make_printable(text);
	return text;
}

/* Says what came instead of JSON. */
static const char *
describe_response(const AwsError *error)
{
	const AwsSecrets *secrets = &error->secrets;
	const char *type = quotable(error->content_type, MAX_QUOTED_BODY, secrets);

	if (error->location)
		return psprintf("It redirects to \"%s\"; redirects are not followed.",
						quotable(error->location, MAX_QUOTED_BODY, secrets));
	if (error->body == NULL)
		return psprintf("Its content type is %s; what it says is not printed.",
						type ? type : "not given");
	if (*error->body == '\0')
		return "Its body is empty.";
	return psprintf("Its content type is %s, its body starts with: %s",
					type ? type : "not given",
					quotable(error->body, MAX_QUOTED_BODY, secrets));
}

/* A copy whose strings can be printed; a foreign response becomes a message. */
static AwsError
printable(const AwsError *error)
{
	AwsError copy = *error;

	copy.request_id = quotable(error->request_id, MAX_QUOTED_BODY, &error->secrets);
	copy.code = quotable(error->code, MAX_QUOTED_BODY, &error->secrets);
	if (error->outcome == AWS_OUTCOME_ANSWERED && error->code == NULL)
		copy.message = describe_response(error);
	else
		copy.message = quotable(error->message, MAX_QUOTED_MESSAGE, &error->secrets);
	return copy;
}

/* ---- what errors mean ---- */

#define HINT_KEY                                                                         \
	"Check the AWS credentials: forecast_fdw_whoami() tells where they come from."
#define HINT_SIGNATURE                                                                   \
	"Check the secret access key, region of the server, and the clock of the database server: AWS allows 5 minutes. forecast_fdw_whoami() tells where the key comes from."
#define HINT_EXPIRED                                                                     \
	"Renew the AWS credentials: those of a user mapping with ALTER USER MAPPING. forecast_fdw_whoami() tells where they come from."
#define HINT_WEB_IDENTITY                                                                \
	"Check the web identity token, and who the role's trust policy trusts."
#define HINT_ENDPOINT "Check endpoint_url and region of the server."
#define HINT_LATER    "Try again later."
#define HINT_SLOWER                                                                      \
	"Try again later, with fewer max_pool_connections, more max_attempts or retry_mode 'adaptive' of the server."

/*
 * AWS's codes that have a meaning in SQL or for another attempt, and what the
 * reader can do.  LimitExceededException is a quota of Forecast's, no throttle.
 */
static const struct
{
	const char *code;
	AwsFailure failure;
	int sqlstate;
	const char *hint;
} codes[] = {
	{"AccessDeniedException", AWS_FAILURE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE,
	 "Allow the operation in an IAM policy of the identity that the user mapping names."},
	{"AccessDenied", AWS_FAILURE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE, NULL},
	{"OptInRequired", AWS_FAILURE_FINAL, ERRCODE_INSUFFICIENT_PRIVILEGE, NULL},
	{"UnrecognizedClientException", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEY},
	{"InvalidClientTokenId", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEY},
	{"MissingAuthenticationTokenException", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEY},
	{"MissingAuthenticationToken", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEY},
	{"IncompleteSignatureException", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_SIGNATURE},
	{"IncompleteSignature", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_SIGNATURE},
	{"InvalidSignatureException", AWS_FAILURE_SKEW,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_SIGNATURE},
	{"SignatureDoesNotMatch", AWS_FAILURE_SKEW,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_SIGNATURE},
	{"RequestExpired", AWS_FAILURE_SKEW, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	 HINT_SIGNATURE},
	{"RequestInTheFuture", AWS_FAILURE_SKEW, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	 HINT_SIGNATURE},
	{"RequestTimeTooSkewed", AWS_FAILURE_SKEW,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_SIGNATURE},
	{"AuthFailure", AWS_FAILURE_SKEW, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	 HINT_SIGNATURE},
	{"ExpiredTokenException", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_EXPIRED},
	{"ExpiredToken", AWS_FAILURE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	 HINT_EXPIRED},
	{"InvalidIdentityToken", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_WEB_IDENTITY},
	{"IDPRejectedClaim", AWS_FAILURE_FINAL, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	 HINT_WEB_IDENTITY},
	{"IDPCommunicationError", AWS_FAILURE_TRANSIENT, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"RegionDisabledException", AWS_FAILURE_FINAL,
	 ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	 "Activate AWS STS in that region for the account, or name another endpoint by sts_endpoint_url of the server."},
	{"InvalidNextTokenException", AWS_FAILURE_FINAL, ERRCODE_FDW_ERROR,
	 "The list could not be read to its end. Run the query again."},
	{"InvalidInputException", AWS_FAILURE_FINAL, ERRCODE_INVALID_PARAMETER_VALUE, NULL},
	{"ValidationException", AWS_FAILURE_FINAL, ERRCODE_INVALID_PARAMETER_VALUE, NULL},
	{"ResourceInUseException", AWS_FAILURE_FINAL, ERRCODE_OBJECT_IN_USE, HINT_LATER},
	{"ResourceNotFoundException", AWS_FAILURE_FINAL, ERRCODE_UNDEFINED_OBJECT, NULL},
	{"LimitExceededException", AWS_FAILURE_FINAL, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
	 "A quota of the AWS account is used up; it can be raised with Service Quotas."},
	{"ThrottlingException", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"Throttling", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES, HINT_SLOWER},
	{"ThrottledException", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"RequestThrottled", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"RequestThrottledException", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"RequestLimitExceeded", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"TooManyRequestsException", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"SlowDown", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES, HINT_SLOWER},
	{"BandwidthLimitExceeded", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"EC2ThrottledException", AWS_FAILURE_THROTTLE, ERRCODE_INSUFFICIENT_RESOURCES,
	 HINT_SLOWER},
	{"ProvisionedThroughputExceededException", AWS_FAILURE_THROTTLE,
	 ERRCODE_INSUFFICIENT_RESOURCES, HINT_SLOWER},
	{"TransactionInProgressException", AWS_FAILURE_THROTTLE,
	 ERRCODE_INSUFFICIENT_RESOURCES, HINT_SLOWER},
	{"PriorRequestNotComplete", AWS_FAILURE_TRANSIENT, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"RequestTimeout", AWS_FAILURE_TRANSIENT, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"RequestTimeoutException", AWS_FAILURE_TRANSIENT, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"UnknownOperationException", AWS_FAILURE_FINAL, ERRCODE_FEATURE_NOT_SUPPORTED,
	 HINT_ENDPOINT},
	{"InvalidAction", AWS_FAILURE_FINAL, ERRCODE_FEATURE_NOT_SUPPORTED, HINT_ENDPOINT},
	{"SerializationException", AWS_FAILURE_FINAL, ERRCODE_PROTOCOL_VIOLATION, NULL},
	{"InternalFailure", AWS_FAILURE_FINAL, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"InternalServerException", AWS_FAILURE_FINAL, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"InternalServerError", AWS_FAILURE_FINAL, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"ServiceUnavailable", AWS_FAILURE_FINAL, ERRCODE_SYSTEM_ERROR, HINT_LATER},
	{"ServiceUnavailableException", AWS_FAILURE_FINAL, ERRCODE_SYSTEM_ERROR, HINT_LATER},
};

/*
 * Exchanges without an HTTP response; each message takes the URL.  Labels are the
 * names that botocore has for these errors, where it has one.
 */
static const struct
{
	AwsOutcome outcome;
	const char *label;
	AwsFailure failure;
	int sqlstate;
	const char *message;
	const char *hint;
} outcomes[] = {
	{AWS_OUTCOME_FORBIDDEN, "ForbiddenAddress", AWS_FAILURE_FINAL,
	 ERRCODE_SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION, "will not connect to %s",
	 "Its address is one of instance metadata, which is no endpoint of a service."},
	{AWS_OUTCOME_NO_SOCKET, "TooManyOpenFiles", AWS_FAILURE_FINAL,
	 ERRCODE_INSUFFICIENT_RESOURCES, "too many open files to connect to %s",
	 "Lower max_files_per_process, max_pool_connections of the server, or raise the operating system's limit."},
	{AWS_OUTCOME_UNTRUSTED, "SSLError", AWS_FAILURE_FINAL,
	 ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "could not connect to %s",
	 "Check ca_bundle and endpoint_url of the server: the certificate must be trusted and name the host."},
	{AWS_OUTCOME_UNREACHABLE, "EndpointConnectionError", AWS_FAILURE_TRANSIENT,
	 ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "could not connect to %s",
	 HINT_ENDPOINT},
	{AWS_OUTCOME_CONNECT_TIMEOUT, "ConnectTimeoutError", AWS_FAILURE_TIMEOUT,
	 ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
	 "could not connect to %s within the connection timeout",
	 "Raise connect_timeout of the server if the network is that slow."},
	{AWS_OUTCOME_READ_TIMEOUT, "ReadTimeoutError", AWS_FAILURE_TIMEOUT,
	 ERRCODE_CONNECTION_FAILURE, "no answer from %s within the read timeout",
	 "Raise read_timeout of the server if answers take that long."},
	{AWS_OUTCOME_CUT, "ConnectionClosedError", AWS_FAILURE_TRANSIENT,
	 ERRCODE_CONNECTION_FAILURE, "connection to %s ended before the answer was complete",
	 HINT_LATER},
	{AWS_OUTCOME_TOO_LARGE, "ResponseTooLarge", AWS_FAILURE_FINAL,
	 ERRCODE_PROGRAM_LIMIT_EXCEEDED, "answer from %s is larger than allowed",
	 "Raise max_response_size of the server."},
	{AWS_OUTCOME_NOT_HTTP, "ResponseNotHttp", AWS_FAILURE_FINAL,
	 ERRCODE_PROTOCOL_VIOLATION, "answer from %s is not HTTP", HINT_ENDPOINT},
	{AWS_OUTCOME_OUT_OF_MEMORY, "OutOfMemory", AWS_FAILURE_FINAL, ERRCODE_OUT_OF_MEMORY,
	 "out of memory while talking to %s", NULL},
};

static int
find_outcome(AwsOutcome outcome)
{
	int i = 0;

	while (outcomes[i].outcome != outcome)
		i++;
	return i;
}

/* HTTP statuses that are worth another attempt, whatever the answer says. */
static const struct
{
	long status;
	AwsFailure failure;
} statuses[] = {
	{429, AWS_FAILURE_THROTTLE},  {500, AWS_FAILURE_TRANSIENT},
	{502, AWS_FAILURE_TRANSIENT}, {503, AWS_FAILURE_TRANSIENT},
	{504, AWS_FAILURE_TRANSIENT},
};

/*
 * Is the error worth another attempt?  As botocore's standard mode has it.
 */
AwsFailure
aws_error_failure(const AwsError *error)
{
	if (error->outcome != AWS_OUTCOME_ANSWERED)
		return outcomes[find_outcome(error->outcome)].failure;
	for (size_t i = 0; i < lengthof(codes); i++)
		if (codes[i].failure != AWS_FAILURE_FINAL && aws_error_is(error, codes[i].code))
			return codes[i].failure;
	for (size_t i = 0; i < lengthof(statuses); i++)
		if (statuses[i].status == error->status)
			return statuses[i].failure;
	return AWS_FAILURE_FINAL;
}

/* A clock that is off by less, in seconds, is not what makes AWS refuse a request. */
#define MIN_CLOCK_SKEW 300

/*
 * Is the error due to a clock that is off?  Then *offset becomes the offset of the
 * service's clock, in seconds; the attempt was signed with the offset used.
 */
bool
aws_error_clock_offset(const AwsError *error, time_t used, time_t *offset)
{
	time_t found = error->date - time(NULL);

	if (aws_error_failure(error) != AWS_FAILURE_SKEW || error->date == 0 ||
		labs(found - used) < MIN_CLOCK_SKEW)
		return false;
	*offset = found;
	return true;
}

/* Of a label, in bytes. */
#define MAX_LABEL 63

/*
 * What to call the error in statistics: AWS's code, or botocore's name.  Palloc'd or
 * constant, fit to print.
 */
const char *
aws_error_label(const AwsError *error)
{
	if (error->outcome != AWS_OUTCOME_ANSWERED)
		return outcomes[find_outcome(error->outcome)].label;
	if (error->code)
		return quotable(error->code, MAX_LABEL, &error->secrets);
	return psprintf("HTTP %ld", error->status);
}

/*
 * Is it the credentials that AWS does not accept?
 */
bool
aws_error_is_of_credentials(const AwsError *error)
{
	for (size_t i = 0; i < lengthof(codes); i++)
		if (codes[i].sqlstate == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION &&
			aws_error_is(error, codes[i].code))
			return true;
	return false;
}

/* ---- reporting it ---- */

/* How often it was tried, and why no more. */
static const char *
attempts_text(const AwsError *error)
{
	if (error->attempts <= 1 && !error->quota_used_up)
		return "";
	return psprintf("; tried %d time%s%s", Max(error->attempts, 1),
					error->attempts > 1 ? "s" : "",
					error->quota_used_up ?
						", and no more because too many calls have failed lately" :
						"");
}

/* The part of every report that says what was asked. */
static int
errdetail_question(const AwsError *error, const char *lead)
{
	const AwsQuestion *question = &error->question;
	char response[300] = "";

	if (error->status != 0)
		snprintf(response, sizeof(response), "; got HTTP status %ld, request ID %s",
				 error->status, error->request_id ? error->request_id : "not given");
	return errdetail("%s%sAsked %s of %s with %s%s%s.", lead && *lead ? lead : "",
					 lead && *lead ? "\n" : "", question->operation, question->url,
					 question->input, response, attempts_text(error));
}

/* AWS said no. */
static void
report_refusal(const AwsError *error)
{
	int sqlstate = error->status >= 500 ? ERRCODE_SYSTEM_ERROR : ERRCODE_FDW_ERROR;
	const char *hint = NULL;

	for (size_t i = 0; i < lengthof(codes); i++)
	{
		if (strcmp(codes[i].code, error->code) != 0)
			continue;
		sqlstate = codes[i].sqlstate;
		hint = codes[i].hint;
	}
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("%s answered %s with %s%s%s", error->question.service,
					error->question.operation, error->code, error->message ? ": " : "",
					error->message ? error->message : ""),
			 errdetail_question(error, NULL), hint ? errhint("%s", hint) : 0));
}

/* Somebody answered, but not as AWS does. */
static void
report_stranger(const AwsError *error)
{
	bool temporary = error->status >= 500 || error->status == 429;
	int sqlstate = temporary ? ERRCODE_SYSTEM_ERROR : ERRCODE_PROTOCOL_VIOLATION;
	const char *url = error->question.url;

	ereport(ERROR, (errcode(sqlstate),
					error->status >= 200 && error->status < 300 ?
						errmsg("answer from %s is not a JSON object", url) :
						errmsg("%s answered with HTTP status %ld", url, error->status),
					errdetail_question(error, error->message),
					errhint("%s", temporary ? HINT_LATER : HINT_ENDPOINT)));
}

/* Nobody answered. */
static void
report_silence(const AwsError *error)
{
	int i = find_outcome(error->outcome);

	ereport(ERROR, (errcode(outcomes[i].sqlstate),
					errmsg(outcomes[i].message, error->question.url),
					errdetail_question(error, error->message),
					outcomes[i].hint ? errhint("%s", outcomes[i].hint) : 0));
}

/*
 * Throws the error.
 */
void
aws_error_report(const AwsError *error)
{
	AwsError clean = printable(error);

	if (clean.outcome != AWS_OUTCOME_ANSWERED)
		report_silence(&clean);
	if (clean.code == NULL)
		report_stranger(&clean);
	report_refusal(&clean);
	pg_unreachable();
}
