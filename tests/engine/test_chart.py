from datetime import timedelta

import pytest
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA

from builders import NOON, a_decision_record
from llm_modules.engine.chart import LINE_CHARACTERS, LONGEST_LINES, annotations, label
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
    assert label(record) == "entry long (L72)\nbreakout"


def test_a_refusal_is_drawn_in_its_own_colour_with_its_codes() -> None:
    reasons = (Reason(code="HALTED", text="x"), Reason(code="NO_FREE_SLOT", text="y"))
    record = a_decision_record(
        tool="signal_entry_long", call=ENTRY, status="refused", reasons=reasons
    )
    assert label(record) == "entry long (xL)\nHALTED, NO_FREE_SLOT\nbreakout"
    refused, approved = annotations(
        [record, a_decision_record(tool="signal_entry_long", call=ENTRY)], CANDLE
    )
    assert refused["color"] != approved["color"]
    quiet = a_decision_record(tool="signal_hold", status="refused")
    assert annotations([quiet], CANDLE)[0]["size"] == refused["size"]


@pytest.mark.parametrize(
    ("fault", "problems", "said"),
    [
        ("timeout: 5 s", (), "no decision (?)\ntimeout: 5 s"),
        (None, ("a", "b"), "no decision (?)\na\nb"),
    ],
)
def test_a_failure_says_why(fault: str | None, problems: tuple[str, ...], said: str) -> None:
    record = a_decision_record(status="failed", tool=None, fault=fault, problems=problems)
    assert label(record) == said


def test_labels_stay_short_and_narrow() -> None:
    lines = label(a_decision_record(call={"reason": "why " * 500})).split("\n")
    assert len(lines) == 1 + LONGEST_LINES
    assert lines[-1] == "..."
    assert all(len(line) <= LINE_CHARACTERS for line in lines)


def test_only_the_newest_decisions_are_spelled_out() -> None:
    wait, hold = a_decision_record(), a_decision_record(tool="signal_hold")
    entry, later = (a_decision_record(tool="signal_entry_long", call=ENTRY) for _ in range(2))
    labels = [point["label"] for point in annotations([entry, hold, later, wait], CANDLE)]
    assert labels == ["L72", "H60", "entry long (L72)\nbreakout", "wait (W60)\nno edge"]


def test_a_clamped_decision_has_a_small_letter_and_its_codes_but_no_remarks() -> None:
    reasons = (
        Reason(code="MAX_POSITION", text="x", kind="clamp"),
        Reason(code="TREND_CLAIM", text="y", kind="remark"),
    )
    record = a_decision_record(
        tool="signal_entry_long", call=ENTRY, status="clamped", reasons=reasons
    )
    assert label(record) == "entry long (l72)\nMAX_POSITION\nbreakout"


SKIPPED = {"status": "skipped", "tool": None, "call": {}, "default_tool": "signal_wait"}


def test_what_was_not_asked_is_a_dot_that_does_not_draw_the_eye() -> None:
    skipped, wait = annotations([a_decision_record(**SKIPPED), a_decision_record()], CANDLE)
    AnnotationTypeTA.validate_python(skipped, extra="forbid")
    assert skipped["size"] < wait["size"]
    assert (skipped["label"], skipped["color"]) == ("-", wait["color"])


def test_the_newest_dot_says_why_and_leaves_the_newest_loud_decision_its_words() -> None:
    entry = a_decision_record(tool="signal_entry_long", call=ENTRY)
    why = "cadence: asked every 4 candles while flat"
    points = annotations([entry, a_decision_record(**SKIPPED, fault=why)], CANDLE)
    assert [point["label"] for point in points] == [
        "entry long (L72)\nbreakout",
        "waited (-)\ncadence: asked every 4\ncandles while flat",
    ]


@pytest.mark.parametrize(
    ("default", "did"), [("signal_wait", "waited"), ("signal_hold", "held"), (None, "no decision")]
)
def test_a_failure_says_what_was_done_instead(default: str | None, did: str) -> None:
    record = a_decision_record(status="failed", tool=None, fault="timeout", default_tool=default)
    assert label(record) == f"{did} (?)\ntimeout"
    (point,) = annotations([record], CANDLE)
    assert point["size"] == annotations([a_decision_record(status="refused")], CANDLE)[0]["size"]
