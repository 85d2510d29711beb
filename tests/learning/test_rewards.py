import json
import math
import statistics as plain
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR
from llm_modules.errors import JournalError
from llm_modules.learning.history import HistoricalQueryEngine
from llm_modules.learning.remembered import RememberedTrade
from llm_modules.learning.rewards import (
    KEPT_REWARDS,
    RewardLearningSystem,
    leverage_factor,
    reward,
    summary,
    trend,
)
from llm_modules.learning.wording import learning_phrases
from own_trades import own_trade

ENGLISH, CHINESE = learning_phrases("en"), learning_phrases("zh")
ETH = "ETH/USDT:USDT"
LATER = NOON + timedelta(days=9999)

losses = st.floats(-2, 0, exclude_max=True)
scores = st.floats(0, 100)
leverages = st.floats(1, 125)


def rewarded(number: int, points: float = 0.1, **changes: Any) -> RememberedTrade:
    return own_trade(number, reward=points, **changes)


class Scene:
    """A history and its rewards, written to a file where there is one."""

    def __init__(self, path: Path | None = None, *trades: RememberedTrade) -> None:
        self.history = HistoricalQueryEngine(trades)
        self.rewards = RewardLearningSystem(self.history, path, "sandbox")

    def add(self, trade: RememberedTrade) -> None:
        self.history.add(trade)
        self.rewards.save()

    def said(self, pair: str = PAIR, before: datetime = LATER) -> str:
        return str(self.rewards.sentence(ENGLISH, pair, before))


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
    scene = Scene(path)
    for number in range(1, 6):
        scene.add(rewarded(number))
        document = stored(path)
        assert (document["schema"], document["mode"]) == (1, "sandbox")
        assert document["all"]["n"] == number
        assert len(document["rewards"]) == number


def test_a_row_says_which_trade_it_belongs_to(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    Scene(path).add(rewarded(3, 0.25))
    row = stored(path)["rewards"][0]
    assert datetime.fromisoformat(row.pop("closed_at")) == NOON + timedelta(hours=3)
    assert row == {"trade_id": 3, "pair": PAIR, "side": "long", "reward": 0.25}


def test_the_file_sums_up_each_pair_and_side(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    scene = Scene(
        path,
        rewarded(1, 0.5),
        rewarded(2, -0.1, side="short"),
        rewarded(3, 0.3, pair=ETH),
        rewarded(4, 0.1),
    )
    scene.rewards.save()
    document = stored(path)
    assert document["all"]["cumulative"] == pytest.approx(0.8)
    assert set(document["pairs"]) == {PAIR, ETH}
    assert document["pairs"][PAIR]["long"]["mean"] == pytest.approx(0.3)
    assert document["pairs"][PAIR]["short"] == summary([-0.1])
    assert document["pairs"][ETH] == {"long": summary([0.3])}


@pytest.mark.parametrize(
    ("trades", "kept"), [(KEPT_REWARDS - 1, 999), (KEPT_REWARDS, 1000), (KEPT_REWARDS + 1, 1000)]
)
def test_the_last_thousand_rewards_are_written_oldest_first(
    tmp_path: Path, trades: int, kept: int
) -> None:
    path = tmp_path / "r.json"
    Scene(path, *(rewarded(number) for number in range(trades))).rewards.save()
    rows = stored(path)["rewards"]
    assert len(rows) == kept
    assert rows[-1]["trade_id"] == trades - 1
    assert rows[0]["trade_id"] == trades - kept


def test_a_further_reward_pushes_out_the_oldest() -> None:
    scene = Scene(None, *(rewarded(number, 0.0) for number in range(KEPT_REWARDS)))
    scene.history.add(rewarded(KEPT_REWARDS, 1.0))
    assert scene.said().startswith("Rewards of 1000 trades: sum +1, ")


def test_rewards_are_ordered_by_close_whenever_they_came(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    scene = Scene(path)
    for number in (9, 2, 1):
        scene.add(rewarded(number))
    assert [row["trade_id"] for row in stored(path)["rewards"]] == [1, 2, 9]


def test_without_a_trade_an_empty_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    Scene(path).rewards.save()
    assert stored(path)["rewards"] == []


def test_a_damaged_old_file_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(b'{"rewards": [nonsense')
    Scene(path).add(rewarded(1))
    assert stored(path)["all"]["n"] == 1


def test_a_crash_before_the_replacement_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.json"
    scene = Scene(path)
    scene.add(rewarded(1))

    def killed(_: Path, __: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            scene.add(rewarded(2))
    assert stored(path)["all"]["n"] == 1
    # The next start finds the temporary file of a crash and is not disturbed by it.
    (tmp_path / ".r.json.new").write_text("half", encoding="utf-8")
    Scene(path, rewarded(1), rewarded(2)).rewards.save()
    assert stored(path)["all"]["n"] == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_reported_and_the_reward_comes_with_the_next(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "logs"
    folder.write_text("a file where the folder should be")
    scene = Scene(folder / "r.json")
    with pytest.raises(JournalError, match=r"cannot write .*r\.json: "):
        scene.add(rewarded(1))
    folder.unlink()
    scene.add(rewarded(2))
    assert stored(folder / "r.json")["all"]["n"] == 2


def test_without_a_path_no_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scene = Scene(None)
    scene.add(rewarded(1))
    assert list(tmp_path.iterdir()) == []
    assert scene.said().startswith("Rewards of 1 trades")


def test_without_a_reward_there_is_nothing_to_say() -> None:
    assert Scene().rewards.sentence(ENGLISH, PAIR, LATER) is None


FEW = (
    rewarded(1, 0.02),
    rewarded(2, -0.01, side="short"),
    rewarded(3, 0.04),
    rewarded(4, 0.01, pair=ETH),
)


def test_the_sentence_tells_sum_mean_and_both_sides_of_the_pair() -> None:
    assert Scene(None, *FEW).said() == (
        "Rewards of 4 trades: sum +0.06, mean +0.015; this pair long +0.03 (n=2), short -0.01 (n=1)"
    )


def test_the_same_is_said_in_chinese() -> None:
    assert Scene(None, *FEW).rewards.sentence(CHINESE, PAIR, LATER) == (
        "4 笔交易的奖励: 合计 +0.06, 均值 +0.015; 本交易对 做多 +0.03 (2 笔), 做空 -0.01 (1 笔)"
    )


def test_a_side_of_the_pair_without_trades_is_left_out() -> None:
    assert Scene(None, *FEW).said(ETH).endswith("; this pair long +0.01 (n=1)")


def test_a_pair_without_trades_hears_of_the_others() -> None:
    found = Scene(None, rewarded(1, 0.5)).said(ETH)
    assert found == "Rewards of 1 trades: sum +0.5, mean +0.5"


@pytest.mark.parametrize(("count", "is_told"), [(9, False), (10, False), (11, True)])
def test_the_last_ten_and_fifty_are_told_once_they_differ(count: int, is_told: bool) -> None:
    found = Scene(None, *(rewarded(number) for number in range(count))).said()
    assert ("last 50 +0.1, last 10 +0.1 (flat)" in found) is is_told


def test_the_trend_is_told_in_both_languages() -> None:
    worse = [rewarded(number, 0.1 if number < 40 else -0.1) for number in range(50)]
    scene = Scene(None, *worse)
    assert "last 50 +0.06, last 10 -0.1 (falling)" in scene.said()
    chinese = str(scene.rewards.sentence(CHINESE, PAIR, LATER))
    assert "近 50 笔 +0.06, 近 10 笔 -0.1 (下降)" in chinese


@pytest.mark.parametrize(
    ("rewards", "word"),
    [
        ([], "flat"),
        ([0.5], "flat"),
        ([0.1] * 50, "flat"),
        ([0.0] * 40 + [0.1] * 10, "rising"),
        ([0.0] * 40 + [-0.1] * 10, "falling"),
        ([0.1, -0.1] * 25, "flat"),
        # Means of 0.1 and 0.02 with deviations of 0.9998: the standard error of ten is 0.316.
        ([1.0, -1.0] * 20 + [1.0] * 5 + [-1.0] * 4 + [0.0], "flat"),
        ([1.0, -1.0] * 20 + [1.0] * 7 + [-1.0] * 3, "rising"),
        # What lies further back than fifty has no say.
        ([-9.0] * 100 + [0.1] * 50, "flat"),
    ],
)
def test_the_trend_is_what_chance_would_not_do(rewards: list[float], word: str) -> None:
    assert trend(rewards) == word


def test_the_sentence_knows_no_trade_that_closed_at_or_after_its_time() -> None:
    scene = Scene(None, rewarded(1, 0.5), rewarded(2, -0.5))
    closed = NOON + timedelta(hours=2)
    assert scene.rewards.sentence(ENGLISH, PAIR, NOON) is None
    assert "of 1 trades" in scene.said(before=closed)
    assert "of 2 trades" in scene.said(before=closed + timedelta(microseconds=1))


def test_a_question_about_an_earlier_time_is_answered_as_it_was_then() -> None:
    trades = [rewarded(number, number % 7 / 100) for number in range(KEPT_REWARDS + 300)]
    then = NOON + timedelta(hours=KEPT_REWARDS + 100)
    grown = Scene(None, *trades[: KEPT_REWARDS + 100])
    first = grown.said(before=then)
    for trade in trades[KEPT_REWARDS + 100 :]:
        grown.history.add(trade)
    grown.said()
    assert grown.said(before=then) == first
    assert "of 1000 trades" in first


def test_a_hostile_reward_is_told_and_does_not_crash(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.json", *(rewarded(number, 1.7e308) for number in range(20)))
    scene.rewards.save()
    assert "sum +inf" in scene.said()


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.sampled_from([PAIR, ETH]), st.booleans()), min_size=1
    ).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows)))))
)
def test_what_is_said_is_what_a_recount_says_whatever_the_order(
    both: tuple[Sequence[tuple[float, str, bool]], Sequence[int]],
) -> None:
    rows, order = both
    scene = Scene()
    for place in order:
        points, pair, is_long = rows[place]
        side = "long" if is_long else "short"
        scene.history.add(rewarded(place, points, pair=pair, side=side))
        scene.said(before=NOON + timedelta(hours=place))
    points = [row[0] for row in rows]
    assert f"sum {math.fsum(points):+.3g}, mean {plain.mean(points):+.3g}" in scene.said()
    longs = [row[0] for row in rows if row[1:] == (PAIR, True)]
    if longs:
        assert f"long {plain.mean(longs):+.3g} (n={len(longs)})" in scene.said()
