"""Costs, refusals and remarks: what is read from the records of a run."""

from datetime import timedelta

import pytest

from assessing import DAY, HALF_HOUR, MIDNIGHT, a_curve, a_stretch, an_outcome
from builders import a_closed_trade, a_decision_record, a_thesis
from llm_modules.backtest.assessment import RandomTrading
from llm_modules.backtest.costs import net, spent_by
from llm_modules.backtest.refusals import effects, refused_entries
from llm_modules.backtest.remarks import remarks_on
from llm_modules.journal.records import DecisionRecord, Reason

HOUR = timedelta(hours=1)


# Costs


def paid(hours: float, cost: float | None) -> DecisionRecord:
    return a_decision_record(at=MIDNIGHT + hours * HOUR, cost=cost)


def test_what_the_model_took_is_gone_from_then_on() -> None:
    outcome = an_outcome(equity=a_curve([100.0, 100.0, 110.0], HOUR), cost=5.0)
    spent = spent_by(outcome, (paid(1, 2.0), paid(1.5, 3.0), paid(0.5, None), paid(0, 0.0)))
    assert net(outcome.equity, spent).values.tolist() == [100.0, 98.0, 105.0]


def test_the_times_of_an_account_stay_as_they_are() -> None:
    curve = a_curve([1.0, 2.0], HALF_HOUR)
    assert (net(curve, ((MIDNIGHT, 0.5),)).at == curve.at).all()
    assert net(curve, ()) is curve


@pytest.mark.parametrize(
    "changes", [{"cost": None}, {"stake_currency": "BTC"}, {"stake_currency": "EUR"}]
)
def test_what_cannot_be_told_in_the_stake_currency_is_not_subtracted(
    changes: dict[str, object],
) -> None:
    assert spent_by(an_outcome(**{"cost": 5.0, **changes}), (paid(1, 2.0),)) == ()


@pytest.mark.parametrize("currency", ["USDT", "USDC", "USD"])
def test_dollar_coins_are_dollars(currency: str) -> None:
    outcome = an_outcome(cost=5.0, stake_currency=currency)
    assert spent_by(outcome, (paid(1, 2.0),)) == ((MIDNIGHT + HOUR, 2.0),)


# Refusals


def refused(name: str, *codes: str, tool: str = "signal_entry_long") -> DecisionRecord:
    reasons = [Reason(code=code, text="no", kind="refusal") for code in codes]
    remark = Reason(code="TREND_CLAIM", text="well", kind="remark")
    reasons = (*reasons, remark)
    return a_decision_record(decision_id=name, status="refused", tool=tool, reasons=reasons)


def made(name: str, profit: float) -> object:
    thesis = a_thesis(decision_id=name)
    return a_closed_trade(thesis=thesis, profit_abs=profit, profit_ratio=profit / 100)


def test_a_refused_entry_has_the_profit_of_the_trade_its_decision_opened() -> None:
    ungated = an_outcome((made("d-1", -7.0), made("d-9", 3.0), a_closed_trade(thesis=None)))
    long, short = refused_entries(
        (refused("d-1", "HALTED"), refused("d-2", "COOLDOWN", tool="signal_entry_short")), ungated
    )
    assert (long.side, long.codes, long.profit_abs) == ("long", ("HALTED",), -7.0)
    assert long.profit_ratio == pytest.approx(-0.07)
    assert (short.side, short.codes, short.profit_abs) == ("short", ("COOLDOWN",), None)
    assert short.profit_ratio is None


def test_what_was_not_refused_or_is_no_entry_is_not_among_them() -> None:
    others = (
        a_decision_record(tool="signal_entry_long"),
        refused("d-3", "NO_POSITION", tool="signal_exit"),
        a_decision_record(tool=None, status="failed"),
    )
    assert refused_entries(others, an_outcome()) == ()


def test_without_a_run_without_the_gate_no_profit_is_known() -> None:
    (one,) = refused_entries((refused("d-1", "HALTED"),), None)
    assert one.profit_abs is None


def test_an_entry_counts_for_each_check_that_refused_it() -> None:
    ungated = an_outcome((made("d-1", -7.0), made("d-2", 3.0)))
    entries = refused_entries(
        (refused("d-1", "B", "A", "B"), refused("d-2", "B"), refused("d-3", "B")), ungated
    )
    a, b = effects(entries)
    assert (a.code, a.refused, a.known, a.profit_abs) == ("A", 1, 1, -7.0)
    assert (b.code, b.refused, b.known, b.profit_abs) == ("B", 3, 2, -4.0)
    assert effects(()) == ()


# Remarks


def remarks(
    cut_off: object = MIDNIGHT - DAY,
    shards: int = 1,
    random: RandomTrading | None = None,
    stretch: object = None,
    **outcome: object,
) -> str:
    run, judged = an_outcome(**outcome), stretch or a_stretch(days=30.0)
    found = remarks_on(run, judged, cut_off, shards, random)  # type: ignore[arg-type]
    return "\n".join(found)


def test_a_run_of_enough_trades_after_the_cut_off_needs_no_remark() -> None:
    assert remarks() == ""


def test_shards_are_called_what_they_are_before_anything_else() -> None:
    said = remarks(shards=8, cut_off=None).splitlines()
    assert "8 shards" in said[0]
    assert "not the account of anyone" in said[0]
    assert len(said) == 2


def test_an_unknown_cut_off_is_said() -> None:
    assert "may remember" in remarks(cut_off=None)


def test_it_is_said_when_nothing_lies_after_the_cut_off() -> None:
    said = remarks(cut_off=MIDNIGHT + 9 * DAY, stretch=a_stretch("before"))
    assert "Nothing lies after" in said
    assert "2026-01-19" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cost": None}, "price of at least one model is not known"),
        ({"cost": 3.5, "stake_currency": "BTC"}, "BTC: the cost of the model, 3.50 USD, is not"),
        ({"cost": 3.5}, "one USDT as one USD"),
        ({"cost": 3.5, "stake_currency": "USD"}, ""),
        ({"cost": 0.0, "stake_currency": "BTC"}, ""),
    ],
)
def test_what_became_of_the_cost_is_said(changes: dict[str, object], said: str) -> None:
    found = remarks(**changes)  # type: ignore[arg-type]
    assert (said in found) if said else (found == "")


@pytest.mark.parametrize(("trades", "few"), [(0, True), (29, True), (30, False)])
def test_fewer_than_thirty_trades_are_too_few(trades: int, few: bool) -> None:
    assert (f"{trades} trades are too few" in remarks(stretch=a_stretch(trades=trades))) is few


@pytest.mark.parametrize(("days", "few"), [(1.96, True), (2.0, False)])
def test_less_than_two_days_are_too_few(days: float, few: bool) -> None:
    assert ("days are too few" in remarks(stretch=a_stretch(days=days))) is few


def test_it_is_said_that_no_trade_lost() -> None:
    assert "No trade lost" in remarks(stretch=a_stretch(profit_factor=None))
    assert "No trade lost" not in remarks(stretch=a_stretch(profit_factor=None, trades=0))


@pytest.mark.parametrize(("placed", "few"), [(0.94, True), (0.95, False), (1.0, False)])
def test_random_trading_of_another_turnover_is_said_to_be_so(placed: float, few: bool) -> None:
    curve = a_curve([1.0])
    random = RandomTrading((0.0,), curve, curve, curve, beaten=0.0, placed=placed)
    assert (f"only {placed:.0%}" in remarks(random=random)) is few
