from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.backtest.command.options import (
    BacktestOptions,
    Dates,
    LookaheadOptions,
    parsed,
)
from llm_modules.operations.places import SHIPPED_USER_DATA


def backtest(*arguments: str) -> BacktestOptions:
    options = parsed(["backtest", *arguments])
    assert isinstance(options, BacktestOptions)
    return options


def test_without_options_everything_is_as_configured_and_the_tape_is_used() -> None:
    assert backtest() == BacktestOptions()
    assert backtest().tape_mode == "replay_or_record"
    assert backtest().user_data == SHIPPED_USER_DATA


def test_every_option_is_understood(tmp_path: Path) -> None:
    options = backtest(
        *("--user-data", str(tmp_path), "--sandbox", "--pairs", "A/B:B", "C/B:B"),
        *("--timerange", "20260101-20260201", "--timeframe", "1h", "--model", "m"),
        *("--wallet", "50.5", "--tape", "t.sqlite", "--replay", "--shards", "8"),
        *("--no-experience", "--mask", "--cut-off", "2025-06-30", "--no-baselines"),
        *("--random-seeds", "0", "--max-cost", "0.5", "--yes", "--json"),
    )
    assert options == BacktestOptions(
        user_data=tmp_path,
        sandbox=True,
        pairs=("A/B:B", "C/B:B"),
        dates=Dates(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        timeframe="1h",
        model="m",
        wallet=50.5,
        tape=Path("t.sqlite"),
        tape_mode="replay",
        shards=8,
        experience=False,
        mask=True,
        cut_off=datetime(2025, 6, 30, tzinfo=UTC),
        baselines=False,
        random_seeds=0,
        max_cost=0.5,
        yes=True,
        json=True,
    )


def test_the_proof_has_the_market_and_a_number_of_candles() -> None:
    options = parsed(["lookahead", "--candles", "7", "--sandbox", "--pairs", "A/B:B"])
    assert options == LookaheadOptions(sandbox=True, pairs=("A/B:B",), candles=7)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("20260101-", datetime(2026, 1, 1, tzinfo=UTC), None),
        ("-20260101", None, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_range_may_be_open(text: str, start: datetime | None, end: datetime | None) -> None:
    # As one word: what begins with a dash would be another option.
    assert backtest(f"--timerange={text}").dates == Dates(start, end)


def test_everything_anew_and_the_tape_alone_exclude_each_other() -> None:
    assert backtest("--record").tape_mode == "record"
    with pytest.raises(SystemExit, match="2"):
        parsed(["backtest", "--record", "--replay"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--timerange", "yesterday"), "expected days such as 20260101-20260201"),
        (("--timerange", "20260230-"), "expected days such as"),
        (("--timerange=-",), "expected days such as"),
        (("--timerange", "20260102-20260102"), "expected an end after the start"),
        (("--timerange", "20260103-20260102"), "expected an end after the start"),
        (("--cut-off", "20250630"), "expected YYYY-MM-DD"),
        (("--wallet", "0"), "expected an amount above 0"),
        (("--wallet", "much"), "expected an amount above 0"),
        (("--max-cost", "inf"), "expected an amount above 0"),
        (("--max-cost", "nan"), "expected an amount above 0"),
        (("--shards", "0"), "expected a whole number from 1 to 64"),
        (("--shards", "65"), "expected a whole number from 1 to 64"),
        (("--shards", "²"), "expected a whole number from 1 to 64"),
        (("--random-seeds", "10001"), "expected a whole number from 0 to 10000"),
        (("--timeframe", "7m"), "invalid choice"),
    ],
)
def test_wrong_values_are_told_with_what_was_expected(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parsed(["backtest", *arguments])
    said = " ".join(capsys.readouterr().err.split())
    assert told in said
    assert said.startswith("usage: ./manage.sh backtest")


@pytest.mark.parametrize("shards", ["1", "64"])
def test_the_ends_of_what_is_allowed_are_allowed(shards: str) -> None:
    assert backtest("--shards", shards).shards == int(shards)
