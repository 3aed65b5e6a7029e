"""Makes botocore's signer believe in another time, in old and new versions of it."""

from unittest import mock

import botocore.auth


def stopped_at(now):
    """A context in which botocore signs as of now, a datetime without a zone."""
    if hasattr(botocore.auth, "get_current_datetime"):
        return mock.patch.object(botocore.auth, "get_current_datetime", return_value=now)
    clock = mock.Mock()
    clock.datetime.utcnow.return_value = now
    return mock.patch.object(botocore.auth, "datetime", clock)
