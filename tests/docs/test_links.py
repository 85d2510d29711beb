"""Every link and picture in the documents leads somewhere, and every document is found."""

import re
from pathlib import Path

import pytest

from docs.reading import DOCUMENTS, ROOT, anchors, links, named, text_of

INDEX = ROOT / "docs" / "README.md"


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_link_within_the_project_leads_somewhere(path: Path) -> None:
    broken = []
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        is_there = target.exists() and target.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_to_the_outside_are_encrypted_or_of_this_machine(path: Path) -> None:
    outside = [link for link in links(path) if re.match(r"[a-z]+:", link)]
    assert [link for link in outside if not link.startswith("https://")] == []


def test_the_index_names_every_document() -> None:
    listed = {(INDEX.parent / link).resolve() for link in links(INDEX)}
    documents = {path for path in (ROOT / "docs").glob("*.md") if path != INDEX}
    documents |= set((ROOT / "docs" / "providers").glob("*.md"))
    assert {named(path) for path in documents - listed} == set()


def test_every_picture_is_shown_somewhere() -> None:
    shown = {
        (path.parent / link).resolve()
        for path in DOCUMENTS
        for link in links(path)
        if link.endswith(".png")
    }
    pictures = set((ROOT / "docs" / "images").glob("*.png"))
    assert {named(path) for path in pictures - shown} == set()


def test_every_room_stands_in_the_architecture() -> None:
    table = text_of(ROOT / "docs" / "architecture.md")
    package = ROOT / "user_data" / "strategies" / "llm_modules"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").is_file()}
    told = {room for room in rooms if f"`{room}/`" in table or f"`{room}`" in table}
    assert rooms - told == set()


def test_every_number_in_decisions_is_there_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_a_thing_has_one_word(path: Path) -> None:
    """The words of docs/README.md, and not what others call the same."""
    others = r"\b(candlesticks?|guardrails?|risk manager|trading agent|trade signals?)\b"
    assert re.findall(others, text_of(path), re.IGNORECASE) == []
