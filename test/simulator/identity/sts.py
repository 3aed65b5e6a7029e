"""AWS STS: AssumeRole, which is signed, and AssumeRoleWithWebIdentity, which isn't.

The Query protocol: a form goes in, XML comes out.  What a form may hold is read
off botocore's model of the service.
"""

from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ServiceModel
from simulator.auth import EXPIRED_TOKEN, MISMATCH, SIGNED_IF_SENT, Claim, Verifier
from simulator.errors import ApiError
from simulator.model import ConstraintValidator
from simulator.server import Answer

from .call import Call

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSION = "2011-06-15"
FORM = "application/x-www-form-urlencoded"
DEFAULT_SECONDS = 3600
#: A role that was assumed with a role's credentials lasts no longer.
CHAIN_SECONDS = 3600

#: How STS calls what Verifier refuses, and the HTTP status.
REFUSALS = {
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "ValidationException": ("ValidationError", 400),
    "SerializationException": ("MalformedInput", 400),
}
ALWAYS_SIGNED = {"host": "Host", "x-amz-date": "x-amz-date"}


class FormVerifier(Verifier):
    """Signatures of the Query protocol: it has no X-Amz-Target to be signed."""

    @staticmethod
    def _check_signed_headers(claim, headers):
        sent = {key: name for key, name in SIGNED_IF_SENT.items() if key in headers}
        for header, name in (ALWAYS_SIGNED | sent).items():
            if header not in claim.signed_headers:
                raise ApiError(
                    "InvalidSignatureException",
                    f"'{name}' must be a 'SignedHeader' in the AWS Authorization.",
                    detail=MISMATCH,
                )


class Sts:
    """The service."""

    def __init__(self, world, issuer, verifier):
        self._world = world
        self._issuer = issuer
        self._verifier = verifier
        self._validator = ConstraintValidator()
        loader = Loader(
            extra_search_paths=[Loader.BUILTIN_DATA_PATH],
            include_default_search_paths=False,
        )
        self._model = ServiceModel(
            loader.load_service_model("sts", "service-2", VERSION), "sts"
        )

    def call(self, request):
        """The call that a request makes."""
        form = dict(
            parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        )
        name = form.pop("Action", None)
        version = form.pop("Version", None)

        def result(verified):
            operation = OPERATIONS.get(name)
            self._check_protocol(request, name, version, operation)
            principal = None
            if operation.signed and verified:
                principal = self._verify(request)
            parameters = self._parse(name, form)
            return operation.carry_out(self, parameters, principal)

        return Call(
            operation=name,
            input=form,
            result=result,
            render=lambda value, request_id: render(name, value, request_id),
            refuse=refuse,
            throttled=ApiError("Throttling", "Rate exceeded"),
        )

    @staticmethod
    def _check_protocol(request, name, version, operation):
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if request.method != "POST" or media_type.lower() != FORM:
            raise ApiError("UnknownOperationException", status=404)
        if operation is None or version != VERSION:
            raise ApiError(
                "InvalidAction",
                f"Could not find operation {name} for version {version}",
            )

    def _verify(self, request):
        """The ARN of the one who signed, or the refusal in the words of STS."""
        try:
            self._verifier.verify(request)
        except ApiError as error:
            raise reworded(error) from None
        access_key_id = Claim.parse(request.headers).access_key_id
        issued = self._issuer.issued(access_key_id)
        if issued is None:
            return f"arn:aws:iam::{self._world.account}:user/reports"
        if issued.expired:
            raise ApiError("ExpiredToken", EXPIRED_TOKEN, status=403)
        return issued.principal

    def _parse(self, name, form):
        """A form as checked parameters."""
        shape = self._model.operation_model(name).input_shape
        try:
            parameters = from_form(shape, form)
            self._validator.check(parameters, shape)
        except ApiError as error:
            raise reworded(error) from None
        return parameters

    def assume_role(self, parameters, principal):
        """AssumeRole."""
        arn = parameters["RoleArn"]
        role = self._world.role(arn)
        if (
            role is None
            or role.web_identity
            or (role.principals is not None and principal not in role.principals)
            or role.external_id not in (None, parameters.get("ExternalId"))
        ):
            # AWS doesn't tell which of these it was.
            raise ApiError(
                "AccessDenied",
                f"User: {principal} is not authorized to perform: sts:AssumeRole "
                f"on resource: {arn}",
                status=403,
            )
        chained = principal is not None and ":role/" in principal
        return self._session(role, parameters, chained)

    def assume_role_with_web_identity(self, parameters, _):
        """AssumeRoleWithWebIdentity."""
        if parameters["WebIdentityToken"] not in self._world.tokens:
            raise ApiError(
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for this token",
            )
        role = self._world.role(parameters["RoleArn"])
        if role is None or not role.web_identity:
            raise ApiError(
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
                status=403,
            )
        return {
            "SubjectFromWebIdentityToken": "reports",
            **self._session(role, parameters, chained=False),
            "Provider": "arn:aws:iam::%s:oidc-provider/oidc.example.com"
            % self._world.account,
            "Audience": "sts.amazonaws.com",
        }

    def _session(self, role, parameters, chained):
        """A session of the role: what both operations answer."""
        seconds = parameters.get("DurationSeconds", DEFAULT_SECONDS)
        if seconds > role.max_seconds:
            raise ApiError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set "
                "for this role.",
            )
        if chained and seconds > CHAIN_SECONDS:
            raise ApiError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for "
                "roles assumed by role chaining.",
            )
        issued = self._issuer.issue(role.arn, seconds)
        session = parameters["RoleSessionName"]
        arn = f"arn:aws:sts::{self._world.account}:assumed-role/{role.name}/{session}"
        return {
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROAEXAMPLE{role.name.upper()}:{session}",
                "Arn": arn,
            },
            "Credentials": {
                "AccessKeyId": issued.access_key_id,
                "SecretAccessKey": issued.secret_access_key,
                "SessionToken": issued.session_token,
                "Expiration": issued.expiration_text,
            },
        }


class Operation:
    """An operation: whether it must be signed, and what it does."""

    def __init__(self, carry_out, signed):
        self.carry_out = carry_out
        self.signed = signed


OPERATIONS = {
    "AssumeRole": Operation(Sts.assume_role, signed=True),
    "AssumeRoleWithWebIdentity": Operation(
        Sts.assume_role_with_web_identity, signed=False
    ),
}


# --- forms in ---------------------------------------------------------------


def from_form(shape, form):
    """The parameters in a form; names that the shape doesn't have are kept.

    The validator refuses those, where AWS ignores them.
    """
    parameters = {}
    for name in {key.partition(".")[0] for key in form}:
        if name in shape.members:
            parameters[name] = from_field(shape.members[name], form, name)
        else:
            parameters[name] = form.get(name)
    return parameters


def from_field(shape, form, prefix):
    """The value of a field or, for lists and structures, of several."""
    if shape.type_name == "list":
        found = []
        while any_below(form, f"{prefix}.member.{len(found) + 1}"):
            step = f"{prefix}.member.{len(found) + 1}"
            found.append(from_field(shape.member, form, step))
        return found
    if shape.type_name == "structure":
        return {
            name: from_field(member, form, f"{prefix}.{name}")
            for name, member in shape.members.items()
            if any_below(form, f"{prefix}.{name}")
        }
    value = form.get(prefix)
    if shape.type_name == "integer" and value is not None:
        if not (value.isascii() and value.isdigit()):
            raise ApiError("MalformedInput")
        return int(value)
    return value


def any_below(form, prefix):
    """Whether the form has a field of this name, or of one that begins with it."""
    return any(key == prefix or key.startswith(prefix + ".") for key in form)


def reworded(error):
    """A refusal of the JSON protocol as STS has it."""
    code, status = REFUSALS.get(error.code, (error.code, error.status))
    return ApiError(code, error.message, status=status, detail=error.detail)


# --- XML out ----------------------------------------------------------------


def render(name, value, request_id):
    """A successful answer."""
    content = {
        f"{name}Result": value,
        "ResponseMetadata": {"RequestId": request_id},
    }
    return Answer(200, document(f"{name}Response", content), "text/xml")


def refuse(error, request_id):
    """An error answer."""
    content = {
        "Error": {
            "Type": "Receiver" if error.status >= 500 else "Sender",
            "Code": error.code,
            "Message": error.message,
        },
        "RequestId": request_id,
    }
    body = document("ErrorResponse", content)
    return Answer(error.status, body, "text/xml", error=error.code)


def document(name, content):
    """A document in the namespace of STS."""
    inside = "".join(element(key, value, "  ") for key, value in content.items())
    return f'<{name} xmlns="{NAMESPACE}">\n{inside}</{name}>\n'.encode()


def element(name, value, indent):
    """An element, indented as AWS does it; nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return f"{indent}<{name}>{escape(str(value))}</{name}>\n"
    inside = "".join(element(k, v, indent + "  ") for k, v in value.items())
    return f"{indent}<{name}>\n{inside}{indent}</{name}>\n"
