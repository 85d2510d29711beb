"""The sandbox's scripted model on loopback, for as long as a run lasts."""

import asyncio
import os
import time

from llm_modules.backtest.crew import Tell
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import MODEL_PREFIX, model_app
from llm_modules.sandbox.server import serve

LOOK_SECONDS = 1.0


def serve_script(tell: Tell) -> None:
    """Serve at any free port until the process, or the one that started it, ends; tells where."""
    asyncio.run(_serve(tell))


async def _serve(tell: Tell) -> None:
    app = model_app(Switchboard(ModelFaults()), lambda: time.time_ns() // 1_000_000)
    over = asyncio.Event()
    watching = asyncio.create_task(_outlive_nobody(over))
    await serve({"model": (app, 0)}, lambda _name, address: tell(f"{address}{MODEL_PREFIX}"), over)
    watching.cancel()


async def _outlive_nobody(over: asyncio.Event) -> None:
    """End once the process that started this one is gone, as after a kill -9."""
    leader = os.getppid()
    while os.getppid() == leader:  # noqa: ASYNC110 - nobody tells of its end
        await asyncio.sleep(LOOK_SECONDS)
    over.set()
