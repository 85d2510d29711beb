"""A bot's own folder with the shipped settings and candles, and a session on it."""

import shutil
from pathlib import Path

import pytest

from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session


@pytest.fixture(scope="module")
def user_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by the tests of a module: what is made of the candles is made once."""
    folder = tmp_path_factory.mktemp("bot") / "user_data"
    folder.mkdir()
    for name in ("config.json", "config.sandbox.json"):
        shutil.copy(SHIPPED_USER_DATA / name, folder / name)
    return folder


@pytest.fixture
def session(user_data: Path) -> Session:
    return Session(Places(user_data), {"HOME": "/nowhere"}, Screen())
