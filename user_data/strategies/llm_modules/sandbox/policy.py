"""The scripted model's rules: pure functions from the facts in a prompt to one tool call.

It is a stand-in that makes every tool appear, not a strategy. docs/sandbox.md lists the rules.
"""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_modules.domain import Side

Arguments = dict[str, str | float]

# A key must stand free: `rsi_1h=` and `last.rsi=` are other facts than `rsi=`.
_QUOTED = re.compile(r"(?s)<quoted (\w+)>.*?</quoted \1>")
_PAIR = re.compile(r"(?<![\w.])(?=pair=)")
_TOKEN = re.compile(r"(?<![\w.])([a-z_]+)=([^\s,;|)\]]+)")
_NUMBERS_FLAT = ("price", "rsi", "adx", "atr_pct", "ema_gap_pct")
_NUMBERS_IN_POSITION = (*_NUMBERS_FLAT, "profit_pct", "held_candles", "adjustments")
# First in every reason, so that no journal line is taken for a language model's.
_SIGNATURE = "Scripted sandbox model:"
# Those that follow the trend are held a little longer, so that holding is seen too.
_FOLLOWER_HELD_CANDLES = 2
_FADER_HELD_CANDLES = 1
_PROFIT_LIMIT_PCT = 1.5
_STRONG_ADX = 25
_MODERATE_ADX = 15
# Twice this is the farthest target, which must stay above zero for a short.
_FARTHEST_STOP_PCT = 20.0


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """One tool call as the policy decides it."""

    tool: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Facts:
    """What the prompt says of the market and the position; names of missing facts in order."""

    pair: str
    side: Side | None
    numbers: Mapping[str, float]

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """Return which of the wanted numbers the prompt did not give."""
        return [name for name in wanted if name not in self.numbers]


def read_facts(user_messages: Sequence[str]) -> Facts:
    """Return the facts of the only pair, or the first, that is asked about."""
    return read_all_facts(user_messages)[0]


def read_all_facts(user_messages: Sequence[str]) -> tuple[Facts, ...]:
    """Read `key=value` tokens of the newest user message that names a pair, for each pair in it.

    What stands before the first pair is common to all. Of each pair the first occurrence of a key
    wins; a number that is not finite counts as missing.
    """
    # After a refused call the newest message may be a correction without facts.
    about_a_pair = [text for text in user_messages if "pair=" in text]
    # What is quoted there is about other candles, and may come first.
    newest = _QUOTED.sub("", about_a_pair[-1]) if about_a_pair else ""
    common, *sections = _PAIR.split(newest)
    return tuple(_facts(f"{section} {common}") for section in sections) or (_facts(common),)


def _facts(text: str) -> Facts:
    tokens: dict[str, str] = {}
    for key, value in _TOKEN.findall(text):
        tokens.setdefault(key, value)
    side: Side | None = None
    if tokens.get("side") in {"long", "short"}:
        side = "long" if tokens["side"] == "long" else "short"
    numbers = {name: _number(tokens.get(name, "")) for name in _NUMBERS_IN_POSITION}
    known = {name: value for name, value in numbers.items() if value is not None}
    # Levels around such a price would be invalid calls: better to say it is missing.
    if known.get("price", 1.0) <= 0:
        del known["price"]
    return Facts(tokens.get("pair", "unknown"), side, known)


def decide(offered: frozenset[str], facts: Facts) -> ScriptedCall | None:
    """Return the call for the stance that the offered tools tell; None when they tell none.

    Where the tools of both are offered, as to a question about several pairs, the facts tell.
    """
    # The offered tools are the one fact that cannot be misread out of text.
    if "signal_hold" in offered and (facts.side or "signal_wait" not in offered):
        return _decide_in_position(facts)
    if "signal_wait" in offered:
        return _decide_flat(facts)
    return None


def follows_trend(pair: str) -> bool:
    """Tell the half of a pair: an even sum of its UTF-8 bytes follows the trend, an odd fades it.

    BTC, ETH and DOGE (/USDT:USDT) follow, SOL and XRP fade.
    """
    return sum(pair.encode()) % 2 == 0


def _decide_flat(facts: Facts) -> ScriptedCall:
    missing = facts.missing(_NUMBERS_FLAT)
    if missing:
        return _idle("signal_wait", facts, f"waiting, the prompt lacks {', '.join(missing)}.")
    if _roll(facts, "wait", 4) == 0:
        return _idle("signal_wait", facts, "waiting, as on about every fourth candle.")
    return _entry(facts)


def _entry(facts: Facts) -> ScriptedCall:
    numbers = facts.numbers
    rising, follows = numbers["ema_gap_pct"] >= 0, follows_trend(facts.pair)
    side: Side = "long" if rising == follows else "short"
    sign = 1 if side == "long" else -1
    price, distance = numbers["price"], _stop_distance(facts, atr_multiple=3, least_pct=0.4)
    # The stop stands at the level itself; the target is twice as far on the other side.
    arguments = _levels(facts, distance) | {
        "leverage": float(2 + _roll(facts, "leverage", 4)),
        "trend_strength": _trend_strength(numbers["adx"]),
        "rsi_value": _rsi(facts),
        "stop_price": _rounded(price - sign * distance),
        "target_price": _rounded(price + sign * 2 * distance),
        "invalidation": "A close beyond the stop.",
    }
    if _roll(facts, "stake", 2) == 0:
        arguments["stake_amount"] = float(50 + _roll(facts, "amount", 101))
    trend, habit = "up" if rising else "down", "follows" if follows else "fades"
    reason = f"the EMA gap points {trend} and this pair {habit} the trend, hence {side}."
    return _call(f"signal_entry_{side}", facts, reason, arguments)


def _decide_in_position(facts: Facts) -> ScriptedCall:
    missing = facts.missing(_NUMBERS_IN_POSITION) + ([] if facts.side else ["side"])
    if missing:
        return _idle("signal_hold", facts, f"holding, the prompt lacks {', '.join(missing)}.")
    held, profit_pct = facts.numbers["held_candles"], facts.numbers["profit_pct"]
    # First of all, or a fast market would never show an adjustment.
    if held <= 1 and facts.numbers["adjustments"] == 0:
        return _adjustment(facts)
    longest = _FOLLOWER_HELD_CANDLES if follows_trend(facts.pair) else _FADER_HELD_CANDLES
    if held >= longest or abs(profit_pct) >= _PROFIT_LIMIT_PCT:
        return _exit(facts, held, profit_pct)
    return _hold(facts, profit_pct)


def _adjustment(facts: Facts) -> ScriptedCall:
    change = 50.0 if follows_trend(facts.pair) else -30.0
    levels = _levels(facts, _stop_distance(facts, atr_multiple=3, least_pct=0.4))
    verb = "adding to" if change > 0 else "reducing"
    reason = f"{verb} the young position once, as always in this pair."
    return _call("adjust_position", facts, reason, levels | {"adjustment_pct": change})


def _exit(facts: Facts, held: float, profit_pct: float) -> ScriptedCall:
    habit = "following" if follows_trend(facts.pair) else "fading"
    verdict = "paid" if profit_pct > 0 else "did not pay"
    reason = (
        f"closing after {held:g} candles at {profit_pct:+.2f} %. "
        f"Lesson: {habit} the trend at ADX {facts.numbers['adx']:.0f} {verdict} here."
    )
    score = min(100.0, max(0.0, 50 + 20 * profit_pct))
    arguments: Arguments = {"trade_score": round(score, 1), "rsi_value": _rsi(facts)}
    return _call("signal_exit", facts, reason, arguments)


def _hold(facts: Facts, profit_pct: float) -> ScriptedCall:
    # Only in profit: there the new stop is surely tighter than the one of the entry.
    if profit_pct <= 0 or _roll(facts, "tighten", 2) == 1:
        return _idle("signal_hold", facts, "holding, neither time nor profit is up.")
    sign = 1 if facts.side == "long" else -1
    stop = facts.numbers["price"] - sign * _stop_distance(facts, atr_multiple=2, least_pct=0.3)
    reason = "holding with a tighter stop, the position is in profit."
    arguments: Arguments = {"stop_price": _rounded(stop), "rsi_value": _rsi(facts)}
    return _call("signal_hold", facts, reason, arguments)


def _idle(tool: str, facts: Facts, reason: str) -> ScriptedCall:
    return _call(tool, facts, reason, {"rsi_value": _rsi(facts)})


def _call(tool: str, facts: Facts, reason: str, arguments: Arguments) -> ScriptedCall:
    confidence = min(95.0, max(1.0, 40 + facts.numbers.get("adx", 0.0)))
    common: Arguments = {
        "pair": facts.pair,
        "confidence_score": round(confidence, 1),
        "reason": f"{_SIGNATURE} {reason}",
    }
    return ScriptedCall(tool, common | arguments)


def _levels(facts: Facts, distance: float) -> Arguments:
    price = facts.numbers["price"]
    return {"key_support": _rounded(price - distance), "key_resistance": _rounded(price + distance)}


def _stop_distance(facts: Facts, *, atr_multiple: float, least_pct: float) -> float:
    """Return a distance in quote currency: some ATR, within sane shares of the price."""
    share_pct = min(max(atr_multiple * facts.numbers["atr_pct"], least_pct), _FARTHEST_STOP_PCT)
    return facts.numbers["price"] * share_pct / 100


def _trend_strength(adx: float) -> str:
    if adx >= _STRONG_ADX:
        return "strong"
    return "moderate" if adx >= _MODERATE_ADX else "weak"


def _rsi(facts: Facts) -> float:
    return min(100.0, max(0.0, facts.numbers.get("rsi", 50.0)))


def _roll(facts: Facts, purpose: str, sides: int) -> int:
    """Return a number below `sides` that depends on pair, price and purpose only."""
    text = f"{purpose} {facts.pair} {facts.numbers['price']!r}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % sides


def _rounded(price: float) -> float:
    """Keep six significant digits, more than the tick of any listed contract needs."""
    return float(f"{price:.6g}")


def _number(text: str) -> float | None:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
