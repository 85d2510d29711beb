import gc
import os
from pathlib import Path

import pytest

from builders import NOON, PAIR, a_booking, a_config, a_decision_record, a_trade_record
from journaling import drain
from llm_modules.engine.recording import outcome_record
from llm_modules.journal import trade_logger
from llm_modules.journal.checking import check_chain
from llm_modules.journal.gist import gist_of
from llm_modules.journal.log import Durability, JsonlLog, Rotation
from llm_modules.journal.parts import part_numbers
from llm_modules.journal.reader import BadLine, each_record, read_journal
from llm_modules.journal.records import (
    DECISION_LINES,
    TRADE_LINES,
    Approved,
    DecisionRecord,
    HaltRecord,
    LessonRecord,
    OutcomeRecord,
    TradeRecord,
)
from llm_modules.journal.trade_logger import NEWEST_LINES, TradeLogger

GOLDEN = Path(__file__).parent.parent / "golden"


def test_a_missing_journal_is_empty(tmp_path: Path) -> None:
    content = read_journal(tmp_path / "none.jsonl", DECISION_LINES)
    assert (content.records, content.bad_lines) == ((), ())


@pytest.mark.parametrize(
    "bad", ["", "garbage", "{}", "\x00\x00", '{"kind":"decision","schema":99}', "[1,2]"]
)
def test_a_bad_line_is_skipped_counted_and_harms_no_neighbour(tmp_path: Path, bad: str) -> None:
    good = a_decision_record().model_dump_json(by_alias=True)
    path = tmp_path / "d.jsonl"
    path.write_text(f"{good}\n{bad}\n{good}\n", encoding="utf-8")
    content = read_journal(path, DECISION_LINES)
    assert len(content.records) == 2
    assert [line.number for line in content.bad_lines] == [2]
    assert content.bad_lines[0].problem


def test_invalid_utf8_is_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    assert len(read_journal(path, DECISION_LINES).bad_lines) == 1


def test_a_torn_last_line_is_not_read(tmp_path: Path) -> None:
    good = a_decision_record().model_dump_json(by_alias=True)
    path = tmp_path / "d.jsonl"
    path.write_text(f"{good}\n{good}", encoding="utf-8")
    content = read_journal(path, DECISION_LINES)
    assert (len(content.records), content.bad_lines) == (1, ())


def test_lines_of_version_1_stay_readable() -> None:
    decisions = read_journal(GOLDEN / "decisions.v1.jsonl", DECISION_LINES)
    trades = read_journal(GOLDEN / "trades.v1.jsonl", TRADE_LINES)
    assert decisions.bad_lines == trades.bad_lines == ()
    assert [type(line) for line in decisions.records] == [DecisionRecord, OutcomeRecord]
    assert trades.records[0].profit_ratio == 0.058


def test_lines_of_version_1_with_limits_halts_and_a_chain_stay_readable() -> None:
    decisions = read_journal(GOLDEN / "decisions.v1b.jsonl", DECISION_LINES)
    trades = read_journal(GOLDEN / "trades.v1b.jsonl", TRADE_LINES)
    assert decisions.bad_lines == trades.bad_lines == ()
    entry, addition, outcome, halt = decisions.records
    assert isinstance(entry, DecisionRecord)
    assert isinstance(addition, DecisionRecord)
    assert isinstance(halt, HaltRecord)
    assert entry.approved == Approved(leverage=10.0, stake_amount=100.0, stop_price=98.0)
    assert (entry.reasons[0].field, entry.reasons[0].before, entry.reasons[0].after) == (
        "leverage",
        17.0,
        10.0,
    )
    assert (addition.profit_ratio, addition.reasons[0].kind) == (-0.012, "refusal")
    assert (outcome.kind, halt.event, halt.equity) == ("outcome", "tripped", 848.0)
    assert [trade.exit_reason for trade in trades.records] == ["signal_exit", "liquidation"]


def test_lines_of_version_1_with_findings_attempts_and_words_stay_readable() -> None:
    decisions = read_journal(GOLDEN / "decisions.v1c.jsonl", DECISION_LINES)
    trades = read_journal(GOLDEN / "trades.v1c.jsonl", TRADE_LINES)
    assert decisions.bad_lines == trades.bad_lines == ()
    assert isinstance(decisions.records[0], DecisionRecord)
    assert decisions.records[0].tape_ids == ("3f1b0c5d7e9a2b4c", "9a2b4c6d8e0f1a2b")
    assert decisions.records[0].timeframe == "30m"
    taught, words, plain = trades.records
    assert isinstance(taught, TradeRecord)
    assert taught.entry is not None
    assert (taught.entry.model, taught.entry.timeframe) == ("test-model-0126", "30m")
    assert taught.exit_facts == {"rsi": 71.5, "adx": 31.0}
    assert (taught.reflection.judgement, taught.reflection.surprise) == ("skill", 0.7)
    assert [finding.code for finding in taught.reflection.findings] == ["take_profit"]
    assert isinstance(words, LessonRecord)
    assert words.text == "take profit earlier"
    assert isinstance(plain, TradeRecord)
    assert plain.entry is None


@pytest.mark.parametrize("name", ["decisions", "trades"])
def test_the_chain_of_golden_lines_still_holds_and_older_ones_have_none(name: str) -> None:
    older = check_chain(GOLDEN / f"{name}.v1.jsonl")
    for newer in sorted(GOLDEN.glob(f"{name}.v1?.jsonl")):
        chained = check_chain(newer)
        assert (chained.faults, chained.unchained, chained.last_seq) == ((), 0, chained.lines)
    assert (older.faults, older.unchained, older.last_seq) == ((), older.lines, 0)


@pytest.mark.parametrize("name", ["decisions.v1e", "trades.v1c"])
def test_a_golden_record_is_written_today_as_it_was_then(name: str, tmp_path: Path) -> None:
    golden = GOLDEN / f"{name}.jsonl"
    log = JsonlLog(tmp_path / "again.jsonl")
    adapter = DECISION_LINES if name.startswith("decisions") else TRADE_LINES
    for record in read_journal(golden, adapter).records:
        log.append(record)
    log.close()
    assert log.path.read_bytes() == golden.read_bytes()


def test_times_are_written_in_utc_with_their_zone() -> None:
    line = (GOLDEN / "decisions.v1.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert '"schema":1' in line
    assert '"at":"2026-01-15T12:00:02Z"' in line


def test_both_journals_are_written_where_the_configuration_says(tmp_path: Path) -> None:
    config = a_config(str(tmp_path)).experience_config
    journal = TradeLogger(config)
    assert journal.decision(a_decision_record())
    assert journal.decision(outcome_record(a_booking(), "filled", NOON, trade_id=3))
    journal.trade(a_trade_record())
    journal.close()
    assert [line.kind for line in journal.past_decisions()] == ["decision", "outcome"]
    assert [trade.trade_id for trade in journal.past_trades()] == [7]
    assert Path(config.decision_log_path).exists()


def test_a_journal_that_is_switched_off_writes_nothing(tmp_path: Path) -> None:
    switches = {"log_decisions": False, "log_trades": False}
    journal = TradeLogger(a_config(str(tmp_path), experience_config=switches).experience_config)
    # Whoever asks before an order is told that nothing was written.
    assert not journal.decision(a_decision_record())
    journal.trade(a_trade_record())
    journal.close()
    assert list(tmp_path.iterdir()) == []
    assert (journal.past_decisions(), tuple(journal.past_trades())) == ((), ())


def test_bad_lines_are_logged_with_their_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = a_config(str(tmp_path)).experience_config
    journal = TradeLogger(config)
    for path in (config.decision_log_path, config.trade_log_path):
        Path(path).write_text("garbage\n", encoding="utf-8")
    assert (journal.past_decisions(), tuple(journal.past_trades())) == ((), ())
    journal.close()
    assert caplog.text.count("line 1 skipped") == 2


def test_only_the_newest_decisions_are_read_and_all_trades(tmp_path: Path) -> None:
    journal = TradeLogger(a_config(str(tmp_path)).experience_config)
    for number in range(5):
        journal.decision(a_decision_record(decision_id=f"d-{number}"))
        journal.trade(a_trade_record(trade_id=number))
    journal.close()
    found = [getattr(line, "decision_id", "") for line in journal.past_decisions(2)]
    assert found == ["d-3", "d-4"]
    assert len(journal.past_decisions()) == len(tuple(journal.past_trades())) == 5
    assert NEWEST_LINES == 20_000


def test_decisions_are_rotated_and_let_go_and_no_trade_ever_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file per record: a megabyte of one byte.
    monkeypatch.setattr(trade_logger, "MEGABYTE", 1)
    small = {"log_rotate_megabytes": 1, "decision_log_kept_parts": 2}
    config = a_config(str(tmp_path), experience_config=small).experience_config
    journal = TradeLogger(config)
    for number in range(6):
        journal.decision(a_decision_record(decision_id=f"d-{number}"))
        journal.trade(a_trade_record(trade_id=number))
    journal.close()
    # Once more, for a packer that is told to stop may leave retention to the next opening.
    journal = TradeLogger(config)
    drain(journal._decisions)
    journal.close()
    assert part_numbers(Path(config.decision_log_path)) == [4, 5]
    assert [getattr(line, "decision_id", "") for line in journal.past_decisions()] == [
        "d-3",
        "d-4",
        "d-5",
    ]
    assert [trade.trade_id for trade in journal.past_trades()] == list(range(6))
    assert check_chain(Path(config.decision_log_path)).is_sound


def test_by_default_two_years_of_decisions_and_every_trade_are_kept(tmp_path: Path) -> None:
    journal = TradeLogger(a_config(str(tmp_path)).experience_config)
    decisions, trades = journal._decisions, journal._trades
    assert decisions is not None
    assert trades is not None
    assert decisions._rotation == Rotation(33_554_432, 24)
    assert trades._rotation == Rotation(33_554_432, 0)
    journal.close()


def test_trades_are_let_go_where_that_is_asked_for(tmp_path: Path) -> None:
    asked = {"trade_log_kept_parts": 3, "log_rotate_megabytes": 2}
    journal = TradeLogger(a_config(str(tmp_path), experience_config=asked).experience_config)
    assert journal._trades is not None
    assert journal._trades._rotation == Rotation(2 * 1_048_576, 3)
    journal.close()


@pytest.mark.parametrize(("durability", "syncs"), [("none", 2), ("flush", 2), ("fsync", 4)])
def test_trades_wait_for_the_disk_whatever_decisions_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability, syncs: int
) -> None:
    synced: list[int] = []
    journal = TradeLogger(
        a_config(
            str(tmp_path), experience_config={"decision_log_durability": durability}
        ).experience_config
    )
    monkeypatch.setattr(os, "fsync", synced.append)
    journal.trade(a_trade_record())
    assert len(synced) == 2
    journal.decision(a_decision_record())
    assert len(synced) == syncs
    journal.close()


def test_trades_and_the_words_for_their_lessons_come_back_in_order(tmp_path: Path) -> None:
    journal = TradeLogger(a_config(str(tmp_path)).experience_config)
    words = LessonRecord(
        at=NOON,
        mode="sandbox",
        trade_id=7,
        opened_at=NOON,
        pair=PAIR,
        model="a-model",
        text="take profit earlier",
    )
    journal.trade(a_trade_record())
    journal.lesson(words)
    journal.close()
    assert tuple(journal.past_trades()) == (gist_of(a_trade_record()), words)


def test_trades_can_be_read_one_by_one(tmp_path: Path) -> None:
    config = a_config(str(tmp_path)).experience_config
    journal = TradeLogger(config)
    for number in range(3):
        journal.trade(a_trade_record(trade_id=number))
    journal.close()
    with Path(config.trade_log_path).open("a", encoding="utf-8") as file:
        file.write("garbage\n")
    past = journal.past_trades()
    assert next(past).trade_id == 0
    assert [trade.trade_id for trade in past] == [1, 2]
    assert [trade.trade_id for trade in journal.past_trades(2)] == [2]


def test_records_are_not_read_before_they_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    good = a_decision_record().model_dump_json(by_alias=True)
    path.write_text(f"{good}\ngarbage\n{good}\n", encoding="utf-8")
    told: list[BadLine] = []
    records = each_record(path, DECISION_LINES, told.append)
    next(records)
    assert told == []
    next(records)
    assert [bad.number for bad in told] == [2]


def test_a_reader_that_stops_midway_leaves_the_garbage_collector_on(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    good = a_decision_record().model_dump_json(by_alias=True)
    path.write_text(f"{good}\n{good}\n", encoding="utf-8")
    records = each_record(path, DECISION_LINES, print)
    next(records)
    assert not gc.isenabled()
    del records
    assert gc.isenabled()


@pytest.mark.parametrize("was_on", [True, False])
def test_reading_leaves_the_garbage_collector_as_it_was(tmp_path: Path, was_on: bool) -> None:
    (tmp_path / "d.jsonl").mkdir()
    try:
        if not was_on:
            gc.disable()
        with pytest.raises(IsADirectoryError):
            read_journal(tmp_path / "d.jsonl", DECISION_LINES)
        assert gc.isenabled() is was_on
    finally:
        gc.enable()


def test_lines_of_version_1_with_costs_and_skipped_decisions_stay_readable() -> None:
    decisions = read_journal(GOLDEN / "decisions.v1d.jsonl", DECISION_LINES)
    assert decisions.bad_lines == ()
    asked, refused, skipped, *_ = decisions.records
    assert isinstance(asked, DecisionRecord)
    assert isinstance(skipped, DecisionRecord)
    assert (asked.cached_tokens, asked.reasoning_tokens, asked.cost) == (800, 20, 0.00021)
    assert (skipped.status, skipped.tool, skipped.default_tool) == ("skipped", None, "signal_hold")
    assert skipped.repeats == "d-3"
    assert skipped.templates is None
    assert refused.kind == "decision"


def test_lines_of_version_1_with_the_version_of_the_templates_stay_readable() -> None:
    decisions = read_journal(GOLDEN / "decisions.v1e.jsonl", DECISION_LINES)
    assert decisions.bad_lines == ()
    versions = {one.templates for one in decisions.records if isinstance(one, DecisionRecord)}
    assert versions == {"5f0c3a9d1b7e2468"}
