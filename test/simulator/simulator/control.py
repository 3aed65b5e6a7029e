"""The control plane: plain JSON over HTTP under /_simulator/, unsigned.

ROUTES says what there is.  Nothing here is counted or logged as API traffic.
"""

import json

from .application import CONTROL_PREFIX
from .errors import BadInput
from .model import to_json
from .server import Answer

#: Far more of anything than makes sense, and still within the years of a Date.
MAX_NUMBER = 1_000_000_000


class Control:
    """Lets a test look inside and give orders."""

    def __init__(self, application, service, journal, faults, reset, load):
        self._application = application
        self._service = service
        self._journal = journal
        self._faults = faults
        self._reset = reset
        self._load = load

    def answer(self, request):
        """The answer to a request under /_simulator/."""
        name = request.target[len(CONTROL_PREFIX) :]
        methods = ROUTES.get(name)
        if methods is None:
            return reply(404, {"error": f"no such resource: {request.target}"})
        if request.method not in methods:
            allowed = ", ".join(methods)
            return reply(405, {"error": f"{request.method} is not one of: {allowed}"})
        try:
            return reply(200, methods[request.method](self, request.body))
        except BadInput as error:
            return reply(400, {"error": str(error)})

    def health(self, _):
        """Up, and with so many resources."""
        counts = {
            name: len(collection)
            for name, collection in self._service.collections.items()
        }
        return {"status": "ok", "resources": counts}

    def reset(self, _):
        """Everything as it was at the start."""
        self._reset()
        return {}

    def show_log(self, _):
        """The request log."""
        return self._journal.log()

    def clear_log(self, _):
        """Empty the log and zero the counters."""
        self._journal.clear()
        return {}

    def show_counters(self, _):
        """The counters."""
        return self._journal.counters()

    def add_fixture(self, body):
        """Add or replace resources and credentials."""
        self._load(parse(body))
        return {}

    def show_faults(self, _):
        """The faults that wait."""
        return self._faults.describe()

    def add_faults(self, body):
        """Append faults."""
        self._faults.add(parse(body))
        return self._faults.describe()

    def clear_faults(self, _):
        """Drop all faults."""
        self._faults.clear()
        return {}

    def set_latency(self, body):
        """Hold every answer back from now on."""
        milliseconds = number(parse_members(body, "ms"), "ms", lowest=0)
        self._application.latency = milliseconds / 1000
        return {"ms": milliseconds}

    def set_rate(self, body):
        """Allow so many requests a second from now on."""
        value = parse_members(body, "per_second", "burst")
        per_second = number(value, "per_second", lowest=0, default=0)
        burst = number(value, "burst", lowest=1, default=max(per_second, 1))
        self._application.rate_limit.set(per_second, burst)
        return self._application.rate_limit.describe()

    def set_storm(self, body):
        """Hit a share of the requests from now on."""
        value = parse_members(body, "share", "seed", "kinds")
        share = number(value, "share", lowest=0, highest=1)
        seed = number(value, "seed", default=0)
        self._application.storm.start(share, seed, value.get("kinds"))
        return self._application.storm.describe()

    def set_clock(self, body):
        """Put the clock fast (or, below zero, slow)."""
        offset = number(parse_members(body, "offset_seconds"), "offset_seconds")
        self._application.clock.offset = offset
        return {"offset_seconds": offset}


ROUTES = {
    "health": {"GET": Control.health},
    "reset": {"POST": Control.reset},
    "log": {"GET": Control.show_log, "DELETE": Control.clear_log},
    "counters": {"GET": Control.show_counters},
    "fixture": {"POST": Control.add_fixture},
    "faults": {
        "GET": Control.show_faults,
        "POST": Control.add_faults,
        "DELETE": Control.clear_faults,
    },
    "latency": {"POST": Control.set_latency},
    "rate": {"POST": Control.set_rate},
    "storm": {"POST": Control.set_storm},
    "clock": {"POST": Control.set_clock},
}


def parse(body):
    """A body as JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("the body is not JSON") from None


def parse_members(body, *known):
    """A body as a JSON object with none but the known members."""
    value = parse(body)
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise BadInput(f"the body is an object of: {', '.join(known)}")
    return value


def number(value, name, lowest=-MAX_NUMBER, highest=MAX_NUMBER, default=None):
    """A member that is a number within bounds; it may be missing if it has a default."""
    given = value.get(name)
    if given is None and default is not None:
        return default
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not is_number or not lowest <= given <= highest:
        raise BadInput(f'"{name}" is a number from {lowest} to {highest}')
    return given


def reply(status, value):
    """A JSON answer."""
    return Answer(status, to_json(value) + b"\n", "application/json")
