--
-- What has been asked, over which connections, and as whom.
--

-- Calls are counted by server and operation; errors by AWS's code, or by botocore's
-- name where there was no answer
SELECT status FROM jobs WHERE arn = arn('nightly');
SELECT status FROM jobs WHERE arn = arn('no_such_job');
SELECT count(*) FROM jobs WHERE status = 'ACTIVE';
CALL fault('{"fault": "throttle"}');
SELECT status FROM jobs WHERE arn = arn('nightly');
SELECT scope, server_name, operation, calls, errors, error_codes, retries, throttles,
  bytes_sent > 0 AS sent, bytes_received > 0 AS received,
  p50_seconds BETWEEN 0 AND p95_seconds AND p95_seconds <= p99_seconds AS latencies,
  total_seconds > 0 AS took
FROM forecast_fdw_stats ORDER BY operation \gx

-- An error that is no answer
CREATE SERVER nobody FOREIGN DATA WRAPPER forecast_fdw
  OPTIONS (region 'eu-west-1', endpoint_url 'http://127.0.0.1:1', max_attempts '1');
CREATE USER MAPPING FOR CURRENT_USER SERVER nobody
  OPTIONS (aws_access_key_id 'AKIAIOSFODNN7EXAMPLE', aws_secret_access_key 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
CREATE FOREIGN TABLE nobody_jobs (arn text OPTIONS (field 'PredictorBacktestExportJobArn'), status text)
  SERVER nobody OPTIONS (resource 'predictor_backtest_export_jobs');
SELECT state FROM failure($$ SELECT * FROM nobody_jobs WHERE arn = arn('nightly') $$);
SELECT calls, errors, error_codes FROM forecast_fdw_stats WHERE server_name = 'nobody';

-- Of a server that one may not use, nothing is told
CREATE ROLE regress_forecast_plain;
SET ROLE regress_forecast_plain;
SELECT count(*) FROM forecast_fdw_stats;
SELECT forecast_fdw_stats_reset();
SELECT forecast_fdw_whoami('forecast');
SELECT count(*) FROM forecast_fdw_connections;
RESET ROLE;

SELECT forecast_fdw_stats_reset();
SELECT count(*) FROM forecast_fdw_stats;

-- One connection has served all of that
SELECT server_name, user_name = current_user AS mine, endpoint_url = simulator_url() || '/' AS there,
  remote_address = replace(simulator_url(), 'http://', '') AS address, state, opened < now() AS before
FROM forecast_fdw_connections;
ALTER SERVER forecast OPTIONS (ADD connect_timeout '59');
SELECT count(*) FROM forecast_fdw_connections;
ALTER SERVER forecast OPTIONS (DROP connect_timeout);

-- As whom, and where.  Key ids are masked; nothing is asked for this.
SELECT server_name, user_name = current_user AS me, provider, access_key_id, expiration, region,
  endpoint_url = simulator_url() || '/' AS there, problem, providers
FROM forecast_fdw_whoami('forecast') \gx

-- Where credentials are wanting, that is told, not thrown
CREATE USER MAPPING FOR PUBLIC SERVER nobody;
GRANT USAGE ON FOREIGN SERVER nobody TO regress_forecast_plain;
SET ROLE regress_forecast_plain;
SELECT * FROM forecast_fdw_whoami('nobody') \gx
RESET ROLE;

-- Somebody else's server has no such thing
CREATE FOREIGN DATA WRAPPER another;
CREATE SERVER another FOREIGN DATA WRAPPER another;
SELECT forecast_fdw_whoami('another');
SELECT forecast_fdw_whoami('no such server');

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER another CASCADE;
DROP SERVER nobody CASCADE;
DROP ROLE regress_forecast_plain;
