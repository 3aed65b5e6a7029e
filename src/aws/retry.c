/*
 * retry.c
 *		What is tried again, when, and how much of that is allowed.
 *
 * The numbers are those of botocore's standard mode (botocore.retries.standard):
 * an exponential back-off with full jitter, and a quota of tokens, so that a
 * service which is down is not asked again and again by everybody.  Unlike there,
 * a throttle holds back all calls of the client, not only the one it hit: for as
 * long as that one waits, or in adaptive mode by the rate that it teaches.
 *
 * Nothing here sends or waits; times are those of aws_transport_now().
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"

#include "aws/retry.h"

/* Tokens of a client, and what a retry takes of them. */
#define QUOTA           500
#define COST            5
#define COST_OF_TIMEOUT 10
/* What a call that needed no retry gives back. */
#define REWARD 1

/* Seconds: the longest back-off, and how much longer the service may make it. */
#define MAX_BACKOFF     20.0
#define MAX_EXTRA_DELAY 5.0

static const char *const mode_names[] = {
	[AWS_RETRY_STANDARD] = "standard",
	[AWS_RETRY_ADAPTIVE] = "adaptive",
};

/*
 * The name of a mode, as AWS's configuration has it.
 */
const char *
aws_retry_mode_name(AwsRetryMode mode)
{
	return mode_names[mode];
}

/*
 * The mode of that name; false if there is none.
 */
bool
aws_retry_mode_by_name(const char *name, AwsRetryMode *mode)
{
	for (size_t i = 0; i < lengthof(mode_names); i++)
	{
		if (strcmp(mode_names[i], name) != 0)
			continue;
		*mode = i;
		return true;
	}
	return false;
}

/*
 * Begins with a full quota.
 */
void
aws_retry_init(AwsRetrier *retrier, AwsRetryMode mode, int max_attempts)
{
	memset(retrier, 0, sizeof(*retrier));
	retrier->mode = mode;
	retrier->max_attempts = max_attempts;
	retrier->quota = QUOTA;
	aws_rate_limiter_init(&retrier->limiter);
}

/*
 * May a request be sent now?  Returns now, if so, or the time at which to ask again.
 * To be asked once for each request that is sent.
 */
double
aws_retry_take_turn(AwsRetrier *retrier, double now)
{
	if (retrier->mode == AWS_RETRY_ADAPTIVE)
		return aws_rate_limiter_take(&retrier->limiter, now);
	return Max(now, retrier->not_before);
}

/*
 * An attempt is sent.
 */
void
aws_retry_note_sent(AwsRetryState *state, double now)
{
	state->attempts++;
	state->sent = now;
}

/*
 * The last attempt was answered, by a result or by an error that is final: the
 * quota gets back what the retry before it took.
 */
void
aws_retry_note_answer(AwsRetrier *retrier, AwsRetryState *state, double now)
{
	int reward = state->taken > 0 ? state->taken : REWARD;

	retrier->quota = Min(retrier->quota + reward, QUOTA);
	aws_rate_limiter_note_answer(&retrier->limiter, now);
}

/*
 * The next attempt will not be made, because nobody waits for it any longer: what it
 * took from the quota goes back.
 */
void
aws_retry_note_given_up(AwsRetrier *retrier, const AwsRetryState *state)
{
	retrier->quota = Min(retrier->quota + state->taken, QUOTA);
}

/* Seconds to wait before the next attempt, as long as nobody says otherwise. */
static double
backoff(const AwsRetryState *state)
{
	double longest = Min(ldexp(1.0, Min(state->attempts - 1, 10)), MAX_BACKOFF);

	return pg_prng_double(&pg_global_prng_state) * longest;
}

/* The same, after the service has had its say. */
static double
delay(const AwsRetryState *state, const AwsError *error)
{
	double seconds = backoff(state);

	/* Newer SDKs heed x-amz-retry-after within these bounds. */
	if (error->amz_retry_after >= 0)
		return Min(Max(error->amz_retry_after, seconds), seconds + MAX_EXTRA_DELAY);
	if (error->retry_after >= 0)
		return Max(seconds, Min(error->retry_after, MAX_BACKOFF));
	return seconds;
}

/* Takes tokens for a retry; false if there are not enough. */
static bool
take_quota(AwsRetrier *retrier, AwsRetryState *state, AwsFailure failure)
{
	int cost = failure == AWS_FAILURE_TIMEOUT ? COST_OF_TIMEOUT : COST;

	if (retrier->quota < cost)
		return false;
	retrier->quota -= cost;
	state->taken = cost;
	return true;
}

/*
 * An attempt failed by an error that is worth another one (not
 * AWS_FAILURE_FINAL).  Returns when to try again, or a negative number if that is
 * enough; then error says why.
 */
double
aws_retry_after_failure(AwsRetrier *retrier, AwsRetryState *state, AwsError *error,
						double now)
{
	AwsFailure failure = aws_error_failure(error);
	double when = now + delay(state, error);

	if (failure == AWS_FAILURE_THROTTLE)
	{
		state->throttles++;
		retrier->not_before = Max(retrier->not_before, when);
		aws_rate_limiter_note_throttle(&retrier->limiter, state->sent, now);
	}
	else
		aws_rate_limiter_note_answer(&retrier->limiter, now);

	error->attempts = state->attempts;
	if (state->attempts >= retrier->max_attempts)
		return -1;
	error->quota_used_up = !take_quota(retrier, state, failure);
	if (error->quota_used_up)
		return -1;
	return when;
}
