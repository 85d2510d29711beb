"""The Web UI is fetched beside the start, seldom, and what comes of it is said plainly."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_modules.operations.places import Places
from llm_modules.operations.running.web_ui import (
    RETRY_AFTER,
    STAMP_NAME,
    begin,
    installed_folder,
    is_installed,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def program(text: str) -> tuple[str, ...]:
    return sys.executable, "-c", text


FINE, FAILING = program(""), program("raise SystemExit(1)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "installed"


def test_where_it_is_installed_nothing_is_fetched_and_nothing_said(
    places: Places, folder: Path
) -> None:
    folder.mkdir()
    (folder / "index.html").touch()
    fetching = begin(places, NOW, folder, FAILING)

    assert (fetching.process, fetching.said()) == (None, None)
    assert not places.run.exists()


def test_what_could_be_fetched_needs_no_words(places: Places, folder: Path) -> None:
    assert begin(places, NOW, folder, FINE).said(30) is None


def test_what_could_not_is_said_with_the_way_to_try_again(places: Places, folder: Path) -> None:
    said = begin(places, NOW, folder, FAILING).said(30)

    assert said == (
        "The Web UI could not be fetched (no internet?): the API answers without it. "
        "./manage.sh freqtrade install-ui tries again."
    )


def test_what_takes_long_is_not_waited_for(places: Places, folder: Path) -> None:
    fetching = begin(places, NOW, folder, program("input()"))
    slow = begin(places, NOW + RETRY_AFTER, folder, program("import time; time.sleep(60)"))
    try:
        assert slow.said(0.01) == (
            "The Web UI is being fetched in the background; reload the page in a minute."
        )
    finally:
        for one in (fetching, slow):
            if one.process is not None:
                one.process.kill()
                one.process.wait()


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=23, minutes=59)])
def test_a_failure_is_remembered_for_a_day(places: Places, folder: Path, later: timedelta) -> None:
    begin(places, NOW, folder, FAILING).said(30)
    again = begin(places, NOW + later, folder, FINE)

    assert again.process is None
    assert again.said() == (
        "The Web UI is not installed; fetching it failed at 2026-01-15 12:00 UTC. The API answers "
        "without it. ./manage.sh freqtrade install-ui tries again."
    )


def test_after_a_day_it_is_tried_again(places: Places, folder: Path) -> None:
    begin(places, NOW, folder, FAILING).said(30)
    again = begin(places, NOW + RETRY_AFTER, folder, FINE)

    assert again.process is not None
    assert again.said(30) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-15T11:00:00", "\x00"])
def test_a_note_that_cannot_be_understood_is_none(places: Places, folder: Path, text: str) -> None:
    places.run.mkdir()
    (places.run / STAMP_NAME).write_text(text, encoding="utf-8")

    assert begin(places, NOW, folder, FINE).process is not None


def test_a_folder_that_cannot_be_written_stops_no_start(places: Places, folder: Path) -> None:
    places.run.write_text("a file in the way", encoding="utf-8")
    said = begin(places, NOW, folder, FINE).said()

    assert said is not None
    assert said.startswith("The Web UI could not be fetched: ")
    assert said.endswith("./manage.sh freqtrade install-ui tries again.")


def test_a_program_that_does_not_exist_stops_no_start(places: Places, folder: Path) -> None:
    said = begin(places, NOW, folder, (str(folder / "none"),)).said()

    assert said is not None
    assert "No such file" in said


def test_freqtrades_folder_is_found_without_loading_it() -> None:
    folder = installed_folder()

    assert folder.parent.is_dir()
    assert (folder.parent / "fallback_file.html").exists()
    assert is_installed(folder) is (folder / "index.html").exists()
