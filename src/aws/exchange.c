/*
 * exchange.c
 *		One HTTP request and its response, as libcurl is told and tells of it.
 *
 * The rules of transport.c hold here too.
 */
#include "postgres.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "aws/transport_private.h"
#include "aws/url.h"

/* First size of a response buffer; most answers fit. */
#define RESPONSE_BUFFER_SIZE 4096

/* What libcurl reads at once, which is all that one wake-up is good for: a page. */
#define RECEIVE_BUFFER_SIZE (64 * 1024L)

/* A connection is not used again after so long without use, and after so long at all. */
#define MAX_IDLE_SECONDS     60L
#define MAX_LIFETIME_SECONDS 600L

/* For so long a name is not looked up again: many connections begin at once, but one
 * that replaces another must not go where there is nobody any longer. */
#define MAX_NAME_SECONDS 2L

/* ---- callbacks from libcurl: they never throw and never palloc ---- */

/* The connection stands and the request is about to be sent. */
static int
on_connected(void *arg, char *remote_ip pg_attribute_unused(),
			 char *local_ip pg_attribute_unused(), int remote_port pg_attribute_unused(),
			 int local_port)
{
	AwsExchange *exchange = arg;

	exchange->sent_again = exchange->connected;
	exchange->connected = true;
	exchange->local_port = local_port;
	exchange->last_progress = exchange->transport->driven;
	return CURL_PREREQFUNC_OK;
}

/* Counts n more bytes; false if they exceed the cap. */
static bool
count_received(AwsExchange *exchange, size_t n)
{
	exchange->last_progress = exchange->transport->driven;
	exchange->received += n;
	exchange->too_large = exchange->received >
						  exchange->transport->config.max_response_size;
	return !exchange->too_large;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	AwsExchange *exchange = arg;

	/* An empty line ends the head; after an interim answer another one begins. */
	if (size * n > 0 && (data[0] == '\r' || data[0] == '\n'))
		exchange->head_complete = true;
	else if (size * n >= 5 && memcmp(data, "HTTP/", 5) == 0)
		exchange->head_complete = false;
	return count_received(exchange, size * n) ? size * n : 0;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	AwsExchange *exchange = arg;
	size_t needed;

	if (!count_received(exchange, size * n))
		return 0;

	needed = exchange->body_len + size * n + 1;
	if (needed > exchange->body_size)
	{
		const AwsTransportConfig *config = &exchange->transport->config;
		size_t least = Max(exchange->body_size * 2, RESPONSE_BUFFER_SIZE);
		/* A secret one does not grow, so that no part of it is left behind. */
		size_t new_size = config->is_secret ? config->max_response_size + 1 :
											  Max(needed, least);
		char *grown = realloc(exchange->body, new_size);

		if (grown == NULL)
		{
			exchange->out_of_memory = true;
			return 0;
		}
		exchange->body = grown;
		exchange->body_size = new_size;
	}
	memcpy(exchange->body + exchange->body_len, data, size * n);
	exchange->body_len += size * n;
	exchange->body[exchange->body_len] = '\0';
	return size * n;
}

/* The bytes of an address, NULL if it is none of the Internet's. */
static const void *
address_bytes(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return &((const struct sockaddr_in *) address)->sin_addr;
	if (address->sa_family == AF_INET6)
		return &((const struct sockaddr_in6 *) address)->sin6_addr;
	return NULL;
}

/* A socket for a connection, if it is one to make. */
static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose pg_attribute_unused(),
			   struct curl_sockaddr *address)
{
	AwsExchange *exchange = arg;
	curl_socket_t fd;
	const void *bytes = address_bytes(&address->addr);

	if (!exchange->transport->config.is_metadata && bytes &&
		aws_address_is_metadata(address->family, bytes))
	{
		exchange->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	/* A socket of ours is no business of the programs that the server starts. */
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	exchange->no_socket = fd < 0 && (errno == EMFILE || errno == ENFILE);
	aws_transport_note_socket(exchange->transport, fd, &address->addr);
	return fd;
}

static int
on_close_socket(void *arg, curl_socket_t fd)
{
	aws_transport_forget_socket(arg, fd);
	return close(fd);
}

/* ---- asking ---- */

/* Takes the exchange off the transport. */
static void
leave_transport(AwsExchange *exchange)
{
	curl_multi_remove_handle(exchange->transport->multi, exchange->easy);
	exchange->added = false;
	dlist_delete(&exchange->node);
	exchange->transport->nexchanges--;
}

/* Overwrites what the request and, of a secret one, the response consisted of. */
static void
wipe_exchange(AwsExchange *exchange)
{
	if (exchange->lines)
		OPENSSL_cleanse(exchange->lines, exchange->lines_size);
	if (exchange->body && exchange->transport->config.is_secret)
		OPENSSL_cleanse(exchange->body, exchange->body_size);
}

/*
 * Keeps the handle for the next exchange if this one ended well, so that its
 * options need not be set again.  Not one that found a kept connection closed and
 * sent its request again: libcurl counts that, and gives up at the sixth time.
 */
static void
release_handle(AwsExchange *exchange)
{
	AwsTransport *transport = exchange->transport;

	if (exchange->outcome != AWS_OUTCOME_ANSWERED || exchange->sent_again ||
		transport->nidle == transport->config.max_connections)
	{
		curl_easy_cleanup(exchange->easy);
		return;
	}
	/* It must not point into what is about to be freed. */
	curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(exchange->easy, CURLOPT_ERRORBUFFER, NULL);
	transport->idle[transport->nidle++] = exchange->easy;
}

/*
 * Ends the exchange, whatever its state, and frees what libcurl holds of it.
 * Done by itself when its memory context is reset; a second time does nothing.
 */
void
aws_exchange_release(AwsExchange *exchange)
{
	if (exchange->added)
		leave_transport(exchange);
	if (exchange->easy)
		release_handle(exchange);
	exchange->easy = NULL;
	wipe_exchange(exchange);
	free(exchange->body);
	exchange->body = NULL;
}

/* Memory context callback. */
static void
free_exchange(void *arg)
{
	aws_exchange_release(arg);
}

static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("libcurl could not allocate what a request needs.")));
}

/*
 * The lines of the head that libcurl does not write by itself.  Its own lists copy
 * each line; here all are in one piece, which is easily wiped.
 */
static void
set_headers(AwsExchange *exchange, const AwsHeader *headers, int nheaders)
{
	/* libcurl adds this by itself unless it is named as empty. */
	static char no_accept[] = "Accept:";
	struct curl_slist *list = palloc(sizeof(struct curl_slist) * (nheaders + 1));
	size_t size = 1;
	char *line;

	for (int i = 0; i < nheaders; i++)
		size += strlen(headers[i].name) + strlen(headers[i].value) + sizeof(": ");
	exchange->lines = line = palloc(size);
	exchange->lines_size = size;

	list[0] = (struct curl_slist){.data = no_accept};
	for (int i = 0; i < nheaders; i++)
	{
		list[i].next = &list[i + 1];
		list[i + 1] = (struct curl_slist){.data = line};
		line = stpcpy(stpcpy(stpcpy(line, headers[i].name), ": "), headers[i].value) + 1;
	}
	exchange->headers = list;
}

/* Sets one option; out of memory is all that can go wrong with ours. */
static void
check_option(CURLcode code)
{
	if (code != CURLE_OK)
		out_of_memory();
}

#define SET(easy, option, value) check_option(curl_easy_setopt((easy), (option), (value)))

/* What is the same for all requests of a transport. */
static void
set_common_options(CURL *easy, AwsTransport *transport)
{
	const AwsTransportConfig *config = &transport->config;

	SET(easy, CURLOPT_USERAGENT, config->user_agent);
	SET(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	SET(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_SIZE);

	/* Only where it was sent, only by the protocols meant, only verified. */
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* NULL leaves both to the variables of the environment. */
	if (config->proxy)
	{
		SET(easy, CURLOPT_PROXY, config->proxy);
		SET(easy, CURLOPT_NOPROXY, "");
	}
	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (config->ca_bundle)
	{
		SET(easy, CURLOPT_CAINFO, config->ca_bundle);
		SET(easy, CURLOPT_CAPATH, NULL);
	}

	/* No signals; and a name still being resolved is left, not waited for. */
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_QUICK_EXIT, 1L);

	/* Time is ours to count, see aws_exchange_deadline(): libcurl's limit is no limit. */
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) INT_MAX);

	/* One that was idle for long is dead, and names change their addresses. */
	SET(easy, CURLOPT_MAXAGE_CONN, MAX_IDLE_SECONDS);
	SET(easy, CURLOPT_MAXLIFETIME_CONN, MAX_LIFETIME_SECONDS);
	SET(easy, CURLOPT_DNS_CACHE_TIMEOUT, MAX_NAME_SECONDS);

	SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	SET(easy, CURLOPT_CLOSESOCKETDATA, transport);
	SET(easy, CURLOPT_PREREQFUNCTION, on_connected);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
}

/* A handle of an earlier exchange, or a new one; the exchange owns it. */
static void
take_handle(AwsExchange *exchange)
{
	AwsTransport *transport = exchange->transport;

	if (transport->nidle > 0)
	{
		exchange->easy = transport->idle[--transport->nidle];
		return;
	}
	exchange->easy = curl_easy_init();
	if (exchange->easy == NULL)
		out_of_memory();
	set_common_options(exchange->easy, transport);
}

static void
set_options(AwsExchange *exchange, const AwsHttpRequest *request)
{
	CURL *easy = exchange->easy;

	SET(easy, CURLOPT_URL, request->url);
	if (request->body)
	{
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
		SET(easy, CURLOPT_POSTFIELDS, request->body);
	}
	else
		SET(easy, CURLOPT_HTTPGET, 1L);
	SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
	SET(easy, CURLOPT_HTTPHEADER, exchange->headers);

	SET(easy, CURLOPT_OPENSOCKETDATA, exchange);
	SET(easy, CURLOPT_PREREQDATA, exchange);
	SET(easy, CURLOPT_HEADERDATA, exchange);
	SET(easy, CURLOPT_WRITEDATA, exchange);
	SET(easy, CURLOPT_ERRORBUFFER, exchange->problem);
	SET(easy, CURLOPT_PRIVATE, exchange);
}

#undef SET

/*
 * Starts a request and returns without waiting.  The exchange is allocated in the
 * current memory context and ends with it: resetting that context in mid-flight
 * gives the request up and closes its connection.
 */
AwsExchange *
aws_transport_send(AwsTransport *transport, const AwsHttpRequest *request)
{
	AwsExchange *exchange = palloc0(sizeof(AwsExchange));

	aws_transport_forgive_idleness(transport);

	/* A connection for each exchange under way, and for this one. */
	aws_transport_reserve_fds(transport, TRANSPORT_FDS + transport->nexchanges + 1);

	exchange->transport = transport;
	exchange->last_progress = aws_transport_now();
	exchange->cleanup.func = free_exchange;
	exchange->cleanup.arg = exchange;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &exchange->cleanup);

	take_handle(exchange);
	set_headers(exchange, request->headers, request->nheaders);
	set_options(exchange, request);

	if (!aws_transport_begin(transport, exchange))
		out_of_memory();
	return exchange;
}

/*
 * Errors that say more than the phase they came in.  Time-outs are ours, but for
 * those of the kernel.
 */
static const struct
{
	CURLcode code;
	AwsOutcome outcome;
} code_outcomes[] = {
	{CURLE_OK, AWS_OUTCOME_ANSWERED},
	{CURLE_OUT_OF_MEMORY, AWS_OUTCOME_OUT_OF_MEMORY},
	{CURLE_OPERATION_TIMEDOUT, AWS_OUTCOME_CONNECT_TIMEOUT},
	{CURLE_COULDNT_RESOLVE_HOST, AWS_OUTCOME_UNREACHABLE},
	{CURLE_COULDNT_CONNECT, AWS_OUTCOME_UNREACHABLE},
	{CURLE_SSL_CONNECT_ERROR, AWS_OUTCOME_UNREACHABLE},
	{CURLE_PEER_FAILED_VERIFICATION, AWS_OUTCOME_UNTRUSTED},
	{CURLE_SSL_CACERT_BADFILE, AWS_OUTCOME_UNTRUSTED},
	{CURLE_UNSUPPORTED_PROTOCOL, AWS_OUTCOME_NOT_HTTP},
	{CURLE_WEIRD_SERVER_REPLY, AWS_OUTCOME_NOT_HTTP},
};

static AwsOutcome
outcome_of(const AwsExchange *exchange, CURLcode code)
{
	if (exchange->too_large)
		return AWS_OUTCOME_TOO_LARGE;
	if (exchange->out_of_memory)
		return AWS_OUTCOME_OUT_OF_MEMORY;
	if (exchange->no_socket && !exchange->connected)
		return AWS_OUTCOME_NO_SOCKET;
	if (exchange->forbidden && !exchange->connected)
		return AWS_OUTCOME_FORBIDDEN;
	if (code == CURLE_OK && !exchange->head_complete)
		return AWS_OUTCOME_CUT; /* libcurl takes a head without an end for one */
	for (size_t i = 0; i < lengthof(code_outcomes); i++)
		if (code_outcomes[i].code == code)
			return code_outcomes[i].outcome;
	return exchange->connected ? AWS_OUTCOME_CUT : AWS_OUTCOME_UNREACHABLE;
}

/*
 * Ends an exchange that is still under way.
 */
void
aws_exchange_end(AwsExchange *exchange, AwsOutcome outcome)
{
	exchange->outcome = outcome;
	leave_transport(exchange);
}

/*
 * Ends an exchange as libcurl reports it.
 */
void
aws_exchange_end_with(AwsExchange *exchange, CURLcode code)
{
	if (code != CURLE_OK && exchange->problem[0] == '\0')
		strlcpy(exchange->problem, curl_easy_strerror(code), sizeof(exchange->problem));
	aws_exchange_end(exchange, outcome_of(exchange, code));
}

/*
 * When this exchange has waited too long: for its connection, or for a byte.
 */
double
aws_exchange_deadline(const AwsExchange *exchange)
{
	const AwsTransportConfig *config = &exchange->transport->config;

	return exchange->last_progress +
		   (exchange->connected ? config->read_timeout : config->connect_timeout);
}

/*
 * Ends an exchange that has waited too long.
 */
void
aws_exchange_expire(AwsExchange *exchange)
{
	aws_exchange_end(exchange, exchange->connected ? AWS_OUTCOME_READ_TIMEOUT :
													 AWS_OUTCOME_CONNECT_TIMEOUT);
}

/* ---- what came of it ---- */

AwsOutcome
aws_exchange_outcome(const AwsExchange *exchange)
{
	return exchange->outcome;
}

/*
 * What libcurl says of an exchange that was not answered, in English.
 */
const char *
aws_exchange_problem(const AwsExchange *exchange)
{
	return exchange->problem;
}

/*
 * Bytes of the response so far, headers and body together.
 */
size_t
aws_exchange_received(const AwsExchange *exchange)
{
	return exchange->received;
}

/*
 * The HTTP status of an answered exchange.
 */
long
aws_exchange_status(const AwsExchange *exchange)
{
	long status = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/*
 * A response header's value, NULL if there is none; valid as long as the
 * exchange.
 */
const char *
aws_exchange_header(const AwsExchange *exchange, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(exchange->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->value;
}

/*
 * The response body, NUL-terminated, "" if there is none; valid as long as the
 * exchange.
 */
const char *
aws_exchange_body(const AwsExchange *exchange, size_t *len)
{
	*len = exchange->body_len;
	return exchange->body ? exchange->body : "";
}
