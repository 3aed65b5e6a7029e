/*
 * rate_limiter.h
 *		How fast requests may be sent, learnt from being throttled.
 */
#ifndef AWS_RATE_LIMITER_H
#define AWS_RATE_LIMITER_H

/*
 * Times are in seconds, on a clock that never jumps; rates in requests a second.
 */
typedef struct AwsRateLimiter
{
	bool enabled; /* has there been a throttle? */
	bool fast;    /* is this still the slow start? */

	/* The bucket that requests take their tokens from. */
	double rate; /* at which it fills */
	double capacity;
	double tokens;
	double filled; /* when it was filled last */

	/* The curve that the rate follows until the next throttle. */
	double max_rate; /* at the last slow-down */
	double slowed;   /* when that was */
	double back_in;  /* seconds after which max_rate is reached again */

	/* How fast answers come in fact. */
	double measured;
	double interval; /* start of the present one */
	int count;       /* answers in it */
} AwsRateLimiter;

extern void aws_rate_limiter_init(AwsRateLimiter *limiter);
extern double aws_rate_limiter_take(AwsRateLimiter *limiter, double now);
extern void aws_rate_limiter_note_answer(AwsRateLimiter *limiter, double now);
extern void
aws_rate_limiter_note_throttle(AwsRateLimiter *limiter, double sent, double now);

#endif /* AWS_RATE_LIMITER_H */
