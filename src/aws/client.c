/*
 * client.c
 *		One API call: request in, parsed answer or typed error out.
 *
 * The protocol is AWS JSON 1.1: every call is a POST to "/" whose X-Amz-Target
 * header names the operation.
 */
#include "postgres.h"

#include <time.h>
#include <openssl/crypto.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "aws/client.h"
#include "aws/endpoint.h"
#include "aws/json.h"
#include "aws/transport.h"
#include "version.h"

#define USER_AGENT   "forecast_fdw/" FORECAST_FDW_VERSION
#define CONTENT_TYPE "application/x-amz-json-1.1"

struct AwsClient
{
	MemoryContext context; /* holds this struct and what it points to */
	const AwsService *service;
	const char *region;
	AwsEndpoint endpoint;
	AwsCredentials credentials;
	AwsSigningKey signing_key;
	AwsTransport *transport;

	int ncalls;    /* calls not freed yet */
	bool released; /* goes away with its last call */
};

struct AwsCall
{
	AwsClient *client;
	MemoryContextCallback cleanup;
	AwsQuestion question;
	char signature[AWS_SHA256_HEX_LEN + 1];
	AwsExchange *exchange;
	AwsAnswer answer;
};

/* Memory context callback: wipes secrets, gives the connections up. */
static void
free_client(void *arg)
{
	AwsClient *client = arg;

	aws_credentials_wipe(&client->credentials);
	OPENSSL_cleanse(&client->signing_key, sizeof(client->signing_key));
	if (client->transport)
		aws_transport_close(client->transport);
}

/*
 * Makes a client; no connection is made before the first call.  config is
 * copied.  The client lives until aws_client_release(), whatever becomes of the
 * caller's memory context or transaction.
 */
AwsClient *
aws_client_create(const AwsService *service, const AwsClientConfig *config)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "forecast_fdw client",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	AwsClient *client = palloc0(sizeof(AwsClient));
	MemoryContextCallback *cleanup = palloc(sizeof(MemoryContextCallback));
	AwsTransportConfig transport = {.user_agent = USER_AGENT,
									.ca_bundle = config->ca_bundle,
									.proxy = "",
									.connect_timeout = config->connect_timeout,
									.read_timeout = config->read_timeout,
									.max_response_size = config->max_response_size,
									.max_connections = config->max_pool_connections};

	client->context = context;
	cleanup->func = free_client;
	cleanup->arg = client;
	MemoryContextRegisterResetCallback(context, cleanup);

	client->service = service;
	client->region = pstrdup(config->region);
	if (config->endpoint_url)
		aws_endpoint_for_url(&client->endpoint, config->endpoint_url);
	else
		aws_endpoint_for_region(&client->endpoint, service->endpoint_prefix,
								config->region);
	aws_credentials_copy(&client->credentials, &config->credentials);
	client->transport = aws_transport_create(&transport);

	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, TopMemoryContext);
	return client;
}

/*
 * Gives the client up: now, or with the last of its calls.  Never throws.
 */
void
aws_client_release(AwsClient *client)
{
	client->released = true;
	if (client->ncalls == 0)
		MemoryContextDelete(client->context);
}

/* Memory context callback. */
static void
free_call(void *arg)
{
	AwsClient *client = ((AwsCall *) arg)->client;

	client->ncalls--;
	if (client->released && client->ncalls == 0)
		MemoryContextDelete(client->context);
}

/*
 * Signs the call as of now and sends it.  Each attempt is signed afresh: a
 * signature is valid for minutes only.
 */
static void
send_attempt(AwsCall *call)
{
	AwsClient *client = call->client;
	AwsCredentialScope scope = {.region = client->region,
								.service = client->service->signing_name};
	const char *body = call->question.input;
	AwsSignableRequest request;
	StringInfoData authorization;
	AwsHeader headers[6];
	int n = 0;

	body = pg_server_to_any(body, strlen(body), PG_UTF8);
	aws_sigv4_datetime(time(NULL), scope.datetime);

	headers[n++] = (AwsHeader){"Host", client->endpoint.host};
	headers[n++] = (AwsHeader){"Content-Type", CONTENT_TYPE};
	headers[n++] = (AwsHeader){"X-Amz-Date", scope.datetime};
	headers[n++] = (AwsHeader){"X-Amz-Target",
							   psprintf("%s.%s", client->service->target_prefix,
										call->question.operation)};
	if (client->credentials.session_token)
		headers[n++] = (AwsHeader){"X-Amz-Security-Token",
								   client->credentials.session_token};

	request = (AwsSignableRequest){.method = "POST",
								   .path = "/",
								   .query = "",
								   .headers = headers,
								   .nheaders = n,
								   .body = body,
								   .body_len = strlen(body)};
	initStringInfo(&authorization);
	aws_sigv4_authorization(&authorization, &request, &scope, &client->credentials,
							&client->signing_key, call->signature);
	headers[n++] = (AwsHeader){"Authorization", authorization.data};

	call->exchange = aws_transport_send(client->transport,
										&(AwsHttpRequest){.method = "POST",
														  .url = client->endpoint.url,
														  .headers = headers,
														  .nheaders = n,
														  .body = body,
														  .body_len = strlen(body)});
}

/*
 * Starts a call and returns without waiting.  input is the JSON input in the
 * server's encoding; it and operation are copied.  The call is allocated in the
 * current memory context and ends with it.
 */
AwsCall *
aws_call_start(AwsClient *client, const char *operation, const char *input)
{
	AwsCall *call = palloc0(sizeof(AwsCall));

	call->client = client;
	call->question.service = client->service->title;
	call->question.operation = pstrdup(operation);
	call->question.url = pstrdup(client->endpoint.url);
	call->question.input = pstrdup(input);

	/* Registered first, so called last: after the exchange's own. */
	client->ncalls++;
	call->cleanup.func = free_call;
	call->cleanup.arg = call;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &call->cleanup);

	send_attempt(call);
	return call;
}

/* Sorts what came back into answer or error. */
static void
read_answer(AwsCall *call)
{
	AwsExchange *exchange = call->exchange;
	AwsAnswer *answer = &call->answer;
	AwsSecrets secrets = {{call->client->credentials.secret_access_key,
						   call->client->credentials.session_token, call->signature}};
	size_t len;
	const char *body = aws_exchange_body(exchange, &len);
	char *text = palloc(len + 1);

	memcpy(text, body, len + 1);
	aws_json_replace_nul(text);
	answer->received = aws_exchange_received(exchange);
	if (aws_exchange_outcome(exchange) == AWS_OUTCOME_ANSWERED &&
		aws_exchange_status(exchange) / 100 == 2)
	{
		cJSON *json = aws_json_parse(text, len);

		if (cJSON_IsObject(json))
		{
			answer->json = json;
			answer->text = text;
			/* An error goes on pointing into it. */
			aws_exchange_release(exchange);
			return;
		}
	}
	answer->error = aws_error_read(&call->question, &secrets, exchange, text, len);
}

/*
 * Has the call come to an end, so that its answer can be read without waiting?
 */
bool
aws_call_is_done(const AwsCall *call)
{
	return aws_exchange_outcome(call->exchange) != AWS_OUTCOME_PENDING;
}

/*
 * The body of what a call that is done has brought, whatever it is, NUL-terminated.
 * Valid until the answer is read.
 */
const char *
aws_call_body(const AwsCall *call, size_t *len)
{
	return aws_exchange_body(call->exchange, len);
}

/*
 * The client that the call was made with, which lives as long as the call.
 */
AwsClient *
aws_call_client(const AwsCall *call)
{
	return call->client;
}

/*
 * The answer of a call that is done, to be read once.  Must be called in the
 * memory context the call was started in, in which the answer is allocated.
 * Whatever went wrong with the call is in the answer.
 */
const AwsAnswer *
aws_call_answer(AwsCall *call)
{
	Assert(aws_call_is_done(call));
	read_answer(call);
	return &call->answer;
}

/*
 * May another call be started within max_pool_connections?
 */
bool
aws_client_has_room(const AwsClient *client)
{
	return aws_transport_has_room(client->transport);
}

/*
 * Waits until something happens to one of the client's calls, if there are any.
 * Throws what an interrupt throws.
 */
void
aws_client_wait(AwsClient *client)
{
	aws_transport_wait(client->transport);
}

/*
 * Moves the client's calls along without waiting.  Throws what an interrupt
 * throws.
 */
void
aws_client_advance(AwsClient *client)
{
	aws_transport_advance(client->transport);
}

/*
 * A descriptor that becomes readable when aws_client_advance() has something to
 * do, apart from what is due with time.  It is the client's own.
 */
int
aws_client_pollset(const AwsClient *client)
{
	return aws_transport_pollset(client->transport);
}

/*
 * Milliseconds until aws_client_advance() has something to do even if no socket
 * does.  To be called before a wait.
 */
long
aws_client_due(AwsClient *client)
{
	return aws_transport_due(client->transport);
}

/*
 * Says that the current statement waits for aws_client_pollset() and
 * aws_client_due() by means of its own, until aws_client_advance() is called.
 */
void
aws_client_watch(AwsClient *client)
{
	aws_transport_watch(client->transport);
}
