"""`./manage.sh deploy` without Docker: what does not come up is taken back."""

import os
import re
import shutil

import pytest

from scripted_project import LOCK, PYTHON, Project, Result


def cli_calls(result: Result) -> list[str]:
    """What was asked of ours, and when something was installed, in order."""
    calls = result.called("llm_modules.cli|pip install")
    return [re.sub(r".*(pip install).*|python -m llm_modules.cli ", r"\1", call) for call in calls]


def environments(project: Project) -> dict[str, str]:
    """The environments there are, with what was installed in each."""
    found = sorted(project.folder.glob(".venv*"))
    return {one.name: (one / "requirements.txt").read_text(encoding="utf-8") for one in found}


def newer_lock(project: Project) -> tuple[str, str]:
    """Change the lock; returns what is installed before and after."""
    (project.folder / "requirements.lock").write_text(LOCK.replace("==1", "==2"), encoding="utf-8")
    before = LOCK.partition("# ===")[0]
    return before, before.replace("==1", "==2")


def test_deploy_installs_beside_what_runs_checks_swaps_and_starts(project: Project) -> None:
    project.run("status")
    _, after = newer_lock(project)
    result = project.run("deploy", "--detach", KEPT="--sandbox --api-port 18087")
    assert result.status == 0, result.err
    assert cli_calls(result) == [
        "kept-options",
        "pip install",
        "check --sandbox --api-port 18087",
        "stop",
        "start --detach --sandbox --api-port 18087",
    ]
    assert environments(project) == {".venv": after}
    script = (project.folder / ".venv" / "bin" / "freqtrade").read_text(encoding="utf-8")
    assert script == f"#!{project.folder}/.venv/bin/python\n"


def test_deploy_follows_the_decisions_unless_told_not_to(project: Project) -> None:
    assert cli_calls(project.run("deploy"))[-2:] == ["start --detach", "decisions"]


def test_what_is_typed_comes_after_what_ran_and_so_wins(project: Project) -> None:
    project.run("status")
    calls = cli_calls(project.run("deploy", "--api-port", "9", "--detach", KEPT="--api-port 8"))
    assert calls[-1] == "start --detach --api-port 8 --api-port 9"


def test_a_first_deploy_has_nothing_to_stop(project: Project) -> None:
    result = project.run("deploy", "--detach")
    assert cli_calls(result) == ["pip install", "check", "start --detach"]
    assert list(environments(project)) == [".venv"]


def test_a_deploy_with_wrong_settings_leaves_the_bot_and_its_environment(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", KEPT="", BOT_STATUS="2")
    assert result.status == 2
    assert "what ran before runs on" in result.err
    assert cli_calls(result) == ["kept-options", "pip install", "check"]
    assert environments(project) == {".venv": before}


def test_a_deploy_whose_installation_fails_leaves_everything(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    python = project.folder / ".venv" / "bin" / "python"
    broken = PYTHON.replace("*kept-opt", '*"pip install"*) exit 1 ;;\n    *kept-opt')
    for path in (python, project.bin / "python3.12"):
        path.write_text(broken, encoding="utf-8")
    result = project.run("deploy", KEPT="")
    assert result.status == 1
    assert "The installation failed" in result.err
    assert not result.called("cli stop")
    assert environments(project) == {".venv": before}


def test_what_does_not_come_up_is_taken_back_and_the_old_one_runs_again(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", KEPT="--sandbox", NEVER_COMES_UP="==2")
    assert result.status == 1
    assert "The new one did not come up: going back" in result.err
    assert "The bot runs again, on what was installed before" in result.err
    assert cli_calls(result)[-4:] == [
        "stop",
        "start --detach --sandbox",
        "stop",
        "start --detach --sandbox",
    ]
    assert environments(project) == {".venv": before}


def test_what_did_not_run_before_is_not_started_by_a_failed_deploy(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", NEVER_COMES_UP="==2")
    assert result.status == 1
    assert "the bot is not running, as before" in result.err
    assert len(result.called("cli start")) == 1
    assert environments(project) == {".venv": before}


def test_when_the_old_one_does_not_come_up_either_it_is_told_loudly(project: Project) -> None:
    project.run("status")
    newer_lock(project)
    result = project.run("deploy", KEPT="", NEVER_COMES_UP="runtime")
    assert result.status == 1
    assert "the BOT IS NOT RUNNING" in result.err


def test_a_deploy_that_is_interrupted_goes_back(project: Project) -> None:
    project.run("status")
    before, _ = newer_lock(project)
    result = project.run("deploy", KEPT="", INTERRUPT="1")
    assert result.status == 1
    assert "Interrupted: going back" in result.err
    assert environments(project) == {".venv": before}
    assert cli_calls(result)[-1] == "start --detach"


def test_what_a_killed_deploy_left_is_put_right_by_the_next_command(project: Project) -> None:
    project.run("status")
    (project.folder / ".venv").rename(project.folder / ".venv.old")
    result = project.run("status")
    assert not result.called("pip|venv")
    assert list(environments(project)) == [".venv"]


@pytest.mark.parametrize("is_up", [True, False])
def test_the_next_deploy_keeps_the_one_that_came_up(project: Project, is_up: bool) -> None:
    project.run("status")
    (project.folder / ".venv").rename(project.folder / ".venv.old")
    before, after = newer_lock(project)
    project.run("deploy", "--detach", **({"KEPT": ""} if is_up else {}))
    assert list(environments(project)) == [".venv"]
    # Killed once more, just after the swap; then the installation of the next one fails.
    shutil.copytree(project.folder / ".venv", project.folder / ".venv.old")
    (project.folder / ".venv.old" / "requirements.txt").write_text(before, encoding="utf-8")
    kept = {"KEPT": ""} if is_up else {}
    assert project.run("deploy", BOT_STATUS="1", **kept).status == 1
    assert environments(project) == {".venv": after if is_up else before}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_environment_of_somebody_else_is_told_as_that(project: Project) -> None:
    project.run("status")
    newer_lock(project)
    (project.folder / ".venv").chmod(0o555)
    result = project.run("status")
    (project.folder / ".venv").chmod(0o755)
    assert result.status == 1
    assert "may not change" in result.err
    assert "python3-venv" not in result.err
