"""The parts of docs/ that the code knows better, written from it: settings, checks and more.

    PYTHONPATH=user_data/strategies .venv/bin/python tools/reference.py [--check]

A part stands between `<!-- NAME -->` and `<!-- end of NAME -->`; everything around it is written by
hand and left alone. `--check` writes nothing and names the files that are behind (status 1).
"""
# ruff: noqa: INP001 - a script, not a package

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from llm_modules.config.reference import settings_reference
from llm_modules.gate.checks.catalogue import checks_table, keys_table
from llm_modules.llm.providers.catalogue import capability_table, deviations
from llm_modules.llm.providers.rows import ROWS
from llm_modules.operations.settings.reading import read_settings
from llm_modules.operations.setup.migrations import migration_table
from llm_modules.operations.setup.profiles import profile_table

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "user_data" / "config.json"
PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "configuration.md": {"settings": lambda: settings_reference(read_settings(CONFIG))},
        "risk.md": {"checks": checks_table, "keys": keys_table},
        "models.md": {"capabilities": capability_table},
        "setup.md": {"profiles": profile_table, "migrations": migration_table},
        **{f"providers/{row.name}.md": {"deviations": partial(deviations, (row,))} for row in ROWS},
    }
)


class MarkError(Exception):
    """A document lacks the marks of a part, has them twice, or in the wrong order."""


def filled(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Return a document with each of its parts as the code tells it.

    Raises MarkError where a part does not stand there exactly once.
    """
    for name, make in parts.items():
        pattern = re.compile(rf"(?s)<!-- {name} -->\n.*?<!-- end of {name} -->")
        if len(pattern.findall(text)) != 1:
            raise MarkError(f"expected <!-- {name} --> .. <!-- end of {name} --> once")
        # A function, because a text would have its backslashes read.
        part = f"<!-- {name} -->\n\n{make()}\n\n<!-- end of {name} -->"
        text = pattern.sub(partial(_instead, part), text)
    return text


def _instead(part: str, _: re.Match[str]) -> str:
    return part


def behind(docs: Path) -> dict[Path, str]:
    """Return what each file should say that does not say it yet."""
    wanted: dict[Path, str] = {}
    for name, parts in PARTS.items():
        text = (docs / name).read_text(encoding="utf-8")
        try:
            new = filled(text, parts)
        except MarkError as error:
            raise MarkError(f"docs/{name}: {error}") from error
        if new != text:
            wanted[docs / name] = new
    return wanted


def main(arguments: list[str], docs: Path = ROOT / "docs") -> int:
    """Write the parts that are behind, or with `--check` name their files; return the status."""
    parser = argparse.ArgumentParser(prog="tools/reference.py", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, tell what is behind")
    only_check = parser.parse_args(arguments).check
    wanted = behind(docs)
    for path, text in wanted.items():
        if not only_check:
            path.write_text(text, encoding="utf-8")
        done = "is behind" if only_check else "written"
        sys.stdout.write(f"docs/{path.relative_to(docs)} {done}\n")
    return int(only_check and bool(wanted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
