"""What `doctor` says of journals, tape and database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bookkeeping import Bookkeeping, without
from examining import case_of
from llm_modules.operations.doctor.diagnosis import Diagnosis, DoctorOptions, no_exchange
from llm_modules.operations.doctor.record_checks import journals_are_sound
from llm_modules.operations.places import Places
from llm_modules.operations.records import auditing
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

Say = Callable[[], dict[str, Diagnosis]]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    def found() -> dict[str, Diagnosis]:
        session = Session(Places(tmp_path), {}, Screen())
        return {one.subject: one for one in journals_are_sound(case_of(session, no_exchange))}

    return found


@pytest.fixture
def bot(tmp_path: Path) -> Bookkeeping:
    """A bot that closed a trade and opened another."""
    one = Bookkeeping(tmp_path)
    one.closes(one.opens())
    one.opens()
    return one.done()


def test_before_the_first_decision_all_is_sound(say: Say) -> None:
    found = say()
    assert {one.health for one in found.values()} == {"ok"}
    assert found["decisions"].sentence == "none yet"


def test_what_a_bot_leaves_is_counted(bot: Bookkeeping, say: Say) -> None:
    found = say()
    assert {one.health for one in found.values()} == {"ok"}
    assert found["decisions"].sentence.endswith(" lines, sound")
    assert found["trades"].sentence == "1 lines, sound"
    assert found["tape, database"].sentence.startswith("fit 1 records of trades and ")


def test_an_edited_line_is_a_failure_of_its_journal(bot: Bookkeeping, say: Say) -> None:
    text = bot.decisions.read_text(encoding="utf-8")
    bot.decisions.write_text(text.replace("signal_exit", "signal_hold", 1), encoding="utf-8")
    found = say()
    assert found["decisions"].health == "fail"
    assert found["decisions"].sentence.startswith("NOT SOUND: 1 faults in ")
    assert found["decisions"].advice == "./manage.sh verify names each"
    assert found["trades"].health == "ok"


def test_what_does_not_fit_together_is_a_failure(bot: Bookkeeping, say: Say) -> None:
    without(bot.trades, 0)
    row = say()["tape, database"]
    assert (row.health, row.sentence) == ("fail", "1 things do not fit the journals")


def test_a_journal_that_cannot_be_read_is_one_failure(bot: Bookkeeping, say: Say) -> None:
    bot.decisions.unlink()
    bot.decisions.mkdir()
    (row,) = say().values()
    assert row.health == "fail"
    assert "Is a directory" in row.sentence


def test_somebody_who_waits_sees_how_far_it_is(
    bot: Bookkeeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(auditing, "LINES_PER_REPORT", 1)
    monkeypatch.setattr(Screen, "progress", lambda _, text: told.append(text))
    session = Session(Places(tmp_path), {}, Screen())
    list(journals_are_sound(case_of(session, no_exchange)))
    assert told == []
    list(journals_are_sound(case_of(session, no_exchange, DoctorOptions())))
    assert told[0] == "trade_experience.jsonl: 1 lines "
