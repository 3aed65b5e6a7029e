"""The two ways a request can fail: at the API, or at the control plane.

Both carry what the answer needs; turning them into bytes is the caller's job.
"""


class ApiError(Exception):
    """An AWS error answer: a code, a message and an HTTP status."""

    def __init__(self, code, message=None, status=400, detail=None):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        #: Help for whoever debugs a client.  Shown in the request log only.
        self.detail = detail


class BadInput(Exception):
    """A fixture, a fault or a control request that makes no sense."""
