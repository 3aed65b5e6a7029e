/*
 * sigv4_test.c
 *		The stages of the signer as SQL functions, so that tests can hold each
 *		against vectors.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "aws/sigv4.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(canonical_request);
PG_FUNCTION_INFO_V1(string_to_sign);
PG_FUNCTION_INFO_V1(signature);
PG_FUNCTION_INFO_V1(authorization_header);
PG_FUNCTION_INFO_V1(signing_datetime);

static char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Headers come as an array: name, value, name, value, ... */
static void
headers_arg(FunctionCallInfo fcinfo, int n, AwsSignableRequest *request)
{
	Datum *items;
	int nitems;
	AwsHeader *headers;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &items,
					  NULL, &nitems);
	headers = palloc(sizeof(AwsHeader) * (nitems / 2));
	for (int i = 0; i < nitems / 2; i++)
	{
		headers[i].name = TextDatumGetCString(items[2 * i]);
		headers[i].value = TextDatumGetCString(items[2 * i + 1]);
	}
	request->headers = headers;
	request->nheaders = nitems / 2;
}

/* Arguments n to n + 4: method, path, query, headers, body. */
static AwsSignableRequest
request_arg(FunctionCallInfo fcinfo, int n)
{
	AwsSignableRequest request;
	bytea *body = PG_GETARG_BYTEA_PP(n + 4);

	request.method = text_arg(fcinfo, n);
	request.path = text_arg(fcinfo, n + 1);
	request.query = text_arg(fcinfo, n + 2);
	headers_arg(fcinfo, n + 3, &request);
	request.body = VARDATA_ANY(body);
	request.body_len = VARSIZE_ANY_EXHDR(body);
	return request;
}

/* Arguments n to n + 2: date and time as in X-Amz-Date, region, service. */
static AwsCredentialScope
scope_arg(FunctionCallInfo fcinfo, int n)
{
	AwsCredentialScope scope;

	strlcpy(scope.datetime, text_arg(fcinfo, n), sizeof(scope.datetime));
	scope.region = text_arg(fcinfo, n + 1);
	scope.service = text_arg(fcinfo, n + 2);
	return scope;
}

/* canonical_request(method, path, query, headers text[], body bytea) returns text */
Datum
canonical_request(PG_FUNCTION_ARGS)
{
	AwsSignableRequest request = request_arg(fcinfo, 0);
	StringInfoData result;
	StringInfoData signed_headers;

	initStringInfo(&result);
	initStringInfo(&signed_headers);
	aws_sigv4_canonical_request(&result, &signed_headers, &request);
	PG_RETURN_TEXT_P(cstring_to_text(result.data));
}

/* string_to_sign(datetime, region, service, canonical_request) returns text */
Datum
string_to_sign(PG_FUNCTION_ARGS)
{
	AwsCredentialScope scope = scope_arg(fcinfo, 0);
	StringInfoData result;

	initStringInfo(&result);
	aws_sigv4_string_to_sign(&result, &scope, text_arg(fcinfo, 3));
	PG_RETURN_TEXT_P(cstring_to_text(result.data));
}

/* signature(datetime, region, service, secret, string_to_sign) returns text */
Datum
signature(PG_FUNCTION_ARGS)
{
	AwsCredentialScope scope = scope_arg(fcinfo, 0);
	AwsSigningKey key = {.date = ""};
	char result[AWS_SHA256_HEX_LEN + 1];

	aws_sigv4_signing_key(&key, text_arg(fcinfo, 3), &scope);
	aws_sigv4_signature(result, &key, text_arg(fcinfo, 4));
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/*
 * authorization_header(method, path, query, headers text[], body bytea, datetime,
 * region, service, access key id, secret, date the key was derived for before)
 * returns text.  The last argument fills the signing key's cache, as an earlier
 * request of the same client would have; NULL leaves it empty.
 */
Datum
authorization_header(PG_FUNCTION_ARGS)
{
	AwsSignableRequest request = request_arg(fcinfo, 0);
	AwsCredentialScope scope = scope_arg(fcinfo, 5);
	AwsCredentials credentials = {.access_key_id = text_arg(fcinfo, 8),
								  .secret_access_key = text_arg(fcinfo, 9)};
	AwsSigningKey key = {.date = ""};
	char signature[AWS_SHA256_HEX_LEN + 1];
	StringInfoData result;

	if (!PG_ARGISNULL(10))
	{
		AwsCredentialScope earlier = scope;

		strlcpy(earlier.datetime, text_arg(fcinfo, 10), sizeof(earlier.datetime));
		aws_sigv4_signing_key(&key, credentials.secret_access_key, &earlier);
	}
	initStringInfo(&result);
	aws_sigv4_authorization(&result, &request, &scope, &credentials, &key, signature);
	PG_RETURN_TEXT_P(cstring_to_text(result.data));
}

/* signing_datetime(seconds since the epoch bigint) returns text */
Datum
signing_datetime(PG_FUNCTION_ARGS)
{
	char result[AWS_DATETIME_SIZE];

	aws_sigv4_datetime((time_t) PG_GETARG_INT64(0), result);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
