"""What `doctor` asks a model: scenes in which one call of each tool is the one to make.

No real figure is in them: they are the same for everybody and tell nothing of an account. The
sandbox's scripted model, which obeys figures and no words, makes the same calls.
"""

import math
from collections.abc import Sequence
from functools import cache

from llm_modules.dialogue import Message, Prompt, Reply, ToolSpec
from llm_modules.domain import Stance
from llm_modules.errors import ModelError
from llm_modules.llm.providers.probing import Rehearsal, Trial
from llm_modules.tools.parse import read_reply
from llm_modules.tools.schema import offered_tools
from llm_modules.tools.several import read_calls

PAIR = "BTC/USDT:USDT"
OTHER_PAIR = "ETH/USDT:USDT"
# More than 1,024 tokens, the least that providers cache of a prompt.
CANDLES = 60
SYSTEM = """\
This is a rehearsal: nothing is traded. You see an invented market and are asked to call one of \
the tools you are offered. Call exactly the tool you are asked for, once, and nothing else. Fill \
in every required field with a value that fits the figures.

Candles of {pair}, 30 minutes each, oldest first: open, high, low, close, volume
{candles}"""

_QUIET = "price=87123.4 rsi=50.3 adx=21.3 atr_pct=0.12 ema_gap_pct=0.05"
_RISING = "price=87000.5 rsi=58.2 adx=31.3 atr_pct=0.12 ema_gap_pct=0.35"
_FALLING = "price=87000.5 rsi=41.7 adx=31.3 atr_pct=0.12 ema_gap_pct=-0.35"
_LEVELS = "support=86800 resistance=87600"
_LONG = "side=long open_rate=86900 leverage=3"
_SCENES: dict[str, tuple[Stance, str]] = {
    "signal_entry_long": ("flat", f"{_RISING} {_LEVELS} leverage=3"),
    "signal_entry_short": ("flat", f"{_FALLING} {_LEVELS} leverage=3"),
    "signal_wait": ("flat", _QUIET),
    "signal_exit": (
        "in_position",
        f"{_RISING} {_LONG} profit_pct=1.9 held_candles=6 adjustments=1 score=80",
    ),
    "adjust_position": (
        "in_position",
        f"{_RISING} {_LEVELS} {_LONG} profit_pct=0.4 held_candles=1 adjustments=0 change_pct=20",
    ),
    "signal_hold": (
        "in_position",
        f"{_QUIET} {_LONG} profit_pct=0.1 held_candles=1 adjustments=1",
    ),
}


@cache
def rehearsal() -> Rehearsal:
    """Return what is asked, the same each time."""
    return Rehearsal(
        words=_prompt("In one short sentence, without a tool: of which pair are these candles?"),
        tools={tool: _trial(tool) for tool in _SCENES},
        several=_two_at_once(),
    )


def _trial(tool: str) -> Trial:
    stance, figures = _SCENES[tool]
    tools = offered_tools(stance)

    def judge(reply: Reply) -> None:
        called = read_reply(reply, PAIR, tools).tool
        if called != tool:
            raise ModelError((f"you called {called}, not {tool}",))

    asked = f"pair={PAIR} {figures}\nCall {tool} for {PAIR} with confidence 70."
    return Trial(_prompt(asked, tools), judge)


def _two_at_once() -> Trial:
    tools = offered_tools("flat")

    def judge(reply: Reply) -> None:
        calls = read_calls(reply, {PAIR: tools, OTHER_PAIR: tools})
        problems = tuple(problem for found in calls.problems.values() for problem in found)
        if problems or calls.strays:
            # An answer that is of no use for any pair is so for the same reason.
            raise ModelError(tuple(dict.fromkeys(problems + calls.strays)))

    asked = (
        f"pair={PAIR} {_QUIET}\npair={OTHER_PAIR} {_QUIET}\nOther than usual, answer with two "
        f"calls of signal_wait at once: one for {PAIR} and one for {OTHER_PAIR}."
    )
    return Trial(_prompt(asked, tools, several=True), judge)


def _prompt(asked: str, tools: Sequence[ToolSpec] = (), *, several: bool = False) -> Prompt:
    system = SYSTEM.format(pair=PAIR, candles="\n".join(map(_candle, range(CANDLES))))
    messages = (Message("system", system), Message("user", asked))
    return Prompt(messages, tuple(tools), several)


def _candle(number: int) -> str:
    opened, closed = _price(number), _price(number + 1)
    high, low = max(opened, closed) + 40, min(opened, closed) - 40
    return f"{opened:.1f},{high:.1f},{low:.1f},{closed:.1f},{900 + 37 * (number % 11)}"


def _price(number: int) -> float:
    """Return a price that wanders between 86,600 and 87,400."""
    return 87_000 + 300 * math.sin(number / 7) + 100 * math.sin(number / 2)
