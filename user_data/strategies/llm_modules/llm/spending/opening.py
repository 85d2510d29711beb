"""Opens the meter as the configuration names it: prices, ledger and budget joined."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from llm_modules.config import LLMConfig, ServerConfig, TraderConfig
from llm_modules.errors import ConfigError
from llm_modules.llm.providers.address import server_of
from llm_modules.llm.providers.table import provider_of
from llm_modules.llm.spending.budget import limits_of
from llm_modules.llm.spending.ledger import LEDGER_NAME, Ledger
from llm_modules.llm.spending.prices import Prices, shipped_prices
from llm_modules.llm.spending.spending import Spending

EXAMPLE = {"input": 1.0, "cached": 0.1, "output": 4.0}


def ledger_beside(tape: Path) -> Path:
    """Return where the ledger of a tape's requests lies."""
    return tape.with_name(LEDGER_NAME)


def open_spending(
    config: TraderConfig,
    ledger_path: Path,
    *,
    mode: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Spending:
    """Return the meter of the configured models, with what was spent before taken over.

    Raises ConfigError when money is limited and a model's price is unknown, JournalError when the
    ledger cannot be read.
    """
    llm = config.llm_config
    return Spending(
        prices_of(config, clock()),
        Ledger(ledger_path),
        limits_of(llm.budget),
        mode=mode,
        longest_answer=llm.max_tokens,
        clock=clock,
    )


def prices_of(config: TraderConfig, now: datetime) -> Prices:
    """Return the prices of the configured models.

    Raises ConfigError when money is limited and one of them is unknown.
    """
    llm = config.llm_config
    prices = Prices(shipped_prices(), llm.prices, _private_providers(llm))
    if llm.budget.usd_per_day or llm.budget.usd_per_month:
        _demand_prices(prices, _asked(llm, config.experience_config.lesson_model), now)
    return prices


def _private_providers(llm: LLMConfig) -> frozenset[str]:
    """Name the providers none of whose configured servers is outside one's own network."""
    everywhere: dict[str, bool] = {}
    for server in (llm, *llm.fallbacks):
        provider = provider_of(server.provider, server.api_base)
        is_private = server_of(server.api_base or provider.api_base).is_private
        everywhere[provider.name] = everywhere.get(provider.name, True) and is_private
    return frozenset(name for name, is_private in everywhere.items() if is_private)


def _asked(llm: LLMConfig, lesson_model: str) -> list[tuple[str, str]]:
    """Name the provider and model of everything that may be asked."""
    first: tuple[tuple[ServerConfig, str], ...] = (
        (llm, llm.model),
        (llm, llm.asking.cheap_model),
        (llm, lesson_model),
    )
    further = ((server, server.model) for server in llm.fallbacks)
    return [
        (provider_of(server.provider, server.api_base).name, model)
        for server, model in (*first, *further)
        if model
    ]


def _demand_prices(prices: Prices, asked: Iterable[tuple[str, str]], now: datetime) -> None:
    unknown = [model for provider, model in asked if prices.price(provider, model, now) is None]
    if not unknown:
        return
    entry = json.dumps({"prices": dict.fromkeys(unknown, EXAMPLE)}, ensure_ascii=False)[1:-1]
    named = ", ".join(map(repr, dict.fromkeys(unknown)))
    raise ConfigError(
        f"llm_config.budget limits money, but nobody knows what {named} costs. Add to llm_config, "
        f"with your provider's prices in US dollars per million tokens: {entry}"
    )
