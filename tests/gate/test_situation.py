"""The right pair, in time, with a known account: at, below and above each limit."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest

from builders import ARGUMENTS, NOON, PAIR, a_gate_state, a_position, a_promise, a_risk, an_account
from judging import codes, in_position, judge
from llm_modules.domain import LeverageTier, MarketRules
from llm_modules.gate.checks.situation import LARGEST_AMOUNT

SECOND = timedelta(seconds=1)
GROWING = ["signal_entry_long", "signal_entry_short", "adjust_position"]


def around(tool: str, **changes: Any) -> Any:
    """The state in which a tool is legal."""
    flat = tool.startswith("signal_entry") or tool == "signal_wait"
    return a_gate_state(**changes) if flat else a_gate_state(position=a_position(), **changes)


@pytest.mark.parametrize("tool", sorted(ARGUMENTS))
@pytest.mark.parametrize(
    "pair",
    [
        "ETH/USDT:USDT",
        "BTC/USDT",
        "btc/usdt:usdt",
        " BTC/USDT:USDT",
        "B\u0422C/USDT:USDT",  # a Cyrillic T
        "BTC/USDT:USDT\u200b",
        "",
    ],
)
def test_a_call_for_another_pair_is_refused_whatever_the_tool(tool: str, pair: str) -> None:
    verdict = judge(tool, around(tool), pair=pair)
    assert codes(verdict) == ["PAIR_MISMATCH"]
    assert verdict.reasons[0].text.isascii()


def test_a_long_name_of_another_pair_is_cut() -> None:
    verdict = judge("signal_wait", pair="X" * 64)
    assert verdict.reasons[0].text == f"the call names '{'X' * 64}', asked was {PAIR}"
    assert len(judge("signal_wait", pair="\u200b" * 64).reasons[0].text) < 130


@pytest.mark.parametrize("tool", sorted(ARGUMENTS))
def test_only_new_exposure_needs_a_tradable_pair(tool: str) -> None:
    verdict = judge(tool, around(tool, tradable=False))
    assert codes(verdict) == (["PAIR_NOT_TRADABLE"] if tool in GROWING else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"equity": math.nan},
        {"equity": math.inf},
        {"equity": 0.0},
        {"equity": -0.0},
        {"equity": -5.0},
        {"equity": LARGEST_AMOUNT * 1.01},
        {"equity": 1e308},
        {"free": math.nan},
        {"free": -1.0},
        {"used_stake": math.inf},
        {"used_stake": -1.0},
    ],
)
@pytest.mark.parametrize("tool", GROWING)
def test_an_unknown_account_refuses_new_exposure(tool: str, changes: dict[str, float]) -> None:
    verdict = judge(tool, around(tool, account=an_account(**changes)))
    assert verdict.status == "refused"
    assert "ACCOUNT_UNKNOWN" in codes(verdict)


@pytest.mark.parametrize("equity", [1e-3, 1.0, LARGEST_AMOUNT])
def test_a_small_or_large_account_is_known(equity: float) -> None:
    account = an_account(equity=equity, free=equity, day_start_equity=equity)
    assert "ACCOUNT_UNKNOWN" not in codes(judge("signal_entry_long", a_gate_state(account=account)))


@pytest.mark.parametrize("price", [math.nan, math.inf, 0.0, -1.0, 1e308])
def test_an_unknown_price_refuses_entries(price: float) -> None:
    assert judge("signal_entry_long", a_gate_state(price=price)).status == "refused"
    named = judge("signal_entry_long", a_gate_state(price=price), stop_price=1.0)
    assert "ACCOUNT_UNKNOWN" in codes(named)


@pytest.mark.parametrize(
    "rules",
    [
        MarketRules(0.1, math.nan, 125.0),
        MarketRules(0.1, -1.0, 125.0),
        MarketRules(0.1, 5.0, math.nan),
        MarketRules(0.1, 5.0, 0.5),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(math.nan, 20, 0.01),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(-1.0, 20, 0.01),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e6, math.nan, 0.01),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e6, -20.0, 0.01),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e6, math.inf, 0.01),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e6, 20, math.nan),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e6, 20, -0.01),)),
        MarketRules(0.1, 5.0, 125.0, (LeverageTier(1e6, 20, math.inf),)),
    ],
)
@pytest.mark.parametrize("tool", GROWING)
def test_a_market_whose_limits_are_no_numbers_refuses(tool: str, rules: MarketRules) -> None:
    assert "MARKET_UNKNOWN" in codes(judge(tool, around(tool, rules=rules)))


def test_the_last_tier_may_have_no_end() -> None:
    rules = MarketRules(0.1, 5.0, 125.0, (LeverageTier(math.inf, 20, 0.004),))
    assert judge("signal_entry_long", a_gate_state(rules=rules)).status == "approved"


def test_limits_at_nothing_are_known_too() -> None:
    tiers = (LeverageTier(0.0, 0.0, 0.0), LeverageTier(0.5, 0.5, 0.0), LeverageTier(1e6, 1.0, 0.0))
    state = a_gate_state(rules=MarketRules(0.1, 0.0, 1.0, tiers))
    verdict = judge("signal_entry_long", state, leverage=1)
    assert (verdict.status, verdict.reasons) == ("approved", ())


@pytest.mark.parametrize("tool", GROWING)
def test_nothing_adds_exposure_while_halted(tool: str) -> None:
    assert codes(judge(tool, around(tool, account=an_account(halted=True)))) == ["HALTED"]


@pytest.mark.parametrize("tool", ["adjust_position", "signal_entry_long"])
@pytest.mark.parametrize(
    ("now", "is_fresh"),
    [
        (NOON - 6 * SECOND, False),
        (NOON - 5 * SECOND, True),
        (NOON, True),
        (NOON + timedelta(minutes=30) - SECOND, True),
        (NOON + timedelta(minutes=30), False),
        (NOON + timedelta(days=9), False),
        (NOON - timedelta(hours=2), False),
    ],
)
def test_an_answer_is_only_good_within_its_candle(
    tool: str, now: datetime, *, is_fresh: bool
) -> None:
    verdict = judge(tool, around(tool, now=now))
    assert codes(verdict) == ([] if is_fresh else ["STALE_DECISION"])


def test_a_stale_answer_says_whether_it_was_late_or_the_clock_jumped() -> None:
    late = judge("signal_entry_long", a_gate_state(now=NOON + timedelta(hours=1)))
    assert "after the next candle" in late.reasons[0].text
    just = judge("signal_entry_long", a_gate_state(now=NOON + timedelta(minutes=30)))
    assert just.reasons == late.reasons
    early = judge("signal_entry_long", a_gate_state(now=NOON - timedelta(hours=1)))
    assert "clock" in early.reasons[0].text


@pytest.mark.parametrize("valid_until", [NOON, NOON - SECOND])
def test_a_candle_without_any_time_is_stale(valid_until: datetime) -> None:
    state = a_gate_state(now=NOON - 3 * SECOND, valid_until=valid_until)
    assert codes(judge("signal_entry_long", state)) == ["STALE_DECISION"]


def test_an_exit_is_never_too_late() -> None:
    for now in (NOON + timedelta(days=1), NOON - timedelta(days=1)):
        late = a_gate_state(now=now, valid_until=NOON, position=a_position())
        assert judge("signal_exit", late).status == "approved"
        assert judge("signal_hold", late, stop_price=98.0).status == "approved"


@pytest.mark.parametrize(
    ("acted_on", "is_first"),
    [(None, True), (NOON - SECOND, True), (NOON, False), (NOON + SECOND, False)],
)
def test_a_candle_brings_one_order_at_most(acted_on: Any, *, is_first: bool) -> None:
    expected = [] if is_first else ["DUPLICATE"]
    assert codes(judge("signal_entry_long", a_gate_state(acted_on=acted_on))) == expected
    state = a_gate_state(acted_on=acted_on, position=a_position())
    assert codes(judge("adjust_position", state)) == expected
    assert codes(judge("adjust_position", state, adjustment_pct=-50)) == expected


@pytest.mark.parametrize("tool", ["signal_exit", "signal_hold"])
def test_a_second_order_is_not_what_an_exit_is(tool: str) -> None:
    state = a_gate_state(acted_on=NOON, position=a_position())
    assert judge(tool, state, **({"stop_price": 98.0} if "hold" in tool else {})).reasons == ()


def test_an_entry_while_in_position_is_refused() -> None:
    for tool in ("signal_entry_long", "signal_entry_short"):
        assert codes(judge(tool, in_position())) == ["ALREADY_IN_POSITION"]


@pytest.mark.parametrize(("side", "status"), [("long", "refused"), ("short", "approved")])
def test_an_entry_that_freqtrade_has_locked_is_refused(side: Any, status: str) -> None:
    state = a_gate_state(locked_sides=frozenset({side}))
    verdict = judge("signal_entry_long", state)
    assert verdict.status == status
    assert codes(verdict) == (["PAIR_LOCKED"] if status == "refused" else [])


@pytest.mark.parametrize(
    ("open_trades", "reserved", "status"),
    [(3, 0, "approved"), (4, 0, "refused"), (3, 1, "refused"), (2, 1, "approved")],
)
def test_slots_count_open_and_promised_positions(
    open_trades: int, reserved: int, status: str
) -> None:
    state = a_gate_state(
        account=an_account(open_trades=open_trades), exposures=(a_promise(),) * reserved
    )
    verdict = judge("signal_entry_long", state)
    assert verdict.status == status
    assert codes(verdict) == ([] if status == "approved" else ["NO_FREE_SLOT"])


@pytest.mark.parametrize(("slots", "status"), [(4, "approved"), (3, "refused")])
def test_positions_the_account_did_not_count_take_slots_too(slots: int, status: str) -> None:
    there = tuple(a_promise(promised=False, takes_slot=False, stake_amount=10.0) for _ in range(3))
    state = a_gate_state(account=an_account(open_trades=0), exposures=there)
    assert judge("signal_entry_long", state, a_risk(max_open_trades=slots)).status == status
