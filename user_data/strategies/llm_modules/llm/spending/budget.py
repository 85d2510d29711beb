"""The budget: how much may be spent in a day and a month, and what people are told about it."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.config import BudgetConfig
from llm_modules.errors import ProviderError
from llm_modules.llm.spending.periods import NOTHING, Period, Span, Spent
from llm_modules.llm.spending.tally import Tally

WARN_AT_RATIO = 0.8
MOST_NOTICES = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of `llm_config.budget`."""

    key: str
    unit: Literal["usd", "tokens"]
    span: Span
    amount: float

    def of(self, spent: Spent) -> float:
        """Return what counts against the limit."""
        return spent.usd if self.unit == "usd" else spent.tokens

    def words(self, amount: float) -> str:
        """Word an amount of the limit's unit."""
        return f"{amount:.4f} USD" if self.unit == "usd" else f"{amount:,.0f} tokens"


def limits_of(budget: BudgetConfig) -> tuple[Limit, ...]:
    """Return the limits that are set."""
    all_of_them = (
        Limit("usd_per_day", "usd", "day", budget.usd_per_day or 0),
        Limit("usd_per_month", "usd", "month", budget.usd_per_month or 0),
        Limit("tokens_per_day", "tokens", "day", budget.tokens_per_day or 0),
        Limit("tokens_per_month", "tokens", "month", budget.tokens_per_month or 0),
    )
    return tuple(limit for limit in all_of_them if limit.amount)


class Budget:
    """Lets requests pass while what was spent, what is under way and what they may take fit in.

    Used on the decision thread, `notices` on any. It is said once per limit and period that most
    of it is spent, and once that nothing more is asked.
    """

    def __init__(
        self, limits: tuple[Limit, ...], tally: Tally, clock: Callable[[], datetime]
    ) -> None:
        self._limits = limits
        self._tally = tally
        self._clock = clock
        self._under_way: list[Spent] = []
        self._told: set[tuple[str, datetime, str]] = set()
        self._notices: deque[str] = deque(maxlen=MOST_NOTICES)

    def periods(self) -> tuple[Period, ...]:
        """Return the days and months that the limits are about now."""
        now = self._clock()
        return tuple(dict.fromkeys(Period.around(limit.span, now) for limit in self._limits))

    def check(self, outlook: Spent = NOTHING) -> None:
        """Raise ProviderError("over_budget") unless a request with this outlook may be made."""
        now = self._clock()
        for limit in self._limits:
            self._check(limit, Period.around(limit.span, now), outlook)

    @contextmanager
    def reserving(self, outlook: Spent) -> Iterator[None]:
        """Keep the outlook of a request free while it is under way, or raise as `check` does."""
        self.check(outlook)
        self._under_way.append(outlook)
        try:
            yield
        finally:
            self._under_way.remove(outlook)

    def watch(self) -> None:
        """Say once per period when most of a limit, or all of it, is spent."""
        now = self._clock()
        for limit in self._limits:
            period = Period.around(limit.span, now)
            spent = limit.of(self._tally.spent(period))
            if spent >= limit.amount:
                self._tell_stop(limit, period, spent)
            elif spent >= WARN_AT_RATIO * limit.amount:
                self._tell_most(limit, period, spent)

    def notices(self) -> tuple[str, ...]:
        """Take the sentences that people should be told."""
        return tuple(self._notices.popleft() for _ in range(len(self._notices)))

    def _check(self, limit: Limit, period: Period, outlook: Spent) -> None:
        spent, takes = limit.of(self._tally.spent(period)), limit.of(outlook)
        under_way = sum(map(limit.of, self._under_way))
        if spent < limit.amount and spent + under_way + takes <= limit.amount:
            return
        said = (
            f"llm_config.budget.{limit.key}: {limit.words(spent)} of "
            f"{limit.words(limit.amount)} spent, a request may take {limit.words(takes)}"
        )
        if spent < limit.amount and spent + takes <= limit.amount:
            self._log_once(limit, period, f"{said}, those under way {limit.words(under_way)}")
            raise ProviderError("over_budget", f"{said}, and those under way the rest")
        self._tell_stop(limit, period, spent)
        raise ProviderError("over_budget", f"{said}: not asked until {_end(period)}")

    def _tell_most(self, limit: Limit, period: Period, spent: float) -> None:
        share = f"{limit.words(spent)} of {limit.words(limit.amount)}"
        text = (
            f"Asking the model has taken {share} ({spent / limit.amount:.0%} of "
            f"llm_config.budget.{limit.key}); at 100 % it is not asked until {_end(period)}."
        )
        self._tell(limit, period, "most", text)

    def _tell_stop(self, limit: Limit, period: Period, spent: float) -> None:
        share = f"{limit.words(spent)} of {limit.words(limit.amount)}"
        text = (
            f"The model is not asked until {_end(period)}: {share} spent "
            f"(llm_config.budget.{limit.key}). Stops and exits go on."
        )
        self._tell(limit, period, "stop", text)

    def _tell(self, limit: Limit, period: Period, what: str, text: str) -> None:
        if self._is_news(limit, period, what):
            logger.warning("%s", text)
            self._notices.append(text)

    def _log_once(self, limit: Limit, period: Period, text: str) -> None:
        if self._is_news(limit, period, "under way"):
            logger.warning("%s", text)

    def _is_news(self, limit: Limit, period: Period, what: str) -> bool:
        event = (limit.key, period.start, what)
        is_news = event not in self._told
        self._told.add(event)
        return is_news


def _end(period: Period) -> str:
    return f"{period.end:%Y-%m-%d %H:%M} UTC"
