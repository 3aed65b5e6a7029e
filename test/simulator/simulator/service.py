"""What the operations of Amazon Forecast do to the resources.

Input arrives checked against the service model.  What is checked here is what
only the service can know: the kind of an ARN, whether something exists, which
filter keys a List accepts, whose NextToken it is.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import time

from .errors import ApiError
from .resources import BUSY_STATUSES, RESOURCES
from .store import Collection, Leaving, Running

DEFAULT_PAGE = 100
TOKEN_LIFETIME_SECONDS = 24 * 3600

CONDITIONS = {
    "IS": lambda value, wanted: value == wanted,
    "IS_NOT": lambda value, wanted: value != wanted,
}


class Service:
    """The resources and the operations on them."""

    def __init__(self, region, account, job_seconds, delete_seconds):
        self.region = region
        self.account = account
        self._job_seconds = job_seconds
        self._delete_seconds = delete_seconds
        self._token_key = os.urandom(32)
        self.collections = {}
        self.clear()
        self._operations = {
            operation: (action, resource)
            for resource in RESOURCES
            for operation, action in (
                ("Create" + resource.noun, self._create),
                ("Describe" + resource.noun, self._describe),
                ("List" + resource.plural, self._list),
                ("Delete" + resource.noun, self._delete),
            )
        }

    def clear(self):
        """Drop all resources."""
        self.collections = {
            resource.plural: Collection(resource.arn_member) for resource in RESOURCES
        }

    def call(self, operation, params):
        """Carry out an operation; its result, or an ApiError."""
        try:
            action, resource = self._operations[operation]
        except KeyError:
            raise ApiError(
                "UnknownOperationException", f"{operation} is not simulated."
            ) from None
        return action(resource, params, time.time())

    def arn(self, kind, path):
        """An ARN in this region and account."""
        return f"arn:aws:forecast:{self.region}:{self.account}:{kind}/{path}"

    def _create(self, resource, params, now):
        parent_member, parent_kind = resource.parent
        parent_path = path_of(params[parent_member], parent_kind)
        name = params[resource.name_member]
        arn = self.arn(resource.arn_kind, f"{parent_path}/{name}")
        collection = self.collections[resource.plural]
        if collection.get(arn, now) is not None:
            raise ApiError(
                "ResourceAlreadyExistsException",
                f"A {resource.noun} already exists with the arn: {arn}",
            )
        members = {key: value for key, value in params.items() if key != "Tags"}
        members[resource.arn_member] = arn
        collection.put(Running(members, now, self._job_seconds))
        return {resource.arn_member: arn}

    def _describe(self, resource, params, now):
        return self._existing(resource, params, now)

    def _delete(self, resource, params, now):
        members = self._existing(resource, params, now)
        arn = members[resource.arn_member]
        if members.get("Status") in BUSY_STATUSES:
            raise ApiError(
                "ResourceInUseException",
                f"Resource {arn} is in the {members['Status']} state "
                "and cannot be deleted.",
            )
        collection = self.collections[resource.plural]
        if self._delete_seconds > 0:
            collection.put(Leaving(members, now + self._delete_seconds))
        else:
            collection.remove(arn)
        return {}

    def _list(self, resource, params, now):
        filters = params.get("Filters", [])
        tests = [filter_test(resource, a_filter) for a_filter in filters]
        token_scope = hashlib.sha256(
            json.dumps([resource.plural, filters], sort_keys=True).encode()
        ).digest()
        after = self._position(params.get("NextToken"), token_scope, now)
        size = params.get("MaxResults", DEFAULT_PAGE)
        found = self.collections[resource.plural].scan(after, tests, now)
        page = list(itertools.islice(found, size))
        answer = {resource.plural: [members for _, members in page]}
        if next(found, None) is not None:
            last, _ = page[-1]
            answer["NextToken"] = self._token(last, token_scope, now)
        return answer

    def _existing(self, resource, params, now):
        arn = params[resource.arn_member]
        path_of(arn, resource.arn_kind)
        members = self.collections[resource.plural].get(arn, now)
        if members is None:
            raise ApiError(
                "ResourceNotFoundException", f"No resource found for arn: {arn}"
            )
        return members

    def _token(self, position, scope, now):
        """An opaque token that only fits the List it was made for."""
        content = f"{position}.{int(now)}".encode()
        return base64.urlsafe_b64encode(self._seal(content, scope) + content).decode()

    def _position(self, token, scope, now):
        """The position a token stands for."""
        if token is None:
            return -1
        try:
            raw = base64.urlsafe_b64decode(token)
            seal, content = raw[:16], raw[16:]
            if not hmac.compare_digest(seal, self._seal(content, scope)):
                raise ValueError(token)
            position, issued = content.split(b".")
            if now - int(issued) > TOKEN_LIFETIME_SECONDS:
                raise ValueError(token)
            return int(position)
        except ValueError:
            raise ApiError(
                "InvalidNextTokenException", "The token is not valid."
            ) from None

    def _seal(self, content, scope):
        return hmac.digest(self._token_key, scope + content, "sha256")[:16]


def path_of(arn, kind):
    """What follows the kind in an ARN, which has to be of that kind."""
    resource_part = arn.split(":", 5)[5]
    found, _, path = resource_part.partition("/")
    if found != kind or not path:
        raise ApiError(
            "InvalidInputException", f"Invalid ARN: {arn} is not the ARN of a {kind}."
        )
    return path


def filter_test(resource, a_filter):
    """A filter as a test on the members of a resource."""
    key, wanted = a_filter["Key"], a_filter["Value"]
    if key not in resource.filters:
        raise ApiError(
            "InvalidInputException",
            f"Invalid filter key: {key}. Valid keys: {', '.join(resource.filters)}",
        )
    condition = CONDITIONS[a_filter["Condition"]]
    return lambda members: condition(members.get(key), wanted)
