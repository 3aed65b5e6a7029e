/*
 * endpoint.c
 *		Region, or the URL a user gives instead, to the place requests go.
 */
#include "postgres.h"

#include "aws/endpoint.h"
#include "aws/url.h"

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

static bool
is_ascii(const char *text)
{
	for (; *text; text++)
		if (IS_HIGHBIT_SET(*text))
			return false;
	return true;
}

/*
 * Says in one sentence what makes url unusable as an endpoint (a constant
 * string), or returns NULL if it can be used.
 */
const char *
aws_endpoint_url_problem(const char *url)
{
	AwsUrl parts;

	if (!aws_url_split(&parts, url))
		return "It must have the form https://host[:port].";
	if (!aws_url_is_http(&parts))
		return "The scheme must be https, or http for a loopback host.";
	if (aws_host_is_metadata(parts.host))
		return "The host is an address of instance metadata, which is no endpoint.";
	if (strcmp(parts.scheme, "http") == 0 && !aws_host_is_loopback(parts.host))
		return "Plain http is for loopback hosts only (localhost, 127.0.0.1, [::1]); use https.";
	if (strlen(parts.host) > MAX_HOST_LENGTH)
		return "The host name is too long.";
	if (parts.has_zone)
		return "The host must not have a zone id.";
	if (parts.port && strcmp(parts.port, "0") == 0)
		return "The port must not be 0.";
	if (!is_ascii(parts.host))
		return "The host must be ASCII: give an international name in its xn-- form.";
	if (parts.has_user || parts.has_query)
		return "It must not carry a user name, a password, a query or a fragment.";
	if (strcmp(parts.path, "/") != 0)
		return "It must not have a path.";
	return NULL;
}

/*
 * The same, of a URL for a proxy.  It may not carry a password: where it stands,
 * everybody can read it.
 */
const char *
aws_proxy_url_problem(const char *url)
{
	AwsUrl parts;

	if (!aws_url_split(&parts, url))
		return "It must have the form http://host[:port] or https://host[:port].";
	if (!aws_url_is_http(&parts))
		return "The scheme must be http or https.";
	if (parts.has_user || parts.has_query)
		return "It must not carry a user name, a password, a query or a fragment.";
	if (strcmp(parts.path, "/") != 0)
		return "It must not have a path.";
	return NULL;
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
	AwsUrl parts;

	if (!aws_url_split(&parts, url))
		ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
						errmsg("endpoint URL \"%s\" cannot be used", url)));
	endpoint->host = parts.port ? psprintf("%s:%s", parts.host, parts.port) : parts.host;
	endpoint->url = psprintf("%s://%s/", parts.scheme, endpoint->host);
}
