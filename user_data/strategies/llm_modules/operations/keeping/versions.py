"""What is pinned, what is installed, and what is the newest there is."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_modules.errors import UserError

# Someone waits at a terminal, and being offline is no failure.
ASKING_SECONDS = 12.0
GIT_SECONDS = 5.0
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;]+)")
_RELEASE = re.compile(r"\d+(?:\.\d+)+(?:\.post\d+)?")


@dataclass(frozen=True, slots=True)
class PinnedPackage:
    """One package of the project: the version wanted, and the one installed if any."""

    name: str
    pinned: str
    installed: str | None

    @property
    def is_up_to_date(self) -> bool:
        """Tell whether the installed version is the pinned one."""
        return self.pinned == self.installed


@dataclass(frozen=True, slots=True)
class Project:
    """This project: its version, its commit in a checkout, the newest heading of its changelog."""

    version: str
    commit: str | None
    changelog: str | None


@dataclass(frozen=True, slots=True)
class Versions:
    """The project's own version and those of the packages it names itself."""

    project: Project
    packages: tuple[PinnedPackage, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """A program that asks the package index as it is set up here, and what is told to it."""

    command: Sequence[str]
    said: str = ""


def read_versions(pyproject: Path) -> Versions:
    """Compare the pins of pyproject.toml with what is installed.

    Raises UserError when the file cannot be read.
    """
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        pins = [found for pin in project["dependencies"] if (found := _PIN.match(pin))]
        version = str(project["version"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{pyproject} cannot be read: {error}") from error
    packages = tuple(PinnedPackage(pin[1], pin[2], _installed(pin[1])) for pin in pins)
    folder = pyproject.parent
    return Versions(Project(version, _commit(folder), _newest_heading(folder)), packages)


def clients(name: str) -> tuple[Client, ...]:
    """Return the programs here that know the package index, with its mirrors and proxies."""
    pip = (sys.executable, "-m", "pip", "index", "versions", name, "--disable-pip-version-check")
    known = [Client((*pip, "--no-input", "--timeout", "5", "--retries", "0"))]
    if uv := shutil.which("uv"):
        compiling = (uv, "pip", "compile", "--quiet", "--no-deps", "--no-annotate", "--no-header")
        known.append(Client((*compiling, "-"), name))
    return tuple(known)


def newest_release(name: str, programs: Sequence[Client]) -> str | None:
    """Ask for the newest release of a package; None when nobody can be asked."""
    for client in programs:
        said = _output(client.command, ASKING_SECONDS, client.said)
        # `freqtrade (2026.9)` is how pip begins, `freqtrade==2026.9` all that uv says.
        for line in (said or "").splitlines():
            found = re.match(rf"{re.escape(name)}(?:==| \()({_RELEASE.pattern})", line)
            if found:
                return found[1]
    return None


def is_newer(version: str, than: str) -> bool:
    """Tell whether one release is newer than another, by their numbers."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _commit(folder: Path) -> str | None:
    """Return the commit of a checkout, with `-dirty` behind it where files were changed."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return None
    described = (git, "-C", str(folder), "describe", "--always", "--dirty")
    return (_output(described, GIT_SECONDS) or "").strip() or None


def _newest_heading(folder: Path) -> str | None:
    try:
        text = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r"(?m)^## (.+)$", text)
    return found[1].strip() if found else None


def _output(command: Sequence[str], seconds: float, said: str = "") -> str | None:
    """Return what a program printed, None when it failed; its complaints name addresses."""
    try:
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            command, input=said, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
