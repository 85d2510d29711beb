from datetime import timedelta
from typing import Any

import pytest

from builders import NOON, PAIR, a_decision_record
from llm_modules.journal.records import DecisionRecord, OutcomeKind, OutcomeRecord, Reason
from llm_modules.learning.decisions import KEPT_PER_PAIR, DecisionMemory, result_phrase

ETH = "ETH/USDT:USDT"
LATER = NOON + timedelta(days=1)
TOO_HIGH = Reason(code="MAX_LEVERAGE", text="leverage 50 above 10")
NO_SLOT = Reason(code="NO_FREE_SLOT", text="4 of 4 positions are taken")


def decided(number: int, **changes: Any) -> DecisionRecord:
    values = {"decision_id": f"d-{number}", "at": NOON + timedelta(minutes=number)}
    return a_decision_record(**(values | changes))


def an_outcome(number: int, outcome: OutcomeKind = "filled", **changes: Any) -> OutcomeRecord:
    values: dict[str, Any] = {
        "decision_id": f"d-{number}",
        "at": NOON + timedelta(minutes=number, seconds=10),
        "pair": PAIR,
        "tool": "signal_entry_long",
        "outcome": outcome,
    }
    return OutcomeRecord(**(values | changes))


def a_memory(*lines: DecisionRecord | OutcomeRecord) -> DecisionMemory:
    memory = DecisionMemory()
    for line in lines:
        memory.note(line)
    return memory


def test_a_decision_is_remembered_with_what_the_model_said() -> None:
    call: dict[str, str | float | None] = {"confidence_score": 72.0, "reason": "a clear breakout"}
    memory = a_memory(decided(1, tool="signal_entry_long", call=call))
    (past,) = memory.recent(5, pair=PAIR, before=LATER)
    assert past.at == NOON + timedelta(minutes=1)
    assert (past.pair, past.tool) == (PAIR, "signal_entry_long")
    assert (past.confidence_score, past.reason) == (72.0, "a clear breakout")
    assert past.result == "approved"


def test_a_decision_that_never_became_a_call_has_no_tool_confidence_or_reason() -> None:
    memory = a_memory(decided(1, status="failed", tool=None, call={}, fault="timeout"))
    (past,) = memory.recent(5, pair=PAIR, before=LATER)
    assert (past.tool, past.confidence_score, past.reason) == ("none", None, "")
    assert past.result == "failed: timeout"


def test_a_confidence_that_is_not_a_number_is_left_out() -> None:
    memory = a_memory(decided(1, call={"confidence_score": "very", "reason": None}))
    (past,) = memory.recent(5, pair=PAIR, before=LATER)
    assert (past.confidence_score, past.reason) == (None, "")


@pytest.mark.parametrize(("count", "minutes"), [(0, []), (2, [3, 2]), (3, [3, 2, 1])])
def test_the_last_decisions_of_the_pair_come_newest_first(count: int, minutes: list[int]) -> None:
    memory = a_memory(decided(1), decided(2), decided(9, pair=ETH), decided(3))
    found = memory.recent(count, pair=PAIR, before=LATER)
    assert [past.at for past in found] == [NOON + timedelta(minutes=minute) for minute in minutes]


def test_a_pair_without_decisions_has_none_to_remember() -> None:
    assert a_memory(decided(1)).recent(5, pair=ETH, before=LATER) == ()


def test_a_decision_made_at_the_very_moment_is_not_yet_known() -> None:
    memory = a_memory(decided(1))
    moment = NOON + timedelta(minutes=1)
    assert memory.recent(5, pair=PAIR, before=moment) == ()
    assert len(memory.recent(5, pair=PAIR, before=moment + timedelta(microseconds=1))) == 1


def test_the_outcome_of_a_decision_is_told_with_it() -> None:
    memory = a_memory(decided(1), an_outcome(1))
    assert memory.recent(5, pair=PAIR, before=LATER)[0].result == "filled"


def test_an_outcome_is_told_only_once_it_was_known() -> None:
    memory = a_memory(decided(1), an_outcome(1))
    known_at = NOON + timedelta(minutes=1, seconds=10)
    assert memory.recent(5, pair=PAIR, before=known_at)[0].result == "approved"
    after = known_at + timedelta(microseconds=1)
    assert memory.recent(5, pair=PAIR, before=after)[0].result == "filled"


def test_of_several_outcomes_the_last_counts() -> None:
    memory = a_memory(decided(1), an_outcome(1, "vetoed"), an_outcome(1, "expired"))
    assert memory.recent(5, pair=PAIR, before=LATER)[0].result == "expired"


def test_an_outcome_of_an_unknown_decision_is_ignored() -> None:
    memory = a_memory(an_outcome(1), decided(1))
    assert memory.recent(5, pair=PAIR, before=LATER)[0].result == "approved"


def test_a_decision_noted_twice_is_remembered_once_with_its_outcome() -> None:
    memory = a_memory(decided(1), an_outcome(1), decided(1))
    assert [past.result for past in memory.recent(5, pair=PAIR, before=LATER)] == ["filled"]


@pytest.mark.parametrize(
    ("made", "kept"), [(KEPT_PER_PAIR - 1, 119), (KEPT_PER_PAIR, 120), (KEPT_PER_PAIR + 1, 120)]
)
def test_the_oldest_decisions_of_a_pair_are_forgotten(made: int, kept: int) -> None:
    memory = a_memory(decided(0, pair=ETH), *(decided(number + 1) for number in range(made)))
    assert len(memory.recent(999, pair=PAIR, before=LATER)) == kept
    assert len(memory.recent(999, pair=ETH, before=LATER)) == 1


def test_with_a_decision_its_outcome_is_forgotten_too() -> None:
    memory = a_memory(decided(0), an_outcome(0))
    for number in range(1, KEPT_PER_PAIR + 50):
        memory.note(decided(number))
        memory.note(an_outcome(number))
    assert len(memory._outcomes) == KEPT_PER_PAIR


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"status": "approved"}, "approved"),
        (
            {"status": "refused", "reasons": (TOO_HIGH,)},
            "refused: MAX_LEVERAGE leverage 50 above 10",
        ),
        (
            {"status": "refused", "reasons": (TOO_HIGH, NO_SLOT)},
            "refused: MAX_LEVERAGE leverage 50 above 10; NO_FREE_SLOT 4 of 4 positions are taken",
        ),
        (
            {"status": "clamped", "reasons": (TOO_HIGH,)},
            "clamped: MAX_LEVERAGE leverage 50 above 10",
        ),
        ({"status": "failed", "fault": "timeout"}, "failed: timeout"),
        ({"status": "failed", "problems": ("pair: missing",)}, "failed: pair: missing"),
        (
            {"status": "failed", "fault": "no_usable_answer", "problems": ("pair: missing",)},
            "failed: no_usable_answer; pair: missing",
        ),
        ({"status": "failed"}, "failed"),
    ],
)
def test_a_decision_without_outcome_is_told_by_its_verdict(
    changes: dict[str, Any], phrase: str
) -> None:
    assert result_phrase(decided(1, **changes)) == phrase


@pytest.mark.parametrize(
    ("outcome", "detail", "phrase"),
    [
        ("filled", "", "filled"),
        ("expired", "", "expired"),
        ("superseded", "", "superseded"),
        ("aborted", "the bot was stopped", "aborted: the bot was stopped"),
        ("vetoed", "below the minimum stake", "vetoed: below the minimum stake"),
    ],
)
def test_an_outcome_is_told_with_its_detail(outcome: OutcomeKind, detail: str, phrase: str) -> None:
    assert result_phrase(decided(1), [an_outcome(1, outcome, detail=detail)]) == phrase


def test_a_clamped_decision_tells_both_its_outcome_and_what_was_changed() -> None:
    clamped = decided(1, status="clamped", reasons=(TOO_HIGH,))
    assert result_phrase(clamped, [an_outcome(1)]) == (
        "clamped: filled, MAX_LEVERAGE leverage 50 above 10"
    )


def test_a_result_is_short_whatever_was_wrong() -> None:
    wordy = decided(1, status="failed", problems=("x" * 1000,))
    assert len(result_phrase(wordy)) == 160
