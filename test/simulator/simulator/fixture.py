"""Resources and credentials from a JSON file, or made by a formula.

    {"PredictorBacktestExportJobs": [{members as Describe answers them}, ...],
     "Credentials": [{"AccessKeyId": "...", "SecretAccessKey": "...",
                      "SessionToken": "...", "Expired": false}, ...],
     "Generate": {"PredictorBacktestExportJobs":
                  {"count": 100000, "predictors": 50, "statuses": ["ACTIVE"]}}}
"""

import json
from datetime import datetime, timezone

from .auth import Identity
from .errors import BadInput
from .resources import RESOURCES
from .store import Fixed

#: Members of an entry under "Credentials", their types, and what they are called
#: in an Identity.
CREDENTIAL_MEMBERS = {
    "AccessKeyId": (str, "access_key_id"),
    "SecretAccessKey": (str, "secret_access_key"),
    "SessionToken": (str, "session_token"),
    "Expired": (bool, "expired"),
}


class GeneratedJobs:
    """Export jobs job_1 ... job_<count>, every member a function of the number.

    Job n belongs to predictor_<(n - 1) mod predictors + 1>; the statuses take
    turns within each predictor.
    """

    FIRST_CREATION = datetime(2024, 1, 1, tzinfo=timezone.utc).timestamp()
    SECONDS_APART = 60
    RUN_SECONDS = 754.321
    FORMATS = ("CSV", "PARQUET")
    #: One job in so many has its own KMS key.
    KMS_EVERY = 3

    def __init__(self, service, resource, count=0, predictors=1, statuses=("ACTIVE",)):
        self.count = count
        self._prefix = service.arn(resource.arn_kind, "job_")
        self._predictors = predictors
        self._predictor_prefix = service.arn("predictor", "predictor_")
        self._statuses = statuses
        self._role = f"arn:aws:iam::{service.account}:role/ForecastExport"
        self._kms_key = (
            f"arn:aws:kms:{service.region}:{service.account}:"
            "key/11111111-2222-3333-4444-555555555555"
        )

    def index_of(self, arn):
        """The number of the job with this ARN, counted from 0; None if none has."""
        digits = arn.removeprefix(self._prefix)
        if digits == arn or not digits.isascii() or not digits.isdigit():
            return None
        number = int(digits)
        canonical = str(number) == digits
        return number - 1 if canonical and 1 <= number <= self.count else None

    def outline(self, index):
        """The members that filters look at; cheap, so that a million can be sifted."""
        round_, predictor = divmod(index, self._predictors)
        return {
            "PredictorArn": f"{self._predictor_prefix}{predictor + 1}",
            "Status": self._statuses[round_ % len(self._statuses)],
        }

    def view(self, index):
        """The members of a job."""
        number = index + 1
        destination = {
            "Path": f"s3://forecast-exports/job_{number}",
            "RoleArn": self._role,
        }
        if index % self.KMS_EVERY == 0:
            destination["KMSKeyArn"] = self._kms_key
        created = (
            self.FIRST_CREATION + index * self.SECONDS_APART + (index % 1000) / 1000
        )
        members = {
            "PredictorBacktestExportJobArn": f"{self._prefix}{number}",
            "PredictorBacktestExportJobName": f"job_{number}",
            "Destination": {"S3Config": destination},
            "CreationTime": created,
            "LastModificationTime": created + self.RUN_SECONDS,
            "Format": self.FORMATS[index % len(self.FORMATS)],
            **self.outline(index),
        }
        if members["Status"].endswith("_FAILED"):
            members["Message"] = f"Amazon Forecast could not write job_{number}."
        return members


#: The formula for each resource that can be generated, by the resource's plural.
GENERATORS = {"PredictorBacktestExportJobs": GeneratedJobs}


def load_file(path):
    """The JSON of a fixture file."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise BadInput(f"cannot read fixture {path}: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"fixture {path} is not JSON: {error}") from None


def apply(fixture, model, service, verifier):
    """Add a fixture's content to what is there; all of it or, if bad, nothing."""
    if not isinstance(fixture, dict):
        raise BadInput("a fixture is a JSON object")
    by_plural = {resource.plural: resource for resource in RESOURCES}
    unknown = set(fixture) - set(by_plural) - {"Credentials", "Generate"}
    if unknown:
        raise BadInput(f"a fixture has no member {sorted(unknown)[0]}")
    identities = [
        to_identity(entry) for entry in entries(fixture, "Credentials", list)
    ]
    resources = [
        (plural, to_resource(entry, model, resource))
        for plural, resource in by_plural.items()
        for entry in entries(fixture, plural, list)
    ]
    blocks = [
        (plural, to_block(plural, options, service, by_plural))
        for plural, options in entries(fixture, "Generate", dict).items()
    ]
    for identity in identities:
        verifier.add(identity)
    for plural, resource in resources:
        service.collections[plural].put(resource)
    for plural, block in blocks:
        service.collections[plural].put_block(block)


def entries(fixture, member, kind):
    """A member of the fixture, which is a list or an object."""
    found = fixture.get(member, kind())
    if not isinstance(found, kind):
        raise BadInput(f"{member} is not {'a list' if kind is list else 'an object'}")
    return found


def to_identity(entry):
    """An entry under "Credentials" as an Identity."""
    if not isinstance(entry, dict) or not {"AccessKeyId", "SecretAccessKey"} <= set(
        entry
    ):
        raise BadInput("Credentials need AccessKeyId and SecretAccessKey")
    values = {}
    for member, value in entry.items():
        if member not in CREDENTIAL_MEMBERS:
            raise BadInput(f"Credentials have no member {member}")
        kind, attribute = CREDENTIAL_MEMBERS[member]
        if not isinstance(value, kind):
            raise BadInput(f"{member} in Credentials is not a {kind.__name__}")
        values[attribute] = value
    return Identity(**values)


def to_resource(entry, model, resource):
    """An entry as a resource that never changes."""
    shape = model.shape(f"Describe{resource.noun}Response")
    members = to_members(entry, shape, resource.noun)
    if not members.get(resource.arn_member):
        raise BadInput(f"a {resource.noun} needs {resource.arn_member}")
    return Fixed(members)


def to_members(value, shape, where):
    """Check names and JSON types against a shape; ISO timestamps become numbers."""
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            raise BadInput(f"{where} is not an object")
        unknown = set(value) - set(shape.members)
        if unknown:
            raise BadInput(f"{where} has no member {sorted(unknown)[0]}")
        return {
            name: to_members(member, shape.members[name], f"{where}.{name}")
            for name, member in value.items()
            if member is not None
        }
    if shape.type_name == "timestamp":
        return to_epoch(value, where)
    if shape.type_name == "string" and not isinstance(value, str):
        raise BadInput(f"{where} is not a string")
    return value


def to_epoch(value, where):
    """A number of seconds, or ISO 8601 (UTC unless it says otherwise), as seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInput(f"{where} is no timestamp: {value}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


def to_block(plural, options, service, by_plural):
    """An entry under "Generate" as a block of resources."""
    if plural not in GENERATORS:
        raise BadInput(f"{plural} cannot be generated")
    checks = {
        "count": lambda v: type(v) is int and v >= 0,
        "predictors": lambda v: type(v) is int and v >= 1,
        "statuses": lambda v: (
            isinstance(v, list) and v and all(isinstance(s, str) for s in v)
        ),
    }
    if not isinstance(options, dict):
        raise BadInput(f"Generate.{plural} is not an object")
    for name, value in options.items():
        if name not in checks or not checks[name](value):
            raise BadInput(f"Generate.{plural} has a bad {name}")
    return GENERATORS[plural](service, by_plural[plural], **options)
