from pathlib import Path

import pytest

from report_weeks import Bot, a_bot, an_empty_bot


@pytest.fixture
def empty(tmp_path: Path) -> Bot:
    return an_empty_bot(tmp_path)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """Three weeks of dry-run that no test may change."""
    return a_bot(tmp_path_factory.mktemp("bot"))
