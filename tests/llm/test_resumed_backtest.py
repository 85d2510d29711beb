"""A backtest that was cut short goes on from its tape as if nothing had happened."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from backtests import backtest_config
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.running import run
from llm_modules.errors import BacktestError
from llm_modules.llm.sqlite_file import PATIENCE_SECONDS
from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import model_app
from serving import serving

ONE_DAY = "20260110-20260111"
# Until noon, as Freqtrade understands it.
HALF_A_DAY = "1768003200-1768046400"
DECISIONS = 5 * 48
JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl")
# What the clock and the number of an answer or attempt decide, and the hash of the line before.
MEASURED = frozenset(
    {"latency_seconds", "tape_ids", "cached_tokens", "completion_tokens", "cost", "prev"}
)
pytestmark = pytest.mark.timeout(180)
Board = Switchboard[ModelFaults]
Event = Callable[[Board], None]


@contextmanager
def a_model(happens: Event | None = None, *, at_answer: int = 0) -> Iterator[tuple[int, list[int]]]:
    """Serve the scripted model; at the nth answer something happens. The answers are counted."""
    board, made = Switchboard(ModelFaults()), [0]

    def now_ms() -> int:
        made[0] += 1
        if happens is not None and made[0] == at_answer:
            happens(board)
        return made[0]

    with serving(lambda: model_app(board, now_ms)) as port:
        yield port, made


def played(folder: Path, port: int, mode: str, days: str = ONE_DAY) -> Outcome:
    folder.mkdir(exist_ok=True)
    asking = {"retry_times": 0, "breaker_failures": 1000, "max_concurrent": 2}
    server = {"api_base": f"http://127.0.0.1:{port}/v1", "model": "scripted-policy"}
    settings = {"tape_mode": mode}
    return run(backtest_config(folder, days, settings=settings, llm_config=server | asking))


def ctrl_c(board: Board) -> None:
    # Silent, so that the signal meets questions that are still unanswered, however fast this is.
    board.replace(json.dumps({"silence": True}))
    os.kill(os.getpid(), signal.SIGINT)


def another_writes(tape: Path, seconds: float) -> None:
    """Hold the tape as another shard does that writes much at once."""

    def writes() -> None:
        with closing(sqlite3.connect(tape, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            is_held.set()
            time.sleep(seconds)
            connection.execute("ROLLBACK")

    is_held = threading.Event()
    threading.Thread(target=writes).start()
    assert is_held.wait(30)


def goes_down(board: Board) -> None:
    board.replace(json.dumps({"status": 503}))


def lines(folder: Path) -> list[dict[str, Any]]:
    """What a run wrote, without what is measured."""
    texts = (text for name in JOURNALS for text in (folder / "run" / name).open(encoding="utf-8"))
    found = (json.loads(text) for text in texts)
    return [{key: one[key] for key in one if key not in MEASURED} for one in found]


def journals(folder: Path) -> list[bytes]:
    return [(folder / "run" / name).read_bytes() for name in JOURNALS]


def attempts(folder: Path, such: str) -> int:
    with closing(sqlite3.connect(folder / "tape.sqlite")) as connection:
        query = f"SELECT count(*) FROM attempts WHERE {such}"  # noqa: S608 - of this file
        (found,) = connection.execute(query).fetchone()
    return int(found)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    with a_model() as (port, _):
        played(folder, port, "record")
    return lines(folder)


@pytest.mark.parametrize(
    ("happens", "ends_with"), [(ctrl_c, KeyboardInterrupt), (goes_down, BacktestError)]
)
def test_a_backtest_that_was_cut_short_asks_only_for_what_is_missing(
    tmp_path: Path,
    undisturbed: list[dict[str, Any]],
    happens: Event,
    ends_with: type[BaseException],
) -> None:
    with a_model(happens, at_answer=83) as (port, _), pytest.raises(ends_with):
        played(tmp_path, port, "replay_or_record")
    answered = attempts(tmp_path, "error IS NULL")
    failed = attempts(tmp_path, "error IS NOT NULL")
    assert 75 <= answered <= 90
    assert failed > 0
    with a_model() as (port, made):
        outcome = played(tmp_path, port, "replay_or_record")
        assert made[0] == DECISIONS - answered
        assert outcome.decided == DECISIONS
        assert lines(tmp_path) == undisturbed
        resumed = journals(tmp_path)
        played(tmp_path, port, "replay_or_record")
        assert made[0] == DECISIONS - answered
        assert journals(tmp_path) == resumed
    # Nobody is there any more: the failures that ended the first run are no part of the second.
    played(tmp_path, 9, "replay")
    assert journals(tmp_path) == resumed
    assert attempts(tmp_path, "error IS NOT NULL") == failed


def test_what_failed_on_the_way_stays_failed(tmp_path: Path) -> None:
    """With another answer the account would take another way, and all of it be paid again."""

    def stumbles(board: Board) -> None:
        board.replace(json.dumps({"status": 503, "times": 3}))

    with a_model(stumbles, at_answer=40) as (port, made):
        played(tmp_path, port, "record")
        first, answers = journals(tmp_path), made[0]
        assert attempts(tmp_path, "error IS NOT NULL") == 3
        assert attempts(tmp_path, "id IN (SELECT id FROM outlived)") == 3
        played(tmp_path, port, "replay_or_record")
        assert (journals(tmp_path), made[0]) == (first, answers)


def test_a_run_waits_for_a_tape_that_another_one_holds_longer_than_a_bot_would(
    tmp_path: Path,
) -> None:
    def held(_board: Board) -> None:
        another_writes(tmp_path / "tape.sqlite", 1.5 * PATIENCE_SECONDS)

    with a_model(held, at_answer=20) as (port, made):
        outcome = played(tmp_path, port, "record", HALF_A_DAY)
    assert attempts(tmp_path, "error IS NULL") == outcome.decided == made[0]
