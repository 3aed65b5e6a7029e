--
-- Errors: what was asked, of whom, what came back, what to do.
--
\x on
ALTER SERVER forecast OPTIONS (ADD max_attempts '1');

-- AWS says no
CALL fault('{"fault": "error", "code": "AccessDeniedException", "message": "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: forecast:DescribePredictorBacktestExportJob"}');
SELECT * FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);

-- ... in each of the forms an error code comes in
SELECT simulator('POST', 'faults', json_agg(json_build_object('fault', 'error', 'code', 'ExpiredTokenException', 'message', 'The security token included in the request is expired', 'form', form)))
  IS NOT NULL AS prepared
FROM unnest(ARRAY['plain', 'prefixed', 'suffixed', 'header', 'code']) form;
SELECT state, message FROM generate_series(1, 5) i, failure(format($$ SELECT %s, status FROM jobs WHERE arn = arn('nightly') $$, i));
CALL fault('{"fault": "error", "code": "ResourceInUseException", "message": "busy", "message_key": "Message"}');
SELECT state, message FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);

-- ... because of the credentials
ALTER USER MAPPING FOR CURRENT_USER SERVER forecast OPTIONS (SET aws_secret_access_key 'wrong');
SELECT * FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
ALTER USER MAPPING FOR CURRENT_USER SERVER forecast OPTIONS (SET aws_access_key_id 'AKIDUNKNOWN');
SELECT * FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
ALTER USER MAPPING FOR CURRENT_USER SERVER forecast
  OPTIONS (SET aws_access_key_id 'AKIAIOSFODNN7EXAMPLE', SET aws_secret_access_key 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
ALTER SERVER forecast OPTIONS (SET region 'us-east-1');
SELECT * FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
ALTER SERVER forecast OPTIONS (SET region 'eu-west-1');

-- ... for other reasons
CALL fault('{"fault": "throttle"}');
SELECT * FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "error", "code": "LimitExceededException", "message": "Too many jobs"}');
SELECT state, message, hint FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "error", "status": 500, "code": "InternalFailure"}');
SELECT state, message, hint FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "error", "code": "BrandNewException", "message": "what now"}');
SELECT state, message, hint FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);

-- Somebody else answers
CALL fault('{"fault": "respond", "status": 502, "headers": {"Content-Type": "text/html"}, "body": "<html><h1>Bad Gateway</h1></html>"}');
SELECT * FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "respond", "status": 503, "headers": {"x-amzn-RequestId": null}}');
SELECT state, message, detail FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "respond", "status": 301, "headers": {"Location": "https://elsewhere.example.com/"}}');
SELECT state, message, detail FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "respond", "headers": {"Content-Type": "text/html"}, "body": "<html>Please log in</html>"}');
SELECT state, message, detail FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "respond", "body": "[1]"}');
SELECT state, message FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "respond", "body": "{} {}"}');
SELECT state, message FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL fault('{"fault": "malformed"}');
SELECT state, message FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);

-- The answer is about something else
CALL fault('{"fault": "patch", "remove": ["PredictorBacktestExportJobArn"]}');
SELECT state, message, context FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
CALL answer_with('{"PredictorBacktestExportJobArn": "arn:other"}');
SELECT state, message FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);

-- The answer does not come, or not whole
CALL fault('{"fault": "truncate"}');
SELECT state, message, hint FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
ALTER SERVER forecast OPTIONS (ADD read_timeout '100ms');
CALL fault('{"fault": "stall", "after_bytes": 10}');
SELECT state, message, hint FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
ALTER SERVER forecast OPTIONS (DROP read_timeout, ADD max_response_size '2kB');
CALL fault('{"fault": "oversize", "bytes": 100000}');
SELECT state, message, hint FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
ALTER SERVER forecast OPTIONS (DROP max_response_size);

-- Nobody is there
CREATE SERVER nobody FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1', endpoint_url 'http://127.0.0.1:1');
CREATE USER MAPPING FOR CURRENT_USER SERVER nobody OPTIONS (aws_access_key_id 'AKID', aws_secret_access_key 'x');
CREATE FOREIGN TABLE nobody_jobs (arn text OPTIONS (field 'PredictorBacktestExportJobArn'))
  SERVER nobody OPTIONS (resource 'predictor_backtest_export_jobs');
SELECT state, message, hint FROM failure($$ SELECT * FROM nobody_jobs WHERE arn = 'arn:x' $$);
SET client_min_messages = warning;
DROP SERVER nobody CASCADE;
RESET client_min_messages;

-- After all that the session is as good as new
SELECT status FROM jobs WHERE arn = arn('nightly');

-- What may be temporary is tried again, three times in all by default
ALTER SERVER forecast OPTIONS (DROP max_attempts);
CALL fault('{"fault": "throttle"}');
SELECT status FROM jobs WHERE arn = arn('nightly');
CALL fault('{"fault": "error", "status": 500, "code": "InternalFailure", "times": 3}');
SELECT state, message, detail FROM failure($$ SELECT status FROM jobs WHERE arn = arn('nightly') $$);
