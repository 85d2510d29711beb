"""DecisionQualityChecker: habits in a pair's last decisions, told to the model and to the gate.

One rule per habit, each with how it ends. A serious habit keeps the gate from adding exposure, so
only what fades while entries are refused may be serious: it must not lock a pair for ever. Nothing
a model wrote is repeated here: texts are words of ours, from `phrases/*/habits.toml`, and numbers.
"""

import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise, takewhile
from typing import NamedTuple

from llm_modules.domain import Habit
from llm_modules.journal.records import DecisionRecord
from llm_modules.learning.last_answers import LastAnswers
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.wording import percent
from llm_modules.metrics import wilson_interval
from llm_modules.phrases import Phrases

DECISIONS_LOOKED_AT = 50
TRADES_LOOKED_AT = 50

REASON_DECISIONS = 15
# Reasons that agree so far are the same; a bound on the work as well.
REASON_CHARACTERS = 500
REPEATED_REASONS = 3
STUCK_REASONS = 5

IDLE_HOLDS = 6
# Three points at 10x are 0.3 % of price: what fees and slippage alone explain.
IDLE_PROFIT_RATIO = 0.03

EROSION_PROFITS = 4
EROSION_SHARE = 0.5

# Four entries that alternate within 24 candles: no view of the market is wrong so often so fast.
FLIP_FLOP_REVERSALS = 3
FLIP_FLOP_DECISIONS = 24
# A bot that stood still for a day starts without it.
FLIP_FLOP_WINDOW = timedelta(hours=24)

# One in every five candles: at 5x the fees alone of ten round trips are about 5 % of a stake.
MANY_ENTRIES = 10

# Fewer say nothing: with 10 trades the interval is still 50 points wide.
CONFIDENCE_TRADES = 10
OVERCONFIDENCE = 0.15

_ENTRY_TOOLS = frozenset({"signal_entry_long", "signal_entry_short"})
_ACTING_TOOLS = frozenset({"signal_exit", "adjust_position"})
_LET_THROUGH = frozenset({"approved", "clamped"})
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
# A sum of percents must not miss its limit by the last bit.
_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Past:
    """A pair's last decisions, newest last, as known before a time, and its trades' confidence.

    `entries` are the approved entries among the decisions, `on_position` those about the position
    that is open.
    """

    decisions: Sequence[DecisionRecord]
    before: datetime
    entries: Sequence[DecisionRecord]
    on_position: Sequence[DecisionRecord]
    confidence: "_Confidence"


class _Entries(NamedTuple):
    """The approved entries among some decisions."""

    decisions: Sequence[DecisionRecord] = ()
    approved: Sequence[DecisionRecord] = ()

    def up_to(self, decisions: Sequence[DecisionRecord]) -> "_Entries":
        """Return those among decisions; where only the newest is new, only it is looked at."""
        gone = len(self.decisions) + 1 - len(decisions)
        if gone < 0 or self.decisions[gone:] != decisions[:-1]:
            return _Entries(decisions, _approved_entries(decisions))
        left = self.approved[len(_approved_entries(self.decisions[:gone])) :]
        return _Entries(decisions, [*left, *_approved_entries(decisions[-1:])])


_NO_ENTRIES = _Entries()


class _Confidence(NamedTuple):
    """What closed trades were said to be sure of, of 100, and how many of them won."""

    said: Sequence[float]
    wins: int

    @classmethod
    def of(cls, trades: Sequence[RememberedTrade]) -> "_Confidence":
        """Look through some trades."""
        # A trade that people or a halt ended does not tell whether the model was right.
        own = [trade for trade in trades if trade.is_own]
        said = [trade.confidence_score for trade in own if trade.confidence_score is not None]
        wins = sum(trade.profit_ratio > 0 for trade in own if trade.confidence_score is not None)
        return cls(said, wins)


@dataclass(frozen=True, slots=True)
class Finding:
    """A habit that was found: its code, and the numbers its sentence has gaps for."""

    code: str
    serious: bool
    values: Mapping[str, object]

    def habit(self, phrases: Phrases) -> Habit:
        """Return the habit in words."""
        return Habit(self.code, self.serious, phrases(f"habits.{self.code}", **self.values))


class DecisionQualityChecker:
    """Finds habits in what the caller says was known before a time, whatever was asked before."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases
        # Of each pair, for from candle to candle one decision comes and at most one goes.
        self._entries: dict[str, _Entries] = {}
        self._confidence: LastAnswers[_Confidence] = LastAnswers()

    def habits(
        self,
        decisions: Sequence[DecisionRecord],
        trades: Sequence[RememberedTrade],
        before: datetime,
    ) -> tuple[Habit, ...]:
        """Return the habits of one pair, serious ones first; both lists newest last.

        Of longer lists the last 50 count.
        """
        decisions, trades = decisions[-DECISIONS_LOOKED_AT:], trades[-TRADES_LOOKED_AT:]
        if not (decisions or trades):
            return ()
        pair = (decisions or trades)[-1].pair
        past = Past(
            decisions,
            before,
            self._entries_in(pair, decisions),
            _about_open(decisions, trades),
            # Most candles close no trade of the pair.
            self._confidence.of(pair, trades, lambda: _Confidence.of(trades)),
        )
        found = [finding for rule in RULES if (finding := rule(past)) is not None]
        found.sort(key=lambda finding: not finding.serious)
        return tuple(finding.habit(self._phrases) for finding in found)

    def _entries_in(
        self, pair: str, decisions: Sequence[DecisionRecord]
    ) -> Sequence[DecisionRecord]:
        found = self._entries.get(pair, _NO_ENTRIES).up_to(decisions)
        self._entries[pair] = found
        return found.approved


def repeated_reason(past: Past) -> Finding | None:
    """Find holds of the open position for one reason, 3 of the last 15 decisions; serious from 5.

    Ends with other reasons, as 15 decisions pass, or with the position. It never refuses an entry.
    """
    about_it = past.on_position[-REASON_DECISIONS:]
    # Flat, or hardly in: what is not there need not be counted, here and in the rules below.
    if len(about_it) < REPEATED_REASONS:
        return None
    reasons = Counter(
        _words(str(item.call.get("reason") or ""))
        for item in about_it
        if item.tool == "signal_hold"
    )
    times = max((count for reason, count in reasons.items() if reason), default=0)
    if times < REPEATED_REASONS:
        return None
    is_stuck = times >= STUCK_REASONS
    values = {"times": times, "decisions": len(about_it)}
    return Finding("STUCK" if is_stuck else "REPEATED_REASON", is_stuck, values)


def flip_flop(past: Past) -> Finding | None:
    """Find approved entries that changed side 3 times in 24 decisions and 24 hours; serious.

    Ends as decisions or hours pass: refused entries are decisions too, and add no reversal.
    """
    # Without so many among all of them there are none among the newest.
    if len(past.entries) <= FLIP_FLOP_REVERSALS:
        return None
    since = past.before - FLIP_FLOP_WINDOW
    recent = past.decisions[-FLIP_FLOP_DECISIONS:]
    entries = [item for item in _approved_entries(recent) if item.at >= since]
    reversals = sum(older.tool != newer.tool for older, newer in pairwise(entries))
    if reversals < FLIP_FLOP_REVERSALS:
        return None
    values = {"entries": len(entries), "times": reversals, "decisions": len(recent)}
    return Finding("FLIP_FLOP", serious=True, values=values)


def erosion(past: Past) -> Finding | None:
    """Find four or more falling profits on end, from above zero to below half; a hint.

    Ends with the first profit that is not lower, or with the position.
    """
    if len(past.on_position) < EROSION_PROFITS:
        return None
    falling = _falling(_profits(past.on_position))
    if len(falling) < EROSION_PROFITS:
        return None
    first, last = falling[0], falling[-1]
    if first <= 0 or last >= first * EROSION_SHARE:
        return None
    values = {"decisions": len(falling), "first": percent(first), "last": percent(last)}
    return Finding("EROSION", serious=False, values=values)


def no_progress(past: Past) -> Finding | None:
    """Find 6 or more holds while profit moved by less than 3 points; a hint.

    Ends when profit moves, with an approved exit or adjustment, or with the position.
    """
    if len(past.on_position) < IDLE_HOLDS:
        return None
    untouched = takewhile(lambda item: not _has_acted(item), reversed(past.on_position))
    newest_first = _profits([item for item in untouched if item.tool == "signal_hold"])
    # Looking further back the distance only grows, so the holds it is small for are the newest.
    lows, highs = accumulate(newest_first, min), accumulate(newest_first, max)
    moves = [round(high - low, _DECIMALS) for low, high in zip(lows, highs, strict=True)]
    idle = [move for move in moves if move < IDLE_PROFIT_RATIO]
    if len(idle) < IDLE_HOLDS:
        return None
    values = {"times": len(idle), "points": 100 * idle[-1]}
    return Finding("NO_PROGRESS", serious=False, values=values)


def over_trading(past: Past) -> Finding | None:
    """Find 10 or more approved entries among the last 50 decisions; a hint.

    Ends as decisions pass.
    """
    entries = len(past.entries)
    if entries < MANY_ENTRIES:
        return None
    values = {"entries": entries, "decisions": len(past.decisions)}
    return Finding("OVER_TRADING", serious=False, values=values)


def overconfident(past: Past) -> Finding | None:
    """Find a mean entry confidence 15 points or more above what the win rate can be; a hint.

    The upper end of the Wilson 95 % interval is what it can be. It takes trades to end this: were
    it serious, there would be none.
    """
    said, wins = past.confidence
    if len(said) < CONFIDENCE_TRADES:
        return None
    # Not fsum, which would raise over the numbers of a damaged file.
    confidence = sum(said) / len(said)
    _, highest = wilson_interval(wins, len(said))
    if not round(confidence / 100 - highest, _DECIMALS) >= OVERCONFIDENCE:
        return None
    values = {"trades": len(said), "confidence": confidence, "wins": wins, "rate": 100 * highest}
    return Finding("OVERCONFIDENT", serious=False, values=values)


RULES: tuple[Callable[[Past], Finding | None], ...] = (
    repeated_reason,
    flip_flop,
    erosion,
    no_progress,
    over_trading,
    overconfident,
)


# A reason is looked at again with each of the next decisions.
@lru_cache(maxsize=1024)
def _words(reason: str) -> str:
    """Return a reason without case and punctuation; numbers stay, new ones are a new look."""
    bare = reason[:REASON_CHARACTERS].casefold().translate(_NO_PUNCTUATION)
    return " ".join(bare.split())


def _about_open(
    decisions: Sequence[DecisionRecord], trades: Sequence[RememberedTrade]
) -> Sequence[DecisionRecord]:
    """Return the decisions about the position that is open; none while flat."""
    newest = decisions[-1] if decisions else None
    if newest is None or newest.trade_id is None or _has_closed(newest, trades):
        return ()
    about_it = takewhile(lambda item: item.trade_id == newest.trade_id, reversed(decisions))
    return tuple(about_it)[::-1]


def _has_closed(newest: DecisionRecord, trades: Sequence[RememberedTrade]) -> bool:
    # A new database counts from 1 again: an equal id that closed earlier is another trade.
    return any(
        trade.trade_id == newest.trade_id and trade.closed_at >= newest.candle_at
        for trade in trades
    )


def _approved_entries(decisions: Sequence[DecisionRecord]) -> Sequence[DecisionRecord]:
    return [item for item in decisions if item.tool in _ENTRY_TOOLS and item.status in _LET_THROUGH]


def _has_acted(decision: DecisionRecord) -> bool:
    return decision.tool in _ACTING_TOOLS and decision.status in _LET_THROUGH


def _profits(decisions: Sequence[DecisionRecord]) -> list[float]:
    # Lines written before profit was recorded say nothing.
    return [item.profit_ratio for item in decisions if item.profit_ratio is not None]


def _falling(profits: Sequence[float]) -> Sequence[float]:
    """Return the newest profits as far back as each is lower than the one before, newest last."""
    length = min(1, len(profits))
    while length < len(profits) and profits[-length - 1] > profits[-length]:
        length += 1
    return profits[len(profits) - length :]
