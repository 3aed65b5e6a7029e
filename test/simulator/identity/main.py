"""The command line: put the parts together, listen, stop when told to."""

import argparse
import asyncio
import sys

from simulator.auth import Identity
from simulator.clock import Clock
from simulator.errors import BadInput
from simulator.faults import Faults
from simulator.fixture import load_file
from simulator.journal import Journal
from simulator.listener import serve
from simulator.main import EXAMPLE_ACCESS_KEY_ID, EXAMPLE_SECRET_ACCESS_KEY

from .application import IdentityApplication, Services
from .container import Container
from .control import IdentityControl
from .issuer import Issuer
from .metadata import Metadata
from .sts import FormVerifier, Sts
from .world import World

PROGRAM = "identity-simulator"


def main(arguments=None):
    """Run until SIGTERM or SIGINT; the exit status."""
    options = parse_arguments(arguments)
    try:
        asyncio.run(serve(PROGRAM, build(options), options))
    except BadInput as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Where AWS credentials come from, on this machine."
    )
    add = parser.add_argument
    add("--port", type=int, required=True, help="TCP port; 0 picks a free one")
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--forecast", metavar="URL", help="simulator that is to accept what is issued")
    add("--fixture", metavar="FILE", help="JSON file of roles, keys and tokens")
    add("--region", default="eu-west-1", help="AWS region (%(default)s)")
    add("--account", default="123456789012", help="AWS account (%(default)s)")
    return parser.parse_args(arguments)


def build(options):
    """The application with its initial state."""
    clock = Clock()
    verifier = FormVerifier("sts", options.region, clock)
    world = World(options.account)
    issuer = Issuer(verifier, options.forecast)
    metadata = Metadata(world, issuer, options.region)
    journal, faults = Journal(), Faults()
    services = Services(Sts(world, issuer, verifier), metadata, Container(world, issuer))
    application = IdentityApplication(services, journal, faults, clock)
    initial = load_file(options.fixture) if options.fixture else {}

    def load(content):
        world.apply(content, verifier)

    def reset():
        for part in (verifier, world, issuer, metadata, journal, faults):
            part.clear()
        verifier.add(Identity(EXAMPLE_ACCESS_KEY_ID, EXAMPLE_SECRET_ACCESS_KEY))
        load(initial)
        application.latency = clock.offset = 0

    try:
        reset()
    except BadInput as error:
        raise BadInput(f"fixture {options.fixture}: {error}") from None
    application.control = IdentityControl(
        application, issuer, journal, faults, reset, load
    )
    return application
