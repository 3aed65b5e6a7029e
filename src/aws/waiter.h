/*
 * waiter.h
 *		One descriptor that tells when a client has something to do.
 */
#ifndef AWS_WAITER_H
#define AWS_WAITER_H

#include "aws/client.h"

typedef struct AwsWaiter AwsWaiter;

extern AwsWaiter *aws_waiter_create(void);
extern int aws_waiter_watch(AwsWaiter *waiter, AwsClient *client, bool now);

#endif /* AWS_WAITER_H */
