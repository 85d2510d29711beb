import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from freqtrade.exchange.exchange_types import LeverageTier
from freqtrade.persistence import PairLocks, Trade, init_db

from builders import NOON, PAIR, a_booking, a_position, a_thesis, a_world, an_account
from llm_modules import domain
from llm_modules.domain import MarketRules
from llm_modules.engine import bridge
from llm_modules.engine.bridge.view import LATE_CANDLE_SECONDS
from llm_modules.market.returns import correlation
from stored_trades import a_trade, an_order

ETH = "ETH/USDT:USDT"
TIERS: list[LeverageTier] = [
    {
        "minNotional": 0.0,
        "maxNotional": 50_000.0,
        "maintenanceMarginRate": 0.004,
        "maxLeverage": 125.0,
        "maintAmt": 0.0,
    },
    {
        "minNotional": 50_000.0,
        "maxNotional": None,
        "maintenanceMarginRate": 0.1,
        "maxLeverage": 5.0,
        "maintAmt": 4800.0,
    },
]


@pytest.fixture(autouse=True)
def _database() -> Iterator[None]:
    init_db("sqlite://")
    PairLocks.use_db, PairLocks.timeframe = True, "30m"
    yield
    Trade.session.remove()


class Exchange:
    """Freqtrade's leverage tiers: what it reads them from, and nothing else."""

    def __init__(self) -> None:
        self._leverage_tiers = {PAIR: TIERS}


class Provider:
    """What the view reads of Freqtrade's data provider."""

    def __init__(
        self, frames: dict[str, pd.DataFrame], funding: pd.DataFrame | None = None
    ) -> None:
        self.frames = frames
        self.funding = pd.DataFrame() if funding is None else funding
        self.active = True
        self._exchange = Exchange()

    def current_whitelist(self) -> list[str]:
        return list(self.frames)

    def market(self, pair: str) -> dict[str, Any]:
        return {"precision": {"price": 0.1}, "limits": {"cost": {"min": 5}}, "active": self.active}

    def get_funding_rate_timeframe(self) -> str:
        return "1h"

    def ohlcv(self, pair: str, timeframe: str, *, copy: bool, candle_type: str) -> pd.DataFrame:
        assert copy is False
        if candle_type == "funding_rate":
            assert timeframe == "1h"
            return self.funding
        return self.frames.get(pair, pd.DataFrame(columns=["date"]))


class Wallets:
    def get_total(self, currency: str) -> float:
        return {"USDT": 1000.0}[currency]

    def get_available_stake_amount(self) -> float:
        return 850.0


def a_frame(rows: int = 10, end: datetime = NOON) -> pd.DataFrame:
    opened = pd.date_range(end=end - timedelta(minutes=30), periods=rows, freq="30min")
    values = {name: [float(row + 1) for row in range(rows)] for name in OHLCV}
    return pd.DataFrame({"date": opened, **values})


class WhitelistOf(dict[str, pd.DataFrame]):
    """Frames of more pairs than the whitelist names."""

    def __init__(self, pair: str, frames: dict[str, pd.DataFrame]) -> None:
        super().__init__(frames)
        self.pair = pair

    def __iter__(self) -> Iterator[str]:
        return iter([self.pair])


OHLCV = ("open", "high", "low", "close", "volume")


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ({"dry_run": True}, "dry_run"),
        ({}, "dry_run"),
        ({"dry_run": False}, "live"),
        (
            {"dry_run": False, "exchange": {"ccxt_config": {"urls": "http://127.0.0.1:1"}}},
            "live",
        ),
        (
            {"exchange": {"ccxt_config": {"urls": {"api": {"fapiPublic": "http://127.0.0.1:1"}}}}},
            "sandbox",
        ),
    ],
)
def test_the_mode_says_what_is_simulated(config: dict[str, Any], mode: str) -> None:
    assert bridge.run_mode(config) == mode


def test_candles_are_copied_newest_rows_only() -> None:
    frame = a_frame(10)
    copied = bridge.candles(frame, "30m", rows=3)
    assert copied.close.tolist() == [8.0, 9.0, 10.0]
    assert copied.open_times[-1] == int((NOON - timedelta(minutes=30)).timestamp() * 1000)
    frame.loc[9, "close"] = -1.0
    assert copied.close[-1] == 10.0


def test_the_newest_candle_closes_one_timeframe_after_it_opened() -> None:
    assert bridge.newest_close(a_frame(), "30m") == NOON
    assert bridge.newest_close(pd.DataFrame(columns=["date"]), "30m") is None


@pytest.mark.parametrize("market", [None, {}, {"limits": {"cost": {"min": None}}}])
def test_unknown_market_rules_do_not_limit(market: dict[str, Any] | None) -> None:
    rules = bridge.market_rules(market)
    assert (rules.min_notional, rules.max_leverage) == (0.0, 125.0)
    assert rules.price_step == 1e-8


def test_market_rules_are_read_from_ccxt() -> None:
    market = {
        "precision": {"price": 0.01},
        "limits": {"cost": {"min": 20}, "leverage": {"max": 50}},
    }
    assert bridge.market_rules(market) == MarketRules(0.01, 20.0, 50.0)


def test_leverage_tiers_are_read_from_freqtrade_and_the_last_one_is_open() -> None:
    assert bridge.market_rules({}, TIERS).tiers == (
        domain.LeverageTier(50_000.0, 125.0, 0.004),
        domain.LeverageTier(math.inf, 5.0, 0.1),
    )


def test_the_newest_funding_rate_counts() -> None:
    frame = pd.DataFrame({"date": [NOON, NOON], "funding_rate": [0.0001, -0.0003]})
    assert bridge.newest_funding_rate(frame) == -0.0003


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"funding_rate": [math.nan]})])
def test_a_funding_rate_nobody_told_is_unknown(frame: pd.DataFrame) -> None:
    assert bridge.newest_funding_rate(frame) is None


@pytest.mark.parametrize(("is_short", "mfe", "mae"), [(False, 103.0, 98.0), (True, 98.0, 103.0)])
def test_extremes_follow_the_side(is_short: bool, mfe: float, mae: float) -> None:
    trade = a_trade(is_short=is_short)
    position = bridge.open_position(trade, 101.0)
    assert position.side == ("short" if is_short else "long")
    assert position.profit_ratio == trade.calc_profit_ratio(101.0)
    assert position.mfe_ratio == trade.calc_profit_ratio(mfe) > 0
    assert position.mae_ratio == trade.calc_profit_ratio(mae) < 0
    assert (position.entries, position.adjustments, position.thesis) == (1, 0, None)
    assert position.opened_at.tzinfo is not None


def test_a_trade_without_extremes_yet_starts_at_its_open_rate() -> None:
    trade = a_trade()
    trade.max_rate = trade.min_rate = None
    position = bridge.open_position(trade, 101.0)
    assert position.mfe_ratio == position.mae_ratio == trade.calc_profit_ratio(100.0)


def test_a_thesis_survives_in_freqtrades_database() -> None:
    trade = a_trade()
    assert bridge.stored_thesis(trade) is None
    bridge.store_thesis(trade, a_thesis(reason="x" * 1500))
    Trade.session.expire_all()
    (again,) = Trade.get_open_trades()
    assert bridge.stored_thesis(again) == a_thesis(reason="x" * 1500)


def test_a_closed_trade_carries_freqtrades_profit_and_the_models_last_word() -> None:
    trade = a_trade()
    bridge.store_thesis(trade, a_thesis())
    booking = a_booking(kind="exit", model_score=80.0, reason="target", decision_id="d-9")
    bridge.store_exit(trade, booking)
    bridge.store_exit(trade, booking)
    trade.orders.append(an_order(trade, trade.exit_side, 102.0, 1.0))
    trade.exit_reason = "signal_exit"
    trade.close(102.0)
    closed = bridge.closed_trade(trade)
    assert closed.profit_ratio == trade.close_profit
    assert closed.profit_abs == trade.close_profit_abs
    assert closed.stake_amount == pytest.approx(25.0)
    assert (closed.exit_decision_id, closed.model_score) == ("d-9", 80.0)
    assert (closed.exit_reflection, closed.exit_reason) == ("target", "signal_exit")
    assert (closed.entries, closed.exits) == (1, 1)
    assert closed.thesis == a_thesis()


def test_a_trade_closed_by_others_has_no_last_word() -> None:
    trade = a_trade()
    trade.orders.append(an_order(trade, trade.exit_side, 90.0, 1.0))
    trade.close(90.0)
    closed = bridge.closed_trade(trade)
    assert (closed.model_score, closed.exit_decision_id, closed.thesis) == (None, None, None)
    assert closed.exit_reason == "unknown"
    assert closed.profit_ratio < 0


def test_decisions_are_named_by_time_and_pair_and_are_unique() -> None:
    source = bridge.Newest(Provider({}))
    first, second = source.decision_id(PAIR, NOON), source.decision_id(PAIR, NOON)
    assert first.startswith("260115120000-BTC-")
    assert first != second


def test_freqtrades_locks_are_seen_by_side_and_until_their_candle() -> None:
    def locked(pair: str, at: datetime) -> frozenset[str]:
        return bridge.locked_sides(PairLocks.get_pair_locks(None, NOON), pair, at)

    assert locked(PAIR, NOON) == frozenset()
    until = NOON + timedelta(minutes=20)  # Freqtrade rounds it up to the candle's end
    PairLocks.lock_pair(PAIR, until, "cooldown", side="long", now=NOON)
    assert locked(PAIR, NOON) == {"long"}
    assert locked(ETH, NOON) == frozenset()
    assert locked(PAIR, NOON + timedelta(minutes=30)) == frozenset()
    PairLocks.lock_pair("*", until, "drawdown", side="*", now=NOON)
    assert locked(ETH, NOON) == {"long", "short"}


def test_now_is_aware_utc() -> None:
    assert bridge.now().tzinfo is UTC


def a_view(**frames: pd.DataFrame) -> bridge.View:
    return bridge.View(bridge.Newest(Provider(frames or {PAIR: a_frame()})), "30m", ("1h",), {})


def test_the_limits_of_a_pair_are_read_anew_only_where_they_were_told_anew() -> None:
    view = a_view()
    market: dict[str, Any] = {"limits": {"cost": {"min": 5}}}
    first = view._rules_of(PAIR, market)
    assert first.min_notional == 5.0
    assert view._rules_of(PAIR, market) is first
    assert view._rules_of(ETH, {"limits": {"cost": {"min": 20}}}).min_notional == 20.0
    assert view._rules_of(PAIR, {"limits": {"cost": {"min": 7}}}).min_notional == 7.0


def test_other_tiers_of_the_same_market_are_other_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    view = a_view()
    told: list[Any] = []
    monkeypatch.setattr(view._source, "tiers", lambda _pair: told)
    market: dict[str, Any] = {}
    assert view._rules_of(PAIR, market).tiers == ()
    told = list(TIERS)
    assert len(view._rules_of(PAIR, market).tiers) == len(TIERS)


def test_equity_counts_the_open_profit_at_the_latest_rate() -> None:
    trade, view = a_trade(), a_view()
    before = view.account(Wallets(), "USDT", [trade])
    newest = float(a_frame()["close"].iloc[-1])
    assert before.equity == pytest.approx(1000.0 + trade.calculate_profit(newest).profit_abs)
    view.saw(trade.id, 110.0)
    after = view.account(Wallets(), "USDT", [trade])
    assert after.equity == pytest.approx(1000.0 + trade.calculate_profit(110.0).profit_abs)
    assert (after.free, after.used_stake, after.open_trades) == (850.0, 25.0, 1)


def test_the_rate_of_an_earlier_trade_does_not_value_a_later_one() -> None:
    first, view = a_trade(), a_view()
    view.saw(first.id, 110.0)
    view.positions([first])
    view.positions([])
    second = a_trade()
    (position,) = view.positions([second])
    assert position.current_rate == float(a_frame()["close"].iloc[-1])


def test_a_pair_without_candles_is_valued_at_the_open_rate() -> None:
    view = bridge.View(bridge.Newest(Provider({})), "30m", (), {})
    (position,) = view.positions([a_trade()])
    assert position.current_rate == 100.0


def test_an_empty_balance_is_an_unknown_one() -> None:
    class Empty(Wallets):
        def get_total(self, currency: str) -> float:
            return 0.0

    assert math.isnan(a_view().account(Empty(), "USDT", []).equity)


def test_a_thesis_of_another_version_is_none_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trade = a_trade()
    trade.set_custom_data("thesis", {"reason": "x", "mood": "good"})
    assert bridge.stored_thesis(trade) is None
    assert "another version" in caplog.text


def test_after_an_addition_old_extremes_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    trade = a_trade()
    monkeypatch.setattr(Trade, "nr_of_successful_entries", property(lambda _: 2))
    position = bridge.open_position(trade, 101.0)
    assert position.mfe_ratio == position.mae_ratio == position.profit_ratio


@pytest.mark.parametrize("is_short", [False, True])
def test_an_anchored_stop_stays_where_it_is_when_a_fill_recalculates_the_trade(
    is_short: bool,
) -> None:
    """Freqtrade alone would move a stop set at 98.5 beyond the price after a reduction."""
    trade = a_trade(is_short=is_short)
    away = -1 if is_short else 1
    rate, stop = 100 - 1.5 * away, 100 - 1.8 * away
    trade.stop_loss = 0.0
    trade.adjust_stop_loss(rate, abs(rate - stop) / rate * trade.leverage)
    placed = trade.stop_loss
    bridge.anchor_stop(99)
    bridge.anchor_stop(trade.id)
    trade.orders.append(an_order(trade, trade.exit_side, rate, 0.5))
    trade.recalc_trade_from_orders()
    assert trade.stop_loss == pytest.approx(placed, rel=1e-3)


def test_words_of_an_exit_that_did_not_happen_are_left_out() -> None:
    trade = a_trade()
    bridge.store_exit(trade, a_booking(kind="exit", model_score=95.0, reason="take profit"))
    trade.orders.append(an_order(trade, trade.exit_side, 90.0, 1.0))
    trade.exit_reason = "stop_loss"
    trade.close(90.0)
    closed = bridge.closed_trade(trade)
    assert (closed.model_score, closed.exit_reflection) == (None, None)


def test_a_late_informative_candle_is_waited_for_but_not_for_ever() -> None:
    class LateHour(Provider):
        def ohlcv(self, pair: str, timeframe: str, *, copy: bool, candle_type: str) -> pd.DataFrame:
            if candle_type == "funding_rate":
                return self.funding
            end = NOON - timedelta(minutes=90 if timeframe == "1h" else 0)
            return a_frame(end=end)

    view = bridge.View(bridge.Newest(LateHour({PAIR: a_frame()})), "30m", ("1h",), {})
    assert view.due(a_world(), set(), "sandbox", NOON) == ()
    patience = timedelta(seconds=LATE_CANDLE_SECONDS)
    assert len(view.due(a_world(), set(), "sandbox", NOON + patience)) == 1


def test_an_informative_timeframe_without_candles_is_waited_for() -> None:
    class NoHour(Provider):
        def ohlcv(self, pair: str, timeframe: str, *, copy: bool, candle_type: str) -> pd.DataFrame:
            if candle_type == "funding_rate":
                return self.funding
            return a_frame() if timeframe == "30m" else pd.DataFrame(columns=["date"])

    view = bridge.View(bridge.Newest(NoHour({PAIR: a_frame()})), "30m", ("1h",), {})
    assert view.due(a_world(), set(), "sandbox", NOON) == ()


def test_a_trade_whose_entry_is_not_filled_is_no_position_yet() -> None:
    trade = a_trade()
    trade.amount = 0.0
    view = a_view()
    assert view.positions([trade]) == ()
    assert view.account(Wallets(), "USDT", [trade]).equity == 1000.0


def test_a_pair_is_due_once_per_closed_candle() -> None:
    view = a_view()
    (question,) = view.due(a_world(), set(), "sandbox", NOON)
    assert (question.pair, question.candle_at) == (PAIR, NOON)
    assert question.valid_until == NOON + timedelta(minutes=30)
    assert [frame.timeframe for frame in question.frames] == ["30m", "1h"]
    assert question.stance == "flat"
    assert view.due(a_world(), set(), "sandbox", NOON) == ()


def test_a_candle_decided_before_a_restart_is_not_asked_about_again() -> None:
    view = bridge.View(bridge.Newest(Provider({PAIR: a_frame()})), "30m", (), {PAIR: NOON})
    assert view.due(a_world(), set(), "sandbox", NOON) == ()


def test_a_pair_with_an_order_under_way_waits() -> None:
    view = a_view()
    assert view.due(a_world(), {PAIR}, "sandbox", NOON) == ()
    assert len(view.due(a_world(), set(), "sandbox", NOON)) == 1


def test_an_outdated_candle_is_not_asked_about() -> None:
    assert a_view().due(a_world(), set(), "sandbox", NOON + timedelta(minutes=30)) == ()


def test_a_pair_without_candles_is_left_out() -> None:
    view = bridge.View(
        bridge.Newest(Provider({PAIR: pd.DataFrame(columns=["date"])})), "30m", (), {}
    )
    assert view.due(a_world(), set(), "sandbox", NOON) == ()


def test_positions_outside_the_whitelist_are_still_asked_about() -> None:
    provider = Provider({PAIR: a_frame(), ETH: a_frame()})
    provider.current_whitelist = lambda: [PAIR]  # type: ignore[method-assign]
    view = bridge.View(bridge.Newest(provider), "30m", (), {})
    world = a_world(a_position(pair=ETH))
    questions = view.due(world, set(), "sandbox", NOON)
    assert [(question.pair, question.stance) for question in questions] == [
        (PAIR, "flat"),
        (ETH, "in_position"),
    ]
    assert an_account().halted is False


def test_a_question_brings_what_the_gate_wants_to_know_of_the_market() -> None:
    funding = pd.DataFrame({"date": [NOON], "funding_rate": [0.0005]})
    frames = {PAIR: a_frame(40), ETH: a_frame(40)}
    view = bridge.View(bridge.Newest(Provider(frames, funding)), "30m", (), {})
    first, second = view.due(a_world(), (), "sandbox", NOON)
    assert first.funding_rate == 0.0005
    assert [tier.max_leverage for tier in first.rules.tiers] == [125.0, 5.0]
    assert second.rules.tiers == ()
    assert first.returns.keys() == {PAIR, ETH}
    assert correlation(first.returns[PAIR], first.returns[ETH]) == pytest.approx(1.0)


def test_returns_are_computed_once_per_candle() -> None:
    frames = {PAIR: a_frame(40), ETH: a_frame(40, NOON - timedelta(minutes=30))}
    view = bridge.View(bridge.Newest(Provider(frames)), "30m", (), {})
    (first,) = view.due(a_world(), (), "sandbox", NOON)
    frames[ETH] = a_frame(40)
    (second,) = view.due(a_world(), (), "sandbox", NOON)
    assert second.returns[PAIR] is first.returns[PAIR]
    assert second.returns[ETH] is not first.returns[ETH]


def test_a_pair_without_candles_has_no_returns() -> None:
    empty = pd.DataFrame(columns=["date"])
    view = bridge.View(bridge.Newest(Provider({PAIR: a_frame(40), ETH: empty})), "30m", (), {})
    (question,) = view.due(a_world(), (), "sandbox", NOON)
    assert question.returns.keys() == {PAIR}


def test_a_pair_off_the_whitelist_or_switched_off_is_not_tradable() -> None:
    position = a_position(pair=ETH)
    provider = Provider({PAIR: a_frame()})
    view = bridge.View(bridge.Newest(provider), "30m", (), {})
    provider.frames = WhitelistOf(PAIR, {PAIR: a_frame(), ETH: a_frame()})
    questions = view.due(a_world(position), (), "sandbox", NOON)
    assert {question.pair: question.tradable for question in questions} == {PAIR: True, ETH: False}
    inactive = Provider({PAIR: a_frame()})
    inactive.active = False
    (question,) = bridge.View(bridge.Newest(inactive), "30m", (), {}).due(
        a_world(), (), "sandbox", NOON
    )
    assert question.tradable is False


def test_what_was_seen_of_a_trade_is_kept_with_it() -> None:
    trade, view = a_trade(), a_view()
    (position,) = view.positions([trade])
    seen = replace(position, mfe_ratio=0.4, mae_ratio=-0.3, stop_price=99.5)
    view.keep([trade], {PAIR: seen})
    Trade.session.expire_all()
    (again,) = a_view().positions([trade])
    assert (again.mfe_ratio, again.mae_ratio, again.stop_price) == (0.4, -0.3, 99.5)
    trade.orders.append(an_order(trade, trade.exit_side, 102.0, 1.0))
    trade.close(102.0)
    closed = bridge.closed_trade(trade)
    assert (closed.mfe_ratio, closed.mae_ratio) == (0.4, -0.3)


def test_what_has_not_changed_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    trade, view = a_trade(), a_view()
    (position,) = view.positions([trade])
    written: list[str] = []
    monkeypatch.setattr(Trade, "set_custom_data", lambda _self, key, _value: written.append(key))
    view.keep([trade], {PAIR: position})
    view.keep([trade], {PAIR: replace(position, current_rate=1.0)})
    assert written == ["track"]
    view.keep([trade], {PAIR: replace(position, mfe_ratio=0.9)})
    assert written == ["track", "track"]


def test_only_a_position_of_that_very_trade_is_kept() -> None:
    trade, view = a_trade(), a_view()
    view.keep([trade], {})
    view.keep([trade], {PAIR: a_position(trade_id=trade.id + 1)})
    assert trade.get_custom_data("track") is None


@pytest.mark.parametrize("stored", ["nonsense", {"mfe_ratio": 1.0}, None])
def test_a_track_of_another_version_is_left_alone(stored: Any) -> None:
    trade = a_trade()
    trade.set_custom_data("track", stored)
    (position,) = a_view().positions([trade])
    assert position == bridge.open_position(trade, position.current_rate)


def test_a_thesis_found_in_the_journal_is_kept_with_its_trade() -> None:
    trade, view = a_trade(), a_view()
    (position,) = view.positions([trade])
    view.keep([trade], {PAIR: replace(position, thesis=a_thesis(reason="found again"))})
    assert bridge.stored_thesis(trade) == a_thesis(reason="found again")


def test_an_empty_frame_spoils_only_its_own_pair() -> None:
    frames = {PAIR: a_frame(40), ETH: a_frame(40)}
    provider = Provider(frames)
    view = bridge.View(bridge.Newest(provider), "30m", ("1d",), {})
    provider_ohlcv = provider.ohlcv

    def without_days(pair: str, timeframe: str, **named: Any) -> pd.DataFrame:
        if pair == ETH and timeframe == "1d":
            return pd.DataFrame()
        return provider_ohlcv(pair, timeframe, **named)

    provider.ohlcv = without_days  # type: ignore[method-assign]
    late = NOON + timedelta(seconds=LATE_CANDLE_SECONDS)
    first, second = view.due(a_world(), (), "sandbox", late)
    assert len(first.frames[1]) == 40
    assert len(second.frames[1]) == 0


def test_a_pair_whose_question_fails_does_not_keep_the_others_from_theirs() -> None:
    provider = Provider({PAIR: a_frame(40), ETH: a_frame(40)})
    view = bridge.View(bridge.Newest(provider), "30m", (), {})

    def market(pair: str) -> dict[str, Any]:
        if pair == PAIR:
            raise KeyError(pair)
        return {}

    provider.market = market  # type: ignore[method-assign]
    assert [question.pair for question in view.due(a_world(), (), "sandbox", NOON)] == [ETH]
    assert view.due(a_world(), (), "sandbox", NOON) == ()


@pytest.mark.parametrize("is_short", [False, True])
def test_a_real_balance_has_paid_the_entry_already(is_short: bool) -> None:
    trade = a_trade(is_short=is_short)
    trade.funding_fees = -0.5
    profit = bridge.open_profit(trade, 110.0, is_live=True)
    assert profit == pytest.approx((-10.0 if is_short else 10.0) - 110.0 * 0.0005)
    simulated = bridge.open_profit(trade, 110.0, is_live=False)
    assert simulated == trade.calculate_profit(110.0).profit_abs


@pytest.mark.parametrize(
    ("is_short", "stop", "tighter"),
    [
        (False, 99.1, True),
        (False, 99.0, False),
        (False, 98.9, False),
        (True, 100.9, True),
        (True, 101.0, False),
        (True, 101.1, False),
    ],
)
def test_only_a_nearer_stop_is_tighter_than_freqtrades(
    is_short: bool, stop: float, tighter: bool
) -> None:
    trade = a_trade(is_short=is_short)
    assert bridge.is_tighter(stop, trade) is tighter
    trade.stop_loss = 0.0
    assert bridge.is_tighter(stop, trade)
