from datetime import UTC, datetime
from pathlib import Path

import pytest

from llm_modules.errors import ConfigError
from llm_modules.llm.spending.budget import Limit
from llm_modules.llm.spending.ledger import Ledger
from llm_modules.llm.spending.left import BudgetLeft, left_of, limits_in


@pytest.mark.parametrize("block", [None, {}, {"usd_per_day": None}])
def test_no_budget_has_no_limits(block: object) -> None:
    assert limits_in(block) == ()


def test_the_limits_of_a_budget_are_read() -> None:
    assert limits_in({"usd_per_day": 2.0}) == (Limit("usd_per_day", "usd", "day", 2.0),)


@pytest.mark.parametrize("block", [{"usd_per_day": "much"}, {"eur": 1}, "much", 0, []])
def test_a_budget_nobody_can_read_is_an_error_and_not_no_budget(block: object) -> None:
    with pytest.raises(ConfigError, match=r"llm_config\.budget cannot be read: "):
        limits_in(block)


def test_of_an_untouched_limit_all_is_left_until_its_period_ends(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "costs.sqlite")
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    limit = Limit("tokens_per_month", "tokens", "month", 100.0)
    left = left_of(limit, ledger, now, is_sandbox=False)
    ledger.close()
    assert left == BudgetLeft("tokens_per_month", 100.0, 0, 100.0, "2026-02-01 00:00 UTC")
