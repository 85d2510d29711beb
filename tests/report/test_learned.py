from datetime import timedelta
from typing import Any

from builders import NOON, a_closed_trade, a_thesis
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import Finding
from llm_modules.learning.remembered import RememberedTrade, remembered
from llm_modules.report.learned import Evidence, learned
from llm_modules.report.span import Span
from report_weeks import recorded

SPAN = Span("dry_run", NOON - timedelta(days=1), NOON)
HALF_LIFE = timedelta(days=30)
AGAINST = {"gap": "-0.8 %", "mfe": "+0.1 %", "mae": "-2 %", "profit": "-1.9 %", "side": "long"}


def a_trade(number: int, hours: float, *findings: Finding, **changes: Any) -> RememberedTrade:
    closed = NOON - timedelta(hours=hours)
    values = {"trade_id": number, "closed_at": closed, "opened_at": closed - timedelta(hours=2)}
    trade = remembered(gist_of(recorded(a_closed_trade(**(values | changes)))))
    return trade._replace(findings=findings)


def said(*, stands: bool, code: str = "against_trend") -> Finding:
    return Finding(code=code, stands=stands, values=AGAINST)


def found(*trades: RememberedTrade, worded: Any = None) -> Any:
    return learned(trades, worded or {}, SPAN, HALF_LIFE)


def lost(number: int, hours: float) -> RememberedTrade:
    """A long against the trend that went wrong, with what the rules find in it."""
    trade = a_closed_trade(
        trade_id=number,
        closed_at=NOON - timedelta(hours=hours),
        opened_at=NOON - timedelta(hours=hours + 2),
        profit_ratio=-0.02,
        profit_abs=-2.0,
        mfe_ratio=0.001,
        mae_ratio=-0.025,
        liquidation_price=None,
        thesis=a_thesis(facts={"price": 100.0, "rsi": 50.0, "ema_gap_pct": -0.8}),
    )
    return remembered(gist_of(recorded(trade)))


def test_every_trade_that_speaks_for_a_lesson_or_against_it_is_named() -> None:
    evidence = found(
        a_trade(1, 4, said(stands=True)),
        a_trade(2, 3, said(stands=False)),
        a_trade(3, 2, said(stands=True)),
        a_trade(4, 1, said(stands=True), side="short"),
    ).evidence
    assert evidence["against_trend", "long"] == Evidence([1, 3], [2])
    assert evidence["against_trend", "short"] == Evidence([4], [])


def test_evidence_is_counted_as_the_models_memory_counts_it() -> None:
    trades = [lost(number, 9 - number) for number in range(5)]
    result = found(*trades)
    lesson, text = next(one for one in result.lessons if one[0].code == "against_trend")
    evidence = result.evidence["against_trend", "long"]
    assert (len(evidence.support), len(evidence.against)) == (lesson.n, lesson.against) == (5, 0)
    assert text.startswith("Do not open a long against the trend (EMA gap -0.8 %)")
    assert "(5 of 5 such trades" in text


def test_a_models_words_are_told_beside_the_rule() -> None:
    trade = lost(1, 1)
    result = found(trade, worded={("dry_run", 1, trade.opened_at): "patience pays"})
    assert any("patience pays" in text for _, text in result.lessons)
    other = found(trade, worded={("live", 1, trade.opened_at): "patience pays"})
    assert not any("patience pays" in text for _, text in other.lessons)


def test_codes_that_are_not_ours_and_trades_that_others_ended_teach_nothing() -> None:
    assert not found(a_trade(1, 1, said(stands=True, code="<script>"))).evidence
    forced = a_trade(1, 1, said(stands=True), exit_reason="force_exit")
    assert (found(forced).evidence, found(forced).own_trades) == ({}, 0)


def test_a_lesson_told_twice_by_one_trade_counts_once_as_it_was_told_last() -> None:
    twice = a_trade(1, 1, said(stands=True), said(stands=False))
    assert found(twice).evidence["against_trend", "long"] == Evidence([], [1])


def test_lessons_that_do_not_hold_are_kept_apart_the_most_discussed_first() -> None:
    result = found(
        lost(1, 9),
        a_trade(2, 3, said(stands=False, code="stale")),
        a_trade(3, 2, said(stands=False, code="take_profit")),
        a_trade(4, 1, said(stands=False, code="take_profit")),
    )
    assert [topic for topic, _ in result.retired] == [("take_profit", "long"), ("stale", "long")]
    assert result.lessons


def test_patterns_are_those_of_all_trades() -> None:
    won = [a_trade(number, 50 - number) for number in range(20)]
    result = found(*won, *(lost(number, 20 - number) for number in range(20, 35)))
    assert {one.condition for one in result.patterns} >= {"trend.against_ema", "trend.with_ema"}
    assert result.own_trades == 35


def test_without_a_trade_nothing_was_learned() -> None:
    nothing = found()
    assert (nothing.lessons, nothing.retired, nothing.patterns) == ((), (), ())
