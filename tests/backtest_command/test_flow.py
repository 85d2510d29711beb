"""The whole command in the sandbox, without starting a program."""

import io
import json
import shutil
import signal
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llm_modules.backtest.command import flow, scripted
from llm_modules.backtest.command.basis import opened
from llm_modules.backtest.command.estimate import Estimate, Habit, Size
from llm_modules.backtest.command.flow import backtest
from llm_modules.backtest.command.main import main
from llm_modules.backtest.command.options import BacktestOptions, Dates
from llm_modules.backtest.command.scripted import serve_script
from llm_modules.backtest.crew import Tell
from llm_modules.errors import BacktestError, ConfigError, UserError
from llm_modules.llm.tape import Tape
from llm_modules.operations.ending import INTERRUPTED
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.sandbox.faults import ModelFaults

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
MIDNIGHT = datetime(2026, 1, 10, tzinfo=UTC)
HALF_A_DAY = Dates(MIDNIGHT, MIDNIGHT + timedelta(hours=12))
ONE_DAY = Dates(MIDNIGHT, MIDNIGHT + timedelta(days=1))
DECISIONS = 2 * 24


def wished(**options: Any) -> BacktestOptions:
    plain = {"pairs": PAIRS, "dates": HALF_A_DAY, "baselines": False}
    return BacktestOptions(**(plain | options))


def attempts(session: Session) -> int:
    return flow.held(session.places.user_data / "backtest_llm" / "tape.sqlite")


def folders(session: Session) -> list[Path]:
    home = session.places.user_data / "backtest_llm"
    return sorted(one for one in home.glob("2*") if one.is_dir())


@pytest.fixture
def clean(session: Session) -> Session:
    for name in ("backtest_llm", "backtest_results"):
        shutil.rmtree(session.places.user_data / name, ignore_errors=True)
    return session


def test_a_run_is_told_played_judged_and_written(
    clean: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backtest(clean, wished()) is ExitStatus.DONE
    said = capsys.readouterr().out
    assert said.startswith("SIMULATED: recorded candles")
    assert "a rule-based script, no language model" in said
    assert f"{DECISIONS} " in said
    assert f"100 %: {DECISIONS} decided" in said
    (folder,) = folders(clean)
    assert said.rstrip().endswith("report.html")
    assert (folder / "report.html").is_file()
    assert (folder / "journals" / "llm_decisions.jsonl").is_file()
    assert attempts(clean) == DECISIONS
    assert list((clean.places.user_data / "backtest_results").glob("*.zip"))
    # Played again from the tape alone: nobody is there to be asked.
    assert backtest(clean, wished(json=True, tape_mode="replay")) is ExitStatus.DONE
    again = capsys.readouterr()
    told = json.loads(again.out)
    assert (told["decided"], told["shards"]) == (DECISIONS, 1)
    assert Path(told["report"]).is_file()
    assert Path(told["result_file"]).parent == clean.places.user_data / "backtest_results"
    assert "SIMULATED" in again.err
    assert attempts(clean) == DECISIONS
    assert len(folders(clean)) == 2


def test_a_masked_run_tells_who_is_who(clean: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest(clean, wished(mask=True, json=True)) is ExitStatus.DONE
    told = json.loads(capsys.readouterr().out)
    assert sorted(told["names"].values()) == list(PAIRS)
    assert told["pairs"] == sorted(told["names"])
    assert told["remarks"][1].startswith("Masked: ")
    tape = Tape(clean.places.user_data / "backtest_llm" / "tape.sqlite")
    assert tape.count() == DECISIONS
    tape.close()
    text = (folders(clean)[0] / "journals" / "llm_decisions.jsonl").read_text(encoding="utf-8")
    assert "BTC" not in text


def test_masks_and_shards_exclude_each_other(clean: Session) -> None:
    with pytest.raises(ConfigError, match="--mask and --shards"):
        backtest(clean, wished(mask=True, shards=2))


def test_a_tape_that_is_not_there_cannot_be_played(clean: Session) -> None:
    with pytest.raises(ConfigError, match=r"there is no tape at .*none\.sqlite"):
        backtest(clean, wished(tape_mode="replay", tape=Path("none.sqlite")))


def test_a_tape_that_lacks_answers_ends_the_run(
    clean: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = clean.places.user_data / "backtest_llm" / "tape.sqlite"
    tape.parent.mkdir()
    tape.touch()
    assert backtest(clean, wished(tape_mode="replay")) is ExitStatus.FAILED
    said = capsys.readouterr()
    assert "from the tape alone: nobody is asked" in said.out
    assert "the tape has no answer" in said.err
    assert f"of {DECISIONS} decisions" in said.out


DEAR = Estimate(Size(2, 48), 96, 3000, Habit(120, None, ""), 50.0)


def dear(monkeypatch: pytest.MonkeyPatch, estimate: Estimate = DEAR) -> None:
    monkeypatch.setattr(flow, "_estimate", lambda *_: estimate)
    monkeypatch.setattr(flow.Command, "tape", property(lambda _: Path("/nowhere/tape")))


def agreed(session: Session, **options: Any) -> bool:
    asked = wished(**options)
    command = flow.Command(session, asked)
    basis = opened(session, wished(model=None))
    basis = replace(basis, is_sandbox=False)
    window = flow.Window(
        Path(), datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)
    )
    return flow._is_agreed(command, basis, window, DEAR.size)


def test_much_is_asked_about_and_only_yes_is_yes(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear(monkeypatch)
    for answer in (True, False):
        monkeypatch.setattr(session.screen, "agreed", lambda answer=answer: answer)
        assert agreed(session) is answer


def test_nobody_to_ask_is_told_what_to_add(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UserError, match="--yes"):
        agreed(session)


def test_who_said_yes_beforehand_is_not_asked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    dear(monkeypatch)
    assert agreed(session, yes=True)


def test_a_limit_of_money_needs_a_price(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    dear(monkeypatch, Estimate(DEAR.size, 96, 3000, DEAR.habit, None))
    with pytest.raises(ConfigError, match=r"llm_config\.prices"):
        agreed(session, yes=True, max_cost=5.0)


def test_what_is_not_agreed_to_leaves_nothing(
    clean: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "_is_agreed", lambda *_: False)
    assert backtest(clean, wished()) is ExitStatus.FAILED
    assert folders(clean) == []


def test_ctrl_c_says_where_the_same_command_goes_on(
    clean: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say = flow.Command.say

    def interrupting(self: flow.Command, text: str) -> None:
        say(self, text)
        if text.startswith("20 %"):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(flow.Command, "say", interrupting)
    before = [signal.getsignal(one) for one in SIGNALS]
    arguments = ["backtest", "--user-data", str(clean.places.user_data), "--no-baselines"]
    arguments += ["--timerange", "20260110-20260111", "--pairs", *PAIRS]
    try:
        assert main(arguments, clean.environment) == INTERRUPTED
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)
    said = capsys.readouterr().out
    assert "of 96 decisions are on the tape; the same command goes on" in said
    held = attempts(clean)
    assert 0 < held < 96
    monkeypatch.setattr(flow.Command, "say", say)
    assert backtest(clean, wished(dates=ONE_DAY)) is ExitStatus.DONE
    assert "of an earlier run like this one" in capsys.readouterr().out
    assert attempts(clean) == 96


def test_a_refused_key_is_asked_again_once_it_is_mended(
    clean: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusing(tell: Tell) -> None:
        monkeypatch.setattr(scripted, "ModelFaults", lambda: ModelFaults(status=401))
        serve_script(tell)

    monkeypatch.setattr(flow, "serve_script", refusing)
    assert backtest(clean, wished()) is ExitStatus.FAILED
    assert "unauthorised" in capsys.readouterr().err
    # One candle: what was refused stands on the tape, and belongs to no answer.
    assert attempts(clean) == len(PAIRS)
    monkeypatch.setattr(flow, "serve_script", serve_script)
    assert backtest(clean, wished()) is ExitStatus.DONE
    assert attempts(clean) == DECISIONS + len(PAIRS)
    with sqlite3.connect(clean.places.user_data / "backtest_llm" / "tape.sqlite") as db:
        query = "SELECT nth, count(*), count(error) FROM attempts WHERE request IN"
        refused = "(SELECT request FROM attempts WHERE error IS NOT NULL) GROUP BY nth"
        tries = db.execute(f"{query} {refused}").fetchall()
    assert tries == [(1, len(PAIRS), len(PAIRS)), (2, len(PAIRS), 0)]


def test_a_model_that_does_not_come_up_is_told(
    clean: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_tell: Tell) -> None:
        raise UserError("no port")

    monkeypatch.setattr(flow, "serve_script", fails)
    with pytest.raises(BacktestError, match="the scripted model does not run: no port"):
        backtest(clean, wished())
