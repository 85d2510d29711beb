"""What a run will ask, what that costs at most, and whether somebody has to agree first."""

from dataclasses import dataclass
from datetime import UTC, datetime

from rich.table import Table

from llm_modules.backtest.command.basis import Basis
from llm_modules.backtest.command.sample import Sample
from llm_modules.dialogue import Usage
from llm_modules.llm.providers.findings import Findings
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.opening import prices_of

# Above either somebody has to agree; also where a price is unknown.
MOST_USD = 1.0
MOST_TOKENS = 2_000_000
# What an answer takes where nothing is known of the model: one call, without thinking.
USUAL_COMPLETION_TOKENS = 120
MINUTE_SECONDS = 60
MINUTES_OF_HOUR = 60
_MEANS = (
    "SELECT avg(completion_tokens), avg(seconds) FROM requests WHERE model = ? AND fault IS NULL"
)


@dataclass(frozen=True, slots=True)
class Habit:
    """What an answer of a model takes, in the mean; None: nobody knows how long."""

    completion_tokens: float
    seconds: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much is decided: candles of each of the pairs, and how many decisions the tape has."""

    pairs: int
    candles: int
    taped: int = 0
    shards: int = 1

    @property
    def decisions(self) -> int:
        """All decisions."""
        return self.pairs * self.candles


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is to be expected; money in USD, None where a price is unknown."""

    size: Size
    requests: int
    prompt_tokens: int
    habit: Habit
    usd: float | None

    @property
    def tokens(self) -> int:
        """Prompts and answers together."""
        return self.requests * (self.prompt_tokens + round(self.habit.completion_tokens))

    @property
    def seconds(self) -> float | None:
        """How long the model takes, its pairs asked at once; None where it is unknown."""
        if self.habit.seconds is None:
            return None
        left = 1 - self.size.taped / self.size.decisions
        return self.size.candles * left * self.habit.seconds / self.size.shards

    @property
    def needs_consent(self) -> bool:
        """Tell whether somebody has to agree."""
        return self.usd is None or self.usd > MOST_USD or self.tokens > MOST_TOKENS


def estimated(basis: Basis, size: Size, sample: Sample, habit: Habit) -> Estimate:
    """Reckon from a sample to the whole, at today's price of the first model, nothing cached."""
    left = size.decisions - size.taped
    requests = round(left * sample.prompts / max(1, sample.decided))
    prompt_tokens = round(sample.tokens / max(1, sample.prompts))
    now, target = datetime.now(UTC), basis.targets()[0]
    price = prices_of(basis.config, now).price(
        target.provider.name, target.model, now, prompt_tokens
    )
    usage = Usage(prompt_tokens, round(habit.completion_tokens))
    usd = None if price is None else requests * price.cost(usage)
    return Estimate(size, requests, prompt_tokens, habit, usd)


def habit_of(basis: Basis, ledgers: tuple[Ledger, ...]) -> Habit:
    """Return what answers of the first model take: by a ledger, by `doctor`, or as is usual."""
    target = basis.targets()[0]
    for ledger in ledgers:
        for completion_tokens, seconds in ledger.rows(_MEANS, target.model):
            if completion_tokens is not None:
                return Habit(completion_tokens, seconds, "as measured in earlier requests")
    found = Findings(basis.places.findings).of(target)
    if found is not None:
        completion_tokens = found.completion_tokens or USUAL_COMPLETION_TOKENS
        return Habit(completion_tokens, found.p50_seconds, "as ./manage.sh doctor measured")
    return Habit(USUAL_COMPLETION_TOKENS, None, "assumed: nothing is known of this model yet")


def table_of(estimate: Estimate, model: str) -> Table:
    """Lay the estimate out for people."""
    table = Table(show_header=False, box=None, pad_edge=False)
    size, habit = estimate.size, estimate.habit
    pairs = f"{size.pairs} pair{'' if size.pairs == 1 else 's'}"
    candles = f"{pairs} x {size.candles:,} candles"
    table.add_row("decisions", f"{size.decisions:,}", candles)
    if size.taped:
        table.add_row("on the tape", f"{size.taped:,}", "of an earlier run like this one")
    table.add_row("requests", f"{estimate.requests:,}", f"to {model}")
    table.add_row("prompt", f"{estimate.prompt_tokens:,} tokens", "measured on prompts of this run")
    table.add_row("answer", f"{habit.completion_tokens:,.0f} tokens", habit.source)
    table.add_row("all", f"{estimate.tokens:,} tokens", "")
    table.add_row("cost", money(estimate.usd), "at most: nothing comes out of a cache")
    if estimate.requests and estimate.seconds is not None:
        table.add_row("time", duration(estimate.seconds), "the model's, all pairs asked at once")
    return table


def money(usd: float | None) -> str:
    """Write an amount of money."""
    return "unknown: no price of this model" if usd is None else f"{usd:,.2f} USD"


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    hours, minutes = divmod(round(seconds / MINUTE_SECONDS), MINUTES_OF_HOUR)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else "less than a minute"
