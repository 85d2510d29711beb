"""The committed tape played back without any network gives the committed result."""

import json
import socket
from multiprocessing import active_children
from typing import Any

import pytest

from golden_run import RESULT, golden_config, result_of
from llm_modules.backtest import forerunner as forerunner_room
from llm_modules.backtest.forerunner import Forerunner
from llm_modules.backtest.outcome import Outcome, Variant
from llm_modules.backtest.running import run
from llm_modules.engine.question import Question
from llm_modules.engine.sight import Sight
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord

JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl")


def refused(*_: object) -> None:
    raise AssertionError("a replay opened a socket")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Outcome]:
    """The tape played twice in folders of their own, once with a second process."""
    sights: list[Sight | None] = []

    def remembered(forerunner: Forerunner, question: Question) -> Sight | None:
        sights.append(sight(forerunner, question))
        return sights[-1]

    sight = Forerunner.__call__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forerunner_room, "_has_core_to_spare", lambda: True)
        patch.setattr(Forerunner, "__call__", remembered)
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, refused)
        one, other = (
            run(
                golden_config(tmp_path_factory.mktemp("replay"), "replay"),
                Variant(has_forerunner=has_forerunner),
            )
            for has_forerunner in (False, True)
        )
    assert None not in sights[one.decided :]
    assert set(sights[: one.decided]) == {None}
    assert active_children() == []
    return one, other


def flat(value: Any) -> Any:
    """Numbers to be compared with room for the last bits, which differ between Pythons."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-9, abs=1e-9)
    if isinstance(value, list):
        return [flat(one) for one in value]
    if isinstance(value, dict):
        return {name: flat(one) for name, one in value.items()}
    return value


def test_the_committed_tape_gives_the_committed_result(replayed: tuple[Outcome, Outcome]) -> None:
    expected = json.loads(RESULT.read_text(encoding="utf-8"))
    assert len(expected["trades"]) > 10
    assert result_of(replayed[0]) == flat(expected)


def test_failures_are_replayed_too(replayed: tuple[Outcome, Outcome]) -> None:
    lines = read_journal(replayed[0].folder / JOURNALS[0], DECISION_LINES).records
    attempts = [line.attempts for line in lines if isinstance(line, DecisionRecord)]
    assert max(attempts) > 1


def test_two_replays_are_the_same_byte_for_byte(replayed: tuple[Outcome, Outcome]) -> None:
    one, other = replayed
    assert one.folder != other.folder
    assert one.trades == other.trades
    assert one.equity.values.tolist() == other.equity.values.tolist()
    for journal in JOURNALS:
        assert (one.folder / journal).read_bytes() == (other.folder / journal).read_bytes()
