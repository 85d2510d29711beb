"""What the past taught, as lists of the quoted block: reasons and lessons are someone's text."""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import TypeVar, get_args

from llm_modules.context.blocks import Block, LastingKind, PassingKind
from llm_modules.context.numbers import MISSING, price, trimmed, utc_day, utc_minute
from llm_modules.context.quoting import one_word, quoted
from llm_modules.domain import Experience, PastDecision, PastTrade, Thesis
from llm_modules.phrases import Phrases

Kind = LastingKind | PassingKind
Told = TypeVar("Told")
_Run = tuple[PastDecision, ...]
# By the numbers of the objects: the line with its day, and that of its last decision with a space.
_Lines = dict[Hashable, tuple[_Run, str, str]]
_KINDS: tuple[Kind, ...] = (*get_args(LastingKind), *get_args(PassingKind))
# Enough to go on from; the verdict on it stands in full.
_LONGEST_DECISION_REASON = 80
# Codes are short; trades of earlier versions have a sentence there.
_LONGEST_TAUGHT = 160
_IDLE_TOOLS = frozenset({"signal_wait", "signal_hold", "none"})


class PastPages:
    """Lays out what the past taught about each pair.

    The library tells what did not change as the same object again, which is worded once.
    """

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases
        self._titles = {kind: phrases(f"past.title.{kind}") for kind in _KINDS}
        self._kept: dict[tuple[str, Kind], tuple[object, tuple[str, ...]]] = {}
        self._runs: dict[str, _Lines] = {}

    def blocks(self, pair: str, thesis: Thesis | None, experience: Experience) -> tuple[Block, ...]:
        """Return the quoted lists that are not empty; what has a time goes oldest first.

        Only what happened in another pair than `pair` names its pair. Those that change seldom
        come first.
        """
        lists: dict[Kind, tuple[str, ...]] = {
            "thesis": _thesis(thesis, self._phrases),
            "patterns": self._lasting(pair, "patterns", experience.patterns, _sentences),
            "lessons": self._lasting(pair, "lessons", experience.lessons, _sentences),
            "trades": self._lasting(pair, "trades", experience.trades, partial(_trades, pair)),
            "statistics": _sentences(experience.statistics),
            "decisions": self._decisions(pair, experience.decisions),
            "habits": tuple(quoted(habit.text) for habit in experience.habits),
        }
        return tuple(
            [Block(kind, self._titles[kind], lines) for kind, lines in lists.items() if lines]
        )

    def _lasting(
        self, pair: str, kind: Kind, told: Told, word: Callable[[Told], tuple[str, ...]]
    ) -> tuple[str, ...]:
        known = self._kept.get((pair, kind))
        if known is None or known[0] is not told:
            known = self._kept[pair, kind] = told, word(told)
        return known[1]

    def _decisions(self, pair: str, decisions: Sequence[PastDecision]) -> tuple[str, ...]:
        """Return a line for each decision, but one for several in a row that changed nothing.

        Why is told of the newest only: it is what may still hold, and habits tell what repeats.
        """
        in_order = sorted(decisions, key=attrgetter("at"))
        known, told = self._runs.get(pair, {}), _Lines()
        day_before, lines = "", []
        for run in _runs(in_order):
            # Which objects they are: to compare what stands in them takes as long as wording it.
            key = tuple(map(id, run))
            # Kept with its line, so that no other object gets the same number meanwhile.
            told[key] = known.get(key) or (run, _worded(run, pair), f"{utc_day(run[-1].at)} ")
            _, line, day = told[key]
            # The day of the line before is not said again.
            lines.append(line.removeprefix(day_before))
            day_before = day
        self._runs[pair] = told
        if in_order:
            lines[-1] += f" | {quoted(in_order[-1].reason, _LONGEST_DECISION_REASON)}"
        return tuple(lines)


def _sentences(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(quoted, sentences))


def _trades(pair: str, trades: Sequence[PastTrade]) -> tuple[str, ...]:
    in_order = sorted(trades, key=attrgetter("closed_at"))
    return tuple(_trade(trade, pair) for trade in in_order)


def _thesis(thesis: Thesis | None, phrases: Phrases) -> tuple[str, ...]:
    if thesis is None:
        return ()
    reason = phrases("past.thesis.reason", reason=quoted(thesis.reason))
    if thesis.invalidation is None:
        return (reason,)
    invalidation = quoted(thesis.invalidation)
    return (reason, phrases("past.thesis.invalidation", invalidation=invalidation))


def _runs(in_order: Sequence[PastDecision]) -> list[_Run]:
    """Return what is told in one line each: ten times nothing says little more than once."""
    runs: list[_Run] = []
    for one in in_order:
        if one.tool in _IDLE_TOOLS and runs and _alike(runs[-1][-1], one):
            runs[-1] += (one,)
        else:
            runs.append((one,))
    return runs


def _alike(one: PastDecision, other: PastDecision) -> bool:
    return one.tool == other.tool and one.result == other.result and one.pair == other.pair


def _worded(run: _Run, pair: str) -> str:
    """Word decisions that were alike, or a single one: when, how sure, what came of it."""
    first, last = run[0], run[-1]
    at, tool = utc_minute(first.at), one_word(last.tool)
    if len(run) > 1:
        until = utc_minute(last.at).removeprefix(f"{utc_day(first.at)} ")
        at, tool = f"{at}..{until}", f"{len(run)}x {tool}"
    other_pair = _other_pair(last.pair, pair)
    confidence = _from_to([one.confidence_score for one in run])
    return f"{at}{other_pair} {tool} {confidence}, {quoted(last.result)}"


def _from_to(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    # Most are a single number, which is printed once.
    ends = dict.fromkeys((min(known), max(known)))
    return "-".join(dict.fromkeys(map(trimmed, ends)))


# Told anew whenever one closes; its number tells a trade from all others.
@lru_cache(maxsize=2048)
def _trade(trade: PastTrade, pair: str) -> str:
    line = " ".join(
        (
            utc_day(trade.closed_at) + _other_pair(trade.pair, pair),
            f"{trade.side} {trimmed(trade.leverage)}x",
            price(100 * trade.profit_ratio, 1),
            price(100 * trade.mfe_ratio, 1),
            price(100 * trade.mae_ratio, 1),
            _held(trade.duration_hours),
            one_word(trade.exit_reason),
            one_word(trade.grade),
        )
    )
    if not trade.taught:
        return line
    return f"{line} | {quoted(', '.join(trade.taught), _LONGEST_TAUGHT)}"


def _held(hours: float) -> str:
    return f"{60 * hours:.0f}min" if hours < 1 else f"{trimmed(hours)}h"


def _other_pair(pair: str, asked: str) -> str:
    return "" if pair == asked else f" {one_word(pair)}"
