"""Five recorded pairs played candle by candle through our rooms, with programs for models."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from sample_market import SPAN, Market

from llm_modules.config import TraderConfig
from llm_modules.context.budget import prompt_weight
from llm_modules.context.builder import ContextBuilder
from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, ToolRequest, Usage
from llm_modules.engine.book import Booking, DecisionBook
from llm_modules.engine.cheap_first import open_executor
from llm_modules.engine.cycle import Rooms, compose, look
from llm_modules.engine.portfolio import decide_all, open_panel
from llm_modules.engine.question import Present, Question, World
from llm_modules.engine.sparing import Sparing
from llm_modules.gate.checker import DecisionChecker
from llm_modules.journal.records import DecisionRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.sandbox.policy import Arguments, Facts, ScriptedCall, read_all_facts
from llm_modules.sandbox.policy import decide as restless
from llm_modules.selftest.account import SimulatedAccount
from llm_modules.selftest.market import bar_of
from llm_modules.selftest.stand_in import forced_end
from llm_modules.weights import tokens, weight

MONEY = 10_000.0
MAIN, CHEAP = "main", "cheap"
# The patient policy's.
LONGEST_HELD, LARGEST_LOSS_PCT, LEAST_ADX = 24, -4, 15
QUIET = frozenset({"signal_wait", "signal_hold"})
ENTRIES = frozenset({"signal_entry_long", "signal_entry_short"})
LATE_CANDLES = 6

KEPT_IN_ERROR = frozenset({"pair", "rsi_value", "reason"})

Policy = Callable[[frozenset[str], Facts], ScriptedCall | None]


def patient(offered: frozenset[str], facts: Facts) -> ScriptedCall | None:
    """Enter against an RSI far out in a trend, leave when it is back; mostly wait and hold."""
    numbers = facts.numbers
    rsi, up = numbers["rsi"], numbers["ema_gap_pct"] >= 0
    if "signal_hold" in offered and facts.side is not None:
        # How far the RSI still is from where the position is closed.
        left = 60 - rsi if facts.side == "long" else rsi - 40
        is_late = numbers["held_candles"] >= LONGEST_HELD
        is_over = left <= 0 or is_late or numbers["profit_pct"] <= LARGEST_LOSS_PCT
        name = "signal_exit" if is_over else "signal_hold"
        extra = {"trade_score": 50.0} if is_over else {}
        return _scripted(name, facts, abs(left), extra)
    left = rsi - 38 if up else 62 - rsi
    if left > 0 or numbers["adx"] < LEAST_ADX:
        return _scripted("signal_wait", facts, max(left, LEAST_ADX - numbers["adx"]), {})
    price, far = numbers["price"], 0.025 * numbers["price"]
    levels = {"key_support": price - far, "key_resistance": price + far, "leverage": 3.0}
    stop = {"stop_price": price - far if up else price + far, "trend_strength": "moderate"}
    return _scripted(f"signal_entry_{'long' if up else 'short'}", facts, -left, levels | stop)


def _scripted(tool: str, facts: Facts, distance: float, extra: dict[str, Any]) -> ScriptedCall:
    """Return a call that is the surer the farther the market is from the next change of mind."""
    common: Arguments = {
        "pair": facts.pair,
        "confidence_score": min(95.0, 50 + 3 * distance),
        "rsi_value": facts.numbers["rsi"],
        "reason": f"RSI {facts.numbers['rsi']:.1f}",
    }
    return ScriptedCall(tool, common | extra)


POLICIES: Mapping[str, Policy] = {"patient": patient, "restless": restless}


class Models:
    """Both models in one client; the cheap one fails to act once in ten questions.

    `spent` holds prompt and completion tokens by model.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.spent: dict[str, Usage] = {}

    def would_say(self, prompt: Prompt) -> ScriptedCall:
        """Return what the main model says to a prompt, without counting it."""
        return self._calls(prompt)[0]

    def _calls(self, prompt: Prompt) -> list[ScriptedCall]:
        offered = frozenset(tool.name for tool in prompt.tools)
        pairs = read_all_facts([prompt.messages[-1].content])
        return [call for facts in pairs if (call := self._policy(offered, facts)) is not None]

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Answer at once."""
        calls, name = self._calls(prompt), model or MAIN
        if name == CHEAP and _die(prompt, 10) == 0:
            calls = [_mistaken(call, prompt) for call in calls]
        said = [(call.tool, json.dumps(call.arguments)) for call in calls]
        length = sum(weight(tool + arguments) for tool, arguments in said)
        usage = Usage(tokens(prompt_weight(prompt)), tokens(length))
        self.spent[name] = _sum(self.spent.get(name, Usage()), usage)
        if inquiry is not None:
            inquiry.expenses.append(Expense(datetime.now(UTC), "", name, 0.0, usage))
        requests = (ToolRequest(f"c{place}", *one) for place, one in enumerate(said))
        return Reply("", tuple(requests), "tool_calls", name, usage)

    async def close(self) -> None:
        """Hold nothing."""


def _sum(one: Usage, other: Usage) -> Usage:
    prompts = (one.prompt_tokens or 0) + (other.prompt_tokens or 0)
    return Usage(prompts, (one.completion_tokens or 0) + (other.completion_tokens or 0))


def _mistaken(call: ScriptedCall, prompt: Prompt) -> ScriptedCall:
    """Return a wait or hold in place of what should be done, more or less sure of it."""
    quiet = next(tool.name for tool in prompt.tools if tool.name in QUIET)
    said = {name: value for name, value in call.arguments.items() if name in KEPT_IN_ERROR}
    unsaid: Arguments = {"confidence_score": 40.0 + _die(prompt, 50), "rsi_value": 50.0}
    return ScriptedCall(quiet, unsaid | said)


def _die(prompt: Prompt, sides: int) -> int:
    digest = sha256(f"{sides} {prompt.messages[-1].content}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % sides


@dataclass
class Missed:
    """Decisions the main model was not asked for and would have made; open ones by pair."""

    late: int = 0
    missed: int = 0
    _wanted: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def want(self, pair: str, tool: str, at: datetime) -> None:
        """Note what would have been done; the same wish is counted once."""
        known = self._wanted.get(pair)
        if known is None or known[0] != tool:
            self.settle(pair)
            self._wanted[pair] = tool, at

    def done(self, pair: str, tool: str, at: datetime) -> None:
        """Note what the model said: an earlier wish for it was late, if it is not too old."""
        known = self._wanted.get(pair)
        if known is not None and known[0] == tool and at - known[1] <= LATE_CANDLES * SPAN:
            del self._wanted[pair]
            self.late += 1
        else:
            self.settle(pair)

    def settle(self, pair: str) -> None:
        """Count an open wish of the pair as missed: it has passed."""
        self.missed += self._wanted.pop(pair, None) is not None


@dataclass
class Result:
    """What one setting came to."""

    questions: int = 0
    asked: int = 0
    entries: Missed = field(default_factory=Missed)
    exits: Missed = field(default_factory=Missed)
    entered: int = 0
    left: int = 0
    tokens: int = 0
    usd: float = 0.0

    def take(self, record: DecisionRecord) -> None:
        """Count a record."""
        self.questions += 1
        self.asked += record.status != "skipped"
        approved = record.approved is not None
        self.entered += approved and record.tool in ENTRIES
        self.left += approved and record.tool == "signal_exit"


def _kept(records: list[DecisionRecord], _question: Question, record: DecisionRecord) -> None:
    records.append(record)


class Run:
    """One setting played on one market."""

    def __init__(self, config: TraderConfig, market: Market, policy: Policy) -> None:
        self.result = Result()
        self._market, self._models = market, Models(policy)
        self._account = SimulatedAccount(MONEY)
        self._now = market.closed_at(market.first)
        self._present = Present(World(self._account.state({}), {}))
        self._rates: Mapping[str, float] = {}
        library = ExperienceLibrary(config.experience_config, TradeEvaluator(10.0), "sandbox")
        self._rooms = Rooms(
            config=config,
            context=ContextBuilder(config.context_config, config.risk_management),
            executor=open_executor(self._models, config.llm_config),
            sparing=Sparing(config.llm_config.asking),
            checker=DecisionChecker(config.risk_management),
            book=DecisionBook(),
            journal=TradeLogger(config.experience_config),
            library=library,
            world=self._present,
            clock=lambda: self._now,
            panel=open_panel(self._models, config, ()),
        )

    async def play(self, advance: Callable[[], None]) -> Result:
        """Play every candle."""
        for position in range(self._market.first, self._market.last):
            at = self._market.closed_at(position)
            self._now = at + timedelta(seconds=2)
            bars = {pair: bar_of(one["30m"], position) for pair, one in self._market.frames.items()}
            self._stops(bars)
            rates = {pair: bar.close for pair, bar in bars.items()}
            self._observe(rates)
            await self._decide_all(position, rates)
            advance()
        for missed in (self.result.entries, self.result.exits):
            for pair in self._market.frames:
                missed.settle(pair)
        self._rooms.journal.close()
        return self.result

    @property
    def spent(self) -> Mapping[str, Usage]:
        """What both models took."""
        return self._models.spent

    async def _decide_all(self, position: int, rates: Mapping[str, float]) -> None:
        """Decide about every pair: with one question, or one after the other."""
        pairs = list(rates)
        together = [pairs] if self._rooms.panel is not None else [[pair] for pair in pairs]
        for group in together:
            world = self._present()
            asked = {pair: self._market.question(pair, position, world) for pair in group}
            records: list[DecisionRecord] = []
            await decide_all(list(asked.values()), self._rooms, partial(_kept, records))
            for record in records:
                self.result.take(record)
                self._compare(asked[record.pair], record)
                booking = self._rooms.book.withdraw(record.pair)
                if booking is not None:
                    self._fill(booking, rates[record.pair])
                    self._observe(self._rates)

    def _compare(self, question: Question, record: DecisionRecord) -> None:
        """Note what the main model would have done where it was not asked."""
        tool, at = record.tool, question.candle_at
        if record.status == "skipped" or record.model == CHEAP:
            tool = self._models.would_say(
                compose(question, look(question, self._rooms), self._rooms)
            ).tool
            if tool in ENTRIES:
                self.result.entries.want(question.pair, tool, at)
            elif tool == "signal_exit":
                self.result.exits.want(question.pair, tool, at)
        elif tool in ENTRIES:
            self.result.entries.done(question.pair, tool, at)
        elif tool == "signal_exit":
            self.result.exits.done(question.pair, tool, at)

    def _observe(self, rates: Mapping[str, float]) -> None:
        self._rates = rates
        version = self._present().account.version + 1
        state = self._account.state(rates)
        # Limits of the day and of the account would only end the comparison early.
        state = replace(state, halted=False, version=version, day_start_equity=state.equity)
        positions = {one.pair: one for one in self._account.positions(rates)}
        self._present.replace(World(state, positions))

    def _fill(self, booking: Booking, rate: float) -> None:
        pair, account = booking.pair, self._account
        if booking.kind == "exit":
            self._close(pair, rate, booking.tool)
            return
        if booking.kind == "entry":
            stake = min(booking.stake_amount, account.free)
            held = account.enter(pair, booking.side, booking.leverage, stake, rate, self._now)
            account.holdings[pair] = replace(held, thesis=booking.thesis)
        elif booking.stake_amount > 0:
            account.add(pair, min(booking.stake_amount, account.free), rate)
        else:
            account.reduce(pair, -booking.stake_amount, rate)
        if booking.stop_price is not None:
            account.protect(pair, booking.stop_price)

    def _stops(self, bars: Mapping[str, Any]) -> None:
        for pair, holding in tuple(self._account.holdings.items()):
            named = self._rooms.book.take_stop(holding.trade_id)
            if named is not None:
                self._account.protect(pair, named)
            # The candle of the entry itself was over when it was filled.
            end = forced_end(self._account.holdings[pair], bars[pair])
            if end is not None:
                self._close(pair, *end)
                self.result.exits.settle(pair)

    def _close(self, pair: str, rate: float, reason: str) -> None:
        trade = self._account.close(pair, rate, self._now, reason)
        self._rooms.library.learn(trade, self._now)
