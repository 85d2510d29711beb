"""What a reader must know before any figure of an assessment."""

from collections.abc import Iterator
from datetime import datetime

from llm_modules.backtest.assessment import RandomTrading, Stretch
from llm_modules.backtest.costs import DOLLARS
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.statistics import DAYS_FOR_DAILY_STEPS, FEWEST_DAYS

SIMULATED = "SIMULATED: recorded candles, Freqtrade's fills, fees and funding; no real money."
SCRIPTED = "The model is simulated too: a rule-based script, no language model."
NO_CUT_OFF = "The model's knowledge cut-off is not known: it may remember these prices."
# Below, an interval of trades is hardly more than a guess.
FEWEST_TRADES = 30
# Chance that could not make this share of the entries had another turnover.
LEAST_PLACED = 0.95


def remarks_on(
    outcome: Outcome,
    headline: Stretch,
    cut_off: datetime | None,
    shards: int,
    random: RandomTrading | None,
) -> tuple[str, ...]:
    """Return the sentences in order of weight; none is only for decoration."""
    return (
        *_on_shards(shards),
        *_on_knowledge(headline, cut_off),
        *_on_cost(outcome),
        *_on_size(headline),
        *_on_chance(random),
    )


def _on_shards(shards: int) -> Iterator[str]:
    if shards > 1:
        yield (
            f"Played in {shards} shards that each began flat: these are statistics over decisions, "
            "not the account of anyone. A headline result needs one shard."
        )


def _on_knowledge(headline: Stretch, cut_off: datetime | None) -> Iterator[str]:
    if cut_off is None:
        yield NO_CUT_OFF
    elif headline.name == "before":
        yield (
            f"Nothing lies after the model's knowledge cut-off ({cut_off:%Y-%m-%d}): it may "
            "remember all of these prices, and no figure here is a headline."
        )


def _on_cost(outcome: Outcome) -> Iterator[str]:
    if outcome.cost is None:
        yield (
            "The price of at least one model is not known: the cost of the model is not subtracted."
        )
    elif outcome.cost and outcome.stake_currency not in DOLLARS:
        yield (
            f"The model is paid in US dollars and the account is in {outcome.stake_currency}: the "
            f"cost of the model, {outcome.cost:.2f} USD, is not subtracted."
        )
    elif outcome.cost and outcome.stake_currency != "USD":
        yield f"The cost of the model is subtracted with one {outcome.stake_currency} as one USD."


def _on_size(headline: Stretch) -> Iterator[str]:
    statistics = headline.statistics
    if statistics.days < FEWEST_DAYS:
        yield (
            f"{statistics.days:.1f} days are too few for ratios of a year and for intervals of the "
            f"account; they need {FEWEST_DAYS:g}."
        )
    elif statistics.days < DAYS_FOR_DAILY_STEPS:
        yield (
            f"Sharpe, Sortino and Calmar ratio are those of {statistics.days:.1f} days reckoned up "
            f"to a year: below {DAYS_FOR_DAILY_STEPS} days they say little."
        )
    if statistics.trades < FEWEST_TRADES:
        yield (
            f"{statistics.trades} trades are too few to tell skill from luck; {FEWEST_TRADES} are "
            "the least."
        )
    if statistics.trades and statistics.figures["profit_factor"].value is None:
        yield "No trade lost money: the profit factor is not defined."


def _on_chance(random: RandomTrading | None) -> Iterator[str]:
    if random is not None and random.placed < LEAST_PLACED:
        yield (
            f"Random trading could make only {random.placed:.0%} of the model's entries: the gate "
            "refused the others at every try."
        )
