"""The two wrapped methods: what they do for our strategy, for others, and for another Freqtrade."""

from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting

from builders import NOON
from llm_modules.backtest import hook
from llm_modules.backtest.spared import READING
from llm_modules.errors import BacktestError, ConfigError

LONG = (1, 0, 0, 1, "signal_entry_long", None)
QUIET_ROW = [NOON, 1.0, 2.0, 0.5, 1.5, 0, 0, 0, 0, None, None]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = {name: getattr(Backtesting, name) for name in hook.SHAPES}
    yield
    for name, method in before.items():
        setattr(Backtesting, name, method)


class Session:
    """Notes what it is asked, as a real session would decide."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.now: datetime | None = None
        self.candles: list[datetime] = []
        self.ended = 0
        self._problem = problem

    def candle(self, at: datetime) -> None:
        self.now = at
        self.candles.append(at)
        if self._problem:
            raise self._problem

    def signal(self, pair: str) -> tuple[Any, ...]:
        return LONG if pair == "ours" else (0, 0, 0, 0, None, None)

    def end(self) -> None:
        self.ended += 1


def a_backtesting(session: Session | None) -> Any:
    """A Backtesting that was never set up: only the wrapped methods are called."""
    strategy = SimpleNamespace(**dict.fromkeys(READING, len))
    if session is not None:
        strategy.open_session = lambda _start, _end: session
    bare = Backtesting.__new__(Backtesting)
    bare.strategy = strategy
    return bare


def wrapped(play: Any) -> None:
    """Let `play` stand for what Freqtrade does in backtest(), and install the hook around it."""

    def backtest(self: Any, processed: Any, start_date: Any, end_date: Any) -> Any:
        return play(self, processed)

    Backtesting.backtest = backtest
    hook.install()


def rows(self: Any, data: Any) -> list[Any]:
    return [self.validate_row(data, pair, 0, NOON) for pair in data]


def test_each_candle_is_decided_once_and_written_into_the_rows() -> None:
    session = Session()
    wrapped(rows)
    data = {"ours": [QUIET_ROW.copy()], "other": [QUIET_ROW.copy()]}
    ours, other = a_backtesting(session).backtest(data, NOON, NOON)
    assert tuple(ours[5:]) == LONG
    assert other == QUIET_ROW
    assert session.candles == [NOON]
    assert session.ended == 1


def test_a_pair_without_a_row_is_decided_about_and_given_no_signal() -> None:
    session = Session()
    wrapped(rows)
    assert a_backtesting(session).backtest({"ours": []}, NOON, NOON) == [None]
    assert session.candles == [NOON]


def test_another_strategy_is_backtested_as_ever() -> None:
    wrapped(rows)
    data = {"ours": [QUIET_ROW.copy()]}
    assert a_backtesting(None).backtest(data, NOON, NOON) == [QUIET_ROW]


def test_our_errors_end_the_run_with_a_sentence_for_freqtrade() -> None:
    session = Session(BacktestError("the model is gone"))
    wrapped(rows)
    with pytest.raises(OperationalException, match=r"^the model is gone$") as caught:
        a_backtesting(session).backtest({"ours": [QUIET_ROW.copy()]}, NOON, NOON)
    assert isinstance(caught.value.__cause__, BacktestError)
    assert session.ended == 1


def test_any_other_error_is_not_swallowed_and_ends_the_session() -> None:
    session = Session(ZeroDivisionError())
    wrapped(rows)
    bare = a_backtesting(session)
    with pytest.raises(ZeroDivisionError):
        bare.backtest({"ours": [QUIET_ROW.copy()]}, NOON, NOON)
    assert session.ended == 1
    # A later run of the same object begins without a session.
    assert not hasattr(bare, hook.SESSION)


def test_installed_twice_each_candle_is_still_decided_once() -> None:
    session = Session()
    wrapped(rows)
    once = getattr(Backtesting.validate_row, hook.WRAPPED)
    hook.install()
    assert getattr(Backtesting.validate_row, hook.WRAPPED) is once
    a_backtesting(session).backtest({"ours": [QUIET_ROW.copy()]}, NOON, NOON)
    assert session.candles == [NOON]


def test_freqtrade_with_other_parameters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def validate_row(self: Any, data: Any, pair: str, current_time: datetime) -> None: ...

    monkeypatch.setattr(Backtesting, "validate_row", validate_row)
    with pytest.raises(ConfigError, match=r"Backtesting\.validate_row\): install the pinned"):
        hook.install()


def test_freqtrade_with_other_columns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtesting, "HEADERS", [*backtesting.HEADERS, "enter_more"])
    with pytest.raises(ConfigError, match="in another way than"):
        hook.install()


def test_the_pinned_freqtrade_has_the_shape_that_is_relied_on() -> None:
    hook.install()
    assert backtesting.HEADERS[hook.FIRST_SIGNAL :] == hook.SIGNAL_HEADERS
