/*
 * url.c
 *		URLs taken apart, and what the hosts in them are.
 *
 * libcurl takes them apart, so that what is checked of a URL is what is connected
 * to later.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include "aws/url.h"

/* What came of looking at a URL: the worst so far. */
typedef enum UrlResult
{
	URL_OK,
	URL_MALFORMED,
	URL_OUT_OF_MEMORY
} UrlResult;

/* Gets a part, palloc'd; NULL if the URL has none.  Never throws, because of what
 * libcurl has malloc'ed. */
static char *
get_part(CURLU *handle, CURLUPart part, unsigned flags, UrlResult *result)
{
	char *value = NULL;
	char *copy = NULL;
	CURLUcode code = curl_url_get(handle, part, &value, flags);

	if (value)
		copy = palloc_extended(strlen(value) + 1, MCXT_ALLOC_NO_OOM);
	if (copy)
		strcpy(copy, value);
	if (code == CURLUE_OUT_OF_MEMORY || (value && copy == NULL))
		*result = URL_OUT_OF_MEMORY;
	curl_free(value);
	return copy;
}

static bool
has_part(CURLU *handle, CURLUPart part, UrlResult *result)
{
	return get_part(handle, part, 0, result) != NULL;
}

/* Never throws. */
static UrlResult
read_parts(AwsUrl *url, CURLU *handle, const char *text)
{
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	UrlResult result = URL_OK;

	if (code != CURLUE_OK)
		return code == CURLUE_OUT_OF_MEMORY ? URL_OUT_OF_MEMORY : URL_MALFORMED;
	url->scheme = get_part(handle, CURLUPART_SCHEME, 0, &result);
	url->host = get_part(handle, CURLUPART_HOST, 0, &result);
	url->path = get_part(handle, CURLUPART_PATH, 0, &result);
	url->port = get_part(handle, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, &result);
	url->has_zone = has_part(handle, CURLUPART_ZONEID, &result);
	url->has_user = has_part(handle, CURLUPART_USER, &result) ||
					has_part(handle, CURLUPART_PASSWORD, &result);
	url->has_query = has_part(handle, CURLUPART_QUERY, &result) ||
					 has_part(handle, CURLUPART_FRAGMENT, &result);
	if (result == URL_OK && !(url->scheme && url->host && url->path))
		result = URL_MALFORMED;
	return result;
}

/*
 * Takes a URL apart; false if it is none.  Strings are palloc'd.  Throws out of
 * memory.
 */
bool
aws_url_split(AwsUrl *url, const char *text)
{
	CURLU *handle = curl_url();
	UrlResult result = handle ? read_parts(url, handle, text) : URL_OUT_OF_MEMORY;

	curl_url_cleanup(handle);
	if (result == URL_OUT_OF_MEMORY)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("libcurl could not take a URL apart.")));
	return result == URL_OK;
}

/*
 * Is it one of http or https?
 */
bool
aws_url_is_http(const AwsUrl *url)
{
	return strcmp(url->scheme, "http") == 0 || strcmp(url->scheme, "https") == 0;
}

/*
 * Does this host, as it stands in a URL, name this very machine?  Never throws.
 */
bool
aws_host_is_loopback(const char *host)
{
	struct in_addr address;

	if (pg_strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &address) == 1 &&
		   (ntohl(address.s_addr) >> 24) == 127;
}

/*
 * Prefixes of IPv6 addresses that carry an IPv4 address, and where: mapped, NAT64
 * (RFC 6052), 6to4 (RFC 3056).
 */
static const struct
{
	unsigned char bytes[12];
	size_t len; /* the address follows */
} embeddings[] = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12},
	{{0, 0x64, 0xff, 0x9b}, 12},
	{{0x20, 0x02}, 2},
};

/*
 * Is this an address that instance metadata is at, or one like it?  Whoever gets
 * there gets the server's own credentials, so only who is meant to may.  Link-local
 * addresses of both kinds, and fd00:ec2::/32, where AWS has its own.  family is
 * AF_INET or AF_INET6, bytes the address.  Never throws.
 */
bool
aws_address_is_metadata(int family, const void *bytes)
{
	static const unsigned char ec2[] = {0xfd, 0x00, 0x0e, 0xc2};
	const unsigned char *b = bytes;

	if (family == AF_INET)
		return b[0] == 169 && b[1] == 254;
	for (size_t i = 0; i < lengthof(embeddings); i++)
		if (memcmp(b, embeddings[i].bytes, embeddings[i].len) == 0 &&
			aws_address_is_metadata(AF_INET, b + embeddings[i].len))
			return true;
	return IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *) bytes) ||
		   memcmp(b, ec2, sizeof(ec2)) == 0;
}

/*
 * The same of an address as it stands in a URL; for names see on_open_socket() in
 * exchange.c.
 */
bool
aws_host_is_metadata(const char *host)
{
	char bare[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, bytes) == 1)
		return aws_address_is_metadata(AF_INET, bytes);
	if (host[0] != '[' || strlen(host) >= sizeof(bare))
		return false;
	strlcpy(bare, host + 1, strcspn(host, "]"));
	return inet_pton(AF_INET6, bare, bytes) == 1 &&
		   aws_address_is_metadata(AF_INET6, bytes);
}
