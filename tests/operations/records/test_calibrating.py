"""`calibration`: which trades count, what the tables say, and where the picture lies."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_trade_record
from llm_modules.cli.commands import main
from llm_modules.journal.records import LessonRecord
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.records import calibrating
from llm_modules.operations.records.calibrating import (
    CalibrationOptions,
    Calibrations,
    counted,
    show_calibration,
)
from llm_modules.operations.records.past_trades import PastTrades
from llm_modules.operations.session import Session

Written = Callable[..., Path]

TRENDING = {"adx": 30.0, "atr_ratio": 1.0}


def line(
    number: int,
    *,
    confidence: float | None = 80,
    model: str = "m-1",
    won: bool = True,
    **changes: Any,
) -> bytes:
    """Trade `number` as its line, closed so many hours after noon."""
    closed_at = NOON + timedelta(hours=number)
    record = a_trade_record(
        trade_id=number,
        opened_at=closed_at - timedelta(hours=2),
        closed_at=closed_at,
        profit_ratio=0.02 if won else -0.01,
        exit_reason="llm_exit",
    )
    entry = record.entry
    if confidence is not None and entry is not None:
        said = {"confidence_score": confidence, "model": model, "facts": TRENDING}
        entry = entry.model_copy(update=said)
    else:
        entry = None
    record = record.model_copy(update={"mode": "dry_run", "entry": entry} | changes)
    return record.model_dump_json(by_alias=True).encode() + b"\n"


LESSON = LessonRecord(
    at=NOON, mode="live", trade_id=1, opened_at=NOON, pair=PAIR, model="m-1", text="x"
)


@pytest.fixture
def written(session: Session) -> Written:
    def write(*lines: bytes) -> Path:
        path = session.journals().trades
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(lines))
        return path

    return write


def counted_of(lines: list[bytes]) -> Calibrations:
    return counted(PastTrades(lines))


def shown(session: Session, capsys: pytest.CaptureFixture[str], **options: Any) -> list[str]:
    assert show_calibration(session, CalibrationOptions(**options)) is ExitStatus.DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    return [row.rstrip() for row in captured.out.splitlines()]


# --- which trades count -------------------------------------------------------------------------


@pytest.fixture
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the process that draws, where the tables are looked at: it takes seconds."""
    monkeypatch.setattr(calibrating, "draw", lambda *_: None)


def test_modes_are_counted_apart_and_the_newest_is_known() -> None:
    found = counted_of([line(3, mode="live"), line(1, mode="sandbox"), line(2, mode="sandbox")])
    assert {mode: item.reliability().n for mode, item in found.by_mode.items()} == {
        "live": 1,
        "sandbox": 2,
    }
    assert found.newest_mode == "live"


def test_without_trades_there_is_no_newest_mode() -> None:
    found = counted_of([])
    assert (found.newest_mode, found.by_mode) == (None, {})


def test_the_newest_trade_decides_whatever_its_place_in_the_journal() -> None:
    lines = [line(9, mode="sandbox"), line(1, mode="sandbox"), line(5, mode="live")]
    assert counted_of(lines).newest_mode == "sandbox"


def test_a_trade_that_stands_there_twice_counts_once() -> None:
    found = counted_of([line(1), line(1, won=False), line(2), line(1, mode="live")])
    assert found.by_mode["dry_run"].reliability().n == 2
    assert found.by_mode["dry_run"].reliability().wins == 2
    assert found.by_mode["live"].reliability().n == 1


def test_a_trade_of_the_same_number_in_a_new_database_is_another() -> None:
    again = line(1, opened_at=NOON + timedelta(days=9), closed_at=NOON + timedelta(days=10))
    assert counted_of([line(1), again]).by_mode["dry_run"].reliability().n == 2


# --- what is said -------------------------------------------------------------------------------


def test_the_tables_are_plain_when_piped(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written(
        *(line(n, won=n < 5) for n in range(12)),
        *(line(n, confidence=60, side="short", won=n < 14) for n in range(12, 16)),
    )
    title, *table = shown(session, capsys)
    rows = [row.split() for row in table]
    picture = session.places.user_data / "plot" / "calibration.png"
    assert title == "Confidence against results: m-1, dry_run, n=16. Said and won are in percent."
    assert rows == [
        ["model", "side", "regime", "trades", "said", "won", "95", "%", "Brier", "ECE"],
        ["m-1", "all", "all", "16", "75", "44", "23-67", "0.357", "0.312"],
        ["long", "trending", "12", "80", "42", "19-68", "0.390", "0.383"],
        ["short", "trending", "4", "60", "50", "15-85", "0.260", "0.100"],
        ["confidence", "trades", "said", "won", "95", "%"],
        ["60-69", "4", "60", "50", "15-85"],
        ["80-89", "12", "80", "42", "19-68"],
        ["Fewer", "than", "20", "trades:", "too", "few", "to", "say", "more."],
        ["Drawn", "into", str(picture)],
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("nothing_drawn")
def test_from_20_trades_on_a_sentence_says_what_follows(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written(*(line(n, won=n < 5) for n in range(20)))
    said = shown(session, capsys)[-2]
    assert said == (
        "Your confidence (n=20): said 80 %, 25 % won; 80-89: 5 of 20. Subtract about 55 points."
    )


@pytest.mark.usefixtures("nothing_drawn")
def test_no_row_is_wider_than_80_characters_whatever_the_model_is_called(
    session: Session,
    written: Written,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"COLUMNS": "80", "FORCE_COLOR": "1", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    written(line(1, model="a-model-with-a-name-that-nobody-can-remember" * 50), line(2))
    rows = shown(session, capsys, picture=tmp_path / "a.png")
    plain = [re.sub("\x1b[^m]*m", "", row) for row in rows[:-1]]
    assert max(map(len, plain)) <= 80


@pytest.mark.usefixtures("nothing_drawn")
def test_several_models_are_shown_one_by_one_after_all_of_them(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written(line(1, model="b"), line(2, model="a"), line(3, model=""))
    first = [row.split()[0] for row in shown(session, capsys)[2:9]]
    assert first == ["all", "unknown", "long", "a", "long", "b", "long"]


@pytest.mark.usefixtures("nothing_drawn")
def test_one_model_may_be_asked_for(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written(line(1, model="b"), line(2, model="a"), line(3, model="b", confidence=50))
    rows = shown(session, capsys, model="b")
    assert rows[0].startswith("Confidence against results: b, dry_run, n=2.")
    assert [row.split()[0] for row in rows[2:4]] == ["b", "long"]
    assert [row.split()[:2] for row in rows[5:7]] == [["50-59", "1"], ["80-89", "1"]]


@pytest.mark.usefixtures("nothing_drawn")
def test_one_mode_may_be_asked_for_the_newest_is_shown_else(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written(line(1, mode="live"), line(2, mode="sandbox"), line(3, mode="sandbox"))
    assert "sandbox, n=2." in shown(session, capsys)[0]
    assert "live, n=1." in shown(session, capsys, mode="live")[0]


def test_the_picture_may_lie_elsewhere(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written(line(1))
    path = tmp_path / "mine.png"
    assert shown(session, capsys, picture=path)[-1] == f"Drawn into {path}"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert not (session.places.user_data / "plot").exists()


def test_a_picture_that_cannot_be_written_is_a_failure_after_the_tables(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written(line(1))
    options = CalibrationOptions(picture=tmp_path)
    assert show_calibration(session, options) is ExitStatus.FAILED
    captured = capsys.readouterr()
    assert "80-89" in captured.out
    assert captured.err.startswith(f"{tmp_path} could not be drawn: [Errno 21] Is a directory")


# --- when there is nothing to say -----------------------------------------------------------------


@pytest.mark.parametrize("lines", [None, [], [LESSON.model_dump_json(by_alias=True).encode()]])
def test_an_empty_journal_says_so(
    session: Session,
    written: Written,
    capsys: pytest.CaptureFixture[str],
    lines: list[bytes] | None,
) -> None:
    if lines is not None:
        written(*lines)
    path = session.journals().trades
    assert shown(session, capsys) == [f"There is no closed trade with a confidence in {path} yet."]
    assert not (session.places.user_data / "plot").exists()


def test_trades_without_a_confidence_are_none_to_show(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(line(1, confidence=None))
    assert shown(session, capsys) == [
        f"There is no closed dry_run trade with a confidence in {path} yet."
    ]


def test_a_model_that_is_not_there_is_told_with_those_that_are(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(line(1, model="b"), line(2, model="a"))
    assert " ".join(shown(session, capsys, model="c")) == (
        f"There is no closed dry_run trade with a confidence by 'c' in {path} yet. "
        "There are some by a, b."
    )


def test_a_mode_without_trades_is_told(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(line(1))
    assert shown(session, capsys, mode="live") == [
        f"There is no closed live trade with a confidence in {path} yet."
    ]


@pytest.mark.usefixtures("nothing_drawn")
def test_unreadable_lines_are_told_beside_what_can_be_read(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(b"torn\n", line(1))
    assert show_calibration(session, CalibrationOptions()) is ExitStatus.DONE
    captured = capsys.readouterr()
    assert captured.err == f"1 unreadable lines of {path} are not counted.\n"
    assert "n=1." in captured.out


@pytest.mark.usefixtures("nothing_drawn")
def test_a_model_cannot_command_the_terminal(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    written(line(1, model="\x1b[2J[red]x[/]"))
    rows = shown(session, capsys)
    assert not any("\x1b" in row for row in rows)
    assert any("[2J[red]x[/]" in row for row in rows)


# --- as a command -------------------------------------------------------------------------------


def test_the_command_hands_on_what_was_asked_for(
    session: Session, written: Written, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written(line(1, model="a"), line(2, model="b"), line(9, model="a", mode="live"))
    path = tmp_path / "mine.png"
    asked = ["--mode", "dry_run", "--model", "a", "--png", str(path)]
    where = ["--user-data", str(session.places.user_data)]
    assert main(["calibration", *asked, *where], {}) == ExitStatus.DONE
    assert "results: a, dry_run, n=1." in capsys.readouterr().out
    assert path.exists()


def test_there_are_three_modes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibration", "--mode", "paper"], {})
    assert ended.value.code == ExitStatus.UNUSABLE
    assert "sandbox" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mine.svg", "mine", "png", ".png"])
def test_a_picture_of_another_format_is_refused_before_anything_is_drawn(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibration", "--png", name], {})
    assert ended.value.code == ExitStatus.UNUSABLE
    assert f"found {name!r}, expected a name that ends with .png" in capsys.readouterr().err
