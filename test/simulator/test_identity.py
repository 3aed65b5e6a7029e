"""The sources of credentials, judged by the client that reads them: botocore.

Run with:  /usr/bin/python3 -m pytest -q test/simulator
"""

import http.client
import json
import os
import re
import signal
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import ContainerProvider, InstanceMetadataProvider
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    ReadTimeoutError,
)
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher

HERE = Path(__file__).resolve().parent
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/"
WEB_TOKEN = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImZvcmVjYXN0In0."
    "eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZS5jb20iLCJzdWIiOiJyZXBvcnRzIn0."
    "VGhpc0lzTm9TaWduYXR1cmVCdXROb2JvZHlMb29rcw"
)
POD_TOKEN = "ThePodsOwnToken.NobodyMaySeeIt.0123456789"
ROLES_PATH = "/latest/meta-data/iam/security-credentials/"


# --- running simulators and their clients -----------------------------------


class Simulator:
    """A simulator process on a free port."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen(
            [HERE / program, "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        match = re.search(r": listening on (http://127\.0\.0\.1:(\d+))\n", line)
        assert match, line + self.process.stderr.read()
        self.url, self.port = match.group(1), int(match.group(2))

    def stop(self):
        """Stop it as an init system would; its exit status and stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, stderr = self.process.communicate(timeout=10)
        return self.process.returncode, stderr

    def request(self, method, path, body=None, headers=None):
        """A bare request; (status, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer.status, content

    def control(self, method, name, value=None):
        """A control-plane call; (status, parsed answer)."""
        body = None if value is None else json.dumps(value)
        status, content = self.request(method, f"/_simulator/{name}", body)
        return status, json.loads(content)

    def post(self, name, value=None):
        """A control-plane order that succeeds."""
        status, content = self.control("POST", name, value)
        assert status == 200, content
        return content

    def log(self):
        """The log's entries."""
        return self.control("GET", "log")[1]

    def client(self, service="sts", credentials=None, region=REGION, **config):
        """A botocore client that speaks to this simulator."""
        credentials = credentials or {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 10, **config}
        return botocore.session.Session().create_client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
            config=Config(**settings),
        )


@pytest.fixture(scope="module", autouse=True)
def isolated(tmp_path_factory):
    """No profile, no metadata service, no proxy of whoever runs the tests."""
    nothing = tmp_path_factory.mktemp("aws") / "none"
    clean = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    clean = {k: v for k, v in clean.items() if not k.startswith("AWS_")}
    clean.update(
        AWS_CONFIG_FILE=str(nothing), AWS_SHARED_CREDENTIALS_FILE=str(nothing)
    )
    with mock.patch.dict(os.environ, clean, clear=True):
        yield


@pytest.fixture(scope="module")
def simulators():
    """A simulator of Forecast, and one of identities that registers there."""
    forecast = Simulator("forecast-simulator")
    identity = Simulator("identity-simulator", "--forecast", forecast.url)
    yield forecast, identity
    assert identity.stop() == (0, "")
    assert forecast.stop() == (0, "")


@pytest.fixture
def forecast(simulators):
    """The simulator of Forecast in its first state."""
    simulators[0].post("reset")
    return simulators[0]


@pytest.fixture
def sim(simulators, forecast):
    """The simulator of identities in its first state."""
    simulators[1].post("reset")
    return simulators[1]


def assume(sim, role, credentials=None, session="report", **parameters):
    """AssumeRole; the credentials it gives."""
    return sim.client(credentials=credentials).assume_role(
        RoleArn=ROLE + role, RoleSessionName=session, **parameters
    )["Credentials"]


def refusal(function, *arguments, **parameters):
    """(code, HTTP status) of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        function(*arguments, **parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def lists(forecast, credentials):
    """Whether Forecast accepts credentials."""
    client = forecast.client("forecast", credentials)
    return client.list_predictor_backtest_export_jobs()["PredictorBacktestExportJobs"]


# --- STS: AssumeRole ---------------------------------------------------------


def test_a_role_is_assumed_and_forecast_accepts_what_comes_of_it(sim, forecast):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    answer = sim.client().assume_role(
        RoleArn=ROLE + "analyst", RoleSessionName="report"
    )
    credentials = answer["Credentials"]
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", credentials["AccessKeyId"])
    assert len(credentials["SecretAccessKey"]) == 40
    assert len(credentials["SessionToken"]) > 300
    lasts = credentials["Expiration"] - before
    assert timedelta(hours=1) <= lasts <= timedelta(hours=1, seconds=20)
    assert answer["AssumedRoleUser"]["Arn"] == (
        "arn:aws:sts::123456789012:assumed-role/analyst/report"
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["ResponseMetadata"]["RequestId"])
    assert lists(forecast, credentials) == []
    keys = {"AccessKeyId", "SecretAccessKey", "SessionToken"}
    issued = {name: credentials[name] for name in keys}
    assert sim.control("GET", "issued") == (200, [{**issued, "Expired": False}])


def test_every_issue_is_another_but_ends_alike(sim):
    first, second = assume(sim, "analyst"), assume(sim, "analyst")
    other = assume(sim, "overnight")
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert first["AccessKeyId"][-4:] == second["AccessKeyId"][-4:]
    assert first["AccessKeyId"][-4:] != other["AccessKeyId"][-4:]
    assert first["SessionToken"] != second["SessionToken"]


def test_an_external_id_must_be_the_right_one(sim):
    assert refusal(assume, sim, "partner") == ("AccessDenied", 403)
    assert refusal(assume, sim, "partner", ExternalId="other") == ("AccessDenied", 403)
    assert assume(sim, "partner", ExternalId="forecast-2024")


def test_a_role_trusts_whom_it_says(sim):
    assert refusal(assume, sim, "second") == ("AccessDenied", 403)
    analyst = assume(sim, "analyst")
    assert assume(sim, "second", analyst)
    assert refusal(assume, sim, "second", assume(sim, "overnight")) == (
        "AccessDenied",
        403,
    )
    assert refusal(assume, sim, "nobody") == ("AccessDenied", 403)
    assert refusal(assume, sim, "web") == ("AccessDenied", 403)


def test_sessions_have_an_end(sim):
    seconds = {"DurationSeconds": 12 * 3600}
    assert assume(sim, "overnight", **seconds)
    assert refusal(assume, sim, "analyst", **seconds) == ("ValidationError", 400)
    analyst = assume(sim, "analyst")
    chained = ("overnight", analyst)
    assert refusal(assume, sim, *chained, **seconds) == ("ValidationError", 400)
    assert assume(sim, *chained, DurationSeconds=3600)


@pytest.mark.parametrize(
    "credentials, region, expected",
    [
        ({"AccessKeyId": "AKIANOBODY"}, REGION, "InvalidClientTokenId"),
        ({"SecretAccessKey": SECRET[::-1]}, REGION, "SignatureDoesNotMatch"),
        ({"SessionToken": "unexpected"}, REGION, "InvalidClientTokenId"),
        ({}, "us-west-2", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_signature_is_refused(sim, credentials, region, expected):
    good = {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}
    client = sim.client(credentials={**good, **credentials}, region=region)
    assert refusal(
        client.assume_role, RoleArn=ROLE + "analyst", RoleSessionName="report"
    ) == (expected, 403)


def test_the_token_of_issued_credentials_counts(sim):
    issued = assume(sim, "analyst")
    without = {**issued, "SessionToken": None}
    assert refusal(assume, sim, "second", without) == ("InvalidClientTokenId", 403)


def test_no_signature_at_all_is_refused(sim):
    client = sim.client(signature_version=UNSIGNED)
    assert refusal(
        client.assume_role, RoleArn=ROLE + "analyst", RoleSessionName="report"
    ) == ("MissingAuthenticationToken", 403)


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"RoleSessionName": "has spaces"}, "at 'roleSessionName' failed to satisfy"),
        ({"RoleSessionName": "n" * 65}, "length less than or equal to 64"),
        ({"RoleArn": "arn"}, "at 'roleArn' failed to satisfy"),
        ({"DurationSeconds": 60}, "greater than or equal to 900"),
        ({"DurationSeconds": 50000}, "less than or equal to 43200"),
        ({"ExternalId": "?!"}, "at 'externalId' failed to satisfy"),
    ],
)
def test_parameters_are_those_of_the_model(sim, parameters, words):
    client = sim.client(parameter_validation=False)
    good = {"RoleArn": ROLE + "analyst", "RoleSessionName": "report"}
    with pytest.raises(ClientError) as caught:
        client.assume_role(**{**good, **parameters})
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert words in error["Message"]


def test_lists_and_structures_are_read(sim):
    assert assume(
        sim,
        "analyst",
        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
        Tags=[{"Key": "team", "Value": "reports"}, {"Key": "env", "Value": ""}],
    )
    assert refusal(assume, sim, "analyst", Tags=[{"Key": "?" * 129, "Value": ""}]) == (
        "ValidationError",
        400,
    )


@pytest.mark.parametrize(
    "body, expected",
    [
        ("Action=GetNothing&Version=2011-06-15", (400, "InvalidAction")),
        ("Action=AssumeRole&Version=2010-05-08", (400, "InvalidAction")),
        ("", (400, "InvalidAction")),
        ("Action=AssumeRole&Version=2011-06-15", (403, "MissingAuthenticationToken")),
        (
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&Nonsense=1",
            (400, "ValidationError"),
        ),
    ],
)
def test_forms_that_say_something_else(sim, body, expected):
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    status, content = sim.request("POST", "/", body, headers)
    code = re.search("<Code>(.*)</Code>", content).group(1)
    assert (status, code) == expected


# --- STS: AssumeRoleWithWebIdentity -------------------------------------------


def web(sim, role="web", token=WEB_TOKEN):
    """AssumeRoleWithWebIdentity as somebody without any credentials."""
    return sim.client(signature_version=UNSIGNED).assume_role_with_web_identity(
        RoleArn=ROLE + role, RoleSessionName="report", WebIdentityToken=token
    )


def test_a_web_identity_needs_no_credentials(sim, forecast):
    answer = web(sim)
    assert answer["SubjectFromWebIdentityToken"] == "reports"
    assert lists(forecast, answer["Credentials"]) == []


def test_a_web_identity_needs_the_right_token_and_role(sim):
    assert refusal(web, sim, token="eyJ.eyJ.x") == ("InvalidIdentityToken", 400)
    assert refusal(web, sim, role="analyst") == ("AccessDenied", 403)


# --- the instance metadata service --------------------------------------------


def fetcher(sim, **settings):
    """botocore's reader of the metadata service."""
    return InstanceMetadataFetcher(
        config={"ec2_metadata_service_endpoint": sim.url}, **settings
    )


def as_answered(keys):
    """botocore's frozen credentials, under the names that STS has for them."""
    return {
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.token,
    }


def metadata_token(sim, ttl="21600"):
    """A session token."""
    headers = {"X-aws-ec2-metadata-token-ttl-seconds": ttl}
    return sim.request("PUT", "/latest/api/token", headers=headers)


def test_the_instance_has_a_role(sim, forecast):
    found = InstanceMetadataProvider(fetcher(sim)).load()
    assert found.method == "iam-role"
    keys = found.get_frozen_credentials()
    assert lists(forecast, as_answered(keys)) == []
    assert [entry["operation"] for entry in sim.log()] == [
        "PutToken",
        "GetRole",
        "GetRoleCredentials",
    ]


def test_only_version_2_is_served(sim):
    status, token = metadata_token(sim)
    assert status == 200
    for headers, expected in (
        ({}, 401),
        ({"X-aws-ec2-metadata-token": "other"}, 401),
        ({"X-aws-ec2-metadata-token": token}, 200),
    ):
        assert sim.request("GET", ROLES_PATH, headers=headers)[0] == expected


def test_a_session_token_needs_a_lifetime(sim):
    for ttl in ("", "0", "21601", "long"):
        assert metadata_token(sim, ttl)[0] == 400
    assert sim.request("PUT", "/latest/api/token")[0] == 400
    assert sim.request("GET", "/latest/api/token")[0] == 405
    forwarded = {
        "X-aws-ec2-metadata-token-ttl-seconds": "60",
        "X-Forwarded-For": "192.0.2.1",
    }
    assert sim.request("PUT", "/latest/api/token", headers=forwarded)[0] == 403


def test_other_pages_of_the_metadata(sim):
    headers = {"X-aws-ec2-metadata-token": metadata_token(sim)[1]}
    for path, expected in (
        ("/latest/meta-data/placement/region", (200, "eu-west-1")),
        ("/latest/meta-data/placement/availability-zone/", (200, "eu-west-1a")),
        (ROLES_PATH, (200, "instance")),
        (ROLES_PATH.rstrip("/"), (200, "instance")),
    ):
        assert sim.request("GET", path, headers=headers) == expected
    for path in (ROLES_PATH + "other", "/latest/user-data"):
        assert sim.request("GET", path, headers=headers)[0] == 404


def test_an_instance_without_a_role(sim):
    sim.post("fixture", {"InstanceRole": None})
    assert fetcher(sim).retrieve_iam_role_credentials() == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "error", "operation": "PutToken", "status": 403, "code": "Forbidden"},
        {"fault": "error", "operation": "GetRole", "status": 500, "code": "Oops"},
        {"fault": "respond", "operation": "GetRoleCredentials", "body": "<html>"},
        {"fault": "malformed", "operation": "GetRoleCredentials"},
        {"fault": "throttle", "operation": "GetRole"},
        {"fault": "stall", "operation": "GetRole"},
        {"fault": "patch", "operation": "GetRoleCredentials", "remove": ["Token"]},
    ],
)
def test_faults_of_the_metadata(sim, fault):
    sim.post("faults", fault)
    assert fetcher(sim, timeout=0.5).retrieve_iam_role_credentials() == {}
    assert fetcher(sim).retrieve_iam_role_credentials()["role_name"] == "instance"


def test_an_error_message_in_place_of_credentials(sim):
    patch = {"Code": "AssumeRoleUnauthorizedAccess", "Message": "no trust"}
    gone = ["AccessKeyId", "SecretAccessKey", "Token"]
    sim.post("faults", {"fault": "patch", "patch": patch, "remove": gone, "times": 0})
    assert fetcher(sim).retrieve_iam_role_credentials() == {}
    assert [entry["status"] for entry in sim.log()] == [200, 200, 200]


# --- containers ---------------------------------------------------------------


def container(sim, path, **environ):
    """What botocore finds at a full URI."""
    uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": sim.url + path}
    provider = ContainerProvider(
        {**uri, **environ}, ContainerMetadataFetcher(sleep=lambda _: None)
    )
    return provider.load().get_frozen_credentials()


def test_a_task_has_a_role(sim):
    assert container(sim, "/v2/credentials/task").access_key.startswith("ASIA")
    status, content = sim.request("GET", "/v2/credentials/task")
    assert json.loads(content)["RoleArn"] == ROLE + "task"
    with pytest.raises(CredentialRetrievalError, match="InvalidIdInRequest"):
        container(sim, "/v2/credentials/other")


def test_a_pod_has_to_say_who_it_is(sim):
    token = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": POD_TOKEN}
    assert container(sim, "/v1/credentials", **token).token
    for wrong in ({}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "other"}):
        with pytest.raises(CredentialRetrievalError, match="401"):
            container(sim, "/v1/credentials", **wrong)


def test_a_container_is_asked_again_after_an_error(sim):
    sim.post("faults", {"fault": "error", "status": 500, "code": "Oops", "times": 2})
    assert container(sim, "/v2/credentials/task").token
    assert [entry["status"] for entry in sim.log()] == [500, 500, 200]


# --- what all have in common ---------------------------------------------------


def test_how_long_things_last_can_be_set(sim, forecast):
    for seconds in (300, 720):
        sim.post("lifetime", {"seconds": seconds})
        now = datetime.now(timezone.utc)
        found = [
            assume(sim, "analyst")["Expiration"],
            datetime.fromisoformat(
                fetcher(sim).retrieve_iam_role_credentials()["expiry_time"][:-1]
                + "+00:00"
            ),
        ]
        # botocore itself stretches what the metadata service says.
        assert abs((found[0] - now).total_seconds() - seconds) < 20
        assert found[1] >= now + timedelta(seconds=seconds - 20)
        _, content = sim.request("GET", "/v2/credentials/task")
        end = datetime.fromisoformat(json.loads(content)["Expiration"][:-1] + "+00:00")
        assert abs((end - now).total_seconds() - seconds) < 20
    sim.post("lifetime", {"seconds": None})
    lasts = assume(sim, "analyst")["Expiration"] - datetime.now(timezone.utc)
    assert lasts > timedelta(minutes=50)


def test_what_has_expired_is_refused(sim, forecast):
    sim.post("lifetime", {"seconds": -1})
    expired = assume(sim, "analyst")
    assert refusal(assume, sim, "second", expired) == ("ExpiredToken", 403)
    assert refusal(lists, forecast, expired) == ("ExpiredTokenException", 400)


@pytest.mark.parametrize(
    "code, status",
    [
        ("AccessDenied", 403),
        ("ExpiredToken", 403),
        ("InvalidClientTokenId", 403),
        ("SignatureDoesNotMatch", 403),
        ("InternalFailure", 500),
        ("RegionDisabledException", 403),
    ],
)
def test_errors_of_sts_on_request(sim, code, status):
    message = "<&> because"
    fault = {"fault": "error", "code": code, "status": status, "message": message}
    sim.post("faults", fault)
    with pytest.raises(ClientError) as caught:
        assume(sim, "analyst")
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"] == message
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert assume(sim, "analyst")


def test_other_faults_of_sts(sim):
    sim.post("faults", {"fault": "throttle"})
    assert refusal(assume, sim, "analyst") == ("Throttling", 400)
    sim.post("faults", [{"fault": "malformed"}, {"fault": "respond", "body": "[]"}])
    for _ in range(2):
        with pytest.raises(Exception, match="(?i)xml|parse"):
            assume(sim, "analyst")
    sim.post("faults", {"fault": "patch", "remove": ["Credentials.SessionToken"]})
    assert "SessionToken" not in assume(sim, "analyst")
    sim.post("faults", {"fault": "stall"})
    with pytest.raises(ReadTimeoutError):
        sim.client(read_timeout=0.3).assume_role(
            RoleArn=ROLE + "analyst", RoleSessionName="report"
        )
    sim.post("faults", {"fault": "delay", "ms": 1, "operation": "AssumeRole"})
    assert assume(sim, "analyst")
    assert sim.control("GET", "faults") == (200, [])


def test_the_log_tells_who_asked_for_what(sim):
    assume(sim, "partner", session="weekly", ExternalId="forecast-2024")
    assert refusal(assume, sim, "nobody")
    container(sim, "/v2/credentials/task")
    first, second, third = sim.log()
    assert first["operation"] == "AssumeRole"
    assert first["input"] == {
        "RoleArn": ROLE + "partner",
        "RoleSessionName": "weekly",
        "ExternalId": "forecast-2024",
    }
    assert (second["status"], second["error"]) == (403, "AccessDenied")
    assert third["input"] == {"method": "GET", "path": "/v2/credentials/task"}
    counters = sim.control("GET", "counters")[1]
    assert counters["requests"] == 3
    assert counters["operations"] == {"AssumeRole": 2, "GetTaskCredentials": 1}
    sim.post("reset")
    assert sim.log() == []


def test_a_fixture_adds_to_the_account(sim):
    extra = {"AccessKeyId": "AKIAEXTRA", "SecretAccessKey": "its secret"}
    role = {"RoleArn": ROLE + "nightly", "ExternalId": "x1"}
    sim.post(
        "fixture",
        {"Credentials": [extra], "Roles": [role], "WebIdentityTokens": ["a.b.c"]},
    )
    assert assume(sim, "nightly", extra, ExternalId="x1")
    assert web(sim, token="a.b.c")
    sim.post("reset")
    assert refusal(assume, sim, "analyst", extra) == ("InvalidClientTokenId", 403)
    assert refusal(web, sim, token="a.b.c") == ("InvalidIdentityToken", 400)


@pytest.mark.parametrize(
    "name, value",
    [
        ("fixture", []),
        ("fixture", {"Role": []}),
        ("fixture", {"Roles": [{}]}),
        ("fixture", {"Roles": [{"RoleArn": "x", "Nonsense": 1}]}),
        ("fixture", {"Roles": [{"RoleArn": "x", "ExternalId": 1}]}),
        ("fixture", {"WebIdentityTokens": [1]}),
        ("fixture", {"InstanceRole": 1}),
        ("fixture", {"Credentials": [{}]}),
        ("lifetime", {}),
        ("lifetime", {"seconds": "1"}),
        ("lifetime", []),
        ("faults", {"fault": "nonsense"}),
    ],
)
def test_a_mistake_is_said(sim, name, value):
    status, content = sim.control("POST", name, value)
    assert status == 400
    assert content["error"]


def test_a_path_that_is_none(sim):
    assert sim.control("GET", "nonsense")[0] == 404
    assert sim.control("GET", "health") == (200, {"status": "ok"})


# --- botocore's whole chain ----------------------------------------------------


def test_a_session_finds_its_way_through_all_of_it(sim, forecast, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        f"""
[profile report]
role_arn = {ROLE}second
source_profile = middle
[profile middle]
role_arn = {ROLE}analyst
credential_source = Ec2InstanceMetadata
"""
    )
    environ = {
        "AWS_CONFIG_FILE": str(config),
        "AWS_PROFILE": "report",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": sim.url,
    }
    with mock.patch.dict(os.environ, environ):
        session = botocore.session.Session()
        session.set_config_variable("region", REGION)
        create = session.create_client

        def at_the_simulator(service, **settings):
            return create(service, **{"endpoint_url": sim.url, **settings})

        with mock.patch.object(session, "create_client", at_the_simulator):
            found = session.get_credentials()
            keys = found.get_frozen_credentials()
    assert found.method == "assume-role"
    assert lists(forecast, as_answered(keys)) == []
    assert [entry["operation"] for entry in sim.log()] == [
        "PutToken",
        "GetRole",
        "GetRoleCredentials",
        "AssumeRole",
        "AssumeRole",
    ]
