/*
 * client.h
 *		Calls to an AWS service that speaks JSON 1.1.
 */
#ifndef AWS_CLIENT_H
#define AWS_CLIENT_H

#include <cjson/cJSON.h>

#include "aws/error.h"
#include "aws/identity.h"
#include "aws/retry.h"

/* What one service's wire format needs; constant. */
typedef struct AwsService
{
	const char *title; /* as messages call it */
	const char *endpoint_prefix;
	const char *signing_name;
	const char *target_prefix; /* of the X-Amz-Target header */
} AwsService;

/* What there is to tell of a call that is over; see AwsClientConfig. */
typedef struct AwsCallReport
{
	const char *operation;
	const AwsError *error; /* NULL: it was answered */
	int retries;
	int throttles;
	size_t sent;     /* bytes of requests' bodies */
	size_t received; /* bytes of responses */
	double seconds;  /* from its start until the last response */
} AwsCallReport;

/* All that a client is made from. */
typedef struct AwsClientConfig
{
	AwsIdentityConfig identity;
	char *region;
	char *endpoint_url; /* NULL: the region's own */
	bool use_fips_endpoint;
	bool use_dualstack_endpoint;
	char *ca_bundle;        /* NULL: the system's certificates */
	char *proxy;            /* as in AwsTransportConfig */
	char *app_id;           /* for the User-Agent, NULL: none */
	double connect_timeout; /* seconds */
	double read_timeout;    /* seconds */
	int max_response_size;  /* bytes */
	int max_pool_connections;
	AwsRetryMode retry_mode;
	int max_attempts; /* of a call */

	/* Called when a call is over.  NULL: nobody wants to know. */
	void (*observe)(void *arg, const AwsCallReport *report);
	void *observe_arg;
} AwsClientConfig;

typedef struct AwsClient AwsClient;

/* A call under way; see aws_call_start(). */
typedef struct AwsCall AwsCall;

/* What came back. */
typedef struct AwsAnswer
{
	cJSON *json;      /* the answer, an object; NULL after an error */
	const char *text; /* the same as JSON text, UTF-8, NUL-terminated */
	AwsError *error;  /* NULL after an answer */
	size_t received;  /* bytes of all responses */
	int retries;
	int throttles; /* so many responses were */
} AwsAnswer;

extern AwsClient *
aws_client_create(const AwsService *service, const AwsClientConfig *config);
extern void aws_client_hold(AwsClient *client);
extern void aws_client_release(AwsClient *client);
extern bool aws_client_is_broken(const AwsClient *client);

extern const char *aws_client_region(const AwsClient *client);
extern const char *aws_client_endpoint_url(const AwsClient *client);
extern AwsIdentity *aws_client_identity(AwsClient *client);
extern List *aws_client_connections(AwsClient *client);

extern AwsCall *
aws_call_start(AwsClient *client, const char *operation, const char *input);
extern bool aws_call_is_done(const AwsCall *call);
extern const char *aws_call_body(const AwsCall *call, size_t *len);
extern AwsClient *aws_call_client(const AwsCall *call);
extern const AwsAnswer *aws_call_answer(AwsCall *call);

extern bool aws_client_has_room(const AwsClient *client);
extern void aws_client_wait(AwsClient *client);
extern void aws_client_advance(AwsClient *client);
extern int aws_client_pollset(AwsClient *client);
extern long aws_client_due(AwsClient *client);
extern void aws_client_watch(AwsClient *client);

#endif /* AWS_CLIENT_H */
