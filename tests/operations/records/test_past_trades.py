from datetime import timedelta

from builders import NOON, a_trade_record
from llm_modules.journal.gist import gist_of
from llm_modules.journal.records import LessonRecord
from llm_modules.learning.remembered import remembered
from llm_modules.operations.records.past_trades import PastTrades

LESSON = LessonRecord(
    at=NOON, mode="dry_run", trade_id=1, opened_at=NOON, pair="BTC", model="m", text="wait"
)


def line(number: int, **changes: object) -> bytes:
    record = a_trade_record(trade_id=number, **changes)
    return record.model_dump_json(by_alias=True).encode() + b"\n"


def test_each_trade_comes_as_memory_keeps_it_with_its_mode() -> None:
    (found,) = PastTrades([line(7)])
    assert found == ("sandbox", remembered(gist_of(a_trade_record(trade_id=7))))


def test_a_trade_told_twice_comes_once() -> None:
    past = PastTrades([line(1), line(1, profit_ratio=-0.5), line(2)])
    assert [item.trade.trade_id for item in past] == [1, 2]


def test_the_same_number_in_another_mode_or_database_is_another_trade() -> None:
    opened = NOON - timedelta(days=9)
    past = PastTrades([line(1), line(1, mode="live"), line(1, opened_at=opened)])
    assert len(list(past)) == 3


def test_lessons_are_no_trades_and_no_bad_lines() -> None:
    past = PastTrades([LESSON.model_dump_json(by_alias=True).encode() + b"\n"])
    assert (list(past), past.bad_lines) == ([], 0)


def test_bad_lines_are_counted_but_not_one_that_is_being_written() -> None:
    past = PastTrades([b"torn\n", b"\xff\n", b'{"kind": "trade"}\n', b"\n", line(1), line(2)[:50]])
    assert len(list(past)) == 1
    assert past.bad_lines == 4
