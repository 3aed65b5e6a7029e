"""The simulator, judged by clients we didn't write: boto3, and bytes on a socket.

Run with:  /usr/bin/python3 -m pytest -q test/simulator
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from unittest import mock

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import botocore_clock

PROGRAM = HERE / "forecast-simulator"
DEMO = HERE / "fixtures" / "demo.json"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "eu-west-1"
TARGET = "AmazonForecast.DescribePredictorBacktestExportJob"
ARN = "arn:aws:forecast:eu-west-1:123456789012"
PREDICTOR = f"{ARN}:predictor/retail_demand"
JOB = f"{ARN}:predictor-backtest-export-job"
NIGHTLY = f"{JOB}/nightly"
DESTINATION = {
    "S3Config": {
        "Path": "s3://bucket/key",
        "RoleArn": "arn:aws:iam::123456789012:role/Export",
    }
}
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)


# --- a running simulator and its clients -----------------------------------


class Simulator:
    """A simulator process on a free port."""

    def __init__(self, *arguments, ca_bundle=None):
        self.process = subprocess.Popen(
            [PROGRAM, "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        match = re.fullmatch(
            r"forecast-simulator: listening on ((https?)://127\.0\.0\.1:(\d+))\n", line
        )
        assert match, line + self.process.stderr.read()
        self.url, self.scheme, port = match.groups()
        self.port = int(port)
        self.ca_bundle = ca_bundle

    def stop(self):
        """Stop it as an init system would; its exit status and stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, stderr = self.process.communicate(timeout=10)
        return self.process.returncode, stderr

    def control(self, method, name, value=None):
        """A control-plane call; (status, parsed answer)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        if self.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_bundle)
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=context
            )
        body = None if value is None else json.dumps(value)
        connection.request(method, f"/_simulator/{name}", body)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content

    def get(self, name):
        """A control-plane read that succeeds."""
        status, content = self.control("GET", name)
        assert status == 200
        return content

    def post(self, name, value=None):
        """A control-plane order that succeeds."""
        status, content = self.control("POST", name, value)
        assert status == 200, content
        return content

    def client(self, key_id=KEY_ID, secret=SECRET, token=None, region=REGION, **config):
        """A boto client that speaks to this simulator."""
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 10, **config}
        return botocore.session.Session().create_client(
            "forecast",
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            verify=self.ca_bundle,
            config=Config(**settings),
        )

    def connect(self):
        """A bare TCP connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def exchange(self, data):
        """Send bytes, read until the server closes."""
        with self.connect() as link:
            link.sendall(data)
            return read_all(link)


@pytest.fixture(scope="session", autouse=True)
def isolated_from_the_users_aws_configuration(tmp_path_factory):
    """No profile, no metadata service, no proxy."""
    nothing = tmp_path_factory.mktemp("aws") / "none"
    clean = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    clean = {k: v for k, v in clean.items() if not k.startswith("AWS_")}
    clean.update(
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=str(nothing),
        AWS_SHARED_CREDENTIALS_FILE=str(nothing),
    )
    with mock.patch.dict(os.environ, clean, clear=True):
        yield


@pytest.fixture(scope="session")
def shared():
    """One simulator with the demo fixture for most tests."""
    simulator = Simulator("--fixture", DEMO, "--job-seconds", "0")
    yield simulator
    status, stderr = simulator.stop()
    assert (status, stderr) == (0, "")


@pytest.fixture(scope="session")
def shared_client(shared):
    """A client with the default keys."""
    return shared.client()


@pytest.fixture
def sim(shared):
    """The shared simulator in its first state."""
    shared.post("reset")
    return shared


@pytest.fixture
def client(sim, shared_client):
    """The shared client on a simulator in its first state."""
    return shared_client


@pytest.fixture
def start():
    """Start simulators of one's own; they end with the test."""
    started = []

    def run(*arguments, **settings):
        simulator = Simulator(*arguments, **settings)
        started.append(simulator)
        return simulator

    yield run
    for simulator in started:
        if simulator.process.poll() is None:
            assert simulator.stop() == (0, "")


def signed(
    body='{"PredictorBacktestExportJobArn":"%s"}' % NIGHTLY,
    target=TARGET,
    key_id=KEY_ID,
    secret=SECRET,
    token=None,
    region=REGION,
    service="forecast",
    skew_seconds=0,
    content_type="application/x-amz-json-1.1",
    host="127.0.0.1",
):
    """The headers of a request signed by botocore, and its body."""
    request = AWSRequest(
        "POST",
        f"http://{host}/",
        data=body.encode() if isinstance(body, str) else body,
        headers={"Content-Type": content_type, "X-Amz-Target": target, "Host": host},
    )
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    with botocore_clock.stopped_at(now + timedelta(seconds=skew_seconds)):
        SigV4Auth(Credentials(key_id, secret, token), service, region).add_auth(request)
    return dict(request.headers.items()), request.data


def wire(headers, body, method="POST", target="/", version="HTTP/1.1"):
    """A request as bytes."""
    lines = [f"{method} {target} {version}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_all(link):
    """Everything until the end of the connection."""
    received = b""
    while chunk := link.recv(65536):
        received += chunk
    return received


def call(sim, headers, body, **request):
    """Send a request as it is: status, headers, parsed body."""
    answer = sim.exchange(wire({**headers, "Connection": "close"}, body, **request))
    return take_apart(answer)


def take_apart(answer):
    """An HTTP answer: status, headers by lower-case name, parsed body."""
    head, _, content = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return int(status_line.split()[1]), headers, json.loads(content or b"null")


def refusal(error_info):
    """(code, message) of a boto error."""
    error = error_info.value.response["Error"]
    return error["Code"], error["Message"]


def describe(client, arn=NIGHTLY):
    """Describe without the metadata of the answer."""
    answer = client.describe_predictor_backtest_export_job(
        PredictorBacktestExportJobArn=arn
    )
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def create(client, name="job", predictor=PREDICTOR, **more):
    """Create a job; its ARN."""
    return client.create_predictor_backtest_export_job(
        PredictorBacktestExportJobName=name,
        PredictorArn=predictor,
        **{"Destination": DESTINATION, **more},
    )["PredictorBacktestExportJobArn"]


def list_all(client, **parameters):
    """The names over all pages, and the number of pages."""
    paginator = client.get_paginator("list_predictor_backtest_export_jobs")
    pages = list(paginator.paginate(**parameters))
    names = [
        job["PredictorBacktestExportJobName"]
        for page in pages
        for job in page["PredictorBacktestExportJobs"]
    ]
    return names, len(pages)


def where(*filters):
    """Filters from (key, condition, value)."""
    return [{"Key": k, "Condition": c, "Value": v} for k, c, v in filters]


DEMO_NAMES = ["nightly", "weekly_2024_44", "weekly_2024_45", "ad_hoc", "before_formats"]


# --- the operations --------------------------------------------------------


def test_describe_answers_what_the_fixture_says(client):
    assert describe(client) == {
        "PredictorBacktestExportJobArn": NIGHTLY,
        "PredictorBacktestExportJobName": "nightly",
        "PredictorArn": PREDICTOR,
        "Destination": {
            "S3Config": {
                "Path": "s3://forecast-exports/nightly",
                "RoleArn": "arn:aws:iam::123456789012:role/ForecastExport",
                "KMSKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/"
                "1234abcd-12ab-34cd-56ef-1234567890ab",
            }
        },
        "Status": "ACTIVE",
        "CreationTime": datetime(2024, 11, 3, 2, 0, 5, 417000, timezone.utc),
        "LastModificationTime": datetime(2024, 11, 3, 2, 21, 40, 62000, timezone.utc),
        "Format": "PARQUET",
    }


def test_absent_members_are_absent(client):
    job = describe(client, f"{JOB}/energy_load/before_formats")
    assert "Message" not in job and "Format" not in job
    assert "KMSKeyArn" not in job["Destination"]["S3Config"]


def test_the_wire_format(sim):
    status, headers, body = call(sim, *signed())
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert uuid.UUID(headers["x-amzn-requestid"]).version == 4
    age = datetime.now(timezone.utc) - parsedate_to_datetime(headers["date"])
    assert abs(age) < timedelta(seconds=60)
    assert body["CreationTime"] == 1730599205.417
    assert isinstance(body["LastModificationTime"], float)


def test_create_describe_delete(client):
    tags = [{"Key": "team", "Value": "é 日 1"}]
    arn = create(client, "monday", Format="CSV", Tags=tags)
    assert arn == f"{JOB}/retail_demand/monday"
    job = describe(client, arn)
    assert job["PredictorArn"] == PREDICTOR
    assert job["Destination"] == DESTINATION
    assert job["Format"] == "CSV"
    assert job["Status"] == "ACTIVE"
    assert "Tags" not in job
    with pytest.raises(ClientError) as error:
        create(client, "monday")
    assert refusal(error)[0] == "ResourceAlreadyExistsException"
    client.delete_predictor_backtest_export_job(PredictorBacktestExportJobArn=arn)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        describe(client, arn)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.delete_predictor_backtest_export_job(PredictorBacktestExportJobArn=arn)
    assert create(client, "monday") == arn


def test_a_modelled_exception_uses_the_member_of_its_shape(sim):
    arn = f"{JOB}/none"
    status, _, body = call(
        sim, *signed(json.dumps({"PredictorBacktestExportJobArn": arn}))
    )
    assert status == 400
    assert body == {
        "__type": "ResourceNotFoundException",
        "Message": f"No resource found for arn: {arn}",
    }


def test_an_arn_of_another_kind_is_invalid_input(client):
    for arn in (PREDICTOR, f"{ARN}:predictor-backtest-export-job/", f"{ARN}:nightly"):
        with pytest.raises(client.exceptions.InvalidInputException):
            describe(client, arn)
    with pytest.raises(client.exceptions.InvalidInputException):
        create(client, predictor=NIGHTLY)


def test_a_busy_job_is_in_use(client):
    with pytest.raises(client.exceptions.ResourceInUseException):
        client.delete_predictor_backtest_export_job(
            PredictorBacktestExportJobArn=f"{JOB}/energy_load/ad_hoc"
        )


def test_deleting_answers_nothing(sim):
    headers, body = signed(target=TARGET.replace("Describe", "Delete"))
    status, headers, body = call(sim, headers, body)
    assert (status, headers["content-length"], body) == (200, "0", None)


def test_life_cycle(start):
    sim = start("--job-seconds", "1.6", "--delete-seconds", "0.8")
    client = sim.client()
    began = time.time()
    arn = create(client)
    first = describe(client, arn)
    assert first["Status"] == "CREATE_PENDING"
    assert abs(first["CreationTime"].timestamp() - began) < 5
    with pytest.raises(client.exceptions.ResourceInUseException):
        client.delete_predictor_backtest_export_job(PredictorBacktestExportJobArn=arn)
    second = wait_for_status(client, arn, "CREATE_IN_PROGRESS")
    assert second["LastModificationTime"] > first["LastModificationTime"]
    assert second["CreationTime"] == first["CreationTime"]
    third = wait_for_status(client, arn, "ACTIVE")
    lasted = third["LastModificationTime"] - third["CreationTime"]
    assert lasted == timedelta(seconds=1.6)
    assert describe(client, arn) == third
    client.delete_predictor_backtest_export_job(PredictorBacktestExportJobArn=arn)
    assert describe(client, arn)["Status"] == "DELETE_IN_PROGRESS"
    assert list_all(client)[0] == ["job"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        wait_for_status(client, arn, "never")
    assert list_all(client)[0] == []


def wait_for_status(client, arn, status):
    """Describe until the job has a status."""
    deadline = time.time() + 10
    while time.time() < deadline:
        job = describe(client, arn)
        if job["Status"] == status:
            return job
        time.sleep(0.02)
    raise AssertionError(f"{arn} never became {status}")


def test_list_has_the_summary_in_creation_order(client):
    create(client, "last")
    jobs = client.list_predictor_backtest_export_jobs()["PredictorBacktestExportJobs"]
    names = [job["PredictorBacktestExportJobName"] for job in jobs]
    assert names == DEMO_NAMES + ["last"]
    for job in jobs:
        full = describe(client, job["PredictorBacktestExportJobArn"])
        only_described = {"PredictorArn": full.pop("PredictorArn")}
        if "Format" in full:
            only_described["Format"] = full.pop("Format")
        assert job == full
        assert only_described["PredictorArn"].startswith(f"{ARN}:predictor/")


def test_paging(client):
    for number in range(8):
        create(client, f"job_{number}")
    everything = DEMO_NAMES + [f"job_{number}" for number in range(8)]
    for size, pages in ((1, 13), (5, 3), (13, 1), (100, 1)):
        found = list_all(client, PaginationConfig={"PageSize": size})
        assert found == (everything, pages)


def test_paging_is_stable_while_jobs_come_and_go(client):
    page = client.list_predictor_backtest_export_jobs(MaxResults=2)
    for name in ("nightly", "retail_demand/weekly_2024_45"):
        client.delete_predictor_backtest_export_job(
            PredictorBacktestExportJobArn=f"{JOB}/{name}"
        )
    create(client, "late")
    rest = client.list_predictor_backtest_export_jobs(NextToken=page["NextToken"])
    names = [
        job["PredictorBacktestExportJobName"]
        for job in rest["PredictorBacktestExportJobs"]
    ]
    assert names == ["ad_hoc", "before_formats", "late"]


def test_a_token_only_fits_its_own_list(client):
    token = client.list_predictor_backtest_export_jobs(MaxResults=1)["NextToken"]
    bad = [
        {"NextToken": "x"},
        {"NextToken": "é"},
        {"NextToken": token[:-6] + "AAAA=="},
        {"NextToken": token, "Filters": where(("Status", "IS", "ACTIVE"))},
    ]
    for parameters in bad:
        with pytest.raises(client.exceptions.InvalidNextTokenException):
            client.list_predictor_backtest_export_jobs(**parameters)


@pytest.mark.parametrize(
    "filters, names",
    [
        ([("Status", "IS", "ACTIVE")], ["nightly", "weekly_2024_44"]),
        (
            [("Status", "IS_NOT", "ACTIVE")],
            ["weekly_2024_45", "ad_hoc", "before_formats"],
        ),
        (
            [("PredictorArn", "IS", PREDICTOR)],
            ["nightly", "weekly_2024_44", "weekly_2024_45"],
        ),
        (
            [("PredictorArn", "IS_NOT", PREDICTOR), ("Status", "IS", "CREATE_PENDING")],
            ["ad_hoc"],
        ),
        ([("Status", "IS", "ACTIVE"), ("Status", "IS", "CREATE_PENDING")], []),
        ([], DEMO_NAMES),
    ],
)
def test_filters(client, filters, names):
    assert list_all(client, Filters=where(*filters))[0] == names
    assert (
        list_all(client, Filters=where(*filters), PaginationConfig={"PageSize": 1})[0]
        == names
    )


def test_an_unknown_filter_key_is_invalid_input(client):
    with pytest.raises(client.exceptions.InvalidInputException) as error:
        list_all(client, Filters=where(("Format", "IS", "CSV")))
    assert "Format" in refusal(error)[1]


def test_other_operations_are_not_simulated(client):
    with pytest.raises(ClientError) as error:
        client.list_forecasts()
    assert refusal(error) == (
        "UnknownOperationException",
        "ListForecasts is not simulated.",
    )


# --- validation ------------------------------------------------------------


def one_error(value, path, constraint):
    """AWS's words for a single violation."""
    return (
        "ValidationException",
        f"1 validation error detected: Value {value} at '{path}' "
        f"failed to satisfy constraint: {constraint}",
    )


@pytest.mark.parametrize(
    "operation, parameters, expected",
    [
        (
            "Describe",
            {"PredictorBacktestExportJobArn": "nightly"},
            one_error(
                "'nightly'",
                "predictorBacktestExportJobArn",
                "Member must satisfy regular expression pattern: "
                r"arn:([a-z\d-]+):forecast:.*:.*:.+",
            ),
        ),
        (
            "Describe",
            {"PredictorBacktestExportJobArn": f"{JOB}/{'x' * 300}"},
            one_error(
                f"'{JOB}/{'x' * 300}'",
                "predictorBacktestExportJobArn",
                "Member must have length less than or equal to 256",
            ),
        ),
        (
            "Describe",
            {},
            one_error(
                "null", "predictorBacktestExportJobArn", "Member must not be null"
            ),
        ),
        (
            "Describe",
            {"PredictorBacktestExportJobArn": None},
            one_error(
                "null", "predictorBacktestExportJobArn", "Member must not be null"
            ),
        ),
        (
            "List",
            {"MaxResults": 101},
            one_error(
                "'101'",
                "maxResults",
                "Member must have value less than or equal to 100",
            ),
        ),
        (
            "List",
            {"MaxResults": 0},
            one_error(
                "'0'",
                "maxResults",
                "Member must have value greater than or equal to 1",
            ),
        ),
        (
            "List",
            {"NextToken": ""},
            (
                "ValidationException",
                "2 validation errors detected: Value '' at 'nextToken' failed to satisfy "
                "constraint: Member must have length greater than or equal to 1; "
                "Value '' at 'nextToken' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: .+",
            ),
        ),
        (
            "List",
            {"Filters": where(("Status", "LIKE", "ACTIVE"))},
            one_error(
                "'LIKE'",
                "filters.1.member.condition",
                "Member must satisfy enum value set: [IS, IS_NOT]",
            ),
        ),
        (
            "List",
            {"Filters": [{"Key": "Status", "Condition": "IS"}]},
            one_error("null", "filters.1.member.value", "Member must not be null"),
        ),
        (
            "List",
            {"MaxResults": "5"},
            (
                "SerializationException",
                "STRING_VALUE can not be converted to an Integer",
            ),
        ),
        (
            "List",
            {"MaxResults": True},
            ("SerializationException", "TRUE_VALUE can not be converted to an Integer"),
        ),
        (
            "List",
            {"Filters": {}},
            (
                "SerializationException",
                "Start of structure or map found where not expected.",
            ),
        ),
        (
            "Describe",
            {"PredictorBacktestExportJobArn": [NIGHTLY]},
            ("SerializationException", "Start of list found where not expected"),
        ),
        (
            "Describe",
            {"PredictorBacktestExportJobArn": 5},
            (
                "SerializationException",
                "NUMBER_VALUE can not be converted to a String",
            ),
        ),
    ],
)
def test_validation(sim, operation, parameters, expected):
    plural = "s" if operation == "List" else ""
    target = f"AmazonForecast.{operation}PredictorBacktestExportJob{plural}"
    status, _, body = call(sim, *signed(json.dumps(parameters), target=target))
    assert status == 400
    assert (body["__type"], body["message"]) == expected


@pytest.mark.parametrize(
    "parameters, path, constraint",
    [
        (
            {"PredictorBacktestExportJobName": "1st"},
            "predictorBacktestExportJobName",
            "pattern: ^[a-zA-Z][a-zA-Z0-9_]*",
        ),
        (
            {"PredictorBacktestExportJobName": "n" * 64},
            "predictorBacktestExportJobName",
            "length less than or equal to 63",
        ),
        ({"Format": "XML"}, "format", "pattern: ^CSV|PARQUET$"),
        (
            {"Destination": {"S3Config": {**DESTINATION["S3Config"], "Path": "s3://B_"}}},
            "destination.s3Config.path",
            "pattern: ^s3://[a-z0-9].+$",
        ),
        (
            {
                "Destination": {
                    "S3Config": {**DESTINATION["S3Config"], "KMSKeyArn": "arn:aws:s3:::b"}
                }
            },
            "destination.s3Config.kMSKeyArn",
            "pattern: arn:aws:kms:.*:key/.*",
        ),
        (
            {"Tags": [{"Key": "bad!", "Value": ""}]},
            "tags.1.member.key",
            r"pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$",
        ),
        (
            {"Tags": [{"Key": "k", "Value": "v"}] * 201},
            "tags",
            "length less than or equal to 200",
        ),
    ],
)
def test_validation_of_create(sim, parameters, path, constraint):
    request = {
        "PredictorBacktestExportJobName": "job",
        "PredictorArn": PREDICTOR,
        "Destination": DESTINATION,
        **parameters,
    }
    target = "AmazonForecast.CreatePredictorBacktestExportJob"
    _, _, body = call(sim, *signed(json.dumps(request), target=target))
    assert body["__type"] == "ValidationException"
    assert f"at '{path}' failed to satisfy constraint" in body["message"]
    assert body["message"].endswith(constraint)
    assert "bad!" not in body["message"]


def test_unknown_members_are_refused(sim):
    _, _, body = call(
        sim, *signed(json.dumps({"PredictorBacktestExportJobArn": NIGHTLY, "Arn": 1}))
    )
    assert body["__type"] == "ValidationException"
    assert 'Unknown parameter in input: "Arn"' in body["message"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"nonsense", b"\xff{}", b'{"a":NaN}', b"[" * 100_000],
)
def test_unreadable_json(sim, content):
    status, _, body = call(sim, *signed(content))
    assert (status, body) == (400, {"__type": "SerializationException"})


@pytest.mark.parametrize("content", ["null", "[]", "5", '"x"'])
def test_json_that_is_no_object(sim, content):
    status, _, body = call(sim, *signed(content))
    assert (status, body["__type"]) == (400, "SerializationException")


# --- refusals --------------------------------------------------------------

INVALID_TOKEN = "The security token included in the request is invalid."


@pytest.mark.parametrize(
    "changes, code, message",
    [
        ({"key_id": "AKIAUNKNOWN"}, "UnrecognizedClientException", INVALID_TOKEN),
        ({"secret": "wrong"}, "InvalidSignatureException", MISMATCH),
        (
            {"region": "us-east-1"},
            "InvalidSignatureException",
            "Credential should be scoped to a valid region. ",
        ),
        (
            {"service": "forecastquery"},
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'forecast'. ",
        ),
        ({"token": "unexpected"}, "UnrecognizedClientException", INVALID_TOKEN),
    ],
)
def test_wrong_credentials(sim, changes, code, message):
    status, _, body = call(sim, *signed(**changes))
    assert status == 400
    assert body == {"__type": code, "message": message}


def test_boto_sees_the_refusal(sim):
    with pytest.raises(ClientError) as error:
        describe(sim.client(secret="wrong"))
    assert refusal(error) == ("InvalidSignatureException", MISMATCH)


def test_clock_skew(sim):
    stamp = r"\d{8}T\d{6}Z"
    late = rf"Signature expired: {stamp} is now earlier than {stamp} \({stamp} - 5 min\.\)"
    early = (
        rf"Signature not yet current: {stamp} is still later than "
        rf"{stamp} \({stamp} \+ 5 min\.\)"
    )
    for skew, expected in ((-310, late), (310, early)):
        _, _, body = call(sim, *signed(skew_seconds=skew))
        assert body["__type"] == "InvalidSignatureException"
        assert re.fullmatch(expected, body["message"])
    for skew in (-280, 280):
        assert call(sim, *signed(skew_seconds=skew))[0] == 200


@pytest.mark.parametrize("offset", [3600, -3600])
def test_a_clock_that_is_wrong(sim, offset):
    sim.post("clock", {"offset_seconds": offset})
    _, headers, body = call(sim, *signed())
    assert body["__type"] == "InvalidSignatureException"
    expected = "Signature expired: " if offset > 0 else "Signature not yet current: "
    assert body["message"].startswith(expected)
    assert_dated(headers, offset)
    status, headers, _ = call(sim, *signed(skew_seconds=offset))
    assert status == 200
    assert_dated(headers, offset)
    sim.post("clock", {"offset_seconds": 0})
    status, headers, _ = call(sim, *signed())
    assert status == 200
    assert_dated(headers, 0)


def assert_dated(headers, offset):
    """The answer's Date is off by so many seconds."""
    date = parsedate_to_datetime(headers["date"]).timestamp()
    assert abs(date - time.time() - offset) < 60


def altered(change):
    """Signed headers and body after a change."""
    headers, body = signed()
    return change(headers, body) or (headers, body)


def authorization(old, new):
    """A change of the Authorization header."""

    def change(headers, _):
        assert re.search(old, headers["Authorization"])
        headers["Authorization"] = re.sub(old, new, headers["Authorization"])

    return change


@pytest.mark.parametrize(
    "change, code, message",
    [
        (
            lambda headers, body: (headers, body + b" "),
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            lambda headers, _: headers.update(
                {"X-Amz-Target": TARGET.replace("Describe", "Delete")}
            ),
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            lambda headers, _: headers.update({"Host": "elsewhere"}),
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            lambda headers, _: headers.pop("Content-Type") and None
            or headers.update({"Content-Type": "application/x-amz-json-1.1; x=y"}),
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            authorization("host;", "host;x-amz-none;"),
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            authorization("Signature=..", "Signature=zz"),
            "InvalidSignatureException",
            MISMATCH,
        ),
        (
            authorization("host;", ""),
            "InvalidSignatureException",
            "'Host' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            authorization(";x-amz-target", ""),
            "InvalidSignatureException",
            "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            authorization("x-amz-date;", ""),
            "InvalidSignatureException",
            "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            authorization("aws4_request", "aws5_request"),
            "InvalidSignatureException",
            "Credential should be scoped with a valid terminator: 'aws4_request', "
            "not 'aws5_request'. ",
        ),
        (
            authorization(r"/\d{8}/", "/20010101/"),
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601",
        ),
        (
            lambda headers, _: headers.update({"X-Amz-Date": "yesterday"}),
            "IncompleteSignatureException",
            "Date must be in ISO-8601 'basic format'.",
        ),
        (
            lambda headers, _: headers.pop("X-Amz-Date") and None,
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a "
            "'Date' header. ",
        ),
        (
            lambda headers, _: headers.pop("Authorization") and None,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            authorization("AWS4-HMAC-SHA256", "Bearer"),
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter. Authorization header "
            "requires 'Signature' parameter. Authorization header requires "
            "'SignedHeaders' parameter. ",
        ),
        (
            authorization(", Signature=.*", ""),
            "IncompleteSignatureException",
            "Authorization header requires 'Signature' parameter. ",
        ),
        (
            authorization("/eu-west-1", ""),
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term, got '",
        ),
    ],
)
def test_tampering(sim, change, code, message):
    status, _, body = call(sim, *altered(change))
    assert status == 400
    assert body["__type"] == code
    assert body["message"].startswith(message)
    assert sim.get("log")[-1]["error"] == code


def test_any_header_may_be_signed(sim):
    request = AWSRequest(
        "POST",
        "http://127.0.0.1/?b=2&a=1",
        data=b'{"PredictorBacktestExportJobArn":"%s"}' % NIGHTLY.encode(),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": TARGET,
            "Accept": "  much   space  ",
            "X-Umlaut": "Überblick",
        },
    )
    SigV4Auth(Credentials(KEY_ID, SECRET), "forecast", REGION).add_auth(request)
    headers = {**dict(request.headers.items()), "Host": "127.0.0.1"}
    assert call(sim, headers, request.data, target="/?b=2&a=1")[0] == 200
    headers["X-Umlaut"] = "Uberblick"
    assert call(sim, headers, request.data, target="/?b=2&a=1")[0] == 400


def test_a_signed_content_hash_must_be_the_bodys(sim):
    request = AWSRequest(
        "POST",
        "http://127.0.0.1/",
        data=b"{}",
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonForecast.ListPredictorBacktestExportJobs",
            "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
        },
    )
    SigV4Auth(Credentials(KEY_ID, SECRET), "forecast", REGION).add_auth(request)
    headers = {**dict(request.headers.items()), "Host": "127.0.0.1"}
    _, _, body = call(sim, headers, request.data)
    assert body == {"__type": "InvalidSignatureException", "message": MISMATCH}


def test_session_tokens(sim):
    sim.post(
        "fixture",
        {
            "Credentials": [
                {"AccessKeyId": "ASIA1", "SecretAccessKey": "s1", "SessionToken": "t1"},
                {
                    "AccessKeyId": "ASIA2",
                    "SecretAccessKey": "s2",
                    "SessionToken": "t2",
                    "Expired": True,
                },
            ]
        },
    )
    assert describe(sim.client("ASIA1", "s1", "t1"))["Status"] == "ACTIVE"
    for key_id, secret, token, expected in (
        ("ASIA1", "s1", None, ("UnrecognizedClientException", INVALID_TOKEN)),
        ("ASIA1", "s1", "t2", ("UnrecognizedClientException", INVALID_TOKEN)),
        (
            "ASIA2",
            "s2",
            "t2",
            (
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
        ),
    ):
        with pytest.raises(ClientError) as error:
            describe(sim.client(key_id, secret, token))
        assert refusal(error) == expected
    headers, body = signed(key_id="ASIA1", secret="s1", token="t1")
    headers["Authorization"] = headers["Authorization"].replace(
        "x-amz-security-token;", ""
    )
    _, _, answer = call(sim, headers, body)
    assert answer["message"].startswith("'x-amz-security-token' must be")


def test_wrong_targets_types_paths_and_methods(sim):
    for target in ("AmazonForecast.Nonsense", "Forecast.ListForecasts", ""):
        status, _, body = call(sim, *signed(target=target))
        assert (status, body) == (400, {"__type": "UnknownOperationException"})
    for content_type in ("application/json", "application/x-amz-json-1.0", ""):
        status, _, body = call(sim, *signed(content_type=content_type))
        assert (status, body) == (404, {"__type": "UnknownOperationException"})
    for change in ({"target": "/other"}, {"method": "PUT"}):
        status, _, body = call(sim, *signed(), **change)
        assert (status, body) == (404, {"__type": "UnknownOperationException"})


def test_a_mismatch_is_explained_in_the_log(sim):
    call(sim, *signed(secret="wrong"))
    detail = sim.get("log")[-1]["detail"]
    assert "canonical request:\nPOST\n/\n" in detail
    assert "string to sign:\nAWS4-HMAC-SHA256\n" in detail


# --- HTTP ------------------------------------------------------------------


def test_keep_alive_and_pipelining(sim):
    count = 5
    with sim.connect() as link:
        for _ in range(2):
            link.sendall(wire(*signed()) * count)
            received = b""
            while received.count(b'"Format":"PARQUET"}') < count:
                received += link.recv(65536)
            assert received.count(b"HTTP/1.1 200 OK") == count
    log = sim.get("log")
    assert len(log) == 2 * count
    assert {entry["connection"] for entry in log} == {1}


def test_pipelined_answers_keep_their_order_under_latency(sim):
    sim.post("latency", {"ms": 20})
    operations = ["Describe", "Delete", "Describe"]
    requests = [
        wire(*signed(target=TARGET.replace("Describe", name))) for name in operations
    ]
    with sim.connect() as link:
        link.sendall(b"".join(requests[:-1]) + requests[-1][:50])
        time.sleep(0.05)
        link.sendall(requests[-1][50:])
        received = b""
        while b"ResourceNotFoundException" not in received:
            received += link.recv(65536)
    assert [int(s) for s in re.findall(rb"HTTP/1.1 (\d+)", received)] == [200, 200, 400]


def test_a_request_in_single_bytes(sim):
    with sim.connect() as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers, body = signed()
        for byte in wire({**headers, "Connection": "close"}, body):
            link.sendall(bytes([byte]))
        assert take_apart(read_all(link))[0] == 200


def test_connection_close_and_http_1_0(sim):
    headers, body = signed()
    assert b"Connection: close" in sim.exchange(
        wire({**headers, "Connection": "close"}, body)
    )
    assert sim.exchange(wire(headers, body, version="HTTP/1.0")).startswith(
        b"HTTP/1.1 200"
    )


def test_expect_continue(sim):
    headers, body = signed()
    request = wire({**headers, "Expect": "100-continue", "Connection": "close"}, body)
    with sim.connect() as link:
        head_end = request.index(b"\r\n\r\n") + 4
        link.sendall(request[:head_end])
        assert link.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(request[head_end:])
        assert take_apart(read_all(link))[0] == 200


@pytest.mark.parametrize(
    "data, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET / HTTP/3\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nbroken\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nA: " + b"a" * 70_000, 431),
        (b"POST / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_bad_http_ends_the_connection(sim, data, status):
    with sim.connect() as link:
        link.sendall(data)
        try:
            received = read_all(link)
        except ConnectionResetError:
            received = b""  # it hung up on what was still on its way
    assert received == b"" or received.startswith(b"HTTP/1.1 %d " % status)
    assert sim.get("health")["status"] == "ok"


def test_clients_that_vanish_do_no_harm(sim):
    sim.post("latency", {"ms": 100})
    request = wire(*signed())
    for data in (request, request[:40], request * 20, b""):
        for _ in range(5):
            link = sim.connect()
            link.sendall(data)
            link.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            link.close()
    eventually(lambda: sim.get("counters")["in_flight"] == 0)
    sim.post("latency", {"ms": 0})
    assert call(sim, *signed())[0] == 200


def eventually(condition):
    """Wait for a condition."""
    deadline = time.time() + 10
    while not condition():
        assert time.time() < deadline
        time.sleep(0.01)


# --- log, counters, reset, latency -----------------------------------------


def test_log_and_counters(sim, client):
    assert sim.get("log") == []
    assert sim.get("counters") == {
        "requests": 0,
        "connections": 0,
        "in_flight": 0,
        "max_in_flight": 0,
        "operations": {},
        "errors": {},
        "faults": {},
    }
    headers, body = signed()
    own = {"User-Agent": "x/1", "amz-sdk-invocation-id": "i", "amz-sdk-request": "attempt=1"}
    headers.update(own)
    _, answer, _ = call(sim, headers, body)
    call(sim, *signed(json.dumps({"PredictorBacktestExportJobArn": f"{JOB}/none"})))
    call(sim, *signed(target="X", body="nonsense"))
    log = sim.get("log")
    assert [entry["n"] for entry in log] == [1, 2, 3]
    assert [entry["connection"] for entry in log] == [1, 2, 3]
    assert abs(log[0].pop("time") - time.time()) < 60
    assert log[0] == {
        "n": 1,
        "connection": 1,
        "operation": "DescribePredictorBacktestExportJob",
        "input": {"PredictorBacktestExportJobArn": NIGHTLY},
        "status": 200,
        "error": None,
        "detail": None,
        "request_id": answer["x-amzn-requestid"],
        "bytes_in": len(wire({**headers, "Connection": "close"}, body)),
        "bytes_out": log[0]["bytes_out"],
        "fault": None,
        "user_agent": "x/1",
        "amz_date": headers["X-Amz-Date"],
        "invocation_id": "i",
        "sdk_request": "attempt=1",
    }
    assert log[0]["bytes_out"] > 500
    assert (log[1]["invocation_id"], log[1]["sdk_request"]) == (None, None)
    assert (log[1]["status"], log[1]["error"]) == (400, "ResourceNotFoundException")
    assert (log[2]["operation"], log[2]["input"]) == (None, "nonsense")
    counters = sim.get("counters")
    assert counters == {
        "requests": 3,
        "connections": 3,
        "in_flight": 0,
        "max_in_flight": 1,
        "operations": {"DescribePredictorBacktestExportJob": 2},
        "errors": {"ResourceNotFoundException": 1, "UnknownOperationException": 1},
        "faults": {},
    }


def test_clearing_the_log_counts_connections_anew(sim):
    with sim.connect() as first, sim.connect() as second:
        for link in (first, second):
            link.sendall(wire(*signed()))
            link.recv(65536)
        assert sim.get("counters")["connections"] == 2
        assert sim.control("DELETE", "log") == (200, {})
        assert sim.get("counters")["connections"] == 0
        for _ in range(3):
            second.sendall(wire(*signed()))
            second.recv(65536)
        assert sim.get("counters")["connections"] == 1
        assert [entry["connection"] for entry in sim.get("log")] == [1, 1, 1]


def test_latency_is_concurrent(sim):
    milliseconds, callers = 1000, 10
    sim.post("latency", {"ms": milliseconds})
    client = sim.client(max_pool_connections=callers)
    began = time.monotonic()
    with ThreadPoolExecutor(callers) as pool:
        jobs = list(pool.map(lambda _: describe(client), range(callers)))
    elapsed = time.monotonic() - began
    assert len(jobs) == callers
    assert milliseconds / 1000 <= elapsed < callers * milliseconds / 1000 / 2
    counters = sim.get("counters")
    assert counters["max_in_flight"] == callers
    assert counters["connections"] == callers
    began = time.monotonic()
    sim.get("health")
    assert time.monotonic() - began < milliseconds / 1000


def test_reset(sim, client):
    create(client, "extra")
    client.delete_predictor_backtest_export_job(PredictorBacktestExportJobArn=NIGHTLY)
    sim.post("latency", {"ms": 1})
    sim.post("faults", {"fault": "throttle", "times": "forever"})
    sim.post("fixture", {"Credentials": [{"AccessKeyId": "A", "SecretAccessKey": "s"}]})
    sim.post("rate", {"per_second": 0.001})
    sim.post("storm", {"share": 1})
    sim.post("clock", {"offset_seconds": -3600})
    sim.post("reset")
    assert sim.get("log") == [] and sim.get("faults") == []
    assert list_all(client)[0] == DEMO_NAMES
    assert call(sim, *signed(key_id="A", secret="s"))[0] == 400


def test_control_plane_mistakes(sim):
    assert sim.control("GET", "nothing")[0] == 404
    assert sim.control("POST", "log")[0] == 405
    for name in ("faults", "fixture", "latency", "rate", "storm", "clock"):
        status, content = sim.control("POST", name)
        assert (status, content) == (400, {"error": "the body is not JSON"})
    for name, value in (
        ("latency", {"ms": -1}),
        ("latency", []),
        ("rate", {"per_second": -1}),
        ("rate", {"per_second": 10, "burst": 0.5}),
        ("rate", {"per_minute": 10}),
        ("storm", {}),
        ("storm", {"share": 1.1}),
        ("storm", {"share": 0.1, "seed": "x"}),
        ("storm", {"share": 0.1, "kinds": []}),
        ("storm", {"share": 0.1, "kinds": ["meteor"]}),
        ("storm", {"share": 0.1, "kinds": [{"fault": "meteor"}]}),
        ("storm", {"share": 0.1, "kinds": [7]}),
        ("clock", {}),
        ("clock", {"offset_seconds": 1e300}),
        ("faults", {"fault": "meteor"}),
        ("faults", {"fault": "error"}),
        ("faults", {"fault": "delay", "ms": "long"}),
        ("faults", {"fault": "cut", "surprise": 1}),
        ("faults", {"fault": "cut", "times": -1}),
        ("faults", {"fault": "respond", "headers": {"A": "b\r\nc"}}),
        ("faults", ["cut"]),
        ("fixture", []),
        ("fixture", {"Forecasts": []}),
        ("fixture", {"Credentials": [{}]}),
        ("fixture", {"PredictorBacktestExportJobs": [{}]}),
        ("fixture", {"PredictorBacktestExportJobs": [{"Nonsense": 1}]}),
        ("fixture", {"PredictorBacktestExportJobs": {}}),
        ("fixture", {"Generate": {"PredictorBacktestExportJobs": {"count": -1}}}),
        ("fixture", {"Generate": {"Forecasts": {"count": 1}}}),
    ):
        status, content = sim.control("POST", name, value)
        assert status == 400 and content["error"], (name, value)
    assert sim.get("faults") == []
    assert sim.get("counters")["requests"] == 0


# --- faults ----------------------------------------------------------------


def fault(sim, kind, **options):
    """Queue a fault."""
    return sim.post("faults", {"fault": kind, **options})


def plain_call(sim):
    """An unsigned describe: what arrives until the connection ends."""
    body = b'{"PredictorBacktestExportJobArn":"%s"}' % NIGHTLY.encode()
    headers = {
        "Host": "x",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": TARGET,
        "Connection": "close",
    }
    return sim.exchange(wire(headers, body))


@pytest.mark.parametrize(
    "options, body, header",
    [
        ({}, {"__type": "Oops", "message": "m"}, None),
        ({"message_key": "Message"}, {"__type": "Oops", "Message": "m"}, None),
        ({"message": None}, {"__type": "Oops"}, None),
        (
            {"form": "prefixed"},
            {"__type": "com.amazonaws.forecast#Oops", "message": "m"},
            None,
        ),
        (
            {"form": "suffixed"},
            {
                "__type": "com.amazonaws.forecast#Oops:http://internal.amazonaws.com/",
                "message": "m",
            },
            None,
        ),
        ({"form": "header"}, {"message": "m"}, "Oops"),
        ({"form": "code"}, {"code": "Oops", "message": "m"}, None),
    ],
)
def test_fault_error(sim, options, body, header):
    fault(sim, "error", **{"status": 503, "code": "Oops", "message": "m", **options})
    status, headers, found = take_apart(plain_call(sim))
    assert (status, found) == (503, body)
    assert headers.get("x-amzn-errortype") == header
    assert headers["x-amzn-requestid"] and headers["date"]
    entry = sim.get("log")[-1]
    assert (entry["fault"], entry["error"], entry["status"]) == ("error", "Oops", 503)


def test_fault_throttle_and_botos_retry(sim):
    fault(sim, "throttle")
    client = sim.client(retries={"mode": "standard", "total_max_attempts": 2})
    assert describe(client)["Status"] == "ACTIVE"
    assert [entry["status"] for entry in sim.get("log")] == [400, 200]
    assert sim.get("counters")["errors"] == {"ThrottlingException": 1}


def test_faults_that_say_when_to_retry(sim):
    fault(sim, "throttle", headers={"Retry-After": "2"})
    fault(sim, "error", code="Oops", form="header", headers={"x-amz-retry-after": "1500"})
    status, headers, body = take_apart(plain_call(sim))
    assert (status, body["__type"], headers["retry-after"]) == (400, "ThrottlingException", "2")
    _, headers, _ = take_apart(plain_call(sim))
    assert (headers["x-amzn-errortype"], headers["x-amz-retry-after"]) == ("Oops", "1500")


def test_fault_respond(sim):
    fault(
        sim,
        "respond",
        status=302,
        headers={"Location": "http://elsewhere/", "content-type": "text/html"},
        body="<html>é</html>",
    )
    head, _, body = plain_call(sim).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 302 Found\r\n")
    assert b"Location: http://elsewhere/" in head
    assert b"Content-Type: text/html" in head and head.count(b"ontent-") == 2
    assert body == "<html>é</html>".encode()
    fault(sim, "respond", status=500, headers={"x-amzn-requestid": None})
    status, headers, body = take_apart(plain_call(sim))
    assert (status, body) == (500, None)
    assert "x-amzn-requestid" not in headers
    fault(sim, "respond", body_base64="/wA=", headers={"Content-Length": None})
    answer = plain_call(sim)
    assert answer.endswith(b"\r\n\r\n\xff\x00") and b"Content-Length" not in answer


def test_fault_patch(sim):
    fault(
        sim,
        "patch",
        patch={
            "Status": 7,
            "CreationTime": "soon",
            "Destination": {"S3Config": {"Path": None}},
            "New": [1],
        },
        remove=["Format", "Destination.S3Config.KMSKeyArn", "No.Such.Thing"],
    )
    _, _, body = take_apart(plain_call(sim))
    assert body["Status"] == 7 and body["CreationTime"] == "soon"
    assert body["New"] == [1] and "Format" not in body
    assert body["Destination"]["S3Config"] == {
        "Path": None,
        "RoleArn": "arn:aws:iam::123456789012:role/ForecastExport",
    }


def test_fault_patch_inside_a_list(sim, client):
    fault(
        sim,
        "patch",
        patch={"PredictorBacktestExportJobs": {"1": {"Status": "ODD"}}},
        remove=["PredictorBacktestExportJobs.0.Destination"],
    )
    jobs = client.list_predictor_backtest_export_jobs()["PredictorBacktestExportJobs"]
    assert "Destination" not in jobs[0]
    assert jobs[1]["Status"] == "ODD" and "Destination" in jobs[1]


@pytest.mark.parametrize("chunked", [False, True])
def test_fault_oversize(sim, chunked):
    size = 3_000_001
    fault(sim, "oversize", bytes=size, chunked=chunked)
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=10)
    headers, body = signed()
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    assert (answer.getheader("Content-Length") is None) == chunked
    content = json.loads(answer.read())
    assert content.pop("Padding") == "x" * size
    assert content["PredictorBacktestExportJobName"] == "nightly"
    connection.request("POST", "/", body, {**headers, "Host": "127.0.0.1"})
    assert connection.getresponse().status == 200
    connection.close()


def test_fault_oversize_waits_for_its_reader(sim):
    fault(sim, "oversize", bytes=2_000_000_000)
    with sim.connect() as link:
        link.sendall(wire(*signed()))
        link.recv(1000)
        time.sleep(0.1)
        assert sim.get("log")[0]["bytes_out"] < 100_000_000
    eventually(lambda: sim.get("counters")["in_flight"] == 0)


def test_fault_delay_still_verifies(sim):
    fault(sim, "delay", ms=200, times=2)
    began = time.monotonic()
    assert call(sim, *signed())[0] == 200
    assert time.monotonic() - began >= 0.2
    assert call(sim, *signed(secret="wrong"))[0] == 400


@pytest.mark.parametrize("after_bytes", [0, 10, -1, "head"])
def test_fault_stall(sim, after_bytes):
    complete = plain_answer(sim)
    head_length = complete.index(b"\r\n\r\n") + 4
    expected = {0: 0, 10: 10, -1: len(complete) - 1, "head": head_length}[after_bytes]
    fault(sim, "stall", after_bytes=after_bytes)
    with sim.connect() as link:
        headers, body = signed()
        link.sendall(wire({**headers, "Connection": "close"}, body))
        received = b""
        while len(received) < expected:
            received += link.recv(65536)
        link.settimeout(0.2)
        with pytest.raises(TimeoutError):
            link.recv(1)
    assert len(received) == expected
    assert sim.get("log")[-1]["bytes_out"] == expected
    eventually(lambda: sim.get("counters")["in_flight"] == 0)


def plain_answer(sim):
    """The undisturbed answer, as bytes."""
    headers, body = signed()
    return sim.exchange(wire({**headers, "Connection": "close"}, body))


def test_fault_drip(sim):
    fault(sim, "drip", chunk_bytes=100, interval_ms=1)
    began = time.monotonic()
    status, _, body = take_apart(plain_call(sim))
    assert (status, body["Status"]) == (200, "ACTIVE")
    assert time.monotonic() - began >= 0.005


@pytest.mark.parametrize("after_bytes", [0, 20, -5])
def test_fault_cut(sim, after_bytes):
    complete = plain_answer(sim)
    fault(sim, "cut", after_bytes=after_bytes)
    assert len(plain_call(sim)) == len(complete[:after_bytes])


def test_fault_cut_with_reset(sim):
    fault(sim, "cut", rst=True)
    with pytest.raises(ConnectionResetError):
        plain_call(sim)


def test_fault_truncate(sim):
    fault(sim, "truncate")
    head, _, body = plain_call(sim).partition(b"\r\n\r\n")
    promised = int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert 0 < len(body) < promised
    with pytest.raises(ValueError):
        json.loads(body)


def test_fault_malformed(sim):
    fault(sim, "malformed")
    head, _, body = plain_call(sim).partition(b"\r\n\r\n")
    assert int(re.search(rb"Content-Length: (\d+)", head)[1]) == len(body) > 0
    with pytest.raises(ValueError):
        json.loads(body)


def test_fault_matching_and_counting(sim, client):
    fault(sim, "throttle", operation="ListPredictorBacktestExportJobs")
    fault(sim, "throttle", match="weekly_2024_45", times=2)
    fault(sim, "error", code="Always", match="before_formats", times="forever")
    assert describe(client)["Status"] == "ACTIVE"
    for _ in range(2):
        with pytest.raises(ClientError):
            describe(client, f"{JOB}/retail_demand/weekly_2024_45")
    assert describe(client, f"{JOB}/retail_demand/weekly_2024_45")["Message"]
    for _ in range(3):
        with pytest.raises(ClientError):
            describe(client, f"{JOB}/energy_load/before_formats")
    waiting = sim.get("faults")
    assert [(f["fault"], f["remaining"]) for f in waiting] == [
        ("throttle", 1),
        ("error", "forever"),
    ]
    with pytest.raises(ClientError):
        client.list_predictor_backtest_export_jobs()
    assert list_all(client)[0] == DEMO_NAMES
    assert sim.control("DELETE", "faults") == (200, {})
    assert describe(client, f"{JOB}/energy_load/before_formats")["Status"]


def test_the_connection_survives_a_faulty_answer(sim):
    for kind in ("throttle", "malformed", "patch"):
        fault(sim, kind)
    fault(sim, "drip", chunk_bytes=50, interval_ms=1)
    client = sim.client()
    for _ in range(5):
        try:
            describe(client)
        except Exception as error:  # the client's trouble, whichever it is
            assert "Connection" not in type(error).__name__
    assert sim.get("counters")["connections"] == 1


# --- a limit of the rate, storms --------------------------------------------


def statuses(sim, count):
    """What becomes of so many requests in a row."""
    return [call(sim, *signed())[0] for _ in range(count)]


def test_a_rate_limit(sim):
    # So slow that nothing is gained while the test runs.
    limit = {"per_second": 0.001, "burst": 3}
    assert sim.post("rate", limit) == limit
    assert statuses(sim, 5) == [200, 200, 200, 400, 400]
    body = call(sim, *signed())[2]
    assert body == {"__type": "ThrottlingException", "message": "Rate exceeded"}
    assert sim.get("counters")["errors"] == {"ThrottlingException": 3}
    assert [entry["error"] for entry in sim.get("log")][-1] == "ThrottlingException"
    # A request of nobody's doesn't count.
    assert call(sim, *signed(secret="wrong"))[2]["message"] == MISMATCH
    sim.post("rate", {"per_second": None})
    assert statuses(sim, 3) == [200, 200, 200]


def test_a_rate_limit_lets_so_many_through(sim):
    # So low that even a busy machine sends more.
    sim.post("rate", {"per_second": 5, "burst": 3})
    client = sim.client()
    passed, began = 0, time.monotonic()
    while time.monotonic() - began < 2:
        with contextlib.suppress(client.exceptions.ClientError):
            describe(client)
            passed += 1
    assert passed <= 3 + 5 * (time.monotonic() - began)
    assert passed >= 6
    assert sim.get("counters")["errors"]["ThrottlingException"] > 0


def test_a_rate_limit_from_the_command_line(start):
    sim = start("--fixture", DEMO, "--rate", "0.001")
    assert statuses(sim, 2) == [200, 400]
    sim.post("rate", {})
    assert statuses(sim, 2) == [200, 200]
    sim.post("reset")
    assert statuses(sim, 2) == [200, 400]


def storm(sim, count, **options):
    """The faults that meet so many requests under a storm."""
    sim.control("DELETE", "log")
    sim.post("storm", options)
    headers, body = signed()
    for _ in range(count):
        sim.exchange(wire({**headers, "Connection": "close"}, body))
    return [(entry["fault"], entry["status"]) for entry in sim.get("log")]


def test_a_storm(sim):
    kinds = ["throttle", "500", "503", "429", "cut", "cut_after_head", "truncate"]
    first = storm(sim, 400, share=0.3, seed=7, kinds=kinds)
    hit = [fate for fate in first if fate[0]]
    assert 80 <= len(hit) <= 160
    assert set(hit) == {
        ("throttle", 400),
        ("error", 500),
        ("error", 503),
        ("respond", 429),
        ("cut", 200),
        ("truncate", 200),
    }
    faults = sim.get("counters")["faults"]
    assert sum(faults.values()) == len(hit)
    assert faults["throttle"] == hit.count(("throttle", 400))
    assert storm(sim, 400, share=0.3, seed=7, kinds=kinds) == first
    assert storm(sim, 400, share=0.3, seed=8, kinds=kinds) != first
    assert storm(sim, 20, share=0) == [(None, 200)] * 20


def test_a_storm_of_ones_own(sim):
    late = {"fault": "delay", "ms": 1}
    named = {"fault": "cut", "match": "no such text"}
    assert storm(sim, 5, share=1, kinds=[late]) == [("delay", 200)] * 5
    assert storm(sim, 5, share=1, kinds=[named]) == [(None, 200)] * 5
    # A fault that waits for its request comes first.
    fault(sim, "throttle")
    assert storm(sim, 2, share=1, kinds=[late]) == [("throttle", 400), ("delay", 200)]


def test_a_storm_stalls(sim):
    assert len(sim.post("storm", {"share": 1, "kinds": ["stall"]})["kinds"]) == 1
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        describe(sim.client(read_timeout=1))
    assert sim.get("counters")["faults"] == {"stall": 1}


# --- fixtures, command line, TLS -------------------------------------------


def test_fixtures_add_and_replace(sim, client):
    job = {
        "PredictorBacktestExportJobArn": NIGHTLY,
        "PredictorBacktestExportJobName": "renamed",
        "Status": "CREATE_STOPPING",
        "CreationTime": "2024-01-01T01:00:00+01:00",
    }
    other = {"PredictorBacktestExportJobArn": f"{JOB}/a/b/c"}
    sim.post("fixture", {"PredictorBacktestExportJobs": [job, other]})
    assert describe(client) == {
        **job,
        "CreationTime": datetime(2024, 1, 1, tzinfo=timezone.utc),
    }
    assert describe(client, f"{JOB}/a/b/c") == other
    jobs = client.list_predictor_backtest_export_jobs()["PredictorBacktestExportJobs"]
    assert jobs[0]["PredictorBacktestExportJobName"] == "renamed"
    assert len(jobs) == len(DEMO_NAMES) + 1


def test_a_million_generated_jobs(start, tmp_path):
    count, predictors = 1_000_000, 50
    statuses = ["ACTIVE", "CREATE_FAILED"]
    path = tmp_path / "generated.json"
    path.write_text(
        json.dumps(
            {
                "Generate": {
                    "PredictorBacktestExportJobs": {
                        "count": count,
                        "predictors": predictors,
                        "statuses": statuses,
                    }
                }
            }
        )
    )
    sim = start("--fixture", path)
    client = sim.client()
    assert sim.get("health")["resources"] == {"PredictorBacktestExportJobs": count}
    last = describe(client, f"{JOB}/job_{count}")
    assert last["PredictorArn"] == f"{ARN}:predictor/predictor_50"
    for name in ("job_0", "job_01", f"job_{count + 1}", "job_x", "job_"):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            describe(client, f"{JOB}/{name}")
    for status in statuses:
        filters = where(
            ("PredictorArn", "IS", f"{ARN}:predictor/predictor_7"),
            ("Status", "IS", status),
        )
        page = client.list_predictor_backtest_export_jobs(Filters=filters, MaxResults=3)
        for job in page["PredictorBacktestExportJobs"]:
            full = describe(client, job["PredictorBacktestExportJobArn"])
            assert full["PredictorArn"].endswith("/predictor_7")
            assert full["Status"] == job["Status"] == status
            assert ("Message" in full) == (status == "CREATE_FAILED")
        assert page["NextToken"]
    client.delete_predictor_backtest_export_job(
        PredictorBacktestExportJobArn=f"{JOB}/job_2"
    )
    create(client, "after")
    page = client.list_predictor_backtest_export_jobs(MaxResults=2)
    names = [
        job["PredictorBacktestExportJobName"]
        for job in page["PredictorBacktestExportJobs"]
    ]
    assert names == ["job_1", "job_3"]
    assert sim.get("health")["resources"] == {"PredictorBacktestExportJobs": count}
    status = Path(f"/proc/{sim.process.pid}/status").read_text()
    assert int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) < 200_000


def test_own_region_account_and_keys(start):
    sim = start(
        *("--region", "us-gov-west-1", "--account", "999999999999"),
        *("--access-key-id", "AKIAOWN", "--secret-access-key", "own/secret"),
        *("--session-token", "own+token="),
    )
    client = sim.client("AKIAOWN", "own/secret", "own+token=", "us-gov-west-1")
    arn = create(client)
    assert arn.startswith("arn:aws:forecast:us-gov-west-1:999999999999:")
    assert call(sim, *signed(region="us-gov-west-1"))[0] == 400


def test_tls(start, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        + ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    sim = start(
        "--tls", certificate, key, "--fixture", DEMO, ca_bundle=str(certificate)
    )
    assert sim.scheme == "https"
    client = sim.client()
    for _ in range(3):
        assert describe(client)["Status"] == "ACTIVE"
    assert sim.get("counters")["connections"] == 1
    fault(sim, "oversize", bytes=1_000_000)
    assert describe(client)["Status"] == "ACTIVE"
    fault(sim, "cut", rst=True)
    with pytest.raises(Exception, match="(?i)connection"):
        describe(client)
    assert b"HTTP/1.1 200" not in sim.exchange(wire(*signed())[:200])
    assert describe(client)["Status"] == "ACTIVE"


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--fixture", "/no/such/file"], "cannot read fixture /no/such/file: No such"),
        (["--fixture", PROGRAM], f"fixture {PROGRAM} is not JSON: "),
        (["--tls", "/no/cert", "/no/key"], "cannot read /no/cert"),
        (["--tls", DEMO, DEMO], f"cannot use {DEMO} with {DEMO}: "),
    ],
)
def test_bad_arguments_are_one_line(arguments, complaint):
    result = subprocess.run(
        [PROGRAM, "--port", "0", *arguments], capture_output=True, text=True, timeout=20
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"forecast-simulator: {complaint}")
    assert result.stderr.count("\n") == 1


def test_a_busy_port_is_one_line(sim):
    result = subprocess.run(
        [PROGRAM, "--port", str(sim.port)], capture_output=True, text=True, timeout=20
    )
    assert result.returncode == 1
    assert result.stderr == (
        f"forecast-simulator: cannot listen on 127.0.0.1 port {sim.port}: "
        "Address already in use\n"
    )


def test_a_bad_fixture_names_the_member(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"PredictorBacktestExportJobs":[{"Statuses":"ACTIVE"}]}')
    result = subprocess.run(
        [PROGRAM, "--port", "0", "--fixture", path], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == (
        f"forecast-simulator: fixture {path}: "
        "PredictorBacktestExportJob has no member Statuses\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly_with_clients_connected(start, number):
    sim = start("--latency-ms", "60000")
    assert sim.get("health")["status"] == "ok"
    with sim.connect() as waiting, sim.connect():
        waiting.sendall(wire(*signed()))
        eventually(lambda: sim.get("counters")["in_flight"] == 1)
        sim.process.send_signal(number)
        stdout, stderr = sim.process.communicate(timeout=10)
    assert (sim.process.returncode, stdout, stderr) == (0, "", "")


def test_many_clients_at_once(sim):
    client = sim.client(max_pool_connections=8)
    errors = []

    def work(worker):
        try:
            for number in range(10):
                arn = create(client, f"job_{worker}_{number}")
                assert describe(client, arn)["Status"] == "ACTIVE"
        except Exception as error:  # reported by the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sim.get("health")["resources"]["PredictorBacktestExportJobs"] == 85


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
