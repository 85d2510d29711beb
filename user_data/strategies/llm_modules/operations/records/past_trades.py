"""The closed trades of all modes, as commands about the past read them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from llm_modules.domain import RunMode
from llm_modules.journal.gist import GIST_LINES, TradeGist
from llm_modules.journal.records import TradeKey
from llm_modules.learning.remembered import RememberedTrade, remembered


class PastTrade(NamedTuple):
    """A closed trade and whether its money was real."""

    mode: RunMode
    trade: RememberedTrade


class PastTrades:
    """Reads the trades of a journal in one pass, each once; `bad_lines` counts what it could not.

    Modes are for the reader to keep apart: a simulated market proves nothing of a real one.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.bad_lines = 0

    def __iter__(self) -> Iterator[PastTrade]:
        known: set[TradeKey] = set()
        for line in self._lines:
            gist = self._gist(line)
            if gist is None:
                continue
            key = (gist.mode, gist.trade_id, gist.opened_at)
            if key not in known:
                known.add(key)
                yield PastTrade(gist.mode, remembered(gist))

    def _gist(self, line: bytes) -> TradeGist | None:
        try:
            record = GIST_LINES.validate_json(line)
        except ValidationError:
            # The last line may be in the middle of being written.
            self.bad_lines += line.endswith(b"\n")
            return None
        return record if isinstance(record, TradeGist) else None
