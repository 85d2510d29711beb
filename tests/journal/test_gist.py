import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from builders import NOON, PAIR, a_trade_record
from llm_modules.journal.gist import GIST_LINES, GistLine, TradeGist, gist_of
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import TRADE_LINES, Finding, LessonRecord, Reflection, TradeRecord

GOLDEN = Path(__file__).parent.parent / "golden"
Change = tuple[tuple[str, ...], Any]


def a_line(*changes: Change) -> bytes:
    """A line of the journal with some values replaced; `...` removes one."""
    line = json.loads(a_trade_record().model_dump_json(by_alias=True))
    line |= {"seq": 7, "prev": "0f3a5c7e9b1d2f40"}
    for path, value in changes:
        put(line, path, value)
    return json.dumps(line).encode()


def put(line: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *folders, name = path
    for folder in folders:
        line = line[folder]
    if value is ...:
        del line[name]
    else:
        line[name] = value


def is_read(adapter: Any, line: bytes) -> bool:
    try:
        adapter.validate_json(line)
    except ValidationError:
        return False
    return True


def with_findings(line: GistLine) -> GistLine:
    """A line as it would be with the findings that older forms do not name."""
    if isinstance(line, LessonRecord):
        return line
    reflection: Any = {"findings": ()} | line.reflection
    return line.model_copy(update={"reflection": reflection})


def test_a_gist_is_what_memory_needs_of_a_line() -> None:
    gist = GIST_LINES.validate_json(a_line())
    assert isinstance(gist, TradeGist)
    record = a_trade_record()
    for name in ("trade_id", "pair", "side", "opened_at", "closed_at", "profit_ratio", "reward"):
        assert getattr(gist, name) == getattr(record, name)
    assert gist.entry is not None
    assert (gist.entry.facts, gist.entry.confidence_score) == ({"rsi": 55.0}, 70)
    assert gist.evaluation == {"score": 81, "grade": "A"}
    assert gist.reflection["lessons"] == ("keep the stop",)


def test_what_memory_does_not_need_is_not_kept() -> None:
    gist = GIST_LINES.validate_json(a_line())
    assert not hasattr(gist, "exit_reflection")
    assert isinstance(gist, TradeGist)
    assert not hasattr(gist.entry, "reason")


def test_words_for_a_lesson_are_read_whole() -> None:
    words = LessonRecord(
        at=NOON, mode="live", trade_id=7, opened_at=NOON, pair=PAIR, model="m", text="be early"
    )
    assert GIST_LINES.validate_json(words.model_dump_json(by_alias=True)) == words


@pytest.mark.parametrize(
    "record",
    [
        a_trade_record(),
        a_trade_record(entry=None),
        a_trade_record(
            reflection=Reflection(
                summary="",
                lessons=(),
                findings=(Finding(code="take_profit", stands=False, values={"best": "+8 %"}),),
                judgement="luck",
            )
        ),
    ],
)
def test_the_gist_of_a_record_is_that_of_its_line(record: TradeRecord) -> None:
    assert gist_of(record) == GIST_LINES.validate_json(record.model_dump_json(by_alias=True))


@pytest.mark.parametrize("name", ["trades.v1.jsonl", "trades.v1b.jsonl", "trades.v1c.jsonl"])
def test_golden_lines_of_every_form_have_a_gist(name: str) -> None:
    whole, gists = (
        read_journal(GOLDEN / name, TRADE_LINES),
        read_journal(GOLDEN / name, GIST_LINES),
    )
    assert gists.bad_lines == ()
    assert [with_findings(one) for one in gists.records] == [
        gist_of(one) if isinstance(one, TradeRecord) else one for one in whole.records
    ]


READ: list[tuple[str, ...]] = [
    ("schema",),
    ("kind",),
    ("mode",),
    ("trade_id",),
    ("pair",),
    ("side",),
    ("leverage",),
    ("opened_at",),
    ("closed_at",),
    ("open_rate",),
    ("profit_ratio",),
    ("mfe_ratio",),
    ("mae_ratio",),
    ("exit_reason",),
    ("entry",),
    ("entry", "confidence_score"),
    ("entry", "key_support"),
    ("entry", "key_resistance"),
    ("entry", "facts"),
    ("entry", "facts", "rsi"),
    ("evaluation",),
    ("evaluation", "score"),
    ("evaluation", "grade"),
    ("reflection",),
    ("reflection", "summary"),
    ("reflection", "lessons"),
    ("reward",),
]
DAMAGE = (
    float("nan"),
    float("inf"),
    float("-inf"),
    None,
    "nonsense",
    "",
    "2026-01-15T12:00:00",
    "2026-01-15T12:00:00Z",
    True,
    -1,
    1.5,
    2,
    "7",
    [],
    {},
    ["a"],
    [1],
    {"rsi": float("nan")},
    {"rsi": None},
    {"rsi": "x"},
    ...,
)


@pytest.mark.parametrize("path", READ, ids=".".join)
@pytest.mark.parametrize("value", DAMAGE, ids=repr)
def test_a_damaged_value_is_refused_exactly_where_the_whole_record_would_refuse_it(
    path: tuple[str, ...], value: Any
) -> None:
    line = a_line((path, value))
    assert is_read(GIST_LINES, line) == is_read(TRADE_LINES, line)


@pytest.mark.parametrize(
    "finding",
    [
        {"code": "take_profit", "stands": True, "values": {"best": "+8 %"}},
        {"code": "take_profit", "stands": True},
        {"code": 7, "stands": True, "values": {}},
        {"code": "x", "stands": "maybe", "values": {}},
        {"code": "x", "stands": True, "values": {"best": 8}},
        {"code": "x", "stands": True, "values": {}, "more": 1},
        "x",
    ],
)
def test_a_damaged_finding_is_refused_as_in_the_whole_record(finding: object) -> None:
    line = a_line((("reflection", "findings"), [finding]))
    assert is_read(GIST_LINES, line) == is_read(TRADE_LINES, line)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.datetimes().map(str),
)


@given(st.lists(st.tuples(st.sampled_from(READ[4:]), values), max_size=1))
def test_no_value_makes_the_gist_more_lenient_than_the_record(changes: list[Change]) -> None:
    line = a_line(*changes)
    assert is_read(GIST_LINES, line) == is_read(TRADE_LINES, line)


def test_a_line_with_a_damage_memory_never_sees_is_still_remembered() -> None:
    line = a_line((("exit_reflection",), 7), (("entry", "reason"), None))
    assert not is_read(TRADE_LINES, line)
    assert is_read(GIST_LINES, line)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"kind":"decision"}', b"\xff"])
def test_what_is_no_line_of_ours_is_refused(line: bytes) -> None:
    assert not is_read(GIST_LINES, line)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
@pytest.mark.parametrize("name", ["opened_at", "closed_at"])
def test_a_time_that_utc_has_not_makes_a_bad_line_and_no_error_later(name: str, at: str) -> None:
    assert not is_read(GIST_LINES, a_line(((name,), at)))


def test_times_are_told_in_utc_whatever_zone_they_were_written_in() -> None:
    line = a_line((("opened_at",), "2026-01-15T14:00:00+05:00"))
    gist = GIST_LINES.validate_json(line)
    assert isinstance(gist, TradeGist)
    assert gist.opened_at.isoformat() == "2026-01-15T09:00:00+00:00"


@pytest.mark.parametrize("name", ["profit_ratio", "mfe_ratio", "mae_ratio"])
@pytest.mark.parametrize(
    ("written", "kept"), [(1e308, 1000.0), (-1e308, -1000.0), (1000.0, 1000.0), (999.5, 999.5)]
)
def test_a_ratio_that_no_mean_can_hold_is_bounded(name: str, written: float, kept: float) -> None:
    gist = GIST_LINES.validate_json(a_line(((name,), written)))
    assert getattr(gist, name) == kept
