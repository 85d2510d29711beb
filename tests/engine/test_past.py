from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, a_config, a_trade_record
from llm_modules.domain import RunMode
from llm_modules.engine.past import Past
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import LessonRecord
from llm_modules.journal.trade_logger import TradeLogger

EVER = datetime.fromtimestamp(0, UTC)


def record(number: int, **changes: Any) -> Any:
    closed = NOON + timedelta(hours=number)
    values = {"trade_id": number, "opened_at": closed - timedelta(hours=1), "closed_at": closed}
    return a_trade_record(**(values | changes))


@pytest.fixture
def journal(tmp_path: Path) -> TradeLogger:
    return TradeLogger(a_config(str(tmp_path)).experience_config)


def read(journal: TradeLogger, mode: RunMode = "sandbox") -> Past:
    past = Past(journal, mode)
    list(past)
    return past


def test_lines_of_the_mode_are_handed_on_and_closes_of_trades_stay(journal: TradeLogger) -> None:
    words = LessonRecord(
        at=NOON, mode="sandbox", trade_id=1, opened_at=NOON, pair="BTC", model="m", text="wait"
    )
    journal.trade(record(1))
    journal.lesson(words)
    journal.trade(record(2, mode="live"))
    past = Past(journal, "sandbox")
    assert list(past) == [gist_of(record(1)), words]
    assert [(close.trade_id, close.profit_ratio) for close in past.closes] == [(1, 0.058)]


def test_a_journal_that_was_read_whole_knows_every_close(journal: TradeLogger) -> None:
    journal.trade(record(1))
    assert read(journal).since == EVER
    assert read(journal, "live").since == EVER


def test_of_a_longer_journal_the_newest_half_of_what_was_read_is_sure_to_be_whole(
    journal: TradeLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("llm_modules.journal.trade_logger", "llm_modules.engine.past"):
        monkeypatch.setattr(f"{name}.NEWEST_TRADES", 4)
    monkeypatch.setattr(TradeLogger.past_trades, "__defaults__", (4,))
    for number in range(6):
        journal.trade(record(number))
    past = read(journal)
    assert [close.trade_id for close in past.closes] == [2, 3, 4, 5]
    assert past.since == record(4).closed_at
    assert read(journal, "live").since == EVER
