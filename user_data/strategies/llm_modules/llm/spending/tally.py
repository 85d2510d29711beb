"""What was spent in a period, by this process and by the others, whether or not it was written."""

from datetime import datetime

from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.periods import NOTHING, SPANS, Period, Spent


class Tally:
    """Sums per day and month that only grow: of the ledger's rows at the start, and all since.

    What this process charges counts at once, in memory, also when it cannot be written; what
    others charge counts with the next `catch_up`. The sandbox is counted apart from all else.
    """

    def __init__(self, ledger: Ledger, *, is_sandbox: bool = False) -> None:
        self._ledger = ledger
        self._is_sandbox = is_sandbox
        self._generation = ledger.generation
        # Rows up to the first id are in `_before`, all others in `_since`, when they were seen.
        self._started_after = 0
        self._seen = 0
        self._own: set[int] = set()
        self._before: dict[Period, Spent] = {}
        self._since: dict[Period, Spent] = {}

    def start(self, now: datetime) -> None:
        """Take over what was spent in the periods of now. Raises JournalError."""
        self._started_after = self._seen = self._ledger.newest()
        self._generation = self._ledger.generation
        for span in SPANS:
            self.load(Period.around(span, now))

    def load(self, period: Period) -> None:
        """Take over what a period had cost before the start. Raises JournalError."""
        self._before[period] = self._ledger.spent(
            period, self._started_after, is_sandbox=self._is_sandbox
        )

    def knows(self, period: Period) -> bool:
        """Tell whether what a period had cost before the start was taken over."""
        return period in self._before

    def spent(self, period: Period) -> Spent:
        """Return what is known to have been spent in a period."""
        return self._before.get(period, NOTHING) + self._since.get(period, NOTHING)

    def count(self, at: datetime, spent: Spent, row_id: int | None) -> None:
        """Count a request of this process; `row_id` is None when it could not be written."""
        self._mind_the_file()
        self._add(at, spent)
        if row_id is not None:
            self._own.add(row_id)

    def catch_up(self) -> None:
        """Count what others have written since. Raises JournalError."""
        charges = self._ledger.after(self._seen)
        if self._mind_the_file():
            charges = self._ledger.after(self._seen)
        for charge in charges:
            is_ours = charge.row_id in self._own
            if not is_ours and charge.is_sandbox == self._is_sandbox:
                self._add(charge.at, charge.spent)
            self._own.discard(charge.row_id)
            self._seen = charge.row_id

    def _mind_the_file(self) -> bool:
        """Begin anew in a file that took the place of the one before; what was counted stays."""
        if self._generation == self._ledger.generation:
            return False
        self._generation = self._ledger.generation
        self._started_after = self._seen = 0
        self._own.clear()
        return True

    def _add(self, at: datetime, spent: Spent) -> None:
        for span in SPANS:
            period = Period.around(span, at)
            self._since[period] = self._since.get(period, NOTHING) + spent
