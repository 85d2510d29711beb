"""What is made of a run when it is over: its assessment and its page."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import freqtrade
from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType

from llm_modules.backtest.assess import AssessOptions, assess
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.command.folders import PAGE_NAME
from llm_modules.backtest.command.freqtrade_config import adopt, freqtrade_config
from llm_modules.backtest.command.playing import Plan
from llm_modules.backtest.command.world import World, world_of
from llm_modules.backtest.crew import Tell
from llm_modules.backtest.cut_offs import cut_off_of
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.remarks import NO_CUT_OFF, SCRIPTED, SIMULATED
from llm_modules.backtest.report.page import write_page
from llm_modules.domain import Candles
from llm_modules.engine.bridge import candles

# As baselines/contenders.py calls it.
SCRIPTED_RULES = "scripted rules"
# Each takes about 300 MB.
MOST_PROCESSES = 4


def assessed(plan: Plan, outcome: Outcome, tell: Tell) -> Assessment:
    """Judge a run and write its page; tells what is being done, in words."""
    adopt(plan.basis.environment)
    config = freqtrade_config(plan.basis, plan.window, plan.settings(plan.folder), None)
    world = world_of(config, plan.folder, mask=plan.options.mask)
    judged = assess(
        world.config,
        outcome,
        _how(plan, world),
        lambda what, done, of: tell(f"{what}: {done:,} of {of:,}"),
    )
    judged = _told(judged, plan, world)
    tell("writing the report")
    write_page(judged, page_of(plan), _candles_of(world.config, plan.basis.timeframe))
    return judged


def _told(judged: Assessment, plan: Plan, world: World) -> Assessment:
    """Return it with what is simulated said first, and with how the run was made."""
    told = replace(
        judged,
        remarks=(SIMULATED, *world.remarks, *judged.remarks),
        shift=world.shift,
        settings=_settings(plan, judged.outcome),
    )
    return _without_model(told) if plan.basis.is_sandbox else told


def _without_model(judged: Assessment) -> Assessment:
    """Leave out what can only be said of a model: a script knows no prices, and is no rival."""
    first, *others = (one for one in judged.remarks if one != NO_CUT_OFF)
    rivals = tuple(one for one in judged.baselines if one.name != SCRIPTED_RULES)
    return replace(judged, remarks=(f"{first} {SCRIPTED}", *others), baselines=rivals)


def _settings(plan: Plan, outcome: Outcome) -> tuple[tuple[str, str], ...]:
    options = plan.options
    return (
        ("wallet", f"{outcome.starting_balance:,.2f} {outcome.stake_currency}"),
        ("timeframe", outcome.timeframe),
        ("experience", "on" if options.experience else "off"),
        ("masked", "yes" if options.mask else "no"),
        ("shards", f"{len(plan.shards)}"),
        ("random seeds", f"{options.random_seeds:,}" if options.baselines else "no baselines"),
        ("Freqtrade", freqtrade.__version__),
    )


def _how(plan: Plan, world: World) -> AssessOptions:
    """Return how a run is judged; a model's knowledge ends when it is known to, or as was told."""
    options = plan.options
    known = cut_off_of(plan.basis.config.llm_config.model)
    cut_off = options.cut_off or (known.at if known else None)
    return AssessOptions(
        baselines=options.baselines,
        random_seeds=options.random_seeds,
        cut_off=cut_off and cut_off - world.shift,
        shards=len(plan.shards),
        names=world.names,
        exchange=world.exchange,
        processes=min(MOST_PROCESSES, os.cpu_count() or 1),
    )


def page_of(plan: Plan) -> Path:
    """Return where the page of a run is written."""
    return plan.folder / PAGE_NAME


def _candles_of(config: Mapping[str, Any], timeframe: str) -> Callable[[str], Candles]:
    def candles_of(pair: str) -> Candles:
        frame = load_pair_history(
            pair,
            timeframe,
            datadir=config["datadir"],
            data_format=config["dataformat_ohlcv"],
            candle_type=CandleType.FUTURES,
        )
        return candles(frame, timeframe, len(frame) or 1)

    return candles_of
