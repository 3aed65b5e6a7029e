--
-- Many keys: each distinct ARN is described once, several at a time.
--
SELECT count(*) FROM calls();
SELECT plan($$ SELECT name FROM jobs WHERE arn IN ('arn:x', 'arn:y') $$);
SELECT name, format FROM jobs WHERE arn IN (arn('nightly'), arn('nope'), arn('energy_load/ad_hoc'), arn('nightly'), NULL, 'no ARN') ORDER BY name;
SELECT * FROM calls();

-- An array from anywhere
SELECT name FROM jobs WHERE arn = ANY (ARRAY(SELECT job_arn FROM reports)) ORDER BY name;
SELECT * FROM calls();
SELECT r.id, j.name FROM (VALUES (1, ARRAY[arn('nightly'), arn('nope')]), (2, NULL), (3, '{}')) r(id, arns) JOIN jobs j ON j.arn = ANY (r.arns);
PREPARE by_arns(text[]) AS SELECT name FROM jobs WHERE arn = ANY ($1) ORDER BY name;
EXECUTE by_arns(ARRAY[arn('nightly'), arn('retail_demand/weekly_2024_44')]);
SET plan_cache_mode = force_generic_plan;
EXECUTE by_arns(ARRAY[arn('nightly'), NULL]);
SELECT count(*) FROM calls();
EXECUTE by_arns('{}');
EXECUTE by_arns('{NULL, no ARN}');
EXECUTE by_arns(NULL);
SELECT count(*) FROM calls();
RESET plan_cache_mode;
DEALLOCATE by_arns;

-- Several conditions on the key: what they have in common is asked for
SELECT name FROM jobs WHERE arn IN (arn('nightly'), arn('nope')) AND arn IN (arn('nightly'), arn('energy_load/ad_hoc'));
SELECT * FROM calls();
SELECT name FROM jobs WHERE arn = arn('nightly') AND arn = (SELECT arn('nope'));
SELECT name FROM jobs WHERE arn IN (arn('nightly'), arn('nope')) AND arn = ANY (ARRAY(SELECT arn('energy_load/ad_hoc')));
SELECT count(*) FROM calls();

-- OR of equalities is such a condition, too
SELECT plan($$ SELECT name FROM jobs WHERE arn = 'arn:x' OR 'arn:y' = arn OR arn = current_user::text $$);
SELECT name FROM jobs WHERE arn = arn('nightly') OR arn = arn('nope') OR arn = arn('energy_load/ad_hoc') OR arn = NULL ORDER BY name;
SELECT r.id, j.name FROM (VALUES (1, arn('nightly'), arn('nope')), (2, NULL, arn('energy_load/ad_hoc'))) r(id, a, b)
  JOIN jobs j ON j.arn = r.a OR j.arn = r.b ORDER BY r.id;
SELECT * FROM calls();
SELECT plan($$ SELECT name FROM jobs WHERE status = 'ACTIVE' OR status = 'CREATE_FAILED' $$);
SELECT plan($$ SELECT name FROM jobs WHERE predictor_arn = 'x' OR predictor_arn = 'y' $$);
-- ... but not with anything else
SELECT plan($$ SELECT name FROM jobs WHERE arn = 'arn:x' OR name = 'nightly' $$);
SELECT plan($$ SELECT name FROM jobs WHERE arn = 'arn:x' OR arn <> 'arn:y' $$);
SELECT plan($$ SELECT name FROM jobs WHERE arn = 'arn:x' OR predictor_arn = 'arn:x' $$);

-- Further conditions are checked on what comes back
SELECT name FROM jobs WHERE arn IN (arn('nightly'), arn('energy_load/ad_hoc')) AND status = 'ACTIVE';
SELECT name FROM jobs WHERE arn IN (arn('nightly'), arn('energy_load/ad_hoc')) AND status <> 'ACTIVE' AND predictor_arn <> 'x';
SELECT * FROM calls();

-- What is not such a condition
SELECT name FROM jobs WHERE arn <> ALL (ARRAY[arn('nightly')]) AND status = 'ACTIVE';
SELECT name FROM jobs WHERE arn NOT IN (arn('nightly'), NULL);
SELECT * FROM calls();

-- cache_ttl: answers live on for other statements, but not that there is nothing
ALTER SERVER forecast OPTIONS (ADD cache_ttl '1h');
SELECT name FROM jobs WHERE arn IN (arn('nightly'), arn('nope'));
SELECT * FROM calls();
SELECT name FROM jobs WHERE arn IN (arn('nightly'), arn('nope'));
SELECT * FROM calls();
SELECT forecast_fdw_cache_flush();
SELECT name FROM jobs WHERE arn = arn('nightly');
SELECT * FROM calls();
-- ... the table may say otherwise
ALTER FOREIGN TABLE aws_forecast.predictor_backtest_export_jobs OPTIONS (ADD cache_ttl '0');
SELECT name FROM jobs WHERE arn = arn('nightly');
SELECT * FROM calls();
ALTER FOREIGN TABLE aws_forecast.predictor_backtest_export_jobs OPTIONS (DROP cache_ttl);
-- ... and a change of the server forgets them
SELECT name FROM jobs WHERE arn = arn('nightly');
ALTER SERVER forecast OPTIONS (DROP cache_ttl);
SELECT count(*) FROM calls();
SELECT name FROM jobs WHERE arn = arn('nightly');
SELECT * FROM calls();
