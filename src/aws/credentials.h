/*
 * credentials.h
 *		The identity that requests are signed as.
 */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "datatype/timestamp.h"

/*
 * One set of AWS credentials.  The strings are NUL-terminated and owned by
 * whoever filled the struct in; session_token is NULL for long-term keys.
 */
typedef struct AwsCredentials
{
	char *access_key_id;
	char *secret_access_key;
	char *session_token;
	TimestampTz expiration; /* 0: never */
} AwsCredentials;

extern void aws_wipe(char *secret);
extern void aws_credentials_copy(AwsCredentials *target, const AwsCredentials *source);
extern void aws_credentials_wipe(AwsCredentials *credentials);

#endif /* AWS_CREDENTIALS_H */
