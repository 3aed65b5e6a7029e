/*
 * The limit that the contenders are measured against: requests that were made
 * and signed beforehand go over connections that are open already, each one as
 * soon as the answer to the one before it is complete, and nothing is done with
 * the answers but to see that their status is 200.
 *
 *     bare PORT CONNECTIONS FILE [PORT CONNECTIONS FILE ...]
 *
 * Every triple is a queue: CONNECTIONS connections to 127.0.0.1:PORT that take
 * turns at the requests in FILE, where each request follows its length, a 32-bit
 * number in the machine's byte order.  All queues run at the same time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 64

/* More than the head of any answer. */
#define HEAD_SIZE 8192

typedef struct Queue
{
	uint16_t port;
	int connections;
	char *next; /* the next request's length */
	char *end;
} Queue;

typedef struct Connection
{
	Queue *queue;
	int socket;
	char head[HEAD_SIZE];
	size_t head_length;
	size_t body_left;
	bool in_body;
} Connection;

static long answers = 0;
static int busy = 0; /* connections that wait for an answer */

static void
read_requests(Queue *queue, const char *path)
{
	struct stat status;
	FILE *file = fopen(path, "rb");

	if (!file || fstat(fileno(file), &status) != 0)
		err(1, "%s", path);
	queue->next = malloc(status.st_size);
	if (!queue->next ||
		fread(queue->next, 1, status.st_size, file) != (size_t) status.st_size)
		err(1, "%s", path);
	queue->end = queue->next + status.st_size;
	fclose(file);
}

static void
open_connection(Connection *connection, Queue *queue, int poll)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(queue->port)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connection->queue = queue;
	connection->socket = socket(AF_INET, SOCK_STREAM, 0);
	if (connection->socket < 0 ||
		connect(connection->socket, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
		epoll_ctl(poll, EPOLL_CTL_ADD, connection->socket, &event) != 0)
		err(1, "port %d", queue->port);
}

/* Sends the queue's next request, which fits a socket's buffer, if there is one. */
static void
send_next(Connection *connection)
{
	Queue *queue = connection->queue;
	uint32_t length;

	if (queue->next == queue->end)
		return;
	memcpy(&length, queue->next, sizeof(length));
	queue->next += sizeof(length);
	if (send(connection->socket, queue->next, length, MSG_NOSIGNAL) != (ssize_t) length)
		err(1, "send");
	queue->next += length;
	connection->head_length = 0;
	connection->in_body = false;
	busy++;
}

/* Takes bytes of the head; once it is complete, what remains is the body's. */
static void
take_head(Connection *connection, const char *data, size_t size)
{
	static const char end_mark[] = "\r\n\r\n";
	static const char length_name[] = "\r\nContent-Length:";
	char *end;
	char *length;

	if (connection->head_length + size >= HEAD_SIZE)
		size = HEAD_SIZE - connection->head_length - 1;
	memcpy(connection->head + connection->head_length, data, size);
	connection->head_length += size;
	connection->head[connection->head_length] = '\0';
	end = strstr(connection->head, end_mark);
	if (!end)
		return;
	length = strcasestr(connection->head, length_name);
	if (strncmp(connection->head, "HTTP/1.1 200 ", 13) != 0 || !length)
		errx(1, "unexpected answer:\n%s", connection->head);
	connection->in_body = true;
	connection->body_left = strtoul(length + strlen(length_name), NULL, 10) +
							(end + strlen(end_mark) - connection->head);
}

/* Reads what has come of an answer; after the last byte the next request goes. */
static void
receive(Connection *connection)
{
	static char data[256 * 1024];
	ssize_t size = recv(connection->socket, data, sizeof(data), 0);
	size_t before = connection->head_length;

	if (size < 0)
		err(1, "recv");
	if (size == 0)
		errx(1, "the server closed a connection");
	if (!connection->in_body)
	{
		take_head(connection, data, size);
		if (!connection->in_body)
			return;
		/* body_left counts from the start of the answer until here. */
		connection->body_left -= before;
	}
	if ((size_t) size > connection->body_left)
		errx(1, "more than one answer to a request");
	connection->body_left -= size;
	if (connection->body_left > 0)
		return;
	answers++;
	busy--;
	send_next(connection);
}

static double
seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* What /proc says of the largest size this process had.  (ru_maxrss also counts
 * the process that started it, before exec.) */
static long
peak_kilobytes(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long peak = 0;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmHWM: %ld kB", &peak);
	return peak;
}

int
main(int argc, char **argv)
{
	int poll = epoll_create1(0);
	int queue_count = (argc - 1) / 3;
	Queue *queues = calloc(queue_count + 1, sizeof(Queue));
	Connection *connections;
	int connection_count = 0;
	int opened = 0;
	double wall;
	double cpu;

	if (queue_count == 0 || argc != 1 + 3 * queue_count)
		errx(2, "usage: bare PORT CONNECTIONS FILE [PORT CONNECTIONS FILE ...]");
	for (int i = 0; i < queue_count; i++)
	{
		queues[i].port = atoi(argv[1 + 3 * i]);
		queues[i].connections = atoi(argv[2 + 3 * i]);
		read_requests(&queues[i], argv[3 + 3 * i]);
		connection_count += queues[i].connections;
	}
	connections = calloc(connection_count, sizeof(Connection));
	for (int i = 0; i < queue_count; i++)
		for (int j = 0; j < queues[i].connections; j++)
			open_connection(&connections[opened++], &queues[i], poll);

	wall = seconds_of(CLOCK_MONOTONIC);
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < connection_count; i++)
		send_next(&connections[i]);
	while (busy > 0)
	{
		struct epoll_event events[MAX_EVENTS];
		int count = epoll_wait(poll, events, MAX_EVENTS, -1);

		for (int i = 0; i < count; i++)
			receive(events[i].data.ptr);
	}
	printf("{\"seconds\": %.9f, \"cpu\": %.9f, \"peak\": %ld, \"answers\": %ld}\n",
		   seconds_of(CLOCK_MONOTONIC) - wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu,
		   peak_kilobytes() * 1024, answers);
	return 0;
}
