"""The entrance: reads the command line, runs a command, and says in a status how it ended."""

import signal
from collections.abc import Mapping, Sequence

from llm_modules.backtest.command.flow import backtest
from llm_modules.backtest.command.options import LookaheadOptions, parsed
from llm_modules.backtest.command.proving import lookahead
from llm_modules.operations.ending import ended
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `backtest` or `lookahead` and return its exit status."""
    options = parsed(arguments)
    # As Ctrl-C: whatever runs is ended first. A closed terminal can show nothing any more.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    session = Session(Places(options.user_data), environment, Screen())
    if isinstance(options, LookaheadOptions):
        return ended(session.screen, lambda: lookahead(session, options))
    return ended(session.screen, lambda: backtest(session, options))
