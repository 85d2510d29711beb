"""Every baseline of a report, played on the same candles, fees, funding and protections."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from freqtrade.exchange import Exchange, timeframe_to_minutes

from llm_modules.backtest.assessment import Contender, RandomTrading, Stretch
from llm_modules.backtest.baselines.chance import Rival, random_trading
from llm_modules.backtest.baselines.hold import HoldScript, WaitScript
from llm_modules.backtest.baselines.script import played
from llm_modules.backtest.baselines.stage import Play, apart, stage
from llm_modules.backtest.baselines.ungated import NO_LIMITS, without_gate
from llm_modules.backtest.baselines.ungated_model import UngatedModel, usual_holding
from llm_modules.backtest.costs import Spent, account_of
from llm_modules.backtest.outcome import Moment, Outcome, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.statistics import between, opened_between, statistics_of
from llm_modules.config import RiskConfig
from llm_modules.journal.records import DecisionRecord

Progress = Callable[[str, int, int], None]

FOLDER_NAME = "baselines"
UNGATED = "model without gate"
CHANCE = "random"
DESCRIPTIONS: Mapping[str, str] = {
    "always wait": "never trades",
    "hold": (
        "buys every pair with an equal stake at leverage 1 on the first candle and keeps it to the "
        "end; the gate and the emergency stop are off for it, since a limit of risk_management "
        "would not let one hold everything"
    ),
    "scripted rules": "the sandbox's scripted policy: a program, no model; through the same gate",
    UNGATED: (
        "what the model said in this run, carried out without the gate and the emergency stop, as "
        "far as Freqtrade and the exchange allow it; it costs what the model cost"
    ),
}


@dataclass(frozen=True, slots=True)
class Bout:
    """What the baselines are held against: a run, its decisions, and the stretch that counts."""

    config: Mapping[str, Any]
    outcome: Outcome
    decisions: tuple[DecisionRecord, ...]
    spent: Spent
    headline: Stretch
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class _Entrant:
    """A baseline: how its run differs, its configuration, and what it paid."""

    name: str
    variant: Variant
    config: Mapping[str, Any]
    spent: Spent = ()


def contenders(bout: Bout, progress: Progress) -> tuple[Contender, ...]:
    """Play every baseline but the random one."""
    return tuple(_played(entrant, bout, progress) for entrant in _entrants(bout))


def chance(bout: Bout, seeds: int, progress: Progress, processes: int = 1) -> RandomTrading | None:
    """Trade at random with the turnover of the run, through the same gate, with each seed."""
    span = timedelta(minutes=timeframe_to_minutes(bout.outcome.timeframe))
    rival = Rival(bout.outcome, span, bout.headline)
    folder = _folder(bout, CHANCE)

    def opening() -> AbstractContextManager[Play]:
        # A folder of its own for each process, which empties it before a run.
        return stage(apart(bout.config, folder / str(os.getpid())), bout.exchange)

    def tell(done: int) -> None:
        progress(CHANCE, done, seeds)

    try:
        return random_trading(opening, rival, seeds, tell, processes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _entrants(bout: Bout) -> tuple[_Entrant, ...]:
    outcome, risk = bout.outcome, RiskConfig.model_validate(bout.config["risk_management"])
    free = risk.model_copy(update={"allow_model_freedom": True})
    ungated = UngatedModel(bout.decisions, usual_holding(outcome.trades))
    names = iter(DESCRIPTIONS)
    wait, hold, rules, model = (_configured(bout, name) for name in names)
    slots = {"max_open_trades": len(outcome.pairs)}
    return (
        _Entrant("always wait", played(WaitScript()), wait),
        _Entrant("hold", played(HoldScript(outcome.pairs), without_gate(free)), {**hold, **slots}),
        _Entrant("scripted rules", Variant(client=PolicyClient()), rules),
        _Entrant(UNGATED, played(ungated, without_gate(risk)), model, bout.spent),
    )


def _configured(bout: Bout, name: str) -> dict[str, Any]:
    limits = NO_LIMITS if name in {"hold", UNGATED} else {}
    return apart(bout.config, _folder(bout, name), **limits)


def _folder(bout: Bout, name: str) -> Path:
    return bout.outcome.folder / FOLDER_NAME / name.replace(" ", "_")


def _played(entrant: _Entrant, bout: Bout, progress: Progress) -> Contender:
    def watch(moment: Moment) -> None:
        progress(entrant.name, moment.candle, moment.candles)

    with stage(entrant.config, bout.exchange) as play:
        outcome = play(replace(entrant.variant, watch=watch))
    start, end = bout.headline.start, bout.headline.end
    equity = account_of(outcome, entrant.spent)
    trades = opened_between(outcome.trades, start, end)
    statistics = statistics_of(between(equity, start, end), trades)
    return Contender(entrant.name, DESCRIPTIONS[entrant.name], equity, statistics, outcome)
