"""What is done in processes of their own, done in this one."""

import os
import shutil
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llm_modules.backtest import forerunner
from llm_modules.backtest.candle_files import Missing, Wanted
from llm_modules.backtest.command import playing, proving, scripted
from llm_modules.backtest.command import world as world_room
from llm_modules.backtest.command.afterwards import assessed, page_of
from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.candles import window_of
from llm_modules.backtest.command.download import download
from llm_modules.backtest.command.freqtrade_config import Window
from llm_modules.backtest.command.options import BacktestOptions, Dates, LookaheadOptions
from llm_modules.backtest.command.playing import (
    Plan,
    Progress,
    Purse,
    _note,
    _played,
    outcome_of,
    shard_folder,
)
from llm_modules.backtest.command.progress import Moments
from llm_modules.backtest.command.sample import sampled
from llm_modules.backtest.command.world import played, world_of
from llm_modules.backtest.crew import Report
from llm_modules.backtest.outcome import Moment, Variant
from llm_modules.dialogue import Expense, Inquiry, Usage
from llm_modules.errors import BacktestError
from llm_modules.llm.spending.ledger import Ledger, row_of
from llm_modules.llm.spending.opening import ledger_beside
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session

DAY = datetime(2026, 1, 10, tzinfo=UTC)
CANDLE = timedelta(minutes=30)


@pytest.fixture
def basis(session: Session, monkeypatch: pytest.MonkeyPatch) -> Basis:
    # What a run does to the environment of its process is not to be done to this one's.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return opened(session, BacktestOptions(pairs=("ETH/USDT:USDT",)))


@pytest.fixture
def window(basis: Basis, tmp_path: Path) -> Window:
    dates = Dates(DAY, DAY + timedelta(hours=6))
    return window_of(basis, dates, tmp_path / "log", download, print)


def planned(basis: Basis, window: Window, folder: Path, **options: Any) -> Plan:
    wished = BacktestOptions(baselines=False, **options)
    return Plan(basis, wished, window, CANDLE, folder, folder / "tape.sqlite", folder / "log")


def server(monkeypatch: pytest.MonkeyPatch) -> str:
    """The scripted model in a thread; it ends with the process."""
    told: list[object] = []
    ready = threading.Event()

    def tell(what: object) -> None:
        told.append(what)
        ready.set()

    threading.Thread(target=scripted.serve_script, args=(tell,), daemon=True).start()
    assert ready.wait(30)
    return str(told[0])


def test_a_run_is_played_told_and_judged(
    basis: Basis, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beside the server's thread nothing may be forked.
    monkeypatch.setattr(forerunner, "_has_core_to_spare", lambda: False)
    plan = planned(basis.asking_at(server(monkeypatch)), window, tmp_path)
    told: list[Any] = []
    outcome = _played(plan, 0, threading.Event(), told.append)  # type: ignore[arg-type]
    assert outcome.decided == len(told) == plan.candles == 12
    assert all(isinstance(one, Moment) for one in told)
    assert outcome.folder == tmp_path / "journals"
    assert outcome.result_file is not None
    assert outcome.result_file.parent == basis.places.user_data / "backtest_results"
    words: list[Any] = []
    judged = assessed(plan, outcome, words.append)
    assert judged.outcome is outcome
    assert words[-1] == "writing the report"
    assert page_of(plan).read_text(encoding="utf-8").startswith("<!")
    # Once the money is spent it ends after the candle, but not after the last one.
    full = threading.Event()
    full.set()
    with pytest.raises(BacktestError, match="the money is spent"):
        _played(plan, 0, full, told.append)  # type: ignore[arg-type]


def test_freqtrades_folders_are_there_before_several_processes_would_make_them(
    basis: Basis, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hyperopts, found = basis.places.user_data / "hyperopts", list[bool]()
    shutil.rmtree(hyperopts, ignore_errors=True)
    monkeypatch.setattr(playing, "_watched", lambda *_: found.append(hyperopts.is_dir()))
    plan = planned(basis, window, tmp_path, shards=2)
    playing.play(plan, Progress(Moments(2)), lambda _: nullcontext(lambda *_: None))
    assert found == [True]


@pytest.mark.parametrize("shards", [1, 3])
def test_only_a_run_that_is_alone_has_a_second_process(
    basis: Basis, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    variants: list[Variant] = []

    def not_played(_world: object, variant: Variant) -> None:
        variants.append(variant)
        raise BacktestError("enough")

    monkeypatch.setattr(playing, "played", not_played)
    with pytest.raises(BacktestError):
        _played(planned(basis, window, tmp_path, shards=shards), 0, threading.Event(), print)  # type: ignore[arg-type]
    assert [variant.has_forerunner for variant in variants] == [shards == 1]


def test_what_a_prompt_takes_is_measured_and_nothing_is_kept(
    basis: Basis, window: Window, tmp_path: Path
) -> None:
    before = set(basis.places.user_data.iterdir())
    sample = sampled(basis, window, print)
    assert sample.decided == sample.prompts == 12
    assert 1500 < sample.tokens / sample.prompts < 6000
    assert set(basis.places.user_data.iterdir()) == before


def test_shards_keep_their_journals_apart(basis: Basis, window: Window, tmp_path: Path) -> None:
    many = planned(basis, window, tmp_path, shards=3)
    assert [shard_folder(many, number).name for number in range(3)] == [
        "shard-01",
        "shard-02",
        "shard-03",
    ]
    settings = planned(basis, window, tmp_path, experience=False, tape_mode="record").settings(
        tmp_path / "x"
    )
    assert (settings.experience, settings.tape_mode) == (False, "record")
    assert (settings.folder, settings.tape) == (str(tmp_path / "x"), str(tmp_path / "tape.sqlite"))


def test_reports_are_sorted_by_what_they_are() -> None:
    progress = Progress(Moments(2))
    moment = Moment(DAY, 1, 2, 5, 5, 1000.0, None)
    outcome: Any = SimpleNamespace(decided=10)
    for report in (
        Report(1, "said", moment),
        Report(1, "failed", BacktestError("why")),
        Report(0, "done", outcome),
    ):
        _note(progress, report)
    assert progress.failures == {1: "why"}
    assert progress.outcomes == {0: outcome}
    assert progress.moments.decided == 5
    plan: Any = None
    assert outcome_of(plan, progress) is outcome


def test_the_purse_counts_what_was_spent_since_it_was_opened(tmp_path: Path) -> None:
    tape = tmp_path / "tape.sqlite"

    def spend(cost: float | None) -> None:
        ledger = Ledger(ledger_beside(tape))
        expense = Expense(datetime.now(UTC), "p", "m", 1.0, Usage(1, 1), cost)
        ledger.add(row_of(Inquiry(), expense, "backtest"))
        ledger.close()

    spend(5.0)
    purse = Purse(tape)
    assert purse.spent() == 0
    spend(0.25)
    assert purse.spent() == 0.25
    spend(0.5)
    spend(None)
    assert purse.spent() == purse.spent() == 0.75
    purse.close()


def test_a_world_that_is_not_masked_is_the_configured_one(tmp_path: Path) -> None:
    world = world_of({"a": 1}, tmp_path, mask=False)
    assert (world.config, world.exchange, world.names, world.remarks) == ({"a": 1}, None, {}, ())


def test_freqtrade_is_told_what_to_download(
    basis: Basis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def done(command: list[str], **_: Any) -> Any:
        asked.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("subprocess.run", done)
    wanted = Wanted(tmp_path, basis.pairs, basis.timeframes, DAY, None, "parquet")
    download(basis, wanted, [Missing("ETH/USDT:USDT", "1h", DAY, None)])
    (command,) = asked
    for option, value in (
        ("--userdir", str(basis.places.user_data)),
        ("--datadir", str(tmp_path)),
        ("--pairs", "ETH/USDT:USDT"),
        ("--timeframes", "1h"),
        ("--data-format-ohlcv", "parquet"),
    ):
        assert command[command.index(option) + 1] == value


@pytest.mark.parametrize(("holds", "status"), [(True, ExitStatus.DONE), (False, ExitStatus.FAILED)])
def test_the_proof_is_made_on_the_users_own_settings(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    holds: bool,
    status: ExitStatus,
) -> None:
    def prove(config: Any, *, candles: int | None, show: Any) -> bool:
        show(f"{config['timerange']} {config['exchange']['pair_whitelist']} {candles}")
        return holds

    monkeypatch.setattr(proving, "prove", prove)
    options = LookaheadOptions(
        pairs=("ETH/USDT:USDT",), dates=Dates(DAY, DAY + timedelta(days=1)), candles=7
    )
    assert proving.lookahead(session, options) is status
    assert "1768003200-1768089600 ['ETH/USDT:USDT'] 7" in capsys.readouterr().out


def test_the_proof_writes_into_a_folder_of_its_own(
    basis: Basis, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def prove(config: Any, *, candles: int | None, show: Any) -> bool:
        seen.append(config["llm_backtest"])
        return True

    monkeypatch.setattr(proving, "prove", prove)
    assert proving._proved(basis, window, None, print) is True
    home = basis.places.user_data / "backtest_llm" / "lookahead"
    assert seen[0]["folder"] == str(home / "journals")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Could not load markets, therefore", "the exchange cannot be asked which markets it has"),
        ("No pair in whitelist.", "No pair in whitelist"),
    ],
)
def test_an_exchange_that_is_away_is_one_clear_sentence(
    said: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise BacktestError(said)

    monkeypatch.setattr(world_room, "run", fails)
    with pytest.raises(BacktestError, match=told):
        played(world_of({}, tmp_path, mask=False), Variant())
