from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON
from costs import Clock
from llm_modules.config import BudgetConfig
from llm_modules.errors import ProviderError
from llm_modules.llm.spending.budget import Budget, Limit, limits_of
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.periods import Period, Spent
from llm_modules.llm.spending.tally import Tally


class Scene:
    """A budget whose spending is counted by hand."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.clock = Clock()
        self.tally = Tally(Ledger(folder / "llm_costs.sqlite"))
        self.budget = Budget(limits_of(BudgetConfig(**limits)), self.tally, self.clock)

    def spend(self, usd: float = 0.0, tokens: int = 0) -> None:
        self.tally.count(self.clock(), Spent(tokens, usd), None)
        self.budget.watch()

    def refusal(self, usd: float = 0.0, tokens: int = 0) -> str:
        with pytest.raises(ProviderError) as refused:
            self.budget.check(Spent(tokens, usd))
        assert refused.value.fault == "over_budget"
        return str(refused.value)


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    return lambda **limits: Scene(tmp_path, **limits)


def test_limits_are_those_that_are_set() -> None:
    assert limits_of(BudgetConfig()) == ()
    both = limits_of(BudgetConfig(usd_per_day=1.5, tokens_per_month=7))
    assert both == (
        Limit("usd_per_day", "usd", "day", 1.5),
        Limit("tokens_per_month", "tokens", "month", 7),
    )
    others = limits_of(BudgetConfig(usd_per_month=3, tokens_per_day=9))
    assert [(one.unit, one.span, one.amount) for one in others] == [
        ("usd", "month", 3),
        ("tokens", "day", 9),
    ]


def test_without_limits_nothing_is_refused(scene: Callable[..., Scene]) -> None:
    free = scene()
    free.spend(1e6, 10**9)
    free.budget.check(Spent(10**9, 1e6))
    assert free.budget.notices() == ()
    assert free.budget.periods() == ()


@pytest.mark.parametrize(
    "key", ["usd_per_day", "usd_per_month", "tokens_per_day", "tokens_per_month"]
)
def test_a_request_passes_while_it_fits_and_is_refused_when_it_does_not(
    scene: Callable[..., Scene], key: str
) -> None:
    of = scene(**{key: 100})
    of.spend(60, 60)
    of.budget.check(Spent(40, 40))
    said = of.refusal(41, 41)
    assert said.startswith(f"llm_config.budget.{key}: 60")
    until = "2026-02-01" if key.endswith("month") else "2026-01-16"
    assert said.endswith(f"not asked until {until} 00:00 UTC")


def test_the_refusal_says_what_was_spent_of_what(scene: Callable[..., Scene]) -> None:
    money = scene(usd_per_day=2.0)
    money.spend(1.99)
    assert money.refusal(0.05) == (
        "llm_config.budget.usd_per_day: 1.9900 USD of 2.0000 USD spent, a request may take "
        "0.0500 USD: not asked until 2026-01-16 00:00 UTC"
    )
    tokens = scene(tokens_per_day=2_000_000)
    tokens.spend(tokens=1_999_000)
    assert "1,999,000 tokens of 2,000,000 tokens spent" in tokens.refusal(tokens=5000)


@pytest.mark.parametrize(("spent", "is_open"), [(99, True), (100, False), (101, False)])
def test_when_all_is_spent_even_what_costs_nothing_is_not_asked(
    scene: Callable[..., Scene], spent: int, *, is_open: bool
) -> None:
    of = scene(tokens_per_day=100)
    of.spend(tokens=spent)
    if is_open:
        of.budget.check()
    else:
        of.refusal()


def test_a_limit_of_the_other_unit_does_not_count(scene: Callable[..., Scene]) -> None:
    of = scene(usd_per_day=1)
    of.spend(tokens=10**9)
    of.budget.check(Spent(10**9, 1))


def test_what_is_under_way_is_kept_free(scene: Callable[..., Scene]) -> None:
    of = scene(tokens_per_day=100)
    with of.budget.reserving(Spent(60, 0)):
        of.budget.check(Spent(40, 0))
        said = of.refusal(tokens=41)
        with pytest.raises(ProviderError), of.budget.reserving(Spent(41, 0)):
            pytest.fail("it does not fit")
    assert said.endswith("and those under way the rest")
    of.budget.check(Spent(100, 0))
    # Nothing is over: the next one may fit again, so people need not be told.
    assert of.budget.notices() == ()


def test_a_request_that_failed_keeps_nothing_free(scene: Callable[..., Scene]) -> None:
    of = scene(tokens_per_day=100)

    def fail() -> None:
        with of.budget.reserving(Spent(60, 0)):
            raise ConnectionError

    for _ in range(3):
        with pytest.raises(ConnectionError):
            fail()
    of.budget.check(Spent(100, 0))


def test_of_two_alike_one_is_let_go(scene: Callable[..., Scene]) -> None:
    of = scene(tokens_per_day=100)
    with of.budget.reserving(Spent(40, 0)):
        with of.budget.reserving(Spent(40, 0)):
            of.refusal(tokens=21)
        of.budget.check(Spent(60, 0))
        of.refusal(tokens=61)


@pytest.mark.parametrize(("spent", "n"), [(79, 0), (80, 1), (99, 1)])
def test_people_are_told_once_when_most_is_spent(
    scene: Callable[..., Scene], spent: int, n: int, caplog: pytest.LogCaptureFixture
) -> None:
    of = scene(tokens_per_day=100)
    of.spend(tokens=spent)
    of.spend()
    notices = of.budget.notices()
    assert len(notices) == n
    assert [record.getMessage() for record in caplog.records] == list(notices)
    assert of.budget.notices() == ()


def test_the_warning_says_how_much_of_which_limit(scene: Callable[..., Scene]) -> None:
    of = scene(usd_per_month=10.0)
    of.spend(8.5)
    (notice,) = of.budget.notices()
    assert notice == (
        "Asking the model has taken 8.5000 USD of 10.0000 USD (85% of "
        "llm_config.budget.usd_per_month); at 100 % it is not asked until 2026-02-01 00:00 UTC."
    )


def test_people_are_told_once_when_all_is_spent(scene: Callable[..., Scene]) -> None:
    of = scene(tokens_per_day=100)
    of.spend(tokens=100)
    of.refusal()
    of.spend(tokens=1)
    (notice,) = of.budget.notices()
    assert notice == (
        "The model is not asked until 2026-01-16 00:00 UTC: 100 tokens of 100 tokens spent "
        "(llm_config.budget.tokens_per_day). Stops and exits go on."
    )


def test_people_are_told_when_what_is_left_is_too_little(scene: Callable[..., Scene]) -> None:
    of = scene(tokens_per_day=100)
    of.spend(tokens=70)
    of.refusal(tokens=31)
    (notice,) = of.budget.notices()
    assert "70 tokens of 100 tokens spent" in notice


def test_a_refusal_because_of_those_under_way_is_logged_once(
    scene: Callable[..., Scene], caplog: pytest.LogCaptureFixture
) -> None:
    of = scene(tokens_per_day=100)
    with of.budget.reserving(Spent(60, 0)):
        of.refusal(tokens=41)
        of.refusal(tokens=41)
    (record,) = caplog.records
    assert record.getMessage().endswith("those under way 60 tokens")


@pytest.mark.parametrize(("key", "days"), [("tokens_per_day", 1), ("tokens_per_month", 17)])
def test_a_new_period_starts_anew_and_is_warned_of_anew(
    scene: Callable[..., Scene], key: str, days: int
) -> None:
    of = scene(**{key: 100})
    of.spend(tokens=100)
    of.refusal()
    of.clock.now = NOON.replace(hour=0) + timedelta(days=days, microseconds=-1)
    of.refusal()
    of.clock.jump(seconds=1)
    of.budget.check(Spent(100, 0))
    of.spend(tokens=100)
    of.refusal()
    assert len(of.budget.notices()) == 2
    of.clock.jump(days=-days)
    of.refusal()


def test_the_first_limit_that_is_reached_is_named(scene: Callable[..., Scene]) -> None:
    of = scene(usd_per_day=100, tokens_per_month=50)
    of.spend(tokens=50, usd=1)
    assert "tokens_per_month" in of.refusal()
    days = {Period.around("day", NOON), Period.around("month", NOON)}
    assert set(of.budget.periods()) == days
    assert len(scene(usd_per_day=1, tokens_per_day=1).budget.periods()) == 1


def test_a_crowd_of_notices_keeps_the_newest(scene: Callable[..., Scene]) -> None:
    of = scene(tokens_per_day=100)
    for _ in range(60):
        of.spend(tokens=100)
        of.clock.jump(days=1)
    notices = of.budget.notices()
    assert len(notices) == 50
    assert "2026-03-16" in notices[-1]
