/*
 * user_agent.h
 *		What we tell AWS of ourselves.
 */
#ifndef AWS_USER_AGENT_H
#define AWS_USER_AGENT_H

#include "aws/retry.h"

extern char *aws_user_agent(AwsRetryMode retry_mode, const char *app_id);

#endif /* AWS_USER_AGENT_H */
