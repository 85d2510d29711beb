from datetime import datetime, timedelta
from pathlib import Path

import pytest
from freqtrade.enums import CandleType

from llm_modules.backtest.candle_files import Gap, Missing, Prepared, Wanted, prepare
from recorded_files import BTC, ETH, START, candles, rates, read, whole_market, write

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def wanted(
    datadir: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    timeframes: tuple[str, ...] = ("30m", "1h", "4h"),
    pairs: tuple[str, ...] = (BTC,),
) -> Wanted:
    return Wanted(datadir, pairs, timeframes, start, end)


def named(prepared: Prepared) -> list[tuple[str, str, str]]:
    return [(one.pair, one.timeframe, one.kind) for one in prepared.missing]


def test_a_market_of_five_minutes_is_all_a_run_needs(tmp_path: Path) -> None:
    whole_market(tmp_path, (BTC, ETH))
    prepared = prepare(wanted(tmp_path, pairs=(BTC, ETH)))
    assert prepared.missing == prepared.gaps == ()
    assert (prepared.start, prepared.end) == (START, START + 4 * DAY)
    for pair in (BTC, ETH):
        rows = [len(read(tmp_path, pair, timeframe)) for timeframe in ("30m", "1h", "4h")]
        assert rows == [4 * 48, 4 * 24, 4 * 6]
    assert prepare(wanted(tmp_path, pairs=(BTC, ETH))) == prepared


def test_a_span_inside_what_is_there_is_the_span_of_the_run(tmp_path: Path) -> None:
    whole_market(tmp_path)
    prepared = prepare(wanted(tmp_path, START + DAY, START + 2 * DAY))
    assert (prepared.start, prepared.end) == (START + DAY, START + 2 * DAY)
    assert prepared.missing == ()


def test_the_span_is_what_all_pairs_share(tmp_path: Path) -> None:
    whole_market(tmp_path, (BTC,))
    write(tmp_path, ETH, "5m", candles("5m", 2 * 288, START + DAY))
    write(tmp_path, ETH, "1h", candles("1h", 48, START + DAY), CandleType.MARK)
    write(tmp_path, ETH, "1h", rates(6, START + DAY), CandleType.FUNDING_RATE)
    prepared = prepare(wanted(tmp_path, pairs=(BTC, ETH)))
    assert (prepared.start, prepared.end) == (START + DAY, START + 3 * DAY)


def test_the_span_ends_where_marks_or_rates_do(tmp_path: Path) -> None:
    whole_market(tmp_path)
    write(tmp_path, BTC, "1h", rates(9), CandleType.FUNDING_RATE)
    assert prepare(wanted(tmp_path)).end == START + 3 * DAY


def test_pairs_that_share_nothing_have_no_span(tmp_path: Path) -> None:
    whole_market(tmp_path, (BTC,), days=1)
    write(tmp_path, ETH, "5m", candles("5m", 288, START + 2 * DAY))
    write(tmp_path, ETH, "1h", candles("1h", 24, START + 2 * DAY), CandleType.MARK)
    write(tmp_path, ETH, "1h", rates(3, START + 2 * DAY), CandleType.FUNDING_RATE)
    prepared = prepare(wanted(tmp_path, pairs=(BTC, ETH)))
    assert prepared.start is prepared.end is None


def test_without_any_file_everything_is_missing(tmp_path: Path) -> None:
    (tmp_path / "futures").mkdir()
    prepared = prepare(wanted(tmp_path, timeframes=("30m",)))
    assert prepared == Prepared(
        None,
        None,
        (
            Missing(BTC, "30m", None, None),
            Missing(BTC, "1h", None, None, "mark"),
            Missing(BTC, "1h", None, None, "funding_rate"),
        ),
        (),
    )


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    prepared = prepare(wanted(tmp_path / "binance", START, START + DAY, ("30m",)))
    assert named(prepared)[0] == (BTC, "30m", "futures")
    assert prepared.missing[0].start == START
    assert prepared.missing[0].end == START + DAY


@pytest.mark.parametrize("kind", [CandleType.MARK, CandleType.FUNDING_RATE])
def test_marks_and_rates_are_missed_as_candles_are(tmp_path: Path, kind: CandleType) -> None:
    whole_market(tmp_path)
    (tmp_path / "futures" / f"BTC_USDT_USDT-1h-{kind}.feather").unlink()
    prepared = prepare(wanted(tmp_path, START, START + DAY))
    assert named(prepared) == [(BTC, "1h", kind.value)]
    assert prepared.start is None


@pytest.mark.parametrize(
    ("early", "is_missed"),
    [(timedelta(0), False), (HOUR / 4, False), (HOUR / 2, True), (DAY, True)],
)
def test_what_lies_before_a_file_is_named(
    tmp_path: Path, early: timedelta, is_missed: bool
) -> None:
    whole_market(tmp_path)
    prepared = prepare(wanted(tmp_path, START - early, START + DAY, ("30m",)))
    assert (
        Missing(BTC, "30m", START - early, START, is_earlier=True) in prepared.missing
    ) is is_missed
    assert prepared.start == START


@pytest.mark.parametrize(
    ("late", "is_missed"), [(timedelta(0), False), (HOUR / 4, False), (HOUR / 2, True), (DAY, True)]
)
def test_what_lies_behind_a_file_is_named(tmp_path: Path, late: timedelta, is_missed: bool) -> None:
    whole_market(tmp_path)
    end = START + 4 * DAY
    prepared = prepare(wanted(tmp_path, START, end + late, ("30m",)))
    assert (Missing(BTC, "30m", end, end + late) in prepared.missing) is is_missed
    assert prepared.end == end


def test_a_span_wholly_before_or_behind_the_file_is_missing_as_it_is(tmp_path: Path) -> None:
    whole_market(tmp_path)
    before = prepare(wanted(tmp_path, START - 3 * DAY, START - 2 * DAY, ("30m",)))
    assert before.missing[0] == Missing(
        BTC, "30m", START - 3 * DAY, START - 2 * DAY, is_earlier=True
    )
    behind = prepare(wanted(tmp_path, START + 8 * DAY, START + 9 * DAY, ("30m",)))
    assert behind.missing[0] == Missing(BTC, "30m", START + 8 * DAY, START + 9 * DAY)
    assert before.start is behind.start is None


def test_a_day_that_is_not_over_at_the_end_is_not_missed(tmp_path: Path) -> None:
    whole_market(tmp_path)
    prepared = prepare(wanted(tmp_path, START, START + 3 * DAY + 12 * HOUR, ("30m", "1d")))
    assert prepared.missing == ()


def test_coarse_candles_do_not_narrow_the_span(tmp_path: Path) -> None:
    whole_market(tmp_path, days=12)
    prepared = prepare(wanted(tmp_path, timeframes=("30m", "1w")))
    assert (prepared.start, prepared.end) == (START, START + 12 * DAY)


@pytest.mark.parametrize("hours", [1, 4, 8])
def test_rates_may_be_paid_more_often(tmp_path: Path, hours: int) -> None:
    whole_market(tmp_path)
    write(tmp_path, BTC, "1h", rates(4 * 24 // hours, hours=hours), CandleType.FUNDING_RATE)
    prepared = prepare(wanted(tmp_path, START, START + 4 * DAY))
    assert prepared.missing == prepared.gaps == ()


def test_holes_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    whole_market(tmp_path)
    write(tmp_path, BTC, "5m", candles("5m", 4 * 288).drop(index=[30, 31, 100]))
    prepared = prepare(wanted(tmp_path, timeframes=("30m",)))
    assert prepared.gaps == (Gap(BTC, "30m", "futures", 2, START + HOUR * 2.5),)


def test_holes_in_marks_and_rates_are_named_too(tmp_path: Path) -> None:
    whole_market(tmp_path)
    write(tmp_path, BTC, "1h", candles("1h", 96).drop(index=[7]), CandleType.MARK)
    write(tmp_path, BTC, "1h", rates(12).drop(index=[4, 5]), CandleType.FUNDING_RATE)
    prepared = prepare(wanted(tmp_path, timeframes=("30m",)))
    assert prepared.gaps == (
        Gap(BTC, "1h", "mark", 1, START + 7 * HOUR),
        Gap(BTC, "1h", "funding_rate", 2, START + 32 * HOUR),
    )


def test_holes_count_where_the_warm_up_looks_and_no_earlier(tmp_path: Path) -> None:
    whole_market(tmp_path, days=20)
    # 600 rows of 30 minutes are twelve and a half days.
    write(tmp_path, BTC, "30m", candles("30m", 20 * 48).drop(index=[2, 300]))
    prepared = prepare(wanted(tmp_path, START + 15 * DAY, START + 16 * DAY, ("30m",)))
    assert prepared.gaps == (Gap(BTC, "30m", "futures", 1, START + 150 * HOUR),)


def test_holes_after_the_run_do_not_matter(tmp_path: Path) -> None:
    whole_market(tmp_path)
    write(tmp_path, BTC, "30m", candles("30m", 4 * 48).drop(index=[150]))
    assert prepare(wanted(tmp_path, START, START + DAY, ("30m",))).gaps == ()


@pytest.mark.parametrize(
    ("absent", "counted", "first_row"),
    [
        ([47], 1, 47),
        ([48], 0, 0),
        ([46, 47, 48, 49], 2, 46),
        ([47, 48], 1, 47),
        ([1], 1, 1),
        (list(range(40, 60)), 8, 40),
    ],
)
def test_of_a_hole_counts_what_lies_in_the_run(
    tmp_path: Path, absent: list[int], counted: int, first_row: int
) -> None:
    whole_market(tmp_path)
    write(tmp_path, BTC, "30m", candles("30m", 4 * 48).drop(index=absent))
    gaps = prepare(wanted(tmp_path, START, START + DAY, ("30m",))).gaps
    expected = Gap(BTC, "30m", "futures", counted, START + HOUR / 2 * first_row)
    assert gaps == ((expected,) if counted else ())


def test_of_a_hole_at_the_edge_of_the_warm_up_counts_what_lies_inside(tmp_path: Path) -> None:
    whole_market(tmp_path, days=20)
    # The warm-up of a run from the 15th day on begins with row 120.
    write(tmp_path, BTC, "30m", candles("30m", 20 * 48).drop(index=[118, 119, 120, 121]))
    gaps = prepare(wanted(tmp_path, START + 15 * DAY, START + 16 * DAY, ("30m",))).gaps
    assert gaps == (Gap(BTC, "30m", "futures", 2, START + 60 * HOUR),)


def test_what_was_fetched_in_the_meantime_is_made_more_of(tmp_path: Path) -> None:
    (tmp_path / "futures").mkdir()
    span = wanted(tmp_path, START, START + DAY)
    assert [(one.timeframe, one.kind) for one in prepare(span).missing] == [
        ("30m", "futures"),
        ("1h", "futures"),
        ("4h", "futures"),
        ("1h", "mark"),
        ("1h", "funding_rate"),
    ]
    whole_market(tmp_path, days=4)
    assert prepare(span).missing == ()
    assert len(read(tmp_path, BTC, "30m")) == 4 * 48


def test_an_exchange_may_keep_marks_and_rates_in_other_timeframes(tmp_path: Path) -> None:
    whole_market(tmp_path)
    other = Wanted(
        tmp_path, (BTC,), ("30m",), START, START + DAY, mark_timeframe="4h", funding_timeframe="8h"
    )
    assert named(prepare(other)) == [(BTC, "4h", "mark"), (BTC, "8h", "funding_rate")]


def test_without_a_span_only_the_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    write(tmp_path, BTC, "5m", candles("5m", 288))
    write(tmp_path, BTC, "1h", rates(3), CandleType.FUNDING_RATE)
    assert prepare(wanted(tmp_path)).missing == (Missing(BTC, "1h", None, None, "mark"),)
