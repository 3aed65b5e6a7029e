#!/usr/bin/python3
"""Signature vectors, signed by botocore: a JSON array on stdout.

    botocore_vectors.py COUNT SEED

Each is a request with what botocore makes of it at every stage.  The requests
are the kind that a JSON service gets, and stranger ones: any key, token, region
and date; bodies that are empty, not ASCII or not text; ports in the Host header;
headers with white space in odd places; paths and queries.
"""

import base64
import datetime
import json
import random
import string
import sys
from pathlib import Path

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import botocore_clock

REGIONS = ["eu-west-1", "us-east-1", "ap-northeast-2", "us-gov-west-1", "cn-north-1", "x"]
KEY_CHARACTERS = string.ascii_letters + string.digits + "/+="
TARGET_CHARACTERS = string.ascii_letters + string.digits + "-_~"
BODY_PARTS = ["{}", '"ARN"', "ü", "€", "𝄞", " ", "\n", "\\", "\x00", "ascii"]


def random_string(rng, characters, low, high):
    return "".join(rng.choice(characters) for _ in range(rng.randint(low, high)))


def random_body(rng):
    if rng.random() < 0.2:
        return b""
    if rng.random() < 0.2:
        return rng.randbytes(rng.randint(1, 300))
    return "".join(rng.choice(BODY_PARTS) for _ in range(rng.randint(1, 40))).encode()


def random_headers(rng, host):
    headers = {
        "Host": host,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonForecast." + random_string(rng, string.ascii_letters, 1, 40),
    }
    for _ in range(rng.randint(0, 4)):
        name = "X-" + random_string(rng, string.ascii_letters + string.digits, 1, 12)
        headers[name] = random_string(rng, string.ascii_letters + "  \t", 0, 30)
    return headers


def random_target(rng):
    """A path and a query, both empty for half of the requests, as for ours."""
    if rng.random() < 0.5:
        return "/"
    path = "".join("/" + random_string(rng, TARGET_CHARACTERS, 1, 8) for _ in range(rng.randint(1, 3)))
    query = "&".join(
        random_string(rng, string.ascii_letters, 1, 6) + "=" + random_string(rng, TARGET_CHARACTERS, 0, 8)
        for _ in range(rng.randint(0, 3))
    )
    return f"{path}?{query}" if query else path


def vector(rng):
    """One request and botocore's stages, under a clock that stands still."""
    now = datetime.datetime(2015, 1, 1) + datetime.timedelta(
        seconds=rng.randrange(30 * 365 * 86400)
    )
    host = random_string(rng, string.ascii_lowercase, 1, 12) + ".example.com"
    if rng.random() < 0.5:
        host += f":{rng.randint(1024, 65535)}"
    credentials = Credentials(
        random_string(rng, string.ascii_uppercase + string.digits, 16, 32),
        random_string(rng, KEY_CHARACTERS, 1, 60),
        random_string(rng, KEY_CHARACTERS, 1, 1500) if rng.random() < 0.5 else None,
    )
    body = random_body(rng)
    headers = random_headers(rng, host)
    url = f"https://{host}{random_target(rng)}"
    request = AWSRequest(rng.choice(["POST", "POST", "PUT"]), url, headers=headers, data=body)
    signer = botocore.auth.SigV4Auth(credentials, "forecast", rng.choice(REGIONS))

    with botocore_clock.stopped_at(now):
        signer.add_auth(request)
    authorization = request.headers["Authorization"]
    del request.headers["Authorization"]
    canonical_request = signer.canonical_request(request)
    string_to_sign = signer.string_to_sign(request, canonical_request)
    # Our signer expects these in canonical form, so botocore brings them there.
    method, path, query = canonical_request.split("\n")[:3]
    return {
        "method": method,
        "path": path,
        "query": query,
        "headers": [part for pair in request.headers.items() for part in pair],
        "body": base64.b64encode(body).decode(),
        "datetime": request.context["timestamp"],
        "epoch": int(now.replace(tzinfo=datetime.timezone.utc).timestamp()),
        "region": signer._region_name,
        "service": "forecast",
        "access_key_id": credentials.access_key,
        "secret": credentials.secret_key,
        "canonical_request": canonical_request,
        "string_to_sign": string_to_sign,
        "signature": signer.signature(string_to_sign, request),
        "authorization_header": authorization,
    }


def main():
    rng = random.Random(int(sys.argv[2]))
    json.dump([vector(rng) for _ in range(int(sys.argv[1]))], sys.stdout)


if __name__ == "__main__":
    main()
