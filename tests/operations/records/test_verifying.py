"""Whatever is changed in one of the files, one of the others tells; forged chains do not help."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bookkeeping import ETH, LATER, Bookkeeping, replaced, rewritten, sql, without
from builders import PAIR, a_trade_record
from llm_modules.journal.chain import seal_path
from llm_modules.journal.log import Rotation
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.records import auditing
from llm_modules.operations.records.verifying import MOST_EXAMPLES, MOST_FAULTS, verify
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

Told = tuple[ExitStatus, str, str]
Say = Callable[[], Told]


@pytest.fixture
def bot(tmp_path: Path) -> Bookkeeping:
    """The folder of a bot that has done nothing yet."""
    return Bookkeeping(tmp_path)


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def verified() -> Told:
        status = verify(Session(Places(tmp_path), {}, Screen()), LATER)
        said = capsys.readouterr()
        return status, said.out, said.err

    return verified


def a_story(bot: Bookkeeping) -> Bookkeeping:
    """A long and a short that are closed, words about the first, a halt, and one still open."""
    first, second = bot.opens(), bot.opens(ETH, "short")
    bot.words(bot.closes(first))
    bot.halts()
    bot.closes(second, "halt")
    bot.opens(ETH)
    return bot.done()


def fault_of(said: Told) -> str:
    """The kind of the only fault."""
    status, _, complaints = said
    assert status is ExitStatus.FAILED, said
    assert complaints.splitlines()[-1].startswith("NOT SOUND: 1 faults"), complaints
    return complaints.partition(":")[0].partition(" ")[2]


def test_what_a_bot_leaves_is_sound(bot: Bookkeeping, say: Say) -> None:
    a_story(bot)
    status, said, complaints = say()
    assert (status, complaints) == (ExitStatus.DONE, "")
    lines = said.splitlines()
    assert [line.rpartition("/")[2] for line in lines[:-1]] == [
        "llm_decisions.jsonl: 9 lines, sound",
        "trade_experience.jsonl: 3 lines, sound",
        "tradesv3.sandbox.sqlite: 2 closed trades, 1 open; 2 records of mode sandbox",
        "llm_tape.sqlite: 5 attempts named by 4 decisions and lessons",
    ]
    assert lines[-1] == "Sound: every line is what was written, every id and every profit fits."


def test_nothing_at_all_is_sound(
    tmp_path: Path, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, _ = say()
    assert status is ExitStatus.DONE
    assert said.count("no lines") == 2
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_changed_by_looking(bot: Bookkeeping, say: Say) -> None:
    a_story(bot)
    files = [one for one in bot.folder.rglob("*") if one.is_file()]
    before = {one: one.read_bytes() for one in files if "llm_tape" not in one.name}
    say()
    assert {one: one.read_bytes() for one in before} == before


# The chain


def test_an_edited_line_is_named(bot: Bookkeeping, say: Say) -> None:
    a_story(bot)
    text = bot.decisions.read_text(encoding="utf-8")
    bot.decisions.write_text(text.replace("a drill", "nothing"), encoding="utf-8")
    status, said, complaints = say()
    assert status is ExitStatus.FAILED
    assert "llm_decisions.jsonl: 9 lines, NOT SOUND" in said
    assert "llm_decisions.jsonl line 7: edited" in complaints


def test_many_faults_are_counted(bot: Bookkeeping, say: Say) -> None:
    for _ in range(40):
        bot.decides("signal_wait")
    bot.done()
    text = bot.decisions.read_text(encoding="utf-8")
    bot.decisions.write_text(text.replace("no edge", "an edge"), encoding="utf-8")
    _, _, complaints = say()
    assert complaints.count("llm_decisions.jsonl line") == MOST_FAULTS
    assert "  and 20 more" in complaints


def test_a_journal_that_was_removed_is_not_taken_for_one_that_never_was(
    bot: Bookkeeping, say: Say
) -> None:
    a_story(bot).trades.unlink()
    status, said, complaints = say()
    assert status is ExitStatus.FAILED
    assert "trade_experience.jsonl: 0 lines, NOT SOUND" in said
    assert "3 lines are gone from the end" in complaints
    assert "2 not recorded" in complaints


def test_what_cannot_be_checked_is_said(bot: Bookkeeping, say: Say) -> None:
    path = a_story(bot).decisions
    seal_path(path).unlink()
    old = path.read_text(encoding="utf-8").splitlines()[0]
    lines = path.read_text(encoding="utf-8")
    other = old[: old.rindex(',"seq"')].replace("260115123000", "250115123000") + "}\n"
    path.write_text(other + lines, encoding="utf-8")
    path.with_name(f"{path.name}.torn-20260101").touch()
    _, said, _ = say()
    assert "the first 1 written before there was a chain" in said
    assert "without a seal" in said
    assert "unfinished lines set aside: llm_decisions.jsonl.torn-20260101" in said


# Journal and database: every trade has its record, every profit is Freqtrade's


@pytest.mark.parametrize("name", ["profit_abs", "profit_ratio", "funding_fees", "leverage"])
def test_a_number_that_was_edited_in_a_record_is_found(
    bot: Bookkeeping, say: Say, name: str
) -> None:
    record = bot.closes(bot.opens())
    bot.done()
    value = json.dumps(getattr(record, name))
    replaced(bot.trades, f'"{name}":{value}', f'"{name}":123.25', 1)
    said = say()
    assert fault_of(said) == "differs"
    assert f"trade 1: {name} 123.25; expected {value} as in" in said[2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"side":"short"', '"side":"long"'),
        ('"exit_reason":"halt"', '"exit_reason":"roi"'),
        ('"opened_at":"2026-01-15T13:00:03Z"', '"opened_at":"2026-01-15T13:00:04Z"'),
    ],
)
def test_a_fact_that_was_edited_in_a_record_is_found(
    bot: Bookkeeping, say: Say, old: str, new: str
) -> None:
    replaced(a_story(bot).trades, old, new)
    status, _, complaints = say()
    assert status is ExitStatus.FAILED
    assert "1 differs" in complaints


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trades SET close_profit_abs = 3 WHERE id = 2",
        "UPDATE trades SET close_profit = 0.5 WHERE id = 2",
        "UPDATE trades SET exit_reason = 'roi' WHERE id = 2",
        "UPDATE trades SET is_open = 1 WHERE id = 2",
    ],
)
def test_a_row_that_was_edited_in_the_database_is_found(
    bot: Bookkeeping, say: Say, change: str
) -> None:
    sql(a_story(bot).database, change)
    assert fault_of(say()) == "differs"


def test_a_closed_trade_whose_record_was_never_written_is_found(bot: Bookkeeping, say: Say) -> None:
    bot.closes_unrecorded(bot.opens())
    bot.done()
    said = say()
    assert fault_of(said) == "not recorded"
    assert "start the bot: it writes closed trades that have no record yet" in said[2]


def test_a_close_of_a_moment_ago_is_on_its_way(
    bot: Bookkeeping, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bot.closes_unrecorded(bot.opens())
    bot.done()
    session = Session(Places(tmp_path), {}, Screen())
    assert verify(session, bot.now + timedelta(seconds=119)) is ExitStatus.DONE
    assert "1 on its way: so new that" in capsys.readouterr().out
    assert verify(session, bot.now + timedelta(seconds=121)) is ExitStatus.FAILED


def test_a_removed_record_is_found(bot: Bookkeeping, say: Say) -> None:
    without(a_story(bot).trades, 2)
    assert fault_of(say()) == "not recorded"


def test_a_removed_row_is_found(bot: Bookkeeping, say: Say) -> None:
    sql(a_story(bot).database, "DELETE FROM trades WHERE id = 1")
    assert fault_of(say()) == "unknown trade"


def test_an_invented_record_is_found(bot: Bookkeeping, say: Say) -> None:
    record = bot.closes(bot.opens())
    bot.records(record.model_copy(update={"trade_id": 9, "entry": None}))
    bot.done()
    assert fault_of(say()) == "unknown trade"


def test_a_record_that_is_there_twice_is_found(bot: Bookkeeping, say: Say) -> None:
    bot.records(bot.closes(bot.opens()))
    bot.done()
    assert fault_of(say()) == "told twice"


def test_records_of_an_earlier_database_are_named_and_no_fault(bot: Bookkeeping, say: Say) -> None:
    bot.closes(bot.opens())
    bot.loses_database()
    bot.closes(bot.opens())
    bot.done()
    status, said, complaints = say()
    assert (status, complaints) == (ExitStatus.DONE, "")
    assert "1 earlier database: from before Freqtrade's present database was begun" in said
    assert "trade_experience.jsonl line 1: trade 1 opened 2026-01-15 12:30:03" in said


def test_without_a_database_there_is_nothing_to_compare(bot: Bookkeeping, say: Say) -> None:
    a_story(bot).database.unlink()
    status, said, _ = say()
    assert status is ExitStatus.DONE
    assert "tradesv3.sandbox.sqlite: nothing to compare 2 records of mode sandbox with" in said
    assert said.splitlines()[-1] == (
        "Nothing wrong was found, but not checked: 2 profits of mode sandbox, without a database."
    )


def test_a_database_that_is_none_is_a_fault_and_the_rest_is_checked(
    bot: Bookkeeping, say: Say
) -> None:
    a_story(bot).database.write_text("no database", encoding="utf-8")
    said = say()
    assert fault_of(said) == "unreadable"
    assert "it is no SQLite database; restore it from a backup" in said[2]
    assert "llm_decisions.jsonl: 9 lines, sound" in said[1]


def test_where_trades_are_not_recorded_none_is_missed(
    bot: Bookkeeping, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bot.closes(bot.opens())
    bot.closes_unrecorded(bot.opens())
    bot.done()
    (tmp_path / "config.json").write_text('{"experience_config": {"log_trades": false}}')
    assert verify(Session(Places(tmp_path), {}, Screen()), LATER) is ExitStatus.DONE
    assert "1 not kept" in capsys.readouterr().out


def test_a_fee_that_came_late_is_told_apart(tmp_path: Path, say: Say) -> None:
    bot = Bookkeeping(tmp_path, "live")
    bot.closes(bot.opens())
    bot.done()
    sql(bot.database, "UPDATE trades SET close_profit_abs = close_profit_abs - 0.02")
    status, said, _ = say()
    assert status is ExitStatus.DONE
    assert "1 corrected: profits Freqtrade corrected after the close" in said


def test_each_mode_has_a_database_of_its_own(tmp_path: Path, say: Say) -> None:
    for mode in ("sandbox", "dry_run"):
        bot = Bookkeeping(tmp_path, mode)
        bot.closes(bot.opens())
        bot.done()
    status, said, complaints = say()
    assert (status, complaints) == (ExitStatus.DONE, "")
    for name in ("tradesv3.sandbox.sqlite", "tradesv3.dryrun.sqlite"):
        assert f"{name}: 1 closed trades, 0 open; 1 records of mode" in said
    sql(bot.database, "UPDATE trades SET close_profit = 1")
    assert "as in tradesv3.dryrun.sqlite trade 1" in say()[2]


# Ids


def test_an_entry_that_was_removed_is_found(bot: Bookkeeping, say: Say) -> None:
    without(a_story(bot).decisions, 0)
    status, _, complaints = say()
    assert status is ExitStatus.FAILED
    # Its outcome and its trade both name it.
    assert complaints.startswith("2 unresolved")


def test_an_open_trade_that_nobody_decided_on_any_more_is_found(bot: Bookkeeping, say: Say) -> None:
    without(a_story(bot).decisions, 7, 8)
    said = say()
    assert fault_of(said) == "unresolved"
    assert "tradesv3.sandbox.sqlite trade 3: signal_entry_long by" in said[2]


def test_an_exit_that_was_removed_is_found(bot: Bookkeeping, say: Say) -> None:
    without(a_story(bot).decisions, 4)
    assert say()[2].startswith("2 unresolved")


def test_a_decision_of_another_pair_is_no_reason_for_a_trade(bot: Bookkeeping, say: Say) -> None:
    replaced(a_story(bot).decisions, f'"pair":"{PAIR}"', '"pair":"SOL/USDT:USDT"', 1)
    status, _, complaints = say()
    assert status is ExitStatus.FAILED
    assert "SOL/USDT:USDT signal_entry_long, approved" in complaints


def test_a_fill_of_a_trade_that_never_was_is_found(bot: Bookkeeping, say: Say) -> None:
    replaced(
        a_story(bot).decisions,
        '"outcome":"filled","trade_id":3',
        '"outcome":"filled","trade_id":9',
    )
    status, _, complaints = say()
    assert status is ExitStatus.FAILED
    assert "1 unknown trade" in complaints


def test_a_second_fill_of_one_entry_is_found(bot: Bookkeeping, say: Say) -> None:
    name = bot.decides("signal_wait")
    trade = bot.opens()
    bot.becomes(f"{bot.now:%y%m%d%H%M%S}-BTC-sandbox", "signal_entry_long", trade.id)
    bot.done()
    assert name
    assert fault_of(say()) == "filled twice"


def test_a_thesis_that_was_edited_in_the_database_is_found(bot: Bookkeeping, say: Say) -> None:
    a_story(bot)
    change = "UPDATE trade_custom_data SET cd_value = replace(cd_value, '-BTC-', '-XYZ-')"
    sql(bot.database, change)
    assert "1 differs" in say()[2]


def test_a_trade_that_a_restart_cut_off_from_its_fill_is_remarked(
    bot: Bookkeeping, say: Say
) -> None:
    without(a_story(bot).decisions, 1)
    status, said, complaints = say()
    assert (status, complaints) == (ExitStatus.DONE, "")
    assert "1 not filled: trades whose decision has no `filled` outcome" in said


def test_a_lesson_of_no_trade_is_found(bot: Bookkeeping, say: Say) -> None:
    record = bot.closes(bot.opens())
    bot.words(record, trade_id=9)
    bot.done()
    assert fault_of(say()) == "unresolved"


def test_what_retention_let_go_is_not_missed(tmp_path: Path, say: Say) -> None:
    bot = Bookkeeping(tmp_path, rotation=Rotation(3000, kept_parts=1))
    trades = [bot.opens() for _ in range(6)]
    for trade in trades:
        bot.closes(trade)
    bot.done()
    status, said, complaints = say()
    assert (status, complaints) == (ExitStatus.DONE, "")
    assert "let go up to line" in said
    assert " not kept: named by an id from before what retention has left" in said


def test_a_line_that_is_no_record_is_named(bot: Bookkeeping, say: Say) -> None:
    bot.decides("signal_wait")
    bot.done()
    rewritten(bot.decisions, lambda lines: [*lines, b'{"kind":"poem"}'])
    said = say()
    assert fault_of(said) == "unreadable"
    assert "llm_decisions.jsonl line 2: Input tag 'poem' found" in said[2]


def test_a_lesson_or_trade_that_is_no_record_is_named(bot: Bookkeeping, say: Say) -> None:
    a_story(bot)
    rewritten(bot.trades, lambda lines: [b'{"kind":"poem"}', *lines])
    assert fault_of(say()) == "unreadable"


# The tape


def test_an_answer_that_was_removed_from_the_tape_is_found(bot: Bookkeeping, say: Say) -> None:
    sql(a_story(bot).tape, "DROP TRIGGER attempts_refuse_DELETE")
    sql(bot.tape, "DELETE FROM attempts WHERE rowid = 2")
    said = say()
    assert fault_of(said) == "missing on the tape"
    assert "it is not there; expected it whole on the tape" in said[2]


def test_an_answer_that_was_edited_on_the_tape_is_found(bot: Bookkeeping, say: Say) -> None:
    a_story(bot)
    sql(bot.tape, "DROP TRIGGER texts_refuse_UPDATE")
    sql(
        bot.tape,
        "UPDATE texts SET body = (SELECT body FROM texts ORDER BY hash LIMIT 1)"
        " WHERE hash = (SELECT answer FROM attempts WHERE rowid = 2)",
    )
    status, _, complaints = say()
    assert status is ExitStatus.FAILED
    assert "is not what was written" in complaints


def test_a_tape_that_is_gone_is_one_fault(bot: Bookkeeping, say: Say) -> None:
    a_story(bot).tape.unlink()
    said = say()
    assert fault_of(said) == "missing on the tape"
    assert "there is no tape; expected the 5 attempts that decisions and lessons name" in said[2]


def test_a_tape_that_is_damaged_as_a_whole_is_one_fault(bot: Bookkeeping, say: Say) -> None:
    a_story(bot).tape.write_bytes(b"no tape at all, but quite long" * 40)
    said = say()
    assert fault_of(said) == "missing on the tape"
    assert "is damaged" in said[2]


def test_what_a_model_was_asked_about_a_lesson_is_looked_for_too(
    bot: Bookkeeping, say: Say
) -> None:
    sql(a_story(bot).tape, "DROP TRIGGER attempts_refuse_DELETE")
    sql(bot.tape, "DELETE FROM attempts WHERE model = 'words'")
    said = say()
    assert fault_of(said) == "missing on the tape"
    assert "trade_experience.jsonl line" in said[2]


def test_a_row_of_other_types_is_found(bot: Bookkeeping, say: Say) -> None:
    sql(a_story(bot).tape, "DROP TRIGGER attempts_refuse_UPDATE")
    sql(bot.tape, "UPDATE attempts SET latency_seconds = 'x' WHERE rowid = 2")
    said = say()
    assert fault_of(said) == "missing on the tape"
    assert "columns of other types" in said[2]


def test_decisions_from_before_there_was_a_tape_are_counted(bot: Bookkeeping, say: Say) -> None:
    for _ in range(MOST_EXAMPLES + 1):
        bot.decides("signal_wait", attempts=1, tape_ids=())
    bot.done()
    bot.tape.unlink()
    status, said, _ = say()
    assert status is ExitStatus.DONE
    assert f"{MOST_EXAMPLES + 1} not taped" in said
    assert said.count("expected an attempt on the tape") == MOST_EXAMPLES


# How it is told


def test_many_faults_of_a_kind_are_told_in_part(bot: Bookkeeping, say: Say) -> None:
    trade = bot.opens()
    for number in range(MOST_FAULTS + 5):
        bot.decides("signal_hold", trade_id=90 + number)
    bot.closes(trade)
    bot.done()
    _, _, complaints = say()
    assert f"{MOST_FAULTS + 5} unknown trade: " in complaints
    assert complaints.count("a trade in mode sandbox") == MOST_FAULTS
    assert "  and 5 more" in complaints
    assert complaints.endswith(f"NOT SOUND: {MOST_FAULTS + 5} faults, see above\n")


def test_what_somebody_wrote_into_a_file_is_not_obeyed_by_the_terminal(
    bot: Bookkeeping, say: Say
) -> None:
    name = bot.decides("signal_wait")
    bot.becomes(name, "\x1b[2Jgone", None, outcome="expired")
    bot.done()
    status, _, complaints = say()
    assert status is ExitStatus.FAILED
    assert "[2Jgone" in complaints
    assert "\x1b" not in complaints


def test_on_the_way_through_a_long_journal_something_is_said(
    bot: Bookkeeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "LINES_PER_REPORT", 2)
    a_story(bot)
    reports: list[tuple[str, int]] = []

    class Watched(Screen):
        def progress(self, text: str) -> None:
            name, _, count = text.partition(": ")
            reports.append((name, int(count.split()[0])))

    verify(Session(Places(tmp_path), {}, Watched()), LATER)
    assert reports == [
        ("trade_experience.jsonl", 2),
        *(("llm_decisions.jsonl", count) for count in (2, 4, 6, 8)),
    ]


def test_what_is_told_of_records_holds_for_any_of_them(bot: Bookkeeping, say: Say) -> None:
    records: list[Any] = [a_trade_record(trade_id=number, entry=None) for number in range(3)]
    for record in records:
        bot.records(record.model_copy(update={"exit_decision_id": None}))
    bot.done()
    bot.database.unlink()
    assert say()[0] is ExitStatus.DONE
