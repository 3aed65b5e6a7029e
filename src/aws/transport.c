/*
 * transport.c
 *		libcurl's multi interface driven by PostgreSQL's latch.
 *
 * A transport is a pool of keep-alive connections.  An exchange is one POST on
 * it; any number of exchanges may be under way at once, and waiting for one of
 * them moves all of them along.  Waiting ends early, by an error, when the
 * backend is asked to cancel or to terminate.
 *
 * Three rules keep libcurl and the backend apart:
 *
 * - No callback throws or pallocs.  They note what happened in malloc'ed
 *	 memory, and the code that drives libcurl looks at it afterwards.
 * - Whatever libcurl owns hangs on a memory context: a reset callback frees it,
 *	 so an error may be thrown anywhere outside of libcurl.
 * - All signals are blocked while libcurl runs, because it may start a thread
 *	 (to resolve a name), and PostgreSQL's handlers must not run in there.
 *
 * What a request means, and what its answer says, is not known here.
 */
#include "postgres.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>
#include <curl/curl.h>

#include "lib/ilist.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "aws/pollset.h"
#include "aws/transport.h"
#include "compat.h"

/* First size of a response buffer; most answers fit. */
#define RESPONSE_BUFFER_SIZE 4096

/* How many handles are kept for later exchanges. */
#define MAX_IDLE_HANDLES 16

struct AwsTransport
{
	MemoryContext context; /* holds this struct and what it points to */
	AwsTransportConfig config;

	CURLM *multi;
	int pollset;            /* the sockets that libcurl waits for, or -1 */
	WaitEventSet *wait_set; /* latch, postmaster death, pollset */
	double wake_up;         /* when libcurl wants to be called; < 0: never */

	CURL *idle[MAX_IDLE_HANDLES]; /* handles with the common options set */
	int nidle;

	dlist_head exchanges; /* those not freed yet */
	int nexchanges;
	int reserved_fds; /* external descriptors reserved with fd.c */
};

struct AwsExchange
{
	AwsTransport *transport;
	dlist_node node; /* in transport->exchanges */
	MemoryContextCallback cleanup;

	CURL *easy;
	bool added; /* is easy in transport->multi? */
	struct curl_slist *headers;
	char problem[CURL_ERROR_SIZE];

	AwsOutcome outcome;
	double last_progress; /* when the request was sent or a byte came; < 0
								 * while connecting */
	size_t received;      /* bytes of headers and body */
	bool head_complete;   /* has the empty line after the headers come? */
	char *body;           /* malloc'ed, NUL-terminated */
	size_t body_len;
	size_t body_size;
	bool too_large;
	bool out_of_memory;
};

/* Seconds on a clock that never jumps. */
static double
now(void)
{
	instr_time t;

	INSTR_TIME_SET_CURRENT(t);
	return INSTR_TIME_GET_DOUBLE(t);
}

static void
block_signals(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, saved);
}

static void
restore_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/*
 * libcurl's own initialization, once per backend.  Not at load time: the
 * library may be loaded by the postmaster, whose threads and handles would not
 * survive the fork.
 */
static void
initialize_curl(void)
{
	static bool done = false;

	if (done)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not initialize libcurl")));
	done = true;
}

/* ---- callbacks from libcurl: they never throw and never palloc ---- */

static int
on_socket(CURL *easy pg_attribute_unused(), curl_socket_t fd, int what, void *arg,
		  void *socket_arg pg_attribute_unused())
{
	AwsTransport *transport = arg;

	if (what == CURL_POLL_REMOVE)
	{
		aws_pollset_forget(transport->pollset, fd);
		return 0;
	}
	return aws_pollset_watch(transport->pollset, fd, (what & CURL_POLL_IN) != 0,
							 (what & CURL_POLL_OUT) != 0) ?
			   0 :
			   -1;
}

static int
on_timer(CURLM *multi pg_attribute_unused(), long timeout_ms, void *arg)
{
	AwsTransport *transport = arg;

	transport->wake_up = timeout_ms < 0 ? -1 : now() + timeout_ms / 1000.0;
	return 0;
}

/* The connection stands and the request is about to be sent. */
static int
on_connected(void *arg, char *remote_ip pg_attribute_unused(),
			 char *local_ip pg_attribute_unused(), int remote_port pg_attribute_unused(),
			 int local_port pg_attribute_unused())
{
	AwsExchange *exchange = arg;

	exchange->last_progress = now();
	return CURL_PREREQFUNC_OK;
}

/* Counts n more bytes; false if they exceed the cap. */
static bool
count_received(AwsExchange *exchange, size_t n)
{
	exchange->last_progress = now();
	exchange->received += n;
	exchange->too_large = exchange->received >
						  exchange->transport->config.max_response_size;
	return !exchange->too_large;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	AwsExchange *exchange = arg;

	/* An empty line ends the head; after an interim answer another head comes. */
	exchange->head_complete = size * n > 0 && (data[0] == '\r' || data[0] == '\n');
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
		size_t new_size = Max(needed, Max(exchange->body_size * 2, RESPONSE_BUFFER_SIZE));
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

/* ---- the transport ---- */

/* Memory context callback: frees what the context does not own. */
static void
free_transport(void *arg)
{
	AwsTransport *transport = arg;
	sigset_t saved;

	block_signals(&saved);
	while (transport->nidle > 0)
		curl_easy_cleanup(transport->idle[--transport->nidle]);
	curl_multi_cleanup(transport->multi);
	restore_signals(&saved);
	if (transport->wait_set)
		FreeWaitEventSet(transport->wait_set);
	if (transport->pollset >= 0)
		close(transport->pollset);
	while (transport->reserved_fds-- > 0)
		ReleaseExternalFD();
}

/*
 * Tells fd.c that up to n descriptors are in use which it does not manage, so
 * that it closes files of its own before the process runs out.
 */
static void
reserve_fds(AwsTransport *transport, int n)
{
	while (transport->reserved_fds < n)
	{
		if (!AcquireExternalFD())
			ereport(
				ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many open connections to Amazon Forecast"),
				 errhint(
					 "Raise max_files_per_process, or use fewer servers and user mappings in one session.")));
		transport->reserved_fds++;
	}
}

static void
set_up_multi(AwsTransport *transport)
{
	transport->multi = curl_multi_init();
	if (transport->multi == NULL ||
		curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket) !=
			CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport) != CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer) !=
			CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport) != CURLM_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not set up libcurl")));
}

/*
 * Makes a pool without connections.  Strings in config are copied.  The pool
 * lives until aws_transport_close(), whatever becomes of the caller's memory
 * context or transaction.
 */
AwsTransport *
aws_transport_create(const AwsTransportConfig *config)
{
	MemoryContext context;
	AwsTransport *transport;
	MemoryContextCallback *cleanup;

	initialize_curl();

	/* Until it is complete, it goes away with the caller's context. */
	context = AllocSetContextCreate(CurrentMemoryContext, "forecast_fdw transport",
									ALLOCSET_SMALL_SIZES);
	transport = MemoryContextAllocZero(context, sizeof(AwsTransport));
	transport->context = context;
	transport->pollset = -1;
	transport->wake_up = -1;
	dlist_init(&transport->exchanges);

	cleanup = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	cleanup->func = free_transport;
	cleanup->arg = transport;
	MemoryContextRegisterResetCallback(context, cleanup);

	transport->config = *config;
	transport->config.user_agent = MemoryContextStrdup(context, config->user_agent);
	if (config->ca_bundle)
		transport->config.ca_bundle = MemoryContextStrdup(context, config->ca_bundle);

	reserve_fds(transport, 1);
	transport->pollset = aws_pollset_create();
	if (transport->pollset < 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("could not create a poll descriptor: %m")));
	set_up_multi(transport);

	transport->wait_set = forecast_create_wait_event_set(context, 3);
	AddWaitEventToSet(transport->wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(transport->wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
						  NULL, NULL);
	AddWaitEventToSet(transport->wait_set, WL_SOCKET_READABLE, transport->pollset, NULL,
					  NULL);

	MemoryContextSetParent(context, TopMemoryContext);
	return transport;
}

/*
 * Closes the pool.  Its exchanges must be gone.  Never throws.
 */
void
aws_transport_close(AwsTransport *transport)
{
	Assert(transport->nexchanges == 0);
	MemoryContextDelete(transport->context);
}

/* ---- one exchange ---- */

/*
 * Keeps the handle for the next exchange if this one ended well, so that its
 * options need not be set again.  Signals are blocked.
 */
static void
release_handle(AwsExchange *exchange)
{
	AwsTransport *transport = exchange->transport;

	if (exchange->outcome != AWS_OUTCOME_ANSWERED || transport->nidle == MAX_IDLE_HANDLES)
	{
		curl_easy_cleanup(exchange->easy);
		return;
	}
	/* It must not point into what is about to be freed. */
	curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(exchange->easy, CURLOPT_ERRORBUFFER, NULL);
	transport->idle[transport->nidle++] = exchange->easy;
}

/* Memory context callback: ends the exchange, whatever its state. */
static void
free_exchange(void *arg)
{
	AwsExchange *exchange = arg;
	AwsTransport *transport = exchange->transport;
	sigset_t saved;

	block_signals(&saved);
	if (exchange->added)
		curl_multi_remove_handle(transport->multi, exchange->easy);
	release_handle(exchange);
	curl_slist_free_all(exchange->headers);
	restore_signals(&saved);
	free(exchange->body);

	dlist_delete(&exchange->node);
	transport->nexchanges--;
}

static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("libcurl could not allocate what a request needs.")));
}

static void
add_header(AwsExchange *exchange, const char *line)
{
	struct curl_slist *longer = curl_slist_append(exchange->headers, line);

	if (longer == NULL)
		out_of_memory();
	exchange->headers = longer;
}

static void
set_headers(AwsExchange *exchange, const AwsHeader *headers, int nheaders)
{
	/* libcurl adds these by itself unless they are named as empty. */
	add_header(exchange, "Expect:");
	add_header(exchange, "Accept:");

	for (int i = 0; i < nheaders; i++)
	{
		char *line = psprintf("%s: %s", headers[i].name, headers[i].value);

		add_header(exchange, line);
		pfree(line);
	}
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
set_common_options(CURL *easy, const AwsTransportConfig *config)
{
	SET(easy, CURLOPT_USERAGENT, config->user_agent);
	SET(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);

	/* Only where it was sent, only by the protocols meant, only verified. */
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_PROXY, "");
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
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) ceil(config->connect_timeout * 1000));

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
	set_common_options(exchange->easy, &transport->config);
}

static void
set_options(AwsExchange *exchange, const char *url, const char *body, size_t body_len)
{
	CURL *easy = exchange->easy;

	SET(easy, CURLOPT_URL, url);
	SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) body_len);
	SET(easy, CURLOPT_COPYPOSTFIELDS, body);
	SET(easy, CURLOPT_HTTPHEADER, exchange->headers);

	SET(easy, CURLOPT_PREREQDATA, exchange);
	SET(easy, CURLOPT_HEADERDATA, exchange);
	SET(easy, CURLOPT_WRITEDATA, exchange);
	SET(easy, CURLOPT_ERRORBUFFER, exchange->problem);
	SET(easy, CURLOPT_PRIVATE, exchange);
}

#undef SET

/*
 * Starts a POST of body to url and returns without waiting.  The exchange is
 * allocated in the current memory context and ends with it: resetting that
 * context in mid-flight gives the request up and closes its connection.
 */
AwsExchange *
aws_transport_post(AwsTransport *transport, const char *url, const AwsHeader *headers,
				   int nheaders, const char *body, size_t body_len)
{
	AwsExchange *exchange = palloc0(sizeof(AwsExchange));
	sigset_t saved;
	CURLMcode added;

	/* The pollset, and a connection for each exchange under way. */
	reserve_fds(transport, 1 + transport->nexchanges + 1);

	exchange->transport = transport;
	exchange->last_progress = -1;
	dlist_push_tail(&transport->exchanges, &exchange->node);
	transport->nexchanges++;
	exchange->cleanup.func = free_exchange;
	exchange->cleanup.arg = exchange;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &exchange->cleanup);

	take_handle(exchange);
	set_headers(exchange, headers, nheaders);
	set_options(exchange, url, body, body_len);

	block_signals(&saved);
	added = curl_multi_add_handle(transport->multi, exchange->easy);
	restore_signals(&saved);
	if (added != CURLM_OK)
		out_of_memory();
	exchange->added = true;
	return exchange;
}

/*
 * Errors that say more than the phase they came in.  A time-out is always that
 * of the connection: the one for reading is ours, see expire_reads().
 */
static const struct
{
	CURLcode code;
	AwsOutcome outcome;
} outcomes[] = {
	{CURLE_OK, AWS_OUTCOME_ANSWERED},
	{CURLE_OUT_OF_MEMORY, AWS_OUTCOME_OUT_OF_MEMORY},
	{CURLE_OPERATION_TIMEDOUT, AWS_OUTCOME_CONNECT_TIMEOUT},
	{CURLE_COULDNT_RESOLVE_HOST, AWS_OUTCOME_UNREACHABLE},
	{CURLE_COULDNT_CONNECT, AWS_OUTCOME_UNREACHABLE},
	{CURLE_SSL_CONNECT_ERROR, AWS_OUTCOME_UNREACHABLE},
	{CURLE_PEER_FAILED_VERIFICATION, AWS_OUTCOME_UNREACHABLE},
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
	if (code == CURLE_OK && !exchange->head_complete)
		return AWS_OUTCOME_CUT; /* libcurl takes a head without an end for one */
	for (size_t i = 0; i < lengthof(outcomes); i++)
		if (outcomes[i].code == code)
			return outcomes[i].outcome;
	return exchange->last_progress < 0 ? AWS_OUTCOME_UNREACHABLE : AWS_OUTCOME_CUT;
}

static void
finish(AwsExchange *exchange, AwsOutcome outcome)
{
	exchange->outcome = outcome;
	curl_multi_remove_handle(exchange->transport->multi, exchange->easy);
	exchange->added = false;
}

/* Marks the exchanges that libcurl is done with.  Signals are blocked. */
static void
collect_finished(AwsTransport *transport)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(transport->multi, &left)) != NULL)
	{
		char *private = NULL;
		AwsExchange *exchange;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		exchange = (AwsExchange *) private;
		if (exchange->problem[0] == '\0')
			strlcpy(exchange->problem, curl_easy_strerror(code),
					sizeof(exchange->problem));
		finish(exchange, outcome_of(exchange, code));
	}
}

/* When this exchange has waited too long for a byte; < 0: not waiting. */
static double
read_deadline(const AwsExchange *exchange)
{
	if (!exchange->added || exchange->last_progress < 0)
		return -1;
	return exchange->last_progress + exchange->transport->config.read_timeout;
}

static void
expire_reads(AwsTransport *transport)
{
	double time = now();
	dlist_iter iter;

	dlist_foreach(iter, &transport->exchanges)
	{
		AwsExchange *exchange = dlist_container(AwsExchange, node, iter.cur);
		double deadline = read_deadline(exchange);

		if (deadline >= 0 && deadline <= time)
			finish(exchange, AWS_OUTCOME_READ_TIMEOUT);
	}
}

/* Lets libcurl work on whatever is ready. */
static void
drive(AwsTransport *transport)
{
	AwsReadySocket ready[16];
	int nready = aws_pollset_ready(transport->pollset, ready, lengthof(ready));
	int running;
	sigset_t saved;

	block_signals(&saved);
	for (int i = 0; i < nready; i++)
		curl_multi_socket_action(transport->multi, ready[i].fd,
								 (ready[i].readable ? CURL_CSELECT_IN : 0) |
									 (ready[i].writable ? CURL_CSELECT_OUT : 0) |
									 (ready[i].broken ? CURL_CSELECT_ERR : 0),
								 &running);
	if (transport->wake_up >= 0 && transport->wake_up <= now())
	{
		transport->wake_up = -1; /* libcurl sets a new one if it wants one */
		curl_multi_socket_action(transport->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect_finished(transport);
	expire_reads(transport);
	restore_signals(&saved);
}

/* Milliseconds until something is due, rounded up; -1: nothing is. */
static long
time_to_wait(AwsTransport *transport)
{
	double due = transport->wake_up;
	dlist_iter iter;

	dlist_foreach(iter, &transport->exchanges)
	{
		double deadline = read_deadline(dlist_container(AwsExchange, node, iter.cur));

		if (deadline >= 0 && (due < 0 || deadline < due))
			due = deadline;
	}
	if (due < 0)
		return -1;
	return (long) Min(ceil(Max(due - now(), 0) * 1000), INT_MAX);
}

/*
 * Waits until the exchange has an outcome, moving all others along.  Throws
 * only what an interrupt throws (cancel, terminate, timeouts).
 */
void
aws_exchange_wait(AwsExchange *exchange)
{
	AwsTransport *transport = exchange->transport;

	while (exchange->outcome == AWS_OUTCOME_PENDING)
	{
		long timeout = time_to_wait(transport);
		WaitEvent events[3];

		if (timeout != 0)
		{
			int n = WaitEventSetWait(transport->wait_set, timeout, events,
									 lengthof(events), PG_WAIT_EXTENSION);

			for (int i = 0; i < n; i++)
				if (events[i].events & WL_LATCH_SET)
					ResetLatch(MyLatch);
		}
		CHECK_FOR_INTERRUPTS();
		drive(transport);
	}
}

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
