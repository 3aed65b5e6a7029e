/*
 * sigv4.h
 *		Signature Version 4.
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include "lib/stringinfo.h"

#include "aws/credentials.h"

/* Length of a SHA-256 digest, and of its lower-case hexadecimal form. */
#define AWS_SHA256_LEN     32
#define AWS_SHA256_HEX_LEN 64

/* "20150830T123600Z" and "20150830", each with its terminator. */
#define AWS_DATETIME_SIZE 17
#define AWS_DATE_SIZE     9

typedef struct AwsHeader
{
	const char *name;
	const char *value;
} AwsHeader;

/*
 * What is signed.  Path and query are expected in canonical form already (our
 * own requests have the path "/" and no query); header names and values are
 * brought into canonical form by the signer.
 */
typedef struct AwsSignableRequest
{
	const char *method;
	const char *path;
	const char *query;
	const AwsHeader *headers; /* all of them are signed */
	int nheaders;
	const char *body;
	size_t body_len;
} AwsSignableRequest;

/* Where and when the signature is valid. */
typedef struct AwsCredentialScope
{
	char datetime[AWS_DATETIME_SIZE]; /* UTC, as in X-Amz-Date */
	const char *region;
	const char *service;
} AwsCredentialScope;

/*
 * A derived signing key, kept because it is the same for a whole day.  Only
 * valid for the secret and the scope it was derived for.
 */
typedef struct AwsSigningKey
{
	char date[AWS_DATE_SIZE]; /* "" while nothing is derived */
	unsigned char key[AWS_SHA256_LEN];
} AwsSigningKey;

extern void aws_sigv4_datetime(time_t when, char datetime[AWS_DATETIME_SIZE]);
extern void aws_sigv4_canonical_request(StringInfo out, StringInfo signed_headers,
										const AwsSignableRequest *request);
extern void aws_sigv4_string_to_sign(StringInfo out, const AwsCredentialScope *scope,
									 const char *canonical_request);
extern void aws_sigv4_signing_key(AwsSigningKey *key, const char *secret_access_key,
								  const AwsCredentialScope *scope);
extern void aws_sigv4_signature(char signature[AWS_SHA256_HEX_LEN + 1],
								const AwsSigningKey *key, const char *string_to_sign);
extern void aws_sigv4_authorization(StringInfo out, const AwsSignableRequest *request,
									const AwsCredentialScope *scope,
									const AwsCredentials *credentials, AwsSigningKey *key,
									char signature[AWS_SHA256_HEX_LEN + 1]);

#endif /* AWS_SIGV4_H */
