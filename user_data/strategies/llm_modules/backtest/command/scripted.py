"""The sandbox's scripted model on loopback, for as long as a run lasts."""

import asyncio
import time

from llm_modules.backtest.command.crew import Tell
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import MODEL_PREFIX, model_app
from llm_modules.sandbox.server import serve


def serve_script(tell: Tell) -> None:
    """Serve at any free port until the process is ended; tells the address."""
    app = model_app(Switchboard(ModelFaults()), lambda: time.time_ns() // 1_000_000)
    asyncio.run(
        serve(
            {"model": (app, 0)},
            lambda _name, address: tell(f"{address}{MODEL_PREFIX}"),
            asyncio.Event(),
        )
    )
