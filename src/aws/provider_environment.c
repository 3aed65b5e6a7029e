/*
 * provider_environment.c
 *		Credentials in environment variables.
 */
#include "postgres.h"

#include "aws/provider.h"
#include "aws/secret.h"

/*
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and with temporary credentials
 * AWS_SESSION_TOKEN (before, AWS_SECURITY_TOKEN) and AWS_CREDENTIAL_EXPIRATION.
 * Throws if there is only the key's id, or if the expiration is none.
 */
bool
aws_provider_environment(AwsChain *chain, AwsCredentials *credentials)
{
	const char *id = aws_config_variable("AWS_ACCESS_KEY_ID");
	const char *secret = aws_config_variable("AWS_SECRET_ACCESS_KEY");
	const char *token = aws_config_variable("AWS_SECURITY_TOKEN");
	const char *expiration = aws_config_variable("AWS_CREDENTIAL_EXPIRATION");

	if (id == NULL)
		return aws_refuse(chain, AWS_PROVIDER_ENVIRONMENT,
						  "AWS_ACCESS_KEY_ID is not set.");
	if (secret == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY")));
	if (token == NULL)
		token = aws_config_variable("AWS_SESSION_TOKEN");

	credentials->access_key_id = pstrdup(id);
	credentials->secret_access_key = aws_secret_copy(secret);
	credentials->session_token = aws_secret_copy(token);
	if (expiration && !aws_parse_timestamp(expiration, &credentials->expiration))
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("AWS_CREDENTIAL_EXPIRATION is no timestamp"),
						errhint("It should look like 2026-01-02T03:04:05Z.")));
	return true;
}
