"""Backtests of the shipped settings on the shipped candles, without any network."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas as pd
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode

from llm_modules.backtest.offline import sample_markets, without_network
from llm_modules.backtest.outcome import Outcome, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.running import run
from llm_modules.dialogue import Inquiry, Prompt, Reply
from llm_modules.llm.client import LLMClient
from shipped import DATA, SHIPPED_USER_DATA

STRATEGIES = SHIPPED_USER_DATA / "strategies"
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT", "DOGE/USDT:USDT")
COARSER = {"30m": "30min", "1h": "1h", "4h": "4h", "1d": "1D"}
COLUMNS = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
SECRETS = {"password": "x", "jwt_secret_key": "y" * 40, "ws_token": "z" * 40, "enabled": False}
# Two days: enough for a dozen trades of the scripted policy, and played in a second.
TWO_DAYS = "20260110-20260112"


@cache
def candle_folder() -> Path:
    """The shipped candles and all coarser timeframes made of them, once per process."""
    folder = Path(mkdtemp()) / "binance"
    (folder / "futures").mkdir(parents=True)
    for path in (DATA / "binance" / "futures").glob("*.feather"):
        frame = pd.read_feather(path)
        frame.to_feather(folder / "futures" / path.name)
        if path.name.endswith("-5m-futures.feather"):
            for name, rule in COARSER.items():
                coarse = frame.set_index("date").resample(rule).agg(COLUMNS).reset_index()
                coarse.to_feather(folder / "futures" / path.name.replace("-5m-", f"-{name}-"))
    return folder


def backtest_config(
    folder: Path,
    timerange: str = TWO_DAYS,
    pairs: Sequence[str] = PAIRS,
    *,
    settings: dict[str, Any] | None = None,
    **blocks: dict[str, Any],
) -> dict[str, Any]:
    """Freqtrade's whole configuration; `blocks` change ours, `settings` the block llm_backtest."""
    arguments = {
        "config": [str(SHIPPED_USER_DATA / "config.json")],
        "user_data_dir": str(folder),
        "datadir": str(candle_folder()),
        "timerange": timerange,
        "strategy": "LLMFunctionStrategy",
        "strategy_path": str(STRATEGIES),
        "enable_protections": True,
        "backtest_cache": "none",
    }
    config = Configuration(arguments, RunMode.BACKTEST).get_config()
    config["exchange"]["pair_whitelist"] = list(pairs)
    config["pairlists"] = [{"method": "StaticPairList"}]
    config["api_server"] |= SECRETS
    config["dry_run_wallet"] = 10_000
    config["export"] = "none"
    own = {"folder": str(folder / "run"), "tape": str(folder / "tape.sqlite")}
    config["llm_backtest"] = own | (settings or {})
    for name, changes in blocks.items():
        config[name] |= changes
    return without_network(config, sample_markets())


class Remembering(PolicyClient):
    """The scripted policy; `prompts` are what it was shown."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        self.prompts.append(prompt)
        return await super().ask(prompt, inquiry, model=model)


def played(config: dict[str, Any], client: LLMClient | None = None) -> Outcome:
    """Run a backtest with the scripted policy, or another client."""
    return run(config, Variant(client=client or PolicyClient()))
