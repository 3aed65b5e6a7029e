/*
 * sts.h
 *		Temporary credentials of a role, from AWS's Security Token Service.
 */
#ifndef AWS_STS_H
#define AWS_STS_H

#include "aws/provider.h"

/* The role to assume. */
typedef struct AwsStsRole
{
	const char *arn;
	const char *session_name;       /* NULL: one made of the time */
	const char *external_id;        /* NULL: none */
	int duration_seconds;           /* 0: as long as STS has it by default */
	const char *web_identity_token; /* NULL: signed by credentials */
} AwsStsRole;

extern void
aws_sts_assume_role(const AwsChain *chain, const AwsStsRole *role,
					const AwsCredentials *source, AwsCredentials *credentials);

#endif /* AWS_STS_H */
