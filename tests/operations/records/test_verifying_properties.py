"""Whatever a bot did is sound, and no line or row of it can be taken or changed unseen."""

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path

from freqtrade.persistence import Trade
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping import ETH, LATER, Bookkeeping, sql
from builders import PAIR
from journaling import drain
from llm_modules.journal.log import Rotation
from llm_modules.journal.parts import packed_path, part_numbers
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.records.verifying import verify
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from stored_trades import let_go_of_database

LINE_BYTES = 600
STEPS = st.lists(
    st.sampled_from(["long", "short", "close", "stop", "halt", "wait", "hold", "word", "database"]),
    min_size=1,
    max_size=8,
)
# Taking or changing a row that is found; the gap is for a trade.
ROW_CHANGES = (
    "DELETE FROM trades WHERE id = ?",
    "UPDATE trades SET pair = 'SOL/USDT:USDT' WHERE id = ?",
    "UPDATE trades SET is_short = 1 - is_short WHERE id = ?",
    "DELETE FROM trade_custom_data WHERE ft_trade_id = ? AND cd_key = 'thesis'",
    "UPDATE trade_custom_data SET cd_value = replace(cd_value, '-', '+') WHERE ft_trade_id = ?",
)
# Where it is closed.
PROFIT_CHANGES = (
    "UPDATE trades SET close_profit_abs = close_profit_abs + 0.001 WHERE id = ?",
    "UPDATE trades SET close_profit = close_profit * 1.001 WHERE id = ?",
    "UPDATE trades SET is_open = 1 WHERE id = ?",
)


class Story:
    """What a bot does step by step, as far as it can at that moment."""

    def __init__(self, bot: Bookkeeping) -> None:
        self._bot = bot
        self._open: dict[str, Trade] = {}
        self._last_record = None

    def take(self, step: str) -> None:
        if step in {"long", "short"}:
            self._open_one(step)
        elif step in {"close", "stop"} and self._open:
            trade = self._open.pop(next(iter(self._open)))
            reason = "signal_exit" if step == "close" else "stop_loss"
            self._last_record = self._bot.closes(trade, reason)
        elif step == "halt":
            self._bot.halts()
        elif step == "wait":
            self._bot.decides("signal_wait", status="refused")
        elif step == "hold" and self._open:
            pair, trade = next(iter(self._open.items()))
            self._bot.decides("signal_hold", pair, trade_id=trade.id)
        elif step == "word" and self._last_record is not None:
            self._bot.words(self._last_record)
        elif step == "database" and not self._open:
            self._bot.loses_database()

    def _open_one(self, side: str) -> None:
        free = [pair for pair in (PAIR, ETH) if pair not in self._open]
        if free:
            self._open[free[0]] = self._bot.opens(free[0], side)


def is_sound(folder: Path) -> bool:
    return verify(Session(Places(folder), {}, Screen()), LATER) is ExitStatus.DONE


def lines_of(path: Path) -> list[bytes]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return text.splitlines(keepends=True)


def put(path: Path, lines: list[bytes]) -> None:
    text = b"".join(lines)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def changed_lines(bot: Bookkeeping) -> Iterator[str]:
    """Take away and change each line of both journals, one at a time; yields what was done."""
    for journal in (bot.decisions, bot.trades):
        parts = [packed_path(journal, number) for number in part_numbers(journal)]
        for path in (*parts, journal):
            lines, before = lines_of(path), path.read_bytes()
            for number, line in enumerate(lines):
                put(path, lines[:number] + lines[number + 1 :])
                yield f"{path.name} without {line!r}"
                put(path, [*lines[:number], line.replace(b"26", b"27", 1), *lines[number + 1 :]])
                yield f"{path.name} with another {line!r}"
            path.write_bytes(before)


def changed_rows(bot: Bookkeeping) -> Iterator[str]:
    """Take away and change each trade of the present database, one at a time."""
    trades = [(trade.id, trade.is_open) for trade in Trade.session.query(Trade).all()]
    let_go_of_database()
    before = bot.database.read_bytes()
    for trade_id, is_open in trades:
        for change in ROW_CHANGES if is_open else ROW_CHANGES + PROFIT_CHANGES:
            sql(bot.database, change, trade_id)
            yield f"{change} {trade_id}"
            bot.database.write_bytes(before)


def changed_tape(bot: Bookkeeping) -> Iterator[str]:
    """Take away each attempt, one at a time."""
    if not bot.tape.exists():
        return
    sql(bot.tape, "DROP TRIGGER attempts_refuse_DELETE")
    sql(bot.tape, "PRAGMA journal_mode = delete")
    before = bot.tape.read_bytes()
    for number in range(sum(b'"tape_ids":["' in line for line in all_decisions(bot))):
        sql(bot.tape, "DELETE FROM attempts WHERE rowid = ?", number + 1)
        yield f"no attempt {number + 1}"
        bot.tape.write_bytes(before)


def all_decisions(bot: Bookkeeping) -> list[bytes]:
    parts = [packed_path(bot.decisions, one) for one in part_numbers(bot.decisions)]
    return [line for path in (*parts, bot.decisions) for line in lines_of(path)]


@settings(deadline=None, max_examples=20)
@given(STEPS, st.integers(1, 6))
def test_any_story_is_sound_and_nothing_of_it_can_be_taken_or_changed_unseen(
    steps: list[str], lines_per_part: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bot = Bookkeeping(Path(folder), rotation=Rotation(lines_per_part * LINE_BYTES))
        story = Story(bot)
        for step in steps:
            story.take(step)
        drain(bot._log)
        drain(bot._records)
        bot.done()
        assert is_sound(Path(folder))
        for changes in (changed_lines(bot), changed_rows(bot), changed_tape(bot)):
            for change in changes:
                assert not is_sound(Path(folder)), change
            assert is_sound(Path(folder))
