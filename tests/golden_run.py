"""The small recorded run in tests/golden/backtest: `python tests/golden_run.py` anew.

A day of two pairs, answered by the sandbox's scripted model over HTTP, with a failure now and then.
Record it anew only when what the model sees has changed on purpose, and say why in the commit.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "user_data" / "strategies")]

from backtests import backtest_config  # noqa: E402 - run by hand, it finds its way first
from llm_modules.backtest.outcome import Moment, Outcome, Variant  # noqa: E402
from llm_modules.backtest.running import run  # noqa: E402
from llm_modules.sandbox.faults import ModelFaults, Switchboard  # noqa: E402
from llm_modules.sandbox.model import model_app  # noqa: E402
from serving import serving  # noqa: E402

GOLDEN = TESTS / "golden" / "backtest"
TAPE, RESULT = GOLDEN / "tape.sqlite", GOLDEN / "result.json"
PAIRS = ("BTC/USDT:USDT", "SOL/USDT:USDT")
DAY = "20260110-20260111"
# Candles at which something goes wrong once, or twice in a row.
FAULTS = {
    5: ModelFaults(status=500, times=1),
    9: ModelFaults(malformed=True, times=2),
    14: ModelFaults(status=429, retry_after_seconds=0, times=1),
}


def golden_config(folder: Path, tape_mode: str, port: int = 9) -> dict[str, Any]:
    """The run's configuration; a replay needs no server at the port."""
    if tape_mode == "replay":
        shutil.copy(TAPE, folder / "tape.sqlite")
    model = {
        "provider": "",
        "api_base": f"http://127.0.0.1:{port}/v1",
        "model": "scripted-sandbox",
        "retry_times": 2,
    }
    return backtest_config(folder, DAY, PAIRS, settings={"tape_mode": tape_mode}, llm_config=model)


def result_of(outcome: Outcome) -> dict[str, Any]:
    """What is held against the golden file: trades and figures."""
    return {
        "decided": outcome.decided,
        "asked": outcome.asked,
        "cost": outcome.cost,
        "rejected_entries": outcome.rejected_entries,
        "starting_balance": outcome.starting_balance,
        "final_balance": outcome.final_balance,
        "lowest_equity": float(outcome.equity.values.min()),
        "highest_equity": float(outcome.equity.values.max()),
        "trades": [
            {
                "pair": trade.pair,
                "side": trade.side,
                "opened_at": trade.opened_at.isoformat(),
                "closed_at": trade.closed_at.isoformat(),
                "open_rate": trade.open_rate,
                "close_rate": trade.close_rate,
                "stake_amount": trade.stake_amount,
                "leverage": trade.leverage,
                "funding_fees": trade.funding_fees,
                "profit_abs": trade.profit_abs,
                "profit_ratio": trade.profit_ratio,
                "exit_reason": trade.exit_reason,
            }
            for trade in outcome.trades
        ],
    }


def record() -> None:
    """Write tape and result anew."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    board: Switchboard[ModelFaults] = Switchboard(ModelFaults())

    def disturb(moment: Moment) -> None:
        if moment.candle in FAULTS:
            board.faults = FAULTS[moment.candle]

    with (
        tempfile.TemporaryDirectory() as name,
        serving(lambda: model_app(board, lambda: int(time.time() * 1000))) as port,
    ):
        folder = Path(name)
        outcome = run(golden_config(folder, "record", port), Variant(watch=disturb))
        shutil.copy(folder / "tape.sqlite", TAPE)
        RESULT.write_text(json.dumps(result_of(outcome), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
