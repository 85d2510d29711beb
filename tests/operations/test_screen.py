import io
import sys

import pytest
from rich.table import Table

from llm_modules.errors import UserError
from llm_modules.operations.screen import Screen

COMMAND = "./manage.sh restart --sandbox --api-port 8087 --exchange-port 8090 --model-port 8091"
PAIRS = "BTC/USDT:USDT, ETH/USDT:USDT, SOL/USDT:USDT, XRP/USDT:USDT, DOGE/USDT:USDT"


def test_a_piped_table_breaks_nothing_in_two(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("pairs", "command"):
        table.add_column(heading, overflow="fold")
    table.add_row(PAIRS, COMMAND)
    table.add_row("", "[red]none[/]")
    Screen().table(table)
    heading, row, brackets = capsys.readouterr().out.splitlines()
    assert heading == f"{'pairs':<{len(PAIRS)}}  command"
    assert row == f"{PAIRS}  {COMMAND}"
    assert brackets.strip() == "[red]none[/]"
    assert brackets == brackets.rstrip()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal somebody types at."""
    keys = io.StringIO()
    monkeypatch.setattr(keys, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", keys)
    return keys


@pytest.mark.parametrize(
    ("answer", "strict", "easy"),
    [
        ("\n", False, True),
        ("  \n", False, True),
        ("y\n", True, True),
        ("YES\n", True, True),
        ("no\n", False, False),
        ("what\n", False, False),
        ("", False, False),
    ],
)
def test_enter_is_yes_only_where_it_is_said_to_be(
    typed: io.StringIO, answer: str, *, strict: bool, easy: bool
) -> None:
    for agreed, expected in ((Screen().agreed, strict), (_easily, easy)):
        typed.seek(0)
        typed.truncate()
        typed.write(answer)
        typed.seek(0)
        assert agreed() is expected


def _easily() -> bool:
    return Screen().agreed("Write this? [Y/n] ", enter=True)


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(UserError, match="confirm with --yes"):
        Screen().agreed()
