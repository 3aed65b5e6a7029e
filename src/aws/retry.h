/*
 * retry.h
 *		What is tried again, when, and how much of that is allowed.
 */
#ifndef AWS_RETRY_H
#define AWS_RETRY_H

#include "aws/error.h"
#include "aws/rate_limiter.h"

/* As botocore names them, and in its order. */
typedef enum AwsRetryMode
{
	AWS_RETRY_STANDARD,
	AWS_RETRY_ADAPTIVE
} AwsRetryMode;

/* What all calls of a client have in common. */
typedef struct AwsRetrier
{
	AwsRetryMode mode;
	int max_attempts;       /* of a call, the first one included */
	int quota;              /* tokens left */
	double not_before;      /* a throttle slows all calls: none is sent earlier */
	AwsRateLimiter limiter; /* of the adaptive mode */
} AwsRetrier;

/* What one call has behind it; zeroed at its start. */
typedef struct AwsRetryState
{
	int attempts;  /* sent so far */
	int throttles; /* so many of them were throttled */
	int taken;     /* tokens that the last retry took from the quota */
	double sent;   /* when the last attempt was */
} AwsRetryState;

extern void aws_retry_init(AwsRetrier *retrier, AwsRetryMode mode, int max_attempts);
extern const char *aws_retry_mode_name(AwsRetryMode mode);
extern bool aws_retry_mode_by_name(const char *name, AwsRetryMode *mode);
extern double aws_retry_take_turn(AwsRetrier *retrier, double now);
extern void aws_retry_note_sent(AwsRetryState *state, double now);
extern void aws_retry_note_answer(AwsRetrier *retrier, AwsRetryState *state, double now);
extern void aws_retry_note_given_up(AwsRetrier *retrier, const AwsRetryState *state);
extern double aws_retry_after_failure(AwsRetrier *retrier, AwsRetryState *state,
									  AwsError *error, double now);

#endif /* AWS_RETRY_H */
