import os
import sqlite3
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON
from costs import FLAT, LONGEST_ANSWER, MODEL, Clock, a_meter, an_expense, an_inquiry, enter, prices
from llm_modules.config import PriceConfig
from llm_modules.dialogue import Usage
from llm_modules.errors import JournalError, ProviderError
from llm_modules.llm.meter import Meter, NoMeter
from llm_modules.llm.spending.spending import Spending

PLENTY = {"usd_per_day": 1000.0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_costs.sqlite"


def stored(path: Path, columns: str = "*") -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        query = f"SELECT {columns} FROM requests ORDER BY id"  # noqa: S608
        return connection.execute(query).fetchall()


def ask(meter: Spending, tokens: int = 1000, **changes: Any) -> None:
    """One request, from being admitted to being charged."""
    usage = Usage(tokens, 100)
    meter.admit()
    with meter.reserving("compatible", MODEL, tokens):
        meter.charge(an_inquiry(), an_expense(**({"usage": usage} | changes)), tokens)


def refusal(meter: Spending, tokens: int = 1000) -> str:
    with pytest.raises(ProviderError) as refused:
        ask(meter, tokens)
    assert refused.value.fault == "over_budget"
    return str(refused.value)


def test_a_meter_is_what_asks_for_one_expects(path: Path) -> None:
    meters: tuple[Meter, ...] = (a_meter(path), NoMeter())
    for meter in meters:
        meter.admit()
        with meter.reserving("compatible", MODEL, 10):
            found = meter.charge(an_inquiry(), an_expense(), 10)
        assert found.model == MODEL
        assert meter.priced(found) == found


def test_a_request_is_charged_what_it_cost_then_and_entered(path: Path) -> None:
    found = a_meter(path).charge(an_inquiry(), an_expense(), 1000)
    assert found == an_expense(cost=0.0011)
    columns = "mode, decision_id, kind, prompt_tokens, completion_tokens, cost"
    assert stored(path, columns) == [("dry_run", "d-1", "flat", 1000, 100, 0.0011)]


def test_what_is_handed_back_holds_what_was_charged(path: Path) -> None:
    found = a_meter(path).charge(an_inquiry(), an_expense(usage=Usage()), 700)
    assert found.usage == Usage(700, LONGEST_ANSWER)
    assert found.cost == pytest.approx((700 + LONGEST_ANSWER) / 1e6)


def test_an_unknown_price_is_no_price_and_not_nothing(path: Path) -> None:
    meter = a_meter(path, prices=prices())
    assert meter.charge(an_inquiry(), an_expense(), 10).cost is None
    assert stored(path, "cost") == [(None,)]
    refused = an_expense(usage=Usage(), fault="unavailable: later")
    assert meter.charge(an_inquiry(), refused, 10).cost == 0


@pytest.mark.parametrize(
    ("known", "told", "cost"),
    [
        (True, 0.5, 0.5),
        (False, 0.5, 0.5),
        (True, 0.0, 0.0011),
        (False, 0.0, 0.0),
        (True, float("nan"), 0.0011),
    ],
)
def test_what_a_server_says_it_asks_for_counts_unless_it_says_nothing(
    path: Path, told: float, cost: float, *, known: bool
) -> None:
    meter = a_meter(path, prices=prices(**({MODEL: FLAT} if known else {})))
    expense = an_expense(usage=Usage(1000, 100, cost=told))
    assert meter.charge(an_inquiry(), expense, 1000).cost == cost


def test_pricing_counts_nothing(path: Path) -> None:
    meter = a_meter(path, usd_per_day=0.001)
    assert meter.priced(an_expense()).cost == 0.0011
    assert not path.exists()
    meter.admit()


def test_what_was_never_sent_is_no_request(path: Path) -> None:
    meter = a_meter(path, **PLENTY)
    meter.charge(an_inquiry(), an_expense(fault="not_on_tape: nothing"), 10)
    assert not path.exists()


def test_every_attempt_is_a_request_of_its_own(path: Path) -> None:
    meter = a_meter(path)
    for fault in ("rate_limited: 429", "timeout: late", None):
        meter.charge(an_inquiry(), an_expense(usage=Usage(), fault=fault), 700)
    columns = "fault, prompt_tokens, completion_tokens"
    longest = LONGEST_ANSWER
    assert stored(path, columns) == [
        ("rate_limited", 700, 0),
        ("timeout", 700, longest),
        (None, 700, longest),
    ]


def test_a_decision_gives_its_requests_the_name_of_its_tool(path: Path) -> None:
    meter = a_meter(path)
    ask(meter)
    meter.named("d-1", "signal_wait")
    meter.named("d-9", "signal_hold")
    assert stored(path, "kind") == [("signal_wait",)]


def test_what_was_played_from_a_tape_touches_no_ledger(path: Path) -> None:
    meter = a_meter(path)
    for _ in range(3):
        meter.priced(an_expense(tape_id="t-1"), 700)
        meter.named("d-1", "signal_wait")
    assert not path.exists()


def test_a_name_is_given_once(path: Path) -> None:
    meter = a_meter(path)
    ask(meter)
    meter.named("d-1", "signal_wait")
    meter.named("d-1", "signal_hold")
    assert stored(path, "kind") == [("signal_wait",)]
    ask(meter)
    meter.named("d-1", "failed")
    assert stored(path, "kind") == [("failed",)] * 2


def test_of_what_is_never_named_only_the_newest_is_remembered(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_modules.llm.spending.spending.MOST_UNNAMED", 2)
    meter = a_meter(path)
    for name in ("d-1", "d-2", "d-3"):
        meter.charge(an_inquiry(decision_id=name), an_expense(), 10)
        meter.charge(an_inquiry(decision_id=name), an_expense(), 10)
    for name in ("d-1", "d-2", "d-3"):
        meter.named(name, "signal_wait")
    assert stored(path, "kind") == [("flat",)] * 2 + [("signal_wait",)] * 4


def test_asking_stops_at_the_limit_and_goes_on_the_next_day(path: Path) -> None:
    clock = Clock()
    meter = a_meter(path, clock, tokens_per_day=5000)
    for _ in range(3):
        ask(meter)
    assert "3,300 tokens of 5,000 tokens spent" in refusal(meter)
    clock.jump(days=1)
    ask(meter, at=clock.now)
    assert len(stored(path)) == 4


def test_after_a_restart_what_was_spent_still_counts_and_is_told(path: Path) -> None:
    meter = a_meter(path, tokens_per_day=5000)
    for _ in range(3):
        ask(meter)
    meter.close()
    again = a_meter(path, tokens_per_day=4000)
    (notice,) = again.notices()
    assert "3,300 tokens of 4,000 tokens" in notice
    refusal(again)


def test_others_requests_count_at_once(path: Path) -> None:
    meter = a_meter(path, tokens_per_day=5000)
    ask(meter)
    enter(path)
    enter(path)
    enter(path)
    assert "4,400 tokens" in refusal(meter)
    most, stop = meter.notices()
    assert "4,400 tokens" in most
    assert "is not asked until" in stop


def test_what_others_spent_while_a_request_waited_its_turn_counts(path: Path) -> None:
    meter = a_meter(path, tokens_per_day=5000)
    meter.admit()
    for _ in range(3):
        enter(path)
    with (
        pytest.raises(ProviderError, match="3,300 tokens of 5,000"),
        meter.reserving("compatible", MODEL, 1000),
    ):
        raise AssertionError("it is not let in")


@pytest.mark.parametrize(
    ("ours", "theirs"), [("sandbox", "live"), ("live", "sandbox"), ("", "sandbox")]
)
def test_the_sandbox_and_all_else_have_a_budget_each(path: Path, ours: str, theirs: str) -> None:
    for _ in range(3):
        enter(path, mode=theirs)
    enter(path, mode=ours)
    meter = a_meter(path, tokens_per_day=4000, mode=ours)
    enter(path, mode=theirs)
    ask(meter)
    assert "2,200 tokens of 4,000" in refusal(meter, 2000)
    enter(path, mode=ours)
    assert "3,300 tokens of 4,000" in refusal(meter)


def test_a_day_that_began_before_the_start_counts_when_the_clock_goes_back(path: Path) -> None:
    clock = Clock(NOON + timedelta(days=1))
    enter(path, usage=Usage(4000, 100))
    meter = a_meter(path, clock, tokens_per_day=5000)
    ask(meter, at=clock.now)
    clock.jump(days=-1)
    assert "4,100 tokens of 5,000" in refusal(meter)


def test_fifty_at_once_do_not_overshoot(path: Path) -> None:
    meter = a_meter(path, tokens_per_day=10_000)
    meter.admit()
    under_way = []
    for _ in range(50):
        one = meter.reserving("compatible", MODEL, 1000)
        with suppress(ProviderError):
            one.__enter__()
            under_way.append(one)
    # Each may take 1,000 and an answer of 1,000.
    assert len(under_way) == 5
    for one in under_way:
        meter.charge(an_inquiry(), an_expense(), 1000)
        one.__exit__(None, None, None)
    ask(meter)


def test_what_money_a_request_may_take_is_kept_free(path: Path) -> None:
    dear = {MODEL: PriceConfig(input=1000.0, output=2000.0)}
    meter = a_meter(path, prices=prices(**dear), usd_per_day=6.4)
    with meter.reserving("compatible", MODEL, 1000):
        # 1.25 for a prompt that is written into a cache, and 2 for the longest answer, twice.
        said = refusal(meter)
    assert "a request may take 3.2500 USD" in said
    assert said.endswith("those under way the rest")
    ask(meter)


def test_money_cannot_be_limited_for_a_model_of_unknown_price(path: Path) -> None:
    meter = a_meter(path, prices=prices(), usd_per_day=100)
    said = refusal(meter)
    assert said == (
        "the price of 'test-model' is unknown, so llm_config.budget cannot be kept: "
        "add it to llm_config.prices"
    )
    ask(a_meter(path, prices=prices(), tokens_per_day=100_000))


def test_what_a_request_would_cost_at_most_is_known_before_it_is_made(path: Path) -> None:
    meter = a_meter(path)
    # Written into a cache the prompt costs a quarter more.
    assert meter.most_cost("compatible", MODEL, 1_000_000, 500_000) == pytest.approx(1.75)
    assert meter.most_cost("compatible", "other", 1, 1) is None


def test_without_limits_sums_are_not_asked_for(path: Path) -> None:
    meter = a_meter(path)
    for _ in range(3):
        ask(meter, tokens=10**6)
    assert meter._tally._since == {}
    assert meter.notices() == ()


def test_a_ledger_that_cannot_be_written_is_told_once_and_the_budget_holds(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meter = a_meter(path, tokens_per_day=5000)
    path.mkdir()
    for _ in range(3):
        ask(meter)
        meter.named("d-1", "failed")
    refusal(meter)
    warnings = [one.getMessage() for one in caplog.records if str(path) in one.getMessage()]
    assert [one.partition(":")[0] for one in warnings] == [
        "What others spend is not counted",
        "Costs are only counted in memory",
        "Costs do not tell what came of them",
    ]
    path.rmdir()
    caplog.clear()
    for _ in range(2):
        meter.charge(an_inquiry(), an_expense(), 10)
        meter.named("d-1", "failed")
    again = [one.getMessage() for one in caplog.records if "again" in one.getMessage()]
    assert again == [
        "The ledger of costs is written again",
        "Costs tell again what came of them",
    ]


def test_on_a_full_disk_it_is_said_once_that_costs_are_only_in_memory(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meter = a_meter(path)
    ask(meter)
    # Nothing of d-9 is there: naming it changes nothing, and so needs no room.
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON requests BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    for _ in range(3):
        ask(meter)
        meter.named("d-9", "failed")
    assert [one.getMessage().partition(":")[0] for one in caplog.records] == [
        "Costs are only counted in memory"
    ]


def test_what_others_spend_is_not_counted_while_it_cannot_be_read(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meter = a_meter(path, **PLENTY)
    path.mkdir()
    meter.admit()
    meter.admit()
    path.rmdir()
    meter.admit()
    first, second = (one.getMessage() for one in caplog.records)
    assert first.startswith(f"What others spend is not counted: {path}")
    assert second == "What others spend is counted again"


def test_a_day_whose_past_cannot_be_read_is_taken_over_as_soon_as_it_can(path: Path) -> None:
    clock = Clock()
    enter(path, usage=Usage(4900, 100), at=NOON + timedelta(days=1))
    meter = a_meter(path, clock, tokens_per_day=5000)
    clock.jump(days=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        meter.close()
        meter._ledger._file._patience_seconds = 0.0
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        meter.admit()
    refusal(meter)


@pytest.mark.parametrize("limits", [{}, PLENTY])
def test_a_damaged_ledger_stops_the_start(path: Path, limits: dict[str, float]) -> None:
    path.write_bytes(b"this was a ledger once " * 50)
    with pytest.raises(JournalError, match="damaged"):
        a_meter(path, **limits)


def test_a_bot_that_is_killed_remembers_what_it_spent(path: Path) -> None:
    child = os.fork()
    if not child:
        meter = a_meter(path, tokens_per_day=10_000)
        for _ in range(5):
            ask(meter)
        os.kill(os.getpid(), 9)
    assert os.waitpid(child, 0)[1] == 9
    assert "5,500 tokens of 6,000" in refusal(a_meter(path, tokens_per_day=6000))


def test_without_a_clock_of_ones_own_it_is_now(path: Path) -> None:
    meter = a_meter(path, **PLENTY)
    now = Spending(meter._prices, meter._ledger, meter._limits, mode="", longest_answer=1)._clock()
    assert now.utcoffset() == timedelta(0)
