"""A reckless model on real candles: thousands of decisions, and not one limit may break.

Everything random comes from one seed: the calls, what becomes of orders, restarts and halts.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llm_modules.config import TraderConfig
from llm_modules.domain import MarketSnapshot
from llm_modules.engine.question import Question
from llm_modules.gate.halt import HaltNote, remove, write_note
from llm_modules.market.returns import Returns
from llm_modules.market.snapshot import build_snapshot
from llm_modules.selftest.account import SimulatedAccount
from llm_modules.selftest.bench import Bench, Parts
from llm_modules.selftest.inspector import Inspector
from llm_modules.selftest.market import CANDLE, WINDOW_ROWS, RecordedMarket
from llm_modules.selftest.orders import Fate, Order
from llm_modules.selftest.reckless import RecklessModel
from llm_modules.selftest.stand_in import Scene, StandIn

MONEY = 10_000.0
PAIRS_PER_CANDLE = 2
# The bot's loop comes a moment after the candle closed, and again while the next one runs.
LOOP_DELAY = timedelta(seconds=2)
SECOND_LOOP = timedelta(seconds=62)
RESTART_CHANCE = 1 / 400
HALT_CHANCE = 1 / 200
LONGEST_HALT = 12
FATES: tuple[Fate, ...] = ("filled", "partial", "open", "cancelled", "rejected")
FATE_WEIGHTS = (12, 1, 2, 1, 1)

Advance = Callable[[], None]


@dataclass(slots=True)
class Tally:
    """What happened to the simulated account; the inspector counts what was judged."""

    candles: int = 0
    decisions: int = 0
    restarts: int = 0
    halts: int = 0
    trips: int = 0
    stopped_out: int = 0


class Replay:
    """Plays candle after candle; `inspector` holds what was seen, `tally` how much there was."""

    def __init__(
        self, config: TraderConfig, market: RecordedMarket, folder: Path, seed: int, parts: Parts
    ) -> None:
        # No key of anything: the same seed must give the same replay.
        self._chance = random.Random(seed)  # noqa: S311
        self._market = market
        self._bench = Bench(config, folder, market.closed_at(WINDOW_ROWS - 1), parts)
        self._model = RecklessModel(self._chance)
        self._bench.model.answer = self._model
        self._account = SimulatedAccount(MONEY)
        self.inspector = Inspector(self._bench, self._account, market.rules)
        scene = Scene(self._bench, self._account, market.rules, self.inspector)
        self._loop = StandIn(scene)
        self._loop.venue = self._fate
        self._halted_for = 0
        self.tally = Tally()

    def run(self, candles: int, advance: Advance = lambda: None) -> None:
        """Play this many candles; `advance` is called after each."""
        first = WINDOW_ROWS - 1
        for position in range(first, min(first + candles, self._market.rows - 1)):
            self._candle(position)
            self.tally.candles += 1
            advance()

    def close(self) -> None:
        """End the desk and release its files."""
        self._bench.close()

    def _candle(self, position: int) -> None:
        closed_at = self._market.closed_at(position)
        bars, following = self._market.bars(position), self._market.bars(position + 1)
        rates = {pair: bar.close for pair, bar in bars.items()}
        self._change_something(closed_at)
        now = closed_at + LOOP_DELAY
        self._loop.look(now, rates)
        returns = self._market.returns(position)
        for pair in self._chance.sample(self._market.pairs, PAIRS_PER_CANDLE):
            if pair not in self._loop.open_orders:
                self._decide(self._question(pair, position, returns))
        if self._chance.random() < RESTART_CHANCE:
            # After the decisions and before their orders, the worst moment there is.
            self._restart(killed=True)
            self._loop.look(now, rates)
        self._loop.act(now, rates)
        opens = {pair: bar.open for pair, bar in following.items()}
        self._loop.loop(closed_at + SECOND_LOOP, opens)
        closes_before = len(self._account.closes)
        self._loop.play(following, closed_at + SECOND_LOOP + timedelta(seconds=60))
        self.tally.stopped_out += len(self._account.closes) - closes_before

    def _decide(self, question: Question) -> None:
        held = self._bench.desk.world().positions.get(question.pair)
        self._model.face(self._snapshot(question), held)
        self._loop.ask(question)
        self.tally.decisions += 1

    def _question(self, pair: str, position: int, returns: Mapping[str, Returns]) -> Question:
        closed_at = self._market.closed_at(position)
        return Question(
            decision_id=f"{position}-{pair.partition('/')[0]}",
            pair=pair,
            candle_at=closed_at,
            valid_until=closed_at + CANDLE,
            frames=(self._market.window(pair, position),),
            rules=self._market.rules[pair],
            world=self._bench.desk.world(),
            mode="sandbox",
            locked_sides=frozenset(),
            tradable=True,
            returns=returns,
            funding_rate=self._chance.choice((0.0001, -0.0001, 0.01, None)),
        )

    def _snapshot(self, question: Question) -> MarketSnapshot:
        return build_snapshot(question.pair, question.candle_at, question.frames, question.rules)

    # What goes wrong around the bot

    def _fate(self, order: Order) -> Fate:
        if self._halted_for == 0 and self._chance.random() < HALT_CHANCE:
            self._halt(order.at)
        return self._chance.choices(FATES, FATE_WEIGHTS)[0]

    def _change_something(self, now: datetime) -> None:
        """Lift a halt whose time is over, halt now and then, restart now and then."""
        if self._halted_for > 0:
            self._halted_for -= 1
            if self._halted_for == 0:
                remove(self._bench.switch.by_hand)
        elif self._bench.desk.world().account.halted and not self._account.holdings:
            self._start_anew()
        elif self._chance.random() < HALT_CHANCE:
            self._halt(now)
        if self._chance.random() < RESTART_CHANCE:
            self._restart(killed=False)

    def _halt(self, now: datetime) -> None:
        self._halted_for = self._chance.randint(1, LONGEST_HALT)
        self.tally.halts += 1
        write_note(
            self._bench.switch.by_hand,
            HaltNote(reason="replay", at=now.astimezone(UTC), by="selftest"),
        )

    def _start_anew(self) -> None:
        """Lift a trip and bring new money, so that the replay goes on."""
        self.tally.trips += 1
        remove(self._bench.switch.tripped)
        self._account.wallet = max(MONEY, self._account.wallet)
        self.inspector.resumed()

    def _restart(self, *, killed: bool) -> None:
        self.tally.restarts += 1
        self._bench.restart(killed=killed)
        self.inspector.attach(self._bench)
