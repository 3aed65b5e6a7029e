/*
 * provider_web_identity.c
 *		A role, for a token that somebody else gave out, as Kubernetes does.
 */
#include "postgres.h"

#include "aws/printable.h"
#include "aws/provider.h"
#include "aws/secret.h"
#include "aws/sts.h"

/* A setting, from the environment unless that is to be ignored, or the profile. */
static const char *
setting(const AwsChain *chain, const char *variable, const char *key)
{
	const char *value = chain->ignores_environment ? NULL : aws_config_variable(variable);

	return value ? value : aws_profile_value(chain->profile, key);
}

/*
 * Assumes the role that the environment or the profile names, with the token in a
 * file, which is read each time because it is replaced from time to time.
 */
bool
aws_provider_web_identity(AwsChain *chain, AwsCredentials *credentials)
{
	const char *path = setting(chain, "AWS_WEB_IDENTITY_TOKEN_FILE",
							   "web_identity_token_file");
	AwsStsRole role = {.arn = setting(chain, "AWS_ROLE_ARN", "role_arn"),
					   .session_name = setting(chain, "AWS_ROLE_SESSION_NAME",
											   "role_session_name")};
	size_t len;

	if (path == NULL || *path == '\0')
		return aws_refuse(
			chain, AWS_PROVIDER_WEB_IDENTITY,
			chain->ignores_environment ?
				"Profile \"%s\" has no web_identity_token_file." :
				"AWS_WEB_IDENTITY_TOKEN_FILE is not set, and profile \"%s\" has "
				"no web_identity_token_file.",
			aws_printable(chain->profile_name));
	if (role.arn == NULL || *role.arn == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("web identity token without a role"),
						errdetail("There is a token in \"%s\", but neither AWS_ROLE_ARN "
								  "nor the profile's role_arn.",
								  aws_printable(path))));
	role.web_identity_token = aws_secret_read_file(path, &len);
	if (role.web_identity_token == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("could not read web identity token file \"%s\": %m",
							   aws_printable(path))));
	aws_sts_assume_role(chain, &role, NULL, credentials);
	return true;
}
