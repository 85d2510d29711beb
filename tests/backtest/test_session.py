"""What a session keeps apart: its folder from other runs, its account from a candle's highs."""

from collections import Counter
from multiprocessing import active_children
from pathlib import Path

import pytest

from backtests import backtest_config, played
from llm_modules.backtest import forerunner
from llm_modules.backtest.outcome import Moment, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.running import run
from llm_modules.backtest.session import PastView
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.domain import Candles
from llm_modules.errors import BacktestError
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import TRADE_LINES, LessonRecord
from llm_modules.market import candle_checks

# From midnight to noon of 2026-01-10, as Freqtrade understands it.
HALF_A_DAY = "1768003200-1768046400"


def test_a_folder_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, HALF_A_DAY)
    refused: list[str] = []

    def another(moment: Moment) -> None:
        if moment.candle == 3:
            with pytest.raises(BacktestError, match="another backtest is using") as caught:
                run(config | {"backtest_notes": "another"}, Variant(client=PolicyClient()))
            refused.append(str(caught.value))
            raise BacktestError("enough")

    with pytest.raises(BacktestError, match="enough"):
        run(config, Variant(client=PolicyClient(), watch=another))
    assert str(tmp_path / "run") in refused[0]
    # It is free again, whatever ended the run.
    assert played(config).trades


def test_a_run_that_ends_early_ends_its_second_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forerunner, "_has_core_to_spare", lambda: True)
    children: list[int] = []

    def ending(moment: Moment) -> None:
        if moment.candle == 3:
            children.append(len(active_children()))
            raise BacktestError("enough")

    variant = Variant(client=PolicyClient(), watch=ending, has_forerunner=True)
    with pytest.raises(BacktestError, match="enough"):
        run(backtest_config(tmp_path, HALF_A_DAY), variant)
    assert children == [1]
    assert active_children() == []


def test_recorded_candles_are_looked_at_once_for_the_whole_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[tuple[str, int]] = []

    def noting(candles: Candles) -> None:
        looked.append((candles.timeframe, int(candles.open_times[-1])))

    monkeypatch.setattr(candle_checks, "ORDER_RULES", (noting,))
    outcome = played(backtest_config(tmp_path, HALF_A_DAY))
    assert outcome.decided > 2 * len(looked)
    # One for each pair: not the stretches that were shown.
    assert set(Counter(looked).values()) == {len(outcome.pairs)}
    assert len(set(looked)) == len({timeframe for timeframe, _ in looked}) > 1


def test_the_price_a_stop_is_asked_about_does_not_value_a_position() -> None:
    view = PastView.__new__(PastView)
    view._rates = {}
    view.saw(1, 999.0)
    assert view._rates == {}


def test_lessons_are_worded_in_a_backtest_too_at_the_time_of_their_trade(tmp_path: Path) -> None:
    experience = {"lesson_model": "cheap-model"}
    outcome = played(backtest_config(tmp_path, HALF_A_DAY, experience_config=experience), Wordy())
    lines = read_journal(outcome.folder / "trade_experience.jsonl", TRADE_LINES).records
    worded = [line for line in lines if isinstance(line, LessonRecord)]
    assert worded
    assert all(outcome.start <= line.at <= outcome.end for line in worded)


class Wordy(PolicyClient):
    """Words a lesson where no tools are offered, as a model does."""

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        reply = await super().ask(prompt, inquiry, model=model)
        if prompt.tools:
            return reply
        return Reply(WORDS, (), "stop", model or "", reply.usage)


WORDS = "Wait until the price has confirmed the direction before you open again."
