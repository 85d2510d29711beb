"""What each script decides, without Freqtrade."""

import asyncio
import itertools
import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assessing import HALF_HOUR, MIDNIGHT, a_scene, an_outcome, filled, trades_of
from builders import (
    NOON,
    PAIR,
    a_booking,
    a_call,
    a_closed_trade,
    a_decision_record,
    a_gate_state,
    a_position,
    a_risk,
    a_thesis,
    an_account,
)
from llm_modules.backtest.baselines.calls import Order, entry, leave, stay
from llm_modules.backtest.baselines.drafts import Draft, Model, drafted, model_of
from llm_modules.backtest.baselines.hold import HoldScript, WaitScript
from llm_modules.backtest.baselines.random_script import LONGEST_DELAY, MOST_TRIES, RandomScript
from llm_modules.backtest.baselines.script import StandIn, Unkept
from llm_modules.backtest.baselines.ungated import Approving, OpenBook
from llm_modules.backtest.baselines.ungated_model import UngatedModel, usual_holding
from llm_modules.context.pages import PairView
from llm_modules.dialogue import Inquiry
from llm_modules.domain import ClosedTrade, Experience
from llm_modules.gate.checker import DecisionChecker
from llm_modules.journal.records import DecisionRecord
from llm_modules.tools.calls import Adjust, EntryLong, EntryShort, Exit, Hold, Wait
from llm_modules.tools.schema import offered_tools

ETH = "ETH/USDT:USDT"
HOUR = timedelta(hours=1)


# Calls


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("facts", [{"rsi": 71.0, "adx": 12.0}, {"rsi": 5.0, "adx": 40.0}, {}])
def test_an_entry_of_a_script_is_true_about_the_market(side: str, facts: dict[str, float]) -> None:
    scene = a_scene(**facts)
    stop = 98.0 if side == "long" else 102.0
    call = entry(scene, Order(side, 2.0, 50.0, stop))  # type: ignore[arg-type]
    verdict = DecisionChecker(a_risk()).judge(call, a_gate_state(facts=facts, price=100.0))
    codes = {reason.code for reason in verdict.reasons}
    assert not codes & {"MIN_CONFIDENCE", "LEVELS_CLAIM", "PAIR_MISMATCH"}
    assert not facts or not codes & {"RSI_CLAIM", "TREND_CLAIM"}
    assert verdict.proposal is not None
    assert verdict.proposal.side == side


def test_the_strength_of_a_trend_turns_where_the_gate_says_it_does() -> None:
    strengths = [entry(a_scene(adx=adx), Order("long", 1.0)) for adx in (24.9, 25.0)]
    assert [call.trend_strength for call in strengths] == ["weak", "strong"]


def test_who_stays_waits_without_a_position_and_holds_with_one() -> None:
    assert isinstance(stay(a_scene()), Wait)
    assert isinstance(stay(a_scene(a_position())), Hold)
    assert isinstance(leave(a_scene(a_position())), Exit)


# Holding and waiting


def test_hold_buys_every_pair_with_an_equal_share_and_no_leverage() -> None:
    script = HoldScript([PAIR, ETH])
    call = script.decide(a_scene())
    assert isinstance(call, EntryLong)
    assert (call.stake_amount, call.leverage) == (450.0, 1.0)
    assert call.stop_price == pytest.approx(1.0)


def test_hold_tries_again_until_it_is_filled_and_then_never() -> None:
    script = HoldScript([PAIR, ETH])
    assert script.asks(PAIR, NOON, None)
    assert not script.asks(PAIR, NOON, a_position())
    script.heard(filled(outcome="vetoed"))
    script.heard(a_decision_record())
    assert script.asks(PAIR, NOON, None)
    script.heard(filled())
    assert not script.asks(PAIR, NOON, None)
    assert script.decide(a_scene()).stake_amount == 900.0


def test_who_always_waits_is_never_asked() -> None:
    script = WaitScript()
    script.heard(filled())
    assert not script.asks(PAIR, NOON, None)
    assert not script.asks(PAIR, NOON, a_position())
    with pytest.raises(AssertionError, match="BTC"):
        script.decide(a_scene())


# The model without the gate


def said(tool: str | None, at: datetime = NOON, **changes: object) -> DecisionRecord:
    arguments = {} if tool is None else a_call(tool).model_dump(exclude_none=True)
    call = {name: value for name, value in arguments.items() if name not in {"tool", "pair"}}
    return a_decision_record(tool=tool, at=at, call=call, status="refused", **changes)


def model(*decisions: DecisionRecord, holding: timedelta = 4 * HOUR) -> UngatedModel:
    return UngatedModel(decisions, holding)


def test_a_refused_entry_is_carried_out_word_for_word() -> None:
    script = model(said("signal_entry_long"))
    assert script.asks(PAIR, NOON, None)
    assert script.decide(a_scene()) == a_call("signal_entry_long")


@pytest.mark.parametrize("tool", ["signal_wait", "signal_exit", "signal_hold", None])
def test_without_a_position_only_entries_count(tool: str | None) -> None:
    assert not model(said(tool)).asks(PAIR, NOON, None)


def test_what_was_said_about_another_candle_or_pair_does_not_count() -> None:
    script = model(said("signal_entry_long"))
    assert not script.asks(PAIR, NOON + HALF_HOUR, None)
    assert not script.asks(ETH, NOON, None)


@pytest.mark.parametrize(
    ("tool", "kind"),
    [("signal_exit", Exit), ("adjust_position", Adjust), ("signal_hold", Hold)],
)
def test_what_was_said_about_a_position_is_done_with_the_position(tool: str, kind: type) -> None:
    script = model(said(tool, stance="in_position"))
    position = a_position(opened_at=NOON - 9 * HOUR)
    assert script.asks(PAIR, NOON, position)
    assert isinstance(script.decide(a_scene(position)), kind)


@pytest.mark.parametrize("tool", ["signal_wait", "signal_entry_long", None])
def test_a_young_position_the_model_does_not_know_is_held(tool: str | None) -> None:
    assert not model(said(tool)).asks(PAIR, NOON, a_position(opened_at=NOON - HOUR))


def test_entering_the_other_side_closes() -> None:
    script = model(said("signal_entry_short"))
    position = a_position(opened_at=NOON - HOUR)
    assert script.asks(PAIR, NOON, position)
    assert isinstance(script.decide(a_scene(position)), Exit)


@pytest.mark.parametrize(("hours", "closes"), [(3.9, False), (4, True), (9, True)])
def test_a_position_the_model_does_not_know_is_closed_in_time(hours: float, closes: bool) -> None:
    position = a_position(opened_at=NOON - hours * HOUR)
    script = model(said("signal_wait"))
    assert script.asks(PAIR, NOON, position) is closes
    assert model().asks(PAIR, NOON, position) is closes


def test_a_position_the_model_knows_is_held_as_long_as_it_likes() -> None:
    script = model(said("signal_hold", stance="in_position"))
    position = a_position(opened_at=NOON - 90 * HOUR)
    assert script.asks(PAIR, NOON, position)
    assert isinstance(script.decide(a_scene(position)), Hold)


def test_the_usual_holding_is_the_median_of_the_trades_or_a_day() -> None:
    held = [a_closed_trade(opened_at=NOON, closed_at=NOON + hours * HOUR) for hours in (1, 9, 2)]
    assert usual_holding(held) == 2 * HOUR
    assert usual_holding(()) == timedelta(days=1)


# Without the gate


def test_without_the_gate_what_is_asked_is_approved() -> None:
    state = a_gate_state(account=an_account(free=900.0, halted=True))
    call = a_call("signal_entry_long", leverage=40, stake_amount=800, confidence_score=1)
    verdict = Approving(a_risk()).judge(call, state)
    assert verdict.status == "approved"
    assert verdict.proposal is not None
    assert (verdict.proposal.leverage, verdict.proposal.stake_amount) == (40.0, 800.0)
    assert verdict.proposal.stop_price == 98.0
    assert DecisionChecker(a_risk()).judge(call, state).status == "refused"


def test_no_more_than_the_exchange_allows_and_the_account_has() -> None:
    state = a_gate_state(account=an_account(free=100.0))
    state = type(state)(**{**fields(state), "rules": type(state.rules)(0.1, 5.0, 20.5)})
    call = a_call("signal_entry_short", leverage=50, stake_amount=800)
    proposal = Approving(a_risk()).judge(call, state).proposal
    assert proposal is not None
    assert (proposal.leverage, proposal.stake_amount) == (20.0, 100.0)


def fields(value: object) -> Mapping[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def test_whatever_is_no_entry_is_approved_as_it_is() -> None:
    position = a_position(stake_amount=100.0)
    call = a_call("adjust_position", adjustment_pct=-50.0)
    verdict = Approving(a_risk()).judge(call, a_gate_state(position=position))
    assert verdict.proposal is not None
    assert verdict.proposal.stake_amount == -50.0


def test_what_is_no_number_is_refused_even_without_the_gate() -> None:
    state = a_gate_state(account=an_account(equity=math.nan))
    verdict = Approving(a_risk()).judge(a_call("signal_entry_long", stake_amount=None), state)
    assert [reason.code for reason in verdict.reasons] == ["NOT_FINITE"]


def test_a_booking_without_the_gate_has_no_price_band() -> None:
    book = OpenBook()
    assert book.put(a_booking()) is None
    booked = book.look(a_booking().pair, "entry", a_booking().candle_at)
    assert booked is not None
    assert (booked.lowest_price, booked.highest_price) == (0.0, math.inf)


# Random trading


def a_model(*trades: ClosedTrade, candles: int = 96) -> Model:
    outcome = an_outcome(trades or trades_of(1, 2, 3), end=MIDNIGHT + candles * HALF_HOUR)
    return model_of(outcome, HALF_HOUR)


def drafts(seed: int = 1, *trades: ClosedTrade, candles: int = 96) -> list[Draft]:
    return drafted(a_model(*trades, candles=candles), np.random.default_rng(seed))[PAIR]


def test_as_many_trades_are_drafted_of_each_pair_as_the_model_made() -> None:
    trades = (*trades_of(1, 2), a_closed_trade(pair=ETH))
    outcome = an_outcome(trades, pairs=("XRP/USDT:USDT", ETH, PAIR))
    found = drafted(model_of(outcome, HALF_HOUR), np.random.default_rng(1))
    assert {pair: len(some) for pair, some in found.items()} == {ETH: 1, PAIR: 2}


def test_a_draft_has_the_stake_leverage_stop_and_duration_of_a_trade() -> None:
    trade = a_closed_trade(leverage=7.0, stake_amount=33.0, thesis=a_thesis(stop_price=96.0))
    (draft,) = drafts(1, trade)
    assert (draft.leverage, draft.stake_amount, draft.candles) == (7.0, 33.0, 4)
    assert draft.stop_ratio == pytest.approx(0.04)


@pytest.mark.parametrize("thesis", [None, a_thesis(stop_price=None)])
def test_a_trade_without_a_named_stop_leaves_it_to_the_bot(thesis: object) -> None:
    assert drafts(1, a_closed_trade(thesis=thesis))[0].stop_ratio is None


def test_a_trade_of_no_time_is_held_for_a_candle() -> None:
    assert drafts(1, a_closed_trade(opened_at=NOON, closed_at=NOON))[0].candles == 1


@given(st.integers(0, 1000), st.integers(1, 15))
@settings(deadline=None)
def test_drafts_do_not_meet_and_end_within_the_run(seed: int, number: int) -> None:
    found = drafts(seed, *trades_of(*range(number)))
    ends = [draft.at + (draft.candles + 1) * HALF_HOUR for draft in found]
    assert all(end <= later.at for end, later in zip(ends, found[1:], strict=False))
    assert found[0].at > MIDNIGHT
    assert ends[-1] <= MIDNIGHT + 96 * HALF_HOUR


def test_more_trades_than_time_follow_each_other_without_a_pause() -> None:
    found = drafts(1, *trades_of(*range(10)), candles=20)
    gaps = {(later.at - one.at) / HALF_HOUR for one, later in itertools.pairwise(found)}
    assert gaps == {3.0}


def test_times_and_sides_are_of_chance_and_the_same_for_the_same_seed() -> None:
    assert drafts(1) == drafts(1)
    assert drafts(1) != drafts(2)
    assert {draft.side for seed in range(9) for draft in drafts(seed)} == {"long", "short"}


def at_first_draft(script: RandomScript) -> datetime:
    return next(
        at
        for at in (MIDNIGHT + candle * HALF_HOUR for candle in range(96))
        if script.asks(PAIR, at, None)
    )


def test_random_trading_enters_as_drafted_and_leaves_after_the_time() -> None:
    script = RandomScript(a_model(), seed=3)
    draft = drafts(3)[0]
    at = at_first_draft(script)
    assert at == draft.at
    call = script.decide(a_scene())
    assert isinstance(call, EntryLong if draft.side == "long" else EntryShort)
    assert draft.stop_ratio is not None
    away = 100 * draft.stop_ratio * (-1 if draft.side == "long" else 1)
    assert call.stop_price == pytest.approx(100 + away)
    script.heard(filled(at))
    assert script.made == 1
    position = a_position()
    assert not script.asks(PAIR, at + (draft.candles - 1) * HALF_HOUR, position)
    assert script.asks(PAIR, at + draft.candles * HALF_HOUR, position)
    assert isinstance(script.decide(a_scene(position)), Exit)
    assert script.asks(PAIR, at + (draft.candles + 1) * HALF_HOUR, position)


def test_what_was_not_filled_is_tried_again_within_some_candles() -> None:
    script = RandomScript(a_model(), seed=3)
    at = at_first_draft(script)
    script.decide(a_scene())
    script.heard(filled(at, outcome="expired"))
    script.heard(filled(at, tool="signal_exit"))
    script.heard(a_decision_record(status="refused"))
    assert not script.asks(PAIR, at, None)
    assert script.asks(PAIR, at + LONGEST_DELAY * HALF_HOUR, None)
    assert script.made == 0


def test_what_is_refused_every_time_is_given_up() -> None:
    script = RandomScript(a_model(a_closed_trade()), seed=3)
    at, tries, sides = at_first_draft(script), 0, set()
    while script.asks(PAIR, at, None):
        sides.add(script.decide(a_scene()).tool)
        tries += 1
        at += LONGEST_DELAY * HALF_HOUR
    assert tries == MOST_TRIES
    assert len(sides) == 2
    assert not script.asks(PAIR, at + HOUR, None)


def test_a_pair_the_model_never_traded_is_left_alone() -> None:
    script = RandomScript(a_model(), seed=1)
    assert not script.asks(ETH, MIDNIGHT + 40 * HOUR, None)


def test_a_position_of_unknown_origin_is_kept() -> None:
    script = RandomScript(a_model(), seed=1)
    assert not script.asks(PAIR, MIDNIGHT + HOUR, a_position())


# What stands in for the rooms


def test_the_stand_in_shows_the_script_what_the_prompt_would_have_told() -> None:
    script = HoldScript([PAIR])
    stand_in, scene = StandIn(script), a_scene()
    tools = offered_tools("flat")
    prompt = stand_in.build(PairView(scene.snapshot, None, Experience()), scene.account, tools)
    assert (prompt.messages, prompt.tools) == ((), tools)
    answer = asyncio.run(stand_in.call(prompt, Inquiry(PAIR)))
    assert answer.call == script.decide(scene)
    assert (answer.model, answer.problems, answer.fault) == ("HoldScript", (), None)
    asyncio.run(stand_in.close())


def test_what_is_not_kept_counts_as_recorded() -> None:
    journal = Unkept()
    assert journal.decision(a_decision_record())
    journal.trade(None)  # type: ignore[arg-type]
    journal.lesson(None)  # type: ignore[arg-type]
    journal.close()
