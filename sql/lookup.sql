--
-- The lookup join: the keys of many outer rows are looked up at once.
--
SELECT count(*) FROM calls();

-- Inner, left, semi, anti: rows in the order of the outer ones, each key asked once
SELECT plan($$ SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn $$);
SELECT r.id, r.owner, j.status, j.format FROM reports r JOIN jobs j ON j.arn = r.job_arn;
SELECT * FROM calls();
SELECT plan($$ SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON r.job_arn = j.arn $$);
SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON r.job_arn = j.arn;
SELECT * FROM calls();
SELECT plan($$ SELECT r.id FROM reports r WHERE EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn) $$);
SELECT r.id FROM reports r WHERE EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn);
SELECT plan($$ SELECT r.id FROM reports r WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn) $$);
SELECT r.id FROM reports r WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn);
SELECT * FROM calls();
SELECT plan($$ SELECT name FROM jobs WHERE arn IN (SELECT job_arn FROM reports) $$);
SELECT name FROM jobs WHERE arn IN (SELECT job_arn FROM reports) ORDER BY name;
SELECT * FROM calls();

-- Further conditions: on the pair, on the inner row, on the joined row
SELECT plan($$ SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn AND j.status = 'ACTIVE' AND j.name <> r.owner $$);
SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn AND j.status = 'ACTIVE' AND j.name <> r.owner AND r.id < 7;
SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn WHERE j.status IS NULL OR j.status <> 'ACTIVE';
SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn AND j.creation_time > '2024-11-04' AND length(j.name) > r.id;

-- Keys that are expressions; whole rows; the table's own columns
SELECT n, j.status FROM unnest(ARRAY['nightly', 'nope', 'energy_load/ad_hoc']) WITH ORDINALITY u(n, i) LEFT JOIN jobs j ON j.arn = arn(n) ORDER BY i;
SELECT r.id, j.tableoid::regclass, (j).status FROM reports r LEFT JOIN aws_forecast.predictor_backtest_export_jobs j ON j.predictor_backtest_export_job_arn = r.job_arn WHERE r.id IN (3, 4);
SELECT r, j.j FROM reports r JOIN (SELECT arn, x AS j FROM jobs, LATERAL (SELECT name, status) x) j ON j.arn = r.job_arn WHERE r.id = 2;

-- Conditions that need no row: on what is known to be empty, and on what will be known
SELECT r.id, j.status FROM reports r LEFT JOIN (SELECT * FROM jobs WHERE false) j ON j.arn = r.job_arn WHERE r.id = 1;
SELECT r.id, j.status FROM reports r LEFT JOIN (SELECT * FROM jobs WHERE now() > '2020-01-01') j ON j.arn = r.job_arn WHERE r.id = 1;
SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn AND now() < '2020-01-01' WHERE r.id = 1;

-- Expressions that an outer join may make NULL
SELECT r.id, j.c, upper(j.status) FROM reports r LEFT JOIN (SELECT *, 'c' AS c FROM jobs) j ON j.arn = r.job_arn WHERE r.id > 2;
SELECT r.id, l.c FROM reports r LEFT JOIN LATERAL (SELECT r.owner || ' ' || j.status AS c FROM jobs j WHERE j.arn = r.job_arn) l ON true WHERE r.id > 2;
SELECT r.id, x.c FROM reports r LEFT JOIN (SELECT q.id, coalesce(j.status, q.owner) AS c FROM reports q LEFT JOIN jobs j ON j.arn = q.job_arn) x ON x.id = r.id WHERE r.id > 2 ORDER BY r.id;

-- A sub-select in the key is shown by EXPLAIN, too
SELECT count(*) FROM plan($$ SELECT r.id FROM reports r JOIN jobs j ON j.arn = (r.id IN (SELECT id FROM reports WHERE owner = 'bob'))::text || r.job_arn $$) p WHERE p ~ '^ *SubPlan';

-- By what lists can be filtered by: one list for each distinct value
CREATE TABLE predictors (name text, predictor_arn text);
INSERT INTO predictors VALUES ('retail', predictor('retail_demand')), ('energy', predictor('energy_load')),
  ('none', predictor('none')), ('energy', predictor('energy_load')), (NULL, NULL), ('odd', 'not an ARN');
ANALYZE predictors;
SELECT count(*) FROM calls();
SELECT plan($$ SELECT p.name, j.name FROM predictors p LEFT JOIN jobs j USING (predictor_arn) $$);
SELECT p.name, j.name FROM predictors p LEFT JOIN jobs j USING (predictor_arn);
SELECT * FROM calls();
SELECT p.name, j.name, j.format FROM predictors p JOIN jobs j USING (predictor_arn) WHERE j.status = 'ACTIVE';
SELECT * FROM calls();

-- Three tables, and two lookups; a self-join shares the answers
SELECT r.id, p.name, j.name FROM reports r JOIN jobs j ON j.arn = r.job_arn JOIN predictors p ON p.predictor_arn = j.predictor_arn WHERE p.name = 'retail' ORDER BY r.id;
SELECT count(*) FROM calls();
SELECT r.id, a.name, b.status FROM reports r JOIN jobs a ON a.arn = r.job_arn LEFT JOIN jobs b ON b.arn = a.arn AND b.status = 'ACTIVE' ORDER BY r.id;
SELECT * FROM calls();

-- A LIMIT above it does not pay for what it does not see
SELECT count(*) FROM calls();
SELECT count(*) FROM (SELECT FROM generate_series(1, 1000) i LEFT JOIN jobs j ON j.arn = arn('job_' || i) LIMIT 1) x;
SELECT calls <= 10 AS few FROM calls();

-- Rescans and parameters from above; cursors
SELECT r.id, (SELECT count(j.status) FROM reports s LEFT JOIN jobs j ON j.arn = s.job_arn WHERE s.id <= r.id) FROM reports r WHERE r.id < 4;
SELECT r.id, (SELECT count(*) FROM reports s JOIN jobs j ON j.arn = s.job_arn AND j.status <> r.owner AND s.id >= r.id) FROM reports r WHERE r.id < 4;
SELECT * FROM calls();
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
SAVEPOINT s;
SELECT 1 / 0;
ROLLBACK TO s;
FETCH 3 FROM c;
COMMIT;

-- FOR UPDATE, UPDATE, views, prepared statements
BEGIN;
SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn WHERE r.id < 3 FOR UPDATE OF r;
UPDATE reports r SET owner = j.status FROM jobs j WHERE j.arn = r.job_arn AND r.id < 3 RETURNING r.id, r.owner;
ROLLBACK;
PREPARE joined(int) AS SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn WHERE r.id <= $1;
EXECUTE joined(2);
SET plan_cache_mode = force_generic_plan;
EXECUTE joined(3);
RESET plan_cache_mode;
DEALLOCATE joined;

-- An error in the middle names the key; the next query is fine
CALL fault('{"fault": "error", "match": "weekly_2024_45", "code": "AccessDeniedException", "message": "no"}');
SELECT state, message, context FROM failure('SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn');
SELECT count(*) FROM reports r JOIN jobs j ON j.arn = r.job_arn;

-- It can be switched off
SET forecast_fdw.enable_lookup_join = off;
SELECT plan($$ SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn $$);
RESET forecast_fdw.enable_lookup_join;

DROP TABLE predictors;

-- Branches of an Append run side by side, where the server says so
ALTER SERVER forecast OPTIONS (ADD async_capable 'true');
SELECT plan('SELECT name FROM jobs UNION ALL SELECT status FROM jobs');
SELECT name FROM jobs UNION ALL SELECT status FROM jobs ORDER BY 1;
SELECT name FROM jobs WHERE arn = arn('nightly') UNION ALL SELECT format FROM jobs WHERE arn IN (arn('nightly'), arn('energy_load/ad_hoc')) ORDER BY 1;
SET enable_async_append = off;
SELECT plan('SELECT name FROM jobs UNION ALL SELECT status FROM jobs');
RESET enable_async_append;
ALTER SERVER forecast OPTIONS (DROP async_capable);
