"""The account: which long-term keys, roles and web identity tokens exist.

A fixture adds to it:

    {"Credentials": [{"AccessKeyId": "...", "SecretAccessKey": "...",
                      "SessionToken": "...", "Expired": false}],
     "Roles": [{"RoleArn": "arn:aws:iam::123456789012:role/x", "ExternalId": "...",
                "Principals": ["arn:..."], "WebIdentity": false,
                "MaxSessionDuration": 3600}],
     "WebIdentityTokens": ["..."],
     "InstanceRole": "instance"}
"""

from dataclasses import dataclass

from simulator.errors import BadInput
from simulator.fixture import entries, to_identity

HOUR = 3600

#: What the identity provider of the cluster wrote into a pod's file.  It looks like
#: a JSON web token, but nobody looks inside.
WEB_IDENTITY_TOKEN = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImZvcmVjYXN0In0."
    "eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZS5jb20iLCJzdWIiOiJyZXBvcnRzIn0."
    "VGhpc0lzTm9TaWduYXR1cmVCdXROb2JvZHlMb29rcw"
)


@dataclass(frozen=True)
class Role:
    """A role and who may assume it."""

    arn: str
    #: What the trust policy demands as sts:ExternalId, or None.
    external_id: str = None
    #: ARNs of those it trusts; None: all of the account.
    principals: tuple = None
    #: It trusts the identity provider, and nobody else.
    web_identity: bool = False
    #: The longest session, in seconds.
    max_seconds: int = HOUR

    @property
    def name(self):
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


#: Member of an entry under "Roles" -> (its type, what Role calls it).
ROLE_MEMBERS = {
    "RoleArn": (str, "arn"),
    "ExternalId": (str, "external_id"),
    "Principals": (list, "principals"),
    "WebIdentity": (bool, "web_identity"),
    "MaxSessionDuration": (int, "max_seconds"),
}
MEMBERS = ("Credentials", "Roles", "WebIdentityTokens", "InstanceRole")


class World:
    """What exists."""

    def __init__(self, account):
        self.account = account
        self.clear()

    def clear(self):
        """As it is at the start."""
        self.tokens = {WEB_IDENTITY_TOKEN}
        #: The role in the instance's profile; None: the instance has none.
        self.instance_role = "instance"
        self._roles = {}
        for role in (
            Role(self.role_arn("analyst")),
            Role(self.role_arn("partner"), external_id="forecast-2024"),
            Role(self.role_arn("second"), principals=(self.role_arn("analyst"),)),
            Role(self.role_arn("overnight"), max_seconds=12 * HOUR),
            Role(self.role_arn("web"), web_identity=True),
        ):
            self._roles[role.arn] = role

    def role_arn(self, name):
        """The ARN of the account's role of that name."""
        return f"arn:aws:iam::{self.account}:role/{name}"

    def role(self, arn):
        """The role with this ARN, or None."""
        return self._roles.get(arn)

    def apply(self, fixture, verifier):
        """Add a fixture's content; all of it or, if bad, nothing."""
        if not isinstance(fixture, dict):
            raise BadInput("a fixture is a JSON object")
        unknown = set(fixture) - set(MEMBERS)
        if unknown:
            raise BadInput(f"a fixture has no member {sorted(unknown)[0]}")
        identities = [to_identity(e) for e in entries(fixture, "Credentials", list)]
        roles = [to_role(entry) for entry in entries(fixture, "Roles", list)]
        tokens = entries(fixture, "WebIdentityTokens", list)
        if not all(isinstance(token, str) for token in tokens):
            raise BadInput("WebIdentityTokens are strings")
        instance_role = fixture.get("InstanceRole", self.instance_role)
        if instance_role is not None and not isinstance(instance_role, str):
            raise BadInput("InstanceRole is a name or null")
        for identity in identities:
            verifier.add(identity)
        self._roles.update((role.arn, role) for role in roles)
        self.tokens.update(tokens)
        self.instance_role = instance_role


def to_role(entry):
    """An entry under "Roles" as a Role."""
    if not isinstance(entry, dict) or "RoleArn" not in entry:
        raise BadInput("Roles need RoleArn")
    values = {}
    for member, value in entry.items():
        if member not in ROLE_MEMBERS:
            raise BadInput(f"Roles have no member {member}")
        kind, attribute = ROLE_MEMBERS[member]
        if type(value) is not kind:
            raise BadInput(f"{member} in Roles is not a {kind.__name__}")
        values[attribute] = tuple(value) if kind is list else value
    return Role(**values)
