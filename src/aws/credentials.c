/*
 * credentials.c
 *		The identity that requests are signed as: copying and wiping it.
 *
 * Where credentials come from is not decided here, see identity.c.
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
 * Overwrites a string in place; the memory stays with its context.  NULL is none.
 * Never throws.
 */
void
aws_wipe(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
}

/*
 * The same for the secret parts of credentials.  Safe on a struct of which only some
 * members are set.
 */
void
aws_credentials_wipe(AwsCredentials *credentials)
{
	aws_wipe(credentials->secret_access_key);
	aws_wipe(credentials->session_token);
}
