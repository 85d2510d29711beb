"""What a model costs: what the user says it does, else the dated rows of a table."""

import re
import tomllib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import Field

from llm_modules.config import PriceConfig
from llm_modules.config.blocks import Block
from llm_modules.dialogue import Usage

TABLE = Path(__file__).with_name("prices.toml")
ANYTHING = "*"
MILLION = 1_000_000
# What OpenAI, Qwen and Anthropic ask for writing into their caches.
CACHE_WRITE_FACTOR = 1.25
_DATE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of each sort."""

    input: float
    cached: float
    cache_write: float
    output: float

    def cost(self, usage: Usage) -> float:
        """Return the cost of a request in US dollars; tokens that are not told cost nothing."""
        prompt, cached = usage.prompt_tokens or 0, usage.cached_tokens or 0
        written = usage.cache_write_tokens or 0
        plain = max(0, prompt - cached - written)
        total = plain * self.input + cached * self.cached + written * self.cache_write
        return (total + (usage.completion_tokens or 0) * self.output) / MILLION

    def most(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what a request of so many tokens can cost, whatever the cache does."""
        dearest = max(self.input, self.cached, self.cache_write)
        return (prompt_tokens * dearest + completion_tokens * self.output) / MILLION


class PriceRow(Block):
    """A row of the table: the price of one model from a day on, for prompts above a length."""

    model: str = Field(min_length=1)
    since: date = Field(default=date.min, alias="from")
    above: int = Field(default=0, ge=0)
    input: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)
    output: float = Field(ge=0)

    @property
    def price(self) -> Price:
        """What the row says; what it does not say counts as no discount."""
        cached = self.input if self.cached is None else self.cached
        written = self.cache_write
        return Price(
            input=self.input,
            cached=cached,
            cache_write=self.input * CACHE_WRITE_FACTOR if written is None else written,
            output=self.output,
        )


class ProviderPrices(Block):
    """The rows of one provider, or of any (`*`), and where they were read."""

    name: str
    source: str = Field(min_length=1)
    prices: list[PriceRow]


class PriceList(Block):
    """The whole table, and the day on which it was held against its sources."""

    checked: date
    provider: list[ProviderPrices]


def shipped_prices(path: Path = TABLE) -> PriceList:
    """Read the table that is part of the project."""
    return PriceList.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


class Prices:
    """Finds the price of a model; None where nobody knows it, which is not the same as nothing."""

    def __init__(
        self,
        table: PriceList,
        own: Mapping[str, PriceConfig],
        private: Container[str] = frozenset(),
    ) -> None:
        """Take the providers whose servers are all in one's own network: those alone are free."""
        self._private = private
        self._rows = {one.name: tuple(one.prices) for one in table.provider}
        # As many as there are models in the configuration.
        self._found: dict[tuple[str, str], list[PriceRow]] = {}
        self._own = tuple(PriceRow(model=name, **own[name].model_dump()) for name in own)

    def price(
        self, provider: str, model: str, at: datetime, prompt_tokens: int = 0
    ) -> Price | None:
        """Return the price of a model at a time, for a prompt of a length.

        The user's prices come first, then the provider's, then those of any provider.
        """
        if (provider, model) not in self._found:
            self._found[provider, model] = self._rows_of(provider, model)
        found = self._found[provider, model]
        return _in_force(found, at, prompt_tokens).price if found else None

    def _rows_of(self, provider: str, model: str) -> list[PriceRow]:
        for rows in (self._own, self._listed(provider, provider), self._listed(ANYTHING, provider)):
            found = _best(rows, model)
            if found:
                return found
        return []

    def _listed(self, name: str, provider: str) -> tuple[PriceRow, ...]:
        rows = self._rows.get(name, ())
        if provider in self._private:
            return rows
        # What costs nothing on one's own machine has another price on anybody else's.
        return tuple(row for row in rows if row.input or row.output)


def _best(rows: Iterable[PriceRow], model: str) -> list[PriceRow]:
    """Return the rows of the longest name that fits a model."""
    fitting = [row for row in rows if _fits(row.model.lower(), model.lower())]
    longest = max(map(_length, fitting), default=0)
    return [row for row in fitting if _length(row) == longest]


def _length(row: PriceRow) -> float:
    """Return how much of a name a row tells; between two alike the one without `*` tells more."""
    return len(row.model) - (1.5 if row.model.endswith(ANYTHING) else 0)


def _fits(name: str, model: str) -> bool:
    if name.endswith(ANYTHING):
        return model.startswith(name[:-1])
    # Not any longer name: gpt-5-pro costs twelve times as much as gpt-5.
    rest = model[len(name) :]
    return model.startswith(name) and (not rest or _DATE.fullmatch(rest) is not None)


def _in_force(rows: Iterable[PriceRow], at: datetime, prompt_tokens: int) -> PriceRow:
    """Return the row of a day and a length; before the earliest day the earliest row holds."""
    today = at.astimezone(UTC).date()
    days = sorted({row.since for row in rows})
    since = max((day for day in days if day <= today), default=days[0])
    of_day = [row for row in rows if row.since == since]
    reached = [row for row in of_day if row.above < max(1, prompt_tokens)]
    return max(reached or of_day, key=lambda row: row.above)
