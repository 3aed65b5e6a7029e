/*
 * rate_limiter.c
 *		How fast requests may be sent, learnt from being throttled.
 *
 * This is the adaptive mode of AWS's SDKs (botocore.retries.adaptive, .throttling):
 * a token bucket whose rate falls at a throttle and then follows the CUBIC curve of
 * TCP (RFC 8312): fast towards the rate at which it was throttled, slowly around
 * it, fast again beyond.  Three things differ, because there each of eight clients
 * that share a limit probes it so often that 8 % of the requests are throttled:
 *
 * - what is throttled of the requests sent before a slow-down tells nothing new;
 * - after the slow start the limit is probed some seconds after a slow-down at the
 *	 earliest, and more gently;
 * - how long after is drawn by lot, so that clients do not probe together.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"

#include "aws/rate_limiter.h"

/* As botocore has them. */
#define BETA            0.7 /* what is left of the rate after a throttle */
#define SCALE           0.4 /* how steep the curve is */
#define MIN_RATE        0.5
#define MAX_RATE_FACTOR 2.0 /* of what is measured */
#define INTERVAL        0.5 /* seconds that are measured at once */
#define SMOOTHING       0.8 /* weight of the latest interval */
#define MIN_CAPACITY    1.0

/* After the slow start. */
#define PROBE_SCALE       0.1
#define MIN_BACK_IN       8.0 /* seconds */
#define MIN_BACK_IN_SHARE 0.8 /* drawn from here to 2 - here */

/* Slow-downs that follow each other faster, in seconds, are still the slow start. */
#define SLOW_START_GAP 1.0

/*
 * Begins without a limit.
 */
void
aws_rate_limiter_init(AwsRateLimiter *limiter)
{
	memset(limiter, 0, sizeof(*limiter));
	limiter->fast = true;
}

static void
fill(AwsRateLimiter *limiter, double now)
{
	limiter->tokens = Min(limiter->capacity,
						  limiter->tokens + (now - limiter->filled) * limiter->rate);
	limiter->filled = now;
}

/*
 * May a request be sent now?  If so, takes a token for it and returns now, else the
 * time at which to ask again.
 */
double
aws_rate_limiter_take(AwsRateLimiter *limiter, double now)
{
	if (!limiter->enabled)
		return now;
	fill(limiter, now);
	if (limiter->tokens < 1)
		return now + (1 - limiter->tokens) / limiter->rate;
	limiter->tokens -= 1;
	return now;
}

static void
measure(AwsRateLimiter *limiter, double now)
{
	double interval = floor(now / INTERVAL) * INTERVAL;

	if (limiter->interval == 0)
		limiter->interval = interval;
	limiter->count++;
	if (interval <= limiter->interval)
		return;
	limiter->measured = SMOOTHING * limiter->count / (interval - limiter->interval) +
						(1 - SMOOTHING) * limiter->measured;
	limiter->count = 0;
	limiter->interval = interval;
}

static void
set_rate(AwsRateLimiter *limiter, double rate, double now)
{
	fill(limiter, now);
	limiter->rate = Max(Min(rate, MAX_RATE_FACTOR * limiter->measured), MIN_RATE);
	limiter->capacity = Max(limiter->rate, MIN_CAPACITY);
	limiter->tokens = Min(limiter->tokens, limiter->capacity);
}

/* Where on the curve are we? */
static double
curve(const AwsRateLimiter *limiter, double now)
{
	double x = now - limiter->slowed - limiter->back_in;

	if (x < 0)
		return limiter->max_rate * (1 - (1 - BETA) * pow(-x / limiter->back_in, 3));
	return limiter->max_rate + (limiter->fast ? SCALE : PROBE_SCALE) * pow(x, 3);
}

/*
 * An answer has come that is no throttle, or a failure to get one.
 */
void
aws_rate_limiter_note_answer(AwsRateLimiter *limiter, double now)
{
	measure(limiter, now);
	if (limiter->enabled)
		set_rate(limiter, curve(limiter, now), now);
}

/* Seconds until the rate is to be what it is now. */
static double
time_to_come_back(const AwsRateLimiter *limiter)
{
	double seconds = cbrt(limiter->max_rate * (1 - BETA) / SCALE);
	double share = MIN_BACK_IN_SHARE +
				   2 * (1 - MIN_BACK_IN_SHARE) * pg_prng_double(&pg_global_prng_state);

	return limiter->fast ? seconds : Max(seconds, MIN_BACK_IN * share);
}

/*
 * A throttle has come, for a request sent then.
 */
void
aws_rate_limiter_note_throttle(AwsRateLimiter *limiter, double sent, double now)
{
	measure(limiter, now);
	if (limiter->enabled && sent <= limiter->slowed)
	{
		set_rate(limiter, limiter->rate, now);
		return;
	}

	if (limiter->enabled && now - limiter->slowed >= SLOW_START_GAP)
		limiter->fast = false;
	limiter->max_rate = limiter->enabled ? Min(limiter->measured, limiter->rate) :
										   limiter->measured;
	limiter->slowed = now;
	if (!limiter->enabled)
		limiter->filled = now;
	limiter->enabled = true;
	limiter->back_in = time_to_come_back(limiter);
	set_rate(limiter, BETA * limiter->max_rate, now);
}
