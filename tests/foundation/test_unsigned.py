"""Freqtrade's log, written without the signatures of what was asked of the exchange."""

import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from llm_modules.unsigned import keep_signatures_out

ASKED = "https://fapi.binance.com/fapi/v3/account?timestamp=1&signature=663e783b"


@pytest.fixture
def written() -> Iterator[StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    before = {one: list(one.filters) for one in logging.getLogger().handlers}
    keep_signatures_out()
    yield stream
    for one, filters in before.items():
        one.filters = filters
    logging.getLogger().removeHandler(handler)


def test_messages_arguments_and_tracebacks_lose_their_signatures(written: StringIO) -> None:
    logger = logging.getLogger("freqtrade.worker")
    logger.warning(f"asked {ASKED}")  # noqa: G004 - as ccxt writes it
    logger.warning("asked %s of %s", ASKED, "binance")
    logger.error("Could not ask", exc_info=ConnectionError(f"binance GET {ASKED}"))
    text = written.getvalue()
    assert "663e783b" not in text
    assert text.count("/fapi/v3/account?...") == 3
    assert "of binance" in text
    assert "ConnectionError: binance GET" in text


def test_other_lines_stay_as_they_are_and_are_looked_at_once(written: StringIO) -> None:
    keep_signatures_out()
    logging.getLogger("freqtrade").warning("100 %% of %s", "it")
    assert written.getvalue() == "100 % of it\n"
    assert all(len(one.filters) <= 1 for one in logging.getLogger().handlers)
