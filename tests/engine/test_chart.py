from datetime import timedelta

import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA

from builders import NOON, a_decision_record
from llm_modules.engine.chart import LONGEST_LABEL, annotations, label
from llm_modules.journal.records import Reason

CANDLE = timedelta(minutes=30)
ENTRY = {"confidence_score": 72.0, "reason": "breakout"}


@pytest.mark.parametrize("tool", ["signal_entry_long", "signal_wait", "adjust_position", "new"])
def test_each_decision_is_a_point_freqtrade_accepts(tool: str) -> None:
    (point,) = annotations([a_decision_record(tool=tool)], CANDLE)
    AnnotationTypeTA.validate_python(point, extra="forbid")
    assert (point["x"], point["y"]) == (NOON - CANDLE, 100.0)


def test_a_decision_that_never_saw_the_market_is_not_drawn() -> None:
    assert annotations([a_decision_record(facts={})], CANDLE) == []


def test_quiet_decisions_are_drawn_smaller() -> None:
    wait, entry = annotations(
        [a_decision_record(), a_decision_record(tool="signal_entry_short", call=ENTRY)], CANDLE
    )
    assert wait["size"] < entry["size"]
    assert entry["rotate"] == 180


def test_a_label_says_tool_confidence_and_reason() -> None:
    record = a_decision_record(tool="signal_entry_long", call=ENTRY)
    assert label(record) == "signal_entry_long 72.0 breakout"


def test_a_refusal_is_drawn_in_its_own_colour_with_its_codes() -> None:
    reasons = (Reason(code="HALTED", text="x"), Reason(code="NO_FREE_SLOT", text="y"))
    record = a_decision_record(
        tool="signal_entry_long", call=ENTRY, status="refused", reasons=reasons
    )
    assert label(record) == "signal_entry_long 72.0 REFUSED HALTED, NO_FREE_SLOT breakout"
    refused, approved = annotations(
        [record, a_decision_record(tool="signal_entry_long", call=ENTRY)], CANDLE
    )
    assert refused["color"] != approved["color"]


@pytest.mark.parametrize(
    ("fault", "problems", "said"),
    [("timeout: 5 s", (), "no decision: timeout: 5 s"), (None, ("a", "b"), "no decision: a; b")],
)
def test_a_failure_says_why(fault: str | None, problems: tuple[str, ...], said: str) -> None:
    record = a_decision_record(status="failed", tool=None, fault=fault, problems=problems)
    assert label(record) == said


def test_labels_stay_short() -> None:
    record = a_decision_record(call={"confidence_score": 1.0, "reason": "x" * 2000})
    assert len(label(record)) == LONGEST_LABEL
