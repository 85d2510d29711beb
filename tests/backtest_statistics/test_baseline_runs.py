"""Baselines played by Freqtrade on a day of recorded candles."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange

from assessing import HALF_HOUR
from backtests import PAIRS, backtest_config, played
from llm_modules.backtest.assess import stretches_of
from llm_modules.backtest.baselines import script, seeds
from llm_modules.backtest.baselines.chance import Rival, random_trading
from llm_modules.backtest.baselines.drafts import model_of
from llm_modules.backtest.baselines.hold import HoldScript, WaitScript
from llm_modules.backtest.baselines.random_script import RandomScript
from llm_modules.backtest.baselines.seeds import Opening, courses
from llm_modules.backtest.baselines.stage import Play, apart, exchange_of, stage
from llm_modules.backtest.baselines.ungated import NO_LIMITS, without_gate
from llm_modules.backtest.baselines.ungated_model import UngatedModel, usual_holding
from llm_modules.backtest.outcome import Moment, Outcome, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.running import run
from llm_modules.config import RiskConfig
from llm_modules.errors import BacktestError, UserError
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import DECISION_LINES, DecisionRecord

TWO_PAIRS = PAIRS[:2]
A_DAY = "20260110-20260111"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def config(home: Path) -> dict[str, object]:
    return backtest_config(home, A_DAY, TWO_PAIRS)


@pytest.fixture(scope="module")
def main(config: dict[str, object]) -> Outcome:
    return played(config)


@pytest.fixture(scope="module")
def exchange(config: dict[str, object]) -> Exchange:
    return exchange_of(config)


@pytest.fixture
def play(config: dict[str, object], home: Path, exchange: Exchange) -> Iterator[Play]:
    with stage(apart(config, home / "gated"), exchange) as found:
        yield found


@pytest.fixture
def play_freely(config: dict[str, object], home: Path, exchange: Exchange) -> Iterator[Play]:
    with stage(apart(config, home / "free", **NO_LIMITS), exchange) as found:
        yield found


def risk_of(config: dict[str, object], **changes: object) -> RiskConfig:
    return RiskConfig.model_validate(config["risk_management"]).model_copy(update=changes)


def decisions_of(outcome: Outcome) -> tuple[DecisionRecord, ...]:
    lines = read_journal(outcome.folder / "llm_decisions.jsonl", DECISION_LINES).records
    return tuple(line for line in lines if isinstance(line, DecisionRecord))


def on(play: Play) -> Opening:
    return lambda: nullcontext(play)


def same(one: Outcome, other: Outcome) -> bool:
    return one.trades == other.trades and (one.equity.values == other.equity.values).all()


def test_a_stage_plays_what_a_run_of_its_own_plays(
    config: dict[str, object], main: Outcome, play: Play
) -> None:
    alone = run({**config, **apart(config, main.folder.parent / "alone")}, Variant(PolicyClient()))
    staged = play(Variant(client=PolicyClient()))
    assert len(staged.trades) > 3
    assert same(staged, alone)
    assert replace(staged, equity=alone.equity, folder=alone.folder) == alone


def test_what_was_played_before_on_a_stage_changes_nothing(main: Outcome, play: Play) -> None:
    model = model_of(main, HALF_HOUR)
    first = play(script.played(RandomScript(model, 1)))
    play(script.played(RandomScript(model, 2)))
    again = play(script.played(RandomScript(model, 1)))
    assert len(first.trades) > 3
    assert same(first, again)
    assert again.starting_balance == first.starting_balance == 10_000


def test_a_run_beside_the_first_leaves_its_journals_alone(main: Outcome, play: Play) -> None:
    before = (main.folder / "llm_decisions.jsonl").read_bytes()
    aside = play(Variant(client=PolicyClient()))
    assert (main.folder / "llm_decisions.jsonl").read_bytes() == before
    assert aside.folder != main.folder
    assert aside.result_file is None


def test_what_cannot_be_played_says_why(
    config: dict[str, object], home: Path, exchange: Exchange
) -> None:
    with (
        stage(apart(config, home / "bad", max_leverage=0), exchange) as play,
        pytest.raises(UserError, match="max_leverage"),
    ):
        play(script.played(WaitScript()))


def test_what_freqtrade_cannot_do_is_an_error_of_the_backtest(play: Play) -> None:
    def gone(_moment: Moment) -> None:
        raise OperationalException("the exchange left")

    with pytest.raises(BacktestError, match="the exchange left"):
        play(script.played(WaitScript(), watch=gone))


def test_who_always_waits_keeps_what_there_was(play: Play) -> None:
    outcome = play(script.played(WaitScript()))
    assert outcome.final_balance == outcome.starting_balance
    assert outcome.decided == 0
    assert set(outcome.equity.values) == {outcome.starting_balance}


def test_hold_buys_every_pair_once_and_keeps_it(
    config: dict[str, object], home: Path, exchange: Exchange
) -> None:
    free = without_gate(risk_of(config, allow_model_freedom=True))
    slots = {"max_open_trades": 2}
    with stage({**apart(config, home / "hold", **NO_LIMITS), **slots}, exchange) as play:
        outcome = play(script.played(HoldScript(TWO_PAIRS), free))
    assert {trade.pair for trade in outcome.trades} == set(TWO_PAIRS)
    assert {(trade.side, trade.leverage) for trade in outcome.trades} == {("long", 1.0)}
    assert {trade.exit_reason for trade in outcome.trades} == {"force_exit"}
    stakes = [trade.stake_amount for trade in outcome.trades]
    assert stakes[0] == pytest.approx(stakes[1], rel=0.01)
    assert sum(stakes) == pytest.approx(0.95 * outcome.starting_balance, rel=0.01)
    assert len({trade.opened_at for trade in outcome.trades}) == 1


def test_hold_earns_what_the_pairs_gained_less_fees(
    config: dict[str, object], play_freely: Play
) -> None:
    free = without_gate(risk_of(config, allow_model_freedom=True))
    outcome = play_freely(script.played(HoldScript(TWO_PAIRS), free))
    moved = sum(
        trade.stake_amount * (trade.close_rate / trade.open_rate - 1) for trade in outcome.trades
    )
    fees = 2 * 0.0005 * sum(trade.stake_amount for trade in outcome.trades)
    funding = sum(trade.funding_fees for trade in outcome.trades)
    profit = outcome.final_balance - outcome.starting_balance
    assert profit == pytest.approx(moved - fees + funding, abs=0.5)


def test_a_trade_of_the_model_without_gate_is_named_by_its_decision(
    config: dict[str, object], main: Outcome, play_freely: Play
) -> None:
    decisions = decisions_of(main)
    ungated = UngatedModel(decisions, usual_holding(main.trades))
    outcome = play_freely(script.played(ungated, without_gate(risk_of(config))))
    known = {one.decision_id: one for one in decisions}
    assert len(outcome.trades) > 3
    for trade in outcome.trades:
        assert trade.thesis is not None
        decision = known[trade.thesis.decision_id]
        assert decision.tool == f"signal_entry_{trade.side}"
        if trade.entries == 1:
            # Whole lots of BTC are a good part of a small stake.
            asked = decision.call.get("stake_amount", trade.stake_amount)
            lot = 0.001 * trade.open_rate / trade.leverage
            assert trade.stake_amount == pytest.approx(asked, abs=lot)


def test_without_the_gate_what_it_refused_is_carried_out(
    config: dict[str, object], home: Path, exchange: Exchange
) -> None:
    # A gate that lets nothing through: what remains is all the gate's doing.
    strict = backtest_config(
        home,
        A_DAY,
        TWO_PAIRS,
        settings={"folder": str(home / "strict")},
        risk_management={"min_confidence": 100},
    )
    refusing = played(strict)
    assert refusing.trades == ()
    ungated = UngatedModel(decisions_of(refusing), usual_holding(()))
    with stage(apart(strict, home / "let", **NO_LIMITS), exchange) as play:
        outcome = play(script.played(ungated, without_gate(risk_of(strict))))
    assert len(outcome.trades) > 1


def test_random_trading_is_as_much_as_the_models_and_through_the_gate(
    main: Outcome, play: Play
) -> None:
    trader = RandomScript(model_of(main, HALF_HOUR), 5)
    outcome = play(script.played(trader))
    assert trader.made == len(outcome.trades)
    assert len(main.trades) // 2 <= trader.made <= len(main.trades)
    theirs = {pair: sum(one.pair == pair for one in main.trades) for pair in TWO_PAIRS}
    for pair in TWO_PAIRS:
        assert sum(one.pair == pair for one in outcome.trades) <= theirs[pair]
    assert {trade.leverage for trade in outcome.trades} <= {one.leverage for one in main.trades}


def test_chance_is_summed_up_over_seeds(main: Outcome, play: Play) -> None:
    (whole,) = stretches_of(main, main.equity, None)
    told: list[int] = []
    random = random_trading(on(play), Rival(main, HALF_HOUR, whole), 3, told.append)
    assert random is not None
    assert told == [1, 2, 3]
    assert len(random.returns) == len(set(random.returns)) == 3
    own = whole.statistics.figures["return_ratio"].value
    assert own is not None
    assert random.beaten == sum(one < own for one in random.returns) / 3
    assert 0 < random.placed <= 1
    assert (random.low.values <= random.median.values).all()
    assert (random.median.values <= random.high.values).all()
    assert (random.median.at == main.equity.at).all()
    ends = np.array(random.returns)
    last = random.median.values[-1] / main.starting_balance - 1
    assert last == pytest.approx(float(np.median(ends)))


def test_without_trades_or_seeds_there_is_no_chance_to_beat(main: Outcome, play: Play) -> None:
    (whole,) = stretches_of(main, main.equity, None)
    rival = Rival(main, HALF_HOUR, whole)
    assert random_trading(on(play), rival, 0, print) is None
    idle = replace(rival, outcome=replace(main, trades=()))
    assert random_trading(on(play), idle, 3, print) is None


def test_whoever_watches_sees_every_candle(play: Play) -> None:
    seen: list[Moment] = []
    play(script.played(WaitScript(), watch=seen.append))
    assert [moment.candle for moment in seen] == list(range(1, 49))[: len(seen)]
    assert seen[-1].candles == 48


def test_several_processes_make_the_same_curves(
    config: dict[str, object], home: Path, exchange: Exchange, main: Outcome
) -> None:
    model = model_of(main, HALF_HOUR)

    def opening() -> AbstractContextManager[Play]:
        return stage(apart(config, home / f"process-{os.getpid()}"), exchange)

    alone = list(courses(opening, model, 3, processes=1))
    together = list(courses(opening, model, 3, processes=2))
    assert [made for _, made in together] == [made for _, made in alone]
    for (one, _), (other, _) in zip(alone, together, strict=True):
        assert (one.values == other.values).all()


def test_a_process_that_dies_is_said_to_have_died(main: Outcome) -> None:
    def opening() -> AbstractContextManager[Play]:
        os._exit(1)

    with pytest.raises(BacktestError, match="died"):
        list(courses(opening, model_of(main, HALF_HOUR), 2, processes=2))


def test_a_worker_plays_on_the_stage_it_opened(
    main: Outcome, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(seeds, "_opened", opened)
    before = signal.getsignal(signal.SIGINT)
    model = model_of(main, HALF_HOUR)
    try:
        seeds._open(on(play), model)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        equity, made = seeds._in_this_process(1)
    finally:
        signal.signal(signal.SIGINT, before)
    ((expected, entries),) = list(courses(on(play), model, 2, processes=1))[1:]
    assert made == entries
    assert (equity.values == expected.values).all()
