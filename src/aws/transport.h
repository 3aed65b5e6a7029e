/*
 * transport.h
 *		HTTP requests that a backend can wait for.
 */
#ifndef AWS_TRANSPORT_H
#define AWS_TRANSPORT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "aws/sigv4.h"

/* A pool of connections; see aws_transport_create(). */
typedef struct AwsTransport AwsTransport;

/* One request and its response; see aws_transport_send(). */
typedef struct AwsExchange AwsExchange;

typedef struct AwsTransportConfig
{
	const char *user_agent;
	const char *ca_bundle;    /* file of CA certificates; NULL: the system's */
	const char *proxy;        /* its URL; "": none; NULL: as the environment says */
	bool is_metadata;         /* may it talk to link-local addresses, as no other may? */
	bool is_secret;           /* are responses wiped when they are freed? */
	double connect_timeout;   /* seconds, for name, TCP and TLS together */
	double read_timeout;      /* seconds without a byte from the server */
	size_t max_response_size; /* bytes, headers and body together */
	int max_connections;      /* kept open, and exchanges meant to be under way */
} AwsTransportConfig;

typedef struct AwsHttpRequest
{
	const char *method; /* GET, PUT or POST */
	const char *url;
	const AwsHeader *headers;
	int nheaders;
	const char *body; /* of a PUT or POST; must live as long as the exchange */
	size_t body_len;
} AwsHttpRequest;

/* Room for an address with its port, as text. */
#define AWS_ADDRESS_SIZE sizeof("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")

/* An open connection. */
typedef struct AwsConnection
{
	char address[AWS_ADDRESS_SIZE]; /* of the peer */
	TimestampTz opened;
	bool active; /* does an exchange use it? */
} AwsConnection;

/* How an exchange ended. */
typedef enum AwsOutcome
{
	AWS_OUTCOME_PENDING,
	AWS_OUTCOME_ANSWERED,    /* a complete HTTP response, of any status */
	AWS_OUTCOME_FORBIDDEN,   /* no connection: the address is none to talk to */
	AWS_OUTCOME_NO_SOCKET,   /* no connection: the process has too many files open */
	AWS_OUTCOME_UNTRUSTED,   /* no connection: the certificate, or ours to check it */
	AWS_OUTCOME_UNREACHABLE, /* no connection: name, TCP, TLS */
	AWS_OUTCOME_CONNECT_TIMEOUT,
	AWS_OUTCOME_READ_TIMEOUT,
	AWS_OUTCOME_CUT,       /* the connection ended before the response did */
	AWS_OUTCOME_TOO_LARGE, /* the response exceeds max_response_size */
	AWS_OUTCOME_NOT_HTTP,  /* the peer does not speak HTTP */
	AWS_OUTCOME_OUT_OF_MEMORY
} AwsOutcome;

extern double aws_transport_now(void);
extern void aws_transport_reclaim_by(bool (*close_unused)(void));
extern AwsTransport *aws_transport_create(const AwsTransportConfig *config);
extern void aws_transport_close(AwsTransport *transport);
extern bool aws_transport_is_broken(const AwsTransport *transport);

extern AwsExchange *
aws_transport_send(AwsTransport *transport, const AwsHttpRequest *request);
extern void aws_transport_wait(AwsTransport *transport, double callers_due);
extern void aws_transport_advance(AwsTransport *transport);
extern List *aws_transport_connections(AwsTransport *transport);
extern int aws_transport_pollset(const AwsTransport *transport);
extern long aws_transport_due(AwsTransport *transport, double callers_due);
extern void aws_transport_watch(AwsTransport *transport);

extern AwsOutcome aws_exchange_outcome(const AwsExchange *exchange);
extern const char *aws_exchange_problem(const AwsExchange *exchange);
extern size_t aws_exchange_received(const AwsExchange *exchange);
extern long aws_exchange_status(const AwsExchange *exchange);
extern const char *aws_exchange_header(const AwsExchange *exchange, const char *name);
extern const char *aws_exchange_body(const AwsExchange *exchange, size_t *len);
extern void aws_exchange_release(AwsExchange *exchange);

#endif /* AWS_TRANSPORT_H */
