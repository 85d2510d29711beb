"""A bot's folder with the shipped settings, apart from the project's own."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.running import web_ui
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

API_SECRETS = {
    "FREQTRADE__API_SERVER__PASSWORD": "canary-password",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY": "canary-signing-key-of-32-characters",
    "FREQTRADE__API_SERVER__WS_TOKEN": "canary-token-of-26-letters",
}


@pytest.fixture(autouse=True)
def _with_web_ui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no start of a test fetch anything: test_web_ui alone looks at what is fetched."""
    if request.module.__name__.rpartition(".")[2] != "test_web_ui":
        monkeypatch.setattr(web_ui, "is_installed", lambda _: True)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    user_data = tmp_path / "user_data"
    user_data.mkdir()
    for name in ("config.json", "config.sandbox.json"):
        shutil.copy(SHIPPED_USER_DATA / name, user_data / name)
    return Places(user_data)


@pytest.fixture
def api_secrets() -> Mapping[str, str]:
    return API_SECRETS


@pytest.fixture
def session(places: Places) -> Session:
    return Session(places, dict(API_SECRETS), Screen())
