"""Writers that are killed while they write, rotate and pack lose and repeat nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from journaling import a_log, drain, ids, write
from llm_modules.journal.checking import check_chain
from llm_modules.journal.parts import found_lines, part_numbers

SCRIPT = Path(__file__).with_name("kill_writers.py")
JOURNALS = 4
KILLS = (1000 if os.environ.get("NIGHTLY") == "1" else 200) // JOURNALS
NAME = re.compile(rb'"decision_id":"d-(\d+)-(\d+)"')


def kill_writers(path: Path, seed: int, durability: str) -> list[int]:
    """Return how many records each killed writer had been told were written."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, str(SCRIPT), str(path), str(KILLS), str(seed), durability],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


def names_in(path: Path) -> list[tuple[int, int]]:
    """Writer and number of every record, in the order of the lines."""
    found = [NAME.search(line.text) for line in found_lines(path)]
    return [(int(match[1]), int(match[2])) for match in found if match]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(JOURNALS))
def test_every_record_acknowledged_before_a_kill_is_there_once_and_in_order(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "d.jsonl"
    acknowledged = kill_writers(path, seed, "fsync" if seed == 0 else "flush")
    assert len(acknowledged) == KILLS
    # Opened and closed once more: the last kill's torn line is set aside, its parts are packed.
    log = a_log(path)
    write(log, "d-9999-0")
    drain(log)
    log.close()
    *names, last = names_in(path)
    assert last == (9999, 0)
    assert names == sorted(set(names))
    for writer, count in enumerate(acknowledged):
        written = [number for one, number in names if one == writer]
        assert written == list(range(len(written)))
        # One more may have been written whose acknowledgement the kill came before.
        assert count <= len(written) <= count + 1
    # What was killed really wrote, and really rotated.
    assert sum(acknowledged) > KILLS
    assert len(part_numbers(path)) > 1
    assert check_chain(path).faults == ()
    assert ids(path)[-1] == "d-9999-0"
