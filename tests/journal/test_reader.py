from pathlib import Path

import pytest

from builders import NOON, a_booking, a_config, a_decision_record, a_trade_record
from llm_modules.engine.recording import outcome_record
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, TRADE_LINES, DecisionRecord, OutcomeRecord
from llm_modules.journal.trade_logger import TradeLogger

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
    assert trades.records[0].duration_hours == 2.0


def test_times_are_written_in_utc_with_their_zone() -> None:
    line = (GOLDEN / "decisions.v1.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert '"schema":1' in line
    assert '"at":"2026-01-15T12:00:02Z"' in line


def test_a_decision_line_stays_small() -> None:
    record = a_decision_record(
        call={"reason": "x" * 300, "confidence_score": 60.0},
        facts={f"fact_{number}": 123.456789 for number in range(40)},
    )
    assert len(record.model_dump_json(by_alias=True)) < 3000


def test_both_journals_are_written_where_the_configuration_says(tmp_path: Path) -> None:
    config = a_config(str(tmp_path)).experience_config
    journal = TradeLogger(config)
    journal.decision(a_decision_record())
    journal.decision(outcome_record(a_booking(), "filled", NOON, trade_id=3))
    journal.trade(a_trade_record())
    journal.close()
    assert [line.kind for line in journal.past_decisions()] == ["decision", "outcome"]
    assert [trade.trade_id for trade in journal.past_trades()] == [7]
    assert Path(config.decision_log_path).exists()


def test_a_journal_that_is_switched_off_writes_nothing(tmp_path: Path) -> None:
    switches = {"log_decisions": False, "log_trades": False}
    journal = TradeLogger(a_config(str(tmp_path), experience_config=switches).experience_config)
    journal.decision(a_decision_record())
    journal.trade(a_trade_record())
    journal.close()
    assert list(tmp_path.iterdir()) == []
    assert (journal.past_decisions(), journal.past_trades()) == ((), ())


def test_bad_lines_are_logged_with_their_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = a_config(str(tmp_path)).experience_config
    journal = TradeLogger(config)
    for path in (config.decision_log_path, config.trade_log_path):
        Path(path).write_text("garbage\n", encoding="utf-8")
    assert (journal.past_decisions(), journal.past_trades()) == ((), ())
    journal.close()
    assert caplog.text.count("line 1 skipped") == 2
