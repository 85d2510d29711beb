"""Hold: equal stakes in every pair, long without leverage, from the first candle to the last."""

from collections.abc import Iterable
from datetime import datetime

from llm_modules.backtest.baselines.calls import Order, entry
from llm_modules.backtest.baselines.script import Scene
from llm_modules.domain import OpenPosition
from llm_modules.journal.records import DecisionLine, OutcomeRecord
from llm_modules.tools.calls import ToolCall

# Of the price: no position is without a stop, and this one closes it at four fifths of the stake.
FAR_STOP = 0.01


class HoldScript:
    """Buys every pair once; what Freqtrade did not fill is tried again at the next candle."""

    def __init__(self, pairs: Iterable[str]) -> None:
        self._wanted = set(pairs)

    def asks(self, pair: str, at: datetime, position: OpenPosition | None) -> bool:  # noqa: ARG002 - at any time
        """Tell whether the pair is still to be bought."""
        return pair in self._wanted and position is None

    def decide(self, scene: Scene) -> ToolCall:
        """Buy with an equal share of what is free."""
        share = scene.account.free / len(self._wanted)
        stop = scene.snapshot.price * FAR_STOP
        return entry(scene, Order("long", 1.0, stake_amount=share, stop_price=stop))

    def heard(self, line: DecisionLine) -> None:
        """Take note of what was bought."""
        if isinstance(line, OutcomeRecord) and line.outcome == "filled":
            self._wanted.discard(line.pair)


class WaitScript:
    """Never asks for anything."""

    def asks(self, pair: str, at: datetime, position: OpenPosition | None) -> bool:  # noqa: ARG002 - whatever there is
        """Say no."""
        return False

    def decide(self, scene: Scene) -> ToolCall:
        """Raise AssertionError: there was no question."""
        raise AssertionError(f"asked about {scene.snapshot.pair}")

    def heard(self, line: DecisionLine) -> None:
        """Mind nothing."""
