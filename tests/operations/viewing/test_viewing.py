import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from builders import NOON, PAIR, a_decision_record, a_trade_record
from llm_modules.cli import commands as cli
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.choosing import DecisionChoice
from llm_modules.operations.viewing.tails import ViewOptions, show_decisions, show_log, show_trades

ONCE = ViewOptions(follow=False)
Captured = pytest.CaptureFixture[str]


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


def told(session: Session, *changes: dict[str, Any]) -> None:
    records = (a_decision_record(**one).model_dump_json(by_alias=True) for one in changes)
    journal(session.journals().decisions, *records)


def run(session: Session, *arguments: str) -> int:
    return cli.main([*arguments, "--user-data", str(session.places.user_data)], {})


def on_terminal(session: Session, monkeypatch: pytest.MonkeyPatch, width: int) -> Session:
    for name in ("NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    return Session(session.places, session.environment, Screen())


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 119, 120, 150])
def test_a_line_on_a_terminal_is_one_line(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured, width: int
) -> None:
    told(session, {"call": {"confidence_score": 60.0, "reason": "word " * 40}})
    journal(session.journals().trades, a_trade_record().model_dump_json(by_alias=True))
    screen = on_terminal(session, monkeypatch, width)
    show_decisions(screen, ONCE)
    show_trades(screen, ONCE)
    lines = [Text.from_ansi(line).plain for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    assert max(map(len, lines)) <= width
    assert lines[0].endswith("…")


def test_a_narrow_terminal_has_a_shorter_line_that_leaves_room_for_the_reason(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    told(session, {"call": {"confidence_score": 60.0, "reason": "x" * 40}})
    for width in (119, 120):
        show_decisions(on_terminal(session, monkeypatch, width), ONCE)
    narrow, wide = (Text.from_ansi(one).plain for one in capsys.readouterr().out.splitlines())
    assert narrow == f"01-15 12:00 BTC   wait        approved  60  d-1  {'x' * 40}"
    assert wide.startswith("01-15 12:00:02 sandbox BTC/USDT:USDT   signal_wait         approved ")


def test_raw_lines_and_logs_are_never_cut(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    told(session, {})
    journal(session.places.freqtrade_log, "x" * 100)
    screen = on_terminal(session, monkeypatch, 30)
    show_decisions(screen, ViewOptions(follow=False, raw=True))
    show_log(screen, ONCE)
    raw, log = capsys.readouterr().out.splitlines()
    assert raw == session.journals().decisions.read_text(encoding="utf-8").rstrip()
    assert "x" * 100 in log


def names(capsys: Captured) -> list[str]:
    return [json.loads(line)["decision_id"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", ["a", "b", "c"]),
        ("--pair eth", ["b"]),
        ("--pair BTC/USDT:USDT -n 1", ["c"]),
        ("--tool exit", ["c"]),
        ("--verdict refused", ["b", "c"]),
        ("--verdict refused --pair BTC", ["c"]),
        ("--model gpt", ["a"]),
        ("--since 2026-01-15", ["b", "c"]),
        ("--until 2026-01-15T12:00", ["a"]),
        ("--since 2026-01-14 --until 2026-01-15", ["a"]),
    ],
)
def test_decisions_are_chosen_on_the_command_line(
    session: Session, capsys: Captured, options: str, found: list[str]
) -> None:
    told(
        session,
        {"decision_id": "a", "at": NOON - timedelta(days=1), "model": "gpt-x"},
        {"decision_id": "b", "pair": "ETH/USDT:USDT", "status": "refused"},
        {"decision_id": "c", "tool": "signal_exit", "status": "refused"},
    )
    assert run(session, "decisions", "--no-follow", "--raw", *options.split()) == 0
    assert names(capsys) == found


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", [1, 2]),
        ("--side short", [2]),
        ("--result won", [1]),
        ("--result lost --pair BTC", [2]),
        ("--since 2026-01-15T10:00", [1]),
        ("--until 2026-01-15T10:00", [2]),
        ("--review --side short", [2]),
        ("--review", [1, 2]),
    ],
)
def test_trades_are_chosen_on_the_command_line(
    session: Session, capsys: Captured, options: str, found: list[int]
) -> None:
    won = a_trade_record(trade_id=1)
    early = won.closed_at - timedelta(hours=2)
    lost = a_trade_record(trade_id=2, side="short", profit_ratio=-0.1, closed_at=early)
    lines = (one.model_dump_json(by_alias=True) for one in (won, lost))
    journal(session.journals().trades, *lines)
    assert run(session, "trades", "--no-follow", "--raw", *options.split()) == 0
    shown = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [one.get("trade", one)["trade_id"] for one in shown] == found


def test_what_is_sought_until_a_time_is_not_followed(session: Session, capsys: Captured) -> None:
    told(session, {"decision_id": "a"})
    assert run(session, "decisions", "--raw", "--until", "2026-01-16") == 0
    assert names(capsys) == ["a"]


def test_nothing_that_fits_is_said_on_standard_error(session: Session, capsys: Captured) -> None:
    told(session, {})
    assert run(session, "decisions", "--no-follow", "--pair", "ETH") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"No line of {session.journals().decisions} fits.\n"


def test_only_new_lines_that_fit_are_followed(session: Session, capsys: Captured) -> None:
    told(session, {"decision_id": "old"}, {"decision_id": "other", "pair": "ETH/USDT:USDT"})
    turns = iter(range(4))

    def goes_on() -> bool:
        turn = next(turns, None)
        if turn == 0:
            with session.journals().decisions.open("a", encoding="utf-8") as file:
                for name, pair in (("skipped", "ETH/USDT:USDT"), ("new", PAIR)):
                    record = a_decision_record(decision_id=name, pair=pair)
                    file.write(record.model_dump_json(by_alias=True) + "\n")
        return turn is not None

    options = ViewOptions(raw=True, seek=DecisionChoice(pair="BTC"))
    show_decisions(session, options, goes_on)
    assert names(capsys) == ["old", "new"]


def test_a_summary_counts_what_is_chosen(session: Session, capsys: Captured) -> None:
    told(session, {}, {"pair": "ETH/USDT:USDT", "status": "refused"})
    assert run(session, "decisions", "--summary", "--pair", "ETH") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["approved", "0", "-"] in lines
    assert ["refused", "1", "2026-01-15", "12:00"] in lines
    assert run(session, "decisions", "--summary", "--pair", "XRP") == 0
    assert "There is no such decision in " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told_to"),
    [
        ("decisions --show x --pair BTC --since 2h", "leave out --pair, --since"),
        ("trades --show 1 --side long", "leave out --side"),
        ("trades --summary --result won", "leave out --result"),
        ("trades --days 3", "--days and --mode belong to --summary"),
        ("decisions --since 1h --until 2h", "nothing lies between them"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(
    session: Session, capsys: Captured, arguments: str, told_to: str
) -> None:
    assert run(session, *arguments.split()) == 2
    assert told_to in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--tool=buy", "--verdict=maybe", "--since=soon", "--until=", "--side=up"]
)
def test_a_choice_that_is_none_is_wrong_usage(session: Session, option: str) -> None:
    command = "trades" if "side" in option else "decisions"
    with pytest.raises(SystemExit, match="2"):
        run(session, command, option)
