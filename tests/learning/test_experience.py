import json
import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    NOON,
    PAIR,
    a_closed_trade,
    a_config,
    a_decision_record,
    a_thesis,
    a_trade_record,
)
from llm_modules.domain import ClosedTrade, Experience, Language
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import (
    TRADE_LINES,
    DecisionLine,
    DecisionRecord,
    Finding,
    HaltRecord,
    LessonRecord,
    TradeRecord,
)
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.learning.reflection import SelfReflectionEngine
from llm_modules.learning.rewards import reward
from llm_modules.learning.wording import learning_phrases

ETH = "ETH/USDT:USDT"
SOL = "SOL/USDT:USDT"
LATER = NOON + timedelta(days=2)


# A file in it could not be written, and a test that tries to would say so.
NOWHERE = Path("/dev/null")


def a_library(
    folder: Path = NOWHERE, language: Language = "en", **experience: Any
) -> ExperienceLibrary:
    """A library that keeps no reward file unless the test asks for one."""
    settings = {"reward_learning": False} | experience
    config = a_config(str(folder), experience_config=settings).experience_config
    return ExperienceLibrary(config, TradeEvaluator(20.0), "dry_run", language)


def load(
    library: ExperienceLibrary,
    trades: Sequence[TradeRecord | LessonRecord],
    decisions: Sequence[DecisionLine],
) -> None:
    lines = [gist_of(line) if isinstance(line, TradeRecord) else line for line in trades]
    library.load(lines, decisions)


def recall(library: ExperienceLibrary, pair: str, before: datetime, **facts: float) -> Experience:
    return library.recall(pair, before, facts)


def learn(library: ExperienceLibrary, trade: ClosedTrade) -> TradeRecord:
    record = library.learn(trade, LATER)
    assert record is not None
    return record


def closed(number: int, **changes: Any) -> ClosedTrade:
    """Trade `number`, open for two hours and closed so many minutes after noon."""
    at = NOON + timedelta(minutes=number)
    values = {"trade_id": number, "opened_at": at - timedelta(hours=2), "closed_at": at}
    return a_closed_trade(**(values | changes))


def recorded(number: int, **changes: Any) -> TradeRecord:
    at = NOON + timedelta(minutes=number)
    values = {"trade_id": number, "opened_at": at - timedelta(hours=2), "closed_at": at}
    return a_trade_record(**(values | changes))


def trade_ids(experience: Experience) -> list[int]:
    return [trade.trade_id for trade in experience.trades]


def test_a_learnt_trade_becomes_a_record_with_evaluation_reflection_and_reward() -> None:
    trade = closed(1)
    record = learn(a_library(), trade)
    evaluation = TradeEvaluator(20.0).evaluate(trade)
    assert record.evaluation == evaluation
    engine = SelfReflectionEngine(learning_phrases("en"))
    assert record.reflection == engine.reflect(trade, evaluation)
    assert record.reward == reward(trade.profit_ratio, evaluation.score, trade.leverage)
    assert (record.at, record.mode) == (LATER, "dry_run")


def test_a_record_carries_every_fact_of_the_trade() -> None:
    trade = closed(1)
    record = learn(a_library(), trade)
    for name in ("trade_id", "pair", "side", "leverage", "stake_amount", "opened_at", "closed_at"):
        assert getattr(record, name) == getattr(trade, name)
    for name in ("open_rate", "close_rate", "profit_abs", "profit_ratio", "funding_fees"):
        assert getattr(record, name) == getattr(trade, name)
    for name in ("mfe_ratio", "mae_ratio", "stop_price", "exit_reason", "entries", "exits"):
        assert getattr(record, name) == getattr(trade, name)
    for name in ("exit_decision_id", "model_score", "exit_reflection"):
        assert getattr(record, name) == getattr(trade, name)
    assert record.entry is not None
    assert record.entry.model_dump() == {
        "decision_id": "d-1",
        "reason": "the trend is up",
        "confidence_score": 70.0,
        "key_support": 95.0,
        "key_resistance": 110.0,
        "stop_price": 97.0,
        "target_price": 106.0,
        "invalidation": "a close below 95",
        "facts": {"price": 100.0, "rsi": 55.0, "adx": 25.0, "ema_gap_pct": 0.3},
        "model": "",
        "timeframe": "",
    }


def test_a_record_survives_the_journal() -> None:
    record = learn(a_library(), closed(1))
    assert TRADE_LINES.validate_json(record.model_dump_json(by_alias=True)) == record


@pytest.mark.parametrize("reason", ["liquidation", "stop_loss", "force_exit", "trailing_stop_loss"])
def test_a_trade_is_learnt_however_it_closed(reason: str) -> None:
    trade = closed(
        1,
        exit_reason=reason,
        thesis=None,
        profit_ratio=-1.0,
        mae_ratio=-1.0,
        exit_decision_id=None,
        model_score=None,
        exit_reflection=None,
    )
    library = a_library()
    record = learn(library, trade)
    assert record.entry is None
    assert record.reward < 0
    assert recall(library, PAIR, LATER).trades[0].exit_reason == reason


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_fact_that_is_not_a_number_does_not_cost_the_record(broken: float) -> None:
    record = learn(a_library(), closed(1, thesis=a_thesis(facts={"rsi": broken, "adx": 20.0})))
    assert record.entry is not None
    assert record.entry.facts == {"adx": 20.0}


def test_a_trade_is_learnt_once() -> None:
    library = a_library()
    learn(library, closed(1))
    assert library.learn(closed(1, profit_ratio=-0.5), LATER + timedelta(hours=1)) is None
    assert trade_ids(recall(library, PAIR, LATER)) == [1]


def test_the_library_knows_what_it_has_learnt_or_loaded() -> None:
    library = a_library()
    assert not library.knows(1, closed(1).opened_at)
    library.learn(closed(1), LATER)
    load(library, [recorded(2)], [])
    assert library.knows(1, closed(1).opened_at)
    assert library.knows(2, closed(2).opened_at)
    assert not library.knows(3, closed(3).opened_at)


def test_the_same_number_opened_at_another_time_is_another_trade() -> None:
    library = a_library()
    library.learn(closed(1), LATER)
    assert not library.knows(1, closed(2).opened_at)
    library.learn(closed(2, trade_id=1), LATER)
    assert trade_ids(recall(library, PAIR, LATER)) == [1, 1]


def test_a_loaded_trade_is_not_learnt_again() -> None:
    library = a_library()
    load(library, [recorded(1)], [])
    assert library.learn(closed(1), LATER) is None


def test_what_was_added_up_beforehand_changes_no_answer() -> None:
    prepared, plain = a_library(), a_library()
    records = [recorded(number, profit_ratio=0.01 * (number % 5 - 2)) for number in range(60)]
    for library in (prepared, plain):
        load(library, records, [])
    prepared.prepare(NOON + timedelta(minutes=30))
    assert prepared._lessons._end == 30
    assert recall(prepared, PAIR, LATER) == recall(plain, PAIR, LATER)


def test_an_empty_library_recalls_nothing() -> None:
    assert recall(a_library(), PAIR, LATER) == Experience()


def test_a_past_trade_shows_its_numbers_its_grade_and_its_first_lesson() -> None:
    library = a_library()
    load(library, [recorded(1)], [])
    (trade,) = recall(library, PAIR, LATER).trades
    assert (trade.trade_id, trade.pair, trade.side, trade.leverage) == (1, PAIR, "long", 3.0)
    assert trade.closed_at == NOON + timedelta(minutes=1)
    assert (trade.profit_ratio, trade.mfe_ratio, trade.mae_ratio) == (0.058, 0.08, -0.01)
    assert (trade.duration_hours, trade.exit_reason) == (2.0, "signal_exit")
    assert (trade.grade, trade.taught) == ("A", ("keep the stop",))


def test_a_trade_names_the_lessons_it_bore_out_and_no_others() -> None:
    findings = (
        Finding(code="stale", stands=True, values={}),
        Finding(code="take_profit", stands=False, values={}),
    )
    reflection = recorded(1).reflection.model_copy(update={"findings": findings})
    library = a_library()
    load(library, [recorded(1, reflection=reflection)], [])
    assert recall(library, PAIR, LATER).trades[0].taught == ("stale",)


def test_the_trades_of_the_pair_come_first_and_others_fill_up() -> None:
    library = a_library(max_recent_trades_context=4)
    pairs = [PAIR, ETH, PAIR, SOL, ETH, SOL]
    load(library, [recorded(number, pair=pair) for number, pair in enumerate(pairs, 1)], [])
    assert trade_ids(recall(library, PAIR, LATER)) == [3, 1, 6, 5]
    assert trade_ids(recall(library, ETH, LATER)) == [5, 2, 6, 4]


def test_trades_of_the_pair_alone_can_fill_the_context() -> None:
    library = a_library(max_recent_trades_context=2)
    load(library, [recorded(number) for number in (1, 2, 3)] + [recorded(4, pair=ETH)], [])
    assert trade_ids(recall(library, PAIR, LATER)) == [3, 2]


def test_the_newest_of_any_pair_are_shown_when_the_pair_is_not_preferred() -> None:
    library = a_library(max_recent_trades_context=3, include_pair_specific_trades=False)
    pairs = [PAIR, ETH, PAIR, SOL, ETH]
    load(library, [recorded(number, pair=pair) for number, pair in enumerate(pairs, 1)], [])
    assert trade_ids(recall(library, PAIR, LATER)) == [5, 4, 3]


@pytest.mark.parametrize("preferred", [True, False])
def test_no_trades_are_shown_when_none_are_wanted(*, preferred: bool) -> None:
    library = a_library(max_recent_trades_context=0, include_pair_specific_trades=preferred)
    load(library, [recorded(1), recorded(2, pair=ETH)], [])
    assert recall(library, PAIR, LATER).trades == ()


@pytest.mark.parametrize(("wanted", "shown"), [(0, 0), (2, 2), (9, 3)])
def test_as_many_decisions_are_shown_as_wanted(wanted: int, shown: int) -> None:
    library = a_library(max_recent_decisions_context=wanted)
    lines = [
        a_decision_record(decision_id=f"d-{number}", at=NOON + timedelta(minutes=number))
        for number in range(3)
    ]
    load(library, [], lines[:2])
    library.note(lines[2])
    found = recall(library, PAIR, LATER).decisions
    assert [past.at for past in found] == [line.at for line in reversed(lines)][:shown]


def test_decisions_of_other_pairs_are_not_shown() -> None:
    library = a_library()
    library.note(a_decision_record(pair=ETH))
    assert recall(library, PAIR, LATER).decisions == ()


def test_a_refusal_is_recalled_however_few_decisions_are_shown() -> None:
    library = a_library(max_recent_decisions_context=1)
    refusal = a_decision_record(decision_id="d-0", status="refused")
    load(library, [], [refusal, a_decision_record(at=NOON + timedelta(minutes=1))])
    recalled = recall(library, PAIR, NOON + timedelta(hours=1))
    assert [past.result for past in recalled.decisions] == ["approved", "refused"]


def holds(count: int, *, start: int = 0, pair: str = PAIR) -> list[DecisionRecord]:
    """Holds of one position for one reason, one a minute from noon on."""
    return [
        a_decision_record(
            decision_id=f"{pair}-{number}",
            at=NOON + timedelta(minutes=number),
            pair=pair,
            stance="in_position",
            tool="signal_hold",
            trade_id=7,
            profit_ratio=0.1 * number,
            call={"reason": "wait for it"},
        )
        for number in range(start, start + count)
    ]


def codes(library: ExperienceLibrary, before: datetime = LATER, pair: str = PAIR) -> list[str]:
    found = library.habits(pair, before)
    assert recall(library, pair, before).habits == found
    return [habit.code for habit in found]


def test_habits_are_found_in_the_decisions_of_the_pair_alone() -> None:
    library = a_library()
    load(library, [], [*holds(5), *holds(2, pair=ETH)])
    assert codes(library) == ["STUCK"]
    assert codes(library, pair=ETH) == codes(library, pair=SOL) == []


def test_habits_are_told_even_when_no_decisions_are_shown() -> None:
    library = a_library(max_recent_decisions_context=0)
    load(library, [], holds(5))
    assert recall(library, PAIR, LATER).decisions == ()
    assert codes(library) == ["STUCK"]


@pytest.mark.parametrize(
    ("minute", "found"), [(2, []), (3, ["REPEATED_REASON"]), (4, ["REPEATED_REASON"])]
)
def test_only_decisions_made_before_the_question_make_a_habit(
    minute: int, found: list[str]
) -> None:
    library = a_library()
    load(library, [], holds(9))
    assert codes(library, NOON + timedelta(minutes=minute)) == found


def test_only_trades_closed_before_the_question_make_a_habit() -> None:
    library = a_library()
    lost = [recorded(number, profit_ratio=-0.02) for number in range(10)]
    entry = lost[0].entry
    assert entry is not None
    sure = entry.model_copy(update={"confidence_score": 95.0})
    load(library, [record.model_copy(update={"entry": sure}) for record in lost], [])
    assert codes(library, NOON + timedelta(minutes=9)) == []
    assert codes(library, NOON + timedelta(minutes=9, seconds=1)) == ["OVERCONFIDENT"]


def test_the_habits_of_a_moment_change_with_what_becomes_known_of_it() -> None:
    library = a_library()
    load(library, [], holds(4))
    assert codes(library) == ["REPEATED_REASON"]
    library.note(holds(1, start=4)[0])
    assert codes(library) == ["STUCK"]
    library.learn(closed(7, closed_at=NOON + timedelta(minutes=5)), LATER)
    assert codes(library) == []


def test_habits_asked_for_twice_are_looked_for_once() -> None:
    library = a_library()
    load(library, [], holds(5))
    assert recall(library, PAIR, LATER).habits is library.habits(PAIR, LATER)


def test_a_halt_is_noted_without_a_trace() -> None:
    library = a_library()
    library.note(HaltRecord(at=NOON, mode="dry_run", event="halted", text="by hand", equity=None))
    assert recall(library, PAIR, LATER) == Experience()


@given(st.lists(st.sampled_from([*holds(20), *holds(20, pair=ETH)]), max_size=60), st.data())
def test_habits_are_the_same_whether_the_future_is_known_or_not(
    drawn: list[DecisionRecord], data: st.DataObject
) -> None:
    at = NOON + timedelta(minutes=data.draw(st.integers(0, 21)))
    everything, truncated = a_library(), a_library()
    load(everything, [], drawn)
    load(truncated, [], [line for line in drawn if line.at < at])
    everything.habits(PAIR, LATER)
    assert everything.habits(PAIR, at) == truncated.habits(PAIR, at)


def test_statistics_tell_of_the_pair_and_of_all_pairs() -> None:
    library = a_library()
    load(library, [recorded(1), recorded(2, pair=ETH, profit_ratio=-0.02)], [])
    mine, everyone = recall(library, PAIR, LATER).statistics
    assert mine.startswith("This pair, 30 days: n=1, won 100%")
    assert everyone.startswith("All pairs, 30 days: n=2, won 50%")


def test_statistics_forget_what_is_older_than_30_days() -> None:
    library = a_library()
    load(library, [recorded(1)], [])
    assert recall(library, PAIR, NOON + timedelta(days=31)).statistics == ()


def test_a_significant_pattern_is_told_as_a_sentence() -> None:
    library = a_library()
    wins = [recorded(number, side="long") for number in range(40)]
    losses = [recorded(number, side="short", profit_ratio=-0.02) for number in range(40, 80)]
    load(library, wins + losses, [])
    patterns = recall(library, PAIR, LATER).patterns
    assert [sentence[:33] for sentence in patterns] == [
        "Works: long: 100 % won (91-100) a",
        "Fails: short: 0 % won (0-9) again",
    ]
    assert all(sentence.endswith("n=40.") for sentence in patterns)


def test_a_learnt_trade_changes_the_patterns_of_the_next_question() -> None:
    library = a_library()
    load(library, [recorded(number, side="long") for number in range(40)], [])
    load(
        library,
        [recorded(number, side="short", profit_ratio=-0.02) for number in range(40, 47)],
        [],
    )
    assert not any("Fails: short" in line for line in recall(library, PAIR, LATER).patterns)
    library.learn(closed(47, side="short", profit_ratio=-0.02), LATER)
    assert any("Fails: short" in sentence for sentence in recall(library, PAIR, LATER).patterns)


def test_rewards_are_kept_in_a_file_and_told_in_one_line(tmp_path: Path) -> None:
    library = a_library(tmp_path, reward_learning=True)
    load(library, [recorded(1)], [])
    library.learn(closed(2), LATER)
    document = json.loads((tmp_path / "reward_learning.json").read_bytes())
    assert [row["trade_id"] for row in document["rewards"]] == [1, 2]
    line = recall(library, PAIR, LATER).statistics[-1]
    assert line.startswith("Rewards of 2 trades: ")


def test_the_reward_file_is_there_from_the_start(tmp_path: Path) -> None:
    load(a_library(tmp_path, reward_learning=True), [], [])
    assert json.loads((tmp_path / "reward_learning.json").read_bytes())["rewards"] == []


def test_a_trade_loaded_or_learnt_twice_is_rewarded_once(tmp_path: Path) -> None:
    library = a_library(tmp_path, reward_learning=True)
    load(library, [recorded(1), recorded(1)], [])
    library.learn(closed(1), LATER)
    document = json.loads((tmp_path / "reward_learning.json").read_bytes())
    assert document["all"]["n"] == 1


def test_without_reward_learning_there_is_no_file_and_no_line(tmp_path: Path) -> None:
    library = a_library(tmp_path, reward_learning=False)
    load(library, [recorded(1)], [])
    library.learn(closed(2), LATER)
    assert list(tmp_path.iterdir()) == []
    assert not any("Rewards" in line for line in recall(library, PAIR, LATER).statistics)


def test_a_reward_file_that_cannot_be_written_costs_neither_the_start_nor_a_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    folder.write_text("a file where the folder should be")
    library = a_library(folder, reward_learning=True)
    with caplog.at_level(logging.WARNING):
        load(library, [recorded(1)], [])
        assert learn(library, closed(2)).trade_id == 2
    assert len(caplog.records) == 2
    assert "reward_learning.json" in caplog.text
    assert library.knows(2, closed(2).opened_at)
    assert "Rewards of 2 trades" in recall(library, PAIR, LATER).statistics[-1]


GAVE_BACK: dict[str, Any] = {"mfe_ratio": 0.08, "profit_ratio": 0.01, "mae_ratio": 0.0}


def test_the_lesson_of_a_trade_is_told_from_the_moment_after_its_close() -> None:
    library = a_library()
    record = learn(library, closed(1, **GAVE_BACK))
    known = recall(library, PAIR, record.closed_at)
    assert (known.trades, known.lessons) == ((), ())
    known = recall(library, PAIR, record.closed_at + timedelta(microseconds=1))
    assert "take_profit" in known.trades[0].taught
    assert known.lessons[0].startswith("Take profit on a long or tighten its stop")


def test_lessons_are_told_in_the_language_of_the_prompt_whenever_they_were_learnt() -> None:
    record = learn(a_library(), closed(1, **GAVE_BACK))
    chinese = a_library(language="zh")
    load(chinese, [record], [])
    known = recall(chinese, PAIR, LATER)
    said = (*known.lessons, *known.statistics)
    assert known.lessons
    assert all(any("\u4e00" <= char <= "\u9fff" for char in line) for line in said)


@pytest.mark.parametrize(("wanted", "told"), [(0, 0), (1, 1), (20, 2)])
def test_as_many_lessons_are_told_as_wanted(wanted: int, told: int) -> None:
    library = a_library(max_lessons_context=wanted)
    learn(library, closed(1, **GAVE_BACK, model_score=10.0))
    assert len(recall(library, PAIR, LATER).lessons) == told


@pytest.mark.parametrize(("days", "told"), [(30.0, 1), (1.0, 0)])
def test_a_lesson_is_forgotten_after_some_half_lives(days: float, told: int) -> None:
    library = a_library(lesson_half_life_days=days)
    learn(library, closed(1, **GAVE_BACK))
    assert len(recall(library, PAIR, LATER + timedelta(hours=1)).lessons) == told


def test_with_the_loop_switched_off_nothing_comes_back_and_all_is_recorded(tmp_path: Path) -> None:
    library = a_library(tmp_path, enabled=False, reward_learning=True)
    load(library, [recorded(1)], holds(5))
    record = learn(library, closed(2, **GAVE_BACK))
    assert recall(library, PAIR, LATER) == Experience()
    assert record.reflection.lessons
    assert list(tmp_path.iterdir()) == []


def test_the_gate_knows_of_habits_with_the_loop_switched_off() -> None:
    library = a_library(enabled=False)
    load(library, [], holds(5))
    assert [habit.code for habit in library.habits(PAIR, LATER)] == ["STUCK"]


def worded(trade: ClosedTrade, text: str) -> LessonRecord:
    return LessonRecord(
        at=LATER,
        mode="dry_run",
        trade_id=trade.trade_id,
        opened_at=trade.opened_at,
        pair=trade.pair,
        model="a-model",
        text=text,
    )


@pytest.mark.parametrize("is_loaded", [True, False])
def test_the_words_of_a_model_are_told_once_they_were_known(*, is_loaded: bool) -> None:
    library, trade = a_library(), closed(1, **GAVE_BACK)
    record = learn(library, trade)
    line = worded(trade, "Trail the stop of a long sooner.")
    if is_loaded:
        load(library, [record, line], [])
    else:
        library.note_wording(line)
    assert recall(library, PAIR, LATER).lessons[0].startswith("Take profit on a long")
    told = recall(library, PAIR, LATER + timedelta(seconds=1)).lessons[0]
    assert told.endswith(" A model's words: Trail the stop of a long sooner.")


def about(trade: ClosedTrade, **changes: Any) -> DecisionRecord:
    """A decision about a trade, a minute before its close."""
    at = trade.closed_at - timedelta(minutes=1)
    values = {"trade_id": trade.trade_id, "at": at, "facts": {"rsi": 61.0}, "tool": "signal_hold"}
    return a_decision_record(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, {"rsi": 61.0}),
        ({"trade_id": 2}, {}),
        ({"trade_id": None}, {}),
        ({"pair": ETH}, {}),
        ({"at": NOON + timedelta(minutes=1)}, {}),
        ({"at": NOON - timedelta(days=1)}, {}),
    ],
)
def test_a_trade_is_recorded_with_the_market_of_the_last_decision_about_it(
    changes: dict[str, Any], facts: dict[str, float]
) -> None:
    library = a_library()
    load(library, [], [about(closed(1), **changes)])
    assert learn(library, closed(1)).exit_facts == facts


def test_the_calibration_told_is_that_of_the_model_that_answers() -> None:
    library = a_library()
    entry = recorded(1).entry
    assert entry is not None
    for model, first in (("one", 0), ("two", 40)):
        own = entry.model_copy(update={"model": model, "confidence_score": 90.0})
        load(library, [recorded(number, entry=own) for number in range(first, first + 25)], [])
    library.note(a_decision_record(model="two"))
    library.note(a_decision_record(decision_id="d-9", model="three", tool=None, status="failed"))
    told = recall(library, PAIR, LATER).statistics
    assert any("n=25" in line and "confidence" in line.lower() for line in told)
    # Nobody answered for this pair yet: it is told of the model that answers elsewhere.
    assert any("n=25" in line for line in recall(library, SOL, LATER).statistics)


def test_another_model_is_told_of_its_own_calibration_though_no_trade_closed() -> None:
    library = a_library()
    entry = recorded(1).entry
    assert entry is not None
    own = entry.model_copy(update={"model": "old", "confidence_score": 90.0})
    load(library, [recorded(number, entry=own) for number in range(25)], [])
    is_told = []
    for number, model in enumerate(("old", "new", "old")):
        decided = {"decision_id": f"d-{number}", "at": NOON + timedelta(hours=number)}
        library.note(a_decision_record(model=model, **decided))
        told = recall(library, PAIR, LATER).statistics
        is_told.append(any("confidence" in line for line in told))
    assert is_told == [True, False, True]


def test_a_model_that_is_not_known_is_told_no_other_models_calibration() -> None:
    library = a_library()
    entry = recorded(1).entry
    assert entry is not None
    own = entry.model_copy(update={"model": "old", "confidence_score": 90.0})
    load(library, [recorded(number, entry=own) for number in range(25)], [])
    assert not any("confidence" in line for line in recall(library, PAIR, LATER).statistics)
    library.note(a_decision_record(model="new"))
    assert not any("confidence" in line for line in recall(library, PAIR, LATER).statistics)


def test_a_decision_that_failed_before_it_saw_the_market_does_not_hide_the_one_before() -> None:
    trade = closed(1)
    earlier = about(trade, decision_id="d-8", at=trade.closed_at - timedelta(minutes=9))
    failed = about(trade, decision_id="d-9", facts={}, status="failed", tool=None)
    library = a_library()
    load(library, [], [earlier, failed])
    assert learn(library, trade).exit_facts == {"rsi": 61.0}


@pytest.mark.parametrize("changes", [{"exit_reason": "force_exit"}, {"entry": None}])
def test_an_old_record_of_a_trade_that_was_not_the_models_own_teaches_nothing(
    changes: dict[str, Any],
) -> None:
    library = a_library()
    load(library, [recorded(1, **changes)], [])
    assert recall(library, PAIR, LATER).trades[0].taught == ()


def test_a_trade_that_no_decision_opened_teaches_nothing() -> None:
    library = a_library()
    record = learn(library, closed(1, thesis=None, **GAVE_BACK))
    assert (record.reflection.findings, record.reflection.lessons) == ((), ())
    assert recall(library, PAIR, LATER).lessons == ()


def test_past_entries_in_a_similar_market_are_told() -> None:
    facts = {"rsi": 55.0, "adx": 25.0, "ema_gap_pct": 0.3, "atr_pct": 0.4, "bb_position": 0.5}
    facts |= {"macd_hist_pct": 0.01, "volume_ratio": 1.0, "change_pct_24h": 1.0}
    library = a_library()
    entry = recorded(1).entry
    assert entry is not None
    like = entry.model_copy(update={"facts": facts})
    load(library, [recorded(number, entry=like) for number in range(5)], [])
    near = recall(library, PAIR, LATER, **facts).statistics
    far = recall(library, PAIR, LATER).statistics
    assert len(near) == len(far) + 1
    assert any("similar" in line for line in near)


rows = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([PAIR, ETH]),
        st.sampled_from(["long", "short"]),
        st.sampled_from([-0.05, -0.01, 0.02, 0.1]),
    ),
    max_size=25,
)


def some_records(drawn: list[tuple[int, str, str, float]]) -> list[TradeRecord]:
    return [
        recorded(
            number,
            closed_at=NOON + timedelta(minutes=minute),
            pair=pair,
            side=side,
            profit_ratio=profit,
        )
        for number, (minute, pair, side, profit) in enumerate(drawn)
    ]


def in_memory(records: list[TradeRecord]) -> ExperienceLibrary:
    library = a_library()
    load(library, records, [])
    return library


@given(rows, st.integers(0, 41))
def test_what_is_recalled_is_the_same_whether_the_future_is_known_or_not(
    drawn: list[tuple[int, str, str, float]], minute: int
) -> None:
    at: datetime = NOON + timedelta(minutes=minute)
    records = some_records(drawn)
    past = [record for record in records if record.closed_at < at]
    everything, truncated = in_memory(records), in_memory(past)
    recall(everything, PAIR, LATER)
    found = recall(everything, PAIR, at)
    assert found == recall(truncated, PAIR, at)
    assert all(trade.closed_at < at for trade in found.trades)


@given(rows.flatmap(lambda drawn: st.tuples(st.just(drawn), st.permutations(range(len(drawn))))))
def test_learning_one_by_one_in_any_order_recalls_the_same_as_loading_at_once(
    both: tuple[list[tuple[int, str, str, float]], list[int]],
) -> None:
    drawn, order = both
    records = some_records(drawn)
    grown = a_library()
    for position in order:
        load(grown, [records[position]], [])
        recall(grown, ETH, LATER)
    assert recall(grown, PAIR, LATER) == recall(in_memory(records), PAIR, LATER)


@pytest.mark.parametrize(("formula", "share"), [("default", 1), ("classic", 0)])
def test_the_reward_formula_is_the_configured_one(tmp_path: Path, formula: str, share: int) -> None:
    config = a_config(str(tmp_path), experience_config={"reward_formula": formula})
    chosen = ExperienceLibrary(config.experience_config, TradeEvaluator(10.0), "sandbox")
    trade = a_closed_trade(profit_ratio=-0.04, profit_abs=-4.0)
    record = learn(chosen, trade)
    good = record.evaluation.score / 100
    weight = 1 - good if share else good
    assert record.reward == pytest.approx(-0.04 * weight)
