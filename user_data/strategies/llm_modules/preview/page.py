"""The prompt on the screen: every byte of it, then what it is made of."""

import json

from rich.table import Table
from rich.text import Text

from llm_modules.operations.screen import Screen
from llm_modules.preview.asking import Asked
from llm_modules.preview.sections import as_sent, sections, tool, whole

MARKETS = {
    "exchange": "live from the exchange, account and trades of the bot",
    "running sandbox": "from the running sandbox, with its account and trades",
    "recorded": "the sandbox does not run: newest of the shipped candles, as in a backtest, and an "
    "untouched account",
}
POSITIONS = {
    "none": "none is open",
    "really open": "the one that is really open",
    "made up": "MADE UP for --in-position, none is open",
}


def show(asked: Asked, screen: Screen) -> None:
    """Print what is real, both messages and the tools as they are, and the tokens of each part."""
    for name, value in _facts(asked):
        screen.say(f"{name:<10} {value}")
    # Raw, without folding or markup: it is to be what is sent, byte for byte.
    for message in asked.prompt.messages:
        _heading(screen, f"{message.role} message")
        screen.raw(message.content)
    _heading(screen, "tools")
    for one in asked.prompt.tools:
        screen.raw(as_sent(one))
    _heading(screen, "tokens")
    screen.table(_table(asked))


def as_json(asked: Asked) -> str:
    """Return all of it for programs."""
    prompt = asked.prompt
    told = {
        "pair": asked.pair,
        "candle_at": asked.at.isoformat(),
        "timeframe": asked.timeframe,
        "model": asked.model,
        "candles": asked.market,
        "position": asked.position,
        "templates": prompt.templates,
        "messages": [{"role": one.role, "content": one.content} for one in prompt.messages],
        "tools": [tool(one) for one in prompt.tools],
        "tokens": {
            "sections": [{"name": one.name, "tokens": one.tokens} for one in sections(prompt)],
            "whole": whole(prompt),
            "max_context_tokens": asked.limit,
        },
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def _facts(asked: Asked) -> tuple[tuple[str, str], ...]:
    return (
        ("Pair", asked.pair),
        ("Candle", f"{asked.timeframe}, closed {asked.at:%Y-%m-%d %H:%M} UTC"),
        ("Candles", MARKETS[asked.market]),
        ("Position", POSITIONS[asked.position]),
        ("Model", asked.model or "none"),
        ("Templates", f"version {asked.prompt.templates}"),
    )


def _heading(screen: Screen, title: str) -> None:
    screen.say(Text(f"\n--- {title} ---", style="bold cyan"))


def _table(asked: Asked) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("section", overflow="fold")
    table.add_column("tokens", justify="right")
    for one in sections(asked.prompt):
        table.add_row(Text(one.name), f"{one.tokens:,}")
    table.add_section()
    used = whole(asked.prompt)
    limit = asked.limit
    table.add_row("whole", f"{used:,}")
    table.add_row("max_context_tokens", f"{limit:,}")
    table.add_row("used", f"{used / limit:.0%}")
    return table
