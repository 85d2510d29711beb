"""Whole runs inside Freqtrade's own backtesting: every pair and candle, and what ends a run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from backtests import PAIRS, Remembering, backtest_config, played
from fakes import ScriptedClient
from llm_modules.backtest.outcome import Moment, Outcome, Variant
from llm_modules.backtest.policy_client import PolicyClient
from llm_modules.backtest.running import run
from llm_modules.engine.cycle import Rooms
from llm_modules.errors import BacktestError, ConfigError, ProviderError
from llm_modules.journal.reader import read_journal
from llm_modules.journal.records import (
    DECISION_LINES,
    DecisionLine,
    DecisionRecord,
    HaltRecord,
    OutcomeRecord,
)

# From midnight to noon of 2026-01-10, as Freqtrade understands it.
HALF_A_DAY = "1768003200-1768046400"
ONE_DAY = "20260110-20260111"
CANDLES = 24
FIRST_CLOSE = datetime(2026, 1, 10, 0, 30, tzinfo=UTC)
JOURNALS = ("llm_decisions.jsonl", "trade_experience.jsonl")


def lines(outcome: Outcome) -> Sequence[object]:
    return read_journal(outcome.folder / JOURNALS[0], DECISION_LINES).records


def decided(outcome: Outcome) -> list[DecisionRecord]:
    return [line for line in lines(outcome) if isinstance(line, DecisionRecord)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def model() -> Remembering:
    return Remembering()


@pytest.fixture(scope="module")
def outcome(home: Path, model: Remembering) -> Outcome:
    """A day of five pairs with the scripted policy."""
    return played(backtest_config(home, ONE_DAY), model)


def test_every_pair_is_decided_about_on_every_candle(outcome: Outcome) -> None:
    records = decided(outcome)
    assert outcome.decided == outcome.asked == len(records) == 5 * 48
    assert len({(one.pair, one.candle_at) for one in records}) == len(records)
    assert {one.mode for one in records} == {"backtest"}
    assert all(one.at == one.candle_at for one in records)


def test_every_trade_freqtrade_closed_is_learnt_from(outcome: Outcome) -> None:
    assert len(outcome.trades) > 10
    profit = sum(trade.profit_abs for trade in outcome.trades)
    assert outcome.final_balance - outcome.starting_balance == pytest.approx(profit)
    assert all(trade.thesis is not None for trade in outcome.trades)
    taught = (outcome.folder / JOURNALS[1]).read_bytes().splitlines()
    assert len(taught) == len(outcome.trades)


def test_exits_are_the_models_own_and_keep_its_words(outcome: Outcome) -> None:
    by_model = [one for one in outcome.trades if one.exit_reason == "signal_exit"]
    assert by_model
    assert all(one.exit_decision_id and one.exit_reflection for one in by_model)


def test_positions_are_added_to_and_reduced(outcome: Outcome) -> None:
    filled = [one for one in lines(outcome) if isinstance(one, OutcomeRecord)]
    assert any(one.tool == "adjust_position" and one.outcome == "filled" for one in filled)
    assert any(one.entries > 1 or one.exits > 1 for one in outcome.trades)


def test_what_freqtrade_did_not_execute_is_recorded(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, HALF_A_DAY)
    # One slot for Freqtrade, while the gate would allow four.
    config["max_open_trades"] = 1
    outcome = played(config)
    assert outcome.rejected_entries > 0
    expired = [
        one for one in lines(outcome) if isinstance(one, OutcomeRecord) and one.outcome == "expired"
    ]
    assert len(expired) >= outcome.rejected_entries


def test_the_account_is_kept_for_each_candle_and_ends_with_what_is_left(outcome: Outcome) -> None:
    assert len(outcome.equity.at) == 48
    assert outcome.equity.at[-1] == outcome.end.timestamp() * 1000
    assert outcome.equity.values[0] == outcome.starting_balance == 10_000
    assert outcome.equity.values[-1] == outcome.final_balance
    seen = {int(one.candle_at.timestamp() * 1000): one.equity for one in decided(outcome)}
    values = dict(zip(outcome.equity.at.tolist(), outcome.equity.values.tolist(), strict=True))
    # The last look was a moment before everything was closed.
    del seen[int(outcome.equity.at[-1])]
    assert seen.items() <= values.items()
    assert np.std(outcome.equity.values) > 0


def test_a_run_begins_with_an_empty_past_and_writes_the_same_bytes_again(
    home: Path, outcome: Outcome, model: Remembering
) -> None:
    before = [(outcome.folder / name).read_bytes() for name in JOURNALS]
    other = Remembering()
    again = played(backtest_config(home, ONE_DAY), other)
    assert other.prompts == model.prompts
    assert [(again.folder / name).read_bytes() for name in JOURNALS] == before
    assert again.folder == outcome.folder
    assert again.trades == outcome.trades


def test_the_past_of_the_run_comes_back_to_the_model_unless_it_is_switched_off(
    tmp_path: Path, outcome: Outcome, model: Remembering
) -> None:
    unknowing = Remembering()
    config = backtest_config(tmp_path, HALF_A_DAY, settings={"experience": False})
    records = decided(played(config, unknowing))
    now = 5 * CANDLES - 1
    assert decided(outcome)[now].decision_id == records[now].decision_id
    # The decision about the same pair a candle ago; no position is open, whose thesis is quoted.
    said = records[now - 5].call["reason"]
    assert records[now].stance == "flat"
    assert said in model.prompts[now].messages[-1].content
    assert said not in unknowing.prompts[now].messages[-1].content


def test_only_the_candles_that_are_wished_are_decided_about(tmp_path: Path) -> None:
    at = FIRST_CLOSE + timedelta(hours=1)
    variant = Variant(
        client=PolicyClient(), asks=lambda pair, when: (pair, when) == ("ETH/USDT:USDT", at)
    )
    outcome = run(backtest_config(tmp_path, HALF_A_DAY), variant)
    assert [(one.pair, one.candle_at) for one in decided(outcome)] == [("ETH/USDT:USDT", at)]
    assert len(outcome.equity.at) == CANDLES


def test_whoever_watches_is_told_of_each_candle_and_rooms_can_be_exchanged(tmp_path: Path) -> None:
    seen: list[Moment] = []
    heard: list[object] = []

    def listening(rooms: Rooms) -> Rooms:
        def both(line: DecisionLine) -> None:
            heard.append(line)
            rooms.heard(line)

        return replace(rooms, heard=both)

    variant = Variant(client=PolicyClient(), watch=seen.append, refit=listening)
    run(backtest_config(tmp_path, HALF_A_DAY), variant)
    assert [one.candle for one in seen] == list(range(1, CANDLES + 1))
    assert {one.candles for one in seen} == {CANDLES}
    assert [one.decided for one in seen] == [5 * one.candle for one in seen]
    assert seen[0].at == FIRST_CLOSE
    assert seen[0].cost == 0.0
    assert len([one for one in heard if isinstance(one, DecisionRecord)]) == 5 * CANDLES


def test_a_model_that_is_gone_ends_the_run_and_leaves_its_records(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, HALF_A_DAY)
    gone = ScriptedClient([ProviderError("connection", "refused")])
    with pytest.raises(BacktestError, match="stopped at 2026-01-10 02:00 UTC: connection: refused"):
        played(config, gone)
    assert gone.closed
    # Its files are free for the next run.
    assert played(backtest_config(tmp_path, HALF_A_DAY, PAIRS[:1])).decided == CANDLES


def test_an_interrupted_run_leaves_whole_journals(tmp_path: Path) -> None:
    def interrupt(moment: Moment) -> None:
        if moment.candle == 5:
            raise KeyboardInterrupt

    config = backtest_config(tmp_path, HALF_A_DAY)
    with pytest.raises(KeyboardInterrupt):
        run(config, Variant(client=PolicyClient(), watch=interrupt))
    content = read_journal(tmp_path / "run" / JOURNALS[0], DECISION_LINES)
    assert content.bad_lines == ()
    assert len([one for one in content.records if isinstance(one, DecisionRecord)]) == 25


def test_settings_that_no_run_can_have_are_named(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, HALF_A_DAY, risk_management={"max_leverage": 0})
    with pytest.raises(ConfigError, match=r"risk_management\.max_leverage"):
        run(config)


def test_a_time_without_candles_is_named(tmp_path: Path) -> None:
    with pytest.raises(BacktestError, match="No data found"):
        played(backtest_config(tmp_path, "20200101-20200102"))


def test_one_candle_below_the_limit_trips_the_emergency_stop(tmp_path: Path) -> None:
    risk = {"emergency_stop_loss": -0.002, "emergency_day_loss": None}
    outcome = played(backtest_config(tmp_path, ONE_DAY, risk_management=risk))
    halts = [one for one in lines(outcome) if isinstance(one, HaltRecord)]
    assert [one.event for one in halts] == ["tripped"]
    opened_after = [one for one in outcome.trades if one.opened_at >= halts[0].at]
    assert opened_after == []
    limit = 0.998 * np.maximum.accumulate(outcome.equity.values)
    first_below = outcome.equity.at[np.argmax(outcome.equity.values <= limit)]
    assert halts[0].at.timestamp() * 1000 == first_below


def test_a_halt_by_hand_of_the_bot_does_not_halt_a_backtest(tmp_path: Path) -> None:
    (tmp_path / "HALT").touch()
    assert played(backtest_config(tmp_path, HALF_A_DAY, PAIRS[:2])).trades


def test_all_pairs_can_be_asked_about_at_once(tmp_path: Path) -> None:
    client = Remembering()
    asking = {"asking": {"scope": "portfolio"}, "max_tokens": 5000}
    config = backtest_config(tmp_path, HALF_A_DAY, llm_config=asking)
    outcome = played(config, client)
    assert outcome.decided == 5 * CANDLES
    assert len(client.prompts) == CANDLES


def test_a_finer_timeframe_can_tell_what_happened_within_a_candle(tmp_path: Path) -> None:
    config = backtest_config(tmp_path, HALF_A_DAY, PAIRS[:2]) | {"timeframe_detail": "5m"}
    outcome = played(config)
    assert outcome.decided == 2 * CANDLES
    assert outcome.trades
