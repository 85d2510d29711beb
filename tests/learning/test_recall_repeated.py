"""A library that is asked at every candle says what one would that is asked for the first time."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import NOON, PAIR, a_config, a_decision_record, a_trade_record
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import Finding, LessonRecord, OutcomeRecord, Reason, TradeRecord
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary

ETH = "ETH/USDT:USDT"
PAIRS = (PAIR, ETH)
MINUTE = timedelta(minutes=1)
FACTS = {
    "rsi": 55.0,
    "adx": 24.0,
    "bb_position": 0.5,
    "atr_pct": 0.6,
    "ema_gap_pct": 0.1,
    "macd_hist_pct": 0.01,
    "volume_ratio": 1.1,
    "change_pct_24h": 0.4,
}

Event = tuple[str, int, int]


def a_library(folder: Path) -> ExperienceLibrary:
    config = a_config(str(folder)).experience_config
    return ExperienceLibrary(config, TradeEvaluator(20.0), "dry_run")


def happen(library: ExperienceLibrary, number: int, event: Event) -> None:
    """Let one thing of the past be known: a trade, a decision, its outcome, a lesson's words."""
    kind, minute, choice = event
    pair, at = PAIRS[choice % 2], NOON + minute * MINUTE
    if kind == "trade":
        library.load([gist_of(a_trade(number, pair, at, choice))], [])
    elif kind == "decision":
        library.note(a_decision(number, pair, at, choice))
    elif kind == "outcome":
        decision_id = f"d-{number - 1 - choice % 3}"
        library.note(
            OutcomeRecord(
                decision_id=decision_id, at=at, pair=pair, tool="signal_exit", outcome="filled"
            )
        )
    else:
        words = {"pair": pair, "model": "m", "text": f"Wait for event {number}."}
        named = {"trade_id": number - 1, "opened_at": at - 60 * MINUTE}
        library.note_wording(LessonRecord(at=at, mode="dry_run", **words, **named))


def a_trade(number: int, pair: str, at: datetime, choice: int) -> TradeRecord:
    """A trade whose direction had not been confirmed, or had: the lesson depends on which."""
    profit = 0.01 * (choice - 3)
    values = {"best": "+0.1 %", "worst": "-3 %", "result": f"{100 * profit:+.3g} %", "side": "long"}
    finding = Finding(code="unconfirmed", stands=choice < 5, values=values)
    plain = a_trade_record()
    return a_trade_record(
        trade_id=number,
        pair=pair,
        opened_at=at - 60 * MINUTE,
        closed_at=at,
        profit_ratio=profit,
        reward=profit,
        reflection=plain.reflection.model_copy(update={"findings": (finding,)}),
    )


def a_decision(number: int, pair: str, at: datetime, choice: int) -> Any:
    refused = choice == 0
    reasons = (Reason(code="TOO_MANY", text="of them", kind="refusal"),) if refused else ()
    return a_decision_record(
        decision_id=f"d-{number}",
        pair=pair,
        at=at,
        candle_at=at,
        status="refused" if refused else "approved",
        reasons=reasons,
    )


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("trade", "decision", "outcome", "words")),
        st.integers(0, 40),
        st.integers(0, 7),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=40)
@given(events=EVENTS, asked=st.lists(st.tuples(st.integers(0, 41), st.integers(0, 1)), max_size=6))
def test_what_is_recalled_does_not_depend_on_what_was_asked_before(
    events: list[Event], asked: list[tuple[int, int]]
) -> None:
    nowhere = Path("/dev/null")
    used = a_library(nowhere)
    for number, event in enumerate(events):
        happen(used, number, event)
        for minute, place in asked:
            used.recall(PAIRS[place], NOON + minute * MINUTE, FACTS)
    for minute, place in asked:
        fresh = a_library(nowhere)
        for number, event in enumerate(events):
            happen(fresh, number, event)
        before = NOON + minute * MINUTE
        assert used.recall(PAIRS[place], before, FACTS) == fresh.recall(PAIRS[place], before, FACTS)
        assert used.habits(PAIRS[place], before) == fresh.habits(PAIRS[place], before)


def test_between_two_closes_the_trades_are_not_told_anew(tmp_path: Path) -> None:
    library = a_library(tmp_path)
    for number in range(12):
        happen(library, number, ("trade", number, number % 8))
    first = library.recall(PAIR, NOON + 30 * MINUTE, FACTS)
    second = library.recall(PAIR, NOON + 31 * MINUTE, FACTS)
    assert second.trades is first.trades
    assert second.patterns is first.patterns
    for one, other in zip(first.lessons, second.lessons, strict=True):
        assert one is other


def test_a_close_is_told_at_the_next_question(tmp_path: Path) -> None:
    library = a_library(tmp_path)
    happen(library, 1, ("trade", 1, 6))
    assert [one.trade_id for one in library.recall(PAIR, NOON + 5 * MINUTE, FACTS).trades] == [1]
    happen(library, 2, ("trade", 2, 6))
    known = library.recall(PAIR, NOON + 5 * MINUTE, FACTS)
    assert [one.trade_id for one in known.trades] == [2, 1]
    assert any("n=2" in sentence for sentence in known.statistics)


def test_an_outcome_is_told_once_it_is_known_and_not_before(tmp_path: Path) -> None:
    library = a_library(tmp_path)
    happen(library, 0, ("decision", 1, 2))
    happen(library, 1, ("outcome", 9, 0))

    def result(minute: int) -> str:
        return library.recall(PAIR, NOON + minute * MINUTE, FACTS).decisions[0].result

    assert [result(minute) for minute in (5, 9, 10, 5)] == [
        "approved",
        "approved",
        "filled",
        "approved",
    ]


def test_words_for_a_lesson_are_told_from_the_moment_they_are_known(tmp_path: Path) -> None:
    library = a_library(tmp_path)
    happen(library, 0, ("trade", 0, 0))
    before = library.recall(PAIR, NOON + 5 * MINUTE, FACTS).lessons
    assert len(before) == 1
    happen(library, 1, ("words", 0, 0))
    after = library.recall(PAIR, NOON + 6 * MINUTE, FACTS).lessons
    assert not any("event 1" in one for one in before)
    assert any("event 1" in one for one in after)


@pytest.mark.parametrize("forgotten", [120, 121])
def test_decisions_beyond_those_kept_leave_nothing_behind(tmp_path: Path, forgotten: int) -> None:
    library = a_library(tmp_path)
    for number in range(forgotten):
        library.note(a_decision(number, PAIR, NOON + number * MINUTE, 1))
        library.recall(PAIR, NOON + (number + 1) * MINUTE, FACTS)
    memory = library._decisions
    assert len(memory._told) <= len(memory._outcomes) == 120
    assert memory.noted(PAIR) == forgotten


def test_as_many_trades_are_not_the_same_trades(tmp_path: Path) -> None:
    library = a_library(tmp_path)
    happen(library, 1, ("trade", 20, 6))
    assert [one.trade_id for one in library.recall(PAIR, NOON + 30 * MINUTE, FACTS).trades] == [1]
    happen(library, 2, ("trade", 5, 6))
    assert [one.trade_id for one in library.recall(PAIR, NOON + 10 * MINUTE, FACTS).trades] == [2]


def test_a_trade_that_left_the_period_is_counted_no_more_though_no_other_closed(
    tmp_path: Path,
) -> None:
    library = a_library(tmp_path)
    happen(library, 1, ("trade", 0, 6))
    happen(library, 2, ("trade", 20, 7))
    month = 30 * 24 * 60 * MINUTE

    def counted(after: timedelta) -> list[str]:
        return [
            line.partition(",")[2].split(",")[0].strip()
            for line in library.recall(ETH, NOON + after, FACTS).statistics
            if line.startswith("All pairs")
        ]

    first, between = counted(30 * MINUTE), counted(month + 10 * MINUTE)
    assert "n=2" in first[0]
    assert "n=1" in between[0]
    assert counted(month + 21 * MINUTE) == []
    assert counted(30 * MINUTE) == first


def test_what_is_kept_of_each_pair_is_its_last_answer_alone(tmp_path: Path) -> None:
    library = a_library(tmp_path)
    for number in range(20):
        happen(library, number, ("trade", number, number % 8))
        for pair in PAIRS:
            library.recall(pair, NOON + (number + 1) * MINUTE, FACTS)
    assert library._by_trades._known.keys() == set(PAIRS)
