--
-- A scan: the key in the WHERE clause becomes one call, the answer one row.
--

-- The key may be a constant, on either side
SELECT status FROM jobs WHERE arn = arn('nightly');
SELECT status FROM jobs WHERE arn('nightly') = arn;
SELECT * FROM calls();

-- ... a parameter, in a custom and in a generic plan
PREPARE job(text) AS SELECT name, status FROM jobs WHERE arn = $1;
SET plan_cache_mode = force_custom_plan;
EXECUTE job(arn('nightly'));
SET plan_cache_mode = force_generic_plan;
EXECUTE job(arn('nightly'));
EXECUTE job(arn('retail_demand/weekly_2024_44'));
EXECUTE job(NULL);
EXPLAIN (COSTS OFF) EXECUTE job('x');
-- ... which is made anew when the table changes
ALTER FOREIGN TABLE aws_forecast.predictor_backtest_export_jobs ALTER COLUMN status OPTIONS (SET field 'Format');
EXECUTE job(arn('nightly'));
ALTER FOREIGN TABLE aws_forecast.predictor_backtest_export_jobs ALTER COLUMN status OPTIONS (SET field 'Status');
EXECUTE job(arn('nightly'));
RESET plan_cache_mode;
SELECT * FROM calls();

-- ... a stable expression
SET my.job = 'nightly';
SELECT name FROM jobs WHERE arn = arn(current_setting('my.job'));

-- ... a sub-select
SELECT name FROM jobs WHERE arn = (SELECT max(job_arn) FROM reports WHERE id = 2);
SELECT * FROM calls();

-- A resource that does not exist is no row, and so is a value that is no ARN of this kind
SELECT name FROM jobs WHERE arn = arn('no_such_job');
SELECT name FROM jobs WHERE arn = 'arn:aws:forecast:eu-west-1:123456789012:predictor/retail_demand';
SELECT name FROM jobs WHERE arn = 'arn:"\';
SELECT * FROM calls();

-- What can be no ARN at all, and NULL, cost no call; neither does planning
SELECT name FROM jobs WHERE arn = NULL;
SELECT name FROM jobs WHERE arn = '';
SELECT name FROM jobs WHERE arn = 'nightly';
SELECT name FROM jobs WHERE arn = arn(repeat('x', 300));
SELECT name FROM jobs WHERE arn = (SELECT job_arn FROM reports WHERE id = 5);
EXPLAIN (COSTS OFF) SELECT name FROM jobs WHERE arn = 'arn:x';
SELECT count(*) FROM calls();

-- Other conditions are applied to the row that comes back
SELECT name FROM jobs WHERE arn = arn('nightly') AND status = 'ACTIVE';
SELECT name FROM jobs WHERE arn = arn('nightly') AND status <> 'ACTIVE';
SELECT name FROM jobs WHERE arn = arn('nightly') AND creation_time < '2024-12-01' AND message IS NULL;
SELECT name FROM jobs WHERE arn = arn('nightly') AND arn LIKE '%/nightly';
SELECT * FROM calls();

-- Two keys: one is asked about, the other is compared; a contradiction asks nothing
SELECT name FROM jobs WHERE arn = arn('nightly') AND arn = arn(current_setting('my.job'));
SELECT * FROM calls();
SELECT name FROM jobs WHERE arn = arn('nightly') AND arn = arn('energy_load/ad_hoc');
SELECT count(*) FROM calls();

-- What is no key is checked on what is listed
SELECT count(*) FROM calls();
SELECT name, status FROM jobs WHERE arn = arn('nightly') OR status = 'ACTIVE';
SELECT name FROM jobs WHERE lower(arn) = arn('nightly');
SELECT name FROM jobs WHERE arn = arn('nightly' || substr(random()::text, 1, 0));
SELECT * FROM calls();
-- ... unless nothing need be asked
SELECT * FROM jobs WHERE false;
SELECT name FROM jobs LIMIT 0;

-- Comparison that is not byte by byte is no key
CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT status FROM jobs WHERE arn = arn('nightly') COLLATE ignore_case;

-- A table declared by hand: any columns, in any order, under any names
CREATE FOREIGN TABLE exports (
  "When"  timestamptz OPTIONS (field 'CreationTime'),
  status  text,
  bucket  text OPTIONS (field 'Destination.S3Config.Path'),
  gone    int OPTIONS (field 'Format'),
  id      text OPTIONS (field 'PredictorBacktestExportJobArn'),
  id2     text OPTIONS (field 'PredictorBacktestExportJobArn')
) SERVER forecast OPTIONS (resource 'predictor_backtest_export_jobs');
ALTER FOREIGN TABLE exports DROP COLUMN gone;
SELECT * FROM exports WHERE id = arn('retail_demand/weekly_2024_44');
SELECT bucket, "When", bucket FROM exports WHERE id2 = arn('retail_demand/weekly_2024_44');

-- Whole rows, system columns, expressions, no columns at all
SELECT e FROM exports e WHERE id = arn('nightly');
SELECT tableoid::regclass, status FROM exports WHERE id = arn('nightly');
SELECT upper(status) || '!' FROM exports WHERE id = arn('nightly');
SELECT count(*) FROM exports WHERE id = arn('nightly');
SELECT EXISTS (SELECT FROM exports WHERE id = arn('nightly')), EXISTS (SELECT FROM exports WHERE id = arn('nope'));

-- A table without its ARN cannot be asked
CREATE FOREIGN TABLE keyless (status text) SERVER forecast OPTIONS (resource 'predictor_backtest_export_jobs');
SELECT * FROM keyless;

-- A table named after the resource needs no options
CREATE FOREIGN TABLE predictor_backtest_export_jobs (format text, predictor_backtest_export_job_arn text) SERVER forecast;
SELECT * FROM predictor_backtest_export_jobs WHERE predictor_backtest_export_job_arn = arn('nightly');
DROP FOREIGN TABLE keyless, predictor_backtest_export_jobs;

-- The key's column may be varchar, or of a domain; other types compare in their own way
CREATE DOMAIN arn_type AS text CHECK (value LIKE 'arn:%');
CREATE FOREIGN TABLE typed (
  a varchar      OPTIONS (field 'PredictorBacktestExportJobArn'),
  d arn_type     OPTIONS (field 'PredictorBacktestExportJobArn'),
  c char(200)    OPTIONS (field 'PredictorBacktestExportJobArn'),
  status varchar(6)
) SERVER forecast OPTIONS (resource 'predictor_backtest_export_jobs');
SELECT status FROM typed WHERE a = arn('nightly');
SELECT status FROM typed WHERE d = arn('nightly');
SELECT status FROM typed WHERE c = arn('nightly');
SELECT length(c) FROM typed WHERE a = arn('nightly') AND c = arn('nightly')::char(200);
DROP FOREIGN TABLE typed;
-- ... and a value of type name is compared in its own way too
SELECT status FROM jobs WHERE arn = current_user;
SELECT status FROM jobs WHERE arn = 'arn:x'::name;
SELECT status FROM jobs WHERE arn = 'arn:x'::name::text;

-- Cursors, also backwards
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT name FROM jobs WHERE arn = arn('nightly');
FETCH ALL c;
FETCH BACKWARD 1 c;
FETCH FORWARD 1 c;
COMMIT;

-- Locking clauses are harmless; writing is not possible
SELECT name FROM aws_forecast.predictor_backtest_export_jobs j, LATERAL (SELECT predictor_backtest_export_job_name AS name) n
WHERE predictor_backtest_export_job_arn = arn('nightly') FOR UPDATE OF j;
INSERT INTO exports (status) VALUES ('ACTIVE');
UPDATE exports SET status = 'ACTIVE' WHERE id = arn('nightly');
DELETE FROM exports WHERE id = arn('nightly');
TRUNCATE exports;
ANALYZE exports;
DROP FOREIGN TABLE exports;

-- Functions and views, plain and materialized
CREATE FUNCTION status_of(job text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT status FROM jobs WHERE arn = arn(job)); END $$;
SELECT status_of(n) FROM unnest(ARRAY['nightly', 'energy_load/ad_hoc', 'nope']) n;
CREATE MATERIALIZED VIEW snapshot AS SELECT name, status FROM jobs WHERE arn = arn('nightly');
REFRESH MATERIALIZED VIEW snapshot;
SELECT * FROM snapshot;
DROP MATERIALIZED VIEW snapshot;
SELECT count(*) FROM calls();
