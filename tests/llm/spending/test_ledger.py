import multiprocessing
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR
from costs import MODEL, an_expense, an_inquiry, enter, utc
from llm_modules.dialogue import Inquiry, Usage
from llm_modules.errors import JournalError
from llm_modules.llm.spending import ledger
from llm_modules.llm.spending.ledger import Charge, Ledger, Row, milliseconds, moment, row_of
from llm_modules.llm.spending.periods import NOTHING, Period, Spent

TODAY = Period.around("day", NOON)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "llm_costs.sqlite"


def rows(path: Path, query: str = "SELECT * FROM requests") -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def kinds(path: Path) -> list[str]:
    return [kind for (kind,) in rows(path, "SELECT kind FROM requests ORDER BY id")]


def test_a_row_tells_everything_about_a_request() -> None:
    usage = Usage(1000, 100, 600, 50, 20, 0.3)
    expense = an_expense(usage=usage, cost=0.25, fault="timeout: sk-secret", tape_id="t1")
    assert row_of(an_inquiry(), expense, "live") == Row(
        at=milliseconds(NOON),
        mode="live",
        provider="compatible",
        model=MODEL,
        pair=PAIR,
        decision_id="d-1",
        kind="flat",
        prompt_tokens=1000,
        cached_tokens=600,
        completion_tokens=100,
        reasoning_tokens=20,
        cost=0.25,
        fault="timeout",
        tape_id="t1",
        seconds=0.5,
    )


def test_counts_that_nobody_told_are_nothing() -> None:
    row = row_of(Inquiry(), an_expense(usage=Usage()), "")
    assert (row.prompt_tokens, row.completion_tokens, row.cost) == (0, 0, None)


def test_the_columns_are_those_of_every_ledger_there_is(path: Path) -> None:
    enter(path)
    names = rows(path, "SELECT group_concat(name) FROM pragma_table_info('requests')")
    assert names == [(",".join(("id", *Row._fields)),)]
    assert rows(path, "PRAGMA user_version") == [(1,)]


def test_ids_grow_and_are_not_given_twice(path: Path) -> None:
    assert [enter(path), enter(path)] == [1, 2]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM requests")
    assert enter(path) == 3
    assert Ledger(path).newest() == 3


def test_an_empty_ledger_has_spent_nothing(path: Path) -> None:
    costs = Ledger(path)
    assert costs.newest() == 0
    assert costs.after(0) == []
    assert costs.spent(TODAY, 100) == NOTHING
    assert costs.path == path
    assert not path.exists()


def test_the_sums_of_a_period_are_those_of_its_rows(path: Path) -> None:
    for at in (TODAY.start, NOON, TODAY.end - timedelta(milliseconds=1)):
        enter(path, at=at, cost=0.25)
    for at in (TODAY.start - timedelta(milliseconds=1), TODAY.end):
        enter(path, at=at, cost=100.0)
    enter(path, cost=None)
    costs = Ledger(path)
    assert costs.spent(TODAY, 6) == Spent(4400, 0.75)
    assert costs.spent(TODAY, 2) == Spent(2200, 0.5)
    assert costs.spent(TODAY, 0) == NOTHING


def test_what_came_after_a_row_is_told_with_its_time(path: Path) -> None:
    first = enter(path)
    enter(path, at=NOON + timedelta(seconds=1), cost=None)
    costs = Ledger(path)
    assert costs.after(first) == [Charge(2, False, NOON + timedelta(seconds=1), Spent(1100, 0.0))]
    assert [charge.row_id for charge in costs.after(0)] == [1, 2]


def test_a_decisions_requests_are_called_by_what_came_of_it(path: Path) -> None:
    enter(path)
    enter(path)
    enter(path, inquiry=an_inquiry(decision_id="d-2"))
    enter(path, inquiry=an_inquiry(kind="replay"))
    Ledger(path).named("d-1", "signal_wait")
    assert kinds(path) == ["signal_wait", "signal_wait", "flat", "replay"]


def test_naming_and_summing_need_no_walk_through_the_ledger(path: Path) -> None:
    enter(path)
    for query in (ledger._NAME, ledger._SPENT):
        with closing(sqlite3.connect(path)) as db:
            values = [None] * query.count("?")
            assert "SEARCH" in str(db.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall())


@pytest.mark.parametrize("text", ["2026-01-15T12:00:00.123", "1970-01-01", "1969-12-31T23:59"])
def test_times_are_kept_to_the_millisecond(text: str) -> None:
    assert moment(milliseconds(utc(text))) == utc(text)
    assert milliseconds(utc("1970-01-01") + timedelta(microseconds=1999)) == 1


def _write_many(path: Path, name: str) -> None:
    for number in range(50):
        enter(path, inquiry=an_inquiry(decision_id=f"{name}-{number}"))


def test_several_processes_write_at_once(path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_write_many, args=(path, name)) for name in ("bot", "replay")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert Ledger(path).spent(TODAY, 100).tokens == 110_000
    assert rows(path, "SELECT count(DISTINCT decision_id) FROM requests") == [(100,)]


def test_a_row_takes_some_two_hundred_bytes(path: Path) -> None:
    costs = Ledger(path)
    for number in range(2000):
        inquiry = an_inquiry(decision_id=f"260115120000-BTC-{number:06x}", kind="signal_wait")
        costs.add(row_of(inquiry, an_expense(cost=0.001234, tape_id=f"{number:016x}"), "dry_run"))
    costs.close()
    assert 100 < path.stat().st_size / 2000 < 250


def test_a_model_name_that_has_no_utf8_is_told_and_harms_nothing(path: Path) -> None:
    with pytest.raises(JournalError):
        enter(path, model="\ud83d")
    assert enter(path) == 1
