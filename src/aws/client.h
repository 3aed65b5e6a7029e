/*
 * client.h
 *		Calls to an AWS service that speaks JSON 1.1.
 */
#ifndef AWS_CLIENT_H
#define AWS_CLIENT_H

#include <cjson/cJSON.h>

#include "aws/credentials.h"
#include "aws/error.h"

/* What one service's wire format needs; constant. */
typedef struct AwsService
{
	const char *title; /* as messages call it */
	const char *endpoint_prefix;
	const char *signing_name;
	const char *target_prefix; /* of the X-Amz-Target header */
} AwsService;

/* All that a client is made from. */
typedef struct AwsClientConfig
{
	char *region;
	char *endpoint_url;     /* NULL: the region's own */
	char *ca_bundle;        /* NULL: the system's certificates */
	double connect_timeout; /* seconds */
	double read_timeout;    /* seconds */
	int max_response_size;  /* bytes */
	int max_pool_connections;
	AwsCredentials credentials;
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
	size_t received;  /* bytes of the response */
} AwsAnswer;

extern AwsClient *
aws_client_create(const AwsService *service, const AwsClientConfig *config);
extern void aws_client_release(AwsClient *client);

extern AwsCall *
aws_call_start(AwsClient *client, const char *operation, const char *input);
extern bool aws_call_is_done(const AwsCall *call);
extern const char *aws_call_body(const AwsCall *call, size_t *len);
extern AwsClient *aws_call_client(const AwsCall *call);
extern const AwsAnswer *aws_call_answer(AwsCall *call);

extern bool aws_client_has_room(const AwsClient *client);
extern void aws_client_wait(AwsClient *client);
extern void aws_client_advance(AwsClient *client);
extern int aws_client_pollset(const AwsClient *client);
extern long aws_client_due(AwsClient *client);
extern void aws_client_watch(AwsClient *client);

#endif /* AWS_CLIENT_H */
