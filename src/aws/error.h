/*
 * error.h
 *		What can go wrong with a call, and how it is reported.
 */
#ifndef AWS_ERROR_H
#define AWS_ERROR_H

#include "aws/transport.h"
#include "compat.h"

/* What was asked, for the report. */
typedef struct AwsQuestion
{
	const char *service; /* title of the service */
	const char *operation;
	const char *url;
	const char *input; /* JSON, in the server's encoding */
} AwsQuestion;

/* Strings that must never be printed; NULL members are none. */
typedef struct AwsSecrets
{
	const char *strings[3];
} AwsSecrets;

/* What a failure means for another attempt. */
typedef enum AwsFailure
{
	AWS_FAILURE_FINAL,     /* it would fail again */
	AWS_FAILURE_TRANSIENT, /* it may well succeed */
	AWS_FAILURE_TIMEOUT,   /* likewise, but this one was dear */
	AWS_FAILURE_THROTTLE,  /* later, and slower */
	AWS_FAILURE_SKEW       /* by a clock that agrees with the service's */
} AwsFailure;

/*
 * A failed call.  The strings are as others sent them, in any encoding and with
 * secrets perhaps: aws_error_report() makes them fit to print.  They live as
 * long as the answer that they came with.
 */
typedef struct AwsError
{
	AwsQuestion question;
	AwsSecrets secrets;
	AwsOutcome outcome;     /* AWS_OUTCOME_ANSWERED: by an HTTP response */
	long status;            /* HTTP status, 0 without a response */
	const char *request_id; /* NULL without one */
	const char *code;       /* AWS's error code; NULL if there was none */
	const char *message;    /* AWS's words, or libcurl's; NULL if there are none */
	double retry_after;     /* seconds, as Retry-After has it; < 0: it says nothing */
	double amz_retry_after; /* seconds, as x-amz-retry-after has it; likewise */
	time_t date;            /* of the response, 0 without one */

	int attempts;       /* how often it was tried; 0: once */
	bool quota_used_up; /* is that why it was not tried again? */

	/* Of a response that is not AWS's: */
	const char *content_type; /* NULL without one */
	const char *location;     /* NULL unless it redirects */
	const char *body;         /* NULL: not to be printed */
} AwsError;

extern void aws_secrets_blot_out(char *text, const AwsSecrets *secrets);
extern AwsError *
aws_error_read(const AwsQuestion *question, const AwsSecrets *secrets,
			   const AwsExchange *exchange, const char *text, size_t len);
extern time_t aws_response_date(const AwsExchange *exchange);
extern AwsFailure aws_error_failure(const AwsError *error);
extern bool aws_error_clock_offset(const AwsError *error, time_t used, time_t *offset);
extern bool aws_error_is_of_credentials(const AwsError *error);
extern const char *aws_error_label(const AwsError *error);
extern bool aws_error_is(const AwsError *error, const char *code);
pg_noreturn extern void aws_error_report(const AwsError *error);

#endif /* AWS_ERROR_H */
