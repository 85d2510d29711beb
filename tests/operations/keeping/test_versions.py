"""What is pinned, installed and newest; the programs that ask the index are stand-ins."""

import json
import sys
from pathlib import Path

import pytest

from llm_modules.errors import UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping import version_command, versions
from llm_modules.operations.keeping.version_command import show_versions
from llm_modules.operations.keeping.versions import (
    Client,
    clients,
    is_newer,
    newest_release,
    read_versions,
)
from llm_modules.operations.places import PROJECT
from llm_modules.operations.session import Session

PYPROJECT = """\
[project]
version = "1.2.3"
dependencies = ["freqtrade[hyperopt]==2026.9", "openai==3.52.0 ; python_version > '3'", "loose>=1"]
"""
SAYING = """
import sys
print(sys.argv[1])
print(sys.argv[2], file=sys.stderr)
sys.exit(int(sys.argv[3]))
"""
Captured = pytest.CaptureFixture[str]


def a_project(tmp_path: Path, text: str = PYPROJECT) -> Path:
    path = tmp_path / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def show(
    session: Session, path: Path, newest: str | None = None, *, as_json: bool = False
) -> ExitStatus:
    return show_versions(session, path, lambda: newest, as_json=as_json)


def saying(text: str, status: int = 0, complaint: str = "") -> Client:
    return Client((sys.executable, "-c", SAYING, text, complaint, str(status)))


def test_pinned_and_installed_are_compared(
    session: Session, tmp_path: Path, capsys: Captured
) -> None:
    assert show(session, a_project(tmp_path)) is ExitStatus.DONE
    assert capsys.readouterr().out == (
        "this project   1.2.3\n"
        "freqtrade      pinned 2026.9, installed 2026.9, up to date\n"
        "               the newest release could not be asked for (offline?)\n"
        "openai         pinned 3.52.0, installed 3.52.0, up to date\n"
    )


def test_every_package_the_project_names_is_compared() -> None:
    names = [package.name for package in read_versions(PROJECT / "pyproject.toml").packages]
    assert names == ["freqtrade", "matplotlib", "openai", "plotly"]


def test_a_difference_is_told_and_is_status_1(
    session: Session, tmp_path: Path, capsys: Captured
) -> None:
    text = PYPROJECT.replace("2026.9", "2027.1").replace("loose>=1", "no-such-package==1.0")
    assert show(session, a_project(tmp_path, text)) is ExitStatus.FAILED
    out = capsys.readouterr().out
    assert "freqtrade      pinned 2027.1, installed 2026.9, differs: run ./manage.sh deploy" in out
    assert "no-such-package pinned 1.0, installed nothing, differs" in out


@pytest.mark.parametrize(
    ("newest", "told"),
    [
        ("2026.10", "newest release 2026.10: a newer version of this project may come to pin it"),
        ("2026.9", "newest release 2026.9, the pinned one"),
        ("2026.8.1", "newest release 2026.8.1, older than the pinned one"),
    ],
)
def test_what_is_newest_is_told_and_is_no_failure(
    session: Session, tmp_path: Path, capsys: Captured, newest: str, told: str
) -> None:
    assert show(session, a_project(tmp_path), newest) is ExitStatus.DONE
    assert f"               {told}\n" in capsys.readouterr().out


def test_programs_get_json(session: Session, tmp_path: Path, capsys: Captured) -> None:
    assert show(session, a_project(tmp_path), "2026.10", as_json=True) is ExitStatus.DONE
    assert json.loads(capsys.readouterr().out) == {
        "project": {"version": "1.2.3", "commit": None, "changelog": None},
        "packages": [
            {"name": "freqtrade", "pinned": "2026.9", "installed": "2026.9", "up_to_date": True},
            {"name": "openai", "pinned": "3.52.0", "installed": "3.52.0", "up_to_date": True},
        ],
        "newest_freqtrade": "2026.10",
    }


@pytest.mark.parametrize("text", ["not toml [", "[tool]\nx = 1\n", "[project]\nversion = '1'\n"])
def test_a_damaged_project_file_is_told(session: Session, tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        show(session, a_project(tmp_path, text))


def test_a_missing_project_file_is_told(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        show(session, tmp_path / "pyproject.toml")


def test_a_checkout_tells_its_commit_and_the_newest_of_its_changelog(
    session: Session, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_project(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.3 (soon)\n\n## 1.2\n")
    git = tmp_path / "git"
    git.write_text('#!/bin/sh\n[ "$1 $2 $3" = "-C $FOLDER describe" ] && echo abc1234-dirty\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    show(session, path)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "this project   1.2.3, commit abc1234-dirty, changelog: 1.3 (soon)"


@pytest.mark.parametrize("script", ["exit 128", "echo"])
def test_a_checkout_git_knows_nothing_of_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "CHANGELOG.md").write_text("# no release yet\n")
    (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    project = read_versions(a_project(tmp_path)).project
    assert (project.commit, project.changelog) == (None, None)
    (tmp_path / "git").unlink()
    assert read_versions(a_project(tmp_path)).project.commit is None


@pytest.mark.parametrize(
    "said", ["freqtrade (2026.10)\nAvailable versions: 2026.10, 2026.9", "freqtrade==2026.10"]
)
def test_the_newest_release_is_read_from_what_either_program_says(said: str) -> None:
    assert newest_release("freqtrade", [saying(said)]) == "2026.10"


def test_the_next_program_is_asked_when_one_cannot_tell(capfd: Captured) -> None:
    canary = "https://user:canary@index"
    programs = [
        Client(("/no/such/program",)),
        saying("freqtrade==1.0", status=1, complaint=canary),
        saying("other==3.0", complaint=canary),
        saying("freqtrade==dev"),
        saying("freqtrade==2.0"),
    ]
    assert newest_release("freqtrade", programs) == "2.0"
    assert newest_release("freqtrade", programs[:-1]) is None
    assert capfd.readouterr() == ("", "")


def test_a_program_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "ASKING_SECONDS", 0.05)
    hanging = Client((sys.executable, "-c", "import time; time.sleep(60)"))
    assert newest_release("freqtrade", [hanging]) is None


def test_pip_is_asked_and_uv_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (pip,) = clients("freqtrade")
    assert pip.command[:6] == (sys.executable, "-m", "pip", "index", "versions", "freqtrade")
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    _, uv = clients("freqtrade")
    assert (uv.command[:3], uv.said) == ((str(tmp_path / "uv"), "pip", "compile"), "freqtrade")


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [("2026.10", "2026.9", True), ("2026.9", "2026.9", False), ("2026.9.1", "2026.9", True)],
)
def test_releases_are_compared_by_their_numbers(one: str, other: str, newer: bool) -> None:
    assert is_newer(one, other) is newer


def test_the_command_asks_the_programs_that_are_here(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(version_command, "clients", lambda name: [saying(f"{name}==2026.9")])
    options = version_command.Options(pyproject=a_project(tmp_path), json=False)
    assert version_command.VERSION.act(session, options) is ExitStatus.DONE
    assert "newest release 2026.9, the pinned one" in capsys.readouterr().out
