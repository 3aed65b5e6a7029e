"""The control plane: that of the simulator of Forecast, and what was issued."""

from simulator.application import CONTROL_PREFIX
from simulator.control import Control, parse, reply
from simulator.errors import BadInput

#: What of the other control plane makes sense here.
INHERITED = ("reset", "log", "counters", "fixture", "faults", "latency", "clock")


class IdentityControl(Control):
    """Lets a test look inside and give orders."""

    def __init__(self, application, issuer, journal, faults, reset, load):
        super().__init__(application, None, journal, faults, reset, load)
        self._issuer = issuer

    def answer(self, request):
        """The answer to a request under /_simulator/."""
        name = request.target[len(CONTROL_PREFIX) :]
        if name == "health" and request.method == "GET":
            return reply(200, {"status": "ok"})
        if name == "lifetime" and request.method == "POST":
            return self._set_lifetime(request.body)
        if name == "issued" and request.method == "GET":
            return reply(200, self._issuer.show())
        if name in INHERITED:
            return super().answer(request)
        return reply(404, {"error": f"no such resource: {request.target}"})

    def _set_lifetime(self, body):
        """What is issued from now on lasts so many seconds."""
        try:
            value = parse(body)
            seconds = value.get("seconds", "") if isinstance(value, dict) else ""
            if seconds is not None and type(seconds) is not int:
                raise BadInput('lifetime is {"seconds": <a whole number or null>}')
        except BadInput as error:
            return reply(400, {"error": str(error)})
        self._issuer.lifetime = seconds
        return reply(200, {"seconds": seconds})
