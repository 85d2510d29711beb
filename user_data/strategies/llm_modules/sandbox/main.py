"""The entrance: the local exchange and the scripted model, until a signal."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from llm_modules.errors import UserError
from llm_modules.sandbox.anchor import load_or_create_anchor
from llm_modules.sandbox.contracts import CONTRACTS
from llm_modules.sandbox.exchange import EXCHANGE_PREFIX, exchange_app
from llm_modules.sandbox.faults import Faults, ModelFaults, Switchboard, parse_faults
from llm_modules.sandbox.history import load_history
from llm_modules.sandbox.model import MODEL_PREFIX, model_app
from llm_modules.sandbox.replay import MarketReplay
from llm_modules.sandbox.server import serve

EXIT_OK = 0
# The same status argparse ends with, so that a launcher needs to know one number.
EXIT_USER_ERROR = 2

_LARGEST_PORT = 65_535
_WHAT = {
    "exchange": ("exchange, replaying recorded Binance USD-M candles,", EXCHANGE_PREFIX),
    "model": ("model, a rule-based script,", MODEL_PREFIX),
}


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser, with all help texts."""
    parser = argparse.ArgumentParser(
        prog="python -m llm_modules.sandbox",
        description="Run a simulated Binance USD-M exchange and a scripted OpenAI-shaped model on "
        "127.0.0.1. Nothing leaves this machine and no other address can be chosen.",
        epilog='Faults are JSON, for example \'{"status": 429, "times": 3}\'; keys: '
        "latency_seconds, silence, disconnect, status, retry_after_seconds, html, malformed, "
        "drip, times, and for the model also error_200, no_usage, wrong_model, answer. At run "
        "time: GET, POST or DELETE /sandbox/faults on each server. Stop with Ctrl-C or SIGTERM. "
        "docs/sandbox.md tells the rest.",
    )
    add = parser.add_argument
    add("--exchange-port", type=_port, default=18086, help="0 picks a free one (%(default)s)")
    add("--model-port", type=_port, default=18087, help="0 picks a free one (%(default)s)")
    add("--data-dir", type=Path, default=Path("user_data/data"), help="Freqtrade's data folder")
    add(
        "--anchor-file",
        type=Path,
        default=Path("user_data/run/sandbox.json"),
        help="remembers when this market began; delete it to begin anew (%(default)s)",
    )
    add("--faults", default="{}", metavar="JSON", help="what goes wrong on both servers")
    add("--exchange-faults", metavar="JSON", help="the exchange's, instead of --faults")
    add("--model-faults", metavar="JSON", help="the model's, instead of --faults")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both servers until SIGTERM or SIGINT; return 0, or 2 when they cannot start."""
    options = build_parser().parse_args(arguments)
    try:
        asyncio.run(_run(options))
    except UserError as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return EXIT_USER_ERROR
    return EXIT_OK


async def _run(options: argparse.Namespace) -> None:
    # Before anything is read: a signal during the start ends it as quietly as later.
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    apps = {
        "exchange": (_exchange(options), options.exchange_port),
        "model": (_model(options), options.model_port),
    }
    await serve(apps, _announce, stop)


def _exchange(options: argparse.Namespace) -> web.Application:
    anchor_ms = load_or_create_anchor(options.anchor_file, _now_ms())
    histories = [load_history(options.data_dir, contract) for contract in CONTRACTS]
    faults = parse_faults(Faults, options.exchange_faults or options.faults)
    return exchange_app(MarketReplay(histories, anchor_ms), Switchboard(faults), _now_ms)


def _model(options: argparse.Namespace) -> web.Application:
    faults = parse_faults(ModelFaults, options.model_faults or options.faults)
    return model_app(Switchboard(faults), _now_ms)


def _announce(name: str, address: str) -> None:
    what, prefix = _WHAT[name]
    # Flushed: whoever started us waits for this line in a pipe.
    sys.stdout.write(f"SIMULATED {what} listens on {address}{prefix}\n")
    sys.stdout.flush()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is 0 to {_LARGEST_PORT}")
    return port
