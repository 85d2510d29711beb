from pathlib import Path

import pytest

from llm_modules.errors import UserError
from llm_modules.operations.keeping.contents import Folders, relatives, small_files
from llm_modules.operations.places import Places
from llm_modules.operations.records.journals import Journals


def folders_of(root: Path, logs: Path | None = None) -> Folders:
    places = Places(root)
    logs = logs or places.logs
    return Folders(places, Journals(logs / "d.jsonl", logs / "t.jsonl"))


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "config.sandbox.json",
        "llm_findings.json",
        "logs/llm_decisions.jsonl.000001.gz",
        "logs/risk_state.live.json",
        "tradesv3.dryrun.sqlite",
        "tradesv3.sqlite-wal",
        "HALT",
        "HALT.live",
        "llm_prompts/a/b.j2",
        "run/sandbox.json",
        "plot/calibration.png",
    ],
)
def test_a_name_leads_to_a_place_and_the_place_back_to_the_name(tmp_path: Path, name: str) -> None:
    folders = folders_of(tmp_path)
    place = folders.place_of(name)
    assert place == tmp_path / name
    assert [kept.name for kept in folders.named([place])] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../.env",
        ".env",
        "logs/../../.env",
        "logs/..",
        "logs/.hidden",
        "logs/a/b",
        "logs/a\\b",
        "logs/a\nb",
        "logs/\x1b[2J",
        "strategies/LLMFunctionStrategy.py",
        "run/bot.json",
        "run/bot.lock",
        "run/restoring",
        "llm_prompts/../config.json",
        "journals/decisions/../x",
        "journals/other/x",
        "FLATTEN",
        "HALT.txt",
        "selftest.json",
        "tradesv3/../x.sqlite",
        "config.json\n",
    ],
)
def test_no_other_name_is_ever_given_a_place(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no backup holds"):
        folders_of(tmp_path).place_of(name)


def test_journals_kept_elsewhere_have_names_of_their_own(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    folders = folders_of(tmp_path / "user_data", elsewhere)
    (kept,) = folders.named([elsewhere / "d.jsonl.000001"])
    assert kept.name == "journals/decisions/d.jsonl.000001"
    assert folders.place_of(kept.name) == kept.path
    assert folders.place_of("journals/trades/t.jsonl") == elsewhere / "t.jsonl"


def test_a_file_of_somewhere_else_has_no_name(tmp_path: Path) -> None:
    assert folders_of(tmp_path / "user_data").named([tmp_path / "secret.txt"]) == []


def test_an_order_to_close_everything_once_is_not_kept_to_be_given_again(tmp_path: Path) -> None:
    for name in ("HALT", "FLATTEN"):
        (tmp_path / name).touch()
    assert [path.name for path in small_files(folders_of(tmp_path))] == ["HALT"]


JOURNAL_FAMILY = {
    "d.jsonl",
    "d.jsonl.seal",
    "d.jsonl.000001",
    "d.jsonl.000002.gz",
    "d.jsonl.000003.gz-unfinished",
    "d.jsonl.torn-20260101",
}


def test_a_journal_is_all_of_its_files_and_no_other(tmp_path: Path) -> None:
    for name in (*JOURNAL_FAMILY, "d.jsonl.mine", "d.jsonl.1", "dd.jsonl", "d.json"):
        (tmp_path / name).touch()
    for name in JOURNAL_FAMILY:
        assert {one.name for one in relatives(tmp_path / name)} == JOURNAL_FAMILY


def test_a_database_goes_with_its_logs_and_leaves_copies_alone(tmp_path: Path) -> None:
    family = {"t.sqlite", "t.sqlite-wal", "t.sqlite-shm", "t.sqlite-journal"}
    for name in (*family, "t.sqlite.bak", "t.dryrun.sqlite"):
        (tmp_path / name).touch()
    assert {one.name for one in relatives(tmp_path / "t.sqlite")} == family


def test_any_other_file_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    assert relatives(tmp_path / "config.json") == [tmp_path / "config.json"]
    assert relatives(tmp_path / "missing.json") == []
