"""The simulator's clock, which can be told to be wrong.

Signatures are judged by it, and answers are dated by it.  The resources live by
the machine's own clock.
"""

import time
from email.utils import formatdate


class Clock:
    """The time of day, off by some seconds."""

    def __init__(self):
        #: Seconds by which this clock is ahead of the machine's.
        self.offset = 0
        self._second = None
        self._date = None

    def now(self):
        """Seconds since the epoch."""
        return time.time() + self.offset

    def date(self):
        """The present time as a Date header has it; made once a second."""
        second = int(self.now())
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True)
        return self._date
