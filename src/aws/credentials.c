/*
 * credentials.c
 *		The identity that requests are signed as: copying and wiping it.
 *
 * Where credentials come from is not decided here: today they are handed in
 * as they stand in the user mapping.
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "aws/credentials.h"

/*
 * Copies source into the current memory context.  The copy must be wiped with
 * aws_credentials_wipe() before that context is reset.
 */
void
aws_credentials_copy(AwsCredentials *target, const AwsCredentials *source)
{
	target->access_key_id = pstrdup(source->access_key_id);
	target->secret_access_key = pstrdup(source->secret_access_key);
	target->session_token = source->session_token ? pstrdup(source->session_token) : NULL;
	target->expiration = source->expiration;
}

/*
 * Overwrites the secret parts in place; the memory stays with its context.
 * Safe on a struct of which only some members are set.  Never throws.
 */
void
aws_credentials_wipe(AwsCredentials *credentials)
{
	if (credentials->secret_access_key)
		OPENSSL_cleanse(credentials->secret_access_key,
						strlen(credentials->secret_access_key));
	if (credentials->session_token)
		OPENSSL_cleanse(credentials->session_token, strlen(credentials->session_token));
}
