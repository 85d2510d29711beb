from pathlib import Path

import pytest

from llm_modules.operations import room


def test_a_folder_that_is_not_there_yet_has_the_room_of_its_disk(tmp_path: Path) -> None:
    free = room.free_bytes(tmp_path / "not" / "yet")
    assert free is not None
    assert free > 0


def test_a_system_that_does_not_tell_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_folder: Path) -> None:
        raise OSError

    monkeypatch.setattr(room.shutil, "disk_usage", fail)
    assert room.free_bytes(Path("/")) is None
    assert room.free_bytes(Path("nowhere/at/all")) is None
