/*
 * pollset.h
 *		Many sockets behind one descriptor.
 */
#ifndef AWS_POLLSET_H
#define AWS_POLLSET_H

/* A socket that is ready, and for what. */
typedef struct AwsReadySocket
{
	int fd;
	bool readable;
	bool writable;
	bool broken;
} AwsReadySocket;

extern int aws_pollset_create(void);
extern bool aws_pollset_watch(int pollset, int fd, bool readable, bool writable);
extern void aws_pollset_forget(int pollset, int fd);
extern int aws_pollset_ready(int pollset, AwsReadySocket *ready, int max);

#endif /* AWS_POLLSET_H */
