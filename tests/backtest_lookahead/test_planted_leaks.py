"""Leaks put in on purpose, one at a time: the proof that is meant for it names each."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freqtrade.optimize.backtesting import Backtesting

from backtest_lookahead.scenes import AROUND_NOON, BTC, a_config, heard, whole_runs
from llm_modules.backtest import forerunner
from llm_modules.backtest.lookahead import prove
from llm_modules.backtest.past import PastMarket
from llm_modules.backtest.session import PastView
from llm_modules.domain import Candles, Experience
from llm_modules.engine.bridge import View
from llm_modules.engine.past import Past
from llm_modules.engine.question import Question
from llm_modules.journal.gist import TradeGist, gist_of
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import TRADE_LINES, TradeRecord
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.market import indicators, snapshot


def test_without_a_leak_nothing_is_found(tmp_path: Path) -> None:
    found = heard(a_config(tmp_path), tmp_path)
    assert [found.text(proof) for proof in ("a", "b", "c", "d")] == ["", "", "", ""]
    # From the first candle on: 24 of half a day but the one before anything was known.
    assert found.contexts.contexts == found.memory.recalls == 2 * 24
    assert found.memory.stamps > 20
    assert found.fills.fills > 10
    assert found.fills.values > 5


def ahead(
    monkeypatch: pytest.MonkeyPatch, name: str, by: timedelta, only: str | None = None
) -> None:
    """Let one method of the past know what comes later, perhaps of one timeframe only."""
    honest = getattr(PastMarket, name)

    def leaking(self: PastMarket, pair: str, *rest: Any) -> Any:
        if only not in {None, *rest}:
            return honest(self, pair, *rest)
        now, self._moment_ms = self._moment_ms, self._moment_ms + by // timedelta(milliseconds=1)
        try:
            return honest(self, pair, *rest)
        finally:
            self._moment_ms = now

    monkeypatch.setattr(PastMarket, name, leaking)


HALF_AN_HOUR, AN_HOUR, A_DAY = timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)


def test_a_market_that_knows_one_candle_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("newest_close", "newest_price", "candles"):
        ahead(monkeypatch, name, HALF_AN_HOUR)
    found = heard(a_config(tmp_path), tmp_path)
    where = "BTC/USDT:USDT at 2026-01-10 00:30 UTC, once the future was cut off: "
    assert found.text("a") == where + (
        "when: ('2026-01-10 01:00', '2026-01-10 01:30', '260110003000-BTC-6c7cb4') became "
        "('2026-01-10 00:30', '2026-01-10 01:00', '260110003000-BTC-6c7cb4')"
    )
    assert "is about the candle of 2026-01-10 01:00" in found.text("d")


def test_a_row_too_many_that_the_snapshot_would_cut_off_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead(monkeypatch, "candles", HALF_AN_HOUR)
    assert "30m candles, open_times: 600 rows" in heard(a_config(tmp_path), tmp_path).text("a")


def test_a_day_that_is_used_before_it_has_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead(monkeypatch, "candles", A_DAY, only="1d")
    assert "1d candles, open_times" in heard(a_config(tmp_path), tmp_path).text("a")


def test_the_same_where_nothing_cuts_it_off_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate reads returns as they come."""
    honest = View._all_returns

    def leaking(self: View, pairs: Any) -> Any:
        self._source._moment_ms += 1_800_000
        try:
            return honest(self, pairs)
        finally:
            self._source._moment_ms -= 1_800_000

    monkeypatch.setattr(View, "_all_returns", leaking)
    found = heard(a_config(tmp_path), tmp_path).text("a")
    assert "returns of BTC/USDT:USDT: 96 rows, the newest " in found


def test_a_funding_rate_that_is_known_an_hour_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead(monkeypatch, "funding_rate", AN_HOUR)
    found = heard(a_config(tmp_path), tmp_path).text("a")
    assert "2026-01-10 07:00 UTC" in found
    assert "funding rate: " in found


def test_a_prompt_that_was_asked_about_another_market_than_the_recorded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The session alone sees a future price: whoever asks again afterwards does not.
    honest, asked = snapshot.market_facts, set()

    def leaking(main: Any, informative: Any) -> dict[str, float]:
        facts = dict(honest(main, informative))
        key = (main.candles.close[-1], main.candles.open_times[-1])
        if key not in asked:
            asked.add(key)
            facts["rsi"] = 77.7
        return facts

    monkeypatch.setattr(snapshot, "market_facts", leaking)
    found = heard(a_config(tmp_path, pairs=(BTC,)), tmp_path).text("a")
    assert found.count("rsi=") == 2
    assert "rsi=77.7" in found


@pytest.mark.parametrize("tells_the_model", [True, False])
def test_a_second_process_that_sees_something_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tells_the_model: bool,
) -> None:
    honest = forerunner.Course._of_pair

    def leaking(self: Any, question: Question, pages: Any) -> Any:
        told = honest(self, question, pages)
        if told is None:
            return None
        facts, page = told
        if tells_the_model:
            return facts, page._replace(market="rsi=77.7")
        return {**facts, "rsi": 77.7}, page

    monkeypatch.setattr(forerunner, "_has_core_to_spare", lambda: True)
    monkeypatch.setattr(forerunner.Course, "_of_pair", leaking)
    found = heard(a_config(tmp_path, pairs=(BTC,)), tmp_path).text("a")
    assert "rsi=77.7" in found
    assert ("facts, line" in found) == (not tells_the_model)


def test_an_indicator_computed_on_the_whole_file_and_moved_back_by_a_candle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contexts cannot tell: this future comes in beside the recording. Whole runs can."""
    honest, tomorrow = indicators.compute, {}

    def of_freqtrade(candles: Candles, extra: Any = ()) -> dict[str, Any]:
        columns = honest(candles, extra)
        opened = candles.open_times[:-1].tolist()
        names = zip(opened, candles.close[:-1].tolist(), strict=True)
        tomorrow.update(zip(names, columns["rsi_14"][1:].tolist(), strict=True))
        return columns

    def of_the_snapshot(candles: Candles, extra: Any = ()) -> dict[str, Any]:
        columns = dict(honest(candles, extra))
        rsi = columns["rsi_14"].copy()
        name = int(candles.open_times[-1]), float(candles.close[-1])
        rsi[-1] = tomorrow.get(name, rsi[-1])
        return columns | {"rsi_14": rsi}

    monkeypatch.setattr(indicators, "compute", of_freqtrade)
    monkeypatch.setattr(snapshot, "compute", of_the_snapshot)
    config = a_config(tmp_path, AROUND_NOON, pairs=(BTC,))
    found = whole_runs(config, tmp_path)
    assert "another future after 2026-01-10 12:30 UTC changed what was before: prompt" in found
    assert " at 2026-01-10 12:30 UTC, line " in found
    # The table of the newest rows has the RSI as its last column.
    assert "'12:00 90758.7 90672.3 90675.0 562.2 52.6' became" in found


def test_positions_valued_at_a_rate_that_freqtrade_tells_its_callbacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PastView, "saw", View.saw)
    assert "the position was valued at" in heard(a_config(tmp_path), tmp_path).text("d")


def test_an_account_that_counts_open_profit_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = View.account

    def leaking(self: View, wallets: Any, currency: str, trades: Any) -> Any:
        account = honest(self, wallets, currency, trades)
        return replace(account, equity=account.equity + 0.01 * len(trades))

    monkeypatch.setattr(PastView, "account", leaking)
    found = heard(a_config(tmp_path), tmp_path).text("d")
    assert found.startswith("equity at 2026-01-10 ")


def test_entries_at_a_better_price_than_the_next_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Backtesting.get_valid_entry_price_and_stake

    def leaking(self: Backtesting, pair: str, row: Any, rate: float, *rest: Any) -> Any:
        return honest(self, pair, row, rate * 0.999, *rest)

    monkeypatch.setattr(Backtesting, "get_valid_entry_price_and_stake", leaking)
    found = heard(a_config(tmp_path), tmp_path).text("d")
    assert "signal_entry_" in found
    assert "the candle opened at" in found


def trades_of(folder: Path) -> tuple[TradeGist, ...]:
    lines = read_journal(folder / "proof" / "run" / "trade_experience.jsonl", TRADE_LINES).records
    return tuple(gist_of(line) for line in lines if isinstance(line, TradeRecord))


@pytest.fixture
def from_an_earlier_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal of a run that went through the same days is not set aside."""
    heard(a_config(tmp_path), tmp_path)
    trades = trades_of(tmp_path)
    assert len(trades) > 5

    def remembering(_past: Past) -> Iterator[TradeGist]:
        # Under other numbers: a trade of the run itself must not count as known.
        yield from (trade.model_copy(update={"trade_id": 900 + trade.trade_id}) for trade in trades)

    monkeypatch.setattr(Past, "__iter__", remembering)
    monkeypatch.setattr(Past, "since", datetime.fromtimestamp(0, UTC))


@pytest.mark.usefixtures("from_an_earlier_run")
def test_trades_of_the_future_do_no_harm_to_a_memory_that_asks_when_they_closed(
    tmp_path: Path,
) -> None:
    found = heard(a_config(tmp_path), tmp_path, last=2).text("c")
    # They are doubled, not told too early: an honest memory would not have them all the same.
    assert found.startswith("BTC/USDT:USDT at 2026-01-10 11:30 UTC: trades: recalled is")


@pytest.mark.usefixtures("from_an_earlier_run")
def test_a_memory_that_knows_a_trade_before_it_has_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ExperienceLibrary.recall

    def leaking(self: Any, pair: str, before: datetime, facts: Any) -> Experience:
        return honest(self, pair, before + timedelta(days=1), facts)

    monkeypatch.setattr(ExperienceLibrary, "recall", leaking)
    found = heard(a_config(tmp_path), tmp_path).text("c")
    assert "BTC/USDT:USDT at 2026-01-10 00:30 UTC: trade 9" in found
    assert "is recalled, which closes at 2026-01-10" in found


@pytest.mark.usefixtures("from_an_earlier_run")
def test_statistics_over_trades_that_have_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = HistoricalQueryEngine.statistics

    def leaking(self: Any, *, pair: Any, before: datetime, days: int) -> Any:
        return honest(self, pair=pair, before=before + timedelta(days=1), days=days)

    monkeypatch.setattr(HistoricalQueryEngine, "statistics", leaking)
    found = heard(a_config(tmp_path), tmp_path).text("c")
    assert "BTC/USDT:USDT at 2026-01-10 00:30 UTC: statistics: recalled is" in found
    assert found.endswith("known by then was []")


def test_a_memory_that_knows_the_decision_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ExperienceLibrary.recall

    def leaking(self: Any, pair: str, before: datetime, facts: Any) -> Experience:
        return honest(self, pair, before + timedelta(seconds=1), facts)

    monkeypatch.setattr(ExperienceLibrary, "recall", leaking)
    found = heard(a_config(tmp_path), tmp_path).text("c")
    assert found == (
        "BTC/USDT:USDT at 2026-01-10 00:30 UTC: a decision of 2026-01-10 00:30 UTC is recalled"
    )


def test_a_failed_proof_is_told_and_ends_the_comparison_of_whole_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PastView, "saw", View.saw)
    told: list[str] = []
    assert not prove(a_config(tmp_path, AROUND_NOON, pairs=(BTC,)), candles=3, show=told.append)
    assert [line[:4] for line in told] == ["(a) ", "(b) ", "(b) ", "(b) ", "(c) ", "(d) "]
    assert told[-1].startswith("(d) FAILED: BTC/USDT:USDT: the position was valued at")


def test_a_leak_in_whole_runs_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("newest_close", "newest_price", "candles"):
        ahead(monkeypatch, name, HALF_AN_HOUR)
    told: list[str] = []
    config = a_config(tmp_path, "1768051800-1768073400", pairs=(BTC,))
    assert not prove(config, candles=None, show=told.append)
    assert [line[:11] for line in told[:2]] == ["(a) FAILED:", "(b) FAILED:"]
    assert [line[:3] for line in told] == ["(a)", "(b)", "(c)", "(d)"]
