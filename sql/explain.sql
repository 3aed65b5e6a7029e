--
-- EXPLAIN: what will be asked, and what each column reads.  It asks nothing.
--
EXPLAIN (COSTS OFF) SELECT status FROM jobs WHERE arn = arn('nightly');
EXPLAIN (COSTS OFF, VERBOSE) SELECT status, destination_s3_path, creation_time FROM jobs WHERE arn = arn('nightly') AND format = 'CSV';
SELECT * FROM plan_json($$ SELECT status FROM jobs WHERE arn = 'arn:x' $$);
SELECT plan('SELECT * FROM jobs');

-- The key in the reader's terms, wherever it comes from
EXPLAIN (COSTS OFF) SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn;
EXPLAIN (COSTS OFF) SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = coalesce(r.job_arn, r.owner);
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn OFFSET 0) q LEFT JOIN jobs k ON k.arn = q.status;
EXPLAIN (COSTS OFF) SELECT 1 FROM reports r1 LEFT JOIN (reports r2 LEFT JOIN reports r3 ON r2.id = r3.id) ON r1.id = r2.id LEFT JOIN jobs j ON j.arn = coalesce(r3.job_arn, 'arn:none');

-- Plans differ by what the planner knows, never by what the network says
EXPLAIN SELECT status FROM jobs WHERE arn = arn('nightly');

-- It needs neither a user mapping nor a region
CREATE SERVER bare FOREIGN DATA WRAPPER forecast_fdw;
CREATE FOREIGN TABLE bare_jobs (arn text OPTIONS (field 'PredictorBacktestExportJobArn'), status text)
  SERVER bare OPTIONS (resource 'predictor_backtest_export_jobs');
EXPLAIN (COSTS OFF, VERBOSE) SELECT status FROM bare_jobs WHERE arn = 'arn:x';
-- ... and neither does a query that asks nothing
SELECT * FROM bare_jobs WHERE arn = NULL::text;
SELECT * FROM bare_jobs WHERE arn = (SELECT NULL::text);
SELECT * FROM bare_jobs WHERE arn = 'x';
SET client_min_messages = warning;
DROP SERVER bare CASCADE;
RESET client_min_messages;

-- EXPLAIN ANALYZE runs the query
SELECT count(*) > 0 AS explained FROM plan_json($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE SELECT status FROM jobs WHERE arn = arn(''nightly'')'; END $$;
SELECT * FROM calls();

-- A key that is computed elsewhere in the plan: how it is named depends on the version
SELECT count(*) FROM plan('SELECT status FROM jobs WHERE arn = (SELECT max(job_arn) FROM reports)') p WHERE p ~ 'Lookup Key';
SELECT count(*) FROM plan('SELECT id, (SELECT status FROM jobs WHERE arn = r.job_arn) FROM reports r') p WHERE p ~ 'Lookup Key';
