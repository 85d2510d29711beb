"""A tape gives what is on it, however much of it was read before it was asked for."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from builders import NOON
from llm_modules.errors import JournalError
from llm_modules.llm import ahead
from llm_modules.llm.ahead import MOST_KEPT, ReadAhead
from llm_modules.llm.attempts import request_hash_of
from llm_modules.llm.rows import Stored, stored_from
from llm_modules.llm.tape import Tape

COUNT = 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_tape.sqlite"


def a_request(number: int) -> dict[str, Any]:
    return {"model": "m", "messages": [number]}


def put(tape: Tape, number: int, told: str = "") -> None:
    answer = {"n": number, "told": told}
    tape.record(a_request(number), answer, error=None, at=NOON, latency_seconds=0.5)


def played(tape: Tape, number: int, nth: int = 1) -> Any:
    response = tape.response(request_hash_of(a_request(number)), nth)
    return None if response is None else response.answer


def recorded(path: Path, count: int = COUNT, told: str = "") -> Tape:
    tape = Tape(path)
    for number in range(count):
        put(tape, number, told)
    tape.close()
    return tape


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many attempts were wanted of the file, each time it was asked."""
    asked: list[int] = []

    def counted(connection: sqlite3.Connection, name: str, nth: int, most: int) -> list[Stored]:
        asked.append(most)
        return stored_from(connection, name, nth, most)

    monkeypatch.setattr(ahead, "stored_from", counted)
    return asked


def test_who_asks_in_order_is_answered_out_of_few_readings(
    path: Path, looked_up: list[int]
) -> None:
    tape = recorded(path)
    assert [played(tape, number)["n"] for number in range(COUNT)] == [*range(COUNT)]
    assert looked_up[:6] == [2, 4, 8, 16, 32, 32]
    assert len(looked_up) <= 11


def test_who_asks_in_another_order_is_answered_the_same(path: Path, looked_up: list[int]) -> None:
    tape, numbers = recorded(path), [*range(COUNT), *range(COUNT)]
    random.Random(4).shuffle(numbers)  # noqa: S311 - not cryptography
    assert [played(tape, number)["n"] for number in numbers] == numbers
    assert len(looked_up) <= len(numbers)
    assert sum(looked_up) < 3 * len(numbers)


def test_pairs_that_were_answered_in_another_order_cost_few_readings(
    path: Path, looked_up: list[int]
) -> None:
    tape, numbers = recorded(path), [*range(COUNT)]
    for first in range(0, COUNT, 10):
        numbers[first : first + 10] = reversed(numbers[first : first + 10])
    assert [played(tape, number)["n"] for number in numbers] == numbers
    assert len(looked_up) < COUNT / 2


def test_each_asking_of_a_request_has_its_own_answer(path: Path) -> None:
    tape, both = Tape(path), ["first", "second"]
    for number in range(10):
        for told in both:
            put(tape, number, told)
    for number in range(10):
        assert [played(tape, number, nth)["told"] for nth in (1, 2)] == both
        assert played(tape, number, 3) is None
    assert [played(tape, 0, nth)["told"] for nth in (1, 2)] == both


def test_what_is_not_there_is_found_as_soon_as_it_is(path: Path) -> None:
    tape = recorded(path, 10)
    assert played(tape, 0)["n"] == 0
    assert played(tape, 10) is None
    put(Tape(path), 10)
    assert [played(tape, number)["n"] for number in (10, 1, 9)] == [10, 1, 9]


def test_what_was_read_of_a_file_that_was_replaced_is_forgotten(path: Path) -> None:
    tape = recorded(path, 20, "old")
    assert [played(tape, number)["told"] for number in range(7)] == ["old"] * 7
    recorded(path.with_name("other"), 20, "new")
    path.with_name("other").replace(path)
    assert [played(tape, number)["told"] for number in range(7, 20)] == ["new"] * 13


@pytest.mark.parametrize("removed", ["closed", "looked for meanwhile"])
def test_what_was_read_of_a_file_that_is_gone_is_no_answer_of_a_later_one(
    path: Path, removed: str
) -> None:
    tape = recorded(path, 20, "old")
    assert [played(tape, number)["told"] for number in range(7)] == ["old"] * 7
    if removed == "closed":
        tape.close()
    path.unlink()
    if removed == "looked for meanwhile":
        assert played(tape, 7) is None
    # It may well get the number that the file before it had.
    recorded(path, 10, "new")
    assert [played(tape, number)["told"] for number in range(7, 10)] == ["new"] * 3
    assert played(tape, 10) is None


# Of nine the last is looked up right before the damaged one.
@pytest.mark.parametrize("count", [9, 10])
def test_damage_is_told_when_it_is_asked_for_and_not_before(path: Path, count: int) -> None:
    tape = recorded(path, count)
    name = request_hash_of(a_request(count))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO attempts VALUES ('x', ?, 1, CAST(x'ff' AS TEXT), 'm', NULL, NULL, 1)",
            (name,),
        )
        connection.commit()
    assert [played(tape, number)["n"] for number in range(count)] == [*range(count)]
    with pytest.raises(JournalError):
        played(tape, count)


@pytest.mark.parametrize("number", [4, 9], ids=["with others behind it", "the last one"])
def test_a_row_that_only_the_index_still_names_is_damage_and_no_other_is_given_for_it(
    path: Path, number: int
) -> None:
    tape = recorded(path, 10)
    damage(path, "DELETE FROM attempts WHERE request = ?", request_hash_of(a_request(number)))
    with pytest.raises(JournalError, match="damaged"):
        played(tape, number)
    assert played(tape, 3)["n"] == 3
    assert played(tape, 5 if number == 4 else 8)["n"] == (5 if number == 4 else 8)
    with pytest.raises(JournalError, match="damaged"):
        played(tape, number)


def test_a_row_that_says_another_asking_than_the_index_stands_for_no_other(path: Path) -> None:
    tape = Tape(path)
    for number, told in ((0, "other"), (1, "first"), (1, "second")):
        put(tape, number, told)
    name = request_hash_of(a_request(1))
    damage(path, "UPDATE attempts SET nth = 2 WHERE request = ? AND nth = 1", name)
    assert played(tape, 0)["told"] == "other"
    assert played(tape, 1, 2)["told"] == "second"
    with pytest.raises(JournalError, match="damaged"):
        played(tape, 1, 1)


def damage(path: Path, statement: str, name: str) -> None:
    """Change the table of attempts and leave its index as it is, as a bad disk might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        known = connection.execute("SELECT * FROM sqlite_master WHERE tbl_name = 'attempts'")
        whole = known.fetchall()
        connection.execute("DELETE FROM sqlite_master WHERE tbl_name = 'attempts'")
        bare = "CREATE TABLE attempts (id, request, nth, at, model, answer, error, latency_seconds)"
        root = next(one[3] for one in whole if one[0] == "table")
        put_back = "INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)"
        connection.execute(put_back, ("table", "attempts", "attempts", root, bare))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, (name,))
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE tbl_name = 'attempts'")
        connection.executemany(put_back, whole)


def test_what_is_read_ahead_is_bounded(path: Path) -> None:
    recorded(path)
    with closing(sqlite3.connect(path)) as connection:
        rows, most = ReadAhead(), 0
        for number in (*range(0, COUNT, 3), *range(1, COUNT, 3)):
            rows.find(connection, request_hash_of(a_request(number)), 1)
            most = max(most, len(rows._ahead))
    assert 1 < most <= MOST_KEPT
