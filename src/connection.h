/*
 * connection.h
 *		The clients of this backend.
 */
#ifndef FORECAST_CONNECTION_H
#define FORECAST_CONNECTION_H

#include "foreign/foreign.h"

#include "aws/client.h"

extern UserMapping *forecast_get_user_mapping(Oid userid, Oid serverid);
extern AwsClient *forecast_get_client(UserMapping *user);

#endif /* FORECAST_CONNECTION_H */
