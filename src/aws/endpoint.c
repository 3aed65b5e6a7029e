/*
 * endpoint.c
 *		Region, or the URL a user gives instead, to the place requests go.
 *
 * Endpoint URLs are taken apart by libcurl, so that what is checked here is
 * what is connected to later.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include "aws/endpoint.h"

/*
 * The partitions, by the prefix of their regions' names; the last row is for all
 * others, so that new regions work.  From AWS's published partitions.json.
 */
typedef struct Partition
{
	const char *region_prefix;
	const char *dns_suffix;
	const char *dualstack_dns_suffix;
} Partition;

static const Partition partitions[] = {
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"us-gov-", "amazonaws.com", "api.aws"},
	{"eusc-de-", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
	{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"", "amazonaws.com", "api.aws"},
};

/*
 * Services whose plain endpoint in a partition is the FIPS one already, from their
 * published endpoint rules.
 */
static const struct
{
	const char *prefix;        /* of the service */
	const char *region_prefix; /* of the partition */
} plain_is_fips[] = {
	{"sts", "us-gov-"},
};

/* Of a name in the DNS (RFC 1035, without the final dot). */
#define MAX_HOST_LENGTH 253

/* The parts of a URL that matter to us; malloc'ed by libcurl. */
typedef struct UrlParts
{
	char *scheme;
	char *host;
	char *port; /* NULL if the URL has none */
	char *path;
	bool has_zone; /* a zone id, as of a link-local address */
	bool is_bare;  /* no user, password, query or fragment */
} UrlParts;

/*
 * Is this a name that can stand in a host name and in a credential scope?
 */
bool
aws_region_is_valid(const char *region)
{
	size_t len = strlen(region);

	return len > 0 && len <= 63 && region[0] != '-' && region[len - 1] != '-' &&
		   strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void
free_parts(UrlParts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_free(parts->path);
}

/* What came of looking at a URL: the worst so far. */
typedef enum UrlResult
{
	URL_OK,
	URL_MALFORMED,
	URL_OUT_OF_MEMORY
} UrlResult;

/* Gets a part, malloc'ed; NULL if the URL has none. */
static char *
get_part(CURLU *handle, CURLUPart part, unsigned flags, UrlResult *result)
{
	char *value = NULL;

	if (curl_url_get(handle, part, &value, flags) == CURLUE_OUT_OF_MEMORY)
		*result = URL_OUT_OF_MEMORY;
	return value;
}

static bool
has_part(CURLU *handle, CURLUPart part, UrlResult *result)
{
	char *value = get_part(handle, part, 0, result);
	bool found = value != NULL;

	curl_free(value);
	return found;
}

/* Never throws, because of what is malloc'ed. */
static UrlResult
read_parts(UrlParts *parts, CURLU *handle, const char *url)
{
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	UrlResult result = URL_OK;

	if (code != CURLUE_OK)
		return code == CURLUE_OUT_OF_MEMORY ? URL_OUT_OF_MEMORY : URL_MALFORMED;
	parts->scheme = get_part(handle, CURLUPART_SCHEME, 0, &result);
	parts->host = get_part(handle, CURLUPART_HOST, 0, &result);
	parts->path = get_part(handle, CURLUPART_PATH, 0, &result);
	parts->port = get_part(handle, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, &result);
	parts->has_zone = has_part(handle, CURLUPART_ZONEID, &result);
	parts->is_bare = !has_part(handle, CURLUPART_USER, &result) &&
					 !has_part(handle, CURLUPART_PASSWORD, &result) &&
					 !has_part(handle, CURLUPART_QUERY, &result) &&
					 !has_part(handle, CURLUPART_FRAGMENT, &result);
	if (result == URL_OK && !(parts->scheme && parts->host && parts->path))
		result = URL_MALFORMED;
	return result;
}

/* Takes a URL apart; false if it is none.  Throws out of memory. */
static bool
split_url(UrlParts *parts, const char *url)
{
	CURLU *handle = curl_url();
	UrlResult result = URL_OUT_OF_MEMORY;

	memset(parts, 0, sizeof(*parts));
	if (handle)
		result = read_parts(parts, handle, url);
	curl_url_cleanup(handle);
	if (result == URL_OK)
		return true;

	free_parts(parts);
	memset(parts, 0, sizeof(*parts));
	if (result == URL_OUT_OF_MEMORY)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("libcurl could not take a URL apart.")));
	return false;
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

/* The same of an address as it stands in a URL; for names see on_open_socket() in
 * exchange.c. */
static bool
is_metadata_host(const char *host)
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

static bool
is_ascii(const char *text)
{
	for (; *text; text++)
		if (IS_HIGHBIT_SET(*text))
			return false;
	return true;
}

static const char *
parts_problem(const UrlParts *parts)
{
	bool is_http = pg_strcasecmp(parts->scheme, "http") == 0;

	if (!is_http && pg_strcasecmp(parts->scheme, "https") != 0)
		return "The scheme must be https, or http for a loopback host.";
	if (is_metadata_host(parts->host))
		return "The host is an address of instance metadata, which is no endpoint.";
	if (is_http && !aws_host_is_loopback(parts->host))
		return "Plain http is for loopback hosts only (localhost, 127.0.0.1, [::1]); use https.";
	if (strlen(parts->host) > MAX_HOST_LENGTH)
		return "The host name is too long.";
	if (parts->has_zone)
		return "The host must not have a zone id.";
	if (parts->port && strcmp(parts->port, "0") == 0)
		return "The port must not be 0.";
	if (!is_ascii(parts->host))
		return "The host must be ASCII: give an international name in its xn-- form.";
	if (!parts->is_bare)
		return "It must not carry a user name, a password, a query or a fragment.";
	if (strcmp(parts->path, "/") != 0)
		return "It must not have a path.";
	return NULL;
}

/*
 * Says in one sentence what makes url unusable as an endpoint (a constant
 * string), or returns NULL if it can be used.
 */
const char *
aws_endpoint_url_problem(const char *url)
{
	UrlParts parts;
	const char *problem;

	if (!split_url(&parts, url))
		return "It must have the form https://host[:port].";
	problem = parts_problem(&parts);
	free_parts(&parts);
	return problem;
}

/*
 * The same, of a URL for a proxy.  It may not carry a password: where it stands,
 * everybody can read it.
 */
const char *
aws_proxy_url_problem(const char *url)
{
	UrlParts parts;
	const char *problem = NULL;

	if (!split_url(&parts, url))
		return "It must have the form http://host[:port] or https://host[:port].";
	if (pg_strcasecmp(parts.scheme, "http") != 0 &&
		pg_strcasecmp(parts.scheme, "https") != 0)
		problem = "The scheme must be http or https.";
	else if (!parts.is_bare)
		problem = "It must not carry a user name, a password, a query or a fragment.";
	else if (strcmp(parts.path, "/") != 0)
		problem = "It must not have a path.";
	free_parts(&parts);
	return problem;
}

static bool
has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Is this a word and a number, as "west-1"? */
static bool
is_word_and_number(const char *text)
{
	const char *dash = strchr(text, '-');

	return dash && dash > text && dash[1] != '\0' &&
		   dash[1 + strspn(dash + 1, "0123456789")] == '\0';
}

static const Partition *
partition_of(const char *region)
{
	const Partition *partition = partitions;

	while (partition->region_prefix[0] != '\0' &&
		   !(has_prefix(region, partition->region_prefix) &&
			 is_word_and_number(region + strlen(partition->region_prefix))))
		partition++;
	return partition;
}

/*
 * Is this a region, by all that is known of their names ("us-gov-west-1"), and not
 * a part of another service's host name ("s3-us-west-2")?
 */
static bool
is_regular_region(const char *region)
{
	const char *last = strrchr(region, '-');

	return last && memchr(region, '-', last - region) &&
		   strspn(region, "abcdefghijklmnopqrstuvwxyz-") ==
			   (size_t) (last + 1 - region) &&
		   last[1] != '\0' && last[1 + strspn(last + 1, "0123456789")] == '\0';
}

/* Does the FIPS endpoint have a name of its own? */
static bool
has_fips_name(const char *prefix, const Partition *partition, bool dualstack)
{
	for (size_t i = 0; i < lengthof(plain_is_fips); i++)
		if (!dualstack && strcmp(plain_is_fips[i].prefix, prefix) == 0 &&
			strcmp(plain_is_fips[i].region_prefix, partition->region_prefix) == 0)
			return false;
	return true;
}

/*
 * The service's regional endpoint, by AWS's published endpoint rules; prefix is
 * the service's endpoint prefix.  Strings are palloc'd.
 */
void
aws_endpoint_for_region(AwsEndpoint *endpoint, const char *prefix, const char *region,
						bool fips, bool dualstack)
{
	const Partition *partition = partition_of(region);

	endpoint->host = psprintf("%s%s.%s.%s", prefix,
							  fips && has_fips_name(prefix, partition, dualstack) ?
								  "-fips" :
								  "",
							  region,
							  dualstack ? partition->dualstack_dns_suffix :
										  partition->dns_suffix);
	endpoint->url = psprintf("https://%s/", endpoint->host);
}

/* Is this host one of the service's regional endpoints, or a VPC endpoint for it? */
static bool
is_service_host(const char *host, const char *prefix)
{
	bool is_vpc = has_prefix(host, "vpce-");
	const char *own = is_vpc && strchr(host, '.') ? strchr(host, '.') + 1 : host;
	const char *dot = strchr(own, '.');
	char *region = dot ? pnstrdup(dot + 1, strcspn(dot + 1, ".")) : "";
	AwsEndpoint endpoint;

	if (!is_regular_region(region))
		return false;
	if (is_vpc)
		return strcmp(own, psprintf("%s.%s.vpce.%s", prefix, region,
									partition_of(region)->dns_suffix)) == 0;
	for (int i = 0; i < 4; i++)
	{
		aws_endpoint_for_region(&endpoint, prefix, region, i & 1, i & 2);
		if (strcmp(endpoint.host, host) == 0)
			return true;
	}
	return false;
}

/*
 * Does the URL, which has passed aws_endpoint_url_problem(), lead to the service
 * itself: over https to a regional or a VPC endpoint of it?
 */
bool
aws_endpoint_is_service_url(const char *url, const char *prefix)
{
	AwsEndpoint endpoint;

	aws_endpoint_for_url(&endpoint, url);
	return has_prefix(endpoint.url, "https:") && is_service_host(endpoint.host, prefix);
}

/*
 * The endpoint that a URL names.  The URL must have passed
 * aws_endpoint_url_problem().  Strings are palloc'd.
 */
void
aws_endpoint_for_url(AwsEndpoint *endpoint, const char *url)
{
	UrlParts parts;
	char host[MAX_HOST_LENGTH + sizeof(":65535")];
	char full[sizeof("https:///") + sizeof(host)];
	bool ok = split_url(&parts, url);

	/* Into buffers on the stack, so that nothing throws while parts live. */
	if (ok)
	{
		snprintf(host, sizeof(host), "%s%s%s", parts.host, parts.port ? ":" : "",
				 parts.port ? parts.port : "");
		snprintf(full, sizeof(full), "%s://%s/", parts.scheme, host);
		free_parts(&parts);
	}
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("endpoint URL \"%s\" cannot be used", url)));

	endpoint->host = pstrdup(host);
	endpoint->url = pstrdup(full);
}
