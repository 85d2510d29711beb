"""Whatever happens to a journal, it reads back as what was acknowledged, or the chain tells."""

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from builders import a_decision_record
from journaling import a_journal, a_log, drain, files_of, ids, numbered, put_back, write
from llm_modules.journal.chain import chained
from llm_modules.journal.checking import check_chain
from llm_modules.journal.encoding import encoded
from llm_modules.journal.log import JsonlLog, Rotation
from llm_modules.journal.parts import part_numbers
from llm_modules.journal.reader import read_newest
from llm_modules.journal.records import DECISION_LINES

RECORDS = 9
Step = Literal["append", "reopen", "pack"] | int

# A number is a crash: so many bytes of the next line were written when the process died.
STEPS = st.lists(
    st.one_of(
        st.sampled_from(["append", "append", "append", "reopen", "pack"]), st.integers(1, 400)
    ),
    max_size=25,
)
LINE_BYTES = len(encoded(a_decision_record())) + 33


class Scene:
    """A journal in a folder of its own, and what it was told to keep."""

    def __init__(self, folder: str, part_bytes: int, durability: Literal["flush", "fsync"]) -> None:
        self.path = Path(folder) / "d.jsonl"
        self.kept: list[str] = []
        self._rotation = Rotation(part_bytes)
        self._durability = durability
        self.log = self._opened()

    def take(self, step: Step) -> None:
        if step == "append":
            write(self.log, name := f"d-{len(self.kept)}")
            self.kept.append(name)
        elif step == "pack":
            drain(self.log)
        else:
            self.log.close()
            if isinstance(step, int):
                self._tear(step)
            self.log = self._opened()

    def _opened(self) -> JsonlLog:
        return JsonlLog(self.path, rotation=self._rotation, durability=self._durability)

    def _tear(self, count: int) -> None:
        line, _ = chained(encoded(a_decision_record(decision_id="torn")), self.log._link)
        with self.path.open("ab") as file:
            file.write(line[: min(count, len(line) - 1)])


@settings(deadline=None, max_examples=150)
@given(STEPS, st.integers(1, 4 * LINE_BYTES), st.sampled_from(["flush", "fsync"]))
def test_any_sequence_of_appends_crashes_and_rotations_reads_back_as_acknowledged(
    steps: Sequence[Step], part_bytes: int, durability: Literal["flush", "fsync"]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(folder, part_bytes, durability)
        for step in steps:
            scene.take(step)
            assert ids(scene.path) == scene.kept
        scene.log.close()
        assert check_chain(scene.path).faults == ()
        assert check_chain(scene.path).last_seq == len(scene.kept)
        newest = read_newest(scene.path, DECISION_LINES, 3).records
        assert [getattr(one, "decision_id", "") for one in newest] == scene.kept[-3:]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, RECORDS), st.integers(0, RECORDS * 700), st.integers(0, 3))
def test_an_end_lost_with_the_power_costs_no_other_line_and_is_told(
    per_part: int, lost_bytes: int, written_after: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = a_journal(Path(folder) / "d.jsonl", RECORDS, per_part=per_part)
        os.truncate(path, max(0, path.stat().st_size - lost_bytes))
        left = ids(path)
        assert left == numbered(0, len(left))
        log = a_log(path)
        after = [f"after-{number}" for number in range(written_after)]
        write(log, *after)
        log.close()
        assert ids(path) == left + after
        kinds = [fault.kind for fault in check_chain(path).faults]
        told = ["missing" if after else "cut"]
        assert kinds == (told if len(left) < RECORDS else [])


@cache
def journal_files(per_part: int) -> dict[str, bytes]:
    """The files of a journal by name: made once, for making them waits for the disk."""
    with tempfile.TemporaryDirectory() as folder:
        a_journal(Path(folder) / "d.jsonl", RECORDS, per_part=per_part)
        return {one.name: one.read_bytes() for one in Path(folder).iterdir()}


@st.composite
def tamperings(draw: st.DrawFn) -> tuple[str, int, int, int]:
    """What is done, to which line, and to which other one or at which byte."""
    what = draw(st.sampled_from(["flip", "remove", "swap", "repeat", "insert"]))
    line, other = draw(st.integers(0, RECORDS - 1)), draw(st.integers(0, RECORDS - 1))
    return what, line, other, draw(st.integers(0, 10_000))


def tampered(lines: list[bytes], what: str, line: int, other: int, byte: int) -> list[bytes]:
    """Return the lines of a whole journal after somebody was there."""
    lines = list(lines)
    if what == "flip":
        text = bytearray(lines[line])
        text[byte % len(text)] ^= 1 + byte % 255
        lines[line] = bytes(text)
    elif what == "remove":
        del lines[line]
    elif what == "swap":
        lines[line], lines[other] = lines[other], lines[line]
    elif what == "repeat":
        lines.insert(other, lines[line])
    else:
        lines.insert(line, b"%d\n" % byte)
    return lines


@settings(deadline=None, max_examples=300)
@given(st.integers(1, RECORDS), tamperings())
def test_any_edited_removed_swapped_repeated_or_inserted_line_is_found(
    per_part: int, tampering: tuple[str, int, int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.jsonl"
        for name, content in journal_files(per_part).items():
            path.with_name(name).write_bytes(content)
        files = files_of(path)
        before = [line for lines in files.values() for line in lines]
        after = tampered(before, *tampering)
        assume(after != before)
        for file, lines in files.items():
            # What was put in or taken out stands in the last file, the live one.
            count = len(lines) if file != path else len(after)
            files[file], after = after[:count], after[count:]
        put_back(files)
        report = check_chain(path)
        assert not report.is_sound
        assert part_numbers(path) == list(range(1, len(files)))
