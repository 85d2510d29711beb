"""TradeReviewer: one closed trade as a page for people: plan, course, market, scores, lessons."""

from collections.abc import Iterator
from dataclasses import dataclass

from llm_modules.domain import Change
from llm_modules.journal.records import EntryThesis, TradeRecord
from llm_modules.learning.evaluator import hours_open, kept_share
from llm_modules.learning.lessons import capped
from llm_modules.learning.wording import duration, percent, price
from llm_modules.market.comparison import MarketStateComparator
from llm_modules.phrases import Phrases

LONGEST_QUOTE = 1000
LONGEST_CURRENCY = 12


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines under it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """A trade's page: title and sections, in the language of the phrases it was written with."""

    title: str
    sections: tuple[Section, ...]


class TradeReviewer:
    """Writes the review of a closed trade; what a model wrote stands in quotation marks."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases
        self._comparator = MarketStateComparator()

    def review(self, record: TradeRecord, worded: str | None = None) -> Review:
        """Return the review of one trade; `worded` is its lesson in a model's words."""
        title = self._phrases(
            "review.title",
            id=record.trade_id,
            pair=record.pair,
            side=self._phrases(f"review.side.{record.side}"),
            leverage=f"{record.leverage:.3g}",
            mode=record.mode,
            profit=percent(record.profit_ratio),
            grade=record.evaluation.grade,
        )
        sections = (
            self._section("plan", self._plan(record.entry)),
            self._section("course", self._course(record)),
            self._section("market", self._market(record)),
            self._section("scores", self._scores(record)),
            self._section("judgement", self._judgement(record)),
            self._section("lessons", self._lessons(record, worded)),
            self._section("links", self._links(record)),
        )
        return Review(title, sections)

    def _section(self, name: str, lines: Iterator[str]) -> Section:
        return Section(self._phrases(f"review.heading.{name}"), tuple(lines))

    def _plan(self, entry: EntryThesis | None) -> Iterator[str]:
        say = self._phrases
        if entry is None:
            yield say("review.plan.none")
            return
        yield say("review.plan.reason", text=quoted(entry.reason))
        yield say("review.plan.confidence", confidence=f"{entry.confidence_score:.3g}")
        if entry.model:
            yield say("review.plan.model", model=quoted(entry.model))
        support, resistance = price(entry.key_support), price(entry.key_resistance)
        yield say("review.plan.levels", support=support, resistance=resistance)
        if entry.stop_price is None:
            yield say("review.plan.no_stop")
        else:
            yield say("review.plan.stop", stop=price(entry.stop_price))
        if entry.target_price is not None:
            yield say("review.plan.target", target=price(entry.target_price))
        if entry.invalidation is not None:
            yield say("review.plan.invalidation", text=quoted(entry.invalidation))

    def _course(self, record: TradeRecord) -> Iterator[str]:
        say = self._phrases
        opened, closed = (f"{at:%Y-%m-%d %H:%M}" for at in (record.opened_at, record.closed_at))
        held = duration(say, hours_open(record))
        yield say("review.course.time", opened=opened, closed=closed, held=held)
        yield say(
            "review.course.prices",
            open=price(record.open_rate),
            close=price(record.close_rate),
            stop=price(record.stop_price),
        )
        yield say(
            "review.course.profit",
            profit=percent(record.profit_ratio),
            amount=f"{record.profit_abs:+.4g}",
            currency=_stake_currency(record.pair),
            funding=f"{record.funding_fees:+.4g}",
        )
        kept = kept_share(record.profit_ratio, record.mfe_ratio)
        yield say(
            "review.course.never" if kept is None else "review.course.kept",
            best=percent(record.mfe_ratio),
            worst=percent(record.mae_ratio),
            kept=f"{kept or 0:.0%}",
        )
        yield say(
            "review.course.end",
            reason=quoted(record.exit_reason),
            entries=record.entries,
            exits=record.exits,
        )
        if record.exit_reflection:
            yield say("review.course.said", text=quoted(record.exit_reflection))

    def _market(self, record: TradeRecord) -> Iterator[str]:
        then = record.entry.facts if record.entry else {}
        changes = self._comparator.compare(then, record.exit_facts)
        if not changes:
            yield self._phrases("review.market.unknown")
        for change in changes:
            yield self._phrases(
                "review.market.changed" if change.significant else "review.market.steady",
                fact=self._fact(change),
                before=_value(change, change.before),
                after=_value(change, change.after),
            )

    def _fact(self, change: Change) -> str:
        key = f"review.fact.{change.code}"
        # A fact that a later version records has no phrase here: its code is better than no line.
        known = key in self._phrases
        return self._phrases(key if known else "review.fact.other", code=change.code)

    def _scores(self, record: TradeRecord) -> Iterator[str]:
        say, evaluation = self._phrases, record.evaluation
        for name in ("profit", "risk", "timing", "efficiency"):
            points = getattr(evaluation, f"{name}_points")
            yield say(f"review.scores.{name}", points=f"{points:.3g}")
        score = f"{evaluation.score:.3g}"
        yield say("review.scores.total", score=score, grade=evaluation.grade)
        if record.model_score is not None:
            yield say("review.scores.own", score=f"{record.model_score:.3g}")
        yield say("review.scores.reward", reward=f"{record.reward:+.3g}")

    def _judgement(self, record: TradeRecord) -> Iterator[str]:
        say, reflection = self._phrases, record.reflection
        if reflection.judgement is None:
            yield say("review.judgement.unknown")
            return
        # What decided, as `judgement` looks at it: the direction first, then how far it went.
        direction = "right" if record.mfe_ratio > -record.mae_ratio else "wrong"
        yield say(f"review.judgement.{reflection.judgement}.{direction}")
        if reflection.surprise is not None:
            yield say("review.judgement.surprise", surprise=f"{reflection.surprise:+.3g}")

    def _lessons(self, record: TradeRecord, worded: str | None) -> Iterator[str]:
        # In the language of the day it was written: a record is shown, not told anew.
        yield record.reflection.summary
        if not record.reflection.lessons:
            yield self._phrases("review.lessons.none")
        yield from record.reflection.lessons
        if worded is not None:
            yield self._phrases("review.lessons.worded", text=quoted(worded))

    def _links(self, record: TradeRecord) -> Iterator[str]:
        opened_by = record.entry.decision_id if record.entry else None
        closed_by = record.exit_decision_id
        if opened_by is not None:
            yield self._phrases("review.links.entry", id=opened_by)
        if closed_by is not None:
            yield self._phrases("review.links.exit", id=closed_by)
        if opened_by is None and closed_by is None:
            yield self._phrases("review.links.none")


def quoted(text: str) -> str:
    """Return foreign text on one line, bounded and in quotation marks it cannot close."""
    # A quotation mark in it would end the quotation, and the rest would pass for ours.
    line = " ".join(text.replace("\u201c", '"').replace("\u201d", '"').split())
    return f"\u201c{capped(line, LONGEST_QUOTE)}\u201d"


def _stake_currency(pair: str) -> str:
    """Return what a pair is settled in, as Freqtrade names it: `BTC/USDT:USDT` in USDT."""
    return capped(" ".join(pair.rpartition(":")[2].split()), LONGEST_CURRENCY)


def _value(change: Change, value: float) -> str:
    return price(value) if change.code in {"price", "atr"} else f"{value:.4g}"
