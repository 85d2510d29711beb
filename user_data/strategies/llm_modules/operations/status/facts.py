"""What `status` tells, as one frozen value: `--json` prints it, `page.py` writes it for people.

The names are the keys of the JSON and stay. What is not known is None, never a guess.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.domain import RunMode, Side
from llm_modules.journal.records import DecisionStatus
from llm_modules.llm.spending.left import BudgetLeft

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Process:
    """A living process of the bot."""

    name: str
    pid: int


@dataclass(frozen=True, slots=True)
class BotFacts:
    """Whether the bot runs and in which mode; of one that does not, the mode it ran in last.

    `starts_as` is what the next start would give; `processes` of a bot that does not run are
    what a supervisor that was killed left behind.
    """

    running: bool
    mode: RunMode | None
    starts_as: RunMode | None = None
    started_at: datetime | None = None
    uptime_seconds: int | None = None
    processes: tuple[Process, ...] = ()
    api_address: str | None = None
    api_answers: bool = False


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Equity as the gate counts it: the balance plus the open profit of every position.

    `source` is Freqtrade's API, or the last decision in the journal where that does not answer;
    `at` is when it was so. `drawdown_ratio` is 0 at the peak and negative below it.
    """

    source: Literal["api", "journal"]
    at: datetime
    currency: str
    equity: float
    peak_equity: float | None
    drawdown_ratio: float | None
    day_start_equity: float | None
    day_profit_abs: float | None
    day_profit_ratio: float | None


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """An open position; price and profit are known while the bot runs."""

    trade_id: int
    pair: str
    side: Side
    leverage: float
    stake_amount: float
    opened_at: datetime
    open_rate: float
    current_rate: float | None
    profit_ratio: float | None
    profit_abs: float | None
    stop_price: float | None
    decision_id: str | None
    thesis: str | None


@dataclass(frozen=True, slots=True)
class LastDecision:
    """The newest decision about a pair; no tool where no call came."""

    pair: str
    decision_id: str
    at: datetime
    age_seconds: int
    tool: str | None
    verdict: DecisionStatus
    confidence: float | None


@dataclass(frozen=True, slots=True)
class RefusalFacts:
    """The refused decisions of the last 24 hours, and how often each check refused."""

    decisions: int
    by_reason: dict[str, int]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """How the model did in the last 24 hours; seconds are those of a whole decision, retries too.

    `fallback` answers came from another model than the configured ones, `breaker` questions were
    not put because a server keeps failing, `over_budget` ones because the budget was spent.
    """

    name: str | None
    asked: int
    failed: int
    error_ratio: float | None
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None
    fallback: int
    breaker: int
    over_budget: int
    skipped: int


@dataclass(frozen=True, slots=True)
class CostFacts:
    """What asking has cost since midnight UTC, the requests of unknown price, and the limits.

    `budget` is None where the settings of it cannot be read.
    """

    today_usd: float
    requests: int
    unpriced: int
    budget: tuple[BudgetLeft, ...] | None


@dataclass(frozen=True, slots=True)
class HaltFacts:
    """What halts trading, or is about to close everything, and why."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """How far the journal of decisions was read, and what is wrong with the journals.

    `unreadable_lines` are those among the `lines` read, back to `since`. `is_cut` tells that more
    lines are of the last 24 hours than were read.
    """

    lines: int
    since: datetime | None
    is_cut: bool
    unreadable_lines: int
    torn_files: tuple[str, ...]
    disk_free_bytes: int | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole of it; `learning_off` names the settings that keep the past from the model."""

    schema: int
    at: datetime
    bot: BotFacts
    account: AccountFacts | None
    positions: tuple[PositionFacts, ...] | None
    decisions: tuple[LastDecision, ...]
    refusals: RefusalFacts
    model: ModelFacts
    cost: CostFacts | None
    halts: tuple[HaltFacts, ...]
    journals: JournalFacts
    learning_off: tuple[str, ...]
    problems: tuple[str, ...]
