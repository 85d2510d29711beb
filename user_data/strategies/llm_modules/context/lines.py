"""The facts of a decision as `key=value` lines; each key occurs once in a message.

These lines are never dropped. Nothing in them is free text: what others wrote stands in the
quoted block.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from llm_modules.context.numbers import compact, percent, price, trimmed, utc_moment
from llm_modules.context.quoting import one_word
from llm_modules.domain import (
    AccountState,
    Change,
    MarketSnapshot,
    OpenPosition,
    Thesis,
)
from llm_modules.phrases import Phrases

_PRICE_FACTS = frozenset({"price", "support", "resistance"})
# The keys that the facts compared have elsewhere in the message.
_CHANGED_KEYS = {"ema_order": "ema_gap_pct", "macd": "macd_pct"}
# Enough for cents in four-digit accounts and for a stake in bitcoin alike.
_MONEY_DIGITS = 6


def terms_line(snapshot: MarketSnapshot, decimals: int) -> str:
    """Return which pair and candles this is about, and what the exchange demands of an order."""
    rules = snapshot.rules
    limits = rules.price_step, rules.min_notional, rules.max_leverage
    return _terms(snapshot.pair, snapshot.main.timeframe, limits, decimals)


def market_line(snapshot: MarketSnapshot, decimals: int) -> str:
    """Return what is known of the main timeframe now; the other ones have their own table."""
    facts = snapshot.facts
    own = _own_keys(tuple(facts), tuple([view.timeframe for view in snapshot.informative]))
    return _line(
        {
            "candle": utc_moment(snapshot.candle_at),
            "price": price(snapshot.price, decimals),
            **{key: _fact(key, facts[key], decimals) for key in own},
        }
    )


# All pairs of a candle share it.
@lru_cache(maxsize=4)
def account_line(account: AccountState) -> str:
    """Return the account: amounts in the stake currency, which is the quote currency of pairs."""
    peak = account.peak_equity
    # A new account has no peak yet.
    drawdown = (peak - account.equity) / peak if peak > 0 else 0.0
    return _line(
        {
            "equity": trimmed(account.equity, _MONEY_DIGITS),
            "free": trimmed(account.free, _MONEY_DIGITS),
            "used_stake": trimmed(account.used_stake, _MONEY_DIGITS),
            "open_trades": str(account.open_trades),
            "drawdown_pct": percent(drawdown),
        }
    )


def position_line(position: OpenPosition, snapshot: MarketSnapshot, decimals: int) -> str:
    """Return the open position as it stands; profit, MFE and MAE are leveraged, after fees."""
    return _line(
        {
            "side": position.side,
            "open_rate": price(position.open_rate, decimals),
            "stake": trimmed(position.stake_amount, _MONEY_DIGITS),
            "leverage": trimmed(position.leverage),
            "profit_pct": percent(position.profit_ratio),
            "mfe_pct": percent(position.mfe_ratio),
            "mae_pct": percent(position.mae_ratio),
            "held_candles": str(_held_candles(position, snapshot)),
            "adjustments": str(position.adjustments),
            "entries": str(position.entries),
            "stop_price": price(position.stop_price, decimals),
            "liquidation_price": price(position.liquidation_price, decimals),
        }
    )


def change_lines(changes: Sequence[Change], decimals: int, phrases: Phrases) -> tuple[str, ...]:
    """Return one line with each fact of the entry and of now, significant changes marked by `!`.

    Empty when nothing could be compared.
    """
    if not changes:
        return ()
    told = ", ".join(_change(change, decimals) for change in changes)
    return (phrases("position.since_entry", changes=told),)


def thesis_line(thesis: Thesis, decimals: int) -> str:
    """Return the numbers of the entry's thesis, which stay as they are while it is open."""
    return _line(
        {
            "entry_confidence": trimmed(thesis.confidence_score),
            "entry_support": price(thesis.key_support, decimals),
            "entry_resistance": price(thesis.key_resistance, decimals),
            "entry_stop": price(thesis.stop_price, decimals),
            "entry_target": price(thesis.target_price, decimals),
        }
    )


# Nearly every snapshot knows the same facts.
@lru_cache(maxsize=64)
def _own_keys(keys: Sequence[str], others: Sequence[str]) -> Sequence[str]:
    """Return the keys of facts that are none of the other timeframes'."""
    suffixes = tuple(f"_{timeframe}" for timeframe in others)
    return tuple(key for key in keys if not key.endswith(suffixes))


@lru_cache(maxsize=512)
def _terms(pair: str, timeframe: str, limits: tuple[float, float, float], decimals: int) -> str:
    price_step, min_notional, max_leverage = limits
    return _line(
        {
            "pair": one_word(pair),
            "timeframe": timeframe,
            "price_step": price(price_step, decimals),
            "min_notional": trimmed(min_notional),
            "pair_max_leverage": trimmed(max_leverage),
        }
    )


def _change(change: Change, decimals: int) -> str:
    key = _CHANGED_KEYS.get(change.code, change.code)
    before, after = (_fact(key, value, decimals) for value in (change.before, change.after))
    return f"{key} {before}->{after}{' !' if change.significant else ''}"


def _held_candles(position: OpenPosition, snapshot: MarketSnapshot) -> int:
    """Return how many whole candles a position has been open."""
    # The candles themselves tell their length: a snapshot has at least two, without a gap.
    open_times = snapshot.main.candles.open_times
    duration_seconds = int(open_times[-1] - open_times[-2]) / 1000
    held_seconds = (snapshot.candle_at - position.opened_at).total_seconds()
    return max(0, int(held_seconds / duration_seconds))


def _line(values: Mapping[str, str]) -> str:
    return " ".join([f"{key}={value}" for key, value in values.items()])


def _fact(key: str, value: float, decimals: int) -> str:
    return price(value, decimals) if key in _PRICE_FACTS else compact(value)
