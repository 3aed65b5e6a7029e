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
 * DNS suffixes of the partitions, by the prefix of their regions' names; the
 * last row is for all others.  From the published partitions.json.
 */
static const struct
{
	const char *region_prefix;
	const char *dns_suffix;
} partitions[] = {
	{"cn-", "amazonaws.com.cn"},
	{"", "amazonaws.com"},
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

static bool
has_part(CURLU *handle, CURLUPart part)
{
	char *value = NULL;
	bool found = curl_url_get(handle, part, &value, 0) == CURLUE_OK;

	curl_free(value);
	return found;
}

static void
free_parts(UrlParts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_free(parts->path);
}

/* Takes a URL apart; false if it is none.  Never throws. */
static bool
split_url(UrlParts *parts, const char *url)
{
	CURLU *handle = curl_url();
	bool ok;

	memset(parts, 0, sizeof(*parts));
	if (handle == NULL)
		return false;

	ok = curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ==
			 CURLUE_OK &&
		 curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
		 curl_url_get(handle, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
		 curl_url_get(handle, CURLUPART_PATH, &parts->path, 0) == CURLUE_OK;
	if (ok)
	{
		(void) curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_NO_DEFAULT_PORT);
		parts->has_zone = has_part(handle, CURLUPART_ZONEID);
		parts->is_bare = !has_part(handle, CURLUPART_USER) &&
						 !has_part(handle, CURLUPART_PASSWORD) &&
						 !has_part(handle, CURLUPART_QUERY) &&
						 !has_part(handle, CURLUPART_FRAGMENT);
	}
	else
	{
		free_parts(parts);
		memset(parts, 0, sizeof(*parts));
	}
	curl_url_cleanup(handle);
	return ok;
}

/* Does this host, as it stands in a URL, name this very machine? */
static bool
is_loopback(const char *host)
{
	struct in_addr address;

	if (pg_strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &address) == 1 &&
		   (ntohl(address.s_addr) >> 24) == 127;
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
	if (is_http && !is_loopback(parts->host))
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
 * The service's regional endpoint; prefix is the service's endpoint prefix.
 * Strings are palloc'd.
 */
void
aws_endpoint_for_region(AwsEndpoint *endpoint, const char *prefix, const char *region)
{
	int p = 0;

	while (strncmp(region, partitions[p].region_prefix,
				   strlen(partitions[p].region_prefix)) != 0)
		p++;
	endpoint->host = psprintf("%s.%s.%s", prefix, region, partitions[p].dns_suffix);
	endpoint->url = psprintf("https://%s/", endpoint->host);
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
