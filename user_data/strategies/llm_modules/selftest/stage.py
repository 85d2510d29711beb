"""One scene per case: a calm made market, a rich account, and the real rooms between them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llm_modules.config import TraderConfig
from llm_modules.dialogue import ToolRequest
from llm_modules.domain import Candles, MarketRules, MarketSnapshot
from llm_modules.engine.question import Question
from llm_modules.journal.records import DecisionRecord
from llm_modules.market.returns import log_returns
from llm_modules.market.snapshot import build_snapshot
from llm_modules.selftest.account import Holding, SimulatedAccount
from llm_modules.selftest.bench import BatteryError, Bench, Parts, reply_of
from llm_modules.selftest.inspector import Inspector
from llm_modules.selftest.market import CANDLE, made_candles
from llm_modules.selftest.stand_in import Scene, StandIn

PAIR = "BTC/USDT:USDT"
PRICE = 100.0
MONEY = 10_000.0
DAY = datetime(2026, 1, 15, tzinfo=UTC)
# So near that no limit on stops, whatever the leverage, moves it.
NEAR_STOP = 0.3
RULES = MarketRules(price_step=1e-6, min_notional=0.001, max_leverage=125.0)

Arguments = dict[str, object]


class BrokenPromiseError(Exception):
    """A case saw something that must not happen."""


def expect(condition: object, otherwise: str) -> None:
    """Go on only while a promise is kept. Raises BrokenPromiseError with what was seen instead."""
    if not condition:
        raise BrokenPromiseError(otherwise)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a case tried, how often, and what it saw."""

    tried: int
    detail: str


class Stage:
    """Where a case plays; `now` is a moment after a candle closed within the trading hours."""

    def __init__(
        self, config: TraderConfig, folder: Path, parts: Parts, rules: MarketRules = RULES
    ) -> None:
        self.candle_at = opening_time(config.risk_management.trading_hours_utc)
        self.bench = Bench(config, folder, self.now, parts)
        self.account = SimulatedAccount(MONEY)
        self.rules = {PAIR: rules}
        self.inspector = Inspector(self.bench, self.account, self.rules)
        self.loop = StandIn(Scene(self.bench, self.account, self.rules, self.inspector))
        self.price = PRICE
        self.pair = PAIR
        self.funding_rate: float | None = 0.0
        self._questions = 0
        self.look()

    @property
    def now(self) -> datetime:
        """The bot's loop comes a moment after a candle closed."""
        return self.candle_at + timedelta(seconds=2)

    @property
    def rates(self) -> Mapping[str, float]:
        """The market's price now."""
        return {self.pair: self.price}

    @property
    def holding(self) -> Holding | None:
        """What the account holds of the pair."""
        return self.account.holdings.get(self.pair)

    def next_candle(self, after: timedelta = CANDLE) -> None:
        """Go on to a later candle and look at the account."""
        self.candle_at += after
        self.look()

    def look(self, equity: float | None = None) -> None:
        """Show the desk the account."""
        self.loop.look(self.now, self.rates, equity)

    def act(self, at: datetime | None = None) -> None:
        """Let Freqtrade's callbacks do what they find to do."""
        self.loop.act(at or self.now, self.rates)

    def question(self, candles: Candles | None = None) -> Question:
        """Return the question of this candle, about the world as it was last looked at."""
        self._questions += 1
        window = made_candles(self.candle_at, self.price) if candles is None else candles
        return Question(
            decision_id=f"case-{self._questions}",
            pair=self.pair,
            candle_at=self.candle_at,
            valid_until=self.candle_at + CANDLE,
            frames=(window,),
            rules=self.rules[self.pair],
            world=self.bench.desk.world(),
            mode="sandbox",
            locked_sides=frozenset(),
            tradable=True,
            returns={self.pair: log_returns(window)},
            funding_rate=self.funding_rate,
        )

    def say(self, tool: str, /, **changes: object) -> DecisionRecord:
        """Let the model call a tool with harmless arguments, some of them changed."""
        return self.say_raw(tool, json.dumps(self.arguments(tool) | changes))

    def say_raw(self, tool: str, arguments: str) -> DecisionRecord:
        """Let the model send this very text as arguments."""
        self.answer_with(tool, arguments)
        return self.loop.ask(self.question())

    def say_late(self, question: Question, tool: str, /, **changes: object) -> DecisionRecord:
        """Let the model answer a question that was put about an older world."""
        self.answer_with(tool, json.dumps(self.arguments(tool) | changes))
        record = self.bench.ask(question)
        self.inspector.judged(question, record)
        return record

    def answer_with(self, tool: str, arguments: str) -> None:
        """Prepare the model's answer."""
        reply = reply_of(ToolRequest("call", tool, arguments))
        self.bench.model.answer = lambda _prompt: reply

    def enter(self, side: str = "long") -> Holding:
        """Open a position. Raises BatteryError when these settings refuse a harmless entry."""
        self.booked_entry(side)
        self.act()
        if self.holding is None:
            raise BatteryError("an approved harmless entry did not become a position")
        return self.holding

    def booked_entry(self, side: str = "long") -> DecisionRecord:
        """Have an entry approved, without its order."""
        record = self.say(f"signal_entry_{side}")
        if record.approved is None:
            codes = ", ".join(reason.code for reason in record.reasons) or record.fault
            raise BatteryError(f"these settings refuse a harmless entry: {codes}")
        return record

    def arguments(self, tool: str) -> Arguments:
        """Return arguments that claim nothing wrong and ask for little."""
        common: Arguments = {
            "pair": self.pair,
            "confidence_score": 100,
            "reason": "a case of the selftest",
        }
        if tool in {"signal_exit", "signal_hold", "signal_wait"}:
            common["rsi_value"] = self._rsi()
            return common | ({"trade_score": 50} if tool == "signal_exit" else {})
        common |= {"key_support": self.price * 0.5, "key_resistance": self.price * 2}
        if tool == "adjust_position":
            return common | {"adjustment_pct": 10}
        return common | {
            "leverage": 1,
            "rsi_value": self._rsi(),
            "trend_strength": "moderate",
            "stop_price": self._near_stop(tool),
        }

    def close(self) -> None:
        """End the desk."""
        self.bench.close()

    def snapshot(self) -> MarketSnapshot:
        """Return the market as the model is shown it."""
        window = made_candles(self.candle_at, self.price)
        return build_snapshot(self.pair, self.candle_at, (window,), self.rules[self.pair])

    def _rsi(self) -> float:
        return self.snapshot().facts["rsi"]

    def _near_stop(self, tool: str) -> float:
        risk = self.bench.risk
        leverage = 1.0 if risk.allow_model_freedom else risk.default_leverage
        ratio = NEAR_STOP * min(risk.max_stop_pct / 100, 1 / leverage)
        return self.price * (1 - ratio if tool.endswith("long") else 1 + ratio)


Attempt = Callable[[Stage], Seen]


@dataclass(frozen=True, slots=True)
class Case:
    """One fault: what goes wrong, and the invariant that has to hold nevertheless."""

    name: str
    invariant: str
    attempt: Attempt
    rules: MarketRules = RULES
    part: Callable[[Parts], Parts] = lambda parts: parts


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case, or of the replay for one invariant."""

    invariant: str
    name: str
    tried: int
    passed: bool
    detail: str


def opening_time(hours: str) -> datetime:
    """Return a moment on the made day at which entries are allowed: noon, or the hours' start."""
    hour, minute = (int(part) for part in hours[:5].split(":")) if hours else (12, 0)
    return DAY + timedelta(hours=hour, minutes=minute)


def with_minimum(minimum: float) -> MarketRules:
    """Return the rules of a market with a larger smallest order."""
    return replace(RULES, min_notional=minimum)
