"""Every command the documents name exists, takes its options, and the quick ones are really run."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from docs.reading import (
    CHINESE,
    README,
    ROOT,
    Call,
    all_calls,
    calls,
    fenced,
    headings,
    links,
    paragraphs,
    text_of,
)
from llm_modules.cli import commands as cli
from llm_modules.operations.places import SHIPPED_USER_DATA

ALL = all_calls()
# What they are given goes on to another program.
HANDED_ON = {"freqtrade", "test", "sandbox"}
# What the script itself does, in a sentence about it.
VERBS = {"runs", "uses", "will"}
# A word in capitals stands for one of these.
FOR_INSTANCE = {"ID": "abc123", "N": "3", "PAIR": "BTC/USDT:USDT", "FILE": "backup.tar.gz"}
# Without a bot that ran, and without a network: what each of the quick ones ends with.
QUICK: Mapping[str, int] = {
    "status": 3,
    "verify": 0,
    "cost": 0,
    "calibration": 0,
    "decisions --summary": 0,
    "decisions --show ID": 1,
    "trades --summary": 0,
    "trades --show N": 1,
    "stop": 0,
    "move-keys": 0,
    "doctor --no-calls": 0,
}
SECRETS = {
    "FREQTRADE__API_SERVER__PASSWORD": "canary-password",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY": "canary-signing-key-of-32-characters",
    "FREQTRADE__API_SERVER__WS_TOKEN": "canary-token",
}


def is_command(call: Call) -> bool:
    return bool(call.command) and call.command not in {"COMMAND", "--help"}


def test_documents_name_commands_at_all() -> None:
    assert len(ALL) > 150
    assert {"start", "backtest", "doctor"} <= {call.command for call in calls(README)}


@pytest.mark.parametrize("call", sorted({c for c in ALL if is_command(c)}, key=str), ids=str)
def test_a_documented_command_exists_with_its_options(call: Call) -> None:
    assert call.command in paragraphs(), f"{call}: no such command in tools/commands.txt"
    if call.command in HANDED_ON:
        return
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", paragraphs()[call.command])) | {"--help"}
    assert set(call.options) <= told, f"{call}: tools/commands.txt tells {sorted(told)}"


@pytest.mark.parametrize("command", sorted(paragraphs()))
def test_every_command_is_in_the_readme_or_in_operating(command: str) -> None:
    operating = text_of(ROOT / "docs" / "operating.md")
    documents = {call.command for call in (*calls(README), *calls(ROOT / "CONTRIBUTING.md"))}
    assert command in documents or re.search(rf"`{command}\b", operating), command


def test_the_program_itself_advises_only_what_exists() -> None:
    """In its texts and comments, its shell scripts, its settings and their example."""
    strategies = ROOT / "user_data" / "strategies"
    files = [*strategies.rglob("*.py"), ROOT / "manage.sh", *(ROOT / "tools").iterdir()]
    files += [ROOT / "user_data" / "config.json", ROOT / ".env.example"]
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        if path.is_file()
        for name in re.findall(r"\./manage\.sh ([a-z][a-z-]*)", path.read_text(encoding="utf-8"))
        if name not in paragraphs() and name not in VERBS
    }
    assert unknown == set()


# --- the two READMEs ------------------------------------------------------------------------------


def code_of(path: Path) -> list[str]:
    lines = [line for block in fenced(text_of(path), "bash") for line in block.splitlines()]
    return [re.split(r"\s+#", line)[0] for line in lines]


def test_both_readmes_have_the_same_commands_in_the_same_order() -> None:
    assert code_of(CHINESE) == code_of(README)
    assert [call.words for call in calls(CHINESE)] == [call.words for call in calls(README)]


def test_both_readmes_have_the_same_structure() -> None:
    def levels(path: Path) -> list[int]:
        return [len(mark) for mark in re.findall(r"(?m)^(#+) ", text_of(path))]

    def rows(path: Path) -> int:
        return len(re.findall(r"(?m)^\|", text_of(path)))

    assert len(headings(CHINESE)) == len(headings(README))
    assert levels(CHINESE) == levels(README)
    assert rows(CHINESE) == rows(README)


def test_both_readmes_lead_to_the_same_places() -> None:
    def there(path: Path) -> list[str]:
        return sorted(link for link in links(path) if not link.startswith("README"))

    assert there(CHINESE) == there(README)
    assert "README.zh-CN.md" in links(README)
    assert "README.md" in links(CHINESE)


def test_both_readmes_name_the_same_settings_and_tools() -> None:
    def words(path: Path) -> set[str]:
        return set(re.findall(r"`([\w.]+_[\w.]+)`", text_of(path)))

    assert words(CHINESE) == words(README)


def test_comments_beside_commands_are_translated() -> None:
    comments = re.findall(r"(?m)^\./manage\.sh.*# (.*)$", text_of(CHINESE))
    assert len(comments) > 10
    for comment in comments:
        assert re.search(r"[\u4e00-\u9fff]", comment), comment


# --- really run -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bot's folder with the shipped settings, before anything ran in it."""
    user_data = tmp_path / "user_data"
    user_data.mkdir()
    for name in ("config.json", "config.sandbox.json"):
        (user_data / name).write_bytes((SHIPPED_USER_DATA / name).read_bytes())
    return user_data


@pytest.mark.parametrize("command", sorted({call.command for call in ALL} & set(cli.COMMANDS)))
def test_a_documented_command_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"], {})
    assert caught.value.code == 0
    assert cli.COMMANDS[command].purpose in " ".join(capsys.readouterr().out.split())


def spoken(call: Call) -> list[str]:
    return [FOR_INSTANCE.get(word, word) for word in call.words]


@pytest.mark.parametrize(
    "call",
    [call for path in (README, ROOT / "docs" / "quick-start.md") for call in calls(path)],
    ids=str,
)
def test_the_program_understands_what_the_readme_says(call: Call) -> None:
    if call.command in cli.COMMANDS and "--help" not in call.options:
        assert cli.parser().parse_args(spoken(call)).command == call.command


@pytest.mark.parametrize("line", QUICK)
def test_a_quick_command_of_the_documents_does_what_it_should(
    line: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tuple(line.split())
    assert words in {call.words for call in ALL} | {call.words[:1] for call in ALL}
    monkeypatch.chdir(folder.parent)
    arguments = [*spoken(Call("", words)), "--user-data", str(folder)]
    status = cli.main(arguments, SECRETS)
    said = capsys.readouterr()
    assert status == QUICK[line], said.out + said.err
    assert said.out + said.err, "it says something"
    assert "canary" not in said.out + said.err
    assert "Traceback" not in said.err
