from pathlib import Path

import pytest

from llm_modules.operations.places import Places
from llm_modules.operations.running import last_words as module
from llm_modules.operations.running.last_words import last_words, why_it_ended

UNREACHABLE = "freqtrade.exceptions.OperationalException: Could not load markets."
# As Freqtrade's end looks when the exchange cannot be reached: the first lines are lost.
TRACEBACK = (
    '  File "exchange.py", line 1, in reload_markets',
    "    raise error",
    "ccxt.base.errors.NetworkError: binance GET https://fapi.binance.com",
    "",
    "The above exception was the direct cause of the following exception:",
    "",
    "Traceback (most recent call last):",
    '  File "main.py", line 1, in main',
    UNREACHABLE,
)


def test_of_a_traceback_only_the_error_is_told() -> None:
    assert last_words(TRACEBACK) == (UNREACHABLE,)


def test_what_is_no_traceback_is_told_whole() -> None:
    assert last_words(["one", "", "two"]) == ("one", "two")
    assert last_words(["  File one", "  File two"]) == ("  File one", "  File two")
    assert last_words([]) == ()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path)
    found.run.mkdir()
    return found


def test_a_supervisor_that_said_something_is_quoted(places: Places) -> None:
    places.supervisor_log.write_text("no internet\n", encoding="utf-8")
    assert why_it_ended(places) == "no internet"


def test_a_supervisor_that_said_nothing_is_told_with_what_to_do(places: Places) -> None:
    assert "supervisor.log. ./manage.sh doctor looks for the cause" in why_it_ended(places)


def test_a_full_disk_is_told_with_what_was_said(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda _: 4096)
    full = f"The disk of {places.user_data.resolve()} has no room: 4,096 bytes are free."
    assert why_it_ended(places) == full
    places.supervisor_log.write_text("torn\n", encoding="utf-8")
    assert why_it_ended(places) == f"torn\n{full}"
