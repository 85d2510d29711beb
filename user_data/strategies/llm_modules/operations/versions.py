"""What is pinned and what is installed."""

import importlib.metadata
import tomllib
from dataclasses import dataclass
from pathlib import Path

from llm_modules.errors import UserError

# The two this project names; all others follow from them and the lock.
COMPARED = ("freqtrade", "openai")


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
class Versions:
    """The project's own version and those of the packages that matter most."""

    project: str
    packages: tuple[PinnedPackage, ...]


def read_versions(pyproject: Path) -> Versions:
    """Compare the pins of pyproject.toml with what is installed.

    Raises UserError when the file cannot be read.
    """
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise UserError(f"{pyproject} cannot be read: {error}") from error
    pins = dict(pin.split("==") for pin in project["dependencies"] if "==" in pin)
    packages = tuple(PinnedPackage(name, pins[name], _installed(name)) for name in COMPARED)
    return Versions(project["version"], packages)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
