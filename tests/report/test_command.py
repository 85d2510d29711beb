import json
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import a_decision_record
from llm_modules.errors import JournalError, UserError
from llm_modules.operations.ending import INTERRUPTED
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.grammar import MOST_DAYS
from llm_modules.report import main as entrance
from llm_modules.report.command import gathered, report
from llm_modules.report.main import main
from llm_modules.report.options import USUAL_DAYS, ReportOptions, parsed
from llm_modules.report.reading import read
from llm_modules.report.span import Span
from report_weeks import END, Bot, append, change_settings, some_trades, write_lines

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def decided(empty: Bot) -> Bot:
    """A bot that decided once, in dry-run, just before the report."""
    write_lines(empty.decisions, [a_decision_record(mode="dry_run", at=END, equity=1000.0)])
    return empty


# --- the command line ---


def test_without_options_it_is_the_last_thirty_days_of_the_newest_mode() -> None:
    options = parsed([], END)
    assert options == ReportOptions(END, options.user_data)
    assert (options.days, options.mode, options.out, options.as_json) == (30, None, None, False)
    assert options.since == END - timedelta(days=USUAL_DAYS)


def test_every_option_is_taken(tmp_path: Path) -> None:
    words = ["--days", "7", "--mode", "live", "--out", "x.html", "--json"]
    options = parsed([*words, "--user-data", str(tmp_path)], END)
    assert options == ReportOptions(END, tmp_path, 7, "live", Path("x.html"), as_json=True)


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "x", "", str(MOST_DAYS + 1)])
def test_days_that_are_none_are_refused_in_a_sentence(
    days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(["--days", days], END)
    assert ended.value.code == ExitStatus.UNUSABLE
    assert f"found {days!r}, expected " in capsys.readouterr().err


@pytest.mark.parametrize("days", [1, MOST_DAYS])
def test_the_fewest_and_the_most_days_are_taken(days: int) -> None:
    assert parsed(["--days", str(days)], END).days == days


# --- the page ---


def test_the_page_lies_among_reports_under_its_time_and_its_path_is_said(
    bot: Bot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(bot.session, bot.options()) is ExitStatus.DONE
    path = bot.user_data / "reports" / "20260326T000000Z.html"
    assert "Trading report, 2026-02-24 to 2026-03-26" in path.read_text(encoding="utf-8")
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == f"Written: {path}"
    assert told.out.startswith("DRY-RUN, the last 30 days: 1,725 decisions, ")
    assert f"{len(some_trades())} closed trades" in told.out
    assert told.err == ""
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_fewer_days_are_fewer_trades(bot: Bot, tmp_path: Path) -> None:
    session = bot.session
    facts = read(session.journals(), Span("dry_run", END - timedelta(days=3), END), print)
    assert 0 < len(facts.trades) < len(some_trades())
    assert len(facts.past) == len(some_trades())
    assert gathered(session, facts).result.statistics.days < 3


def test_programs_get_the_figures_as_json(
    bot: Bot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "page.html"
    assert report(bot.session, bot.options(out=path, as_json=True)) is ExitStatus.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(path)
    assert path.exists()
    assert (told["mode"], told["decisions"], told["bad_lines"]) == ("dry_run", 1725, 0)
    assert told["closed_trades"] == len(some_trades())
    assert told["figures"]["win_rate"]["low"] < told["figures"]["win_rate"]["value"]
    assert told["cost_usd"] == pytest.approx(1.22, abs=0.01)
    assert told["until"] == "2026-03-26T00:00:00+00:00"


def test_what_is_not_known_is_null_for_programs(
    decided: Bot, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = decided.decisions.with_name("llm_costs.sqlite")
    ledger.write_bytes(b"no database" * 100)
    report(decided.session, decided.options(as_json=True))
    told = json.loads(capsys.readouterr().out)
    assert told["cost_usd"] is None
    assert told["figures"]["sharpe"] == {"value": None, "low": None, "high": None}
    assert told["remarks"][0].startswith("0 trades closed")


def test_without_a_journal_nothing_is_written_and_it_is_no_failure(
    empty: Bot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(empty.session, empty.options()) is ExitStatus.DONE
    assert capsys.readouterr().out.endswith("yet. Nothing was written.\n")
    assert report(empty.session, empty.options(as_json=True)) is ExitStatus.DONE
    told = json.loads(capsys.readouterr().out)
    assert told["path"] is None
    assert told["why"].startswith("There is no record in ")
    assert not (empty.user_data / "reports").exists()


@pytest.mark.parametrize(("days", "said"), [(1, "the last day in"), (7, "the last 7 days in")])
def test_days_without_a_record_say_so(
    decided: Bot, days: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    later = decided.options(now=END + timedelta(days=9), days=days)
    assert report(decided.session, later) is ExitStatus.DONE
    assert f"No dry_run record of {said}" in capsys.readouterr().out


def test_another_mode_has_its_own_records(decided: Bot, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(decided.session, decided.options(mode="live")) is ExitStatus.DONE
    assert "No live record" in capsys.readouterr().out


def test_torn_lines_are_complained_of(decided: Bot, capsys: pytest.CaptureFixture[str]) -> None:
    append(decided.decisions, "torn\n")
    report(decided.session, decided.options(days=1))
    told = capsys.readouterr()
    assert told.err.startswith("1 unreadable lines of ")
    assert "the last day: 1 decision," in told.out


@pytest.mark.parametrize("half_life", [7, "soon", 0, float("nan"), None])
def test_settings_that_are_wrong_do_not_keep_anybody_from_looking_back(
    decided: Bot, half_life: Any
) -> None:
    change_settings(decided, experience_config={"lesson_half_life_days": half_life})
    assert report(decided.session, decided.options()) is ExitStatus.DONE
    (decided.user_data / "config.json").write_text("{", encoding="utf-8")
    assert report(decided.session, decided.options()) is ExitStatus.DONE


def test_a_page_that_cannot_be_written_leaves_no_half_of_it(decided: Bot, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files makes writing fail, as a disk that is full does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            report(decided.session, decided.options())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((decided.user_data / "reports").iterdir()) == []


def test_a_page_is_not_written_over_a_folder(decided: Bot, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as refused:
        report(decided.session, decided.options(out=tmp_path))
    assert refused.value.filename == str(tmp_path)
    assert not list(tmp_path.parent.glob(".*.new"))


# --- the entrance ---


def test_the_entrance_reports_until_now(empty: Bot, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    write_lines(empty.decisions, [a_decision_record(mode="live", at=now)])
    assert main(["--user-data", str(empty.user_data)], {}) == ExitStatus.DONE
    assert capsys.readouterr().out.startswith("LIVE, the last 30 days: 1 decision,")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UserError("the file is wrong"), ExitStatus.UNUSABLE, "the file is wrong\n"),
        (JournalError("damaged"), ExitStatus.FAILED, "damaged\n"),
        (
            OSError(28, "No space left"),
            ExitStatus.FAILED,
            "no room is left on the disk: make some and try again\n",
        ),
        (KeyboardInterrupt(), INTERRUPTED, "Stopped; no page was written.\n"),
    ],
)
def test_whatever_goes_wrong_is_one_line_and_a_status(
    empty: Bot,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
) -> None:
    def failing(_session: Any, _options: Any) -> ExitStatus:
        raise error

    monkeypatch.setattr(entrance, "report", failing)
    before = signal.getsignal(signal.SIGINT)
    assert main(["--user-data", str(empty.user_data)], {}) == status
    signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == said


def run(bot: Bot, *words: str, **more: Any) -> subprocess.Popen[str]:
    """The program as manage.sh starts it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "user_data" / "strategies")}
    command = [sys.executable, "-m", "llm_modules.report", "--user-data", str(bot.user_data)]
    return subprocess.Popen(  # noqa: S603 - our own program
        [*command, *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_a_reader_that_leaves_early_is_no_failure(decided: Bot) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    write_lines(decided.decisions, [a_decision_record(mode="live", at=now)])
    process = run(decided)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    assert (process.wait(60), said) == (ExitStatus.DONE, "")
    process.stderr.close()
    assert len(list((decided.user_data / "reports").iterdir())) == 1
