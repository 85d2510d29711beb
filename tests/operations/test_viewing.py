import io
from pathlib import Path

import pytest

from builders import a_decision_record, a_trade_record
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.viewing import ViewOptions, show_decisions, show_log, show_trades

ONCE = ViewOptions(follow=False)


def journal(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def a_decision(reason: str = "no edge") -> str:
    call = {"confidence_score": 60.0, "reason": reason}
    return a_decision_record(call=call).model_dump_json(by_alias=True)


def test_decisions_are_readable_and_plain_when_piped(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    long_reason = "word " * 30
    journal(session.journals().decisions, a_decision(), "torn", a_decision(long_reason))
    assert show_decisions(session, ONCE) is ExitStatus.DONE
    lines = capsys.readouterr().out.splitlines()
    start = "01-15 12:00:02 sandbox BTC/USDT:USDT   signal_wait         approved    60  d-1  "
    assert lines == [
        f"{start}no edge",
        "unreadable line: torn",
        f"{start}{long_reason.strip()}",
    ]


def test_square_brackets_are_text_and_not_markup(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(session.journals().decisions, a_decision("[red]up[/red] [/]"))
    show_decisions(session, ONCE)
    assert "[red]up[/red] [/]" in capsys.readouterr().out


def test_raw_lines_come_as_they_are(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [a_decision(), a_decision("ü [b]")]
    journal(session.journals().decisions, *lines)
    show_decisions(session, ViewOptions(follow=False, raw=True))
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (2, 2), (10, 3)])
def test_only_so_many_of_the_last_lines_are_shown(
    session: Session, capsys: pytest.CaptureFixture[str], count: int, shown: int
) -> None:
    journal(session.journals().decisions, a_decision("a"), a_decision("b"), a_decision("c"))
    show_decisions(session, ViewOptions(count=count, follow=False))
    assert len(capsys.readouterr().out.splitlines()) == shown


def test_a_missing_journal_is_created_and_said_to_be_empty(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_trades(session, ONCE) is ExitStatus.DONE
    path = session.journals().trades
    assert path.exists()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{path} is empty so far.\n"


def test_trades_are_readable(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    journal(session.journals().trades, a_trade_record().model_dump_json(by_alias=True))
    show_trades(session, ONCE)
    assert "BTC/USDT:USDT   long  3x " in capsys.readouterr().out


def test_the_log_is_shown_line_by_line(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(session.places.freqtrade_log, "2026 - INFO - one", "two")
    show_log(session, ONCE)
    assert capsys.readouterr().out == "2026 - INFO - one\ntwo\n"


def test_following_shows_lines_until_it_is_told_to_end(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    path = journal(session.journals().decisions, a_decision("first"))
    turns = iter(range(3))

    def goes_on() -> bool:
        turn = next(turns, None)
        if turn == 0:
            with path.open("a", encoding="utf-8") as file:
                file.write(a_decision("second") + "\n")
        return turn is not None

    show_decisions(session, ViewOptions(), goes_on)
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["first", "second"]


class Terminal(io.StringIO):
    """A terminal that remembers what was written."""

    def isatty(self) -> bool:
        return True


def test_colour_and_progress_are_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    journal(session.journals().decisions, a_decision())
    screen = Screen()
    screen.progress("Starting ... 1 s")
    show_decisions(Session(session.places, session.environment, screen), ONCE)
    shown = terminal.getvalue()
    assert shown.startswith("\rStarting ... 1 s\r\x1b[K")
    assert "\x1b[32mapproved" in shown


def test_what_is_said_is_text_and_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().say("[red]x[/red] [/]")
    assert capsys.readouterr().out == "[red]x[/red] [/]\n"


def test_progress_is_silent_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().progress("Starting ... 1 s")
    assert capsys.readouterr().out == ""
