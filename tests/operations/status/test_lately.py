"""The tail of the journal of decisions, and what is counted over it."""

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_decision_record
from llm_modules.journal.records import DecisionRecord, HaltRecord, OutcomeRecord, Reason
from llm_modules.operations.status import lately as reading
from llm_modules.operations.status.lately import (
    last_decisions,
    model_facts,
    read_lately,
    refusals,
)
from status_scenes import NOW, ago, refused, tell


def decided(**changes: Any) -> DecisionRecord:
    return a_decision_record(**({"at": ago(minutes=1)} | changes))


def every_minute(count: int) -> list[DecisionRecord]:
    """Decisions up to a minute ago, oldest first."""
    return [
        decided(decision_id=f"d-{number}", at=ago(minutes=number)) for number in range(count, 0, -1)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_decisions.jsonl"


def test_no_journal_is_no_decision(path: Path) -> None:
    found = read_lately(path, NOW)
    assert (found.decisions, found.lines, found.since, found.is_cut) == ((), 0, None, False)
    assert (found.mode, found.equity) == (None, None)


def test_decisions_come_oldest_first_without_outcomes_halts_and_torn_lines(path: Path) -> None:
    filled = OutcomeRecord(
        decision_id="d-1", at=NOON, pair=PAIR, tool="signal_exit", outcome="filled"
    )
    halted = HaltRecord(at=NOON, mode="sandbox", event="halted", text="drill", equity=None)
    first, second = every_minute(2)
    tell(path, first, filled, halted, '{"torn', second, '{"at":"x"}', '{"at":"2026-01-01"}')
    found = read_lately(path, NOW)
    assert found.decisions == (first, second)
    assert (found.lines, found.unreadable) == (7, 3)
    assert found.since == first.at


def test_no_more_is_read_than_a_day(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FEWEST_LINES", 2)
    young = [decided(decision_id="young", at=ago(hours=24)), decided(decision_id="new")]
    tell(path, decided(decision_id="old", at=ago(hours=24, seconds=1)), *young)
    assert [one.decision_id for one in read_lately(path, NOW).decisions] == ["young", "new"]


def test_the_last_decisions_are_seen_however_old(path: Path) -> None:
    tell(path, decided(at=ago(days=9)), decided(pair="ETH/USDT:USDT", at=ago(days=8)))
    found = read_lately(path, NOW)
    assert [one.pair for one in last_decisions(found.decisions, NOW)] == [PAIR, "ETH/USDT:USDT"]
    assert not found.is_cut


def test_a_day_of_too_many_lines_is_cut_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FEWEST_LINES", 1)
    monkeypatch.setattr(reading, "MOST_LINES", 3)
    tell(path, *every_minute(4))
    found = read_lately(path, NOW)
    assert ([one.decision_id for one in found.decisions], found.is_cut) == (
        ["d-3", "d-2", "d-1"],
        True,
    )
    tell(path, decided(at=ago(days=2)), *every_minute(2))
    assert not read_lately(path, NOW).is_cut


def test_lines_that_a_rotation_moved_away_are_read_in_order(path: Path) -> None:
    old, *new = every_minute(3)
    tell(path, *new)
    with gzip.open(path.with_name(f"{path.name}.000001.gz"), "wb") as part:
        part.write(f"{old.model_dump_json(by_alias=True)}\n".encode())
    assert read_lately(path, NOW).decisions == (old, *new)


def test_other_modes_are_left_out_and_the_newest_names_the_mode(path: Path) -> None:
    tell(path, decided(mode="live", equity=5.0), decided(mode="sandbox", equity=7.0))
    found = read_lately(path, NOW)
    assert found.mode == "sandbox"
    assert found.of_mode("live").equity == (ago(minutes=1), 5.0)
    assert found.of_mode("live").lines == found.lines
    assert found.of_mode(None).decisions == ()


def test_the_equity_is_that_of_the_last_decision_that_tells(path: Path) -> None:
    tell(path, decided(equity=5.0, at=ago(minutes=9)), decided(equity=None))
    assert read_lately(path, NOW).equity == (ago(minutes=9), 5.0)


def test_the_last_decision_of_each_pair_has_its_age_tool_and_confidence() -> None:
    found = last_decisions(
        [
            decided(pair="ETH/USDT:USDT", decision_id="older"),
            decided(pair="ETH/USDT:USDT", decision_id="newer", at=ago(seconds=30.9)),
            decided(
                pair="BTC/USDT:USDT", tool=None, call={}, status="failed", at=NOW + timedelta(1)
            ),
        ],
        NOW,
    )
    btc, eth = found
    assert (btc.pair, btc.tool, btc.verdict, btc.confidence) == (PAIR, None, "failed", None)
    assert btc.age_seconds == 0
    assert (eth.decision_id, eth.age_seconds, eth.tool) == ("newer", 30, "signal_wait")
    assert eth.confidence == 60.0


def test_refusals_of_a_day_are_counted_by_check_busiest_first() -> None:
    clamp = Reason(code="CLAMP", text="less", kind="clamp")
    old_line = Reason(code="OLD_LINE", text="of before kinds were told")
    found = refusals(
        [
            refused("B", "A", at=ago(hours=1)),
            refused("A", at=ago(hours=23, minutes=59)),
            refused("C", at=ago(hours=24)),
            decided(status="refused", reasons=(clamp, old_line)),
            decided(status="clamped", reasons=(clamp,)),
        ],
        NOW,
    )
    assert (found.decisions, list(found.by_reason.items())) == (
        3,
        [("A", 2), ("B", 1), ("OLD_LINE", 1)],
    )


def asked(seconds: float = 1.0, **changes: Any) -> DecisionRecord:
    return decided(**({"attempts": 1, "latency_seconds": seconds} | changes))


def test_latencies_are_nearest_ranks_of_what_was_asked() -> None:
    facts = model_facts([asked(float(n)) for n in range(1, 21)], "m", ("m",), NOW)
    assert (facts.latency_p50_seconds, facts.latency_p95_seconds) == (10.0, 19.0)
    one = model_facts([asked(3.0)], "m", ("m",), NOW)
    assert (one.latency_p50_seconds, one.latency_p95_seconds) == (3.0, 3.0)


def test_failures_count_also_where_nothing_was_sent() -> None:
    facts = model_facts(
        [
            asked(model="m"),
            asked(status="failed", fault="timeout: too late"),
            decided(status="failed", fault="unavailable: it is let be"),
            decided(status="failed", fault="over_budget: spent"),
            decided(status="failed", fault=None),
            decided(status="skipped"),
            asked(at=ago(hours=24)),
        ],
        "m",
        ("m",),
        NOW,
    )
    assert (facts.asked, facts.failed, facts.error_ratio) == (2, 4, 4 / 5)
    assert (facts.breaker, facts.over_budget, facts.skipped, facts.fallback) == (1, 1, 1, 0)


def test_nothing_asked_has_no_ratio_and_no_latency() -> None:
    facts = model_facts([decided(status="skipped")], None, (), NOW)
    assert (facts.name, facts.error_ratio) == (None, None)
    assert (facts.latency_p50_seconds, facts.latency_p95_seconds) == (None, None)


def test_a_fallback_is_a_model_that_is_neither_the_configured_nor_the_cheap_one() -> None:
    answers = [
        asked(model="main"),
        asked(model="cheap"),
        asked(model="other"),
        asked(model="other", status="failed"),
    ]
    assert model_facts(answers, "main", ("main", "cheap"), NOW).fallback == 1
    unknown = model_facts(answers, None, (), NOW)
    assert (unknown.fallback, unknown.name) == (0, "other")
