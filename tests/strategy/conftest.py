"""The strategy, loaded by Freqtrade's own resolver with the shipped settings."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.persistence import Trade, init_db
from freqtrade.resolvers import StrategyResolver

from builders import PAIR, settings

ROOT = Path(__file__).parent.parent.parent / "user_data"


@pytest.fixture
def strategy(tmp_path: Path) -> Iterator[Any]:
    init_db("sqlite://")
    asked = {
        "config": [str(ROOT / "config.json"), str(ROOT / "config.sandbox.json")],
        "strategy": "LLMFunctionStrategy",
        "strategy_path": str(ROOT / "strategies"),
        "user_data_dir": str(tmp_path),
    }
    config = Configuration(asked, RunMode.DRY_RUN).get_config()
    config |= settings(str(tmp_path))
    loaded = StrategyResolver.load_strategy(config)
    loaded.dp = SimpleNamespace(
        runmode=RunMode.DRY_RUN,
        current_whitelist=lambda: [PAIR, "ETH/USDT:USDT"],
        get_funding_rate_timeframe=lambda: "1h",
    )
    yield loaded
    if loaded.desk is not None and hasattr(loaded.desk, "stop"):
        loaded.ft_bot_cleanup()
    Trade.session.remove()
