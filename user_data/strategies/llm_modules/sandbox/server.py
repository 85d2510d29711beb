"""Both servers in one event loop, on loopback only, until they are told to stop."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from llm_modules.errors import UserError

LOOPBACK = "127.0.0.1"

# How long a stop waits for requests in flight before it cancels them.
_GRACE_SECONDS = 0.2


async def serve(
    apps: dict[str, tuple[web.Application, int]],
    announce: Callable[[str, str], None],
    stop: asyncio.Event,
) -> None:
    """Run applications by name on their ports (0: any free one) until `stop` is set.

    `announce` gets name and address of each as soon as all listen. Raises UserError when a
    port is taken.
    """
    async with contextlib.AsyncExitStack() as running:
        # All listen before the first is announced: whoever waits for one line may use both.
        addresses = {name: await _listen(running, app, port) for name, (app, port) in apps.items()}
        for name, address in addresses.items():
            announce(name, address)
        await stop.wait()


async def _listen(running: contextlib.AsyncExitStack, app: web.Application, port: int) -> str:
    # A handler whose caller hung up is cancelled: a silent one would wait for ever.
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE_SECONDS
    )
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}): name another") from error
    # The port that was really bound, which for 0 only the socket knows.
    host, bound = runner.addresses[0][:2]
    return f"http://{host}:{bound}"
