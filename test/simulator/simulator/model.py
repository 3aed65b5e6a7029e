"""The published service model of Amazon Forecast, put to work.

botocore ships the model; this module loads it, checks request bodies against
it and writes answers by it.  botocore's validator knows types, required and
unknown members and minima.  The service also enforces maxima, patterns and
enumerations, so those are added here, and every violation is worded the way
AWS words it.
"""

import json
import re

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from .errors import ApiError

#: Where the published model contradicts the service.  It types filter values and
#: roles as ARNs of Forecast, yet the service documents "ACTIVE" as a filter value
#: and takes the roles it assumes from IAM.
CORRECTED_SHAPES = {
    "FilterValue": {"type": "string", "max": 256},
    "RoleArn": {"type": "string", "max": 256, "pattern": "arn:.+:.+:.*:.*:.+"},
}
CORRECTED_MEMBERS = {
    ("Filter", "Value"): "FilterValue",
    ("S3Config", "RoleArn"): "RoleArn",
    ("EncryptionConfig", "RoleArn"): "RoleArn",
}

#: Java's Unicode classes, as they read inside a Python character class.
JAVA_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}

#: Made once: json.dumps would make one for every answer.
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

#: How the service names what it found where it wanted something else.
JSON_TYPE_NAMES = {
    str: "STRING_VALUE",
    bool: "TRUE_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    type(None): "NULL_VALUE",
}
MODEL_TYPE_NAMES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "a Timestamp",
    "list": "a List",
    "map": "a Map",
    "structure": "a Structure",
}


class Model:
    """Operations by X-Amz-Target, checked inputs, serialised outputs."""

    def __init__(self):
        loader = Loader(
            extra_search_paths=[Loader.BUILTIN_DATA_PATH],
            include_default_search_paths=False,
        )
        self._service = ServiceModel(
            corrected(loader.load_service_model("forecast", "service-2")), "forecast"
        )
        self.signing_name = self._service.signing_name
        self.content_type = (
            "application/x-amz-json-" + self._service.metadata["jsonVersion"]
        )
        prefix = self._service.metadata["targetPrefix"]
        self._operations = {
            f"{prefix}.{name}": self._service.operation_model(name)
            for name in self._service.operation_names
        }
        self._validator = ConstraintValidator()
        self._writers = {}
        self._message_members = {
            shape.name: next(iter(shape.members))
            for shape in self._service.error_shapes
        }

    def operation(self, target):
        """The operation an X-Amz-Target header names, or None."""
        return self._operations.get(target)

    def shape(self, name):
        """A shape of the model by its name."""
        return self._service.shape_for(name)

    def parse(self, operation, body):
        """A request body as checked parameters."""
        try:
            params = json.loads(body.decode("utf-8"), parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            raise ApiError("SerializationException") from None
        params = without_nulls(params)
        self._validator.check(params, operation.input_shape)
        return params

    def serialise(self, operation, result):
        """An operation's result as the bytes of an answer."""
        shape = operation.output_shape
        if shape is None:
            return b""
        writer = self._writers.get(shape.name)
        if writer is None:
            writer = self._writers[shape.name] = compile_writer(shape)
        return to_json(writer(result))

    def error_body(self, error):
        """An error answer's body.  A modelled exception names its own member."""
        body = {"__type": error.code}
        if error.message is not None:
            member = self._message_members.get(error.code, "message")
            body[member] = error.message
        return to_json(body)


def corrected(description):
    """The model's JSON with the corrections above applied."""
    shapes = description["shapes"]
    shapes.update(CORRECTED_SHAPES)
    for (structure, member), shape in CORRECTED_MEMBERS.items():
        shapes[structure]["members"][member]["shape"] = shape
    return description


def to_json(value):
    """Compact JSON in UTF-8, as the service writes it."""
    return ENCODER.encode(value).encode("utf-8", "surrogatepass")


def refuse_constant(name):
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(name)


def without_nulls(value):
    """The service reads a null member as an absent one."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value


# --- answers ---------------------------------------------------------------


def compile_writer(shape):
    """A function that turns a Python value into JSON values by its shape.

    Members the shape doesn't have, and members that are None, are left out.
    """
    return WRITER_COMPILERS.get(shape.type_name, lambda _: as_is)(shape)


def as_is(value):
    """Strings, numbers and booleans need no change."""
    return value


def to_milliseconds(value):
    """Timestamps are epoch seconds with a fraction of milliseconds."""
    return round(float(value), 3)


def compile_structure_writer(shape):
    """Write the members of the shape, in the order of the shape."""
    writers = [(name, compile_writer(member)) for name, member in shape.members.items()]

    def write(value):
        return {
            name: writer(value[name])
            for name, writer in writers
            if value.get(name) is not None
        }

    return write


def compile_list_writer(shape):
    """Write each element of a list."""
    writer = compile_writer(shape.member)
    return lambda value: [writer(element) for element in value]


def compile_map_writer(shape):
    """Write each value of a map."""
    writer = compile_writer(shape.value)
    return lambda value: {key: writer(element) for key, element in value.items()}


WRITER_COMPILERS = {
    "structure": compile_structure_writer,
    "list": compile_list_writer,
    "map": compile_map_writer,
    "timestamp": lambda shape: to_milliseconds,
}


# --- requests --------------------------------------------------------------


class Findings:
    """Collects what a validator reports, in the words of the service.

    Stands in for botocore's ValidationErrors.  `subject` is the value under
    inspection and its shape: botocore reports a length, AWS quotes the value.
    """

    def __init__(self):
        self.subject = None
        self.violations = []
        self.type_errors = []
        self.unknown = []

    def report(self, name, reason, **details):
        """Record one finding (the interface botocore's validator expects)."""
        REPORTERS[reason](self, name, details)

    def violation(self, name, constraint):
        """A value breaks a constraint of the model."""
        value, shape = self.subject
        sensitive = shape.metadata.get("sensitive")
        quoted = "" if sensitive else f" '{as_java(value)}'"
        self._add(f"Value{quoted}", name, constraint)

    def missing(self, name, details):
        """A required member is absent."""
        path = f"{name}.{details['required_name']}"
        self._add("Value null", path, "Member must not be null")

    def too_small(self, name, details):
        """A number is below the minimum."""
        self.violation(
            name,
            f"Member must have value greater than or equal to {details['min_allowed']}",
        )

    def too_short(self, name, details):
        """A string or list is shorter than the minimum."""
        self.violation(
            name,
            f"Member must have length greater than or equal to {details['min_allowed']}",
        )

    def wrong_type(self, name, details):
        """A JSON value of the wrong type can't be deserialised at all."""
        value, shape = self.subject
        if isinstance(value, dict):
            message = "Start of structure or map found where not expected."
        elif isinstance(value, list):
            message = "Start of list found where not expected"
        else:
            found = "FALSE_VALUE" if value is False else JSON_TYPE_NAMES[type(value)]
            wanted = MODEL_TYPE_NAMES[shape.type_name]
            message = f"{found} can not be converted to {wanted}"
        self.type_errors.append(message)

    def unknown_member(self, name, details):
        """A member the model doesn't have."""
        where = name.lstrip(".") or "input"
        self.unknown.append(
            f"Unknown parameter in {where}: \"{details['unknown_param']}\", "
            f"must be one of: {', '.join(details['valid_names'])}"
        )

    def _add(self, value, name, constraint):
        self.violations.append(
            f"{value} at '{service_path(name)}' failed to satisfy constraint: {constraint}"
        )


REPORTERS = {
    "missing required field": Findings.missing,
    "unknown field": Findings.unknown_member,
    "invalid type": Findings.wrong_type,
    "invalid range": Findings.too_small,
    "invalid length": Findings.too_short,
}


class ConstraintValidator(ParamValidator):
    """botocore's validator plus what it leaves out: max, pattern and enum."""

    def check(self, params, shape):
        """Raise the ApiError the service would answer, if it would."""
        findings = Findings()
        self._validate(params, shape, findings, name="")
        if findings.type_errors:
            raise ApiError("SerializationException", findings.type_errors[0])
        if findings.unknown:
            raise ApiError("ValidationException", findings.unknown[0])
        if findings.violations:
            count = len(findings.violations)
            noun = "error" if count == 1 else "errors"
            listed = "; ".join(findings.violations)
            raise ApiError(
                "ValidationException", f"{count} validation {noun} detected: {listed}"
            )

    def _validate(self, params, shape, errors, name):
        errors.subject = (params, shape)
        super()._validate(params, shape, errors, name)

    def _validate_string(self, param, shape, errors, name):
        super()._validate_string(param, shape, errors, name)
        if not isinstance(param, str):
            return
        limit_length(param, shape, errors, name)
        pattern = shape.metadata.get("pattern")
        if pattern and not java_pattern(pattern).fullmatch(param):
            errors.violation(
                name, f"Member must satisfy regular expression pattern: {pattern}"
            )
        enum = shape.metadata.get("enum")
        if enum and param not in enum:
            errors.violation(
                name, f"Member must satisfy enum value set: [{', '.join(enum)}]"
            )

    def _validate_list(self, param, shape, errors, name):
        if isinstance(param, list):
            limit_length(param, shape, errors, name)
        super()._validate_list(param, shape, errors, name)

    def _validate_map(self, param, shape, errors, name):
        if isinstance(param, dict):
            limit_length(param, shape, errors, name)
        super()._validate_map(param, shape, errors, name)

    def _validate_integer(self, param, shape, errors, name):
        # Python's True is an int; JSON's true is no number.
        if isinstance(param, bool):
            errors.report(name, "invalid type")
            return
        super()._validate_integer(param, shape, errors, name)
        maximum = shape.metadata.get("max")
        if isinstance(param, int) and maximum is not None and param > maximum:
            errors.violation(
                name, f"Member must have value less than or equal to {maximum}"
            )

    _validate_long = _validate_integer


def limit_length(value, shape, errors, name):
    """Report a value longer than its shape allows."""
    maximum = shape.metadata.get("max")
    if maximum is not None and len(value) > maximum:
        errors.violation(
            name, f"Member must have length less than or equal to {maximum}"
        )


COMPILED_PATTERNS = {}


def java_pattern(pattern):
    """A pattern of the model as Python reads it.

    The service matches the whole value, and its classes are ASCII unless the
    pattern asks for Unicode ones.
    """
    compiled = COMPILED_PATTERNS.get(pattern)
    if compiled is None:
        flags = 0 if r"\p{" in pattern else re.ASCII
        translated = pattern
        for java, python in JAVA_CLASSES.items():
            translated = translated.replace(java, python)
        compiled = COMPILED_PATTERNS[pattern] = re.compile(translated, flags)
    return compiled


def service_path(name):
    """botocore's `.Filters[0].Value` as the service's `filters.1.member.value`."""
    steps = []
    for step in name.lstrip(".").split("."):
        member, *indexes = re.split(r"\[(\d+)\]", step)
        steps.append(member[:1].lower() + member[1:])
        for index in filter(None, indexes):
            steps += [str(int(index) + 1), "member"]
    return ".".join(steps)


def as_java(value):
    """A value the way the service prints it in messages."""
    if isinstance(value, list):
        return "[" + ", ".join(as_java(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={as_java(v)}" for k, v in value.items()) + "}"
    return str(value)
