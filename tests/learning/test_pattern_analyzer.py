from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from llm_modules.learning.condition_counts import ConditionCounts
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.patterns import Pattern, PatternAnalyzer, patterns_in
from llm_modules.learning.remembered import RememberedTrade
from own_trades import own_trade

LATER = NOON + timedelta(days=30)
RESULTS = [("long", number < 40) for number in range(50)]
RESULTS += [("short", number < 5) for number in range(50)]
TRADES = [own_trade(n, won=won, side=side) for n, (side, won) in enumerate(RESULTS)]


def fresh(trades: list[RememberedTrade]) -> tuple[Pattern, ...]:
    counts = ConditionCounts()
    for trade in trades:
        counts.add(trade)
    return patterns_in(counts)


def test_without_trades_nothing_is_known() -> None:
    assert PatternAnalyzer(HistoricalQueryEngine()).before(LATER) == ()


def test_patterns_are_looked_for_again_only_when_a_trade_has_joined() -> None:
    history = HistoricalQueryEngine(TRADES[:-1])
    analyzer = PatternAnalyzer(history)
    first = analyzer.before(LATER)
    assert first
    assert analyzer.before(LATER) is first
    assert analyzer.before(LATER + timedelta(hours=1)) is first
    history.add(TRADES[-1])
    assert analyzer.before(LATER + timedelta(hours=2)) == fresh(TRADES) != first


def test_a_trade_that_is_not_counted_changes_nothing() -> None:
    history = HistoricalQueryEngine(TRADES)
    analyzer = PatternAnalyzer(history)
    first = analyzer.before(LATER)
    history.add(own_trade(200, won=False, is_own=False))
    assert analyzer.before(LATER) is first


def test_a_trade_that_closes_later_waits_for_its_time() -> None:
    history = HistoricalQueryEngine(TRADES[:60])
    analyzer = PatternAnalyzer(history)
    now = NOON + timedelta(hours=60)
    analyzer.before(now)
    for trade in TRADES[60:]:
        history.add(trade)
    assert analyzer.before(now) == fresh(TRADES[:60])
    assert analyzer.before(LATER) == fresh(TRADES)


def test_an_earlier_question_forgets_what_was_not_known_then() -> None:
    analyzer = PatternAnalyzer(HistoricalQueryEngine(TRADES))
    assert len(analyzer.before(LATER)) == 2
    assert analyzer.before(NOON + timedelta(hours=50)) == ()
    assert analyzer.before(NOON) == ()
    assert len(analyzer.before(LATER)) == 2


def test_as_many_other_trades_are_other_patterns() -> None:
    # Fifty trades closed before either question, but not the same fifty.
    mixed = [
        own_trade(n, won=won, side=side) for n, (side, won) in enumerate(RESULTS[::2] + RESULTS)
    ]
    history = HistoricalQueryEngine(mixed[50:100])
    analyzer = PatternAnalyzer(history)
    assert analyzer.before(NOON + timedelta(hours=100)) == fresh(mixed[50:100])
    for trade in mixed[:50]:
        history.add(trade)
    assert analyzer.before(NOON + timedelta(hours=50)) == fresh(mixed[:50])


outcomes = st.lists(
    st.tuples(st.sampled_from(["long", "short"]), st.booleans(), st.booleans()), max_size=60
)


@given(outcomes, st.lists(st.integers(-1, 62), min_size=1, max_size=6), st.integers(0, 60))
def test_in_whatever_order_it_is_asked_it_agrees_with_a_fresh_count(
    rows: list[tuple[str, bool, bool]], hours: list[int], known: int
) -> None:
    trades = [
        own_trade(number, won=won, side=side, is_own=is_own)
        for number, (side, won, is_own) in enumerate(rows)
    ]
    history = HistoricalQueryEngine(trades[known:])
    analyzer = PatternAnalyzer(history)
    analyzer.before(NOON + timedelta(hours=hours[0]))
    for trade in trades[:known]:
        history.add(trade)
    for hour in hours:
        at = NOON + timedelta(hours=hour)
        assert analyzer.before(at) == fresh([trade for trade in trades if trade.closed_at < at])
