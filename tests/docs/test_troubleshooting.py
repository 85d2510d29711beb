"""What docs/troubleshooting.md quotes is really said by the program, and what it says is quoted."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "user_data" / "strategies"
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
# Shorter pieces would be found anywhere.
DISTINCT = 8
GAP = "\0"
FOR_PEOPLE = {
    "UserError",
    "ConfigError",
    "JournalLockedError",
    "ContextBudgetError",
    "BacktestError",
}
# Said to programs that ask the sandbox and to who orders faults of it; and to who answers a
# question of the wizard, which says at once what it expected and asks again.
NOT_FOR_THIS_PAGE = (
    "llm_modules/operations/setup/values.py",
    "llm_modules/sandbox/chat.py",
    "llm_modules/sandbox/faults.py",
    "llm_modules/sandbox/model.py",
)
ROWS = re.findall(r"(?m)^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE)
ROWS = [row for row in ROWS if row[0] not in {"seen", "---"}]


def worded(node: ast.AST) -> str:
    """A text as the program builds it: what is filled in is a gap."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else GAP
    if isinstance(node, ast.JoinedStr):
        return "".join(map(worded, node.values))
    return GAP


@cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    """Everything the program consists of, with its file."""
    return tuple(
        (path.relative_to(SOURCES).as_posix(), node)
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.Call)
    )


def scripts() -> list[str]:
    """The shell's part of the program, with continued lines joined."""
    paths = [ROOT / "manage.sh", *sorted((ROOT / "tools").rglob("*.sh"))]
    return [path.read_text(encoding="utf-8").replace("\\\n", "") for path in paths]


@cache
def said() -> str:
    """All texts of the program."""
    texts = scripts()
    texts += [worded(node) for _, node in nodes()]
    # Placeholders of logging and of shell variables are gaps too.
    return re.sub(r"%[sdr]|%\.0f|%g|\$\{?\w+\}?", GAP, "\n".join(filter(str.strip, texts)))


def quoted(cell: str) -> list[str]:
    # A quoted message may itself hold a quoted word.
    return re.findall(r"`((?:[^`]|`\w+`)+)`", cell)


def pieces(message: str) -> Iterator[str]:
    yield from (piece.strip() for piece in message.split(".."))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"[^\w ]+", "", row[0])[:60])
def test_a_quoted_message_is_really_said(row: tuple[str, str, str]) -> None:
    messages = quoted(row[0])
    assert messages, row
    for message in messages:
        distinct = [piece for piece in pieces(message) if len(piece) >= DISTINCT]
        for piece in distinct or [max(pieces(message), key=len)]:
            assert piece in said(), piece


def for_people() -> Iterator[tuple[str, str]]:
    """Every message of an error that the user has to mend, with its file."""
    for file, node in nodes():
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FOR_PEOPLE:
            text = worded(node.args[0]) if node.args else ""
            if len(text.replace(GAP, "")) > DISTINCT + 1:
                yield file, text


def is_told(text: str) -> bool:
    told = [piece for row in ROWS for message in quoted(row[0]) for piece in pieces(message)]
    return any(piece in text for piece in told if len(piece) >= DISTINCT)


def test_every_message_that_people_have_to_act_on_is_told() -> None:
    untold = [
        f"{file}: {text.replace(GAP, '..')}"
        for file, text in for_people()
        if not file.startswith(NOT_FOR_THIS_PAGE) and not is_told(text)
    ]
    assert untold == []


def test_everything_the_shell_script_ends_with_is_told() -> None:
    ends = [end for text in scripts() for end in re.findall(r'die \d \s*"([^"]*)"', text)]
    assert len(ends) > 10
    assert [end for end in ends if not is_told(end)] == []


def test_every_row_has_a_cause_and_a_cure() -> None:
    assert len(ROWS) > 100
    for row in ROWS:
        assert all(cell.strip() for cell in row), row


def test_no_message_is_told_twice() -> None:
    seen = [row[0] for row in ROWS]
    assert sorted(seen) == sorted(set(seen))


def test_every_fault_of_a_model_is_told() -> None:
    errors = ast.parse((SOURCES / "llm_modules" / "errors.py").read_text(encoding="utf-8"))
    faults = next(
        node.value
        for node in errors.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ProviderFault"
    )
    names = {node.value for node in ast.walk(faults) if isinstance(node, ast.Constant)}
    assert len(names) > 10
    told = {message for row in ROWS for message in quoted(row[0])}
    assert names <= told, names - told
