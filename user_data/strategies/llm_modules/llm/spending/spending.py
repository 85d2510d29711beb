"""Spending: the meter that prices every request, enters it in the ledger, and keeps the budget."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeVar

from llm_modules.dialogue import Expense, Inquiry, Usage
from llm_modules.errors import JournalError, ProviderError
from llm_modules.llm.spending.budget import Budget, Limit
from llm_modules.llm.spending.charging import UNSENT, Outlook, charged, fault_kind
from llm_modules.llm.spending.ledger import SANDBOX, Ledger, row_of
from llm_modules.llm.spending.periods import Spent
from llm_modules.llm.spending.prices import Price, Prices
from llm_modules.llm.spending.tally import Tally

# What is said when something fails, and when it works again.
_SAID = {
    "read": ("What others spend is not counted: %s", "What others spend is counted again"),
    "written": ("Costs are only counted in memory: %s", "The ledger of costs is written again"),
    "named": (
        "Costs do not tell what came of them: %s",
        "Costs tell again what came of them",
    ),
}

# More than can be asked at once.
MOST_UNNAMED = 1000

logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Spending:
    """A Meter; belongs to the thread that asks, except for `notices`.

    Every request counts in memory at once. A ledger that cannot be written costs the memory of a
    restart, not the budget: that is said once, and once when it works again.
    """

    def __init__(
        self,
        prices: Prices,
        ledger: Ledger,
        limits: tuple[Limit, ...],
        *,
        mode: str,
        longest_answer: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take over what was spent before. Raises JournalError when that cannot be read."""
        self._prices = prices
        self._ledger = ledger
        self._limits = limits
        self._mode = mode
        self._longest_answer = longest_answer
        self._clock = clock
        self._tally = Tally(ledger, is_sandbox=mode == SANDBOX)
        self._budget = Budget(limits, self._tally, clock)
        self._failing: set[str] = set()
        # Of decisions without a name yet, newest last; a dict, for its order.
        self._unnamed: dict[str, None] = {}
        # Without limits as well: a damaged file is easier to mend before it is needed.
        ledger.newest()
        if limits:
            self._tally.start(clock())
            self._budget.watch()

    def admit(self) -> None:
        """Let a request pass, or raise ProviderError("over_budget") when a limit is reached."""
        if self._limits:
            self._refresh()
            self._budget.check()

    def reserving(
        self, provider: str, model: str, prompt_tokens: int
    ) -> AbstractContextManager[None]:
        """Keep free what a request may take while it is under way.

        Entering raises ProviderError("over_budget") when it does not fit any more, or when money
        is limited and nobody knows what the model costs.
        """
        if not self._limits:
            return nullcontext()
        return self._reserving(provider, model, prompt_tokens)

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:
        """Count a request and return it with tokens as charged and its cost, None if unknown."""
        known = self.priced(expense, estimated_tokens)
        # What was never sent is no request.
        if fault_kind(expense.fault) in UNSENT:
            return known
        row = row_of(inquiry, known, self._mode)
        self._await_name(inquiry.decision_id)
        row_id = self._tried("written", lambda: self._ledger.add(row))
        if self._limits:
            spent = Spent(row.prompt_tokens + row.completion_tokens, known.cost or 0.0)
            self._tally.count(known.at, spent, row_id)
            self._budget.watch()
        return known

    def priced(self, expense: Expense, estimated_tokens: int = 0) -> Expense:
        """Return a request with tokens as charged and its cost at its time; nothing is counted."""
        outlook = Outlook(estimated_tokens, self._longest_answer)
        usage = charged(expense.usage, expense.fault, outlook)
        price = self._prices.price(
            expense.provider, expense.model, expense.at, usage.prompt_tokens or 0
        )
        return replace(expense, usage=usage, cost=_cost(usage, price))

    def most_cost(
        self, provider: str, model: str, prompt_tokens: int, answer_tokens: int
    ) -> float | None:
        """Return what a request would cost at most in US dollars, None if nobody knows."""
        price = self._prices.price(provider, model, self._clock(), prompt_tokens)
        return None if price is None else price.most(prompt_tokens, answer_tokens)

    def named(self, decision_id: str, kind: str) -> None:
        """Call the requests of a decision by the tool that came of it, or "failed"."""
        # Played from a tape, or asked of nobody: there is no row to name.
        if decision_id not in self._unnamed:
            return
        del self._unnamed[decision_id]
        # An update that finds no row succeeds on a full disk too: it proves nothing of the others.
        self._tried("named", lambda: self._ledger.named(decision_id, kind))

    def notices(self) -> tuple[str, ...]:
        """Take the sentences about the budget that people should be told."""
        return self._budget.notices()

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    def _await_name(self, decision_id: str) -> None:
        self._unnamed[decision_id] = None
        # A question about all pairs never gets one.
        if len(self._unnamed) > MOST_UNNAMED:
            del self._unnamed[next(iter(self._unnamed))]

    @contextmanager
    def _reserving(self, provider: str, model: str, prompt_tokens: int) -> Iterator[None]:
        usd = self.most_cost(provider, model, prompt_tokens, self._longest_answer)
        if usd is None and any(limit.unit == "usd" for limit in self._limits):
            raise ProviderError(
                "over_budget",
                f"the price of {model!r} is unknown, so llm_config.budget cannot be kept: "
                "add it to llm_config.prices",
            )
        self._refresh()
        with self._budget.reserving(Spent(prompt_tokens + self._longest_answer, usd or 0.0)):
            yield

    def _refresh(self) -> None:
        """Take in what others spent, and what a period that has begun had cost before."""
        self._tried("read", self._tally.catch_up)
        self._budget.watch()
        for period in self._budget.periods():
            if not self._tally.knows(period):
                self._tried("read", partial(self._tally.load, period))

    def _tried(
        self, what: Literal["read", "written", "named"], act: Callable[[], _Result]
    ) -> _Result | None:
        try:
            result = act()
        except JournalError as error:
            if what not in self._failing:
                logger.warning(_SAID[what][0], error)
            self._failing.add(what)
            return None
        if what in self._failing:
            logger.warning(_SAID[what][1])
        self._failing.discard(what)
        return result


def _cost(usage: Usage, price: Price | None) -> float | None:
    """Return what a server said it asks for, else what the price makes of the tokens."""
    # A server that says nothing was asked is believed only where nobody knows better.
    if usage.cost or price is None:
        return usage.cost
    return price.cost(usage)
