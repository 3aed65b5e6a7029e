"""The command line: put the parts together, listen, stop when told to."""

import argparse
import asyncio
import os
import ssl
import sys

from . import fixture
from .application import Application
from .auth import Identity, Verifier
from .clock import Clock
from .control import Control
from .errors import BadInput
from .faults import Faults
from .journal import Journal
from .listener import serve
from .model import Model
from .service import Service

PROGRAM = "forecast-simulator"

# The keys of the examples in AWS's own documentation.
EXAMPLE_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
EXAMPLE_SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def main(arguments=None):
    """Run until SIGTERM or SIGINT; the exit status."""
    options = parse_arguments(arguments)
    try:
        application = build(options)
        context = tls_context(options.tls)
        asyncio.run(serve(PROGRAM, application, options, context))
    except BadInput as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="An Amazon Forecast that runs on this machine."
    )
    add = parser.add_argument
    add("--port", type=int, required=True, help="TCP port; 0 picks a free one")
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https with these PEM files")
    add("--latency-ms", type=not_negative, default=0, help="delay of every API answer")
    add(
        "--rate",
        type=not_negative,
        default=0,
        help="API requests a second, and at once; 0 for no limit (%(default)s)",
    )
    add("--fixture", metavar="FILE", help="JSON file of resources and credentials")
    add("--region", default="eu-west-1", help="AWS region (%(default)s)")
    add("--account", default="123456789012", help="AWS account (%(default)s)")
    add(
        "--job-seconds",
        type=not_negative,
        default=2,
        help="how long a created job takes to become ACTIVE (%(default)s)",
    )
    add(
        "--delete-seconds",
        type=not_negative,
        default=0,
        help="how long a deleted job stays DELETE_IN_PROGRESS (%(default)s)",
    )
    add("--access-key-id", default=EXAMPLE_ACCESS_KEY_ID, help="accepted key (%(default)s)")
    add(
        "--secret-access-key",
        default=EXAMPLE_SECRET_ACCESS_KEY,
        help="its secret (the one of the AWS documentation)",
    )
    add("--session-token", help="its session token (none)")
    return parser.parse_args(arguments)


def not_negative(text):
    """A number from 0."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def build(options):
    """The application with its initial state."""
    model = Model()
    clock = Clock()
    verifier = Verifier(model.signing_name, options.region, clock)
    service = Service(
        options.region, options.account, options.job_seconds, options.delete_seconds
    )
    journal = Journal()
    faults = Faults()
    application = Application(model, verifier, service, journal, faults, clock)
    initial = fixture.load_file(options.fixture) if options.fixture else {}

    def load(content):
        fixture.apply(content, model, service, verifier)

    def reset():
        service.clear()
        verifier.clear()
        verifier.add(
            Identity(
                options.access_key_id, options.secret_access_key, options.session_token
            )
        )
        load(initial)
        journal.clear()
        faults.clear()
        application.latency = options.latency_ms / 1000
        application.storm.stop()
        application.rate_limit.set(options.rate)
        clock.offset = 0

    try:
        reset()
    except BadInput as error:
        raise BadInput(f"fixture {options.fixture}: {error}") from None
    application.control = Control(application, service, journal, faults, reset, load)
    return application


def tls_context(files):
    """The server's side of TLS, or None for plain http."""
    if files is None:
        return None
    certificate, key = files
    for path in files:
        if not os.access(path, os.R_OK):
            raise BadInput(f"cannot read {path}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise BadInput(f"cannot use {certificate} with {key}: {error}") from None
    return context
