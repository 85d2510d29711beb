"""What ./manage.sh lookahead is told."""

from pathlib import Path

import pytest

from backtest_lookahead.scenes import BTC, a_config
from llm_modules.backtest.lookahead import prove
from llm_modules.backtest.lookahead.whole_runs import turning_points
from llm_modules.errors import BacktestError

LEFT = "what the last backtest left\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a backtest of the user's own left its journal."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "run").mkdir()
    (folder / "run" / "llm_decisions.jsonl").write_text(LEFT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def told(home: Path) -> list[str]:
    lines: list[str] = []
    assert prove(a_config(home), candles=None, show=lines.append)
    return lines


def test_each_proof_says_how_much_it_compared(told: list[str]) -> None:
    assert told[0] == "(a) 48 contexts equal from truncated, full and poisoned candles"
    assert told[1].startswith("(b) 14 prompts, 14 decisions, ")
    assert "up to 2026-01-10 03:30 UTC are the same with another future and none" in told[1]
    assert [line[:3] for line in told] == ["(a)", "(b)", "(b)", "(b)", "(c)", "(d)"]
    assert told[4].startswith("(c) 48 memories and ")
    assert " orders filled after their decision, at the open of the next candle" in told[5]


@pytest.mark.usefixtures("told")
def test_nothing_of_the_users_own_runs_is_touched(home: Path) -> None:
    (journal,) = home.rglob("*.jsonl")
    assert journal.read_text(encoding="utf-8") == LEFT
    assert not list(home.rglob("*.sqlite"))


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
