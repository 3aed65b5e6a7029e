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

CREATE FUNCTION forecast_fdw_stats(
  OUT scope text,
  OUT server_name name,
  OUT operation text,
  OUT calls bigint,
  OUT errors bigint,
  OUT error_codes jsonb,
  OUT retries bigint,
  OUT throttles bigint,
  OUT bytes_sent bigint,
  OUT bytes_received bigint,
  OUT total_seconds double precision,
  OUT p50_seconds double precision,
  OUT p95_seconds double precision,
  OUT p99_seconds double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;

CREATE VIEW forecast_fdw_stats AS SELECT * FROM forecast_fdw_stats();
GRANT SELECT ON forecast_fdw_stats TO PUBLIC;

COMMENT ON VIEW forecast_fdw_stats IS
  'what this session, and if the library is preloaded all sessions, have asked of each server';

CREATE FUNCTION forecast_fdw_stats_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION forecast_fdw_stats_reset() FROM PUBLIC;

COMMENT ON FUNCTION forecast_fdw_stats_reset() IS
  'forgets what forecast_fdw_stats counts in this database';

CREATE FUNCTION forecast_fdw_connections(
  OUT server_name name,
  OUT user_name name,
  OUT endpoint_url text,
  OUT remote_address text,
  OUT state text,
  OUT opened timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;

CREATE VIEW forecast_fdw_connections AS SELECT * FROM forecast_fdw_connections();
GRANT SELECT ON forecast_fdw_connections TO PUBLIC;

COMMENT ON VIEW forecast_fdw_connections IS
  'the connections that this session has open';
