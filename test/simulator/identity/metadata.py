"""The instance metadata service, version 2: no answer without a session token."""

import hashlib
import time

from simulator.errors import ApiError
from simulator.model import to_json
from simulator.server import Answer

from .call import Call
from .issuer import timestamp

PREFIX = "/latest/"
TOKEN_PATH = "/latest/api/token"
ROLES_PATH = "/latest/meta-data/iam/security-credentials/"
REGION_PATH = "/latest/meta-data/placement/region"
ZONE_PATH = "/latest/meta-data/placement/availability-zone/"
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "x-aws-ec2-metadata-token"
MAX_TTL = 21600
#: How long a role's credentials last, in seconds.
ROLE_SECONDS = 6 * 3600


class Metadata:
    """The service, as an instance sees it."""

    def __init__(self, world, issuer, region):
        self._world = world
        self._issuer = issuer
        self._region = region
        self.clear()

    def clear(self):
        """Forget the session tokens."""
        self._tokens = {}
        self._serial = 0

    def call(self, request):
        """The call that a request makes."""
        path = request.target.partition("?")[0]
        if path == TOKEN_PATH:
            operation, result = "PutToken", lambda _: self._new_token(request)
        else:
            operation = "GetRole" if path.startswith(ROLES_PATH[:-1]) else "GetMetadata"
            if path.startswith(ROLES_PATH) and path != ROLES_PATH:
                operation = "GetRoleCredentials"

            def result(verified):
                if request.method != "GET":
                    raise ApiError("MethodNotAllowed", status=405)
                if verified:
                    self._check_token(request)
                return self._read(path)

        return Call(
            operation=operation,
            input={"method": request.method, "path": request.target},
            result=result,
            render=render,
            refuse=refuse,
            throttled=ApiError("TooManyRequests", status=429),
        )

    def _new_token(self, request):
        """A session token, for which a lifetime must be given."""
        if request.method != "PUT":
            raise ApiError("MethodNotAllowed", status=405)
        if "x-forwarded-for" in request.headers:
            raise ApiError("Forbidden", status=403)
        ttl = request.headers.get(TTL_HEADER, "")
        if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl) <= MAX_TTL):
            raise ApiError("BadRequest")
        self._serial += 1
        token = hashlib.sha256(f"metadata {self._serial}".encode()).hexdigest()
        self._tokens[token] = time.monotonic() + int(ttl)
        return Answer(200, token.encode(), "text/plain", {TTL_HEADER: ttl})

    def _check_token(self, request):
        until = self._tokens.get(request.headers.get(TOKEN_HEADER), 0)
        if until < time.monotonic():
            raise ApiError("Unauthorized", status=401)

    def _read(self, path):
        role = self._world.instance_role
        pages = {REGION_PATH: self._region, ZONE_PATH: self._region + "a"}
        if role is not None:
            pages[ROLES_PATH] = role
        if role is not None and path == ROLES_PATH + role:
            return self._credentials(role)
        text = pages.get(path) or pages.get(path + "/")
        if text is None:
            raise ApiError("NotFound", status=404)
        return Answer(200, text.encode(), "text/plain")

    def _credentials(self, role):
        issued = self._issuer.issue(self._world.role_arn(role), ROLE_SECONDS)
        return {
            "Code": "Success",
            "LastUpdated": timestamp(issued.issued),
            "Type": "AWS-HMAC",
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "Token": issued.session_token,
            "Expiration": issued.expiration_text,
        }


def render(value, _):
    """Credentials as JSON, all else as it is; all of it is called text."""
    if isinstance(value, Answer):
        return value
    return Answer(200, to_json(value), "text/plain")


def refuse(error, _):
    """An error page: what counts is the status."""
    body = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        f"<html><head><title>{error.status} - {error.code}</title></head>"
        f"<body><h1>{error.status} - {error.code}</h1>{error.message or ''}</body></html>\n"
    )
    return Answer(error.status, body.encode(), "text/html", error=error.code)
