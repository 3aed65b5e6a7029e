--
-- Joins: the key comes from another table.  Here one row at a time; lookup.sql
-- has the join that looks up many at once.
--
SET forecast_fdw.enable_lookup_join = off;
SELECT count(*) FROM calls();

-- Each distinct ARN is asked for once: eight rows hold five; NULL and what is no ARN cost nothing
SELECT plan($$ SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn $$);
SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn ORDER BY r.id;
SELECT * FROM calls();
SET enable_memoize = off;
SELECT r.id, r.owner, j.name, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn ORDER BY r.id;
SELECT * FROM calls();
RESET enable_memoize;

-- LEFT JOIN with conditions on either side
SELECT r.id, j.status FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn AND j.status = 'ACTIVE' AND r.id < 4 ORDER BY r.id;
SELECT r.id FROM reports r LEFT JOIN jobs j ON j.arn = r.job_arn WHERE j.arn IS NULL ORDER BY r.id;
SELECT * FROM calls();

-- Semi-joins and anti-joins
SELECT id FROM reports r WHERE EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn AND j.status = 'ACTIVE') ORDER BY id;
SELECT id FROM reports r WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn) ORDER BY id;
SELECT id FROM reports WHERE job_arn IN (SELECT arn FROM jobs) ORDER BY id;
SELECT name FROM jobs WHERE arn IN (SELECT job_arn FROM reports) ORDER BY name;
SELECT * FROM calls();

-- Correlated sub-selects, LATERAL
SELECT r.id, (SELECT j.status FROM jobs j WHERE j.arn = r.job_arn) FROM reports r ORDER BY r.id;
SELECT r.id, l.status FROM reports r, LATERAL (SELECT * FROM jobs j WHERE j.arn = r.job_arn LIMIT 1) l ORDER BY r.id;
SELECT r.id, l.status FROM reports r LEFT JOIN LATERAL (SELECT * FROM jobs j WHERE j.arn = r.job_arn OFFSET 0) l ON true ORDER BY r.id;
SELECT * FROM calls();

-- Expressions over other tables' columns
SELECT plan($$ SELECT n, j.status FROM unnest(ARRAY['nightly', 'nope']) n JOIN jobs j ON j.arn = arn(n) || '' $$);
SELECT n, j.status FROM unnest(ARRAY['nightly', 'nope']) n JOIN jobs j ON j.arn = arn(n) || '';
SELECT n, j.status FROM (VALUES ('nightly'), ('energy_load/ad_hoc')) v(n) JOIN jobs j ON j.arn = arn(n) ORDER BY n;

-- A correlated sub-select as the key
SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = (SELECT max(job_arn) FROM reports s WHERE s.id = r.id) ORDER BY r.id;

-- A key made of two tables
CREATE TABLE prefixes (p text);
INSERT INTO prefixes VALUES (arn('retail_demand/')), (arn('energy_load/'));
SELECT p.p || s.n AS job, j.status FROM prefixes p, (VALUES ('weekly_2024_44'), ('ad_hoc')) s(n), jobs j
WHERE j.arn = p.p || s.n ORDER BY 1;
SELECT count(*) FROM calls();

-- Equivalence classes: the key may come from any of several tables
CREATE TABLE owners (job_arn text, team text);
INSERT INTO owners SELECT DISTINCT job_arn, 'team of ' || min(owner) FROM reports WHERE id < 5 GROUP BY job_arn;
SELECT r.id, o.team, j.status
FROM reports r, owners o, jobs j
WHERE r.job_arn = o.job_arn AND o.job_arn = j.arn ORDER BY r.id;
SELECT r.id, o.team, j.status, k.format
FROM reports r JOIN owners o USING (job_arn) JOIN jobs j ON j.arn = r.job_arn JOIN jobs k ON k.arn = j.arn
ORDER BY r.id;
SELECT r.id, o.team, j.status
FROM reports r LEFT JOIN owners o USING (job_arn) LEFT JOIN jobs j ON j.arn = o.job_arn
ORDER BY r.id;
-- A statement asks about an ARN once, whoever asks: a self-join shares the answers
SELECT count(*) FROM calls();
SELECT a.status, b.format, c.name FROM jobs a, jobs b, jobs c
WHERE a.arn = arn('nightly') AND b.arn = a.arn AND c.arn = b.arn;
SELECT * FROM calls();

-- A job names its predictor: one foreign table feeds another
CREATE TABLE latest (predictor_arn text, job_arn text);
INSERT INTO latest VALUES ('arn:aws:forecast:eu-west-1:123456789012:predictor/retail_demand', arn('retail_demand/weekly_2024_45'));
SELECT a.name, b.name, b.status FROM jobs a JOIN latest USING (predictor_arn) JOIN jobs b ON b.arn = latest.job_arn
WHERE a.arn = arn('nightly');

-- UNION ALL, partitions
SELECT r.id, u.status FROM reports r JOIN
  (SELECT arn, status FROM jobs UNION ALL SELECT arn, format FROM jobs) u ON u.arn = r.job_arn
WHERE r.id IN (1, 2) ORDER BY 1, 2;
CREATE TABLE all_jobs (region text, arn text, status text) PARTITION BY LIST (region);
CREATE FOREIGN TABLE parquet_jobs (
  region text OPTIONS (field 'Format'),
  arn    text OPTIONS (field 'PredictorBacktestExportJobArn'),
  status text
) SERVER forecast OPTIONS (resource 'predictor_backtest_export_jobs');
ALTER TABLE all_jobs ATTACH PARTITION parquet_jobs FOR VALUES IN ('PARQUET');
SELECT * FROM all_jobs WHERE arn = arn('nightly');
SELECT r.id, a.status FROM reports r JOIN all_jobs a ON a.arn = r.job_arn WHERE r.id = 1;

-- A plan that can be answered is taken even where nested loops are disabled
SET enable_nestloop = off;
SELECT r.id, j.status FROM reports r JOIN jobs j ON j.arn = r.job_arn ORDER BY r.id;
SELECT id FROM reports r WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.arn = r.job_arn) ORDER BY id;
RESET enable_nestloop;

-- A column of type name is no text
SELECT status FROM (SELECT 'arn:x'::name AS n) x JOIN jobs j ON j.arn = x.n;

-- A FULL JOIN needs all rows
SELECT r.id, j.name FROM reports r FULL JOIN jobs j ON j.arn = r.job_arn ORDER BY 1, 2;

-- Data-modifying statements and CTEs
WITH new AS (INSERT INTO reports VALUES (9, 'gus', arn('energy_load/before_formats')) RETURNING *)
SELECT new.id, j.status, j.format FROM new JOIN jobs j ON j.arn = new.job_arn;
UPDATE reports r SET owner = j.status FROM jobs j WHERE j.arn = r.job_arn AND r.id > 7 RETURNING r.id, r.owner;
DELETE FROM reports r USING jobs j WHERE j.arn = r.job_arn AND r.id = 9 RETURNING r.id;
UPDATE reports SET owner = 'bob' WHERE id = 8;

-- Many rescans of few keys
SELECT count(*) FROM calls();
SELECT count(*), count(j.status) FROM generate_series(1, 10000) i
LEFT JOIN LATERAL (SELECT status FROM jobs WHERE arn = arn(CASE i % 2 WHEN 0 THEN 'nightly' ELSE 'nope' END) OFFSET 0) j ON true;
SELECT * FROM calls();

DROP TABLE prefixes, owners, latest, all_jobs;
RESET forecast_fdw.enable_lookup_join;
