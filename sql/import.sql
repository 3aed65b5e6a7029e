--
-- IMPORT FOREIGN SCHEMA: the service has one schema, and a table for each resource.
--
CREATE SCHEMA i;
IMPORT FOREIGN SCHEMA forecast FROM SERVER forecast INTO i;
\d i.*
DROP FOREIGN TABLE i.predictor_backtest_export_jobs;

-- LIMIT TO and EXCEPT
IMPORT FOREIGN SCHEMA forecast EXCEPT (predictor_backtest_export_jobs) FROM SERVER forecast INTO i;
SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'i';
IMPORT FOREIGN SCHEMA forecast LIMIT TO (predictor_backtest_export_jobs) FROM SERVER forecast INTO i;
SELECT foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'i';
IMPORT FOREIGN SCHEMA forecast EXCEPT (no_such_table) FROM SERVER forecast INTO i;

-- What does not exist
IMPORT FOREIGN SCHEMA public FROM SERVER forecast INTO i;
IMPORT FOREIGN SCHEMA forecast LIMIT TO (predictor_backtest_export_job) FROM SERVER forecast INTO i;
IMPORT FOREIGN SCHEMA forecast FROM SERVER forecast INTO i OPTIONS (import_default 'true');

-- Columns know their fields, so table and columns may be renamed
ALTER FOREIGN TABLE i.predictor_backtest_export_jobs RENAME TO exports;
ALTER FOREIGN TABLE i.exports RENAME predictor_backtest_export_job_arn TO arn;
ALTER FOREIGN TABLE i.exports RENAME status TO state;
SELECT state FROM i.exports WHERE arn = arn('nightly');

-- A server whose name needs quotes
CREATE SERVER "Fore cast" FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1');
CREATE SCHEMA j;
IMPORT FOREIGN SCHEMA forecast FROM SERVER "Fore cast" INTO j;
SELECT foreign_server_name, foreign_table_name FROM information_schema.foreign_tables WHERE foreign_table_schema = 'j';

SET client_min_messages = warning;
DROP SCHEMA i, j CASCADE;
DROP SERVER "Fore cast" CASCADE;
SELECT count(*) FROM calls();
