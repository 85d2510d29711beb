"""What ./manage.sh lookahead is told."""

from pathlib import Path

import pytest

from backtest_lookahead.scenes import BTC, a_config
from llm_modules.backtest.lookahead import prove
from llm_modules.backtest.lookahead.whole_runs import turning_points
from llm_modules.errors import BacktestError


def test_each_proof_says_how_much_it_compared(tmp_path: Path) -> None:
    config, told = a_config(tmp_path), list[str]()
    assert prove(config, candles=None, show=told.append)
    assert told[0] == "(a) 96 contexts equal from truncated, full and poisoned candles"
    assert told[1].startswith("(b) 26 prompts, 26 decisions, ")
    assert "up to 2026-01-10 06:30 UTC are the same with another future and none" in told[1]
    assert [line[:3] for line in told] == ["(a)", "(b)", "(b)", "(b)", "(c)", "(d)"]
    assert told[4].startswith("(c) 96 memories and ")
    assert " orders filled after their decision, at the open of the next candle" in told[5]


def test_nothing_of_the_users_own_runs_is_touched(tmp_path: Path) -> None:
    config = a_config(tmp_path, pairs=(BTC,))
    own = tmp_path / "run" / "llm_decisions.jsonl"
    own.parent.mkdir()
    own.write_text("what the last backtest left\n", encoding="utf-8")
    prove(config, candles=1, show=lambda _line: None)
    assert own.read_text(encoding="utf-8") == "what the last backtest left\n"
    assert {path.name for path in tmp_path.rglob("*.jsonl")} == {own.name}
    assert not list(tmp_path.rglob("*.sqlite"))


def test_without_candles_there_is_nothing_to_prove(tmp_path: Path) -> None:
    with pytest.raises(BacktestError, match="No data found"):
        prove(a_config(tmp_path, "20200101-20200102"), candles=None, show=lambda _line: None)


def test_a_run_in_which_nothing_is_asked_proves_nothing(tmp_path: Path) -> None:
    # One candle: it has to close before anything is decided.
    config = a_config(tmp_path, "1768051800-1768051860", pairs=(BTC,))
    with pytest.raises(BacktestError, match="nothing was asked"):
        prove(config, candles=None, show=lambda _line: None)


def test_a_pair_the_exchange_does_not_know_is_an_error_of_the_user(tmp_path: Path) -> None:
    config = a_config(tmp_path, pairs=("NOPE/USDT:USDT",))
    with pytest.raises(BacktestError):
        prove(config, candles=None, show=lambda _line: None)


@pytest.mark.parametrize(("candles", "points"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (400, 3)])
def test_a_run_is_divided_at_three_candles_or_as_many_as_it_has(candles: int, points: int) -> None:
    assert len(turning_points(list(range(candles)))) == points  # type: ignore[arg-type]
