--
-- ANALYZE lists, and describes a sample: what the planner knows is real then.
--
SELECT count(*) FROM calls();
ANALYZE aws_forecast.predictor_backtest_export_jobs;
SELECT * FROM calls();
SELECT reltuples FROM pg_class WHERE relname = 'predictor_backtest_export_jobs';
SELECT attname, null_frac > 0 AS has_nulls, n_distinct FROM pg_stats
WHERE tablename = 'predictor_backtest_export_jobs' AND attname IN ('status', 'format', 'predictor_arn') ORDER BY attname;
EXPLAIN SELECT name FROM jobs;
EXPLAIN SELECT name FROM jobs WHERE status = 'ACTIVE';
ANALYZE aws_forecast.predictor_backtest_export_jobs (predictor_backtest_export_job_name);

-- Costs: round trips and rows
ALTER SERVER forecast OPTIONS (ADD fdw_startup_cost '20', ADD fdw_tuple_cost '1', ADD fetch_size '1', ADD max_pool_connections '2');
EXPLAIN SELECT name FROM jobs;
EXPLAIN SELECT format FROM jobs;
EXPLAIN SELECT name FROM jobs WHERE arn IN ('arn:1', 'arn:2', 'arn:3');
ALTER SERVER forecast OPTIONS (DROP fdw_startup_cost, DROP fdw_tuple_cost, DROP fetch_size, DROP max_pool_connections);

-- A larger account: few outer rows look up, many are joined with the list
SELECT count(*) FROM simulator('POST', 'fixture', '{"Generate": {"PredictorBacktestExportJobs": {"count": 2000, "predictors": 20, "statuses": ["ACTIVE", "CREATE_FAILED"]}}}');
ANALYZE aws_forecast.predictor_backtest_export_jobs;
SELECT reltuples FROM pg_class WHERE relname = 'predictor_backtest_export_jobs';
CREATE TABLE many AS SELECT arn('job_' || i) AS job_arn, i FROM generate_series(1, 1000) i;
ANALYZE many;
SELECT plan($$ SELECT j.status FROM many m JOIN jobs j ON j.arn = m.job_arn WHERE m.i <= 100 $$);
SELECT plan($$ SELECT j.status FROM many m JOIN jobs j ON j.arn = m.job_arn $$);
-- ... many keys likewise
SELECT plan(format('SELECT status FROM jobs WHERE arn = ANY (%L)', (SELECT array_agg(job_arn) FROM many WHERE i <= 3)));
SELECT count(*) FROM plan(format('SELECT status FROM jobs WHERE arn = ANY (%L)', (SELECT array_agg(job_arn) FROM many))) p WHERE p ~ 'List';
-- ... and many values of a filter: one list for each, or one of all and a look at it
SELECT calls FROM calls();
SELECT count(name) FROM jobs WHERE predictor_arn = ANY (ARRAY(SELECT predictor('predictor_' || i) FROM generate_series(1, 5) i));
SELECT * FROM calls();
SELECT count(name) FROM jobs WHERE predictor_arn IN (SELECT predictor('predictor_' || i) FROM generate_series(1, 5) i);
DROP TABLE many;
SELECT count(*) FROM simulator('POST', 'reset');
SELECT count(*) FROM calls();
