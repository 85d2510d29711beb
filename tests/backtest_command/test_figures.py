import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from llm_modules.backtest.assessment import (
    Assessment,
    CheckEffect,
    Contender,
    Figure,
    RandomTrading,
    RefusedEntry,
    Statistics,
    Stretch,
)
from llm_modules.backtest.command.figures import figures
from llm_modules.backtest.outcome import Equity, Outcome

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
EQUITY = Equity(np.array([1, 2]), np.array([1000.0, 990.0]))
STATISTICS = Statistics(
    {"return_ratio": Figure(-0.01, -0.02, 0.01), "profit_factor": Figure(math.inf, 1.0, None)}, 7, 2
)
OUTCOME = Outcome(
    stake_currency="USDT",
    starting_balance=1000.0,
    final_balance=990.0,
    timeframe="30m",
    start=START,
    end=END,
    pairs=("A", "B"),
    equity=EQUITY,
    trades=(),
    decided=192,
    asked=190,
    cost=0.25,
    rejected_entries=3,
    folder=Path("/run/journals"),
    result_file=None,
)


def assessment(random: RandomTrading | None = None, cut_off: datetime | None = None) -> Assessment:
    stretch = Stretch("whole", START, END, STATISTICS)
    return Assessment(
        outcome=OUTCOME,
        model="m",
        equity=EQUITY,
        headline=stretch,
        stretches=(stretch,),
        cut_off=cut_off,
        baselines=(Contender("hold", "bought at once", EQUITY, STATISTICS, OUTCOME),),
        random=random,
        refused=(RefusedEntry("d", "A", START, "long", ("COOLDOWN",), None, None),),
        shards=2,
        names={"A/U:U": "BTC/U:U"},
        remarks=("read this",),
        checks=(CheckEffect("COOLDOWN", 4, 2, -1.5),),
    )


def test_programs_are_told_the_figures_and_not_the_curves() -> None:
    told = json.loads(figures(assessment(), "/run/report.html"))
    assert told["headline"]["figures"]["return_ratio"] == {
        "value": -0.01,
        "low": -0.02,
        "high": 0.01,
    }
    assert (told["headline"]["trades"], told["headline"]["days"]) == (7, 2)
    assert told["headline"]["start"] == "2026-01-01T00:00:00+00:00"
    assert told["stretches"] == [told["headline"]]
    assert (told["decided"], told["asked"], told["cost_usd"]) == (192, 190, 0.25)
    assert (told["starting_balance"], told["final_balance"]) == (1000, 990)
    assert (told["shards"], told["names"]) == (2, {"A/U:U": "BTC/U:U"})
    assert told["checks"] == [{"code": "COOLDOWN", "refused": 4, "known": 2, "profit_abs": -1.5}]
    assert (told["refused_entries"], told["rejected_entries"]) == (1, 3)
    assert (told["journals"], told["report"]) == ("/run/journals", "/run/report.html")
    assert "equity" not in told
    assert told["baselines"][0]["name"] == "hold"


def test_what_is_infinite_or_unknown_is_null() -> None:
    told = json.loads(figures(assessment(), None))
    assert told["headline"]["figures"]["profit_factor"] == {"value": None, "low": 1, "high": None}
    assert told["random"] is told["cut_off"] is told["result_file"] is told["report"] is None


def test_chance_and_the_cut_off_are_told_where_they_are_known() -> None:
    random = RandomTrading((0.1, -0.2), EQUITY, EQUITY, EQUITY, 0.5)
    told = json.loads(figures(assessment(random, START), None))
    assert told["random"] == {"returns": [0.1, -0.2], "beaten": 0.5}
    assert told["cut_off"] == "2026-01-01T00:00:00+00:00"


def test_it_is_one_line_of_ascii() -> None:
    text = figures(assessment(), "/tmp/报告.html")  # noqa: S108 - a name only
    assert text.isascii()
    assert "\n" not in text
