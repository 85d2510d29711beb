from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import NOON, PAIR, a_decision_record
from llm_modules.journal.records import (
    DecisionLine,
    DecisionRecord,
    HaltRecord,
    OutcomeKind,
    OutcomeRecord,
    Reason,
)
from llm_modules.learning.decisions import (
    KEPT_PER_PAIR,
    LONGEST_FAILURE,
    LONGEST_RESULT,
    DecisionMemory,
    result_phrase,
)

ETH = "ETH/USDT:USDT"
LATER = NOON + timedelta(days=1)
TOO_HIGH = Reason(code="MAX_LEVERAGE", text="leverage 50 above 10")
NO_SLOT = Reason(code="NO_FREE_SLOT", text="4 of 4 positions are taken")
REMARK = Reason(code="TREND_CLAIM", text="strong, but ADX is 12", kind="remark")


def a_refusal(code: str = "COOLDOWN", text: str = "one candle left") -> Reason:
    return Reason(code=code, text=text, kind="refusal")


def a_clamp(**changes: Any) -> Reason:
    values: dict[str, Any] = {
        "code": "MAX_LEVERAGE",
        "text": "leverage 50 lowered to the limit 10",
        "kind": "clamp",
        "field": "leverage",
        "before": 50.0,
        "after": 10.0,
    }
    return Reason(**(values | changes))


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


def a_memory(*lines: DecisionLine) -> DecisionMemory:
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
        "clamped: filled; MAX_LEVERAGE leverage 50 above 10"
    )


@pytest.mark.parametrize(
    ("reasons", "phrase"),
    [
        ((a_refusal(),), "refused: COOLDOWN one candle left"),
        (
            (a_refusal(), a_clamp(), REMARK, a_refusal("NO_FREE_SLOT", "4 of 4 are taken")),
            "refused: COOLDOWN one candle left; NO_FREE_SLOT 4 of 4 are taken",
        ),
        ((REMARK,), "refused"),
    ],
)
def test_a_refusal_is_told_with_every_code_and_without_what_changed_nothing(
    reasons: tuple[Reason, ...], phrase: str
) -> None:
    assert result_phrase(decided(1, status="refused", reasons=reasons)) == phrase


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({}, "MAX_LEVERAGE leverage 50->10"),
        (
            {"code": "DEFAULT_STOP", "field": "stop_price", "before": None, "after": 0.0000121},
            "DEFAULT_STOP stop_price none->0.0000121",
        ),
        (
            {"code": "STOP_NOT_TIGHTER", "field": "stop_price", "before": 98.5, "after": None},
            "STOP_NOT_TIGHTER stop_price 98.5->unchanged",
        ),
        (
            {"code": "FIXED_BY_CONFIG", "before": 3.0, "after": 3.0, "text": "the stake is fixed"},
            "FIXED_BY_CONFIG the stake is fixed",
        ),
        (
            {"field": None, "before": None, "after": None},
            "MAX_LEVERAGE leverage 50 lowered to the limit 10",
        ),
    ],
)
def test_a_clamp_tells_from_where_to_where(changes: dict[str, Any], phrase: str) -> None:
    clamped = decided(1, status="clamped", reasons=(REMARK, a_clamp(**changes)))
    assert result_phrase(clamped) == f"clamped: {phrase}"


def test_several_clamps_follow_the_outcome() -> None:
    stake = a_clamp(code="MAX_POSITION", field="stake_amount", before=500.0, after=200.0)
    clamped = decided(1, status="clamped", reasons=(a_clamp(), stake))
    assert result_phrase(clamped, [an_outcome(1, "expired", detail="price left")]) == (
        "clamped: expired: price left; MAX_LEVERAGE leverage 50->10; "
        "MAX_POSITION stake_amount 500->200"
    )


def test_a_remark_does_not_change_what_is_told_of_an_approved_decision() -> None:
    assert result_phrase(decided(1, reasons=(REMARK,))) == "approved"
    assert result_phrase(decided(1, reasons=(REMARK,)), [an_outcome(1)]) == "filled"


@pytest.mark.parametrize(("length", "starts_with_codes"), [(280, False), (281, True)])
def test_of_a_long_refusal_no_code_is_cut_off(length: int, *, starts_with_codes: bool) -> None:
    reasons = (a_refusal("A", "x" * length), a_refusal("B", "y" * 5))
    phrase = result_phrase(decided(1, status="refused", reasons=reasons))
    assert len(phrase) == LONGEST_RESULT
    assert phrase.startswith("refused: A, B: A xxx" if starts_with_codes else "refused: A xxx")


def test_a_result_is_short_whatever_was_wrong() -> None:
    wordy = decided(1, status="failed", problems=("x" * 1000,))
    assert len(result_phrase(wordy)) == LONGEST_FAILURE
    detailed = [an_outcome(1, "vetoed", detail="x" * 1000)]
    assert len(result_phrase(decided(1), detailed)) == LONGEST_RESULT


# --- the last refusals stay in sight ------------------------------------------------------------


def refused(number: int, **changes: Any) -> DecisionRecord:
    return decided(number, status="refused", tool="signal_entry_long", **changes)


def shown(memory: DecisionMemory, count: int, before: datetime = LATER) -> list[int]:
    """The minutes after noon of the decisions that are shown, newest first."""
    found = memory.recent(count, pair=PAIR, before=before)
    return [int((past.at - NOON).total_seconds() // 60) for past in found]


def waits(start: int, stop: int) -> list[DecisionRecord]:
    return [decided(number) for number in range(start, stop)]


def test_the_newest_two_refusals_follow_when_no_shown_decision_is_one() -> None:
    memory = a_memory(refused(1), refused(2), decided(3), refused(4), *waits(5, 10))
    assert shown(memory, 2) == [9, 8, 4, 2]
    assert memory.recent(2, pair=PAIR, before=LATER)[-1].result == "refused"


def test_a_single_refusal_follows_alone() -> None:
    assert shown(a_memory(refused(1), *waits(2, 6)), 2) == [5, 4, 1]


def test_no_older_refusal_follows_where_one_is_shown_anyway() -> None:
    assert shown(a_memory(refused(1), refused(2), decided(3)), 2) == [3, 2]


def test_without_decisions_to_show_no_refusal_is_shown_either() -> None:
    assert shown(a_memory(refused(1), decided(2)), 0) == []


def test_a_failed_or_clamped_decision_is_no_refusal() -> None:
    memory = a_memory(decided(1, status="failed"), decided(2, status="clamped"), decided(3))
    assert shown(memory, 1) == [3]


@pytest.mark.parametrize(("others", "found"), [(49, [49, 0]), (50, [50])])
def test_refusals_are_looked_for_among_the_last_50_decisions(others: int, found: list[int]) -> None:
    assert shown(a_memory(refused(0), *waits(1, others + 1)), 1) == found


@pytest.mark.parametrize(("count", "length"), [(49, 50), (50, 50), (51, 51)])
def test_where_50_or_more_are_shown_none_follows(count: int, length: int) -> None:
    assert len(shown(a_memory(refused(0), refused(1), *waits(2, 51)), count)) == length


@pytest.mark.parametrize(("seconds", "found"), [(0, [2, 1]), (1, [2])])
def test_a_refusal_is_in_sight_for_a_day(seconds: int, found: list[int]) -> None:
    before = NOON + timedelta(days=1, minutes=1, seconds=seconds)
    assert shown(a_memory(refused(1), decided(2)), 1, before) == found


def test_a_refusal_of_the_future_is_not_known() -> None:
    memory = a_memory(refused(1), decided(2), refused(3), decided(4))
    assert shown(memory, 1, NOON + timedelta(minutes=3)) == [2, 1]


def test_refusals_of_other_pairs_do_not_follow() -> None:
    assert shown(a_memory(refused(1, pair=ETH), decided(2)), 1) == [2]


# --- records for those who count them -----------------------------------------------------------


@pytest.mark.parametrize(("count", "minutes"), [(0, []), (2, [3, 2]), (9, [3, 2, 1])])
def test_the_last_records_come_newest_first(count: int, minutes: list[int]) -> None:
    memory = a_memory(decided(1), decided(2), decided(9, pair=ETH), decided(3), decided(4))
    found = memory.last(count, pair=PAIR, before=NOON + timedelta(minutes=4))
    assert [record.at for record in found] == [NOON + timedelta(minutes=item) for item in minutes]


def test_a_halt_is_no_decision() -> None:
    halt = HaltRecord(at=NOON, mode="sandbox", event="halted", text="by hand", equity=None)
    memory = a_memory(decided(1), halt)
    assert len(memory.last(9, pair=PAIR, before=LATER)) == 1


def test_a_question_that_was_not_asked_is_not_remembered() -> None:
    skipped = [decided(n, status="skipped", tool=None, call={}) for n in range(2, 9)]
    memory = a_memory(decided(1), *skipped)
    assert [past.tool for past in memory.recent(5, pair=PAIR, before=LATER)] == ["signal_wait"]
    assert len(memory.last(9, pair=PAIR, before=LATER)) == 1


def test_many_that_were_not_asked_push_out_none_that_was() -> None:
    skipped = [decided(n, status="skipped", tool=None) for n in range(2, 2 * KEPT_PER_PAIR)]
    memory = a_memory(decided(1, model="first"), *skipped)
    assert memory.model_of(PAIR, LATER) == "first"


def test_why_nobody_was_asked_is_told_by_its_code_alone() -> None:
    fault = "over_budget: tokens_per_day: 20,272 of 30,000 spent"
    unasked = a_decision_record(status="failed", tool=None, call={}, fault=fault)
    assert result_phrase(unasked) == "failed: over_budget"
    asked = unasked.model_copy(update={"fault": "timeout: too late", "attempts": 1})
    assert result_phrase(asked) == "failed: timeout: too late"
