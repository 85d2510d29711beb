"""How large an entry is that names no stake, by each method."""

import math
from typing import Any

import pytest

from builders import a_gate_state, a_risk, an_account
from judging import allowed, codes, judge
from llm_modules.domain import Conduct, MarketRules
from llm_modules.gate.sizing import atr_ratio, fixed_ratio, kelly_ratio
from llm_modules.gate.verdict import GateState


def stake(state: GateState | None = None, leverage: float = 3, **limits: Any) -> float:
    """The stake proposed for an entry that names none."""
    verdict = judge(
        "signal_entry_long", state, a_risk(**limits), stake_amount=None, leverage=leverage
    )
    return allowed(verdict).stake_amount


def won(win_rate: float, win: float, loss: float, trades: int = 30) -> Conduct:
    return Conduct(
        closed_trades=trades, win_rate=win_rate, mean_win_ratio=win, mean_loss_ratio=loss
    )


def with_atr(atr_pct: float | None) -> GateState:
    facts = {"rsi": 25.0} | ({} if atr_pct is None else {"atr_pct": atr_pct})
    return a_gate_state(facts=facts)


# Fixed


@pytest.mark.parametrize(("pct", "expected"), [(5.0, 50), (10.0, 100), (19.0, 190), (20.0, 200)])
def test_fixed_is_a_share_of_equity(pct: float, expected: float) -> None:
    assert stake(fixed_position_pct=pct) == pytest.approx(expected)


@pytest.mark.parametrize(("slots", "expected"), [(4, 100), (9, 100), (10, 90), (18, 50)])
def test_fixed_never_exceeds_an_equal_share_per_slot(slots: int, expected: float) -> None:
    assert stake(max_open_trades=slots) == pytest.approx(expected)


def test_a_default_stake_is_never_above_the_limit_of_a_position() -> None:
    risk = a_risk(max_position_pct=4.0, max_open_trades=2)
    verdict = judge("signal_entry_long", risk=risk, stake_amount=None)
    assert (verdict.status, allowed(verdict).stake_amount) == ("approved", 40)


# ATR


def test_atr_loses_its_share_when_price_moves_its_multiple() -> None:
    """1 % of 1,000 is lost when 3x leverage meets a move of 2 x 1.5 %: 10 / 0.09."""
    size = stake(with_atr(1.5), position_sizing="atr")
    assert size == pytest.approx(10 / 0.09)
    assert size * 3 * 2 * 0.015 == pytest.approx(10)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"atr_risk_pct": 0.5}, 0.005 / 0.09),
        ({"atr_risk_pct": 1.0}, 0.01 / 0.09),
        ({"atr_multiple": 4.0}, 0.01 / 0.18),
        ({"atr_multiple": 1.0}, 0.01 / 0.045),
    ],
)
def test_each_key_of_atr_sizing_counts(limits: dict[str, float], expected: float) -> None:
    assert atr_ratio(1.5, 3, a_risk(**limits)) == pytest.approx(expected)


def test_atr_sizing_follows_the_leverage_there_will_be() -> None:
    """100x becomes 10x, and the stake is that of 10x."""
    state = with_atr(1.5)
    verdict = judge(
        "signal_entry_long", state, a_risk(position_sizing="atr"), stake_amount=None, leverage=100
    )
    assert allowed(verdict).stake_amount == pytest.approx(10 / 0.3)
    lower = a_gate_state(facts=dict(state.facts), rules=MarketRules(0.1, 5.0, 5.0))
    assert stake(lower, leverage=100, position_sizing="atr") == pytest.approx(10 / 0.15)


@pytest.mark.parametrize("leverage", [2, 2.5, 2.99])
def test_atr_sizing_follows_the_whole_leverage(leverage: float) -> None:
    """2.99x becomes 2x, and the stake is that of 2x: 1 % / (2 x 2 x 2.5 %) of 1,000."""
    expected = pytest.approx(10 / (2 * 2 * 0.025))
    assert stake(with_atr(2.5), leverage=leverage, position_sizing="atr") == expected
    fixed = {"allow_model_freedom": False, "default_leverage": leverage}
    assert stake(with_atr(2.5), position_sizing="atr", **fixed) == expected


def test_a_market_that_allows_half_a_leverage_more_is_sized_without_it() -> None:
    market = a_gate_state(facts={"rsi": 25.0, "atr_pct": 2.5}, rules=MarketRules(0.1, 5.0, 2.5))
    size = stake(market, leverage=9, position_sizing="atr")
    assert size == pytest.approx(10 / (2 * 2 * 0.025))


@pytest.mark.parametrize("atr_pct", [None, 0.0, -1.0, math.nan, math.inf])
def test_without_an_atr_the_stake_is_fixed(atr_pct: float | None) -> None:
    assert stake(with_atr(atr_pct), position_sizing="atr") == 100


@pytest.mark.parametrize("atr_pct", [1e-9, 5e-324])
def test_a_market_that_hardly_moves_gets_the_limit(atr_pct: float) -> None:
    assert stake(with_atr(atr_pct), position_sizing="atr") == 200


# Kelly


def test_kelly_is_a_part_of_the_growth_optimal_share() -> None:
    """p 0.6, win 20 %, loss 25 %: 0.6 / 0.25 - 0.4 / 0.2 = 0.4, a quarter of it 10 %."""
    state = a_gate_state(conduct=won(0.6, 0.2, 0.25))
    assert stake(state, position_sizing="kelly") == pytest.approx(100)
    assert stake(state, position_sizing="kelly", kelly_fraction=0.5) == pytest.approx(200)
    assert stake(state, position_sizing="kelly", kelly_fraction=0.1) == pytest.approx(40)


def test_the_growth_optimal_share_grows_fastest() -> None:
    """The formula against the mean log growth it is meant to maximise."""
    share = kelly_ratio(won(0.6, 0.2, 0.25), a_risk(kelly_fraction=1.0))

    def growth(part: float) -> float:
        return 0.6 * math.log1p(part * 0.2) + 0.4 * math.log1p(-part * 0.25)

    assert share == pytest.approx(0.4)
    assert share is not None
    assert growth(share) > growth(share * 0.98)
    assert growth(share) > growth(share * 1.02)


@pytest.mark.parametrize(("trades", "expected"), [(0, 100), (29, 100), (30, 50), (31, 50)])
def test_kelly_needs_thirty_trades(trades: int, expected: float) -> None:
    """0.6 / 0.25 - 0.4 / 0.2 = 0.4; an eighth of it is 5 %."""
    state = a_gate_state(conduct=won(0.6, 0.2, 0.25, trades))
    size = stake(state, position_sizing="kelly", kelly_fraction=0.125)
    assert size == pytest.approx(expected)


@pytest.mark.parametrize(
    ("win_rate", "win", "loss", "expected"),
    [
        (0.6, 0.1, 0.1, 0.5),  # quarter of 2
        (0.5, 0.1, 0.1, 0.0),
        (0.4, 0.1, 0.1, 0.0),
        (0.0, 0.0, 0.1, 0.0),  # never won
        (1.0, 0.1, 0.0, None),  # never lost
        (0.0, 0.0, 0.0, None),
        (math.nan, 0.1, 0.1, 0.0),
        (0.6, 0.1, math.nan, None),
        (0.6, math.nan, 0.1, 0.0),
    ],
)
def test_kelly_without_an_edge_is_nothing(
    win_rate: float, win: float, loss: float, expected: float | None
) -> None:
    share = kelly_ratio(won(win_rate, win, loss), a_risk())
    assert share == (None if expected is None else pytest.approx(expected))


def test_kelly_is_capped_like_every_stake() -> None:
    state = a_gate_state(conduct=won(0.9, 0.5, 0.01))
    assert stake(state, position_sizing="kelly", kelly_fraction=1.0) == 200


def test_a_model_that_may_choose_is_not_sized() -> None:
    for method in ("fixed", "atr", "kelly"):
        risk = a_risk(position_sizing=method)
        assert allowed(judge("signal_entry_long", risk=risk, stake_amount=77)).stake_amount == 77


def test_a_model_that_may_not_choose_is_sized_by_the_method() -> None:
    risk = a_risk(position_sizing="atr", allow_model_freedom=False, default_leverage=2.0)
    verdict = judge("signal_entry_long", with_atr(2.5), risk, stake_amount=77, leverage=9)
    assert allowed(verdict).stake_amount == pytest.approx(10 / (2 * 2 * 0.025))


@pytest.mark.parametrize("equity", [math.nan, math.inf, 0.0, -5.0])
def test_an_unknown_equity_sizes_nothing(equity: float) -> None:
    state = a_gate_state(account=an_account(equity=equity))
    verdict = judge("signal_entry_long", state, stake_amount=None)
    assert verdict.status == "refused"
    assert set(codes(verdict)) & {"ACCOUNT_UNKNOWN", "NOT_FINITE"}


def test_the_share_of_a_slot_keeps_a_tenth_for_fees() -> None:
    assert fixed_ratio(a_risk(max_open_trades=100)) == pytest.approx(0.009)
