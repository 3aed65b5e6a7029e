/*
 * client.c
 *		One API call: request in, parsed answer or typed error out, however many
 *		attempts that takes.
 *
 * The protocol is AWS JSON 1.1: every call is a POST to "/" whose X-Amz-Target
 * header names the operation.
 */
#include "postgres.h"

#include <time.h>
#include <openssl/crypto.h>

#include "common/pg_prng.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "aws/client.h"
#include "aws/endpoint.h"
#include "aws/json.h"
#include "aws/sigv4.h"
#include "aws/transport.h"
#include "aws/user_agent.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"

/*
 * Credentials in use, with the key derived from them.  When the client gets others,
 * calls that were signed with these still need them, to have errors cleared of them.
 */
typedef struct ClientCredentials
{
	MemoryContext context; /* holds this struct and what it points to */
	MemoryContextCallback cleanup;
	int users; /* the client, and calls */
	AwsCredentials keys;
	AwsSigningKey signing_key;
} ClientCredentials;

/*
 * Calls under way, in connections: those that wait for another attempt leave their
 * connections to others, as long as others are answered.
 */
#define CALLS_PER_CONNECTION 4

struct AwsClient
{
	MemoryContext context; /* holds this struct and what it points to */
	const AwsService *service;
	const char *region;
	AwsEndpoint endpoint;
	AwsIdentity *identity;
	ClientCredentials *credentials; /* that requests are signed with; NULL: none yet */
	AwsTransportConfig transport_config;
	AwsTransport *transport; /* NULL: not needed yet, or closed for others */
	dlist_node recency;      /* in clients */
	AwsRetrier retrier;
	time_t clock_offset; /* of the service's clock, as far as it is known, in seconds */
	int max_attempts_under_way;
	void (*observe)(void *arg, const AwsCallReport *report);
	void *observe_arg;

	dlist_head calls; /* those under way, the oldest first */
	int ncalls;       /* those */
	bool failing;     /* is the last attempt to be made again? */
	int nattempts;    /* attempts under way: so many of the calls do not wait */
	int nheld;        /* so many memory contexts need it */
	bool released;    /* goes away with the last of them */
};

struct AwsCall
{
	AwsClient *client;
	MemoryContext context; /* of the call and of its answer */
	MemoryContextCallback cleanup;
	dlist_node node; /* in client->calls while it is under way */
	AwsQuestion question;
	const char *target; /* value of X-Amz-Target */
	const char *body;   /* in UTF-8 */
	const char *invocation_id;
	ClientCredentials *credentials;
	char signature[AWS_SHA256_HEX_LEN + 1];

	double started;
	double send_at;        /* when the next attempt is to be sent */
	AwsExchange *exchange; /* the attempt under way, or the last; NULL: none yet, or
							* waiting for send_at */
	bool counted;          /* is it one of client->nattempts? */
	AwsRetryState retry;
	time_t clock_offset;  /* that the attempt was signed with */
	bool clock_corrected; /* once is enough */
	bool done;
	AwsAnswer answer;
};

/* ---- credentials ---- */

/* Memory context callback. */
static void
wipe_credentials(void *arg)
{
	ClientCredentials *credentials = arg;

	aws_credentials_wipe(&credentials->keys);
	OPENSSL_cleanse(&credentials->signing_key, sizeof(credentials->signing_key));
}

/*
 * Frees credentials that nobody needs any longer: neither the client, nor a call
 * whose errors are to be cleared of them.
 */
static void
release_credentials(ClientCredentials *credentials)
{
	if (credentials && --credentials->users == 0)
		MemoryContextDelete(credentials->context);
}

/* A copy of these keys, in a context of its own. */
static ClientCredentials *
keep_credentials(AwsClient *client, const AwsCredentials *keys)
{
	MemoryContext context = AllocSetContextCreate(client->context,
												  "forecast_fdw credentials",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ClientCredentials *credentials = palloc0(sizeof(ClientCredentials));

	credentials->context = context;
	credentials->users = 1;
	credentials->cleanup.func = wipe_credentials;
	credentials->cleanup.arg = credentials;
	MemoryContextRegisterResetCallback(context, &credentials->cleanup);
	aws_credentials_copy(&credentials->keys, keys);
	MemoryContextSwitchTo(caller);
	return credentials;
}

/* Do these sign as those do? */
static bool
are_same_credentials(const AwsCredentials *a, const AwsCredentials *b)
{
	return strcmp(a->access_key_id, b->access_key_id) == 0 &&
		   strcmp(a->secret_access_key, b->secret_access_key) == 0 &&
		   (a->session_token && b->session_token ?
				strcmp(a->session_token, b->session_token) == 0 :
				a->session_token == b->session_token);
}

/*
 * Sees to it that the client has credentials that are valid for a while.  May wait
 * for where they come from; throws if there are none.
 */
static void
refresh_credentials(AwsClient *client)
{
	const AwsCredentials *keys = aws_identity_credentials(client->identity);
	ClientCredentials *before = client->credentials;

	if (before && are_same_credentials(&before->keys, keys))
		return;
	client->credentials = keep_credentials(client, keys);
	release_credentials(before);
}

/* ---- clients ---- */

/* All there are, the one that has made no call for longest first. */
static dlist_head clients = DLIST_STATIC_INIT(clients);

/*
 * Closes the connections of the first client that nobody holds; false if there is
 * none with any.  Never throws.
 */
static bool
close_unused_transport(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &clients)
	{
		AwsClient *client = dlist_container(AwsClient, recency, iter.cur);

		if (client->transport == NULL || client->nheld > 0)
			continue;
		aws_transport_close(client->transport);
		client->transport = NULL;
		return true;
	}
	return false;
}

/* The client's connections, which may be closed again when nobody holds it. */
static AwsTransport *
open_transport(AwsClient *client)
{
	if (client->transport == NULL)
		client->transport = aws_transport_create(&client->transport_config);
	return client->transport;
}

/* Memory context callback: gives the connections up. */
static void
free_client(void *arg)
{
	AwsClient *client = arg;

	Assert(client->nheld == 0);
	dlist_delete(&client->recency);
	if (client->transport)
		aws_transport_close(client->transport);
}

static void
set_endpoint(AwsClient *client, const AwsClientConfig *config)
{
	if (config->endpoint_url)
		aws_endpoint_for_url(&client->endpoint, config->endpoint_url);
	else
		aws_endpoint_for_region(&client->endpoint, client->service->endpoint_prefix,
								config->region, config->use_fips_endpoint,
								config->use_dualstack_endpoint);
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
	char *user_agent = aws_user_agent(config->retry_mode, config->app_id);
	AwsIdentityConfig identity = config->identity;

	client->context = context;
	cleanup->func = free_client;
	cleanup->arg = client;
	dlist_push_tail(&clients, &client->recency);
	MemoryContextRegisterResetCallback(context, cleanup);
	aws_transport_reclaim_by(close_unused_transport);

	client->service = service;
	client->region = pstrdup(config->region);
	client->max_attempts_under_way = config->max_pool_connections;
	client->observe = config->observe;
	client->observe_arg = config->observe_arg;
	dlist_init(&client->calls);
	set_endpoint(client, config);
	aws_retry_init(&client->retrier, config->retry_mode, config->max_attempts);
	identity.user_agent = user_agent;
	client->identity = aws_identity_create(&identity);
	client->transport_config = (AwsTransportConfig){
		.user_agent = user_agent,
		.ca_bundle = config->ca_bundle ? pstrdup(config->ca_bundle) : NULL,
		.proxy = config->proxy ? pstrdup(config->proxy) : NULL,
		.connect_timeout = config->connect_timeout,
		.read_timeout = config->read_timeout,
		.max_response_size = config->max_response_size,
		.max_connections = config->max_pool_connections};

	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, TopMemoryContext);
	return client;
}

/* Memory context callback. */
static void
let_go(void *arg)
{
	AwsClient *client = arg;

	client->nheld--;
	if (client->released && client->nheld == 0)
		MemoryContextDelete(client->context);
}

/*
 * Keeps the client alive as long as the current memory context, even if it is
 * released.  Callbacks registered there later are called before it goes.
 */
void
aws_client_hold(AwsClient *client)
{
	MemoryContextCallback *callback = palloc(sizeof(MemoryContextCallback));

	callback->func = let_go;
	callback->arg = client;
	client->nheld++;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

/*
 * Gives the client up: now, or when nobody holds it any longer.  Never throws.
 */
void
aws_client_release(AwsClient *client)
{
	client->released = true;
	if (client->nheld == 0)
		MemoryContextDelete(client->context);
}

/*
 * Is the client past mending, so that its calls fail?  Then another is to be made.
 */
bool
aws_client_is_broken(const AwsClient *client)
{
	return client->transport && aws_transport_is_broken(client->transport);
}

/*
 * Where the client's requests go, and as whom they are signed.
 */
const char *
aws_client_region(const AwsClient *client)
{
	return client->region;
}

const char *
aws_client_endpoint_url(const AwsClient *client)
{
	return client->endpoint.url;
}

AwsIdentity *
aws_client_identity(AwsClient *client)
{
	return client->identity;
}

/*
 * The client's open connections: AwsConnections, palloc'd.
 */
List *
aws_client_connections(AwsClient *client)
{
	return client->transport ? aws_transport_connections(client->transport) : NIL;
}

/* ---- one attempt ---- */

/* Signs the attempt as of now.  Each is signed afresh: a signature is valid for
 * minutes only. */
static void
sign_attempt(AwsCall *call, AwsHeader *headers, int *nheaders)
{
	AwsClient *client = call->client;
	const AwsCredentials *keys = &call->credentials->keys;
	AwsCredentialScope scope = {.region = client->region,
								.service = client->service->signing_name};
	AwsSignableRequest request;
	StringInfoData authorization;
	int n = 0;

	call->clock_offset = client->clock_offset;
	aws_sigv4_datetime(time(NULL) + call->clock_offset, scope.datetime);
	headers[n++] = (AwsHeader){"Host", client->endpoint.host};
	headers[n++] = (AwsHeader){"Content-Type", CONTENT_TYPE};
	headers[n++] = (AwsHeader){"X-Amz-Date", pstrdup(scope.datetime)};
	headers[n++] = (AwsHeader){"X-Amz-Target", call->target};
	if (keys->session_token)
		headers[n++] = (AwsHeader){"X-Amz-Security-Token", keys->session_token};

	request = (AwsSignableRequest){.method = "POST",
								   .path = "/",
								   .query = "",
								   .headers = headers,
								   .nheaders = n,
								   .body = call->body,
								   .body_len = strlen(call->body)};
	initStringInfo(&authorization);
	aws_sigv4_authorization(&authorization, &request, &scope, keys,
							&call->credentials->signing_key, call->signature);
	headers[n++] = (AwsHeader){"Authorization", authorization.data};
	*nheaders = n;
}

/* Sends the call, for the first time or again. */
static void
send_attempt(AwsCall *call)
{
	AwsClient *client = call->client;
	MemoryContext caller = MemoryContextSwitchTo(call->context);
	AwsHeader headers[8];
	int n;

	sign_attempt(call, headers, &n);
	headers[n++] = (AwsHeader){"amz-sdk-invocation-id", call->invocation_id};
	headers[n++] = (AwsHeader){"amz-sdk-request",
							   psprintf("attempt=%d; max=%d", call->retry.attempts + 1,
										client->retrier.max_attempts)};
	call->exchange = aws_transport_send(open_transport(client),
										&(AwsHttpRequest){.method = "POST",
														  .url = client->endpoint.url,
														  .headers = headers,
														  .nheaders = n,
														  .body = call->body,
														  .body_len = strlen(
															  call->body)});
	client->nattempts++;
	call->counted = true;
	aws_retry_note_sent(&call->retry, aws_transport_now());
	MemoryContextSwitchTo(caller);
}

/* May another attempt be under way? */
static bool
has_connection(const AwsClient *client)
{
	return client->nattempts < client->max_attempts_under_way;
}

/* Sends a call whose time has come, unless others have to be let go first. */
static void
send_if_due(AwsCall *call, double now)
{
	if (call->send_at > now || !has_connection(call->client))
		return;
	call->send_at = aws_retry_take_turn(&call->client->retrier, now);
	if (call->send_at <= now)
		send_attempt(call);
}

/* What must not be printed of what the last attempt has brought. */
static AwsSecrets
secrets_of(const AwsCall *call)
{
	const AwsCredentials *keys = &call->credentials->keys;

	return (AwsSecrets){{keys->secret_access_key, keys->session_token, call->signature}};
}

/* The last response's body, palloc'd, as JSON text if it is that. */
static char *
read_text(const AwsCall *call, size_t *len)
{
	const char *body = aws_exchange_body(call->exchange, len);
	char *text = palloc(*len + 1);

	memcpy(text, body, *len + 1);
	aws_json_replace_nul(text);
	return text;
}

/* Reads what went wrong with an attempt. */
static AwsError *
read_error(AwsCall *call)
{
	AwsSecrets secrets = secrets_of(call);
	size_t len;
	char *text = read_text(call, &len);

	return aws_error_read(&call->question, &secrets, call->exchange, text, len);
}

/*
 * Is the error due to a clock that is off, and can that be corrected?  Then the
 * correction is kept, for all calls.
 */
static bool
correct_clock(AwsCall *call, const AwsError *error)
{
	if (call->clock_corrected ||
		!aws_error_clock_offset(error, call->clock_offset, &call->client->clock_offset))
		return false;
	call->clock_corrected = true;
	return true;
}

/*
 * Decides what becomes of a call after a failed attempt: true if there is to be
 * another one, at call->send_at.
 */
static bool
try_again(AwsCall *call, AwsError *error)
{
	double now = aws_transport_now();
	AwsFailure failure = aws_error_failure(error);

	if (correct_clock(call, error))
	{
		call->send_at = now;
		return true;
	}
	if (aws_error_is_of_credentials(error))
		aws_identity_distrust(call->client->identity);
	if (failure == AWS_FAILURE_FINAL || failure == AWS_FAILURE_SKEW)
	{
		error->attempts = call->retry.attempts;
		aws_retry_note_answer(&call->client->retrier, &call->retry, now);
		return false;
	}
	call->send_at = aws_retry_after_failure(&call->client->retrier, &call->retry, error,
											now);
	return call->send_at >= 0;
}

/* Its attempt is over. */
static void
uncount_attempt(AwsCall *call)
{
	call->client->nattempts -= call->counted;
	call->counted = false;
}

/* Takes a call off those under way. */
static void
leave_client(AwsCall *call)
{
	dlist_delete(&call->node);
	call->client->ncalls--;
	call->done = true;
}

/* The call is over. */
static void
finish_call(AwsCall *call)
{
	AwsClient *client = call->client;
	AwsAnswer *answer = &call->answer;
	AwsCallReport report = {.operation = call->question.operation,
							.error = answer->error,
							.sent = strlen(call->body) * call->retry.attempts,
							.received = answer->received,
							.seconds = aws_transport_now() - call->started};

	answer->retries = report.retries = call->retry.attempts - 1;
	answer->throttles = report.throttles = call->retry.throttles;
	leave_client(call);
	if (client->observe)
		client->observe(client->observe_arg, &report);
}

/* An attempt has come to its end: so does the call, or it is tried again. */
static void
finish_attempt(AwsCall *call)
{
	AwsClient *client = call->client;
	AwsExchange *exchange = call->exchange;
	MemoryContext caller = MemoryContextSwitchTo(call->context);

	uncount_attempt(call);
	call->answer.received += aws_exchange_received(exchange);
	if (aws_exchange_outcome(exchange) == AWS_OUTCOME_ANSWERED &&
		aws_exchange_status(exchange) / 100 == 2)
	{
		client->failing = false;
		aws_retry_note_answer(&client->retrier, &call->retry, aws_transport_now());
		finish_call(call);
	}
	else
	{
		AwsError *error = read_error(call);

		client->failing = try_again(call, error);
		if (client->failing)
		{
			aws_exchange_release(exchange);
			call->exchange = NULL;
		}
		else
		{
			call->answer.error = error;
			finish_call(call);
		}
	}
	MemoryContextSwitchTo(caller);
}

/* Looks after all calls under way: ends attempts, begins those that are due. */
static void
advance_calls(AwsClient *client)
{
	dlist_mutable_iter iter;
	double now = aws_transport_now();

	dlist_foreach_modify(iter, &client->calls)
	{
		AwsCall *call = dlist_container(AwsCall, node, iter.cur);

		if (call->exchange && aws_exchange_outcome(call->exchange) != AWS_OUTCOME_PENDING)
			finish_attempt(call);
		else if (call->exchange == NULL)
			send_if_due(call, now);
	}
}

/* When there is something to do for advance_calls(); < 0: only when calls end. */
static double
calls_due(AwsClient *client)
{
	double due = -1;
	dlist_iter iter;

	dlist_foreach(iter, &client->calls)
	{
		const AwsCall *call = dlist_container(AwsCall, node, iter.cur);

		if (call->exchange && aws_exchange_outcome(call->exchange) != AWS_OUTCOME_PENDING)
			return 0;
		if (call->exchange == NULL && has_connection(client) &&
			(due < 0 || call->send_at < due))
			due = call->send_at;
	}
	return due;
}

/* ---- calls ---- */

/* Memory context callback. */
static void
free_call(void *arg)
{
	AwsCall *call = arg;
	AwsClient *client = call->client;

	uncount_attempt(call);
	if (!call->done && call->exchange == NULL)
		aws_retry_note_given_up(&client->retrier, &call->retry);
	if (!call->done)
		leave_client(call);
	release_credentials(call->credentials);
}

/* Puts a call under way. */
static void
enter_client(AwsCall *call)
{
	AwsClient *client = call->client;

	call->credentials = client->credentials;
	call->credentials->users++;
	client->ncalls++;
	dlist_push_tail(&client->calls, &call->node);
	call->cleanup.func = free_call;
	call->cleanup.arg = call;
	MemoryContextRegisterResetCallback(call->context, &call->cleanup);
}

/*
 * A random UUID (RFC 9562, version 4), palloc'd, by which AWS knows the attempts of a
 * call for one.  It need not be hard to guess, and OpenSSL's generator, which may ask
 * the kernel, would take longer than the signature.
 */
static const char *
make_invocation_id(void)
{
	uint64 high = pg_prng_uint64(&pg_global_prng_state);
	uint64 low = pg_prng_uint64(&pg_global_prng_state);

	return psprintf("%08x-%04x-4%03x-%04x-%012llx", (unsigned) (high >> 32),
					(unsigned) (high >> 16) & 0xffff, (unsigned) high & 0xfff,
					(unsigned) (low >> 48 & 0x3fff) | 0x8000,
					(unsigned long long) low & 0xffffffffffff);
}

/*
 * Starts a call and returns without waiting, unless credentials have to be fetched
 * first.  input is the JSON input in the server's encoding; it and operation are
 * copied.  The call is allocated in the current memory context and ends with it.
 */
AwsCall *
aws_call_start(AwsClient *client, const char *operation, const char *input)
{
	AwsCall *call;

	/* Whatever looks a catalog up may find that options have changed. */
	aws_client_hold(client);
	dlist_delete(&client->recency);
	dlist_push_tail(&clients, &client->recency);
	refresh_credentials(client);

	call = palloc0(sizeof(AwsCall));
	call->client = client;
	call->context = CurrentMemoryContext;
	call->question.service = client->service->title;
	call->question.operation = pstrdup(operation);
	call->question.url = pstrdup(client->endpoint.url);
	call->question.input = pstrdup(input);
	call->target = psprintf("%s.%s", client->service->target_prefix, operation);
	call->body = pg_server_to_any(call->question.input, strlen(input), PG_UTF8);
	call->invocation_id = make_invocation_id();

	enter_client(call);
	call->started = call->send_at = aws_transport_now();
	send_if_due(call, call->started);
	return call;
}

/*
 * Has the call come to an end, so that its answer can be read without waiting?
 */
bool
aws_call_is_done(const AwsCall *call)
{
	return call->done;
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
	AwsAnswer *answer = &call->answer;
	AwsSecrets secrets = secrets_of(call);
	size_t len;
	char *text;

	Assert(call->done);
	if (answer->error)
		return answer;

	text = read_text(call, &len);
	aws_secrets_blot_out(text, &secrets);
	answer->json = aws_json_parse(text, len);
	if (cJSON_IsObject(answer->json))
	{
		answer->text = text;
		aws_exchange_release(call->exchange);
		return answer;
	}
	answer->json = NULL;
	answer->error = read_error(call);
	return answer;
}

/*
 * May another call be started within max_pool_connections?
 */
bool
aws_client_has_room(const AwsClient *client)
{
	int max_calls = client->max_attempts_under_way;

	if (!client->failing)
		max_calls *= CALLS_PER_CONNECTION;
	return has_connection(client) && client->ncalls < max_calls;
}

/*
 * Moves the client's calls along without waiting.  Throws what an interrupt
 * throws, and out of memory.
 */
void
aws_client_advance(AwsClient *client)
{
	aws_transport_advance(open_transport(client));
	advance_calls(client);
}

/*
 * Waits until something happens to one of the client's calls, if there are any.
 * Throws what aws_client_advance() throws.
 */
void
aws_client_wait(AwsClient *client)
{
	aws_transport_wait(open_transport(client), calls_due(client));
	advance_calls(client);
}

/*
 * A descriptor that becomes readable when aws_client_advance() has something to
 * do, apart from what is due with time.  It is the client's own.
 */
int
aws_client_pollset(AwsClient *client)
{
	return aws_transport_pollset(open_transport(client));
}

/*
 * Milliseconds until aws_client_advance() has something to do even if no socket
 * does.  To be called before a wait.
 */
long
aws_client_due(AwsClient *client)
{
	return aws_transport_due(open_transport(client), calls_due(client));
}

/*
 * Says that somebody waits from now on for aws_client_pollset() and aws_client_due(),
 * by means of his own, until aws_client_advance() is called for any client.
 */
void
aws_client_watch(AwsClient *client)
{
	aws_transport_watch(open_transport(client));
}
