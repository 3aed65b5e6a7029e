"""Signature Version 4, verified the way AWS verifies it.

The signature is calculated again by botocore's signer over exactly the headers
that the request claims to have signed, and compared.  Each refusal has the
error code and the words of AWS.
"""

import base64
import functools
import hashlib
import hmac
import re
import time
from calendar import timegm
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HTTPHeaders
from botocore.credentials import Credentials

from .errors import ApiError

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
#: How far a request's clock may be off, in minutes.
TOLERANCE_MINUTES = 5

#: Headers that have to be signed, and those that have to be if they are sent,
#: each with the name AWS has for it.
ALWAYS_SIGNED = {
    "host": "Host",
    "x-amz-date": "x-amz-date",
    "x-amz-target": "x-amz-target",
}
SIGNED_IF_SENT = {
    "x-amz-security-token": "x-amz-security-token",
}

INVALID_TOKEN = "The security token included in the request is invalid."
EXPIRED_TOKEN = "The security token included in the request is expired"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)


@dataclass(frozen=True)
class Identity:
    """A pair of keys that may sign requests."""

    access_key_id: str
    secret_access_key: str
    session_token: str = None
    expired: bool = False


class Signer(SigV4Auth):
    """botocore's signer, signing all the headers it is given.

    As a client's signer botocore skips a few headers (User-Agent for one); a
    verifier has to follow the client's list.  The body comes as its hash.  The key
    derived from the secret changes once a day, so the last one is kept.
    """

    def __init__(self, identity, service, region):
        super().__init__(
            Credentials(identity.access_key_id, identity.secret_access_key),
            service,
            region,
        )
        self._key_date = None
        self._key = None

    def headers_to_sign(self, request):
        return request.headers

    def payload(self, request):
        return request.context["payload_hash"]

    def signature(self, string_to_sign, request):
        date = request.context["timestamp"][:8]
        if date != self._key_date:
            key = ("AWS4" + self.credentials.secret_key).encode()
            for step in (date, self._region_name, self._service_name, "aws4_request"):
                key = self._sign(key, step)
            self._key_date, self._key = date, key
        return self._sign(self._key, string_to_sign, hex=True)


class Verifier:
    """Knows the identities and judges the signatures of requests."""

    def __init__(self, service, region, clock):
        self._service = service
        self._region = region
        self._clock = clock
        self._identities = {}

    def clear(self):
        """Forget all identities."""
        self._identities.clear()

    def add(self, identity):
        """Accept signatures of this identity; replaces one with the same key id."""
        signer = Signer(identity, self._service, self._region)
        self._identities[identity.access_key_id] = (identity, signer)

    def verify(self, request):
        """Return if the request is signed properly, else raise the refusal."""
        headers = request.headers
        claim = Claim.parse(headers)
        self._check_scope(claim)
        self._check_clock(claim)
        identity, signer = self._identify(claim, headers)
        self._check_signed_headers(claim, headers)
        self._check_signature(claim, request, signer)
        # AWS looks at a token's age only once it knows whose token it is.
        if identity.expired:
            raise ApiError("ExpiredTokenException", EXPIRED_TOKEN)

    def _check_scope(self, claim):
        if claim.region != self._region:
            raise invalid_signature("Credential should be scoped to a valid region. ")
        if claim.service != self._service:
            raise invalid_signature(
                f"Credential should be scoped to correct service: '{self._service}'. "
            )
        if claim.terminator != "aws4_request":
            raise invalid_signature(
                "Credential should be scoped with a valid terminator: 'aws4_request', "
                f"not '{claim.terminator}'. "
            )
        if claim.scope_date != claim.timestamp[:8]:
            raise invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                f"of date from HTTP: '{claim.scope_date}' != '{claim.timestamp[:8]}', "
                f"from '{claim.timestamp}'."
            )

    def _check_clock(self, claim):
        now = self._clock.now()
        age = now - claim.time
        tolerance = TOLERANCE_MINUTES * 60
        if age > tolerance:
            raise invalid_signature(
                f"Signature expired: {claim.timestamp} is now earlier than "
                f"{stamp(now - tolerance)} ({stamp(now)} - {TOLERANCE_MINUTES} min.)"
            )
        if -age > tolerance:
            raise invalid_signature(
                f"Signature not yet current: {claim.timestamp} is still later than "
                f"{stamp(now + tolerance)} ({stamp(now)} + {TOLERANCE_MINUTES} min.)"
            )

    def _identify(self, claim, headers):
        identity, signer = self._identities.get(claim.access_key_id, (None, None))
        token = headers.get("x-amz-security-token")
        if identity is None or token != identity.session_token:
            raise ApiError("UnrecognizedClientException", INVALID_TOKEN)
        return identity, signer

    @staticmethod
    def _check_signed_headers(claim, headers):
        sent = {key: name for key, name in SIGNED_IF_SENT.items() if key in headers}
        for header, name in (ALWAYS_SIGNED | sent).items():
            if header not in claim.signed_headers:
                raise invalid_signature(
                    f"'{name}' must be a 'SignedHeader' in the AWS Authorization."
                )

    @staticmethod
    def _check_signature(claim, request, signer):
        signed = HTTPHeaders()
        for name in claim.signed_headers:
            if name not in request.headers:
                raise invalid_signature(MISMATCH, f"{name} is signed but was not sent")
            signed[name] = request.headers[name]
        again = AWSRequest(
            method=request.method,
            # The host counts as a header only; here it merely makes a URL.
            url="http://forecast" + request.target,
        )
        again.headers = signed
        payload_hash = hashlib.sha256(request.body).hexdigest()
        again.context.update(timestamp=claim.timestamp, payload_hash=payload_hash)
        if signed.get("x-amz-content-sha256", payload_hash) != payload_hash:
            raise invalid_signature(MISMATCH, "x-amz-content-sha256 is not the body's")
        canonical = signer.canonical_request(again)
        string_to_sign = signer.string_to_sign(again, canonical)
        expected = signer.signature(string_to_sign, again)
        if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
            raise invalid_signature(
                MISMATCH,
                f"canonical request:\n{canonical}\n\nstring to sign:\n{string_to_sign}",
            )


@dataclass
class Claim:
    """What an Authorization header says, next to the date that goes with it."""

    access_key_id: str
    scope_date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple
    signature: str
    timestamp: str
    time: int

    @classmethod
    def parse(cls, headers):
        """Take the header apart, or say what is missing from it."""
        authorization = headers.get("authorization")
        if not authorization:
            raise ApiError(
                "MissingAuthenticationTokenException", "Missing Authentication Token"
            )
        algorithm, _, rest = authorization.partition(" ")
        parameters = {}
        if algorithm == ALGORITHM:
            for part in re.split(r"[,\s]+", rest.strip()):
                name, _, value = part.partition("=")
                parameters[name] = value
        timestamp = headers.get("x-amz-date")
        complaints = [
            f"Authorization header requires '{name}' parameter. "
            for name in ("Credential", "Signature", "SignedHeaders")
            if not parameters.get(name)
        ]
        if not timestamp:
            complaints.append(
                "Authorization header requires existence of either a 'X-Amz-Date' "
                "or a 'Date' header. "
            )
        if complaints:
            digest = hashlib.sha256(authorization.encode()).digest()
            raise incomplete_signature(
                "".join(complaints) + "(Hashed with SHA-256 and encoded with Base64) "
                f"Authorization={base64.b64encode(digest).decode()}"
            )
        scope = parameters["Credential"].split("/")
        if len(scope) != 5:
            raise incomplete_signature(
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                f"keyid/date/region/service/term, got '{parameters['Credential']}'"
            )
        return cls(
            *scope,
            signed_headers=tuple(
                dict.fromkeys(parameters["SignedHeaders"].lower().split(";"))
            ),
            signature=parameters["Signature"],
            timestamp=timestamp,
            time=parse_timestamp(timestamp),
        )


@functools.lru_cache(maxsize=64)
def parse_timestamp(text):
    """Seconds since the epoch of an X-Amz-Date header."""
    try:
        return timegm(time.strptime(text, TIMESTAMP))
    except ValueError:
        raise incomplete_signature(
            "Date must be in ISO-8601 'basic format'. "
            f"Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def stamp(seconds):
    """A moment the way X-Amz-Date writes it."""
    return time.strftime(TIMESTAMP, time.gmtime(seconds))


def invalid_signature(message, detail=None):
    """The refusal of a signature that is well-formed but wrong."""
    return ApiError("InvalidSignatureException", message, detail=detail)


def incomplete_signature(message):
    """The refusal of an Authorization header that can't be read."""
    return ApiError("IncompleteSignatureException", message)
