/*
 * transport_private.h
 *		What transport.c and exchange.c know of each other.
 */
#ifndef AWS_TRANSPORT_PRIVATE_H
#define AWS_TRANSPORT_PRIVATE_H

#include <curl/curl.h>

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "storage/latch.h"

#include "aws/transport.h"

/* Descriptors of a pool without connections: the pollset, and the pair of sockets
 * by which libcurl wakes itself. */
#define TRANSPORT_FDS 3

/* A socket that libcurl has for a connection. */
typedef struct AwsSocket
{
	curl_socket_t fd;
	ino_t inode;   /* libcurl does not tell of each one that it closes */
	int watched;   /* what for it is in the pollset: CURL_POLL_*, 0: it is not */
	bool awaited;  /* does libcurl wait for it? */
	bool may_talk; /* also when nothing was asked, as HTTP/2 does */
	TimestampTz opened;
	char address[AWS_ADDRESS_SIZE]; /* of the peer */
} AwsSocket;

struct AwsTransport
{
	MemoryContext context; /* holds this struct and what it points to */
	AwsTransportConfig config;

	CURLM *multi;
	bool broken;            /* has multi failed?  Then nobody knows what it has lost */
	int pollset;            /* the sockets that libcurl waits for, or -1 */
	WaitEventSet *wait_set; /* latch, postmaster death, pollset */
	double wake_up;         /* when libcurl wants to be called; < 0: never */
	double driven;          /* when it was called last */
	double watched_since; /* so long somebody has waited for it elsewhere; < 0: nobody */

	CURL **idle; /* up to max_connections handles with the common options set */
	int nidle;

	dlist_head exchanges; /* those under way */
	int nexchanges;
	AwsSocket *sockets; /* those open, to be shown; not all if there are very many */
	int nsockets;
	int max_sockets;
	int reserved_fds; /* external descriptors reserved with fd.c */
};

struct AwsExchange
{
	AwsTransport *transport;
	dlist_node node; /* in transport->exchanges while it is under way */
	MemoryContextCallback cleanup;

	CURL *easy; /* NULL once released */
	bool added; /* under way: easy is in transport->multi */
	struct curl_slist *headers;
	char *lines; /* of the headers, one after the other; NULL: none yet */
	size_t lines_size;
	char problem[CURL_ERROR_SIZE];

	AwsOutcome outcome;
	bool connected;
	int local_port;       /* of the connection */
	bool sent_again;      /* by libcurl, over another one than at first */
	double last_progress; /* time of the start, the connection, or the last byte */
	size_t received;      /* bytes of headers and body */
	bool head_complete;   /* has the empty line after the headers come? */
	char *body;           /* malloc'ed, NUL-terminated */
	size_t body_len;
	size_t body_size;
	bool no_socket; /* could none be opened? */
	bool forbidden; /* was there an address not to be talked to? */
	bool too_large;
	bool out_of_memory;
};

extern void aws_transport_note_socket(AwsTransport *transport, curl_socket_t fd,
									  const struct sockaddr *address);
extern void aws_transport_forget_socket(AwsTransport *transport, curl_socket_t fd);
extern bool aws_transport_begin(AwsTransport *transport, AwsExchange *exchange);
extern void aws_transport_forgive_idleness(AwsTransport *transport);
extern void aws_transport_reserve_fds(AwsTransport *transport, int n);

extern void aws_exchange_end(AwsExchange *exchange, AwsOutcome outcome);
extern void aws_exchange_end_with(AwsExchange *exchange, CURLcode code);
extern double aws_exchange_deadline(const AwsExchange *exchange);
extern void aws_exchange_expire(AwsExchange *exchange);

#endif /* AWS_TRANSPORT_PRIVATE_H */
