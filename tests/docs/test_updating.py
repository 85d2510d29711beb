"""The update that docs/upkeep.md shows, with real git: what setup wrote outlives it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.reading import ROOT, fenced, text_of
from llm_modules.operations.settings.reading import read_settings

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git on the PATH")
UPKEEP = text_of(ROOT / "docs" / "upkeep.md")
SETTINGS = "user_data/config.json"
# Of nobody who works on this machine.
PLAIN = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": os.devnull}
AUTHOR = {
    f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def git(folder: Path, command: str) -> int:
    """Run what a document shows, `git` and all."""
    return subprocess.run(  # noqa: S603 - our own page
        command.split(),
        cwd=folder,
        env={**os.environ, **PLAIN, **AUTHOR},
        capture_output=True,
        check=False,
    ).returncode


def change(folder: Path, old: str, new: str) -> None:
    path = folder / SETTINGS
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def updated(tmp_path: Path) -> tuple[Path, Path]:
    """A project with a version newer than its clone, whose owner has another wallet."""
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    (theirs / "user_data").mkdir(parents=True)
    shutil.copy(ROOT / SETTINGS, theirs / SETTINGS)
    for command in ("git init -q", "git add .", "git commit -qm first"):
        assert git(theirs, command) == 0
    assert git(tmp_path, "git clone -q theirs mine") == 0
    change(mine, '"dry_run_wallet": 1000', '"dry_run_wallet": 7')
    change(theirs, '"verbosity": "error"', '"verbosity": "info"')
    assert git(theirs, "git commit -qam second") == 0
    return theirs, mine


def shown(pattern: str) -> list[str]:
    return re.findall(rf"`?(git {pattern}[^`\n]*)", UPKEEP)


def test_the_update_that_is_shown_keeps_both_changes(updated: tuple[Path, Path]) -> None:
    _, mine = updated
    (block,) = (one for one in fenced(UPKEEP, "bash") if "deploy" in one)
    pull, *others = block.splitlines()

    assert git(mine, "git pull") == 1, "the reason why another way is shown"
    assert git(mine, pull) == 0
    settings = read_settings(mine / SETTINGS)
    assert (settings["dry_run_wallet"], settings["api_server"]["verbosity"]) == (7, "info")
    assert others == ["./manage.sh migrate", "./manage.sh deploy"]


def test_where_both_changed_a_line_the_way_that_is_shown_keeps_the_users(
    updated: tuple[Path, Path],
) -> None:
    theirs, mine = updated
    change(theirs, '"dry_run_wallet": 1000', '"dry_run_wallet": 8')
    git(theirs, "git commit -qam third")
    git(mine, shown("pull --rebase")[0])
    assert "<<<<<<<" in (mine / SETTINGS).read_text(encoding="utf-8")

    for pattern in ("checkout --theirs", "restore --staged", "stash drop"):
        (command,) = shown(pattern)
        assert git(mine, command) == 0, command
    assert read_settings(mine / SETTINGS)["dry_run_wallet"] == 7
    assert git(mine, "git diff --cached --quiet") == 0
