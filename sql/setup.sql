--
-- What the other suites use: the extension, a server that is the simulator,
-- the imported table, and functions to see and to disturb what the simulator
-- does.  The simulator holds the jobs of test/simulator/fixtures/demo.json.
--
CREATE EXTENSION forecast_fdw;

\getenv simulator FORECAST_SIMULATOR
CREATE SERVER forecast FOREIGN DATA WRAPPER forecast_fdw
  OPTIONS (region 'eu-west-1', endpoint_url :'simulator');
CREATE USER MAPPING FOR CURRENT_USER SERVER forecast
  OPTIONS (aws_access_key_id 'AKIAIOSFODNN7EXAMPLE',
           aws_secret_access_key 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
CREATE SCHEMA aws_forecast;
IMPORT FOREIGN SCHEMA forecast FROM SERVER forecast INTO aws_forecast;

-- The first row: one SELECT, one call.
\x on
SELECT * FROM aws_forecast.predictor_backtest_export_jobs
WHERE predictor_backtest_export_job_arn =
      'arn:aws:forecast:eu-west-1:123456789012:predictor-backtest-export-job/nightly';
\x off

-- Short names for what the other suites say often.
CREATE FUNCTION arn(name text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT 'arn:aws:forecast:eu-west-1:123456789012:predictor-backtest-export-job/' || name $$;
CREATE FUNCTION predictor(name text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT 'arn:aws:forecast:eu-west-1:123456789012:predictor/' || name $$;

CREATE VIEW jobs AS
  SELECT predictor_backtest_export_job_arn AS arn, predictor_backtest_export_job_name AS name, *
  FROM aws_forecast.predictor_backtest_export_jobs;

CREATE TABLE reports (id int, owner text, job_arn text);
INSERT INTO reports VALUES
  (1, 'ann', arn('nightly')),
  (2, 'bob', arn('retail_demand/weekly_2024_44')),
  (3, 'cyd', arn('retail_demand/weekly_2024_45')),
  (4, 'dan', arn('no_such_job')),
  (5, 'eve', NULL),
  (6, 'fay', 'not an ARN'),
  (7, 'ann', arn('nightly')),
  (8, 'bob', arn('energy_load/ad_hoc'));
ANALYZE reports;

CREATE FUNCTION simulator_url() RETURNS text LANGUAGE sql AS $$
  SELECT substr(o, length('endpoint_url=') + 1) FROM pg_foreign_server, unnest(srvoptions) o
  WHERE srvname = 'forecast' AND o LIKE 'endpoint_url=%'
$$;

-- Talks to the simulator's control plane; what it answers is returned.
CREATE FUNCTION simulator(method text, path text, body json DEFAULT '{}') RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  answer json;
BEGIN
  CREATE TEMP TABLE simulator_answer (answer json);
  EXECUTE format('COPY simulator_answer FROM PROGRAM %L (FORMAT csv, QUOTE E''\x01'', DELIMITER E''\x02'')',
                 format('curl -fsS -X %s --data-binary ''%s'' %s/_simulator/%s',
                        method, replace(body::text, '''', '''\'''''), simulator_url(), path));
  SELECT * FROM simulator_answer INTO answer;
  DROP TABLE simulator_answer;
  RETURN answer;
END $$;

-- The API calls since calls() was called last.
CREATE FUNCTION calls() RETURNS TABLE (operation text, calls int) LANGUAGE sql AS $$
  SELECT key, value::int FROM json_each_text(simulator('GET', 'counters')->'operations')
  WHERE simulator('DELETE', 'log') IS NOT NULL
  ORDER BY key
$$;

-- The next answer of the service is not what it should be.
CREATE PROCEDURE fault(fault json) LANGUAGE sql AS
$$ SELECT simulator('POST', 'faults', fault) $$;
CREATE PROCEDURE answer_with(patch json) LANGUAGE sql AS
$$ CALL fault(json_build_object('fault', 'patch', 'patch', patch)) $$;

-- A plan without the lines that differ between versions of PostgreSQL: the order
-- of an equality's sides, and what is disabled.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line !~ '^ *(Filter|Disabled):' THEN RETURN NEXT line; END IF;
  END LOOP;
END $$;

-- The same as JSON: what the extension adds to its node.
CREATE FUNCTION plan_json(query text) RETURNS TABLE (key text, value json) LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (VERBOSE, FORMAT JSON) ' || query INTO plan;
  RETURN QUERY SELECT p.* FROM json_each(plan->0->'Plan') p
    WHERE p.key ~ '^(Node Type|Remote|Lookup|Describe For|Concurrent)';
END $$;

-- How a query fails, without the parts that differ between two runs.
CREATE FUNCTION failure(query text,
                        OUT state text, OUT message text, OUT detail text, OUT hint text, OUT context text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
    detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
  message := replace(message, simulator_url(), 'http://simulator');
  detail := regexp_replace(replace(detail, simulator_url(), 'http://simulator'),
                           '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<request id>');
  context := split_part(context, E'\n', 1);
END $$;

SELECT count(*) FROM calls();
