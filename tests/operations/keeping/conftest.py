"""A bot whose journals, tape and database agree, so that verify can judge what is restored."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bookkeeping import Bookkeeping
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.keeping.backing_up import BackupOptions, back_up
from llm_modules.operations.session import Session

NOW = datetime(2026, 1, 15, 12, 30, 5, tzinfo=UTC)
SMALL = {
    "logs/reward_learning.json": '{"trades": 3}',
    "logs/risk_state.sandbox.json": '{"peak_equity": 1000}',
    "run/sandbox.json": '{"anchor": 1}',
    "llm_findings.json": "{}",
    "llm_prompts/system/flat.j2": "Be careful.",
}


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trades, one still open, and every small file a bot may have; to be copied."""
    folder = tmp_path_factory.mktemp("lived")
    book = Bookkeeping(folder)
    book.closes(book.opens())
    book.opens("ETH/USDT:USDT")
    book.done()
    with closing(sqlite3.connect(folder / "logs" / "llm_costs.sqlite")) as ledger:
        ledger.execute("CREATE TABLE costs (usd REAL)")
    for name, text in SMALL.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def bot(session: Session, lived: Path) -> Session:
    """A bot that has lived, with the shipped settings."""
    shutil.copytree(lived, session.places.user_data, dirs_exist_ok=True)
    return session


@pytest.fixture
def backup(bot: Session) -> Callable[[], Path]:
    """Make a backup and return its archive."""

    def made() -> Path:
        before = set(bot.places.backups.glob("*.tar.gz"))
        assert back_up(bot, BackupOptions(NOW)) is ExitStatus.DONE
        (archive,) = set(bot.places.backups.glob("*.tar.gz")) - before
        return archive

    return made
