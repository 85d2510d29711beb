"""An assessment as one JSON object, for programs."""

import json
import math
from dataclasses import asdict
from typing import Any

from llm_modules.backtest.assessment import (
    Assessment,
    Contender,
    RandomTrading,
    Statistics,
    Stretch,
)


def figures(assessment: Assessment, page: str | None) -> str:
    """Return the figures without the curves, in ASCII; `page` is where the report is."""
    outcome = assessment.outcome
    whole = {
        "model": assessment.model,
        "pairs": outcome.pairs,
        "timeframe": outcome.timeframe,
        "start": outcome.start.isoformat(),
        "end": outcome.end.isoformat(),
        "stake_currency": outcome.stake_currency,
        "starting_balance": outcome.starting_balance,
        "final_balance": outcome.final_balance,
        "decided": outcome.decided,
        "asked": outcome.asked,
        "cost_usd": outcome.cost,
        "trades": len(outcome.trades),
        "rejected_entries": outcome.rejected_entries,
        "refused_entries": len(assessment.refused),
        "checks": [asdict(one) for one in assessment.checks],
        "shards": assessment.shards,
        "cut_off": assessment.cut_off and assessment.cut_off.isoformat(),
        "headline": _stretch(assessment.headline),
        "stretches": [_stretch(one) for one in assessment.stretches],
        "baselines": [_contender(one) for one in assessment.baselines],
        "random": assessment.random and _random(assessment.random),
        "names": dict(assessment.names),
        "remarks": assessment.remarks,
        "journals": str(outcome.folder),
        "result_file": outcome.result_file and str(outcome.result_file),
        "report": page,
    }
    return json.dumps(whole, allow_nan=False)


def _stretch(stretch: Stretch) -> dict[str, Any]:
    span = {"start": stretch.start.isoformat(), "end": stretch.end.isoformat()}
    return {"name": stretch.name, **span, **_statistics(stretch.statistics)}


def _contender(one: Contender) -> dict[str, Any]:
    return {"name": one.name, **_statistics(one.statistics)}


def _statistics(statistics: Statistics) -> dict[str, Any]:
    metrics = {
        name: {part: _finite(value) for part, value in asdict(figure).items()}
        for name, figure in statistics.figures.items()
    }
    return {"trades": statistics.trades, "days": statistics.days, "figures": metrics}


def _finite(value: float | None) -> float | None:
    """Return a number as JSON has it: there is no infinity."""
    return value if value is not None and math.isfinite(value) else None


def _random(random: RandomTrading) -> dict[str, Any]:
    return {"returns": random.returns, "beaten": random.beaten}
