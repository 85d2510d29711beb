"""The strategy as Freqtrade itself loads it, its callbacks called the way Freqtrade calls them."""

import inspect
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas_ta
import pytest
from freqtrade.enums import RunMode, SignalDirection
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import Trade
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from pandas import DataFrame, to_datetime

from builders import NOON, PAIR, a_booking, a_decision_record, a_world, some_candles
from llm_modules.config import parse_config
from llm_modules.gate.consent import CONSENT_NAME, Consent, bot_subjects, write_consent
from llm_modules.market.extra_indicators import output_columns

ROOT = Path(__file__).parent.parent.parent / "user_data"
CALLBACKS = (
    "bot_loop_start",
    "get_entry_signal",
    "leverage",
    "custom_stake_amount",
    "confirm_trade_entry",
    "check_entry_timeout",
    "custom_exit",
    "adjust_trade_position",
    "custom_stoploss",
    "order_filled",
)


class Desk:
    """A desk with one booking and a stop; it notes what it is told."""

    mode = "sandbox"

    def __init__(self, booking: Any = None, stop: float | None = None) -> None:
        self.booking = booking
        self.stop_at = stop
        self.crossed = False
        self.halted = False
        self.told: list[tuple[str, Any]] = []

    def world(self) -> Any:
        return a_world(halted=self.halted)

    def entry(self, pair: str, now: datetime) -> Any:
        return self.booking

    def confirm_entry(self, pair: str, side: str, price: float, now: datetime) -> bool:
        return self.booking is not None and side == self.booking.side

    def exit_booking(self, pair: str, trade_id: int, now: datetime) -> Any:
        return self.booking

    def exit_reason(self, pair: str, trade_id: int, now: datetime) -> str | None:
        return self.booking.tool if self.booking else None

    def crossed_stop(self, trade_id: int, price: float, enforced: float | None) -> str | None:
        self.told.append(("enforced", enforced))
        return "stop_crossed" if self.crossed else None

    def adjustment(self, pair: str, trade_id: int, price: float, now: datetime) -> Any:
        return self.booking

    def stop_price(self, trade_id: int) -> float | None:
        return self.stop_at

    def settle(self, pair: str, tool: str, trade_id: int, order_id: str) -> Any:
        self.told.append(("settle", tool))
        return self.booking

    def filled(self, position: Any, booking: Any) -> None:
        self.told.append(("filled", position))

    def closed(self, trade: Any) -> None:
        self.told.append(("closed", trade))

    def chart(self, pair: str, start: datetime, end: datetime) -> list[Any]:
        return [a_decision_record()]


class BrokenDesk:
    """A desk whose every use is a bug."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)


class View:
    def __init__(self) -> None:
        self.rates: list[float] = []

    def saw(self, trade_id: int, rate: float) -> None:
        self.rates.append(rate)


def a_trade(*, is_short: bool = False, is_open: bool = True) -> Trade:
    trade = Trade(
        pair=PAIR,
        stake_currency="USDT",
        stake_amount=25.0,
        amount=1.0,
        is_open=is_open,
        is_short=is_short,
        open_rate=100.0,
        open_date=NOON.replace(tzinfo=None),
        fee_open=0.0005,
        fee_close=0.0005,
        exchange="binance",
        leverage=4.0,
        stop_loss=80.0,
        trading_mode="futures",
    )
    Trade.session.add(trade)
    Trade.commit()
    return trade


def call(strategy: Any, name: str, **changes: Any) -> Any:
    """Call a callback with whatever it asks for, as Freqtrade does, by keyword."""
    trade = changes.pop("trade", None)
    given: dict[str, Any] = {
        "pair": PAIR,
        "timeframe": "1m",
        "dataframe": DataFrame(),
        "current_time": NOON,
        "current_rate": 100.0,
        "current_profit": 0.0,
        "proposed_leverage": 1.0,
        "max_leverage": 50.0,
        "proposed_stake": 123.0,
        "min_stake": 5.0,
        "max_stake": 900.0,
        "leverage": 3.0,
        "entry_tag": "signal_entry_long",
        "side": "long",
        "order_type": "market",
        "amount": 1.0,
        "rate": 100.0,
        "time_in_force": "GTC",
        "after_fill": False,
        "current_entry_rate": 100.0,
        "current_exit_rate": 100.0,
        "current_entry_profit": 0.0,
        "current_exit_profit": 0.0,
        "order": SimpleNamespace(
            ft_order_tag="signal_entry_long", safe_price=100.0, order_id="o-1"
        ),
        "trade": trade or a_trade(),
    } | changes
    method = getattr(strategy, name)
    wanted = inspect.signature(method).parameters
    return method(**{key: given[key] for key in wanted if key in given})


def test_freqtrade_loads_it_with_everything_the_product_promises(strategy: Any) -> None:
    assert strategy.INTERFACE_VERSION == 3
    assert strategy.can_short
    assert type(strategy).timeframe == "30m" or strategy.config["timeframe"] == "1m"
    assert strategy.position_adjustment_enable
    assert strategy.use_custom_stoploss
    assert -1 < strategy.stoploss < 0
    assert [protection["method"] for protection in strategy.protections] == [
        "CooldownPeriod",
        "StoplossGuard",
        "MaxDrawdown",
    ]
    assert set(strategy.plot_config) == {"main_plot", "subplots"}


def test_each_pair_is_fetched_on_each_informative_timeframe(strategy: Any) -> None:
    assert strategy.informative_pairs() == [
        (PAIR, "1h"),
        ("ETH/USDT:USDT", "1h"),
        (PAIR, "1h", "funding_rate"),
        ("ETH/USDT:USDT", "1h", "funding_rate"),
    ]


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("desk", [None, BrokenDesk()], ids=["no desk", "a broken desk"])
def test_a_callback_without_a_working_desk_never_adds_exposure(
    strategy: Any, name: str, desk: Any
) -> None:
    strategy.desk, strategy.view = desk, View()
    safe = {
        "get_entry_signal": (None, None),
        "leverage": 1.0,
        "custom_stake_amount": 0.0,
        "confirm_trade_entry": False,
        "check_entry_timeout": True,
    }
    assert call(strategy, name) == safe.get(name)
    strategy.desk = None


def test_freqtrades_own_wrapper_gets_a_no_from_a_broken_desk(strategy: Any) -> None:
    """Freqtrade alone would take an exception in this callback for a yes."""
    strategy.desk = BrokenDesk()
    wrapped = strategy_safe_wrapper(strategy.confirm_trade_entry, default_retval=True)
    answer = wrapped(
        pair=PAIR,
        order_type="market",
        amount=1.0,
        rate=1.0,
        time_in_force="GTC",
        current_time=NOON,
        entry_tag="x",
        side="long",
    )
    assert answer is False
    strategy.desk = None


@pytest.mark.parametrize(
    ("side", "direction"), [("long", SignalDirection.LONG), ("short", SignalDirection.SHORT)]
)
def test_a_booked_entry_becomes_freqtrades_signal(
    strategy: Any, side: Any, direction: SignalDirection
) -> None:
    strategy.desk = Desk(a_booking(side=side, tool=f"signal_entry_{side}"))
    assert call(strategy, "get_entry_signal") == (direction, f"signal_entry_{side}")


def test_leverage_and_stake_are_the_booked_ones_within_freqtrades_bounds(strategy: Any) -> None:
    strategy.desk = Desk(a_booking(leverage=5.0, stake_amount=80.0))
    assert call(strategy, "leverage") == 5.0
    assert call(strategy, "leverage", max_leverage=4.0) == 4.0
    assert call(strategy, "custom_stake_amount") == 80.0
    assert call(strategy, "custom_stake_amount", max_stake=60.0) == 60.0
    assert call(strategy, "custom_stake_amount", min_stake=81.0) == 0.0
    assert call(strategy, "custom_stake_amount", min_stake=None) == 80.0


def test_an_order_without_booking_gets_no_stake_and_no_confirmation(strategy: Any) -> None:
    strategy.desk = Desk(None)
    assert call(strategy, "custom_stake_amount", entry_tag="force_entry") == 0.0
    assert call(strategy, "confirm_trade_entry", entry_tag="force_entry") is False
    assert call(strategy, "get_entry_signal") == (None, None)


def test_an_entry_is_confirmed_by_the_desk(strategy: Any) -> None:
    strategy.desk = Desk(a_booking())
    assert call(strategy, "confirm_trade_entry") is True
    assert call(strategy, "confirm_trade_entry", side="short") is False


def test_an_exit_keeps_the_models_last_word_with_the_trade(strategy: Any) -> None:
    trade = a_trade()
    booking = a_booking(kind="exit", tool="signal_exit", model_score=77.0, reason="enough")
    strategy.desk, strategy.view = Desk(booking), View()
    assert call(strategy, "custom_exit", trade=trade) == "signal_exit"
    assert strategy.view.rates == [100.0]
    assert trade.get_custom_data("model_exit")["trade_score"] == 77.0
    strategy.desk = Desk(None)
    assert call(strategy, "custom_exit") is None


def test_an_adjustment_is_the_booked_stake_with_its_tool_as_tag(strategy: Any) -> None:
    strategy.desk = Desk(a_booking(stake_amount=-30.0, tool="adjust_position"))
    assert call(strategy, "adjust_trade_position") == (-30.0, "adjust_position")
    strategy.desk = Desk(a_booking(stake_amount=90.0, tool="adjust_position"))
    assert call(strategy, "adjust_trade_position", max_stake=50.0) == (50.0, "adjust_position")
    strategy.desk = Desk(None)
    assert call(strategy, "adjust_trade_position") is None


@pytest.mark.parametrize(("maximum", "minimum"), [(-37.5, 5.0), (0.0, None), (4.9, 5.0)])
def test_an_addition_that_freqtrade_would_turn_around_or_raise_is_dropped(
    strategy: Any, maximum: float, minimum: float | None
) -> None:
    strategy.desk = Desk(a_booking(stake_amount=90.0, tool="adjust_position"))
    call_it = {"max_stake": maximum, "min_stake": minimum}
    assert call(strategy, "adjust_trade_position", **call_it) is None


def test_a_reduction_needs_no_free_stake(strategy: Any) -> None:
    strategy.desk = Desk(a_booking(stake_amount=-30.0, tool="adjust_position"))
    reduced = call(strategy, "adjust_trade_position", max_stake=-50.0)
    assert reduced == (-30.0, "adjust_position")


def test_no_adjustment_while_another_order_is_open(strategy: Any) -> None:
    strategy.desk = Desk(a_booking(stake_amount=90.0))
    busy = SimpleNamespace(has_open_orders=True, pair=PAIR, id=1)
    assert call(strategy, "adjust_trade_position", trade=busy) is None


@pytest.mark.parametrize(
    ("is_short", "stop", "ratio"), [(False, 97.0, 0.12), (True, 103.0, 0.12), (False, 101.0, 0.0)]
)
def test_the_booked_stop_becomes_freqtrades_leveraged_ratio(
    strategy: Any, is_short: bool, stop: float, ratio: float
) -> None:
    strategy.desk, strategy.view = Desk(stop=stop), View()
    trade = a_trade(is_short=is_short)
    trade.stop_loss = 120.0 if is_short else 80.0
    assert call(strategy, "custom_stoploss", trade=trade) == pytest.approx(ratio)
    assert strategy.view.rates == [100.0]


def test_a_stop_that_is_in_force_is_not_placed_again(strategy: Any) -> None:
    strategy.desk, strategy.view = Desk(stop=80.0), View()
    assert call(strategy, "custom_stoploss") is None
    # After a fill Freqtrade starts from its own far stop.
    assert call(strategy, "custom_stoploss", after_fill=True) == pytest.approx(0.8)
    assert strategy._ft_stop_uses_after_fill


def test_without_a_known_stop_freqtrade_keeps_its_own(strategy: Any) -> None:
    strategy.desk, strategy.view = Desk(), View()
    assert call(strategy, "custom_stoploss") is None


def test_a_fill_is_settled_by_its_tag_before_anything_else(strategy: Any) -> None:
    strategy.desk = desk = Desk(a_booking())
    trade = a_trade()
    order = SimpleNamespace(ft_order_tag="signal_entry_long", safe_price=100.0, order_id="o-1")
    call(strategy, "order_filled", trade=trade, order=order)
    assert [what for what, _ in desk.told] == ["settle", "filled"]
    assert desk.told[0] == ("settle", "signal_entry_long")
    assert trade.get_custom_data("thesis")["reason"] == "the trend is up"


def test_a_fill_without_tag_settles_nothing_of_ours(strategy: Any) -> None:
    strategy.desk = desk = Desk(None)
    call(
        strategy,
        "order_filled",
        order=SimpleNamespace(ft_order_tag=None, safe_price=100.0, order_id="o-1"),
    )
    assert desk.told[0] == ("settle", "")


def test_a_crossed_stop_closes_the_position(strategy: Any) -> None:
    strategy.desk, strategy.view = Desk(None), View()
    strategy.desk.crossed = True
    assert call(strategy, "custom_exit") == "stop_crossed"
    assert strategy.desk.told[-1] == ("enforced", 80.0)
    strategy.order_types = {**strategy.order_types, "stoploss_on_exchange": True}
    assert call(strategy, "custom_exit") == "stop_crossed"
    assert strategy.desk.told[-1] == ("enforced", None)


def test_exits_cannot_be_switched_off(strategy: Any) -> None:
    strategy.use_exit_signal = False
    with pytest.raises(OperationalException, match="use_exit_signal"):
        strategy.bot_start()


def test_stops_cannot_be_switched_off(strategy: Any) -> None:
    strategy.use_custom_stoploss = False
    with pytest.raises(OperationalException, match="use_custom_stoploss"):
        strategy.bot_start()


def test_leverage_is_whole(strategy: Any) -> None:
    strategy.desk = Desk(a_booking(leverage=3.0))
    assert call(strategy, "leverage", max_leverage=2.5) == 2.0


def test_who_cannot_see_the_account_trades_no_more(strategy: Any, tmp_path: Path) -> None:
    strategy.bot_start()
    strategy.wallets = SimpleNamespace(
        get_total=lambda _: 1000.0, get_available_stake_amount=lambda: 950.0
    )
    strategy.view.due = lambda *_: ()
    strategy.bot_loop_start(current_time=datetime.now(UTC))
    assert not strategy.desk.world().account.halted
    strategy.wallets = None
    (tmp_path / "HALT").touch()
    strategy.bot_loop_start(current_time=datetime.now(UTC))
    assert strategy.desk.world().account.halted
    assert strategy.desk.exit_reason(PAIR, 1, NOON) == "halt"


def test_a_close_is_told_whoever_closed(strategy: Any) -> None:
    strategy.desk = desk = Desk()
    trade = a_trade(is_open=False)
    trade.exit_reason = "liquidation"
    call(strategy, "order_filled", trade=trade)
    assert desk.told[0][1].exit_reason == "liquidation"


def test_decisions_are_drawn(strategy: Any) -> None:
    assert strategy.plot_annotations(PAIR, NOON, NOON, DataFrame()) == []
    strategy.desk = Desk()
    (point,) = strategy.plot_annotations(PAIR, NOON, NOON, DataFrame())
    assert point["x"] == NOON - timedelta(minutes=1)


def test_the_chart_shows_what_the_model_sees(strategy: Any) -> None:
    candles = some_candles("30m")
    frame = DataFrame(
        {
            "date": to_datetime(candles.open_times, unit="ms", utc=True),
            **{name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")},
        }
    )
    shown = strategy.populate_indicators(frame, {"pair": PAIR})
    named = set(strategy.plot_config["main_plot"])
    for panel in strategy.plot_config["subplots"].values():
        named |= set(panel)
    assert named <= set(shown.columns)
    signals = strategy.populate_exit_trend(strategy.populate_entry_trend(shown, {}), {})
    assert signals[["enter_long", "enter_short", "exit_long", "exit_short"]].sum().sum() == 0


def a_frame() -> DataFrame:
    candles = some_candles("30m")
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    return DataFrame({"date": to_datetime(candles.open_times, unit="ms", utc=True), **columns})


def test_added_indicators_are_on_the_chart_too(strategy: Any) -> None:
    strategy.config["context_config"]["extra_indicators"] = ["cci"]

    assert "cci_14_0.015" in strategy.populate_indicators(a_frame(), {"pair": PAIR}).columns


def test_an_added_indicator_that_fails_leaves_the_others_on_the_chart(
    strategy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise TypeError("a library's own mistake")

    strategy.config["context_config"]["extra_indicators"] = ["cci"]
    output_columns("cci")
    monkeypatch.setattr(pandas_ta, "cci", fail)
    shown = strategy.populate_indicators(a_frame(), {"pair": PAIR})

    assert "rsi_14" in shown.columns
    assert "cci_14_0.015" not in shown.columns


def test_hyperopt_ends_with_one_clear_sentence(strategy: Any) -> None:
    strategy.dp.runmode = RunMode.HYPEROPT
    with pytest.raises(OperationalException, match=r"use './manage\.sh backtest'"):
        strategy.bot_start()


def test_a_wrong_setting_stops_the_start_with_its_name(strategy: Any) -> None:
    strategy.config["risk_management"]["max_leverage"] = 0
    with pytest.raises(OperationalException, match=r"risk_management\.max_leverage"):
        strategy.bot_start()


def test_trades_closed_while_the_bot_was_away_are_learnt_at_the_start(strategy: Any) -> None:
    trade = a_trade(is_open=False)
    trade.close_date = (NOON + timedelta(hours=1)).replace(tzinfo=None)
    trade.close_rate, trade.close_profit, trade.close_profit_abs = 90.0, -0.4, -10.0
    trade.exit_reason = "liquidation"
    Trade.commit()
    strategy.bot_start()
    desk = strategy.desk
    assert desk.stop() is None
    assert desk.knows(trade.id, NOON)
    (record,) = desk._rooms.journal.past_trades()
    assert (record.exit_reason, record.profit_ratio) == ("liquidation", -0.4)


def test_the_loop_shows_the_desk_the_account_and_asks_about_new_candles(strategy: Any) -> None:
    strategy.bot_start()
    seen: list[Any] = []
    strategy.wallets = SimpleNamespace(
        get_total=lambda _: 1000.0, get_available_stake_amount=lambda: 950.0
    )
    strategy.view.due = lambda *given: seen.append(given) or ()  # type: ignore[func-returns-value]
    strategy.bot_loop_start(current_time=datetime.now(UTC))
    (world, busy, mode, _) = seen[0]
    assert (world.account.equity, world.account.halted, busy, mode) == (
        1000.0,
        False,
        set(),
        "sandbox",
    )


def test_a_halt_is_told_through_freqtrades_messages(strategy: Any, tmp_path: Path) -> None:
    strategy.bot_start()
    strategy.wallets = SimpleNamespace(
        get_total=lambda _: 1000.0, get_available_stake_amount=lambda: 950.0
    )
    strategy.view.due = lambda *_: ()
    messages: list[tuple[str, bool]] = []
    strategy.dp.send_msg = lambda text, *, always_send: messages.append((text, always_send))
    (tmp_path / "HALT").touch()
    strategy.bot_loop_start(current_time=datetime.now(UTC))
    strategy.bot_loop_start(current_time=datetime.now(UTC))
    ((text, always_send),) = messages
    assert text.startswith("Halted by hand")
    assert always_send


@pytest.mark.parametrize("halted", [True, False])
def test_an_unfilled_entry_is_taken_back_once_trading_is_halted(
    strategy: Any, halted: bool
) -> None:
    strategy.desk = Desk()
    strategy.desk.halted = halted
    assert call(strategy, "check_entry_timeout") is halted


def test_with_real_money_the_exchange_holds_the_stops(strategy: Any) -> None:
    assert strategy.order_types["stoploss_on_exchange"] is False
    live = type(strategy)(strategy.config | {"dry_run": False})
    assert live.order_types["stoploss_on_exchange"] is True
    live.dp = strategy.dp
    live.order_types["stoploss_on_exchange"] = False
    with pytest.raises(OperationalException, match="stoploss_on_exchange must stay true"):
        live.bot_start()


def test_real_money_needs_a_consent_however_freqtrade_was_started(
    strategy: Any, tmp_path: Path
) -> None:
    live = type(strategy)(
        strategy.config | {"dry_run": False, "user_data_dir": tmp_path, "runmode": RunMode.LIVE}
    )
    live.dp = SimpleNamespace(runmode=RunMode.LIVE)
    with pytest.raises(OperationalException, match=r"nobody has consented .* ./manage.sh live"):
        live.bot_start()
    given_for = bot_subjects(parse_config(live.config), live.config["exchange"], tmp_path)
    consent = Consent(amount=Decimal(1), currency="USDT", given_for=given_for, at=NOON)
    write_consent(tmp_path / CONSENT_NAME, consent)
    # What is asked for next.
    with pytest.raises(OperationalException, match=r"./manage.sh selftest"):
        live.bot_start()
