--
-- Without a key the table is listed, page by page.
--
SELECT count(*) FROM calls();
SELECT plan('SELECT name, status, creation_time FROM jobs');
SELECT name, status, message IS NULL AS silent FROM jobs ORDER BY name;
SELECT * FROM calls();

-- What a list does not tell is described: as many calls at once as the pool allows
SELECT plan('SELECT name, format FROM jobs');
SELECT name, format, predictor_arn FROM jobs ORDER BY name;
SELECT * FROM calls();
SELECT key, value FROM plan_json('SELECT predictor_arn, format FROM jobs');

-- Filters go to the service: = and <>, constants, parameters, several together
SELECT plan($$ SELECT name FROM jobs WHERE status = 'ACTIVE' $$);
SELECT name FROM jobs WHERE status = 'ACTIVE' ORDER BY name;
SELECT plan($$ SELECT name FROM jobs WHERE status <> 'ACTIVE' AND 'CREATE_FAILED' <> status $$);
SELECT name FROM jobs WHERE status <> 'ACTIVE' AND 'CREATE_FAILED' <> status ORDER BY name;
SELECT name FROM jobs WHERE status NOT IN ('ACTIVE', 'CREATE_FAILED') ORDER BY name;
SELECT * FROM calls();
SET plan_cache_mode = force_generic_plan;
PREPARE of_predictor(text, text) AS SELECT name FROM jobs WHERE predictor_arn = $1 AND status <> $2 ORDER BY name;
SELECT plan('EXECUTE of_predictor(NULL, NULL)');
EXECUTE of_predictor(predictor('retail_demand'), 'ACTIVE');
EXECUTE of_predictor(predictor('energy_load'), 'ACTIVE');
SELECT * FROM calls();
-- ... NULL is equal to nothing, and different from nothing
EXECUTE of_predictor(NULL, 'ACTIVE');
EXECUTE of_predictor(predictor('energy_load'), NULL);
SELECT count(*) FROM calls();
DEALLOCATE of_predictor;
RESET plan_cache_mode;

-- A filter tells the column's value: no describe call for it
SELECT plan(format('SELECT name, predictor_arn FROM jobs WHERE predictor_arn = %L', predictor('energy_load')));
SELECT name, predictor_arn FROM jobs WHERE predictor_arn = predictor('energy_load') ORDER BY name;
SELECT name FROM jobs WHERE predictor_arn <> predictor('energy_load') ORDER BY name;
SELECT * FROM calls();

-- Several values of what never changes are several lists; a status may change
-- between two lists, so several are checked locally
SELECT name FROM jobs WHERE predictor_arn IN (predictor('energy_load'), predictor('retail_demand'), predictor('energy_load'), NULL) ORDER BY name;
SELECT * FROM calls();
SELECT name FROM jobs WHERE status IN ('CREATE_PENDING', 'CREATE_STOPPED') ORDER BY name;
SELECT * FROM calls();

-- What can be no value of the field costs nothing
SELECT name FROM jobs WHERE status = '' OR false;
SELECT name FROM jobs WHERE status = 'not a status';
SELECT name FROM jobs WHERE predictor_arn = ANY ('{}');
SELECT name FROM jobs WHERE status = 'ACTIVE' AND status = 'CREATE_FAILED';
SELECT count(*) FROM calls();

-- Everything else is checked locally
SELECT name FROM jobs WHERE status LIKE 'CREATE%' AND creation_time > '2024-01-01' ORDER BY name;
SELECT name FROM jobs WHERE status IS DISTINCT FROM 'ACTIVE' ORDER BY name;
SELECT name FROM jobs WHERE format IS NULL;
SELECT status, count(*) FROM jobs GROUP BY status ORDER BY status;

-- A LIMIT that the planner can see makes the page smaller
SELECT count(*) FROM calls();
SELECT plan($$ SELECT name FROM jobs WHERE status = 'ACTIVE' LIMIT 1 $$);
SELECT count(*) FROM (SELECT name FROM jobs WHERE status = 'ACTIVE' LIMIT 1) j;
SELECT plan($$ SELECT name FROM jobs ORDER BY name LIMIT 1 $$);
SELECT plan($$ SELECT name FROM jobs WHERE name LIKE 'n%' LIMIT 1 $$);

-- fetch_size: rows a page.  Of the server, or of the table
SELECT count(*) FROM calls();
ALTER SERVER forecast OPTIONS (ADD fetch_size '2');
SELECT count(name) FROM jobs;
SELECT * FROM calls();
ALTER FOREIGN TABLE aws_forecast.predictor_backtest_export_jobs OPTIONS (ADD fetch_size '1');
SELECT count(name) FROM jobs;
SELECT * FROM calls();

-- A cursor pays for what it fetches, and for the page after that
BEGIN;
DECLARE names CURSOR FOR SELECT name FROM jobs;
FETCH 2 FROM names;
CLOSE names;
SELECT calls <= 3 AS few FROM calls();
COMMIT;
ALTER FOREIGN TABLE aws_forecast.predictor_backtest_export_jobs OPTIONS (DROP fetch_size);

-- A list that breaks off is an error, never a short result
CALL fault('{"fault": "error", "operation": "ListPredictorBacktestExportJobs", "match": "NextToken", "code": "InvalidNextTokenException", "message": "The token is invalid."}');
SELECT state, message, hint, context FROM failure('SELECT name FROM jobs');
CALL fault('{"fault": "respond", "body": "{\"PredictorBacktestExportJobs\": [], \"NextToken\": \"round and round\"}", "times": "forever"}');
SELECT state, message FROM failure('SELECT name FROM jobs');
SELECT count(*) FROM simulator('DELETE', 'faults');
CALL answer_with('{"NextToken": 1}');
SELECT state, message FROM failure('SELECT name FROM jobs');
CALL fault('{"fault": "respond", "body": "{}"}');
SELECT state, message FROM failure('SELECT name FROM jobs');
CALL answer_with('{"PredictorBacktestExportJobs": [1]}');
SELECT state, message FROM failure('SELECT name FROM jobs');
CALL answer_with('{"PredictorBacktestExportJobs": [{"Status": "ACTIVE"}]}');
SELECT state, message FROM failure('SELECT format FROM jobs');
SELECT count(*) FROM simulator('DELETE', 'faults');
-- ... an empty page is none
CALL answer_with('{"PredictorBacktestExportJobs": []}');
SELECT name FROM jobs ORDER BY name;
-- ... and what looks like a token, inside of an item, is none
CALL fault('{"fault": "respond", "body": "{\"PredictorBacktestExportJobs\": [{\"PredictorBacktestExportJobName\": \"decoy\", \"NextToken\": \"none\"}]}"}');
SELECT name FROM jobs ORDER BY name;
ALTER SERVER forecast OPTIONS (DROP fetch_size);

-- A job that is gone when it is to be described is no row; one that has changed is
-- what the describe call says
CALL fault('{"fault": "error", "operation": "DescribePredictorBacktestExportJob", "match": "nightly", "code": "ResourceNotFoundException"}');
SELECT name, format FROM jobs WHERE status = 'ACTIVE' ORDER BY name;
CALL fault('{"fault": "patch", "operation": "DescribePredictorBacktestExportJob", "match": "nightly", "patch": {"Status": "DELETE_PENDING"}}');
SELECT name, format FROM jobs WHERE status = 'ACTIVE' ORDER BY name;
