"""Listening, from the first line of output to the signal to stop."""

import asyncio
import gc
import os
import signal

from .errors import BadInput
from .server import Connection

BACKLOG = 1024


async def serve(program, application, options, context=None):
    """Listen where the options say, say so, and wait for the signal to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        server = await loop.create_server(
            lambda: Connection(application),
            options.host,
            options.port,
            ssl=context,
            backlog=BACKLOG,
        )
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if getattr(error, "errno", 0) else error
        raise BadInput(
            f"cannot listen on {options.host} port {options.port}: {reason}"
        ) from None
    # What exists now stays: the collector need not look at it again.
    gc.freeze()
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if context else "http"
    print(f"{program}: listening on {scheme}://{options.host}:{port}", flush=True)
    await stop.wait()
    server.close()
    for connection in list(application.connections):
        connection.abort()
    await server.wait_closed()
