"""Runs that cannot go on: what is said, what counts as done, and what is left."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llm_modules.backtest.command import ending, flow, playing, scripted
from llm_modules.backtest.command.answers import UNUSABLE
from llm_modules.backtest.command.ending import AFTER_RECORD, FINISHED, report, stopped, tell_why
from llm_modules.backtest.command.flow import backtest
from llm_modules.backtest.command.folders import (
    KEPT,
    KEPT_UNFINISHED,
    NOTE_NAME,
    PAGE_NAME,
    Note,
    Runs,
    keep_note,
)
from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.command.options import BacktestOptions, Dates
from llm_modules.backtest.command.playing import Plan, Progress
from llm_modules.backtest.command.progress import Moments
from llm_modules.backtest.outcome import Moment
from llm_modules.errors import BacktestError, JournalError
from llm_modules.llm.tape import Tape
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.sandbox.faults import MessageAnswer, ModelFaults

DAY = datetime(2026, 1, 10, tzinfo=UTC)
WISHED = BacktestOptions(
    pairs=("ETH/USDT:USDT",), dates=Dates(DAY, DAY.replace(day=11)), baselines=False
)
DECISIONS = 48
ON = "goes on from there."


@pytest.fixture
def clean(session: Session) -> Session:
    for name in ("backtest_llm", "backtest_results"):
        shutil.rmtree(session.places.user_data / name, ignore_errors=True)
    return session


def note_of(session: Session) -> Note:
    (path,) = (session.places.user_data / "backtest_llm").glob(f"2*/{NOTE_NAME}")
    return Note.model_validate(json.loads(path.read_text(encoding="utf-8")))


def test_a_tape_that_fills_up_ends_the_run(
    clean: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Tape.record
    written: list[int] = []

    def filling(self: Tape, *args: Any, **kwargs: Any) -> str:
        written.append(1)
        if len(written) > 10:
            raise JournalError("tape.sqlite cannot be used: database or disk is full")
        return record(self, *args, **kwargs)

    monkeypatch.setattr(Tape, "record", filling)
    assert backtest(clean, WISHED) is ExitStatus.FAILED
    said = capsys.readouterr()
    assert "cannot be kept: tape.sqlite cannot be used: database or disk is full" in said.err
    assert f"10 of {DECISIONS} decisions are on the tape; the same command goes on" in said.out
    assert "100 %" not in said.out
    assert (note_of(clean).decided, note_of(clean).held) == (10, 10)


def test_a_server_that_is_gone_is_named_and_its_failures_are_no_decisions(
    clean: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow, "_script", lambda _: nullcontext("http://127.0.0.1:9/v1"))
    assert backtest(clean, WISHED) is ExitStatus.FAILED
    said = capsys.readouterr()
    assert "127.0.0.1:9 does not answer for scripted-sandbox (connection: " in said.err
    assert f"0 of {DECISIONS} decisions are on the tape" in said.out
    assert note_of(clean).decided == 0


def test_answers_that_are_unusable_are_not_promised_to_mend_themselves(
    clean: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = {"role": "assistant", "content": "I would wait."}
    words = MessageAnswer(message=message, finish_reason="stop", times=None)
    monkeypatch.setattr(scripted, "ModelFaults", lambda: ModelFaults(answer=(words,)))
    assert backtest(clean, WISHED) is ExitStatus.FAILED
    said = capsys.readouterr()
    assert said.err.rstrip() == UNUSABLE
    assert said.out.rstrip().endswith(f"0 of {DECISIONS} decisions are on the tape.")


def test_a_note_of_an_empty_tape_counts_for_nothing(
    clean: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(clean.places)
    keep_note(runs.begun(DAY), Note(key="k", decided=DECISIONS, held=0))
    basis: Any = SimpleNamespace(timeframe="30m", pairs=WISHED.pairs)
    window = Window(Path(), DAY, DAY.replace(day=11))
    command = flow.Command(clean, WISHED)
    assert flow._size(command, basis, window, "k").taped == 0
    keep_note(runs.begun(DAY), Note(key="k", decided=9, held=1))
    assert flow._size(command, basis, window, "k").taped == 0
    monkeypatch.setattr(flow, "held", lambda _: 1)
    assert flow._size(command, basis, window, "k").taped == 9


def test_a_result_freqtrade_wrote_is_with_all_others(clean: Session) -> None:
    assert backtest(clean, WISHED) is ExitStatus.DONE
    home = clean.places.user_data / "backtest_results"
    (result,) = home.glob("*.zip")
    newest = json.loads((home / ".last_result.json").read_text(encoding="utf-8"))
    assert newest == {"latest_backtest": result.name}
    (page,) = (clean.places.user_data / "backtest_llm").glob(f"2*/{PAGE_NAME}")
    text = page.read_text(encoding="utf-8")
    assert text.index("SIMULATED: recorded candles") < text.index("The whole run")
    assert "no language model" in text
    assert "knowledge cut-off is not known" not in text


def test_old_runs_are_said_to_be_removed(
    clean: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(clean.places)
    for hour in range(KEPT_UNFINISHED):
        runs.begun(DAY.replace(hour=hour))
    monkeypatch.setattr(playing, "published", lambda result, _: result)
    assert backtest(clean, WISHED) is ExitStatus.DONE
    assert "removed the run of 20260110T000000Z\n" in capsys.readouterr().out


def test_interrupted_runs_push_no_finished_one_out(tmp_path: Path) -> None:
    runs = Runs(Places(tmp_path))
    finished = [runs.begun(DAY.replace(minute=number)) for number in range(KEPT)]
    for one in finished:
        (one / PAGE_NAME).touch()
    others = [runs.begun(DAY.replace(hour=1, minute=number)) for number in range(7)]
    assert runs.tidied() == [one.name for one in others[:-KEPT_UNFINISHED]]
    assert all(one.exists() for one in finished)
    assert runs.tidied() == []


# --- words ---------------------------------------------------------------------------------------


def a_plan(tmp_path: Path, **options: Any) -> Plan:
    anything: Any = None
    wished = BacktestOptions(**options)
    return Plan(anything, wished, anything, anything, tmp_path, tmp_path / "t", tmp_path / "log")


def a_progress(decided: int = 0, **failures: str) -> Progress:
    progress = Progress(Moments(1))
    progress.moments.note(0, Moment(DAY, 1, 2, decided, decided, 1.0, None))
    progress.failures.update({int(name[1:]): text for name, text in failures.items()})
    return progress


@pytest.mark.parametrize(
    ("options", "failure", "said"),
    [
        ({}, "why", "7 of 48 decisions are on the tape; the same command " + ON),
        (
            {"tape_mode": "record"},
            "why",
            f"7 of 48 decisions are on the tape. {AFTER_RECORD}",
        ),
        ({}, UNUSABLE, "7 of 48 decisions are on the tape."),
        ({"tape_mode": "replay"}, UNUSABLE, "Stopped after 7 of 48 decisions."),
    ],
)
def test_where_it_goes_on_is_said_only_where_it_does(
    tmp_path: Path, options: dict[str, Any], failure: str, said: str
) -> None:
    assert stopped(a_plan(tmp_path, **options), a_progress(7, _0=failure), 48) == said


def test_each_shard_tells_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_why(a_plan(tmp_path, shards=2), a_progress(_1="b", _0="a"), Screen())
    tell_why(a_plan(tmp_path), a_progress(_0="a"), Screen())
    limited = a_progress(_0="a")
    limited.is_over_limit, limited.spent = True, 1.5
    tell_why(a_plan(tmp_path), limited, Screen())
    assert capsys.readouterr().err.splitlines() == [
        "Shard 1: a",
        "Shard 2: b",
        "a",
        "--max-cost: at most 1.5000 USD are spent.",
    ]


def test_ctrl_c_while_it_is_judged_says_that_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_job: object, _log: Path, hear: Any) -> None:
        hear("hold: 1 of 96")
        raise KeyboardInterrupt

    monkeypatch.setattr(ending, "only", interrupted)
    monkeypatch.setattr(ending, "outcome_of", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        report(a_plan(tmp_path), a_progress(), Screen())
    assert capsys.readouterr().err == f"{FINISHED}\n"


# --- in this process -----------------------------------------------------------------------------


def test_results_of_no_one_account_stay_with_their_run(tmp_path: Path) -> None:
    outcome: Any = SimpleNamespace(result_file=tmp_path / "x.zip")
    for options in ({"shards": 2}, {"mask": True}):
        shards: Any = (None,) * options.get("shards", 1)
        plan: Any = SimpleNamespace(options=BacktestOptions(**options), shards=shards)
        assert playing._with_others(plan, outcome) is outcome
    nothing: Any = SimpleNamespace(result_file=None)
    assert playing._with_others(plan, nothing) is nothing


def test_a_run_that_stops_tells_why_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: object) -> None:
        raise BacktestError("stopped at noon: why")

    for name in ("adopt", "freqtrade_config", "world_of"):
        monkeypatch.setattr(playing, name, lambda *_, **__: None)
    monkeypatch.setattr(playing, "played", stops)
    asked: Any = SimpleNamespace(environment={}, targets=lambda: (None,))
    plan: Any = replace(a_plan(tmp_path), basis=asked)
    monkeypatch.setattr(Plan, "shards", (None,))
    unset: Any = None
    with pytest.raises(BacktestError, match="stopped at noon: why"):
        playing._played(plan, 0, unset, print)
