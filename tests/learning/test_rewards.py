import json
import math
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR, a_trade_record
from llm_modules.errors import JournalError
from llm_modules.journal.records import TradeRecord
from llm_modules.learning.rewards import (
    KEPT_REWARDS,
    RewardLearningSystem,
    leverage_factor,
    reward,
    summary,
)

losses = st.floats(-2, 0, exclude_max=True)
scores = st.floats(0, 100)
leverages = st.floats(1, 125)


def a_record(number: int, points: float = 0.1, **changes: Any) -> TradeRecord:
    opened = NOON + timedelta(hours=number)
    values = {
        "trade_id": number,
        "opened_at": opened,
        "closed_at": opened + timedelta(hours=1),
        "reward": points,
    }
    return a_trade_record(**(values | changes))


def stored(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_bytes())
    assert isinstance(document, dict)
    return document


def test_the_worked_example_of_a_win() -> None:
    assert reward(0.125, 85, 10) == pytest.approx(0.1169, abs=5e-5)
    assert reward(0.125, 85, 10, classic=True) == pytest.approx(0.1169, abs=5e-5)


def test_the_worked_example_of_a_loss_by_the_classic_rule() -> None:
    assert reward(-0.05, 55, 15, classic=True) == pytest.approx(-0.033)


def test_by_default_a_loss_costs_what_the_score_left_undone() -> None:
    assert reward(-0.05, 55, 15) == pytest.approx(-0.05 * 0.45 * 1.2)


def test_a_break_even_trade_is_worth_nothing() -> None:
    assert reward(0.0, 100, 50) == 0.0


@pytest.mark.parametrize(
    ("leverage", "factor"),
    [
        (1.0, 1.0),
        (5.0, 1.0),
        (5.01, 1.1),
        (10.0, 1.1),
        (10.01, 1.2),
        (20.0, 1.2),
        (20.01, 1.3),
        (125.0, 1.3),
    ],
)
def test_the_leverage_factor_grows_above_5x_10x_and_20x(leverage: float, factor: float) -> None:
    assert leverage_factor(leverage) == factor


@given(losses, scores, scores, leverages)
def test_a_loss_with_a_better_score_is_never_punished_more(
    profit_ratio: float, one: float, other: float, leverage: float
) -> None:
    worse, better = sorted((one, other))
    assert reward(profit_ratio, better, leverage) >= reward(profit_ratio, worse, leverage)


def test_the_classic_rule_punishes_the_better_traded_loss_more() -> None:
    assert reward(-0.05, 90, 3, classic=True) < reward(-0.05, 10, 3, classic=True)


@given(
    profit_ratio=st.floats(0, 100),
    one=scores,
    other=scores,
    leverage=leverages,
    classic=st.booleans(),
)
def test_a_win_with_a_better_score_is_never_rewarded_less(
    profit_ratio: float, one: float, other: float, leverage: float, *, classic: bool
) -> None:
    worse, better = sorted((one, other))
    assert reward(profit_ratio, better, leverage, classic=classic) >= reward(
        profit_ratio, worse, leverage, classic=classic
    )


@given(profit_ratio=st.floats(-100, 100), score=scores, leverage=leverages, classic=st.booleans())
def test_a_reward_is_finite_and_has_the_sign_of_the_profit(
    profit_ratio: float, score: float, leverage: float, *, classic: bool
) -> None:
    found = reward(profit_ratio, score, leverage, classic=classic)
    assert math.isfinite(found)
    assert found * profit_ratio >= 0


def test_a_summary_holds_sum_mean_and_the_means_of_the_newest() -> None:
    rewards = [1.0] * 50 + [0.0] * 40 + [2.0] * 10
    found = summary(rewards)
    assert found["n"] == 100
    assert found["cumulative"] == 70.0
    assert found["mean"] == 0.7
    assert found["mean_10"] == 2.0
    assert found["mean_50"] == 0.4


def test_a_summary_of_nothing_is_zero() -> None:
    assert set(summary([]).values()) == {0}


def test_the_file_is_valid_json_after_each_trade(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "reward_learning.json"
    rewards = RewardLearningSystem(path)
    for number in range(1, 6):
        rewards.add(a_record(number))
        document = stored(path)
        assert document["schema"] == 1
        assert document["all"]["n"] == number
        assert len(document["rewards"]) == number


def test_a_row_says_which_trade_it_belongs_to_and_whether_it_was_simulated(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    RewardLearningSystem(path).add(a_record(3, 0.25))
    row = stored(path)["rewards"][0]
    assert datetime.fromisoformat(row.pop("closed_at")) == NOON + timedelta(hours=4)
    assert row == {
        "trade_id": 3,
        "mode": "sandbox",
        "pair": PAIR,
        "side": "long",
        "reward": 0.25,
    }


def test_the_file_sums_up_each_pair_and_side(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    RewardLearningSystem(path).rebuild(
        [
            a_record(1, 0.5),
            a_record(2, -0.1, side="short"),
            a_record(3, 0.3, pair="ETH/USDT:USDT"),
            a_record(4, 0.1),
        ]
    )
    document = stored(path)
    assert document["all"]["cumulative"] == pytest.approx(0.8)
    assert set(document["pairs"]) == {PAIR, "ETH/USDT:USDT"}
    assert document["pairs"][PAIR]["long"]["mean"] == pytest.approx(0.3)
    assert document["pairs"][PAIR]["short"] == summary([-0.1])
    assert document["pairs"]["ETH/USDT:USDT"] == {"long": summary([0.3])}


@pytest.mark.parametrize(
    ("trades", "kept"), [(KEPT_REWARDS - 1, 999), (KEPT_REWARDS, 1000), (KEPT_REWARDS + 1, 1000)]
)
def test_the_last_thousand_rewards_are_kept(tmp_path: Path, trades: int, kept: int) -> None:
    path = tmp_path / "r.json"
    RewardLearningSystem(path).rebuild(a_record(number) for number in range(trades))
    rows = stored(path)["rewards"]
    assert len(rows) == kept
    assert rows[-1]["trade_id"] == trades - 1
    assert rows[0]["trade_id"] == trades - kept


def test_adding_pushes_out_the_oldest_reward() -> None:
    rewards = RewardLearningSystem(None)
    rewards.rebuild(a_record(number, 0.0) for number in range(KEPT_REWARDS))
    rewards.add(a_record(KEPT_REWARDS, 1.0))
    assert "last 1000 trades: sum +1" in str(rewards.sentence(PAIR))


def test_rebuilding_forgets_what_was_there_and_orders_by_close(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    rewards = RewardLearningSystem(path)
    rewards.add(a_record(9))
    rewards.rebuild([a_record(2), a_record(1)])
    assert [row["trade_id"] for row in stored(path)["rewards"]] == [1, 2]


def test_rebuilding_from_nothing_writes_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    RewardLearningSystem(path).rebuild([])
    assert stored(path)["rewards"] == []


def test_a_damaged_old_file_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(b'{"rewards": [nonsense')
    RewardLearningSystem(path).rebuild([a_record(1)])
    assert stored(path)["all"]["n"] == 1


def test_a_crash_before_the_replacement_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.json"
    rewards = RewardLearningSystem(path)
    rewards.add(a_record(1))

    def killed(_: Path, __: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            rewards.add(a_record(2))
    assert stored(path)["all"]["n"] == 1
    # The next start finds the temporary file of the crash and is not disturbed by it.
    assert len(list(tmp_path.iterdir())) == 2
    RewardLearningSystem(path).rebuild([a_record(1), a_record(2)])
    assert stored(path)["all"]["n"] == 2
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(file: int) -> None:
        steps.append("fsync")
        fsync(file)

    def noted_replace(self: Path, target: Path) -> Path:
        steps.append("replace")
        assert self.parent == target.parent
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    RewardLearningSystem(tmp_path / "r.json").add(a_record(1))
    assert steps == ["fsync", "replace"]


def test_a_file_that_cannot_be_written_is_reported_and_the_reward_comes_with_the_next(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "logs"
    folder.write_text("a file where the folder should be")
    rewards = RewardLearningSystem(folder / "r.json")
    with pytest.raises(JournalError, match=r"cannot write .*r\.json: "):
        rewards.add(a_record(1))
    folder.unlink()
    rewards.add(a_record(2))
    assert stored(folder / "r.json")["all"]["n"] == 2


def test_without_a_path_rewards_live_in_memory_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rewards = RewardLearningSystem(None)
    rewards.rebuild([a_record(1)])
    rewards.add(a_record(2))
    assert list(tmp_path.iterdir()) == []
    assert rewards.sentence(PAIR) is not None


def test_without_a_reward_there_is_nothing_to_say() -> None:
    assert RewardLearningSystem(None).sentence(PAIR) is None


def test_the_sentence_tells_the_trend_and_both_sides_of_the_pair() -> None:
    rewards = RewardLearningSystem(None)
    rewards.rebuild(
        [
            a_record(1, 0.02),
            a_record(2, -0.01, side="short"),
            a_record(3, 0.04),
            a_record(4, 0.01, pair="ETH/USDT:USDT"),
        ]
    )
    assert rewards.sentence(PAIR) == (
        "Rewards of the last 4 trades: sum +0.06, mean +0.015, of the last 10 +0.015, "
        "of the last 50 +0.015; this pair long +0.03 (n=2), short -0.01 (n=1)."
    )


def test_a_pair_without_trades_hears_of_the_others() -> None:
    rewards = RewardLearningSystem(None)
    rewards.add(a_record(1, 0.5))
    assert rewards.sentence("ETH/USDT:USDT") == (
        "Rewards of the last 1 trades: sum +0.5, mean +0.5, of the last 10 +0.5, "
        "of the last 50 +0.5."
    )


def test_the_sentence_knows_no_trade_that_closed_at_or_after_its_time() -> None:
    rewards = RewardLearningSystem(None)
    rewards.add(a_record(1, 0.5))
    rewards.add(a_record(2, -0.5))
    closed = NOON + timedelta(hours=3)
    assert rewards.sentence(PAIR, NOON) is None
    assert "last 1 trades" in str(rewards.sentence(PAIR, closed))
    assert "last 2 trades" in str(rewards.sentence(PAIR, closed + timedelta(microseconds=1)))
