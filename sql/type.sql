--
-- Values: what the answer holds, and what a column makes of it.
--

-- Text of any alphabet
SELECT destination_s3_path FROM jobs WHERE arn = arn('energy_load/ad_hoc');

-- Missing members and nulls are NULL, unknown members are ignored
CALL fault('{"fault": "patch", "remove": ["Format", "Destination.S3Config.RoleArn"],
               "patch": {"Message": null, "Novelty": {"a": [1, 2]}, "CreationTime": null}}');
SELECT format, destination_s3_path, destination_s3_role_arn, message, creation_time FROM jobs WHERE arn = arn('nightly');
CALL fault('{"fault": "patch", "remove": ["Destination"]}');
SELECT destination_s3_path IS NULL AS gone FROM jobs WHERE arn = arn('nightly');

-- Timestamps are seconds since 1970: whole, to the microsecond, before 1970, far away
SET timezone = 'UTC';
CALL answer_with('{"CreationTime": 1700000000, "LastModificationTime": 1700000000.123456}');
SELECT creation_time, last_modification_time FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"CreationTime": -1.5, "LastModificationTime": 0}');
SELECT creation_time, last_modification_time FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"CreationTime": 1.7e9, "LastModificationTime": 9224318015999}');
SELECT creation_time, last_modification_time FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"CreationTime": 1e18}');
SELECT creation_time FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"CreationTime": -1e18}');
SELECT creation_time FROM jobs WHERE arn = arn('nightly');
CALL fault('{"fault": "respond", "body": "{\"PredictorBacktestExportJobArn\": \"arn:x\", \"CreationTime\": 1e999}"}');
SELECT creation_time FROM jobs WHERE arn = 'arn:x';

-- A member of the wrong JSON type is an error that names it ...
CALL answer_with('{"CreationTime": "2024-11-03T02:00:05Z"}');
SELECT creation_time FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"Status": 7}');
SELECT status FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"Message": ["a"]}');
SELECT message FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"Message": {"a": 1}}');
SELECT message FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"Message": false}');
SELECT message FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"Destination": "s3://bucket"}');
SELECT destination_s3_path FROM jobs WHERE arn = arn('nightly');
CALL answer_with('{"Destination": {"S3Config": null}}');
SELECT destination_s3_path IS NULL AS gone FROM jobs WHERE arn = arn('nightly');
-- ... where the query needs it
CALL answer_with('{"Message": ["a"]}');
SELECT status FROM jobs WHERE arn = arn('nightly');

-- A NUL character, which text cannot hold, is replaced by U+FFFD; an escaped backslash before u0000 is no NUL
CALL fault('{"fault": "respond", "body": "{\"PredictorBacktestExportJobArn\": \"arn:x\", \"Message\": \"a\\u0000b\", \"Status\": \"\\\\u0000\\\\\\u0000\"}"}');
SELECT message, message = U&'a\FFFDb' AS replaced, status FROM jobs WHERE arn = 'arn:x';

-- Empty strings are not NULL; names are case-sensitive
CALL answer_with('{"Message": "", "message": "no", "STATUS": "no"}');
SELECT message, status FROM jobs WHERE arn = arn('nightly');

-- A column of another type takes the value's text form through its own input function
CREATE FOREIGN TABLE converted (
  arn  text           OPTIONS (field 'PredictorBacktestExportJobArn'),
  day  date           OPTIONS (field 'CreationTime'),
  sec  timestamptz(0) OPTIONS (field 'CreationTime'),
  loc  timestamp      OPTIONS (field 'CreationTime'),
  txt  text           OPTIONS (field 'CreationTime'),
  vc   varchar        OPTIONS (field 'Status'),
  nam  name           OPTIONS (field 'Status'),
  bc   char(10)       OPTIONS (field 'Status'),
  js   jsonb          OPTIONS (field 'Message')
) SERVER forecast OPTIONS (resource 'predictor_backtest_export_jobs');
CALL answer_with('{"Message": "{\"rows\": 12}"}');
SELECT day, sec, loc, txt, vc, nam, bc || '|' AS bc, js FROM converted WHERE arn = arn('nightly');
SET timezone = 'America/New_York';
SET datestyle = 'SQL, DMY';
SELECT day, sec, loc, txt FROM converted WHERE arn = arn('nightly');
-- ... also where the zone's abbreviation means another zone elsewhere: India's, China's
SET timezone = 'Asia/Kolkata';
SELECT sec, loc, sec = date_trunc('second', j.creation_time) AS same FROM converted c, jobs j WHERE c.arn = arn('nightly') AND j.arn = c.arn;
SET timezone = 'Asia/Shanghai';
SELECT sec, loc, sec = date_trunc('second', j.creation_time) AS same FROM converted c, jobs j WHERE c.arn = arn('nightly') AND j.arn = c.arn;
RESET datestyle;
SET timezone = 'UTC';

-- ... which may refuse it
CALL answer_with('{"Message": "not json"}');
SELECT js FROM converted WHERE arn = arn('nightly');
ALTER FOREIGN TABLE converted ALTER COLUMN vc TYPE varchar(3);
SELECT vc FROM converted WHERE arn = arn('nightly');
ALTER FOREIGN TABLE converted ALTER COLUMN vc TYPE int;
SELECT vc FROM converted WHERE arn = arn('nightly');
ALTER FOREIGN TABLE converted ALTER COLUMN day TYPE bigint;
SELECT day FROM converted WHERE arn = arn('nightly');
CREATE DOMAIN present AS text NOT NULL;
ALTER FOREIGN TABLE converted ALTER COLUMN js TYPE present;
SELECT js FROM converted WHERE arn = arn('nightly');
CREATE TYPE job_status AS ENUM ('ACTIVE', 'CREATE_FAILED');
ALTER FOREIGN TABLE converted ALTER COLUMN vc TYPE job_status;
SELECT vc FROM converted WHERE arn = arn('nightly');
SELECT vc FROM converted WHERE arn = arn('energy_load/ad_hoc');
DROP FOREIGN TABLE converted;
DROP TYPE job_status;
DROP DOMAIN present;
RESET timezone;
SELECT count(*) FROM calls();
