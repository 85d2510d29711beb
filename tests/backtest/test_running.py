from pathlib import Path

from backtests import Remembering, backtest_config, played
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord


def test_every_pair_is_decided_about_on_every_candle(tmp_path: Path) -> None:
    client = Remembering()
    outcome = played(backtest_config(tmp_path), client)
    assert outcome.decided == outcome.asked == len(client.prompts) == 5 * 96
    lines = read_journal(outcome.folder / "llm_decisions.jsonl", DECISION_LINES).records
    decided = [line for line in lines if isinstance(line, DecisionRecord)]
    assert {one.mode for one in decided} == {"backtest"}
    assert len({(one.pair, one.candle_at) for one in decided}) == len(decided) == outcome.decided


def test_every_trade_freqtrade_closed_is_learnt_from(tmp_path: Path) -> None:
    outcome = played(backtest_config(tmp_path))
    assert len(outcome.trades) > 10
    profit = sum(trade.profit_abs for trade in outcome.trades)
    assert abs(outcome.final_balance - outcome.starting_balance - profit) < 1e-6
