"""Those who do the same work: forecast_fdw, what a user would take instead, and
the bare loop, which is the limit.

A contender has a name and `run(task, size)`, which does the work once, or the first
`size` jobs of it, and returns a Sample.
"""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

#: Connections, and thus calls in flight, of those that can have several.
CONNECTIONS = 32

#: Options of the servers, next to region and endpoint_url.
SERVER_OPTIONS = f"max_pool_connections '{CONNECTIONS}', async_capable 'true'"

PYTHON = "/usr/bin/python3"
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FOLDER = Path(__file__).parent

DESCRIBE = "DescribePredictorBacktestExportJob"
LIST = "ListPredictorBacktestExportJobs"


@dataclass
class Task:
    """What is to be done, and where."""

    #: one: describe one job again and again; keys: describe many; join: describe the
    #: jobs of rows that repeat them; list; list_describe.
    kind: str
    #: How many describes (one), distinct keys (keys, join) or jobs (lists; of each
    #: region) there are.
    size: int
    #: The simulators to ask, by region.
    urls: dict
    #: The ARNs, each once.
    keys: list = field(default_factory=list)
    #: join: how many rows there are to a key.
    rows_per_key: int = 1
    #: Lists: the bodies of the requests that page through a region, by region.
    pages: dict = field(default_factory=dict)

    def expected(self, size):
        """How many rows the answer has."""
        return size * self.rows_per_key * len(self.urls)


@dataclass
class Sample:
    """What one run took."""

    seconds: float
    cpu: float
    peak: int


class Failure(Exception):
    """A contender could not do it."""


class Meter:
    """CPU time and peak memory of a process, from here on."""

    def __init__(self, pid):
        self._pid = pid
        # 5 sets the peak back to what the process has now: proc(5).
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        self._cpu = self._cpu_now()

    def sample(self, seconds):
        """What the process took since."""
        return Sample(seconds, self._cpu_now() - self._cpu, self.peak())

    def peak(self):
        """The largest resident size since, in bytes."""
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    def _cpu_now(self):
        # What clock_getcpuclockid(3) returns: user and system time, which
        # /proc/PID/stat has in steps of 10 ms only.
        return time.clock_gettime((~self._pid << 3) | 2)


# --- SQL -------------------------------------------------------------------

EXTENSIONS = "CREATE EXTENSION forecast_fdw; CREATE EXTENSION plpython3u;"

#: Of one region; {schema} is also the name of its server.
REGION = """
CREATE SERVER {schema} FOREIGN DATA WRAPPER forecast_fdw
  OPTIONS (region '{region}', endpoint_url '{url}', {options});
CREATE USER MAPPING FOR CURRENT_USER SERVER {schema}
  OPTIONS (aws_access_key_id '{key_id}', aws_secret_access_key '{secret}');
CREATE SCHEMA {schema};
CREATE FOREIGN TABLE {schema}.jobs (
  arn           text        OPTIONS (field 'PredictorBacktestExportJobArn'),
  status        text        OPTIONS (field 'Status'),
  format        text        OPTIONS (field 'Format'),
  creation_time timestamptz OPTIONS (field 'CreationTime')
) SERVER {schema} OPTIONS (resource 'predictor_backtest_export_jobs');
"""

#: {schema} is that of the first region.
FUNCTIONS = """
CREATE FUNCTION describe_loop(key text, times int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := clock_timestamp();
  answer  text;
BEGIN
  FOR i IN 1 .. times LOOP
    SELECT status INTO STRICT answer FROM {schema}.jobs WHERE arn = key;
  END LOOP;
  RETURN extract(epoch FROM clock_timestamp() - started);
END $$;

CREATE FUNCTION boto3_client(region text, url text) RETURNS void LANGUAGE plpython3u AS $$
import boto3
GD[region] = boto3.client("forecast", region_name=region, endpoint_url=url,
                          aws_access_key_id="{key_id}", aws_secret_access_key="{secret}")
$$;

CREATE FUNCTION boto3_describe(region text, arns text[])
RETURNS TABLE (arn text, status text) LANGUAGE plpython3u AS $$
client = GD[region]
for arn in arns:
    job = client.describe_predictor_backtest_export_job(PredictorBacktestExportJobArn=arn)
    yield arn, job["Status"]
$$;

CREATE FUNCTION boto3_list(region text, jobs int)
RETURNS TABLE (arn text, status text, creation_time timestamptz) LANGUAGE plpython3u AS $$
paginator = GD[region].get_paginator("list_predictor_backtest_export_jobs")
for page in paginator.paginate(PaginationConfig={{"PageSize": 100, "MaxItems": jobs}}):
    for job in page["PredictorBacktestExportJobs"]:
        yield job["PredictorBacktestExportJobArn"], job["Status"], job["CreationTime"]
$$;

CREATE FUNCTION boto3_list_describe(region text, jobs int)
RETURNS TABLE (arn text, status text, format text) LANGUAGE plpython3u AS $$
client = GD[region]
paginator = client.get_paginator("list_predictor_backtest_export_jobs")
for page in paginator.paginate(PaginationConfig={{"PageSize": 100, "MaxItems": jobs}}):
    for listed in page["PredictorBacktestExportJobs"]:
        arn = listed["PredictorBacktestExportJobArn"]
        job = client.describe_predictor_backtest_export_job(PredictorBacktestExportJobArn=arn)
        yield arn, job["Status"], job["Format"]
$$;

CREATE FUNCTION boto3_loop(region text, key text, times int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := clock_timestamp();
  answer  text;
BEGIN
  FOR i IN 1 .. times LOOP
    SELECT status INTO STRICT answer FROM boto3_describe(region, ARRAY[key]);
  END LOOP;
  RETURN extract(epoch FROM clock_timestamp() - started);
END $$;

CREATE TABLE outer_rows (arn text);
"""


def schema_of(region):
    """The schema of a region's table."""
    return region.replace("-", "_")


class Database:
    """The private PostgreSQL with all that the contenders need in it."""

    def __init__(self, dsn, urls):
        self._dsn = dsn
        self.urls = urls
        keys = {"key_id": ACCESS_KEY_ID, "secret": SECRET_ACCESS_KEY}
        session = self.session()
        session.execute(EXTENSIONS)
        for region, url in urls.items():
            session.execute(
                REGION.format(
                    schema=schema_of(region),
                    region=region,
                    url=url,
                    options=SERVER_OPTIONS,
                    **keys,
                )
            )
        first = next(iter(urls))
        session.execute(FUNCTIONS.format(schema=schema_of(first), **keys))

    def session(self):
        """A cursor of a new session."""
        connection = psycopg2.connect(self._dsn)
        connection.autocommit = True
        return connection.cursor()

    def analyze(self, regions):
        """Let the planner know how many jobs these regions have."""
        session = self.session()
        for region in regions:
            session.execute(f"ANALYZE {schema_of(region)}.jobs")

    def fill_outer_rows(self, arns):
        """Give the join its outer side."""
        session = self.session()
        session.execute("TRUNCATE outer_rows")
        session.execute("INSERT INTO outer_rows SELECT unnest(%s)", (arns,))
        session.execute("ANALYZE outer_rows")


class Sql:
    """A contender that is a query; its CPU time and memory are the backend's."""

    def __init__(self, database, settings=None):
        self._database = database
        self._session = database.session()
        if settings:
            self._session.execute(settings)
        self._pid = self._session.connection.get_backend_pid()

    def run(self, task, size):
        """Run the task's query, which counts, or the loop, which tells its time."""
        statement, values = getattr(self, task.kind)(task, size)
        meter = Meter(self._pid)
        start = time.perf_counter()
        try:
            self._session.execute(statement, values)
            [value] = self._session.fetchone()[:1]
        except psycopg2.Error as error:
            raise Failure(str(error).strip()) from None
        seconds = time.perf_counter() - start
        if task.kind == "one":
            return meter.sample(value)
        if value != task.expected(size):
            raise Failure(f"counted {value} instead of {task.expected(size)}")
        return meter.sample(seconds)


class ForecastFdw(Sql):
    """One warm describe is measured inside the server."""

    name = "forecast_fdw"

    def plan(self, task, settings):
        """What EXPLAIN says of the task in a session of its own with these settings."""
        session = self._database.session()
        session.execute(settings)
        statement, values = getattr(self, task.kind)(task, task.size)
        session.execute("EXPLAIN " + statement, values)
        return "\n".join(line for (line,) in session.fetchall())

    def one(self, task, size):
        """The time of so many describes."""
        return "SELECT describe_loop(%s, %s)", (task.keys[0], size)

    def keys(self, task, size):
        """Many keys."""
        table = tables(task)[0]
        self._session.execute(
            "DEALLOCATE ALL; "
            f"PREPARE keys (text[]) AS SELECT count(status) FROM {table} WHERE arn = ANY ($1)"
        )
        return "EXECUTE keys (%s)", (task.keys[:size],)

    def join(self, task, _):
        """The lookup join."""
        table = tables(task)[0]
        return f"SELECT count(j.status) FROM outer_rows o JOIN {table} j ON j.arn = o.arn", ()

    def list(self, task, _):
        """Summary columns, of one region or of all."""
        branches = " UNION ALL ".join(
            f"SELECT status, creation_time FROM {table}" for table in tables(task)
        )
        return f"SELECT count(status), max(creation_time) FROM ({branches}) AS jobs", ()

    def list_describe(self, task, _):
        """A column that only Describe has."""
        return f"SELECT count(format), count(status) FROM {tables(task)[0]}", ()


class ForecastFdwFromClient(Sql):
    """One warm describe as a client sees it, with the round trip to the server."""

    name = "forecast_fdw, from the client"

    def run(self, task, size):
        """Execute a prepared statement again and again."""
        self._session.execute(
            "DEALLOCATE ALL; "
            f"PREPARE one AS SELECT status FROM {tables(task)[0]} WHERE arn = '{task.keys[0]}'"
        )
        meter = Meter(self._pid)
        start = time.perf_counter()
        for _ in range(size):
            self._session.execute("EXECUTE one")
            if len(self._session.fetchall()) != 1:
                raise Failure("no row")
        return meter.sample(time.perf_counter() - start)


class PlPython(Sql):
    """Set-returning functions with boto3."""

    name = "PL/Python with boto3"

    def __init__(self, database):
        super().__init__(database)
        for region, url in database.urls.items():
            self._session.execute("SELECT boto3_client(%s, %s)", (region, url))

    def one(self, task, size):
        """The time of so many describes."""
        return "SELECT boto3_loop(%s, %s, %s)", (next(iter(task.urls)), task.keys[0], size)

    def keys(self, task, size):
        """Many keys."""
        return (
            "SELECT count(status) FROM boto3_describe(%s, %s)",
            (next(iter(task.urls)), task.keys[:size]),
        )

    def join(self, task, size):
        """Describe what is distinct, then join."""
        return (
            "SELECT count(j.status) FROM outer_rows o JOIN boto3_describe(%s, "
            "ARRAY(SELECT DISTINCT arn FROM outer_rows LIMIT %s)) j ON j.arn = o.arn",
            (next(iter(task.urls)), size),
        )

    def list(self, task, size):
        """Summary columns, of one region or of all."""
        branches = " UNION ALL ".join(
            f"SELECT status, creation_time FROM boto3_list('{region}', {size})"
            for region in task.urls
        )
        return f"SELECT count(status), max(creation_time) FROM ({branches}) AS jobs", ()

    def list_describe(self, task, size):
        """A column that only Describe has."""
        return (
            "SELECT count(format), count(status) FROM boto3_list_describe(%s, %s)",
            (next(iter(task.urls)), size),
        )


def tables(task):
    """The foreign tables of the task's regions."""
    return [schema_of(region) + ".jobs" for region in task.urls]


# --- boto3 -----------------------------------------------------------------


class Boto3Process:
    """A process of boto3_script.py."""

    def __init__(self, urls):
        # It stays as long as this program does: the end of its input ends it.
        self._process = subprocess.Popen(
            [PYTHON, FOLDER / "boto3_script.py", str(CONNECTIONS), json.dumps(urls)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def ask(self, **command):
        """Have a command carried out; the reply."""
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        reply = self._process.stdout.readline()
        result = json.loads(reply)
        if "error" in result:
            raise Failure(result["error"])
        return result["ok"]


class Boto3:
    """A script, one call after the other."""

    name = "boto3, sequential"
    threads = 1

    def __init__(self, urls):
        self._process = Boto3Process(urls)

    def run(self, task, size):
        """Send the script the task."""
        command = {"do": task.kind, "regions": list(task.urls), "threads": self.threads}
        if task.kind == "one":
            command |= {"do": "describe", "arns": task.keys[:1] * size}
        elif task.kind == "keys":
            command |= {"do": "describe", "arns": task.keys[:size]}
        elif task.kind == "join":
            command["arns"] = task.keys[:size] * task.rows_per_key
        else:
            command["jobs"] = size
        meter = Meter(self._process.pid)
        reply = self._process.ask(**command)
        if reply["count"] != task.expected(size):
            raise Failure(f"counted {reply['count']} instead of {task.expected(size)}")
        return meter.sample(reply["seconds"])


class Boto3Pool(Boto3):
    """A script with a pool of threads."""

    name = f"boto3, {CONNECTIONS} threads"
    threads = CONNECTIONS


# --- the AWS CLI -----------------------------------------------------------


class AwsCli:
    """A process for each describe, or for each list of a region."""

    name = "AWS CLI"

    def run(self, task, size):
        """Start the processes one after the other."""
        if task.kind in ("one", "keys"):
            [target] = task.urls.items()
            arns = [task.keys[i % len(task.keys)] for i in range(size)]
            commands = [(target, describe_arguments(arn)) for arn in arns]
        else:
            arguments = ["list-predictor-backtest-export-jobs", "--max-items", str(size)]
            commands = [(target, arguments) for target in task.urls.items()]
        start = time.perf_counter()
        usages = [self._call(target, arguments) for target, arguments in commands]
        return Sample(
            time.perf_counter() - start,
            sum(usage.ru_utime + usage.ru_stime for usage in usages),
            max(usage.ru_maxrss for usage in usages) * 1024,
        )

    @staticmethod
    def _call(target, arguments):
        """Run one process; what it used."""
        region, url = target
        process = subprocess.Popen(
            ["aws", "--region", region, "--endpoint-url", url, "forecast", *arguments],
            stdout=subprocess.DEVNULL,
            env={
                "PATH": os.environ["PATH"],
                "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_PAGER": "",
            },
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failure(f"aws ended with status {process.returncode}")
        return usage


def describe_arguments(arn):
    """Arguments of the AWS CLI that describe a job."""
    return [
        "describe-predictor-backtest-export-job",
        "--predictor-backtest-export-job-arn",
        arn,
    ]


# --- the limit -------------------------------------------------------------


class Bare:
    """The bare loop: bare.c."""

    name = "the limit: bare loop"

    def __init__(self, program, signer, folder):
        self._program = program
        self._signer = signer
        self._folder = Path(folder)

    def run(self, task, size):
        """Sign the requests, which is not measured, and send them."""
        arguments = []
        answers = 0
        for number, queue in enumerate(self._queues(task, size)):
            region, connections, operation, bodies = queue
            url = task.urls[region]
            path = str(self._folder / f"requests.{number}")
            self._signer.ask(
                do="sign", region=region, url=url, operation=operation, bodies=bodies, path=path
            )
            arguments += [url.rpartition(":")[2], str(connections), path]
            answers += len(bodies)
        done = subprocess.run(
            [self._program, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failure(done.stderr.strip())
        result = json.loads(done.stdout)
        if result["answers"] != answers:
            raise Failure(f"{result['answers']} answers to {answers} requests")
        return Sample(result["seconds"], result["cpu"], result["peak"])

    @staticmethod
    def _queues(task, size):
        """(region, connections, operation, bodies) of what runs at the same time.

        The pages of a region come one after the other: each request needs the token
        of the answer before.  Describes of listed jobs have connections of their own.
        """
        region = next(iter(task.urls))
        if task.kind == "one":
            return [(region, 1, DESCRIBE, describe_bodies(task.keys[:1] * size))]
        if task.kind in ("keys", "join"):
            return [(region, CONNECTIONS, DESCRIBE, describe_bodies(task.keys[:size]))]
        queues = [(name, 1, LIST, bodies) for name, bodies in task.pages.items()]
        if task.kind == "list_describe":
            queues.append((region, CONNECTIONS, DESCRIBE, describe_bodies(task.keys)))
        return queues


def describe_bodies(arns):
    """The bodies of requests that describe jobs."""
    return [{"PredictorBacktestExportJobArn": arn} for arn in arns]
