"""What a day of asking can cost, before it is asked."""

from collections.abc import Iterator

from llm_modules.config import TraderConfig
from llm_modules.llm.opening import targets
from llm_modules.llm.providers.address import server_of
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.findings import Findings
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis, Health
from llm_modules.operations.settings.reading import USUAL_TIMEFRAME, Settings, value_at
from llm_modules.operations.viewing.render import printable

COST = "cost"
MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}


def a_day_is_affordable(case: Case) -> Iterator[Diagnosis]:
    """Estimate the most that a day costs: every question, the longest prompt, nothing cached.

    Answers are as long as those of the last check, or as they may be. Repetitions and repairs come
    on top, another model's answers (fallbacks, a cheap model) instead.
    """
    config = case.config
    if config is None or case.is_sandbox:
        return
    target = targets(config.llm_config, case.keys)[0]
    prompt, answer = config.context_config.max_context_tokens, _answer_tokens(case, config, target)
    each = case.purse.most_cost(target.provider.name, target.model, prompt, answer)
    if each is None:
        yield _unpriced(target)
        return
    asking = config.llm_config.asking
    every = min(asking.flat_every_candles, asking.in_position_every_candles)
    questions = questions_a_day(case.settings, scope=asking.scope, every_candles=every)
    sentence = (
        f"at most about {questions * each:,.2f} USD for {questions:,.0f} questions of up to "
        f"{prompt:,} tokens, answers of {answer:,}"
    )
    limit = config.llm_config.budget.usd_per_day
    if limit is not None and questions * each > limit:
        advice = f"The budget ends it at {limit:,.2f}: ask less (docs/asking.md)"
        yield Diagnosis("warn", COST, "a day", sentence, advice)
    else:
        yield Diagnosis("ok", COST, "a day", sentence)


def _answer_tokens(case: Case, config: TraderConfig, target: Target) -> int:
    finding = Findings(case.session.places.findings).of(target)
    measured = finding.completion_tokens if finding else None
    return config.llm_config.max_tokens if measured is None else round(measured)


def _unpriced(target: Target) -> Diagnosis:
    # With a budget of money the settings could not be used at all. One's own server is free.
    health: Health = "ok" if server_of(target.api_base).is_private else "warn"
    model = printable(target.model)
    return Diagnosis(
        health,
        COST,
        "a day",
        f"no price of {model} is known",
        f'Name it: "prices": {{"{model}": {{"input": .., "output": ..}}}} in llm_config',
    )


def questions_a_day(settings: Settings, *, scope: str, every_candles: int) -> float:
    """Return how often the model is asked in 24 hours at most, repetitions aside."""
    timeframe = str(value_at(settings, "timeframe") or USUAL_TIMEFRAME)
    minutes = int(timeframe[:-1]) * MINUTES[timeframe[-1]]
    pairs = len(value_at(settings, "exchange.pair_whitelist")) if scope == "pair" else 1
    return pairs * MINUTES["d"] / (minutes * every_candles)
