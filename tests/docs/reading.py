"""What the documents say, for tests: their commands, links, blocks and headings."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
CHINESE = ROOT / "README.zh-CN.md"
DOCUMENTS = (
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md")),
)
SCRIPT = "./manage.sh"
_FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")


@dataclass(frozen=True)
class Call:
    """One use of manage.sh that a document names: where, and its words."""

    file: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def options(self) -> list[str]:
        return [word.partition("=")[0] for word in self.words[1:] if re.match(r"--?[a-z]", word)]

    def __str__(self) -> str:
        return f"{self.file}: {' '.join(self.words)}"


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    return [found[2] for found in _FENCE.finditer(text) if found[1] == language]


def calls(path: Path) -> Iterator[Call]:
    """Every use of manage.sh in code: fenced, indented, or within a sentence."""
    # A line that goes on in the next one is one.
    text = re.sub(r"\\\n\s*", "", text_of(path))
    lines = [line for block in fenced(text, "bash") for line in block.splitlines()]
    lines += re.findall(r"(?m)^ {4}(\./manage\.sh\b.*)$", text)
    prose = _FENCE.sub("", text)
    lines += re.findall(r"`(?:[A-Z]+=\S+ )?(\./manage\.sh[^`]*)`", prose)
    for line in lines:
        yield from _calls(path, line)


def _calls(path: Path, line: str) -> Iterator[Call]:
    # Behind a wide gap the command is told in words.
    code = re.split(r"\s#|\s{3,}", line.strip())[0]
    code = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", code)
    for part in re.split(r"&&|;|\|(?= )", code):
        if part.strip().startswith(SCRIPT):
            words = shlex.split(part.replace("[", " ").replace("]", " "))[1:]
            yield Call(named(path), tuple(words))


def all_calls() -> list[Call]:
    return [call for path in DOCUMENTS for call in calls(path)]


@cache
def paragraphs() -> dict[str, str]:
    """What tools/commands.txt says of each command."""
    text = text_of(ROOT / "tools" / "commands.txt")
    parts = re.split(r"(?m)^  (?=[a-z])", text)[1:]
    return {re.match(r"[a-z-]+", part)[0]: part for part in parts}  # type: ignore[index]


def links(path: Path) -> Iterator[str]:
    """Every address that a document links to or shows, code left out."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text_of(path)))
    yield from re.findall(r"\]\(([^)\s]+)\)", prose)


def headings(path: Path) -> list[str]:
    return re.findall(r"(?m)^#{1,6} (.*)$", _FENCE.sub("", text_of(path)))


def anchors(path: Path) -> set[str]:
    """The anchors GitHub gives to headings."""
    found: set[str] = set()
    for heading in headings(path):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while (name := slug if not number else f"{slug}-{number}") in found:
            number += 1
        found.add(name)
    return found
