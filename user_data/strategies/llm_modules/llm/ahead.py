"""A tape read ahead: whoever plays it asks nearly always in the order in which it was recorded."""

import sqlite3

from llm_modules.llm.attempts import tape_id_of
from llm_modules.llm.rows import Stored, stored_from

MOST_READ = 32
# Of pairs that are asked about at once some were recorded before the first to be looked up.
MOST_KEPT = 2 * MOST_READ


class ReadAhead:
    """The attempts of one file that were recorded after those that were looked up.

    Each is given once, and is right whenever that is: what is on a tape is never changed. Twice as
    many are read at a time as were asked for since the last time: another order costs little.
    """

    def __init__(self) -> None:
        # By request and nth; the oldest goes first.
        self._ahead: dict[tuple[str, int], Stored] = {}
        self._asked = 1

    def find(self, connection: sqlite3.Connection, request_hash: str, nth: int) -> Stored | None:
        """Return the nth asking of a request as it is stored, None when it is not there."""
        known = self._ahead.pop((request_hash, nth), None)
        if known is not None:
            self._asked += 1
            return known
        most = min(2 * self._asked, MOST_READ)
        try:
            found = stored_from(connection, request_hash, nth, most)
        except sqlite3.Error:
            # Of those after it one may be damaged, which is told when it is asked for.
            found = stored_from(connection, request_hash, nth, 1)
        if not found:
            return None
        self._asked = 1
        self._keep(found[1:])
        return found[0]

    def _keep(self, later: list[Stored]) -> None:
        # One whose id is not that of what it says is damaged, and may not stand for another.
        whole = [row for row in later if row[0] == tape_id_of(row[1], row[2])]
        self._ahead |= {(row[1], row[2]): row for row in whole}
        for _ in range(len(self._ahead) - MOST_KEPT):
            del self._ahead[next(iter(self._ahead))]
