/*
 * url.h
 *		URLs taken apart.
 */
#ifndef AWS_URL_H
#define AWS_URL_H

typedef struct AwsUrl
{
	char *scheme; /* in lower case */
	char *host;   /* an IPv6 address in brackets */
	char *port;   /* NULL if the URL has none */
	char *path;
	bool has_zone;  /* a zone id, as of a link-local address */
	bool has_user;  /* or a password */
	bool has_query; /* or a fragment */
} AwsUrl;

extern bool aws_url_split(AwsUrl *url, const char *text);
extern bool aws_url_is_http(const AwsUrl *url);
extern bool aws_host_is_loopback(const char *host);
extern bool aws_address_is_metadata(int family, const void *bytes);
extern bool aws_host_is_metadata(const char *host);

#endif /* AWS_URL_H */
