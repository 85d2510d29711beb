"""What a second process sees ahead is what the run would have seen; without it nothing is lost."""

import errno
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import active_children
from multiprocessing.process import BaseProcess

import numpy as np
import pytest

from context.scenes import a_context
from llm_modules.backtest import forerunner as room
from llm_modules.backtest.forerunner import Course, Forerunner
from llm_modules.backtest.past import PastMarket, Recorded
from llm_modules.backtest.session import PastView
from llm_modules.context.pages import Pages
from llm_modules.domain import Candles
from llm_modules.engine.question import Question
from llm_modules.engine.sight import snapshot_of
from llm_modules.engine.startup import unknown_world
from market.made_candles import made_candles

PAIRS = ("A/USDT:USDT", "B/USDT:USDT")
START = datetime(2026, 1, 10, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
CONTEXT = a_context(informative_timeframes=("1h",), extra_indicators=("cci",))
MOMENTS = tuple(START + count * HALF_HOUR for count in range(-6, 0))


def recorded(broken: str = "") -> Recorded:
    """Candles of both pairs up to the start; the newest but one of a broken pair has no price."""
    candles: dict[tuple[str, str], Candles] = {}
    for number, pair in enumerate(PAIRS):
        for timeframe in ("30m", "1h"):
            made = made_candles(timeframe, 700, int(START.timestamp()) * 1000, seed=number + 1)
            if pair == broken and timeframe == "30m":
                made.close[-2] = np.nan
            candles[pair, timeframe] = made
    return Recorded(candles, {}, {}, {})


def course(broken: str = "", silent: Sequence[str] = ()) -> Course:
    past = PastMarket(recorded(broken), PAIRS)
    return Course(
        past=past,
        view=PastView(past, "30m", ("1h",), {}),
        world=unknown_world("USDT"),
        context=CONTEXT,
        moments=MOMENTS,
        silent=lambda _at: set(silent),
    )


def questions(of: Course, at: datetime) -> dict[str, Question]:
    of.past.set_moment(at)
    return {one.pair: one for one in of.view.due(of.world, (), "backtest", at)}


@pytest.fixture
def forerunner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forerunner]:
    monkeypatch.setattr(room, "_has_core_to_spare", lambda: True)
    made = Forerunner()
    yield made
    made.end()


def the_other_process() -> BaseProcess:
    (process,) = active_children()
    return process


def test_it_sees_what_the_run_would_see(forerunner: Forerunner) -> None:
    forerunner.start(course())
    run, pages = course(), Pages(CONTEXT)
    for at in MOMENTS:
        for question in questions(run, at).values():
            sight, own = forerunner(question), snapshot_of(question, CONTEXT.extra_indicators)
            assert sight is not None
            assert sight.market_page == pages.market_page(own)
            assert sight.market_page.tables
            told = sight.snapshot
            assert (told.pair, told.candle_at, told.price) == (own.pair, at, own.price)
            assert (told.rules, told.facts) == (own.rules, own.facts)
            for view, own_view in zip(
                (told.main, *told.informative), (own.main, *own.informative), strict=True
            ):
                assert view.candles is own_view.candles
                assert list(view.indicators) == list(own_view.indicators)
                for name, column in own_view.indicators.items():
                    np.testing.assert_array_equal(view.indicators[name], column)


def test_candles_that_are_passed_over_are_forgotten(forerunner: Forerunner) -> None:
    forerunner.start(course())
    run = course()
    late, early = questions(run, MOMENTS[3]), questions(run, MOMENTS[1])
    sight = forerunner(late[PAIRS[0]])
    assert sight is not None
    assert sight.snapshot.candle_at == MOMENTS[3]
    assert forerunner(early[PAIRS[0]]) is None


def test_the_run_sees_for_itself_what_is_not_told(forerunner: Forerunner) -> None:
    forerunner.start(course(broken=PAIRS[0]))
    asked = questions(course(), MOMENTS[-1])
    assert forerunner(asked[PAIRS[0]]) is None
    assert forerunner(asked[PAIRS[1]]) is not None
    # After the last of its moments there is nothing to wait for.
    later = replace(asked[PAIRS[1]], candle_at=START + HALF_HOUR)
    assert forerunner(later) is None


def test_nothing_is_seen_of_pairs_that_are_not_asked_about(forerunner: Forerunner) -> None:
    forerunner.start(course(silent=[PAIRS[1]]))
    asked = questions(course(), MOMENTS[0])
    assert forerunner(asked[PAIRS[1]]) is None
    assert forerunner(asked[PAIRS[0]]) is not None


def test_a_run_goes_on_when_the_other_process_dies(
    forerunner: Forerunner, caplog: pytest.LogCaptureFixture
) -> None:
    # So many moments that it cannot have told them all.
    many = [START - count * HALF_HOUR for count in range(600, 0, -1)]
    forerunner.start(replace(course(), moments=many))
    the_other_process().kill()
    last = questions(course(), many[-1])[PAIRS[0]]
    with caplog.at_level(logging.WARNING):
        assert forerunner(last) is None
        assert forerunner(last) is None
    (said,) = caplog.messages
    assert "The market is not seen ahead" in said
    assert "status -9" in said


def test_a_run_goes_on_where_no_process_can_be_made(
    forerunner: Forerunner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_memory() -> int:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(os, "fork", no_memory)
    forerunner.start(course())
    assert forerunner(questions(course(), MOMENTS[0])[PAIRS[0]]) is None
    assert "The market is not seen ahead" in caplog.text
    assert "Cannot allocate memory" in caplog.text


def test_its_end_leaves_no_process_behind(forerunner: Forerunner) -> None:
    forerunner.start(course())
    process = the_other_process()
    assert process.is_alive()
    forerunner.end()
    assert not process.is_alive()
    assert active_children() == []


def test_without_a_core_to_spare_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = questions(course(), MOMENTS[0])[PAIRS[0]]
    alone = Forerunner()
    assert alone(asked) is None
    for cores in ({0}, None):
        if cores is None:
            monkeypatch.delattr(os, "sched_getaffinity")
        else:
            monkeypatch.setattr(os, "sched_getaffinity", lambda _pid, own=cores: own)
        alone.start(course())
        assert alone(asked) is None
        assert active_children() == []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    alone.start(course())
    try:
        assert alone(asked) is not None
    finally:
        alone.end()
