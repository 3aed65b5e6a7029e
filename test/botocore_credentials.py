#!/usr/bin/python3
"""What botocore makes of an environment and of files: one JSON line in, one out.

In:  environ (all of it), region, sts (its address); profile, keys and role as a
     program would name them, or null.
Out: method, access_key, secret_key, token, expiration (epoch seconds, or null),
     error (or null).  Without credentials and without an error: method null.
"""

import json
import os
import sys

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.utils import ContainerMetadataFetcher

# Three tries, as ever, but no rest between them.
ContainerMetadataFetcher.SLEEP_TIME = 0


def new_session(question):
    """A session in which STS lives where the question says.

    Debian's botocore doesn't know AWS_ENDPOINT_URL_STS yet.
    """
    session = botocore.session.Session(profile=question.get("profile"))
    session.set_config_variable("region", question["region"])
    create_client = session.create_client

    def create(service, **settings):
        if service == "sts":
            settings["endpoint_url"] = question["sts"]
        return create_client(service, **settings)

    session.create_client = create
    return session


def find(question):
    """Credentials as a program that passes these arguments gets them; or None."""
    session = new_session(question)
    keys = question.get("keys")
    found = Credentials(*keys, method="explicit") if keys else session.get_credentials()
    role = question.get("role")
    if role is None or found is None:
        return found
    fetcher = AssumeRoleCredentialFetcher(
        session.create_client, found, role.pop("RoleArn"), extra_args=role
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def answer(question):
    """The answer to a question, which may be an error."""
    os.environ.clear()
    os.environ.update(question["environ"])
    result = dict.fromkeys(
        ("method", "access_key", "secret_key", "token", "expiration", "error")
    )
    try:
        found = find(question)
        if found is not None:
            keys = found.get_frozen_credentials()
            end = getattr(found, "_expiry_time", None)
            result.update(
                method=found.method,
                access_key=keys.access_key,
                secret_key=keys.secret_key,
                token=keys.token or None,
                expiration=end and int(end.timestamp()),
            )
    except Exception as error:  # whatever it is, it is botocore's answer
        result["error"] = f"{type(error).__name__}: {error}"
    return result


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
