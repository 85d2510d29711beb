"""While a model hangs, exits and stops are answered at once: they never wait for one.

Each answer here arrives while the server provably still holds the request: it has been received,
and nothing has been decided.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adversary import Adversary, adversary
from builders import (
    NOON,
    PAIR,
    a_booking,
    a_closed_trade,
    a_position,
    a_question,
    a_risk,
    an_account,
)
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.desk import Desk
from llm_modules.engine.question import Present, World
from llm_modules.gate.emergency import BREACHES_TO_TRIP, EmergencyStop
from llm_modules.gate.halt import HaltSwitch
from models import a_client, llm_config
from rooms import decisions, some_rooms, trades

ETH = "ETH/USDT:USDT"


@dataclass(frozen=True)
class Hanging:
    """A desk whose only question is with a server that does not answer."""

    desk: Desk
    rooms: Rooms
    server: Adversary

    def is_pending(self) -> bool:
        undecided = self.desk.decided == 0 and decisions(self.rooms) == []
        return len(self.server.requests) == 1 and undecided


def soon(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


@contextmanager
def hanging(folder: Path, *pairs: str) -> Iterator[Hanging]:
    """Ask about pairs, one at a time; the server never answers."""
    with adversary(lambda _: [120.0]) as server:
        settings = {"timeout": 60, "read_timeout": 60, "max_concurrent": 1}
        client = a_client(llm_config(server.url, **settings))
        present = Present(World(an_account(version=0), {}))
        blocks = {"llm_config": {"api_base": server.url} | settings}
        rooms = replace(some_rooms(folder, client, **blocks), world=present)
        stop = EmergencyStop(HaltSwitch(folder, "sandbox"), folder / "risk.json", a_risk())
        desk = Desk(rooms, present, stop, "sandbox")
        desk.start([])
        scene = Hanging(desk, rooms, server)
        try:
            desk.observe(an_account(), [a_position()], (), NOON)
            desk.ask([a_question(pair=pair) for pair in pairs or (PAIR,)])
            soon(lambda: server.requests)
            yield scene
            assert scene.is_pending()
        finally:
            desk.stop()


def test_the_stop_of_a_position_is_known(tmp_path: Path) -> None:
    with hanging(tmp_path) as scene:
        stop = scene.desk.stop_price(7)
        assert stop is not None
        assert stop >= 97.0


def test_a_stop_booked_before_still_tightens(tmp_path: Path) -> None:
    with hanging(tmp_path) as scene:
        scene.rooms.book.put_stop(7, 99.0)
        assert scene.desk.stop_price(7) == 99.0


def test_a_stop_that_the_price_has_crossed_closes_the_position(tmp_path: Path) -> None:
    with hanging(tmp_path) as scene:
        assert scene.desk.crossed_stop(7, 90.0, None) == "stop_crossed"
        assert scene.desk.crossed_stop(7, 100.0, None) is None


def test_an_exit_booked_before_is_given_out(tmp_path: Path) -> None:
    with hanging(tmp_path) as scene:
        exit_booking = a_booking(kind="exit", tool="signal_exit", trade_id=7)
        scene.rooms.book.put(exit_booking)
        assert scene.desk.exit_reason(PAIR, 7, NOON) == "signal_exit"


def test_a_loss_that_halts_trading_flattens(tmp_path: Path) -> None:
    with hanging(tmp_path) as scene:
        for _ in range(BREACHES_TO_TRIP):
            scene.desk.observe(an_account(equity=700.0), [a_position()], (), NOON)
        assert scene.desk.exit_reason(PAIR, 7, NOON) == "emergency_stop"


def test_a_trade_that_closes_is_learnt_from(tmp_path: Path) -> None:
    with hanging(tmp_path) as scene:
        scene.desk.closed(a_closed_trade())
        soon(lambda: trades(scene.rooms))


def test_a_second_pair_that_waits_for_its_turn_holds_up_nothing_either(tmp_path: Path) -> None:
    with hanging(tmp_path, PAIR, ETH) as scene:
        assert scene.desk.stop_price(7) is not None
        assert scene.desk.exit_reason(PAIR, 7, NOON) is None
