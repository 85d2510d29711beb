"""Judges a run: its figures with their uncertainty, and what others made of the same candles."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from freqtrade.exchange import Exchange

from llm_modules.backtest.assessment import Assessment, Contender, RandomTrading, Stretch
from llm_modules.backtest.baselines.contenders import UNGATED, Bout, Progress, chance, contenders
from llm_modules.backtest.baselines.stage import exchange_of
from llm_modules.backtest.costs import account_of, spent_by
from llm_modules.backtest.outcome import Equity, Outcome
from llm_modules.backtest.refusals import effects, refused_entries
from llm_modules.backtest.remarks import remarks_on
from llm_modules.backtest.statistics import between, opened_between, statistics_of
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord

DECISIONS_NAME = "llm_decisions.jsonl"


@dataclass(frozen=True, slots=True)
class AssessOptions:
    """How a run is judged: whether baselines are played, over how many seeds, and what is known.

    `cut_off` is when the model's knowledge ends; `shards` and `names` are as in Assessment. An
    `exchange` that is given is asked for markets in place of a new one; random runs are spread
    over `processes`, which changes nothing but the time.
    """

    baselines: bool = True
    random_seeds: int = 200
    cut_off: datetime | None = None
    shards: int = 1
    names: Mapping[str, str] = field(default_factory=dict)
    exchange: Exchange | None = None
    processes: int = 1


DEFAULT = AssessOptions()


def _silent(_what: str, _done: int, _of: int) -> None:
    pass


def assess(
    config: Mapping[str, Any],
    outcome: Outcome,
    options: AssessOptions = DEFAULT,
    progress: Progress = _silent,
) -> Assessment:
    """Judge a run that was played with this configuration; `progress` is told what goes on.

    The same run gives the same assessment. Raises OSError for an unreadable journal and UserError
    where a baseline cannot be played.
    """
    decisions = _decisions(outcome)
    spent = spent_by(outcome, decisions)
    equity = account_of(outcome, spent)
    stretches = stretches_of(outcome, equity, options.cut_off)
    headline = stretches[-1]
    others: tuple[Contender, ...] = ()
    random: RandomTrading | None = None
    if options.baselines:
        exchange = options.exchange or exchange_of(config)
        bout = Bout(config, outcome, decisions, spent, headline, exchange)
        others = contenders(bout, progress)
        random = chance(bout, options.random_seeds, progress, options.processes)
    refused = refused_entries(decisions, _of_name(others, UNGATED))
    return Assessment(
        outcome=outcome,
        model=_model_of(decisions, config),
        equity=equity,
        headline=headline,
        stretches=stretches,
        cut_off=options.cut_off,
        baselines=others,
        random=random,
        refused=refused,
        shards=options.shards,
        names=options.names,
        remarks=remarks_on(outcome, headline, options.cut_off, options.shards, random),
        checks=effects(refused),
    )


def stretches_of(outcome: Outcome, equity: Equity, cut_off: datetime | None) -> tuple[Stretch, ...]:
    """Divide a run at the model's knowledge cut-off; the last stretch is the one that counts."""
    start, end = outcome.start, outcome.end
    if cut_off is None:
        return (_stretch("whole", outcome, equity, start, end),)
    if cut_off <= start:
        return (_stretch("after", outcome, equity, start, end),)
    if cut_off >= end:
        return (_stretch("before", outcome, equity, start, end),)
    return (
        _stretch("before", outcome, equity, start, cut_off),
        _stretch("after", outcome, equity, cut_off, end),
    )


def _stretch(
    name: Literal["before", "after", "whole"],
    outcome: Outcome,
    equity: Equity,
    start: datetime,
    end: datetime,
) -> Stretch:
    trades = opened_between(outcome.trades, start, end)
    return Stretch(name, start, end, statistics_of(between(equity, start, end), trades))


def _decisions(outcome: Outcome) -> tuple[DecisionRecord, ...]:
    lines = read_journal(outcome.folder / DECISIONS_NAME, DECISION_LINES).records
    return tuple(line for line in lines if isinstance(line, DecisionRecord))


def _model_of(decisions: tuple[DecisionRecord, ...], config: Mapping[str, Any]) -> str:
    """Return the name of the model that answered most, or the configured one."""
    names = Counter(one.model for one in decisions if one.status not in {"skipped", "failed"})
    return names.most_common(1)[0][0] if names else str(config["llm_config"].get("model", ""))


def _of_name(others: tuple[Contender, ...], name: str) -> Outcome | None:
    return next((other.outcome for other in others if other.name == name), None)
