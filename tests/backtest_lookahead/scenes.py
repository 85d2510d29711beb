"""Short runs on the shipped candles, and candle files that begin late or have gaps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from backtests import COLUMNS, backtest_config, candle_folder
from llm_modules.backtest.lookahead.breaches import Breaches, Proof
from llm_modules.backtest.lookahead.contexts import ContextProof
from llm_modules.backtest.lookahead.fills import FillProof
from llm_modules.backtest.lookahead.ground import Ground, survey
from llm_modules.backtest.lookahead.hearing import Hearing
from llm_modules.backtest.lookahead.memory import MemoryProof
from llm_modules.backtest.lookahead.whole_runs import compare, turning_points
from llm_modules.backtest.settings import SETTINGS_KEY

BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"
# One trend follower and one fader: every tool is called within half a day.
TWO_PAIRS = (BTC, SOL)
# From midnight to noon of 2026-01-10, as Freqtrade understands it.
HALF_A_DAY = "1768003200-1768046400"
# From 09:00 to 15:00; half of its candles have closed by 12:30.
AROUND_NOON = "1768035600-1768057200"
Frames = Callable[[str, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Heard:
    """One run and what three proofs found in it."""

    ground: Ground
    run: Hearing
    breaches: Breaches
    contexts: ContextProof
    memory: MemoryProof
    fills: FillProof

    def text(self, proof: Proof) -> str:
        breach = self.breaches.of(proof)
        return breach.text if breach else ""

    def with_other_futures(self) -> str:
        return compared(self.ground, self.run)


def a_config(
    folder: Path, timerange: str = HALF_A_DAY, pairs: tuple[str, ...] = TWO_PAIRS, **blocks: Any
) -> dict[str, Any]:
    own = {name: blocks.pop(name) for name in list(blocks) if not name.endswith("_config")}
    return backtest_config(folder, timerange, pairs, **blocks) | own


_surveyed: dict[str, Ground] = {}


def surveyed(config: dict[str, Any], folder: Path) -> Ground:
    """Look at what is recorded for a configuration: of the shipped candles, once per process."""
    proof = folder / "proof"
    if config["datadir"] != candle_folder():
        return survey(config, proof)
    name = repr(config).replace(str(folder), "")
    if name not in _surveyed:
        _surveyed[name] = survey(config, proof)
    ground = _surveyed[name]
    own = {"folder": str(proof / "run"), "tape": str(proof / "tape.sqlite")}
    settings = {**ground.config[SETTINGS_KEY], **own}
    return replace(ground, config={**ground.config, SETTINGS_KEY: settings})


def heard(config: dict[str, Any], folder: Path, last: int | None = None) -> Heard:
    """Play a configuration once and let all proofs but that of whole runs listen."""
    ground, breaches = surveyed(config, folder), Breaches()
    contexts = ContextProof(ground, breaches, last)
    memory = MemoryProof(ground, breaches, folder / "memory", last)
    fills = FillProof(ground, breaches)
    run = Hearing(contexts, memory, fills)
    run.hear(ground)
    return Heard(ground, run, breaches, contexts, memory, fills)


def whole_runs(config: dict[str, Any], folder: Path) -> str:
    """Play a configuration and compare it with other futures after the middle of the run."""
    ground, run = surveyed(config, folder), Hearing()
    run.hear(ground)
    return compared(ground, run)


def compared(ground: Ground, run: Hearing) -> str:
    """Compare a run that was heard with other futures after its middle."""
    breaches = Breaches()
    compare(ground, run.transcript, turning_points(run.candles)[1], breaches)
    breach = breaches.of("b")
    return breach.text if breach else ""


def files_with(folder: Path, change: Frames) -> Path:
    """Copy the candle files, each changed by a function of its name and frame."""
    target = folder / "changed"
    (target / "futures").mkdir(parents=True)
    for path in (candle_folder() / "futures").glob("*.feather"):
        if any(path.name.startswith(f"{name}_") for name in ("BTC", "SOL")):
            frame = change(path.name, pd.read_feather(path)).reset_index(drop=True)
            frame.to_feather(target / "futures" / path.name)
    return target


def with_fifteen_minutes(folder: Path) -> Path:
    """The candle files and those of 15 minutes."""
    target = files_with(folder, lambda _name, frame: frame)
    for path in (target / "futures").glob("*-5m-futures.feather"):
        frame = pd.read_feather(path).set_index("date").resample("15min").agg(COLUMNS)
        frame.reset_index().to_feather(path.with_name(path.name.replace("-5m-", "-15m-")))
    return target
