/* forecast_fdw--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION forecast_fdw" to load this file. \quit

CREATE FUNCTION forecast_fdw_handler()
RETURNS fdw_handler
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

CREATE FUNCTION forecast_fdw_validator(text[], oid)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

CREATE FOREIGN DATA WRAPPER forecast_fdw
  HANDLER forecast_fdw_handler
  VALIDATOR forecast_fdw_validator;

CREATE FUNCTION forecast_fdw_cache_flush()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

COMMENT ON FUNCTION forecast_fdw_cache_flush() IS
  'forgets the answers that this session keeps between statements';

CREATE FUNCTION forecast_fdw_whoami(
  server name,
  OUT server_name name,
  OUT user_name name,
  OUT provider text,
  OUT access_key_id text,
  OUT expiration timestamptz,
  OUT region text,
  OUT endpoint_url text,
  OUT problem text,
  OUT providers jsonb)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;

COMMENT ON FUNCTION forecast_fdw_whoami(name) IS
  'as whom, and where, calls of the current user to a server would be made';
