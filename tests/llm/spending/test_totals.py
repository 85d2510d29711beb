from datetime import timedelta
from pathlib import Path

import pytest

from builders import NOON, PAIR
from costs import an_inquiry, enter, utc
from llm_modules.dialogue import Usage
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.totals import (
    NO_REQUESTS,
    Grouping,
    Total,
    dated_costs,
    first_request,
    total,
    totals,
)

ETH = "ETH/USDT:USDT"
FROM, UNTIL = utc("2026-01-01"), utc("2026-02-01")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llm_costs.sqlite"


def names(path: Path, by: Grouping) -> list[str]:
    return [one.name for one in totals(Ledger(path), FROM, UNTIL, by)]


def test_a_total_adds_everything_up(path: Path) -> None:
    enter(path, usage=Usage(1000, 100, 600, None, 40))
    enter(path, usage=Usage(3000, 200), cost=None, fault="timeout: late")
    enter(path, inquiry=an_inquiry(decision_id="d-2"), cost=0.5)
    enter(path, inquiry=an_inquiry(decision_id="", kind="lesson"), cost=1.0)
    found = total(Ledger(path), FROM, UNTIL)
    assert found == Total(
        name="",
        requests=4,
        failed=1,
        prompt_tokens=6000,
        cached_tokens=600,
        completion_tokens=500,
        reasoning_tokens=40,
        usd=1.51,
        unpriced=1,
        decisions=2,
        decision_usd=0.51,
    )
    assert found.tokens == 6500
    assert found.cached_ratio == pytest.approx(0.1)


def test_nothing_is_a_total_too(path: Path) -> None:
    assert total(Ledger(path), FROM, UNTIL) == NO_REQUESTS
    assert totals(Ledger(path), FROM, UNTIL, "day") == ()
    assert NO_REQUESTS.cached_ratio == 0
    assert not path.exists()


def test_a_decision_of_unknown_price_does_not_make_the_others_look_cheap(path: Path) -> None:
    enter(path)
    enter(path, inquiry=an_inquiry(decision_id="d-2"), cost=None)
    found = total(Ledger(path), FROM, UNTIL)
    assert (found.decisions, found.decision_usd, found.unpriced) == (1, 0.01, 1)


def test_an_old_decision_that_is_asked_again_is_no_decision(path: Path) -> None:
    enter(path, inquiry=an_inquiry(kind="replay"))
    found = total(Ledger(path), FROM, UNTIL)
    assert (found.decisions, found.decision_usd, found.usd) == (0, 0, 0.01)


def test_requests_are_grouped_by_what_they_have_in_common(path: Path) -> None:
    enter(path)
    enter(path, at=NOON + timedelta(minutes=59), model="other")
    enter(path, at=NOON + timedelta(hours=1), inquiry=an_inquiry(pair=ETH, kind="in_position"))
    enter(path, at=NOON + timedelta(days=1))
    assert names(path, "hour") == ["2026-01-15 12:00", "2026-01-15 13:00", "2026-01-16 12:00"]
    assert names(path, "day") == ["2026-01-15", "2026-01-16"]
    assert names(path, "pair") == [PAIR, ETH]
    assert names(path, "model") == ["other", "test-model"]
    assert names(path, "kind") == ["flat", "in_position"]
    days = totals(Ledger(path), FROM, UNTIL, "day")
    assert [day.requests for day in days] == [3, 1]
    assert [day.usd for day in days] == [pytest.approx(0.03), 0.01]


def test_only_what_lies_in_the_time_counts(path: Path) -> None:
    for at in (FROM, UNTIL - timedelta(milliseconds=1)):
        enter(path, at=at)
    for at in (FROM - timedelta(milliseconds=1), UNTIL):
        enter(path, at=at, cost=99.0)
    assert total(Ledger(path), FROM, UNTIL).usd == pytest.approx(0.02)


def test_modes_can_be_kept_apart(path: Path) -> None:
    enter(path, mode="live")
    enter(path, mode="dry_run", cost=0.5)
    ledger = Ledger(path)
    assert total(ledger, FROM, UNTIL, "live").usd == 0.01
    assert total(ledger, FROM, UNTIL, "sandbox") == NO_REQUESTS
    assert total(ledger, FROM, UNTIL).requests == 2
    assert [one.usd for one in totals(ledger, FROM, UNTIL, "day")] == [0.51]


def test_the_sandbox_can_be_left_out_or_looked_at_alone(path: Path) -> None:
    enter(path, mode="sandbox", cost=0.25, at=NOON - timedelta(hours=1))
    enter(path, mode="live", cost=0.5)
    enter(path, mode="", cost=1.0, inquiry=an_inquiry(kind="check"))
    ledger = Ledger(path)
    assert total(ledger, FROM, UNTIL, is_sandbox=True).usd == 0.25
    assert total(ledger, FROM, UNTIL, is_sandbox=False).usd == 1.5
    kinds = totals(ledger, FROM, UNTIL, "kind", is_sandbox=False)
    assert [one.usd for one in kinds] == [1.0, 0.5]
    assert first_request(ledger, is_sandbox=True) == NOON - timedelta(hours=1)
    assert first_request(ledger, is_sandbox=False) == NOON


def test_costs_are_dated_to_their_hour(path: Path) -> None:
    enter(path, at=NOON + timedelta(minutes=59))
    enter(path, at=NOON + timedelta(minutes=1), cost=0.5)
    enter(path, at=NOON + timedelta(hours=3), cost=None)
    enter(path, at=NOON, mode="live", cost=7.0)
    assert dated_costs(Ledger(path), FROM, UNTIL, "dry_run") == (
        (NOON, 0.51),
        (NOON + timedelta(hours=3), 0.0),
    )
    assert len(dated_costs(Ledger(path), FROM, UNTIL)) == 2


def test_the_first_request_is_the_earliest(path: Path) -> None:
    assert first_request(Ledger(path)) is None
    enter(path)
    enter(path, at=NOON - timedelta(days=3))
    assert first_request(Ledger(path)) == NOON - timedelta(days=3)
