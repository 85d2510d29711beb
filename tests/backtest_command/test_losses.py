"""A record that was lost ends a backtest."""

import logging

import pytest

from llm_modules.backtest.command.losses import WRITERS, Losses
from llm_modules.errors import BacktestError, JournalError, ProviderError

FULL = JournalError("/x/tape.sqlite cannot be used: database or disk is full")


def test_nothing_lost_is_no_error() -> None:
    with Losses() as losses:
        logging.getLogger(WRITERS[0]).warning("the tape is written again")
        logging.getLogger(WRITERS[0]).warning("a mapping %(x)s", {"x": 1})
        logging.getLogger(WRITERS[0]).warning("it failed: %s", ProviderError("timeout", "late"))
    losses.demand_none()


@pytest.mark.parametrize("name", [*WRITERS, "llm_modules.engine.cycle", "llm_modules.journal.log"])
def test_an_error_in_a_sentence_is_a_loss(name: str) -> None:
    with Losses() as losses:
        logging.getLogger(name).warning("Decisions go on without: %s", FULL)
    with pytest.raises(BacktestError, match=r"cannot be kept: /x/tape\.sqlite .*disk is full"):
        losses.demand_none()


def test_so_is_one_with_a_traceback_and_the_first_is_told() -> None:
    with Losses() as losses:
        for error in (OSError(28, "No space left on device"), FULL):
            try:
                raise error
            except (OSError, JournalError):
                logging.getLogger("llm_modules.engine.cycle").exception("A %s is lost", "line")
    with pytest.raises(BacktestError, match="No space left on device"):
        losses.demand_none()


def test_what_others_log_or_is_logged_later_is_none() -> None:
    with Losses() as losses:
        logging.getLogger("llm_modules.llm.spending").warning("no ledger: %s", FULL)
    logging.getLogger(WRITERS[0]).warning("too late: %s", FULL)
    losses.demand_none()
    assert all(losses not in logging.getLogger(name).handlers for name in WRITERS)
