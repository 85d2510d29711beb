"""A recorded run played back from its tape writes the same journals, byte by byte."""

import asyncio
import json
import os
import random
import socket
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adversary import Adversary, adversary, completion, http
from builders import ARGUMENTS, a_world
from llm_modules.engine.cycle import Rooms, decide
from llm_modules.engine.question import Present, Question, World
from llm_modules.journal.records import DecisionRecord
from llm_modules.llm.client import LLMClient
from llm_modules.llm.recorder import ABANDONED
from llm_modules.llm.tape import Tape
from llm_modules.selftest.account import SimulatedAccount
from llm_modules.selftest.market import CANDLE, WINDOW_ROWS, RecordedMarket, recorded_market
from llm_modules.selftest.stand_in import forced_end
from models import a_client, llm_config
from rooms import decisions, some_rooms, trades
from shipped import DATA

NIGHTLY = os.environ.get("NIGHTLY") == "1"
CANDLES = 1000 if NIGHTLY else 100
SEED = 5
HANGS = frozenset({0, 2, 50, 51})
# A hanging answer is cut off after it: long enough for a busy machine, most of the time.
TIMEOUT_SECONDS = 1.0
REFUSES_FORCE = '{"error": {"message": "tool_choice is not supported"}}'
pytestmark = pytest.mark.timeout(900 if NIGHTLY else 120)
JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl", "reward_learning.json")


@dataclass
class Facing:
    """What the model is asked about just now: the market as it is, not as the prompt tells it."""

    pair: str = ""
    price: float = 0.0
    side: str = ""


class Moody:
    """A model that trades at random, and a server that fails in every way now and then."""

    def __init__(self, facing: Facing) -> None:
        self._facing = facing
        self._chance = random.Random(SEED)  # noqa: S311 - the same each time

    def script(self, server: Adversary, number: int) -> list[bytes | float]:
        if server.requests[-1]["tool_choice"] == "required":
            return [http(REFUSES_FORCE, "400 Bad Request")]
        # One that hangs leaves time for the other, whose answer has to be repaired, for which the
        # time is too short; at times the other hangs as well.
        if number % 100 in HANGS:
            return [60.0]
        return [self._response(number)]

    def _response(self, number: int) -> bytes:
        mood = self._chance.random()
        if number % 97 == 0:
            return http("{")
        if mood < 0.04:
            return http("{}", "500 Oops", retry_after="0")
        if mood < 0.06:
            return http("{}", "429 Slow down", retry_after="0")
        return http(self._spoiled() if mood < 0.2 or number % 100 == 1 else self._answer())

    def _answer(self, **changes: Any) -> str:
        tool = self._tool()
        price, sign = self._facing.price, -1 if self._is_short(tool) else 1
        values = ARGUMENTS[tool] | {
            "pair": self._facing.pair,
            "reason": f"mood {self._chance.random()}",
        }
        levels = {"key_support": price * 0.98, "key_resistance": price * 1.02}
        values |= {name: level for name, level in levels.items() if name in values}
        if "stop_price" in values:
            values["stop_price"] = price * (1 - sign * 0.006)
        usage = {"prompt_tokens": self._chance.randint(900, 2000), "completion_tokens": 60}
        return completion(values | changes, tool=tool, usage=usage)

    def _spoiled(self) -> str:
        """An answer that has to be repaired, its arguments at times an object."""
        answer = json.loads(self._answer(confidence_score="high", zeal=1, ardour=2))
        message = answer["choices"][0]["message"]
        function = message["tool_calls"][0]["function"]
        match self._chance.randrange(4):
            case 0:
                function["arguments"] = json.loads(function["arguments"])
            case 1:
                message["tool_calls"] = None
            case 2:
                message["tool_calls"] *= 2
        return json.dumps(answer)

    def _tool(self) -> str:
        if self._facing.side:
            names, weights = ("signal_hold", "signal_exit", "adjust_position"), (6, 3, 2)
        else:
            names, weights = ("signal_wait", "signal_entry_long", "signal_entry_short"), (2, 3, 3)
        return self._chance.choices(names, weights)[0]

    def _is_short(self, tool: str) -> bool:
        return "short" in (tool.rpartition("_")[2], self._facing.side)


class Run:
    """Candle after candle: every pair is decided about, and what was booked is carried out."""

    def __init__(
        self, folder: Path, client: LLMClient, market: RecordedMarket, facing: Facing
    ) -> None:
        self.now = market.closed_at(WINDOW_ROWS - 1)
        self._present = Present(a_world())
        asking = {"timeout": TIMEOUT_SECONDS}
        rooms = some_rooms(folder, client, risk_management=self._risk(), llm_config=asking)
        self.rooms: Rooms = replace(rooms, clock=lambda: self.now, world=self._present)
        self._market = market
        self._facing = facing
        self._account = SimulatedAccount(10_000.0)
        self._looks = 0

    async def play(self, candles: int) -> None:
        for position in range(WINDOW_ROWS - 1, WINDOW_ROWS - 1 + candles):
            self.now = self._market.closed_at(position) + timedelta(seconds=2)
            self._see_candle(position)
            for pair in self._market.pairs:
                self._look(position)
                await decide(self._question(pair, position), self.rooms)
                self._carry_out(pair, self._rates(position)[pair])
        await self.rooms.executor.close()
        self.rooms.journal.close()

    def _risk(self) -> dict[str, Any]:
        return {
            "cooldown_candles_after_loss": 0,
            "max_loss_streak": 1000,
            "max_open_trades": 5,
            "rsi_claim": "record",
            "levels_claim": "record",
            "trend_claim": "record",
            "min_reward_risk": 0,
            "max_entries_per_hour": 1000,
        }

    def _rates(self, position: int) -> Mapping[str, float]:
        return {pair: bar.close for pair, bar in self._market.bars(position).items()}

    def _see_candle(self, position: int) -> None:
        for pair, bar in self._market.bars(position).items():
            holding = self._account.holdings.get(pair)
            end = forced_end(holding, bar) if holding else None
            if end is not None:
                self._close(pair, *end)

    def _look(self, position: int) -> None:
        self._looks += 1
        rates = self._rates(position)
        account = replace(
            self._account.state(rates),
            version=self._looks,
            halted=False,
            peak_equity=10_000.0,
            day_start_equity=10_000.0,
        )
        positions = {one.pair: one for one in self._account.positions(rates)}
        self._present.replace(World(account, positions))

    def _question(self, pair: str, position: int) -> Question:
        closed_at = self._market.closed_at(position)
        held = self._account.holdings.get(pair)
        self._facing.pair, self._facing.side = pair, held.side if held else ""
        self._facing.price = self._rates(position)[pair]
        return Question(
            decision_id=f"{position}-{pair.partition('/')[0]}",
            pair=pair,
            candle_at=closed_at,
            valid_until=closed_at + CANDLE,
            frames=(self._market.window(pair, position),),
            rules=self._market.rules[pair],
            world=self._present(),
            mode="sandbox",
            locked_sides=frozenset(),
            tradable=True,
            returns={},
            funding_rate=0.0001,
        )

    def _carry_out(self, pair: str, price: float) -> None:
        book, held = self.rooms.book, self._account.holdings.get(pair)
        entry, adjust = (book.look(pair, kind, self.now) for kind in ("entry", "adjust"))
        if book.look(pair, "exit", self.now):
            self._close(pair, price, "signal_exit")
        elif entry and not held:
            self._account.enter(
                pair, entry.side, entry.leverage, entry.stake_amount, price, self.now
            )
            self._account.holdings[pair] = replace(
                self._account.holdings[pair], thesis=entry.thesis
            )
        elif adjust and held and adjust.stake_amount < 0:
            self._account.reduce(pair, -adjust.stake_amount, price)
        elif adjust and held:
            self._account.add(pair, adjust.stake_amount, price)
        booking = entry or adjust
        if booking is not None:
            book.settle(pair, booking.tool, self._looks)
        stop = booking.stop_price if booking else None
        if stop is not None and pair in self._account.holdings:
            self._account.protect(pair, stop)

    def _close(self, pair: str, rate: float, reason: str) -> None:
        self.rooms.book.withdraw(pair)
        trade = self._account.close(pair, rate, self.now, reason)
        record = self.rooms.library.learn(trade, self.now)
        assert record is not None
        self.rooms.journal.trade(record)


def run_of(
    folder: Path, tape: Path, url: str, facing: Facing, *, candles: int = CANDLES, **changes: Any
) -> Rooms:
    """Play so many candles; the tape is a file of its own."""
    folder.mkdir()
    spare = {"api_base": url, "model": "spare-model"}
    asking = {"timeout": TIMEOUT_SECONDS, "retry_times": 2, "fallbacks": [spare]}
    config = llm_config(url, **(asking | changes))
    market = recorded_market(DATA, WINDOW_ROWS + CANDLES)

    async def play() -> Rooms:
        with closing(Tape(tape)) as kept:
            run = Run(folder, a_client(config, kept), market, facing)
            await run.play(candles)
        return run.rooms

    return asyncio.run(play())


def journals(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in JOURNALS}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rooms]:
    """The folder of a recorded run, with its tape, and its rooms."""
    folder, facing = tmp_path_factory.mktemp("recorded"), Facing()
    model = Moody(facing)
    with adversary(lambda number: model.script(server, number)) as server:
        rooms = run_of(folder / "run", folder / "tape", server.url, facing)
    return folder, rooms


@pytest.fixture
def _closed_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)


def test_the_recorded_run_has_everything_that_can_differ(recorded: tuple[Path, Rooms]) -> None:
    _, rooms = recorded
    made = decisions(rooms)
    assert len(made) == 5 * CANDLES
    assert len(trades(rooms)) > 10
    assert {"approved", "failed", "refused"} <= {one.status for one in made}
    tools = {"signal_entry_long", "signal_entry_short", "signal_exit", "adjust_position"}
    assert tools <= {one.tool for one in made}
    assert any(one.problems and one.tool for one in made), "nothing was repaired"
    assert any(one.stance == "in_position" for one in made)
    assert any((one.fault or "").startswith("timeout: ") for one in made)
    assert max(one.attempts for one in made) >= 3


def test_every_kind_of_failure_is_on_the_tape(recorded: tuple[Path, Rooms]) -> None:
    folder, rooms = recorded
    with closing(Tape(folder / "tape")) as tape:
        attempts = [tape.read(name) for one in decisions(rooms) for name in one.tape_ids]
    assert all(attempts)
    faults = {one.error.partition(": ")[0] for one in attempts if one and one.error}
    expected = {"server_error", "rate_limited", "bad_response", "rejected", "abandoned"}
    assert expected <= faults
    assert any(one and one.error == ABANDONED for one in attempts)


@pytest.mark.usefixtures("_closed_sockets")
@pytest.mark.parametrize("mode", ["replay", "replay_or_record"])
def test_a_replay_writes_the_same_journals(
    recorded: tuple[Path, Rooms], tmp_path: Path, mode: str
) -> None:
    folder, _ = recorded
    tape = (folder / "tape").read_bytes()
    # To another port, with other keys: neither is needed, or known.
    run_of(tmp_path / "run", folder / "tape", "http://localhost:9/v1", Facing(), tape_mode=mode)
    assert journals(tmp_path / "run") == journals(folder / "run")
    assert (folder / "tape").read_bytes() == tape


@pytest.mark.usefixtures("_closed_sockets")
def test_a_run_by_other_settings_is_not_on_the_tape(
    recorded: tuple[Path, Rooms], tmp_path: Path
) -> None:
    folder, _ = recorded
    changes: dict[str, Any] = {"candles": 4, "tape_mode": "replay", "temperature": 0.1}
    rooms = run_of(tmp_path / "run", folder / "tape", "http://localhost:9/v1", Facing(), **changes)
    missed: list[DecisionRecord] = [*decisions(rooms)]
    assert {one.status for one in missed} == {"failed"}
    assert all((one.fault or "").startswith("not_on_tape: the tape holds ") for one in missed)
    assert {one.attempts for one in missed} == {0}
