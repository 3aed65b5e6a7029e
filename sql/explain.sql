--
-- EXPLAIN: what will be asked, and what each column reads.  It asks nothing.
--
EXPLAIN (COSTS OFF) SELECT status FROM jobs WHERE arn = arn('nightly');
EXPLAIN (COSTS OFF, VERBOSE) SELECT status, destination_s3_path, creation_time FROM jobs WHERE arn = arn('nightly') AND format = 'CSV';
SELECT * FROM plan_json($$ SELECT status FROM jobs WHERE arn = 'arn:x' $$);
SELECT plan('SELECT * FROM jobs');

-- The key in the reader's terms, wherever it comes from
SET forecast_fdw.enable_lookup_join = off;
EXPLAIN (COSTS OFF) SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn;
EXPLAIN (COSTS OFF) SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = coalesce(r.job_arn, r.owner);
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn OFFSET 0) q LEFT JOIN jobs k ON k.arn = q.status;
EXPLAIN (COSTS OFF) SELECT 1 FROM reports r1 LEFT JOIN (reports r2 LEFT JOIN reports r3 ON r2.id = r3.id) ON r1.id = r2.id LEFT JOIN jobs j ON j.arn = coalesce(r3.job_arn, 'arn:none');

RESET forecast_fdw.enable_lookup_join;
EXPLAIN (COSTS OFF) SELECT j.status FROM reports r LEFT JOIN jobs j ON j.arn = coalesce(r.job_arn, r.owner);

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
SELECT count(*) FROM calls();
SELECT count(*) > 0 AS explained FROM plan_json($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE SELECT status FROM jobs WHERE arn = arn(''nightly'')'; END $$;
SELECT * FROM calls();

-- A key that is computed elsewhere in the plan: how it is named depends on the version
SELECT count(*) FROM plan('SELECT status FROM jobs WHERE arn = (SELECT max(job_arn) FROM reports)') p WHERE p ~ 'Lookup Key';
SELECT count(*) FROM plan('SELECT id, (SELECT status FROM jobs WHERE arn = r.job_arn) FROM reports r') p WHERE p ~ 'Lookup Key';

-- ... and tells what was asked: as text in one line, else as properties of the node
CREATE FUNCTION remote_figures(query text) RETURNS TABLE (node text, key text, value json) LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, FORMAT JSON) ' || query INTO plan;
  RETURN QUERY
    WITH RECURSIVE nodes(node) AS (
      SELECT plan->0->'Plan' UNION ALL SELECT json_array_elements(n.node->'Plans') FROM nodes n)
    SELECT n.node->>'Node Type', p.key, p.value FROM nodes n, json_each(n.node) p
    WHERE p.key ~ '^(Remote Calls|Keys|Distinct|NULL|Join Type)' OR p.key = 'Actual Rows' AND n.node->>'Node Type' = 'Foreign Scan';
END $$;
SELECT node, key, value::text::numeric::int AS value FROM remote_figures('SELECT name FROM jobs WHERE status = ''ACTIVE''');
SELECT node, key, value::text FROM remote_figures('SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn') WHERE key <> 'Actual Rows';
CREATE FUNCTION remote_line(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ' || query LOOP
    IF line ~ 'Remote: ' THEN RETURN NEXT trim(regexp_replace(line, 'bytes=[1-9]\d*', 'bytes=n')); END IF;
  END LOOP;
END $$;
SELECT remote_line($$ SELECT name, format FROM jobs WHERE arn = ANY (ARRAY[arn('nightly'), arn('nope')]) $$);
SELECT remote_line($$ SELECT a.name FROM jobs a JOIN jobs b ON b.arn = a.arn WHERE a.arn = arn('nightly') $$);
