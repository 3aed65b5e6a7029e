/*
 * provider_container.c
 *		Credentials that a container is given, by ECS or EKS.
 */
#include "postgres.h"

#include "aws/fetch.h"
#include "aws/printable.h"
#include "aws/provider.h"
#include "aws/secret.h"
#include "aws/url.h"
#include "compat.h"

#define RELATIVE_URI "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL_URI     "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN        "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE   "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

/* Where a relative URI leads. */
#define BASE_URL "http://169.254.170.2"

/* As botocore's. */
#define MAX_ATTEMPTS 3
#define TIMEOUT      2
#define PAUSE        1

#define MAX_RESPONSE_SIZE (64 * 1024)

/* Addresses, apart from loopback, that may be asked without TLS: of ECS and EKS. */
static const char *const plain_hosts[] = {"169.254.170.2", "169.254.170.23",
										  "[fd00:ec2::23]"};

pg_noreturn static void
failed(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("could not get credentials from container metadata"),
					errdetail("%s", detail)));
}

static bool
is_plain_host(const char *host)
{
	if (aws_host_is_loopback(host))
		return true;
	for (size_t i = 0; i < lengthof(plain_hosts); i++)
		if (pg_strcasecmp(host, plain_hosts[i]) == 0)
			return true;
	return false;
}

/* What makes a URI unusable; NULL if nothing does. */
static const char *
uri_problem(const char *uri)
{
	AwsUrl parts;

	if (!aws_url_split(&parts, uri))
		return "It is no URI.";
	if (parts.has_user)
		return "It must not have a user name.";
	if (!aws_url_is_http(&parts))
		return "It must be http or https.";
	if (strcmp(parts.scheme, "http") == 0 && !is_plain_host(parts.host))
		return "Its host is none of those that may be asked without TLS: a loopback "
			   "host, 169.254.170.2, 169.254.170.23, [fd00:ec2::23].";
	return NULL;
}

/* Where the credentials are; NULL if the environment does not say. */
static const char *
find_uri(void)
{
	const char *relative = aws_config_variable(RELATIVE_URI);
	const char *uri = relative ? psprintf(BASE_URL "%s", relative) :
								 aws_config_variable(FULL_URI);
	const char *problem;

	if (uri == NULL)
		return NULL;
	problem = relative && *relative != '/' ? "It must begin with a slash." :
											 uri_problem(uri);
	if (problem)
		failed(psprintf("%s cannot be used. %s", relative ? RELATIVE_URI : FULL_URI,
						problem));
	return uri;
}

/* The value of the Authorization header; NULL: none is needed. */
static const char *
find_token(void)
{
	const char *path = aws_config_variable(TOKEN_FILE);
	const char *token = aws_config_variable(TOKEN);
	size_t len;
	int error;

	if (path)
	{
		token = aws_secret_read_file(path, &len);
		error = errno;
		if (token == NULL)
			failed(psprintf("Token file \"%s\" cannot be read: %s.", aws_printable(path),
							strerror(error)));
	}
	/* They would end the header, and begin another one. */
	if (token && strpbrk(token, "\r\n"))
		failed(psprintf("The token in %s has a line break.", path ? TOKEN_FILE : TOKEN));
	return token;
}

/* One attempt; NULL, or what went wrong. */
static const char *
try_once(AwsTransport *transport, const AwsHttpRequest *request,
		 AwsCredentials *credentials)
{
	const AwsExchange *exchange = aws_fetch(transport, request);
	const char *url = aws_printable(request->url);
	const char *problem = aws_fetch_problem(exchange, url, TIMEOUT);
	const char *body;
	size_t len;

	if (problem)
		return problem;
	body = aws_exchange_body(exchange, &len);
	problem = aws_json_credentials(aws_json_parse_secret(body, len), "Token", true,
								   credentials);
	return problem ? psprintf("The answer from %s %s.", url, problem) : NULL;
}

/*
 * Asks the address that the environment names, without a proxy.  Throws if it does
 * not answer with credentials.
 */
bool
aws_provider_container(AwsChain *chain, AwsCredentials *credentials)
{
	AwsTransportConfig config = {.user_agent = chain->config->user_agent,
								 .ca_bundle = chain->config->ca_bundle,
								 .proxy = "",
								 .is_metadata = true,
								 .is_secret = true,
								 .connect_timeout = TIMEOUT,
								 .read_timeout = TIMEOUT,
								 .max_response_size = MAX_RESPONSE_SIZE,
								 .max_connections = 1};
	const char *uri = find_uri();
	const char *token = uri ? find_token() : NULL;
	AwsHeader headers[] = {{"Accept", "application/json"}, {"Authorization", token}};
	AwsHttpRequest request = {.method = "GET",
							  .url = uri,
							  .headers = headers,
							  .nheaders = token ? 2 : 1};
	AwsTransport *transport;

	if (uri == NULL)
		return aws_refuse(chain, AWS_PROVIDER_CONTAINER,
						  "Neither " RELATIVE_URI " nor " FULL_URI " is set.");
	transport = aws_fetch_open(&config);
	for (int attempt = 1;; attempt++)
	{
		const char *problem = try_once(transport, &request, credentials);

		if (problem == NULL)
			return true;
		if (attempt == MAX_ATTEMPTS)
			failed(psprintf("%s Tried %d times.", problem, attempt));
		aws_fetch_pause(PAUSE);
	}
}
