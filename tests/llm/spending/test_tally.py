from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON
from costs import an_expense, an_inquiry, enter
from llm_modules.errors import JournalError
from llm_modules.llm.spending.ledger import Ledger, row_of
from llm_modules.llm.spending.periods import NOTHING, Period, Spent
from llm_modules.llm.spending.tally import Tally

TODAY, MONTH = Period.around("day", NOON), Period.around("month", NOON)
YESTERDAY = Period.around("day", NOON - timedelta(days=1))
CENT = Spent(1100, 0.01)
A_CENT = row_of(an_inquiry(), an_expense(cost=0.01), "dry_run")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_costs.sqlite"


def started(path: Path) -> Tally:
    tally = Tally(Ledger(path))
    tally.start(NOON)
    return tally


def test_the_day_and_the_month_of_before_are_taken_over(path: Path) -> None:
    enter(path)
    enter(path, at=YESTERDAY.start)
    tally = started(path)
    assert tally.spent(TODAY) == CENT
    assert tally.spent(MONTH) == CENT + CENT


def test_what_is_charged_counts_at_once_written_or_not(path: Path) -> None:
    tally = started(path)
    tally.count(NOON, CENT, enter(path))
    tally.count(NOON, CENT, None)
    assert tally.spent(TODAY) == tally.spent(MONTH) == CENT + CENT
    assert tally.spent(YESTERDAY) == NOTHING


def test_what_others_wrote_counts_once_and_ones_own_rows_not_again(path: Path) -> None:
    ledger = Ledger(path)
    tally = Tally(ledger)
    tally.start(NOON)
    tally.count(NOON, CENT, ledger.add(A_CENT))
    enter(path)
    tally.count(NOON, CENT, ledger.add(A_CENT))
    for _ in range(3):
        tally.catch_up()
        assert tally.spent(TODAY) == Spent(3300, 0.03)
        assert not tally._own
    enter(path)
    tally.catch_up()
    assert tally.spent(TODAY).tokens == 4400


def test_a_day_that_was_not_asked_for_at_the_start_is_taken_over_when_it_is(path: Path) -> None:
    enter(path, at=YESTERDAY.start)
    tally = started(path)
    enter(path, at=YESTERDAY.start)
    tally.catch_up()
    # Of the two the second alone is known: it came after the start.
    assert tally.spent(YESTERDAY) == CENT
    assert not tally.knows(YESTERDAY)
    tally.load(YESTERDAY)
    assert tally.knows(YESTERDAY)
    assert tally.spent(YESTERDAY) == CENT + CENT


def test_a_ledger_that_was_moved_away_takes_nothing_back(path: Path) -> None:
    enter(path)
    enter(path)
    tally = started(path)
    path.rename(path.with_name("moved"))
    enter(path, cost=1.0)
    tally.catch_up()
    assert tally.spent(TODAY) == Spent(3300, 1.02)
    # Its ids begin anew: what is written next must not be taken for known.
    enter(path, cost=1.0)
    tally.catch_up()
    assert tally.spent(TODAY) == Spent(4400, 2.02)


def test_ids_of_a_new_ledger_are_not_taken_for_those_of_the_old_one(path: Path) -> None:
    enter(path, at=YESTERDAY.start)
    ledger = Ledger(path)
    tally = Tally(ledger)
    tally.start(NOON)
    # Its id is not known yet when the file goes, and comes again in the next.
    tally.count(NOON, CENT, ledger.add(A_CENT))
    path.rename(path.with_name("moved"))
    enter(path, at=YESTERDAY.start)
    enter(path)
    tally.catch_up()
    tally.load(YESTERDAY)
    assert tally.spent(TODAY) == CENT + CENT
    assert tally.spent(YESTERDAY) == CENT


def test_ones_own_rows_in_a_new_ledger_count_once(path: Path) -> None:
    for _ in range(3):
        enter(path)
    ledger = Ledger(path)
    tally = Tally(ledger)
    tally.start(NOON)
    path.rename(path.with_name("moved"))
    other = enter(path)
    assert ledger.after(0)[0].row_id == other
    tally.count(NOON, CENT, ledger.add(A_CENT))
    tally.catch_up()
    assert tally.spent(TODAY) == Spent(5500, 0.05)


def test_a_ledger_that_cannot_be_read_is_told_and_what_is_known_stays(path: Path) -> None:
    enter(path)
    tally = started(path)
    path.rename(path.with_name("moved"))
    path.mkdir()
    for act in (tally.catch_up, lambda: tally.load(YESTERDAY), lambda: tally.start(NOON)):
        with pytest.raises(JournalError):
            act()
    assert tally.spent(TODAY) == CENT
