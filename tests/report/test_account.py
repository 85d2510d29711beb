import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, a_trade_record
from llm_modules.operations.places import Places
from llm_modules.report.account import SEEN, UNKNOWN, account_of, starting_wallet
from llm_modules.report.decided import Decided
from llm_modules.report.reading import Facts
from llm_modules.report.span import Span

SPAN = Span("dry_run", NOON - timedelta(days=2), NOON)
MS = int(NOON.timestamp() * 1000)


def facts(*points: tuple[int, float], profits: tuple[float, ...] = ()) -> Facts:
    trades = tuple(
        a_trade_record(closed_at=NOON - timedelta(hours=9 - number), profit_abs=profit)
        for number, profit in enumerate(profits)
    )
    return Facts(SPAN, Decided(SPAN, equity=[*points]), trades, (), {}, {}, {})


def test_the_account_is_what_decisions_saw() -> None:
    account = account_of(facts((MS, 1000.0), (MS + 60_000, 1010.0), profits=(500.0,)), 77.0)
    assert account is not None
    assert account.equity.at.tolist() == [MS, MS + 60_000]
    assert account.equity.values.tolist() == [1000.0, 1010.0]
    assert account.sentence == SEEN


def test_of_several_looks_at_one_moment_the_last_counts_and_time_goes_forward() -> None:
    account = account_of(facts((MS + 5, 3.0), (MS, 1.0), (MS, 2.0)), None)
    assert account is not None
    assert account.equity.at.tolist() == [MS, MS + 5]
    assert account.equity.values.tolist() == [2.0, 3.0]


def test_a_single_look_is_no_curve_so_profits_are_added_to_the_wallet() -> None:
    account = account_of(facts((MS, 5.0), profits=(10.0, -4.0)), 1000.0)
    assert account is not None
    assert account.equity.values.tolist() == [1000.0, 1010.0, 1006.0, 1006.0]
    assert account.equity.at[0] == MS - 2 * 86_400_000
    assert account.equity.at[-1] == MS
    assert "(1,000.00)" in account.sentence
    assert account.title == "Reckoned from closed trades"


def test_an_unknown_wallet_leaves_the_sum_of_profits() -> None:
    account = account_of(facts(profits=(10.0,)), None)
    assert account is not None
    assert account.equity.values.tolist() == [0.0, 10.0, 10.0]
    assert account.sentence == UNKNOWN


def test_without_a_look_and_without_a_trade_there_is_no_account() -> None:
    assert account_of(facts(), 1000.0) is None


@pytest.mark.parametrize(
    ("mode", "wallet", "expected"),
    [
        ("dry_run", 500, 500.0),
        ("dry_run", {"USDT": 250.5, "BTC": 1}, 250.5),
        ("dry_run", {"BTC": 1}, None),
        ("dry_run", "much", None),
        ("dry_run", True, None),
        ("dry_run", 0, None),
        ("dry_run", None, None),
        ("live", 500, None),
    ],
)
def test_the_wallet_is_that_of_the_settings_where_money_is_simulated(
    tmp_path: Path, mode: str, wallet: Any, expected: float | None
) -> None:
    settings = {"dry_run_wallet": wallet, "stake_currency": "USDT"}
    assert starting_wallet(Places(tmp_path), settings, mode) == expected


def test_the_sandbox_has_a_wallet_of_its_own(tmp_path: Path) -> None:
    overlay = tmp_path / "config.sandbox.json"
    overlay.write_text(json.dumps({"dry_run_wallet": 42}), encoding="utf-8")
    assert starting_wallet(Places(tmp_path), {"dry_run_wallet": 500}, "sandbox") == 42.0


def test_a_sandbox_whose_settings_are_broken_has_the_bots_wallet(tmp_path: Path) -> None:
    (tmp_path / "config.sandbox.json").write_text("{", encoding="utf-8")
    assert starting_wallet(Places(tmp_path), {"dry_run_wallet": 500}, "sandbox") == 500.0
