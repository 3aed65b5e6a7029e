/*
 * sigv4.c
 *		Signature Version 4, a pure function of its inputs.
 *
 * The three stages of the specification are three functions, so that each can
 * be held against published vectors: the canonical request, the string to
 * sign, the signature.  Nothing here knows of clocks, of HTTP or of a
 * particular service.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
#include "postgres.h"

#include <time.h>
#include <openssl/crypto.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "aws/sigv4.h"
#include "compat.h"

#define SIGV4_ALGORITHM  "AWS4-HMAC-SHA256"
#define SIGV4_KEY_PREFIX "AWS4"
#define SIGV4_TERMINATOR "aws4_request"

/* A header in canonical form, with its place in the request for stable order. */
typedef struct CanonicalHeader
{
	char *name;  /* lower case */
	char *value; /* trimmed, inner white space folded */
	int position;
} CanonicalHeader;

/*
 * Formats a point in time as the X-Amz-Date header wants it.
 */
void
aws_sigv4_datetime(time_t when, char datetime[AWS_DATETIME_SIZE])
{
	struct tm utc;

	if (gmtime_r(&when, &utc) == NULL ||
		strftime(datetime, AWS_DATETIME_SIZE, "%Y%m%dT%H%M%SZ", &utc) == 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
						errmsg("the system clock cannot be written as a signing date")));
}

/*
 * Throws.  With algorithms that every OpenSSL has, a lack of memory is what can go
 * wrong; its own account of that is often of what came after.
 */
pg_noreturn static void
report_openssl(const char *message)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("%s", message),
					reason ? errdetail("OpenSSL says: %s.", reason) : 0));
}

static void
to_hex(const unsigned char *digest, char hex[AWS_SHA256_HEX_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < AWS_SHA256_LEN; i++)
	{
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 0x0f];
	}
	hex[AWS_SHA256_HEX_LEN] = '\0';
}

/*
 * Contexts are made once, and used again: to look an algorithm up, and to allocate
 * what it needs, takes longer than to compute it.
 */
static EVP_MD_CTX *
sha256_context(void)
{
	static EVP_MD_CTX *context = NULL;

	if (context == NULL)
	{
		EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
		EVP_MD_CTX *fresh = sha256 ? EVP_MD_CTX_new() : NULL;

		if (fresh && EVP_DigestInit_ex2(fresh, sha256, NULL))
			context = fresh;
		else
			EVP_MD_CTX_free(fresh);
		EVP_MD_free(sha256);
	}
	return context;
}

static EVP_MAC_CTX *
hmac_context(void)
{
	static EVP_MAC_CTX *context = NULL;
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
															"SHA256", 0),
						   OSSL_PARAM_construct_end()};

	if (context == NULL)
	{
		EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
		EVP_MAC_CTX *fresh = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

		if (fresh && EVP_MAC_CTX_set_params(fresh, params))
			context = fresh;
		else
			EVP_MAC_CTX_free(fresh);
		EVP_MAC_free(hmac);
	}
	return context;
}

static void
sha256_hex(const char *data, size_t len, char hex[AWS_SHA256_HEX_LEN + 1])
{
	EVP_MD_CTX *context = sha256_context();
	unsigned char digest[AWS_SHA256_LEN];

	if (context == NULL || !EVP_DigestInit_ex2(context, NULL, NULL) ||
		!EVP_DigestUpdate(context, data, len) ||
		!EVP_DigestFinal_ex(context, digest, NULL))
		report_openssl("OpenSSL could not compute a SHA-256 digest");
	to_hex(digest, hex);
}

static void
hmac_sha256(const unsigned char *key, size_t key_len, const char *data,
			unsigned char mac[AWS_SHA256_LEN])
{
	static const unsigned char no_key[AWS_SHA256_LEN] = {0};
	EVP_MAC_CTX *context = hmac_context();
	size_t mac_len = 0;
	bool ok = context && EVP_MAC_init(context, key, key_len, NULL) &&
			  EVP_MAC_update(context, (const unsigned char *) data, strlen(data)) &&
			  EVP_MAC_final(context, mac, &mac_len, AWS_SHA256_LEN) &&
			  mac_len == AWS_SHA256_LEN;

	/* The context outlives the key, which must not stay behind in it. */
	if (context && !EVP_MAC_init(context, no_key, sizeof(no_key), NULL))
		ok = false;
	if (!ok)
		report_openssl("OpenSSL could not compute an HMAC-SHA256");
}

static char *
canonical_header_name(const char *name)
{
	char *result = pstrdup(name);

	for (char *p = result; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	return result;
}

/* Drops leading and trailing white space; inner runs become one space. */
static char *
canonical_header_value(const char *value)
{
	char *result = palloc(strlen(value) + 1);
	char *out = result;

	for (const char *p = value; *p; p++)
	{
		if (strchr(" \t\r\n", *p) == NULL)
			*out++ = *p;
		else if (out > result && out[-1] != ' ')
			*out++ = ' ';
	}
	if (out > result && out[-1] == ' ')
		out--;
	*out = '\0';
	return result;
}

/* qsort comparator: by name, then in the order of the request. */
static int
compare_headers(const void *a, const void *b)
{
	const CanonicalHeader *left = a;
	const CanonicalHeader *right = b;
	int by_name = strcmp(left->name, right->name);

	return by_name != 0 ? by_name : left->position - right->position;
}

/* Appends the header block; headers of one name become one line, comma-joined. */
static void
append_canonical_headers(StringInfo out, StringInfo signed_headers,
						 const AwsHeader *headers, int nheaders)
{
	CanonicalHeader *sorted = palloc(sizeof(CanonicalHeader) * nheaders);

	for (int i = 0; i < nheaders; i++)
	{
		sorted[i].name = canonical_header_name(headers[i].name);
		sorted[i].value = canonical_header_value(headers[i].value);
		sorted[i].position = i;
	}
	qsort(sorted, nheaders, sizeof(CanonicalHeader), compare_headers);

	for (int i = 0; i < nheaders; i++)
	{
		if (i > 0 && strcmp(sorted[i].name, sorted[i - 1].name) == 0)
		{
			appendStringInfo(out, ",%s", sorted[i].value);
			aws_wipe(sorted[i].value);
			continue;
		}
		if (i > 0)
		{
			appendStringInfoChar(out, '\n');
			appendStringInfoChar(signed_headers, ';');
		}
		appendStringInfo(out, "%s:%s", sorted[i].name, sorted[i].value);
		aws_wipe(sorted[i].value); /* it may be the session token */
		appendStringInfoString(signed_headers, sorted[i].name);
	}
	appendStringInfoChar(out, '\n');
}

/* At most so many bytes. */
static int
canonical_size(const AwsSignableRequest *request)
{
	int size = strlen(request->method) + strlen(request->path) + strlen(request->query) +
			   AWS_SHA256_HEX_LEN + sizeof("\n\n\n\n\n\n");

	for (int i = 0; i < request->nheaders; i++)
		size += 2 * strlen(request->headers[i].name) + strlen(request->headers[i].value) +
				sizeof(":\n;");
	return size;
}

/*
 * Stage one.  Appends the canonical request to out and the list of signed
 * headers to signed_headers.
 */
void
aws_sigv4_canonical_request(StringInfo out, StringInfo signed_headers,
							const AwsSignableRequest *request)
{
	char body_hash[AWS_SHA256_HEX_LEN + 1];

	sha256_hex(request->body, request->body_len, body_hash);

	/* One that grew would leave parts of the session token behind. */
	enlargeStringInfo(out, canonical_size(request));
	appendStringInfo(out, "%s\n%s\n%s\n", request->method, request->path, request->query);
	append_canonical_headers(out, signed_headers, request->headers, request->nheaders);
	appendStringInfo(out, "\n%s\n%s", signed_headers->data, body_hash);
}

static void
append_scope(StringInfo out, const AwsCredentialScope *scope)
{
	appendStringInfo(out, "%.8s/%s/%s/" SIGV4_TERMINATOR, scope->datetime, scope->region,
					 scope->service);
}

/*
 * Stage two.  Appends the string to sign to out.
 */
void
aws_sigv4_string_to_sign(StringInfo out, const AwsCredentialScope *scope,
						 const char *canonical_request)
{
	char request_hash[AWS_SHA256_HEX_LEN + 1];

	sha256_hex(canonical_request, strlen(canonical_request), request_hash);
	appendStringInfo(out, SIGV4_ALGORITHM "\n%s\n", scope->datetime);
	append_scope(out, scope);
	appendStringInfo(out, "\n%s", request_hash);
}

/*
 * Derives the key of the scope's day into key, unless key holds that day's
 * already.
 */
void
aws_sigv4_signing_key(AwsSigningKey *key, const char *secret_access_key,
					  const AwsCredentialScope *scope)
{
	char date[AWS_DATE_SIZE];
	StringInfoData seed;
	unsigned char mac[AWS_SHA256_LEN];

	strlcpy(date, scope->datetime, sizeof(date));
	if (strcmp(key->date, date) == 0)
		return;

	/* Sized at once: a buffer that grew would leave a copy of the secret. */
	initStringInfo(&seed);
	enlargeStringInfo(&seed, strlen(SIGV4_KEY_PREFIX) + strlen(secret_access_key));
	appendStringInfoString(&seed, SIGV4_KEY_PREFIX);
	appendStringInfoString(&seed, secret_access_key);

	key->date[0] = '\0';
	hmac_sha256((unsigned char *) seed.data, seed.len, date, mac);
	OPENSSL_cleanse(seed.data, seed.len);
	hmac_sha256(mac, sizeof(mac), scope->region, mac);
	hmac_sha256(mac, sizeof(mac), scope->service, mac);
	hmac_sha256(mac, sizeof(mac), SIGV4_TERMINATOR, key->key);
	OPENSSL_cleanse(mac, sizeof(mac));
	strlcpy(key->date, date, sizeof(key->date));
	pfree(seed.data);
}

/*
 * Stage three.  Writes the signature in hexadecimal.
 */
void
aws_sigv4_signature(char signature[AWS_SHA256_HEX_LEN + 1], const AwsSigningKey *key,
					const char *string_to_sign)
{
	unsigned char mac[AWS_SHA256_LEN];

	hmac_sha256(key->key, sizeof(key->key), string_to_sign, mac);
	to_hex(mac, signature);
}

/*
 * All three: appends the value of the Authorization header to out and leaves
 * the bare signature in signature.  key is the caller's cache of the signing
 * key; a zeroed struct is an empty one.
 */
void
aws_sigv4_authorization(StringInfo out, const AwsSignableRequest *request,
						const AwsCredentialScope *scope,
						const AwsCredentials *credentials, AwsSigningKey *key,
						char signature[AWS_SHA256_HEX_LEN + 1])
{
	StringInfoData canonical_request;
	StringInfoData signed_headers;
	StringInfoData string_to_sign;

	initStringInfo(&canonical_request);
	initStringInfo(&signed_headers);
	initStringInfo(&string_to_sign);

	aws_sigv4_canonical_request(&canonical_request, &signed_headers, request);
	aws_sigv4_string_to_sign(&string_to_sign, scope, canonical_request.data);
	/* The session token is one of its headers. */
	OPENSSL_cleanse(canonical_request.data, canonical_request.len);
	aws_sigv4_signing_key(key, credentials->secret_access_key, scope);
	aws_sigv4_signature(signature, key, string_to_sign.data);

	appendStringInfo(out, SIGV4_ALGORITHM " Credential=%s/", credentials->access_key_id);
	append_scope(out, scope);
	appendStringInfo(out, ", SignedHeaders=%s, Signature=%s", signed_headers.data,
					 signature);
}
