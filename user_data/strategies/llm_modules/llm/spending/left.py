"""What is left of each limit of the budget, for whoever shows it."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from llm_modules.config import BudgetConfig
from llm_modules.errors import ConfigError
from llm_modules.llm.spending.budget import Limit, limits_of
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.periods import Period
from llm_modules.llm.spending.totals import total


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """One limit of the budget, what counts against it, and until when."""

    key: str
    amount: float
    spent: float
    left: float
    until: str


def limits_in(block: object) -> tuple[Limit, ...]:
    """Return the limits of `llm_config.budget` as it stands in the settings, None for no block.

    Raises ConfigError where it cannot be read: then nobody knows what is left.
    """
    try:
        return limits_of(BudgetConfig.model_validate({} if block is None else block))
    except ValidationError:
        pass
    # Outside the except: pydantic's own text is for those who write settings by program.
    raise ConfigError("llm_config.budget cannot be read: ./manage.sh doctor --no-calls says why")


def left_of(limit: Limit, ledger: Ledger, now: datetime, *, is_sandbox: bool) -> BudgetLeft:
    """Return what is left of a limit now. Raises JournalError for a damaged ledger."""
    period = Period.around(limit.span, now)
    found = total(ledger, period.start, period.end, is_sandbox=is_sandbox)
    spent = found.usd if limit.unit == "usd" else found.tokens
    left = max(0.0, limit.amount - spent)
    return BudgetLeft(limit.key, limit.amount, spent, left, f"{period.end:%Y-%m-%d %H:%M} UTC")
