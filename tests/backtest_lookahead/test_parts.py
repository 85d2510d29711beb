"""The parts of the proofs by themselves: each must see what it is there to see."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest_lookahead.scenes import BTC, a_config
from llm_modules.backtest.lookahead.breaches import Breaches
from llm_modules.backtest.lookahead.contexts import _difference
from llm_modules.backtest.lookahead.differences import different_line, different_part, text_of
from llm_modules.backtest.lookahead.fills import FillProof
from llm_modules.backtest.lookahead.ground import Ground, survey
from llm_modules.backtest.lookahead.hearing import Fill, Hearing
from llm_modules.backtest.lookahead.memory import MemoryProof
from llm_modules.backtest.lookahead.other_futures import with_other_future
from llm_modules.backtest.lookahead.pasts import Garbled, closed_rows, cut
from llm_modules.backtest.lookahead.stamps import stamps_in
from llm_modules.backtest.lookahead.transcript import Transcript, counted, first_difference
from llm_modules.backtest.past import FundingRates, Recorded
from llm_modules.dialogue import Message, Prompt
from llm_modules.domain import Candles
from market.made_candles import made_candles

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
HALF_AN_HOUR = timedelta(minutes=30)
HOUR_MS = 3_600_000
COLUMNS = ("open_times", "open", "high", "low", "close", "volume")


def a_recording() -> Recorded:
    candles = {
        (BTC, name): made_candles(name, rows=40, end_ms=NOON_MS + 20 * HOUR_MS)
        for name in ("30m", "1h")
    }
    paid_at = NOON_MS + 8 * HOUR_MS * np.arange(-2, 3, dtype=np.int64)
    return Recorded(candles, {BTC: FundingRates(paid_at, np.arange(1.0, 6.0))}, {}, {})


# Pasts


@pytest.mark.parametrize(("minutes", "closed"), [(-1, 0), (0, 1), (1, 1), (59, 1), (60, 2)])
def test_a_candle_is_known_from_its_close_on(minutes: int, closed: int) -> None:
    candles = made_candles("1h", rows=3, end_ms=NOON_MS + 2 * HOUR_MS)
    assert closed_rows(candles, NOON_MS + minutes * 60_000) == closed


@given(minutes=st.integers(-3_000, 3_000))
@settings(max_examples=60, deadline=None)
def test_a_cut_recording_holds_exactly_what_had_happened(minutes: int) -> None:
    at_ms, whole = NOON_MS + minutes * 60_000, a_recording()
    past = cut(whole, at_ms)
    for key, span in (((BTC, "30m"), HOUR_MS // 2), ((BTC, "1h"), HOUR_MS)):
        known = past.candles[key]
        count = sum(opened + span <= at_ms for opened in whole.candles[key].open_times.tolist())
        assert all(len(getattr(known, name)) == count for name in COLUMNS)
        assert known.close.tolist() == whole.candles[key].close[:count].tolist()
    paid = [at for at in whole.funding[BTC].paid_at.tolist() if at <= at_ms]
    assert past.funding[BTC].paid_at.tolist() == paid
    assert len(past.funding[BTC].rates) == len(paid)


@given(steps=st.lists(st.integers(0, 600), max_size=6))
@settings(max_examples=60, deadline=None)
def test_garbage_comes_true_as_time_goes_on_and_never_earlier(steps: list[int]) -> None:
    whole = a_recording()
    garbled, at_ms = Garbled(whole), NOON_MS - 30 * HOUR_MS
    for minutes in steps:
        at_ms += minutes * 60_000
        garbled.reveal(at_ms)
        for key, true in whole.candles.items():
            rows, told = closed_rows(true, at_ms), garbled.recorded.candles[key]
            assert told.open_times is true.open_times
            for name in COLUMNS[1:]:
                column, truth = getattr(told, name), getattr(true, name)
                assert column[:rows].tolist() == truth[:rows].tolist()
                assert not np.isclose(column[rows:], truth[rows:]).any()
        paid = int((whole.funding[BTC].paid_at <= at_ms).sum())
        rates = garbled.recorded.funding[BTC].rates
        assert rates[:paid].tolist() == whole.funding[BTC].rates[:paid].tolist()
        assert not np.isclose(rates[paid:], whole.funding[BTC].rates[paid:]).any()


# Differences


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("a\nb", "a\nb", None),
        ("a\nb", "a\nc", "line 2: 'b' became 'c'"),
        ("a", "a\nb", "line 2: None became 'b'"),
        ("a\nb", "a", "line 2: 'b' became None"),
    ],
)
def test_the_first_line_that_differs_is_named(one: str, other: str, named: str | None) -> None:
    assert different_line(one, other) == named


def a_question(**changes: Any) -> Any:
    frame = made_candles("30m", rows=3, end_ms=NOON_MS)
    returns = SimpleNamespace(open_times=frame.open_times, values=frame.close)
    known: dict[str, Any] = {
        "candle_at": NOON,
        "valid_until": NOON + HALF_AN_HOUR,
        "decision_id": "one",
        "frames": (frame,),
        "funding_rate": 0.0001,
        "returns": {BTC: returns},
        "rules": "rules",
        "locked_sides": frozenset(),
        "tradable": True,
    }
    return SimpleNamespace(**known | changes)


def with_close(price: float) -> tuple[Candles, ...]:
    frame = made_candles("30m", rows=3, end_ms=NOON_MS)
    return (replace(frame, close=np.append(frame.close[:-1], price)),)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, None),
        ({"candle_at": NOON + HALF_AN_HOUR}, "when: "),
        ({"frames": with_close(1.5)}, "30m candles, close: 3 rows, the newest "),
        ({"funding_rate": None}, "funding rate: 0.0001 became None"),
        ({"rules": "others"}, "rules: 'rules' became 'others'"),
        ({"locked_sides": frozenset({"long"})}, "locked sides: [] became ['long']"),
        ({"tradable": False}, "tradable: True became False"),
    ],
)
def test_all_that_a_question_knows_is_compared(changes: dict[str, Any], named: str | None) -> None:
    found = different_part(a_question(), a_question(**changes))
    assert found is None if named is None else (found or "").startswith(named)


@pytest.mark.parametrize(
    ("known", "other", "named"),
    [
        (a_question(), None, "the pair was not asked about any more"),
        (None, a_question(), "the pair was asked about"),
    ],
)
def test_a_pair_that_is_asked_about_in_one_past_only_is_told(
    known: Any, other: Any, named: str
) -> None:
    assert _difference(known, other, {}, cast("Any", None)) == named


def test_returns_of_every_pair_are_compared_and_may_be_empty() -> None:
    nothing = SimpleNamespace(open_times=np.array([], dtype=np.int64), values=np.array([]))
    found = different_part(a_question(), a_question(returns={BTC: nothing}))
    assert found is not None
    assert found.startswith(f"returns of {BTC}: 3 rows, the newest ")
    assert found.endswith("became 0 rows, the newest None")


def test_candles_that_are_no_number_are_equal_to_themselves() -> None:
    one, other = (a_question(frames=with_close(np.nan)) for _ in range(2))
    assert different_part(one, other) is None


def test_the_text_of_a_prompt_is_all_of_it() -> None:
    prompt = Prompt((Message("system", "be wise"), Message("user", "now?")), ())
    assert text_of(prompt) == "[system]\nbe wise\n[user]\nnow?\n[tools]\n()\nFalse"
    assert text_of(prompt) != text_of(replace(prompt, several=True))


# Transcripts


def a_transcript(*texts: str, keep: int | None = None) -> Transcript:
    transcript = Transcript(keep)
    for number, text in enumerate(texts):
        transcript.add(NOON + number * HALF_AN_HOUR, "prompt", "one", text)
        transcript.decided(NOON + number * HALF_AN_HOUR)
        transcript.add(NOON + number * HALF_AN_HOUR, "order", "two", text)
    return transcript


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [("abc", "abc", None), ("abc", "abd", 4), ("abc", "ab", 4), ("ab", "abc", 4), ("", "a", 0)],
)
def test_the_first_entry_that_differs_is_found(one: str, other: str, number: int | None) -> None:
    entries = a_transcript(*one).entries, a_transcript(*other).entries
    assert first_difference(*entries) == number


def test_a_transcript_up_to_a_candle_ends_with_its_decisions_not_with_their_orders() -> None:
    transcript = a_transcript("a", "b", "c")
    assert [entry.kind for entry in transcript.until(NOON)] == ["prompt"]
    assert len(transcript.until(NOON + HALF_AN_HOUR)) == 3
    # A candle that was never decided: all there is.
    assert len(transcript.until(NOON - HALF_AN_HOUR)) == 6


def test_of_one_entry_the_text_is_kept() -> None:
    assert a_transcript("a", "b", keep=2).kept == "b"
    assert a_transcript("a", "b", keep=9).kept is None
    told = counted(a_transcript("a", "b").entries)
    assert told == "2 prompts, 0 decisions, 2 orders and 0 trades"


def test_stamps_are_read_wherever_they_stand() -> None:
    assert stamps_in("x said2601101200 y\n'said2601101230'") == (NOON, NOON + HALF_AN_HOUR)
    assert stamps_in("nothing was said260110") == ()


def test_of_each_proof_the_first_breach_is_kept() -> None:
    breaches = Breaches()
    breaches.add("a", "first")
    breaches.add("a", "second")
    first = breaches.of("a")
    assert first is not None
    assert first.text == "first"
    assert breaches.of("b") is None


def test_a_run_that_asks_before_it_has_rooms_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="before it has rooms"):
        Hearing()._now()


# Fills and memory


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("ground")
    return survey(a_config(folder, pairs=(BTC,)), folder / "proof")


def candle_of(ground: Ground, at: datetime) -> dict[str, float]:
    candles = ground.recorded.candles[BTC, "30m"]
    row = int(np.searchsorted(candles.open_times, int(at.timestamp() * 1000)))
    return {name: float(getattr(candles, name)[row]) for name in ("open", "high", "low", "close")}


def a_fill(rate: float, **changes: Any) -> Fill:
    filled = Fill(1, "7", BTC, NOON, "buy", rate, 0.1, "signal_entry_long")
    return replace(filled, **changes)


def an_approval(proof: FillProof, tool: str = "signal_entry_long") -> None:
    proof._approved.add((BTC, tool, NOON))


def found_in(ground: Ground, *fills: Fill) -> str:
    breaches = Breaches()
    proof = FillProof(ground, breaches)
    an_approval(proof)
    for fill in fills:
        proof.filled(fill)
    breach = breaches.of("d")
    assert proof.fills == len(fills)
    return breach.text if breach else ""


def test_an_entry_at_the_open_after_its_decision_is_right(ground: Ground) -> None:
    assert found_in(ground, a_fill(candle_of(ground, NOON)["open"])) == ""


def test_an_entry_at_the_close_of_its_own_candle_is_too_early(ground: Ground) -> None:
    candle = candle_of(ground, NOON)
    assert "the candle opened at" in found_in(ground, a_fill(candle["high"]))
    before = a_fill(candle_of(ground, NOON - HALF_AN_HOUR)["open"], at=NOON - HALF_AN_HOUR)
    assert "nothing of the kind was approved at 2026-01-10 11:30" in found_in(ground, before)


def test_a_tool_that_was_not_approved_fills_nothing(ground: Ground) -> None:
    fill = a_fill(candle_of(ground, NOON)["open"], tag="signal_entry_short")
    assert "nothing of the kind was approved at 2026-01-10 12:00" in found_in(ground, fill)


@pytest.mark.parametrize("tag", ["stop_loss", "trailing_stop_loss", "liquidation", "roi"])
def test_a_stop_is_filled_within_its_candle(ground: Ground, tag: str) -> None:
    candle = candle_of(ground, NOON)
    for rate in (candle["low"], candle["high"]):
        assert found_in(ground, a_fill(rate, tag=tag)) == ""
    for rate in (candle["low"] * 0.999, candle["high"] * 1.001):
        assert "the candle went from" in found_in(ground, a_fill(rate, tag=tag))


def test_a_halt_closes_at_an_open_too(ground: Ground) -> None:
    candle = candle_of(ground, NOON)
    assert found_in(ground, a_fill(candle["open"], tag="flatten")) == ""
    assert "the candle opened at" in found_in(ground, a_fill(candle["low"], tag="flatten"))


def test_a_stop_cannot_be_hit_before_its_trade_was_opened(ground: Ground) -> None:
    opened = a_fill(candle_of(ground, NOON)["open"])
    earlier = candle_of(ground, NOON - HALF_AN_HOUR)["low"]
    stopped = a_fill(earlier, tag="stop_loss", at=NOON - HALF_AN_HOUR, order_id="8")
    assert "its trade was opened at 2026-01-10 12:00" in found_in(ground, opened, stopped)


@pytest.mark.parametrize("at", [NOON + timedelta(minutes=5), NOON + timedelta(days=900)])
def test_a_fill_where_there_is_no_candle_is_told(ground: Ground, at: datetime) -> None:
    assert found_in(ground, a_fill(1.0, tag="flatten", at=at)).endswith("there is no candle then")


def test_a_reason_that_is_quoted_before_it_was_given_is_told(
    ground: Ground, tmp_path: Path
) -> None:
    breaches = Breaches()
    proof = MemoryProof(ground, breaches, tmp_path, None)
    proof.prompted(NOON, "q", Prompt((Message("user", "said2601101130 long"),), ()))
    assert (proof.stamps, breaches.of("c")) == (1, None)
    proof.prompted(NOON, "q", Prompt((Message("user", "said2601101200 long"),), ()))
    breach = breaches.of("c")
    assert breach is not None
    assert breach.text == "q at 2026-01-10 12:00 UTC quotes what was said at 2026-01-10 12:00 UTC"


@pytest.mark.parametrize(("minutes", "is_early"), [(-30, False), (0, True), (30, True)])
def test_a_trade_is_learnt_after_it_has_closed(
    ground: Ground, tmp_path: Path, minutes: int, *, is_early: bool
) -> None:
    breaches = Breaches()
    closed_at = NOON + timedelta(minutes=minutes)
    record = cast("Any", SimpleNamespace(trade_id=4, closed_at=closed_at))
    MemoryProof(ground, breaches, tmp_path, None).learnt(NOON, record)
    assert (breaches.of("c") is not None) is is_early


# Other futures


def stored(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_feather(folder / "futures" / f"BTC_USDT_USDT-{name}.feather")


@pytest.fixture(scope="module")
def folders(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("futures")
    for name, is_cut in (("other", False), ("none", True)):
        with_other_future(ground, NOON + HALF_AN_HOUR, home / name, is_cut=is_cut)
    return {
        "true": Path(ground.config["datadir"]),
        "other": home / "other",
        "none": home / "none",
    }


NAMES = ("30m-futures", "1h-futures", "4h-futures", "1d-futures", "1h-mark", "1h-funding_rate")


@pytest.mark.parametrize("name", NAMES)
def test_every_file_a_run_reads_has_another_future(folders: dict[str, Path], name: str) -> None:
    at = pd.Timestamp(NOON + HALF_AN_HOUR)
    true, other, none = (stored(folders[key], name) for key in ("true", "other", "none"))
    assert none["date"].max() <= at
    assert len(other) == len(true)
    value = "funding_rate" if "funding" in name else "close"
    truth = true.rename(columns={"open": "funding_rate"}) if "funding" in name else true
    # The candle that opens then is of the future; what is paid then is known.
    is_later = truth["date"] > at if "funding" in name else truth["date"] >= at
    assert (other.loc[is_later, value] != truth.loc[is_later, value]).all()
    span = pd.Timedelta(name.split("-", maxsplit=1)[0].replace("30m", "30min"))
    closed = truth["date"] + (pd.Timedelta(0) if "funding" in name else span) <= at
    for frame in (other, none):
        rows = min(len(frame), int(closed.sum()))
        assert frame[value].to_numpy()[:rows].tolist() == truth[value][closed].tolist()


def test_a_rate_that_is_paid_at_that_very_moment_is_known(ground: Ground, tmp_path: Path) -> None:
    at = datetime(2026, 1, 10, 16, tzinfo=UTC)
    with_other_future(ground, at, tmp_path / "data", is_cut=True)
    written = stored(tmp_path / "data", "1h-funding_rate")
    true = stored(Path(ground.config["datadir"]), "1h-funding_rate")
    assert written["date"].iloc[-1] == pd.Timestamp(at)
    assert written["funding_rate"].tolist() == true["open"][: len(written)].tolist()


def test_a_candle_that_is_open_then_keeps_its_opening_alone(folders: dict[str, Path]) -> None:
    true, other = (stored(folders[key], "1h-futures") for key in ("true", "other"))
    true, other = true.set_index("date"), other.set_index("date")
    at = pd.Timestamp(NOON)
    assert other["open"][at] == true["open"][at]
    assert other["close"][at] != true["close"][at]
    assert other["high"][at] > true["high"][at]
    assert other["low"][at] <= other["open"][at] <= other["high"][at]


def test_another_future_is_made_of_candles_that_can_be(folders: dict[str, Path]) -> None:
    for name in NAMES[:-1]:
        frame = stored(folders["other"], name)
        assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
        assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()


def test_another_future_has_no_finer_prices(folders: dict[str, Path]) -> None:
    """Freqtrade takes the step of a whole month from the digits in it."""
    other = stored(folders["other"], "30m-futures")
    assert (other["close"].round(1) == other["close"]).all()


def test_timeframes_no_run_reads_are_left_out(folders: dict[str, Path]) -> None:
    assert not list((folders["other"] / "futures").glob("*-5m-*"))
    assert not list((folders["other"] / "futures").glob("ETH*"))
