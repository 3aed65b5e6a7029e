--
-- Options: a wrong one is refused by the command that sets it.
--
-- An option that does not exist, on each kind of object
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (host 'localhost');
CREATE USER MAPPING FOR PUBLIC SERVER forecast OPTIONS (password 'x');
CREATE FOREIGN TABLE t (status text) SERVER forecast OPTIONS (table_name 'x');
CREATE FOREIGN TABLE t (status text OPTIONS (column_name 'x')) SERVER forecast;
ALTER FOREIGN DATA WRAPPER forecast_fdw OPTIONS (ADD region 'eu-west-1');

-- An option on the wrong kind of object: secrets do not go into servers
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (aws_secret_access_key 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER forecast OPTIONS (region 'eu-west-1');

-- region
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'Ireland');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1.example.com/');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region '');

-- endpoint_url: https, or http to this machine; a host and a port, nothing else
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'forecast.example.com');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://forecast.example.com');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://169.254.169.254/');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'file:///etc/passwd');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://user:hush@example.com');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://example.com/api');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://example.com/?q');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://münchen.example.com');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://127.0.0.1@example.com');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://localhost.example.com');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://[::ffff:169.254.169.254]');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://[fe80::1%25eth0]');
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://127.0.0.1:0');
SELECT state, detail FROM failure(format('CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url %L)', 'https://' || repeat('x.', 200) || 'example.com'));
-- ... a loopback address however it is written
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://0x7f.1');
DROP SERVER s;
CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://3232235777');
CREATE SERVER s1 FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'https://forecast.example.com:8443');
CREATE SERVER s2 FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://[::1]:8766/');
CREATE SERVER s3 FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url 'http://localhost:8766');

-- Time-outs: seconds as in botocore, or a number with a unit
ALTER SERVER s1 OPTIONS (ADD connect_timeout '0');
ALTER SERVER s1 OPTIONS (ADD connect_timeout '-1');
ALTER SERVER s1 OPTIONS (ADD connect_timeout 'soon');
ALTER SERVER s1 OPTIONS (ADD connect_timeout '5 parsecs');
ALTER SERVER s1 OPTIONS (ADD connect_timeout '2d');
ALTER SERVER s1 OPTIONS (ADD connect_timeout '2.5', ADD read_timeout '1500ms');

-- max_response_size: bytes, or a number with a unit
ALTER SERVER s1 OPTIONS (ADD max_response_size '12');
ALTER SERVER s1 OPTIONS (ADD max_response_size '3GB');
ALTER SERVER s1 OPTIONS (ADD max_response_size 'big');
ALTER SERVER s1 OPTIONS (ADD max_response_size '64kB');

-- How a table is read: counts, costs, a switch, a lifetime
ALTER SERVER s1 OPTIONS (ADD max_pool_connections '0');
ALTER SERVER s1 OPTIONS (ADD max_pool_connections '501');
ALTER SERVER s1 OPTIONS (ADD max_pool_connections 'ten');
ALTER SERVER s1 OPTIONS (ADD fetch_size '101');
ALTER SERVER s1 OPTIONS (ADD fetch_size 'all');
ALTER SERVER s1 OPTIONS (ADD batch_size '-1');
ALTER SERVER s1 OPTIONS (ADD async_capable 'perhaps');
ALTER SERVER s1 OPTIONS (ADD fdw_startup_cost '-1');
ALTER SERVER s1 OPTIONS (ADD fdw_tuple_cost 'NaN');
ALTER SERVER s1 OPTIONS (ADD cache_ttl '-1s');
ALTER SERVER s1 OPTIONS (ADD cache_ttl '2d');
ALTER SERVER s1 OPTIONS (ADD max_pool_connections '32', ADD fetch_size '50', ADD batch_size '500', ADD async_capable 'on',
                         ADD fdw_startup_cost '20', ADD fdw_tuple_cost '0.1', ADD cache_ttl '5min');
CREATE FOREIGN TABLE t (status text) SERVER s1
  OPTIONS (resource 'predictor_backtest_export_jobs', fetch_size '10', batch_size '1', async_capable 'false', cache_ttl '0');
DROP FOREIGN TABLE t;
CREATE FOREIGN TABLE t (status text) SERVER s1 OPTIONS (max_pool_connections '5');

-- ca_bundle names a file of the server: not for everybody
ALTER SERVER s1 OPTIONS (ADD ca_bundle 'certs.pem');
ALTER SERVER s1 OPTIONS (ADD ca_bundle '/etc/ssl/certs/ca-certificates.crt');
CREATE ROLE regress_forecast_plain;
GRANT USAGE ON FOREIGN DATA WRAPPER forecast_fdw TO regress_forecast_plain;
SET ROLE regress_forecast_plain;
CREATE SERVER s4 FOREIGN DATA WRAPPER forecast_fdw OPTIONS (ca_bundle '/etc/ssl/certs/ca-certificates.crt');
CREATE SERVER s4 FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1');
RESET ROLE;

-- Credentials are whole, go into HTTP headers, and are never repeated in a message
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_access_key_id 'AKID');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_secret_access_key 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_session_token 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_access_key_id 'AKID', aws_secret_access_key 'hush hush');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_access_key_id E'AKID\r\nX-Evil: 1', aws_secret_access_key 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_access_key_id 'AKID', aws_secret_access_key 'hush', aws_session_token 'schlüssel');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_access_key_id '', aws_secret_access_key '');
CREATE USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (aws_access_key_id 'AKID', aws_secret_access_key 'hush', aws_session_token 'token');
ALTER USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (DROP aws_secret_access_key);
ALTER USER MAPPING FOR PUBLIC SERVER s1 OPTIONS (DROP aws_session_token);

-- resource and field
CREATE FOREIGN TABLE t (status text) SERVER forecast OPTIONS (resource 'jobs');
CREATE FOREIGN TABLE t (status text OPTIONS (field 'Stauts')) SERVER forecast;

-- What only the whole definition shows is an error of the first query, even of EXPLAIN
CREATE FOREIGN TABLE t (status text) SERVER forecast;
EXPLAIN SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (ADD resource 'predictor_backtest_export_jobs');
ALTER FOREIGN TABLE t ADD COLUMN state text;
EXPLAIN SELECT * FROM t;
ALTER FOREIGN TABLE t ALTER COLUMN state OPTIONS (ADD field 'Status');
SELECT plan('SELECT * FROM t');

-- A call needs a user mapping, a region and credentials
CREATE FOREIGN TABLE t3 (arn text OPTIONS (field 'PredictorBacktestExportJobArn'))
  SERVER s3 OPTIONS (resource 'predictor_backtest_export_jobs');
SELECT state, split_part(message, ' for ', 1) AS message FROM failure($$ SELECT * FROM t3 WHERE arn = 'arn:x' $$);
CREATE USER MAPPING FOR CURRENT_USER SERVER s3;
SELECT state, message, hint FROM failure($$ SELECT * FROM t3 WHERE arn = 'arn:x' $$);
ALTER SERVER s3 OPTIONS (ADD region 'eu-west-1');
-- ... which must stand in the mapping, unless it is a superuser's
CREATE USER MAPPING FOR regress_forecast_plain SERVER s3;
GRANT SELECT ON t3 TO regress_forecast_plain;
SET ROLE regress_forecast_plain;
SELECT * FROM failure($$ SELECT * FROM t3 WHERE arn = 'arn:x' $$) \gx
RESET ROLE;

SET client_min_messages = warning;
DROP FOREIGN TABLE t, t3;
DROP SERVER s1, s2, s3, s4 CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER forecast_fdw FROM regress_forecast_plain;
DROP ROLE regress_forecast_plain;
