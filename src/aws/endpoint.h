/*
 * endpoint.h
 *		Where requests go.
 */
#ifndef AWS_ENDPOINT_H
#define AWS_ENDPOINT_H

/* A resolved endpoint. */
typedef struct AwsEndpoint
{
	char *url;  /* scheme://host[:port]/ */
	char *host; /* as the Host header carries it */
} AwsEndpoint;

extern bool aws_region_is_valid(const char *region);
extern const char *aws_endpoint_url_problem(const char *url);
extern const char *aws_proxy_url_problem(const char *url);
extern void aws_endpoint_for_region(AwsEndpoint *endpoint, const char *prefix,
									const char *region, bool fips, bool dualstack);
extern bool aws_endpoint_is_service_url(const char *url, const char *prefix);
extern void aws_endpoint_for_url(AwsEndpoint *endpoint, const char *url);

#endif /* AWS_ENDPOINT_H */
