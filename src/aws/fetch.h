/*
 * fetch.h
 *		HTTP requests that the backend waits for, one at a time.
 */
#ifndef AWS_FETCH_H
#define AWS_FETCH_H

#include "aws/transport.h"

extern AwsTransport *aws_fetch_open(const AwsTransportConfig *config);
extern const AwsExchange *
aws_fetch(AwsTransport *transport, const AwsHttpRequest *request);
extern void aws_fetch_pause(double seconds);
extern const char *
aws_fetch_problem(const AwsExchange *exchange, const char *url, double timeout);

#endif /* AWS_FETCH_H */
