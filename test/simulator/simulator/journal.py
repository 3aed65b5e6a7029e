"""The request log and the counters that tests read."""

import json
from collections import Counter, deque

#: The log keeps this many requests; the counters count them all.
CAPACITY = 200_000

#: Headers of a request that are shown in the log, by their names there.
HEADERS = {
    "user_agent": "user-agent",
    "amz_date": "x-amz-date",
    "invocation_id": "amz-sdk-invocation-id",
    "sdk_request": "amz-sdk-request",
}


class Entry:
    """One API request and what became of it."""

    __slots__ = (
        "n",
        "connection",
        "time",
        "operation",
        "body",
        "status",
        "error",
        "detail",
        "request_id",
        "bytes_in",
        "bytes_out",
        "fault",
        *HEADERS,
    )

    def read_headers(self, headers):
        """Note the headers that say who asks, and how often."""
        for name, header in HEADERS.items():
            setattr(self, name, headers.get(header))

    def describe(self):
        """The entry as the control plane shows it."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            parsed = self.body.decode("utf-8", "replace")
        shown = {name: getattr(self, name) for name in self.__slots__}
        del shown["body"]
        shown["input"] = parsed
        return shown


class Journal:
    """Counts and remembers API requests; the control plane's own never appear."""

    def __init__(self):
        self._in_flight = 0
        self._era = 0
        self.clear()

    def clear(self):
        """Forget the log and begin to count anew."""
        self._era += 1
        self._entries = deque(maxlen=CAPACITY)
        self._requests = 0
        self._connections = 0
        self._max_in_flight = self._in_flight
        self._operations = Counter()
        self._errors = Counter()
        self._faults = Counter()

    def open(self, connection, now, size):
        """A request has arrived: its log entry, to be filled in."""
        if connection.era != self._era:
            self._connections += 1
            connection.era, connection.number = self._era, self._connections
        self._requests += 1
        entry = Entry()
        entry.n = self._requests
        entry.connection = connection.number
        entry.time = now
        entry.operation = entry.status = entry.error = None
        entry.detail = entry.fault = None
        entry.bytes_in = size
        entry.bytes_out = 0
        self._entries.append(entry)
        self._in_flight += 1
        if self._in_flight > self._max_in_flight:
            self._max_in_flight = self._in_flight
        return entry

    def decided(self, entry, answer):
        """What the answer will be is known."""
        entry.status = answer.status
        entry.error = answer.error
        if entry.operation is not None:
            self._operations[entry.operation] += 1
        if entry.error is not None:
            self._errors[entry.error] += 1
        if entry.fault is not None:
            self._faults[entry.fault] += 1

    def close(self):
        """An answer is out, or its connection is gone."""
        self._in_flight -= 1

    def log(self):
        """All entries, oldest first."""
        return [entry.describe() for entry in self._entries]

    def counters(self):
        """The counters."""
        return {
            "requests": self._requests,
            "connections": self._connections,
            "in_flight": self._in_flight,
            "max_in_flight": self._max_in_flight,
            "operations": dict(self._operations),
            "errors": dict(self._errors),
            "faults": dict(self._faults),
        }
