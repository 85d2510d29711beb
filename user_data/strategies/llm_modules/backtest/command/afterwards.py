"""What is made of a run when it is over: its assessment and its page."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType

from llm_modules.backtest.assess import AssessOptions, assess
from llm_modules.backtest.assessment import Assessment
from llm_modules.backtest.command.crew import Tell
from llm_modules.backtest.command.freqtrade_config import adopt, freqtrade_config
from llm_modules.backtest.command.playing import Plan
from llm_modules.backtest.command.world import World, world_of
from llm_modules.backtest.cut_offs import cut_off_of
from llm_modules.backtest.outcome import Outcome
from llm_modules.backtest.report.page import write_page
from llm_modules.domain import Candles
from llm_modules.engine.bridge import candles

PAGE_NAME = "report.html"
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
    judged = replace(judged, remarks=(*world.remarks, *judged.remarks))
    tell("writing the report")
    write_page(judged, page_of(plan), _candles_of(world.config, plan.basis.timeframe))
    return judged


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
