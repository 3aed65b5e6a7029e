"""One request for credentials, from arrival to answer, and its entry in the log."""

import dataclasses
import json
import sys
import time
import traceback
import uuid

from simulator.application import CONTROL_PREFIX, Application
from simulator.errors import ApiError
from simulator.faults import patch
from simulator.model import to_json
from simulator.server import Answer

from . import container, metadata


class Services:
    """The three services, each with the paths that are its."""

    #: Of an answer that doesn't say what it is: those of some faults.
    content_type = "text/plain"

    def __init__(self, sts, metadata_service, container_agents):
        self._sts = sts
        self._by_prefix = {
            metadata.PREFIX: metadata_service,
            container.TASK_PREFIX: container_agents,
            container.POD_PATH: container_agents,
        }

    def call(self, request):
        """The call that a request makes."""
        for prefix, service in self._by_prefix.items():
            if request.target.startswith(prefix):
                return service.call(request)
        return self._sts.call(request)


class IdentityApplication(Application):
    """What the server's connections talk to.

    Answers are delivered as the simulator of Forecast delivers them; what differs
    is what a request is, and how each service writes answers and errors.
    """

    def __init__(self, services, journal, faults, clock):
        super().__init__(services, None, None, journal, faults, clock)

    def handle(self, connection, request):
        """Answer a request, now or later."""
        if request.target.startswith(CONTROL_PREFIX):
            super().handle(connection, request)
            return
        entry = self._journal.open(connection, time.time(), request.size)
        connection.entry = entry
        entry.request_id = str(uuid.uuid4())
        call = self._model.call(request)
        entry.operation = call.operation
        entry.body = to_json(call.input)
        entry.read_headers(request.headers)
        fault = self._faults.take(call.operation, request.body)
        if fault is None:
            self._answer(connection, request, call)
        else:
            self._answer_faulty(
                connection, request, call, in_words_of(call, fault, entry)
            )

    def _proper(self, request, operation, entry, verified):
        """What the service answers; `operation` is the Call."""
        try:
            return operation.render(operation.result(verified), entry.request_id)
        except ApiError as error:
            failure = error
        except Exception:
            # A bug in the simulator is not to look like the client's mistake.
            traceback.print_exc(file=sys.stderr)
            failure = ApiError("InternalFailure", "The simulator failed.", status=500)
        entry.detail = failure.detail
        return operation.refuse(failure, entry.request_id)


def in_words_of(call, fault, entry):
    """A fault that speaks as the service does: not all of them speak JSON."""

    def error(options, proper):
        del proper
        refusal = ApiError(options["code"], options["message"], options["status"])
        return call.refuse(refusal, entry.request_id)

    def throttle(options, proper):
        del options, proper
        return call.refuse(call.throttled, entry.request_id)

    def patched(options, proper):
        try:
            content = call.result(False)
        except ApiError:
            return proper()
        if isinstance(content, Answer):
            return content
        result = patch(options, lambda: Answer(200, to_json(content), None))
        return call.render(json.loads(result.body), entry.request_id)

    words = {"error": error, "throttle": throttle, "patch": patched}
    answer = words.get(fault.name, fault.kind.answer)
    kind = dataclasses.replace(fault.kind, answer=answer)
    return dataclasses.replace(fault, kind=kind)
