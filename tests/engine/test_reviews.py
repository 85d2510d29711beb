"""What a closed trade taught is kept with it in Freqtrade's database, where its API shows it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from freqtrade.persistence import Trade

from builders import NOON, a_closed_trade, a_trade_record
from fakes import ScriptedClient, answering
from llm_modules.engine import bridge
from llm_modules.engine.bridge.reviews import REVIEW_KEY, review_of
from llm_modules.engine.outbox import MOST_REVIEWS, TradeOutbox
from rooms import some_rooms
from stored_trades import a_trade, let_go_of_database, open_database


@pytest.fixture(autouse=True)
def _database(tmp_path: Path) -> Iterator[None]:
    open_database(tmp_path / "trades.sqlite")
    yield
    let_go_of_database()


def kept(trade: Trade) -> object:
    return trade.get_custom_data(REVIEW_KEY)


def test_scores_and_lessons_are_kept_with_the_trade() -> None:
    trade, other = a_trade(), a_trade(pair="ETH/USDT:USDT")
    record = a_trade_record(trade_id=trade.id, opened_at=trade.open_date_utc)
    bridge.store_reviews([record])

    assert kept(trade) == review_of(record)
    assert kept(other) is None


def test_a_review_says_what_the_journal_says() -> None:
    record = a_trade_record(model_score=55.0)
    review = review_of(record)

    assert (review["score"], review["grade"]) == (record.evaluation.score, record.evaluation.grade)
    assert review["lessons"] == list(record.reflection.lessons)
    assert review["summary"] == record.reflection.summary
    assert (review["model_score"], review["reward"]) == (55.0, record.reward)
    points = [review[name] for name in review if name.endswith("_points")]
    assert points == [
        record.evaluation.profit_points,
        record.evaluation.risk_points,
        record.evaluation.timing_points,
        record.evaluation.efficiency_points,
    ]


def test_a_trade_of_a_newer_database_with_the_same_number_is_left_alone() -> None:
    trade = a_trade()
    before = trade.open_date_utc - timedelta(days=1)
    bridge.store_reviews([a_trade_record(trade_id=trade.id, opened_at=before)])

    assert kept(trade) is None


def test_a_trade_that_is_in_no_database_any_more_is_no_matter() -> None:
    bridge.store_reviews([a_trade_record(trade_id=4711, opened_at=NOON.astimezone(UTC))])


def test_what_was_learnt_is_handed_over_once(tmp_path: Path) -> None:
    outbox = TradeOutbox(some_rooms(tmp_path, ScriptedClient([answering("signal_wait")])))
    for number in (1, 2, 2):
        asyncio.run(outbox.learn(a_closed_trade(trade_id=number)))

    assert [record.trade_id for record in outbox.reviews()] == [1, 2]
    assert outbox.reviews() == ()


def test_where_nobody_takes_them_only_the_newest_wait(tmp_path: Path) -> None:
    outbox = TradeOutbox(some_rooms(tmp_path, ScriptedClient([answering("signal_wait")])))
    for number in range(MOST_REVIEWS + 3):
        asyncio.run(outbox.learn(a_closed_trade(trade_id=number)))

    waiting = outbox.reviews()
    assert (len(waiting), waiting[0].trade_id) == (MOST_REVIEWS, 3)
