"""`prove`: that no decision of a backtest knows what came after it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from freqtrade.exceptions import FreqtradeException

from llm_modules.backtest.lookahead.breaches import Breaches, Proof
from llm_modules.backtest.lookahead.contexts import ContextProof
from llm_modules.backtest.lookahead.fills import FillProof
from llm_modules.backtest.lookahead.ground import Ground, survey
from llm_modules.backtest.lookahead.hearing import Hearing
from llm_modules.backtest.lookahead.memory import MemoryProof
from llm_modules.backtest.lookahead.transcript import counted
from llm_modules.backtest.lookahead.whole_runs import compare, turning_points
from llm_modules.backtest.running import worded
from llm_modules.errors import BacktestError

Show = Callable[[str], None]


def prove(config: Mapping[str, Any], *, candles: int | None, show: Show) -> bool:
    """Prove it on a whole Freqtrade configuration, with the scripted policy as the model.

    Contexts and memories are compared at every candle, or the last `candles`; whole runs from
    their start. A line is shown for each proof, and the first thing that knew too much is named.
    Returns whether all of them hold. Raises UserError where no run can be made.
    """
    with TemporaryDirectory() as folder:
        try:
            return _prove(survey(config, Path(folder)), Path(folder), candles, show)
        except FreqtradeException as error:
            raise worded(error) from error


def _prove(ground: Ground, folder: Path, last: int | None, show: Show) -> bool:
    breaches = Breaches()
    contexts = ContextProof(ground, breaches, last)
    memory = MemoryProof(ground, breaches, folder / "memory", last)
    fills = FillProof(ground, breaches)
    whole = Hearing(contexts, memory, fills)
    whole.hear(ground)
    if not contexts.contexts:
        raise BacktestError("nothing was asked in this run: there is nothing to prove")
    same = f"{contexts.contexts:,} contexts equal from truncated, full and poisoned candles"
    holds = [_told("a", same, breaches, show)]
    for at in turning_points(whole.candles):
        compare(ground, whole.transcript, at, breaches)
        before = counted(whole.transcript.until(at))
        same = f"{before} up to {at:%Y-%m-%d %H:%M} UTC are the same with another future and none"
        holds.append(_told("b", same, breaches, show))
        if not holds[-1]:
            break
    same = f"{memory.recalls:,} memories and {memory.stamps:,} quoted reasons are of before"
    holds.append(_told("c", same, breaches, show))
    same = (
        f"{fills.fills:,} orders filled after their decision, at the open of the next candle or "
        f"at a stop within; {fills.values:,} positions valued at the newest close"
    )
    holds.append(_told("d", same, breaches, show))
    return all(holds)


def _told(proof: Proof, same: str, breaches: Breaches, show: Show) -> bool:
    breach = breaches.of(proof)
    show(f"({proof}) {same}" if breach is None else f"({proof}) FAILED: {breach.text}")
    return breach is None
