"""What happens to requests unasked: a limit of their rate, and storms.

Faults (see faults) are laid out for the requests a test is going to make.  These
two are for many requests: the limit refuses what comes too fast, as the service
does, and a storm hits each request with a certain probability.
"""

import random
import time

from .errors import ApiError, BadInput
from .faults import Fault, is_text

#: The faults a storm brings when it isn't told, by their names.
STORM_KINDS = {
    "throttle": {"fault": "throttle"},
    "500": {"fault": "error", "status": 500, "code": "InternalFailure"},
    "503": {"fault": "error", "status": 503, "code": "ServiceUnavailable"},
    "429": {"fault": "respond", "status": 429},
    "cut": {"fault": "cut"},
    "cut_after_head": {"fault": "cut", "after_bytes": "head"},
    "truncate": {"fault": "truncate"},
    "stall": {"fault": "stall"},
}


class RateLimit:
    """A token bucket that all requests share."""

    def __init__(self):
        self.set(None)

    def set(self, per_second, burst=None):
        """Allow so many a second, and so many at once; 0 or None for no limit."""
        self.per_second = per_second or None
        self.burst = burst or max(per_second or 0, 1)
        self._tokens = self.burst
        self._filled = time.monotonic()

    def take(self):
        """Return if one more request is allowed, else raise the refusal."""
        if self.per_second is None:
            return
        now = time.monotonic()
        gain = (now - self._filled) * self.per_second
        self._tokens = min(self.burst, self._tokens + gain)
        self._filled = now
        if self._tokens < 1:
            raise ApiError("ThrottlingException", "Rate exceeded")
        self._tokens -= 1

    def describe(self):
        """The limit as the control plane shows it."""
        return {"per_second": self.per_second, "burst": self.burst}


class Storm:
    """Hits requests at random, but the same ones again for the same seed."""

    def __init__(self):
        self.stop()

    def stop(self):
        """Clear sky."""
        self._begin(0, None, [])

    def start(self, share, seed, kinds):
        """Hit this share of the requests, each with one of these kinds.

        A kind is a name of STORM_KINDS or a fault as the control plane takes it;
        None stands for all that have a name.
        """
        chosen = list(STORM_KINDS) if kinds is None else kinds
        if not isinstance(chosen, list) or not chosen:
            raise BadInput('"kinds" is a list of names or faults')
        self._begin(share, seed, [storm_fault(kind) for kind in chosen])

    def _begin(self, share, seed, faults):
        self.share = share
        self.seed = seed
        self._faults = faults
        self._random = random.Random(seed)

    def take(self, operation, body):
        """The fault for the next request, or None."""
        if not self.share:
            return None
        # Two draws for every request: its fate depends on its number alone.
        luck, fault = self._random.random(), self._random.choice(self._faults)
        return fault if luck < self.share and fault.matches(operation, body) else None

    def describe(self):
        """The storm as the control plane shows it."""
        kinds = [fault.describe() for fault in self._faults]
        return {"share": self.share, "seed": self.seed, "kinds": kinds}


def storm_fault(kind):
    """The fault of a name or of a description; it lasts as long as the storm."""
    if is_text(kind):
        if kind not in STORM_KINDS:
            raise BadInput(f"a kind of storm is a fault or one of: {', '.join(STORM_KINDS)}")
        kind = STORM_KINDS[kind]
    return Fault.parse({**kind, "times": 0} if isinstance(kind, dict) else kind)
