"""Starts writers of a journal at full speed and kills them at random moments.

    python kill_writers.py JOURNAL KILLS SEED DURABILITY

Prints a line per writer: how many records it had been told were written. Record `d-K-N` is the
Nth of writer K. A process of its own without threads, so that it can fork.
"""

import mmap
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Literal, cast

from builders import a_decision_record
from llm_modules.journal.log import JsonlLog, Rotation

# Some thirty records: a part is full, and being packed, at nearly every moment.
PART_BYTES = 16_384
LONGEST_LIFE_SECONDS = 0.02


def main(name: str, kills: str, seed: str, durability: str) -> None:
    moments = random.Random(int(seed))  # noqa: S311 - moments, not secrets
    acknowledged = memoryview(mmap.mmap(-1, 8)).cast("Q")
    for writer in range(int(kills)):
        acknowledged[0] = 0
        child = os.fork()
        if child == 0:
            _write_until_killed(Path(name), writer, durability, acknowledged)
        # Two of three are killed while they write, the others maybe while they open the journal.
        while writer % 3 and acknowledged[0] == 0:
            time.sleep(0)
        time.sleep(moments.uniform(0, LONGEST_LIFE_SECONDS))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            raise SystemExit(f"writer {writer} ended by itself: {status}")
        print(acknowledged[0], flush=True)  # noqa: T201


def _write_until_killed(path: Path, writer: int, durability: str, acknowledged: memoryview) -> None:
    try:
        log = JsonlLog(
            path,
            durability=cast("Literal['flush', 'fsync']", durability),
            rotation=Rotation(PART_BYTES),
        )
        while True:
            log.append(a_decision_record(decision_id=f"d-{writer}-{acknowledged[0]}"))
            acknowledged[0] += 1
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
