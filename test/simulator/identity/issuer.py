"""Temporary credentials: made up, remembered, and made known to Forecast.

Every issue has another access key id, as AWS's have.  Its last four characters
depend on the role alone, so that one who sees no more of it can tell the role.
"""

import base64
import hashlib
import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from simulator.auth import Identity

#: Seconds to wait for the simulator of Forecast.
REGISTRATION_TIMEOUT = 10


@dataclass(frozen=True)
class Issued:
    """Temporary credentials; `principal` is the role's ARN."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    issued: int
    expiration: int
    principal: str

    @property
    def expired(self):
        """Whether the end has come."""
        return self.expiration <= time.time()

    @property
    def expiration_text(self):
        """The end as AWS writes it."""
        return timestamp(self.expiration)


class Issuer:
    """Issues credentials to roles."""

    def __init__(self, verifier, forecast_url=None):
        self._verifier = verifier
        self._forecast = urlsplit(forecast_url) if forecast_url else None
        self._serial = 0
        self.clear()

    def clear(self):
        """Forget what was issued.  Serial numbers go on: no key comes twice."""
        self._issued = {}
        #: Seconds that everything issued lasts; None: what was asked for.
        self.lifetime = None

    def issue(self, role_arn, seconds):
        """New credentials for a role that last so long, unless told otherwise."""
        self._serial += 1
        seed = f"{role_arn} {self._serial}"
        now = int(time.time())
        lifetime = seconds if self.lifetime is None else self.lifetime
        issued = Issued(
            "ASIA" + letters(seed, 12) + letters(role_arn, 4),
            base64.b64encode(digest("secret " + seed)[:30]).decode(),
            session_token(seed),
            now,
            now + lifetime,
            role_arn,
        )
        self._issued[issued.access_key_id] = issued
        self._verifier.add(
            Identity(
                issued.access_key_id, issued.secret_access_key, issued.session_token
            )
        )
        self._register(issued)
        return issued

    def issued(self, access_key_id):
        """What was issued under this key id, or None."""
        return self._issued.get(access_key_id)

    def show(self):
        """All that was issued, secrets and all, as a fixture has it."""
        return [as_entry(issued) for issued in self._issued.values()]

    def _register(self, issued):
        """Tell the simulator of Forecast, if there is one."""
        if self._forecast is None:
            return
        connection = http.client.HTTPConnection(
            self._forecast.hostname, self._forecast.port, timeout=REGISTRATION_TIMEOUT
        )
        body = json.dumps({"Credentials": [as_entry(issued)]})
        try:
            connection.request("POST", "/_simulator/fixture", body)
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 200:
            raise RuntimeError(f"the simulator of Forecast answered {status}")


def as_entry(issued):
    """An entry under "Credentials" in a fixture."""
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expired": issued.expired,
    }


def digest(text):
    """SHA-256."""
    return hashlib.sha256(text.encode()).digest()


def letters(text, count):
    """So many characters of those that access key ids have."""
    return base64.b32encode(digest(text)).decode()[:count]


def session_token(seed):
    """As long as those of AWS, and with the same beginning."""
    blocks = b"".join(digest(f"token {number} {seed}") for number in range(16))
    return "IQoJb3JpZ2luX2VjE" + base64.b64encode(blocks).decode()


def timestamp(seconds):
    """ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
