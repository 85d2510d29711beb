"""The anchor survives restarts, and a file that cannot be trusted stops the start."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.errors import UserError
from llm_modules.sandbox.anchor import load_or_create_anchor

NOON_MS = int(datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(("seconds", "floored"), [(0, 0), (1, 0), (299, 0), (300, 300)])
def test_a_new_anchor_is_now_floored_to_five_minutes(
    tmp_path: Path, seconds: int, floored: int
) -> None:
    anchor = load_or_create_anchor(tmp_path / "run" / "sandbox.json", NOON_MS + seconds * 1000)

    assert anchor == NOON_MS + floored * 1000


def test_a_restart_goes_on_with_the_same_anchor(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    first = load_or_create_anchor(path, NOON_MS)

    assert load_or_create_anchor(path, NOON_MS + 86_400_000) == first
    assert path.read_text() == '{"anchor": "2026-03-01T12:00:00+00:00"}\n'
    assert [item.name for item in tmp_path.iterdir()] == ["sandbox.json"]


def test_an_anchor_in_another_time_zone_is_understood_and_floored(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text('{"anchor": "2026-03-01T13:04:59+01:00"}')

    assert load_or_create_anchor(path, NOON_MS + 600_000) == NOON_MS


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "holds no anchor"),
        ("[]", "holds no anchor"),
        ("{}", "holds no anchor"),
        ('{"anchor": 5}', "holds no anchor"),
        ('{"anchor": "soon"}', "holds no anchor"),
        ('{"anchor": "2026-03-01T12:00:00"}', "without a time zone"),
        ('{"anchor": "2026-03-02T12:00:00+00:00"}', "in the future"),
    ],
)
def test_a_file_that_holds_no_usable_anchor_is_named(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(text)

    with pytest.raises(UserError, match=part) as caught:
        load_or_create_anchor(path, NOON_MS)

    assert str(path) in str(caught.value)
    assert path.read_text() == text


def test_an_anchor_of_this_very_moment_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text('{"anchor": "2026-03-01T12:00:00+00:00"}')

    assert load_or_create_anchor(path, NOON_MS) == NOON_MS
