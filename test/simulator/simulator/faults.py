"""Misbehaviour on request.

A fault changes the answer to the requests it matches, or the way the answer is
delivered, or both.  KINDS has one row for each kind: its options, what it makes
of the answer, and how it delivers the bytes.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Callable

from .errors import BadInput
from .model import to_json
from .server import Answer

FOREVER = "forever"
REQUIRED = object()
#: An oversized answer is sent in pieces of this many bytes.
PIECE = 64 * 1024


# --- what a fault makes of an answer ---------------------------------------
#
# Each function gets the options and a function that gives the proper answer.


def keep(options, proper):
    """The proper answer."""
    del options
    return proper()


ERROR_FORMS = {
    "plain": lambda code: ({"__type": code}, None),
    "prefixed": lambda code: ({"__type": f"com.amazonaws.forecast#{code}"}, None),
    "suffixed": lambda code: (
        {"__type": f"com.amazonaws.forecast#{code}:http://internal.amazonaws.com/"},
        None,
    ),
    "header": lambda code: ({}, {"X-Amzn-Errortype": code}),
    "code": lambda code: ({"code": code}, None),
}


def error(options, proper):
    """An AWS error answer in one of the forms AWS services use."""
    del proper
    body, headers = ERROR_FORMS[options["form"]](options["code"])
    if options["message"] is not None:
        body[options["message_key"]] = options["message"]
    headers = {**(headers or {}), **options["headers"]}
    return Answer(
        options["status"], to_json(body), None, headers, error=options["code"]
    )


def throttle(options, proper):
    """The service's ThrottlingException."""
    del proper
    code = "ThrottlingException"
    body = {"__type": code, "message": "Rate exceeded"}
    return Answer(400, to_json(body), None, options["headers"], error=code)


def respond(options, proper):
    """Exactly this answer."""
    del proper
    if options["body_base64"] is not None:
        body = base64.b64decode(options["body_base64"])
    else:
        body = options["body"].encode("utf-8", "surrogatepass")
    return Answer(options["status"], body, None, options["headers"])


def patch(options, proper):
    """The proper answer with some members replaced and some removed."""
    answer = proper()
    content = merge(json.loads(answer.body or b"{}"), options["patch"])
    for path in options["remove"]:
        remove(content, path.split("."))
    answer.body = to_json(content)
    return answer


def merge(content, changes):
    """Deep merge; inside a list, "0" is the first element."""
    if isinstance(changes, dict) and isinstance(content, dict):
        for key, value in changes.items():
            content[key] = merge(content.get(key), value)
        return content
    if isinstance(changes, dict) and isinstance(content, list):
        for key, value in changes.items():
            if key.isdigit() and int(key) < len(content):
                content[int(key)] = merge(content[int(key)], value)
        return content
    return changes


def remove(content, path):
    """Remove a member, if it is there."""
    *parents, last = path
    for step in parents:
        if isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        elif isinstance(content, dict):
            content = content.get(step)
    if isinstance(content, dict):
        content.pop(last, None)


def malformed(options, proper):
    """A complete HTTP answer around half the JSON."""
    del options
    answer = proper()
    answer.body = answer.body[: len(answer.body) // 2] or b"{"
    return answer


# --- how a fault delivers an answer ----------------------------------------
#
# Each function gets the connection, the answer's head and body, and the options.


def whole(connection, head, body, options):
    """All of it, at once."""
    del options
    connection.send(head + body)
    connection.finish()


def part(head, body, after_bytes):
    """The first bytes of an answer; see `after_bytes` in the documentation."""
    return head if after_bytes == "head" else (head + body)[:after_bytes]


def stall(connection, head, body, options):
    """Some of it, then silence on an open connection."""
    connection.send(part(head, body, options["after_bytes"]))


def cut(connection, head, body, options):
    """Some of it, then the end of the connection."""
    connection.send(part(head, body, options["after_bytes"]))
    connection.drop(reset=options["rst"])


def truncate(connection, head, body, options):
    """Half the body that Content-Length promises, then the end."""
    del options
    connection.send(head + body[: len(body) // 2])
    connection.drop()


def drip(connection, head, body, options):
    """All of it, a little at a time."""
    wire = head + body
    size = options["chunk_bytes"]

    def send(position):
        connection.send(wire[position : position + size])
        position += size
        if position < len(wire):
            connection.later(options["interval_ms"] / 1000, lambda: send(position))
        else:
            connection.finish()

    send(0)


def oversize(connection, head, body, options):
    """The answer with a first member of so many bytes, as fast as it is read.

    The head was made for the padded length, or for chunks (see oversize_length).
    """
    framed = as_chunk if options["chunked"] else bytes
    opening, closing = oversize_frame(body)
    filler = framed(b"x" * PIECE)
    connection.send(head + framed(opening))

    def send(left):
        if left > PIECE:
            connection.send(filler)
            connection.when_writable(lambda: send(left - PIECE))
            return
        connection.send(framed(b"x" * left) + framed(closing))
        if options["chunked"]:
            connection.send(b"0\r\n\r\n")
        connection.finish()

    send(options["bytes"])


def oversize_length(options, body):
    """The length with the padding, or None for chunks."""
    if options["chunked"]:
        return None
    return options["bytes"] + sum(map(len, oversize_frame(body)))


def oversize_frame(body):
    """What stands before and after the padding."""
    rest = body[1:] if body[1:] not in (b"", b"}") else b""
    return b'{"Padding":"', b'",' + rest if rest else b'"}'


def as_chunk(data):
    """Bytes as a chunk of the chunked transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


# --- the kinds -------------------------------------------------------------


def is_text(value):
    """A string."""
    return isinstance(value, str)


def is_flag(value):
    """true or false."""
    return isinstance(value, bool)


def is_count(value):
    """A whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_positive(value):
    """A whole number from 1."""
    return is_count(value) and value > 0


def is_duration(value):
    """A number from 0."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    )


def is_status(value):
    """An HTTP status of a final answer."""
    return is_count(value) and 200 <= value <= 599


def is_place(value):
    """A number of bytes, negative from the end, or "head"."""
    return value == "head" or (isinstance(value, int) and not isinstance(value, bool))


def is_base64(value):
    """Base64 text, or nothing."""
    if value is None:
        return True
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        return False
    return True


def is_headers(value):
    """Header values by name; null takes a default header away."""
    return isinstance(value, dict) and all(
        (text is None or isinstance(text, str)) and not set("\r\n") & set(f"{name}{text}")
        for name, text in value.items()
    )


def is_paths(value):
    """A list of member paths."""
    return isinstance(value, list) and all(isinstance(path, str) for path in value)


@dataclass(frozen=True)
class Kind:
    """A kind of fault."""

    answer: Callable = keep
    deliver: Callable = whole
    #: Option -> (what it accepts, the default).
    options: dict = field(default_factory=dict)
    #: The Content-Length to promise for a body; None for chunks.
    length: Callable = lambda options, body: len(body)
    #: Seconds by which the answer is held back.
    delay: Callable = lambda options: 0
    #: Whether the request's signature still counts.
    verified: bool = False


KINDS = {
    "error": Kind(
        answer=error,
        options={
            "status": (is_status, 400),
            "code": (is_text, REQUIRED),
            "message": (lambda v: v is None or is_text(v), None),
            "message_key": (lambda v: v in ("message", "Message"), "message"),
            "form": (lambda v: is_text(v) and v in ERROR_FORMS, "plain"),
            "headers": (is_headers, {}),
        },
    ),
    "throttle": Kind(answer=throttle, options={"headers": (is_headers, {})}),
    "respond": Kind(
        answer=respond,
        options={
            "status": (is_status, 200),
            "headers": (is_headers, {}),
            "body": (is_text, ""),
            "body_base64": (is_base64, None),
        },
    ),
    "patch": Kind(
        answer=patch,
        options={
            "patch": (lambda v: isinstance(v, dict), {}),
            "remove": (is_paths, []),
        },
    ),
    "malformed": Kind(answer=malformed),
    "oversize": Kind(
        deliver=oversize,
        length=oversize_length,
        options={"bytes": (is_count, REQUIRED), "chunked": (is_flag, False)},
    ),
    "delay": Kind(
        options={"ms": (is_duration, REQUIRED)},
        delay=lambda options: options["ms"] / 1000,
        verified=True,
    ),
    "stall": Kind(deliver=stall, options={"after_bytes": (is_place, 0)}),
    "drip": Kind(
        deliver=drip,
        options={"chunk_bytes": (is_positive, 1), "interval_ms": (is_duration, 10)},
    ),
    "cut": Kind(
        deliver=cut, options={"after_bytes": (is_place, 0), "rst": (is_flag, False)}
    ),
    "truncate": Kind(deliver=truncate),
}

#: Members every fault may have: (what they accept, the default).
COMMON = {
    "operation": (is_text, None),
    "match": (is_text, None),
    "times": (lambda v: v == FOREVER or is_count(v), 1),
}


@dataclass
class Fault:
    """A fault that waits for its requests."""

    name: str
    kind: Kind
    options: dict
    operation: str
    match: bytes
    remaining: Any  # None: for ever

    @classmethod
    def parse(cls, description):
        """A fault from its JSON."""
        if not isinstance(description, dict):
            raise BadInput("a fault is a JSON object")
        given = dict(description)
        name = given.pop("fault", None)
        if not is_text(name) or name not in KINDS:
            raise BadInput(f"\"fault\" must be one of: {', '.join(KINDS)}")
        kind = KINDS[name]
        common = read_options(name, given, COMMON)
        options = read_options(name, given, kind.options)
        if given:
            raise BadInput(f"a fault of kind {name} has no member {sorted(given)[0]}")
        times = common["times"]
        return cls(
            name,
            kind,
            options,
            operation=common["operation"],
            match=(common["match"] or "").encode(),
            remaining=None if times in (0, FOREVER) else times,
        )

    def matches(self, operation, body):
        """Whether a request is to get this fault."""
        return self.operation in (None, operation) and self.match in body

    def describe(self):
        """The fault as the control plane shows it."""
        return {
            "fault": self.name,
            "operation": self.operation,
            "match": self.match.decode() or None,
            "remaining": FOREVER if self.remaining is None else self.remaining,
            **self.options,
        }


def read_options(name, given, known):
    """Take the known options out of what was given, checked, with defaults."""
    values = {}
    for option, (accepts, default) in known.items():
        value = given.pop(option, default)
        if value is REQUIRED:
            raise BadInput(f'a fault of kind {name} needs "{option}"')
        if value is not default and not accepts(value):
            raise BadInput(f'a fault of kind {name} has a bad "{option}": {value!r}')
        values[option] = value
    return values


class Faults:
    """The queue of faults."""

    def __init__(self):
        self._queue = []

    def clear(self):
        """Behave from now on."""
        self._queue.clear()

    def add(self, descriptions):
        """Append one fault or a list of them; all or, if one is bad, none."""
        if not isinstance(descriptions, list):
            descriptions = [descriptions]
        self._queue += [Fault.parse(description) for description in descriptions]

    def take(self, operation, body):
        """The first fault that matches a request, used up by one; or None."""
        for position, fault in enumerate(self._queue):
            if fault.matches(operation, body):
                if fault.remaining is not None:
                    fault.remaining -= 1
                    if fault.remaining == 0:
                        del self._queue[position]
                return fault
        return None

    def describe(self):
        """The queue as the control plane shows it."""
        return [fault.describe() for fault in self._queue]
