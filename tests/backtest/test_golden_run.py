"""The committed tape played back without any network gives the committed result."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from golden_run import RESULT, golden_config, result_of
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.running import run
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord

JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl")


@pytest.fixture(autouse=True)
def _closed_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)


def replayed(folder: Path) -> Outcome:
    return run(golden_config(folder, "replay"))


def flat(value: Any) -> Any:
    """Numbers to be compared with room for the last bits, which differ between Pythons."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-9, abs=1e-9)
    if isinstance(value, list):
        return [flat(one) for one in value]
    if isinstance(value, dict):
        return {name: flat(one) for name, one in value.items()}
    return value


def test_the_committed_tape_gives_the_committed_result(tmp_path: Path) -> None:
    expected = json.loads(RESULT.read_text(encoding="utf-8"))
    assert len(expected["trades"]) > 10
    assert result_of(replayed(tmp_path)) == flat(expected)


def test_failures_are_replayed_too(tmp_path: Path) -> None:
    outcome = replayed(tmp_path)
    lines = read_journal(outcome.folder / JOURNALS[0], DECISION_LINES).records
    attempts = [line.attempts for line in lines if isinstance(line, DecisionRecord)]
    assert max(attempts) > 1


def test_two_replays_are_the_same_byte_for_byte(tmp_path: Path) -> None:
    outcomes = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        outcomes.append(replayed(tmp_path / name))
    one, other = outcomes
    assert one.trades == other.trades
    assert one.equity.values.tolist() == other.equity.values.tolist()
    for journal in JOURNALS:
        assert (one.folder / journal).read_bytes() == (other.folder / journal).read_bytes()
