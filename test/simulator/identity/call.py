"""What a request asks of one of the services."""

from dataclasses import dataclass
from typing import Any, Callable

from simulator.errors import ApiError


@dataclass(frozen=True)
class Call:
    """A call that has not been carried out yet."""

    #: Its name in the log and in faults.
    operation: str
    #: What the log shows as its input.
    input: dict
    #: Called with whether signatures and tokens count: the result, or an ApiError.
    result: Callable[[bool], Any]
    #: A result and a request id as an Answer.
    render: Callable
    #: An ApiError and a request id as an Answer.
    refuse: Callable
    #: How the service says that there were too many requests.
    throttled: ApiError
