"""What the model said, carried out without the gate."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median

from llm_modules.backtest.baselines.calls import leave
from llm_modules.backtest.baselines.script import Scene
from llm_modules.domain import ClosedTrade, OpenPosition
from llm_modules.journal.records import DecisionLine, DecisionRecord
from llm_modules.tools.calls import TOOL_CALL, ToolCall

ENTRY_TOOLS = {"signal_entry_long": "long", "signal_entry_short": "short"}
# Of a model that never closed a trade: then a position nobody speaks of is held so long.
USUAL_HOLDING = timedelta(days=1)


class UngatedModel:
    """Does what the model said in the main run, at the same pair and candle.

    Where the position differs from what the model saw, its words are read so: waiting, or entering
    the side that is held already, holds; entering the other side closes. A position the model does
    not know of, since it saw the pair flat, is closed after the median holding time of its trades.
    """

    def __init__(self, decisions: Iterable[DecisionRecord], holding: timedelta) -> None:
        self._said = {(one.pair, one.at): one for one in decisions if one.tool is not None}
        self._holding = holding
        self._wishes: dict[str, DecisionRecord | None] = {}

    def asks(self, pair: str, at: datetime, position: OpenPosition | None) -> bool:
        """Tell whether anything is to be done; remembers what."""
        said = self._said.get((pair, at))
        if position is None:
            self._wishes[pair] = said
            return said is not None and said.tool in ENTRY_TOOLS
        if said is not None and said.stance == "in_position":
            self._wishes[pair] = said
            return True
        self._wishes[pair] = None
        side = ENTRY_TOOLS.get(said.tool or "", position.side) if said else position.side
        return side != position.side or at - position.opened_at >= self._holding

    def decide(self, scene: Scene) -> ToolCall:
        """Return the model's own call, or the exit that follows from it."""
        said = self._wishes.pop(scene.snapshot.pair)
        if said is None:
            return leave(scene)
        return TOOL_CALL.validate_python({**said.call, "tool": said.tool, "pair": said.pair})

    def heard(self, line: DecisionLine) -> None:
        """Mind nothing: all was said in the main run."""


def usual_holding(trades: Sequence[ClosedTrade]) -> timedelta:
    """Return the median time for which trades were open, a day without any."""
    if not trades:
        return USUAL_HOLDING
    held = (trade.closed_at - trade.opened_at for trade in trades)
    return timedelta(seconds=median(one.total_seconds() for one in held))
