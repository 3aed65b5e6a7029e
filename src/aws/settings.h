/*
 * settings.h
 *		What the database server's own environment says of a client.
 */
#ifndef AWS_SETTINGS_H
#define AWS_SETTINGS_H

#include "aws/client.h"

extern void aws_settings_read(AwsClientConfig *config, const char *service);

#endif /* AWS_SETTINGS_H */
