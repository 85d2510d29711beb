"""`manage.sh version`: what is pinned, installed and newest, and which of ours this is."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llm_modules.operations.command import Command, Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.versions import (
    PinnedPackage,
    Versions,
    clients,
    is_newer,
    newest_release,
    read_versions,
)
from llm_modules.operations.places import PROJECT
from llm_modules.operations.session import Session

# The one that everything else follows.
ASKED = "freqtrade"
WIDTH = 14

Newest = Callable[[], str | None]


def show_versions(
    session: Session, pyproject: Path, newest: Newest, *, as_json: bool
) -> ExitStatus:
    """Say what is pinned and installed; FAILED when they differ, whatever is newest.

    Raises UserError when the project's file cannot be read.
    """
    versions = read_versions(pyproject)
    if not as_json:
        session.screen.progress("Asking for the newest release ...")
    found = newest()
    if as_json:
        session.screen.raw(json.dumps(_as_json(versions, found), indent=2))
    else:
        _show(session, versions, found)
    outdated = any(not package.is_up_to_date for package in versions.packages)
    return ExitStatus.FAILED if outdated else ExitStatus.DONE


def _show(session: Session, versions: Versions, newest: str | None) -> None:
    project = versions.project
    said = [project.version]
    said += [f"commit {project.commit}"] if project.commit else []
    said += [f"changelog: {project.changelog}"] if project.changelog else []
    session.screen.say(f"{'this project':<{WIDTH}} {', '.join(said)}")
    for package in versions.packages:
        state = "up to date" if package.is_up_to_date else "differs: run ./manage.sh deploy"
        installed = package.installed or "nothing"
        session.screen.say(
            f"{package.name:<{WIDTH}} pinned {package.pinned}, installed {installed}, {state}"
        )
        if package.name == ASKED:
            session.screen.say(f"{'':<{WIDTH}} {_about_newest(package, newest)}")


def _about_newest(package: PinnedPackage, newest: str | None) -> str:
    if newest is None:
        return "the newest release could not be asked for (offline?)"
    if is_newer(newest, package.pinned):
        return f"newest release {newest}: a newer version of this project may come to pin it"
    return (
        f"newest release {newest}, the pinned one"
        if newest == package.pinned
        else (f"newest release {newest}, older than the pinned one")
    )


def _as_json(versions: Versions, newest: str | None) -> dict[str, Any]:
    project = versions.project
    return {
        "project": {
            "version": project.version,
            "commit": project.commit,
            "changelog": project.changelog,
        },
        "packages": [
            {
                "name": package.name,
                "pinned": package.pinned,
                "installed": package.installed,
                "up_to_date": package.is_up_to_date,
            }
            for package in versions.packages
        ],
        "newest_freqtrade": newest,
    }


def _add_version(command: argparse.ArgumentParser) -> None:
    command.add_argument("--pyproject", type=Path, default=PROJECT / "pyproject.toml")
    command.add_argument("--json", action="store_true", help="for programs")


def _version(session: Session, options: Options) -> ExitStatus:
    def newest() -> str | None:
        return newest_release(ASKED, clients(ASKED))

    return show_versions(session, options.pyproject, newest, as_json=options.json)


VERSION = Command("compare what is pinned with what is installed", _version, _add_version)
