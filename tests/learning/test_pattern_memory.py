from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from llm_modules.learning.condition_counts import ConditionCounts
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.pattern_memory import PatternMemory
from llm_modules.learning.patterns import Pattern, PatternAnalyzer
from llm_modules.learning.remembered import RememberedTrade
from own_trades import own_trade

LATER = NOON + timedelta(days=30)
RESULTS = [("long", number < 40) for number in range(50)]
RESULTS += [("short", number < 5) for number in range(50)]
TRADES = [own_trade(n, won=won, side=side) for n, (side, won) in enumerate(RESULTS)]


class CountingAnalyzer(PatternAnalyzer):
    """Tells how often it was asked to judge."""

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0

    def told(self, counts: ConditionCounts) -> tuple[Pattern, ...]:
        self.judged += 1
        return super().told(counts)


def a_history(trades: list[RememberedTrade]) -> HistoricalQueryEngine:
    history = HistoricalQueryEngine()
    for trade in trades:
        history.add(trade)
    return history


def test_without_trades_nothing_is_known() -> None:
    assert PatternMemory(a_history([]), PatternAnalyzer()).before(LATER) == ()


def test_patterns_are_judged_again_only_when_a_trade_has_joined() -> None:
    history, analyzer = a_history(TRADES[:-1]), CountingAnalyzer()
    memory = PatternMemory(history, analyzer)
    assert memory.before(LATER) == memory.before(LATER)
    assert memory.before(LATER) == memory.before(LATER + timedelta(hours=1))
    assert analyzer.judged == 1
    history.add(TRADES[-1])
    memory.add(TRADES[-1])
    assert memory.before(LATER + timedelta(hours=2)) == PatternAnalyzer().patterns(TRADES)
    assert analyzer.judged == 2


def test_a_trade_that_is_not_counted_changes_nothing() -> None:
    history, analyzer = a_history(TRADES), CountingAnalyzer()
    memory = PatternMemory(history, analyzer)
    first = memory.before(LATER)
    by_hand = own_trade(200, won=False, is_own=False)
    history.add(by_hand)
    memory.add(by_hand)
    assert memory.before(LATER) is first
    assert analyzer.judged == 1


def test_a_trade_that_closes_later_waits_for_its_time() -> None:
    history = a_history(TRADES[:60])
    memory = PatternMemory(history, PatternAnalyzer())
    now = NOON + timedelta(hours=60)
    memory.before(now)
    for trade in TRADES[60:]:
        history.add(trade)
        memory.add(trade)
    assert memory.before(now) == PatternAnalyzer().patterns(TRADES[:60])
    assert memory.before(LATER) == PatternAnalyzer().patterns(TRADES)


def test_an_earlier_question_forgets_what_was_not_known_then() -> None:
    memory = PatternMemory(a_history(TRADES), PatternAnalyzer())
    assert len(memory.before(LATER)) == 2
    assert memory.before(NOON + timedelta(hours=50)) == ()
    assert memory.before(NOON) == ()
    assert len(memory.before(LATER)) == 2


def test_as_many_other_trades_are_judged_anew() -> None:
    # Fifty trades were counted before either question, but not the same fifty.
    analyzer = CountingAnalyzer()
    history = a_history(TRADES[50:])
    memory = PatternMemory(history, analyzer)
    memory.before(NOON + timedelta(hours=100))
    for trade in TRADES[:50]:
        history.add(trade)
    memory.before(NOON + timedelta(hours=50))
    assert analyzer.judged == 2


outcomes = st.lists(
    st.tuples(st.sampled_from(["long", "short"]), st.booleans(), st.booleans()), max_size=60
)


@given(outcomes, st.lists(st.integers(-1, 62), min_size=1, max_size=6), st.integers(0, 60))
def test_in_whatever_order_it_is_asked_the_memory_agrees_with_a_fresh_count(
    rows: list[tuple[str, bool, bool]], hours: list[int], known: int
) -> None:
    trades = [
        own_trade(number, won=won, side=side, is_own=is_own)
        for number, (side, won, is_own) in enumerate(rows)
    ]
    history = a_history(trades[known:])
    memory = PatternMemory(history, PatternAnalyzer())
    memory.before(NOON + timedelta(hours=hours[0]))
    for trade in trades[:known]:
        history.add(trade)
        memory.add(trade)
    for hour in hours:
        at = NOON + timedelta(hours=hour)
        fresh = PatternAnalyzer().patterns([trade for trade in trades if trade.closed_at < at])
        assert memory.before(at) == fresh
