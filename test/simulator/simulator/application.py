"""One API request from arrival to answer, and its entry in the log."""

import sys
import time
import traceback
import uuid

from .errors import ApiError
from .server import Answer, encode_head
from .weather import RateLimit, Storm

CONTROL_PREFIX = "/_simulator/"
MAX_API_BODY_BYTES = 1024 * 1024
MAX_CONTROL_BODY_BYTES = 512 * 1024 * 1024


class Application:
    """What the server's connections talk to."""

    def __init__(self, model, verifier, service, journal, faults, clock):
        self._model = model
        self._verifier = verifier
        self._service = service
        self._journal = journal
        self._faults = faults
        #: The time by which signatures are judged and answers dated.
        self.clock = clock
        #: What happens to requests that no fault waits for.
        self.rate_limit = RateLimit()
        self.storm = Storm()
        #: Answers requests under CONTROL_PREFIX; set once it exists.
        self.control = None
        #: Seconds every API answer is held back.
        self.latency = 0
        #: The open connections.
        self.connections = set()

    def max_body_bytes(self, request):
        """The largest body accepted; fixtures may be large."""
        if request.target.startswith(CONTROL_PREFIX):
            return MAX_CONTROL_BODY_BYTES
        return MAX_API_BODY_BYTES

    def handle(self, connection, request):
        """Answer a request, now or later."""
        if request.target.startswith(CONTROL_PREFIX):
            answer = self.control.answer(request)
            head = self._head(answer, len(answer.body), None, request.keep_alive)
            connection.send(head + answer.body)
            connection.finish()
            return
        entry = self._journal.open(connection, time.time(), request.size)
        connection.entry = entry
        entry.request_id = str(uuid.uuid4())
        entry.body = request.body
        entry.read_headers(request.headers)
        operation = self._model.operation(request.headers.get("x-amz-target"))
        if operation is not None:
            entry.operation = operation.name
        fault = self._faults.take(entry.operation, request.body) or self.storm.take(
            entry.operation, request.body
        )
        if fault is None:
            self._answer(connection, request, operation)
        else:
            self._answer_faulty(connection, request, operation, fault)

    def finished(self, connection):
        """The answer is out, or there is nobody left to answer."""
        if connection.entry is not None:
            connection.entry = None
            self._journal.close()

    def _answer(self, connection, request, operation):
        """The proper answer, at once or after the latency."""
        entry = connection.entry
        answer = self._proper(request, operation, entry, verified=True)
        self._journal.decided(entry, answer)
        head = self._head(
            answer, len(answer.body), entry.request_id, request.keep_alive
        )

        def deliver():
            connection.send(head + answer.body)
            connection.finish()

        if self.latency:
            connection.later(self.latency, deliver)
        else:
            deliver()

    def _answer_faulty(self, connection, request, operation, fault):
        """The answer a fault makes, delivered as the fault delivers."""
        entry = connection.entry
        entry.fault = fault.name
        answer = fault.kind.answer(
            fault.options,
            lambda: self._proper(
                request, operation, entry, verified=fault.kind.verified
            ),
        )
        if answer.content_type is None:
            answer.content_type = self._model.content_type
        self._journal.decided(entry, answer)
        length = fault.kind.length(fault.options, answer.body)
        if length is None:
            answer.headers = {**(answer.headers or {}), "Transfer-Encoding": "chunked"}
        keep_alive = request.keep_alive and not lacks_length(answer)
        if not keep_alive:
            connection.close_after_answer()
        head = self._head(answer, length, entry.request_id, keep_alive)

        def deliver():
            fault.kind.deliver(connection, head, answer.body, fault.options)

        delay = self.latency + fault.kind.delay(fault.options)
        if delay:
            connection.later(delay, deliver)
        else:
            deliver()

    def _head(self, answer, length, request_id, keep_alive):
        """The head of an answer, dated by the simulator's clock."""
        return encode_head(answer, length, self.clock.date(), request_id, keep_alive)

    def _proper(self, request, operation, entry, verified):
        """What Amazon Forecast answers."""
        try:
            body = self._carry_out(request, operation, verified)
            return Answer(200, body, self._model.content_type)
        except ApiError as error:
            failure = error
        except Exception:
            # A bug in the simulator is not to look like the client's mistake.
            traceback.print_exc(file=sys.stderr)
            failure = ApiError("InternalFailure", "The simulator failed.", status=500)
        entry.detail = failure.detail
        return Answer(
            failure.status,
            self._model.error_body(failure),
            self._model.content_type,
            error=failure.code,
        )

    def _carry_out(self, request, operation, verified):
        """The body of a successful answer, or an ApiError."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        path = request.target.partition("?")[0]
        if (request.method, path) != ("POST", "/") or (
            media_type.lower() != self._model.content_type
        ):
            raise ApiError("UnknownOperationException", status=404)
        if operation is None:
            raise ApiError("UnknownOperationException")
        if verified:
            self._verifier.verify(request)
        self.rate_limit.take()
        params = self._model.parse(operation, request.body)
        result = self._service.call(operation.name, params)
        return self._model.serialise(operation, result)


def lacks_length(answer):
    """An answer without Content-Length ends with its connection."""
    return any(
        name.lower() == "content-length" and value is None
        for name, value in (answer.headers or {}).items()
    )
