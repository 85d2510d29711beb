from builders import PAIR, a_booking, a_position, a_question, a_world, some_candles
from llm_modules.engine.exposures import exposures
from llm_modules.gate.verdict import Exposure
from llm_modules.market.returns import log_returns

ETH = "ETH/USDT:USDT"
RETURNS = {PAIR: log_returns(some_candles()), ETH: log_returns(some_candles(base=7.0))}


def test_the_position_of_the_pair_itself_is_left_out() -> None:
    assert exposures(a_question(), a_world(a_position()), ()) == ()


def test_a_position_elsewhere_counts_with_its_correlation() -> None:
    eth = a_position(pair=ETH, side="short", stake_amount=70.0, leverage=5.0)
    (found,) = exposures(a_question(returns=RETURNS), a_world(a_position(), eth), ())
    assert (found.pair, found.side, found.stake_amount, found.leverage) == (ETH, "short", 70.0, 5.0)
    assert found.correlation is not None
    assert found.correlation > 0.99
    assert not found.promised
    assert not found.takes_slot


def test_a_pair_without_returns_has_an_unknown_correlation() -> None:
    world = a_world(a_position(pair=ETH))
    for known in ({}, {PAIR: RETURNS[PAIR]}, {ETH: RETURNS[ETH]}):
        (found,) = exposures(a_question(returns=known), world, ())
        assert found.correlation is None


def test_promises_count_as_what_they_will_become() -> None:
    entry = a_booking(pair=ETH, stake_amount=50.0, leverage=2.0)
    addition = a_booking(kind="adjust", stake_amount=30.0)
    found = exposures(a_question(), a_world(), (entry, addition))
    assert found == (
        Exposure(ETH, "long", 50.0, 2.0, None, promised=True, takes_slot=True),
        Exposure(PAIR, "long", 30.0, 3.0, 1.0, promised=True, takes_slot=False),
    )


def test_what_only_reduces_is_no_exposure() -> None:
    promised = (
        a_booking(kind="adjust", stake_amount=-30.0),
        a_booking(pair=ETH, kind="exit", stake_amount=0.0),
    )
    assert exposures(a_question(), a_world(), promised) == ()
