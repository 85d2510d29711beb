"""docs/risk.md says what the code does: every code, every key and every check."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from types import FunctionType

import pytest

from llm_modules.config import RiskConfig
from llm_modules.gate import checks
from llm_modules.gate.checks.catalogue import (
    CATALOGUE,
    ELSEWHERE,
    OWN_CODES,
    Rule,
    applies_to,
    checks_table,
    keys_table,
    users_of,
)

ROOT = Path(__file__).parent.parent.parent
MODULES = ROOT / "user_data" / "strategies" / "llm_modules"
GATE = MODULES / "gate"
DOCUMENT = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
CODE = re.compile(r"[A-Z]{2,}(_[A-Z]+)*")
WORDS = {"Refusal": "refuses", "Clamp": "clamps", "Remark": "records"}
LISTS = {
    "entry": checks.ENTRY_CHECKS,
    "addition": checks.ADDITION_CHECKS,
    "reduction": checks.REDUCTION_CHECKS,
    "exit": checks.EXIT_CHECKS,
    "hold": checks.HOLD_CHECKS,
    "wait": checks.WAIT_CHECKS,
}
ALL_CHECKS = set(chain.from_iterable(LISTS.values()))


def between(begin: str, end: str) -> str:
    return DOCUMENT.split(begin)[1].split(end)[0].strip()


@cache
def functions() -> dict[str, ast.FunctionDef]:
    """Every function of the gate by name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(GATE.rglob("*.py"))]
    return {
        node.name: node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }


def nodes_of(name: str) -> Iterator[ast.AST]:
    """What a function and all the gate's functions it calls consist of."""
    seen, left = {name}, [name]
    while left:
        for node in ast.walk(functions()[left.pop()]):
            yield node
            if isinstance(node, ast.Name) and node.id in functions() and node.id not in seen:
                seen.add(node.id)
                left.append(node.id)


def keys_read(name: str) -> set[str]:
    return {
        node.attr
        for node in nodes_of(name)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "risk"
    }


def name_of(rule: Rule) -> str:
    assert isinstance(rule.check, FunctionType)
    return rule.check.__name__


def test_the_table_of_checks_in_the_documentation_is_printed_from_the_code() -> None:
    assert between("<!-- checks -->", "<!-- end of checks -->") == checks_table()


def test_the_table_of_keys_in_the_documentation_is_printed_from_the_code() -> None:
    assert between("<!-- keys -->", "<!-- end of keys -->") == keys_table()


def test_every_check_is_in_the_catalogue_once() -> None:
    listed = [rule.check for rule in CATALOGUE]
    assert len(listed) == len(set(listed))
    assert set(listed) == ALL_CHECKS


def test_no_check_stands_twice_in_a_list() -> None:
    for members in LISTS.values():
        assert len(members) == len(set(members))


@pytest.mark.parametrize("rule", CATALOGUE, ids=name_of)
def test_a_check_gives_its_code_and_no_other(rule: Rule) -> None:
    found = {
        node.value
        for node in nodes_of(name_of(rule))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value)
    }
    assert found - {"RSI", "ADX"} == {rule.code}


@pytest.mark.parametrize("rule", CATALOGUE, ids=name_of)
def test_a_check_does_what_the_catalogue_says(rule: Rule) -> None:
    made = {
        WORDS[node.func.id]
        for node in nodes_of(name_of(rule))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORDS
    }
    assert made == set(rule.effects)


@pytest.mark.parametrize("rule", CATALOGUE, ids=name_of)
def test_a_check_reads_the_keys_the_catalogue_names(rule: Rule) -> None:
    # What no position explains is taken at max_leverage, whichever sum it goes into.
    everywhere = {"max_leverage"} if "at_risk" in _calls(rule) else set()
    assert keys_read(name_of(rule)) - everywhere == set(rule.keys)


def _calls(rule: Rule) -> set[str]:
    return {node.id for node in nodes_of(name_of(rule)) if isinstance(node, ast.Name)}


def test_every_code_of_the_gate_is_in_the_catalogue() -> None:
    sources = [GATE / "checker.py", *sorted((GATE / "checks").glob("*.py"))]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    given = set(re.findall(r'(?:Refusal|Clamp|Remark|lower_stake|_by_mode)\(\s*"([A-Z_]+)"', texts))
    assert given <= {rule.code for rule in CATALOGUE} | set(OWN_CODES)
    assert given >= set(OWN_CODES)
    for code in OWN_CODES:
        assert f"`{code}`" in DOCUMENT


@pytest.mark.parametrize("key", sorted(RiskConfig.model_fields))
def test_every_key_is_used_by_something_that_is_named(key: str) -> None:
    assert users_of(key)


def test_no_key_is_named_that_does_not_exist() -> None:
    named = set(chain.from_iterable(rule.keys for rule in CATALOGUE)) | set(ELSEWHERE)
    assert named == set(RiskConfig.model_fields)


@pytest.mark.parametrize(
    ("place", "sources"),
    [
        ("sizing", ["gate/sizing.py", "gate/proposal.py"]),
        ("stops", ["gate/stops.py"]),
        ("booking", ["engine/booking.py"]),
    ],
)
def test_what_acts_elsewhere_is_read_there(place: str, sources: list[str]) -> None:
    text = "\n".join((MODULES / source).read_text(encoding="utf-8") for source in sources)
    keys = [key for key, where in ELSEWHERE.items() if where == place]
    assert keys
    for key in keys:
        assert f"risk.{key}" in text or f"risk_management.{key}" in text, key


def test_a_check_knows_what_it_judges() -> None:
    for kind, members in LISTS.items():
        for check in members:
            assert kind in applies_to(check)
    assert applies_to(lambda *_: None) == ()


def test_clamps_stand_before_what_depends_on_them() -> None:
    order = [rule.__name__ for rule in checks.ENTRY_CHECKS if isinstance(rule, FunctionType)]
    for first, then in (
        ("leverage_within_limit", "leverage_is_whole"),
        ("leverage_is_whole", "leverage_within_tier"),
        ("stake_within_free_funds", "leverage_within_tier"),
        ("leverage_within_tier", "notional_within_total"),
        ("leverage_within_tier", "stop_near_enough"),
        ("stop_near_enough", "stop_on_losing_side"),
        ("stop_near_enough", "risk_within_limit"),
        ("stop_near_enough", "target_is_worth_it"),
        ("risk_within_limit", "rsi_is_right"),
    ):
        assert order.index(first) < order.index(then)
    for members in (checks.ENTRY_CHECKS, checks.ADDITION_CHECKS):
        last = members[-1]
        assert isinstance(last, FunctionType)
        assert last.__name__ == "stake_above_market_minimum"


def test_getting_out_is_judged_by_little() -> None:
    """No limit of the account, halt, claim, confidence or habit may ever stand in these lists."""
    forbidden = {
        "ACCOUNT_UNKNOWN", "HALTED", "MAX_POSITION", "MAX_TOTAL_STAKE", "FREE_FUNDS", "HABIT",
        "MIN_CONFIDENCE", "RSI_CLAIM", "LEVELS_CLAIM", "DAILY_LOSS", "LOSS_STREAK", "COOLDOWN",
        "PAIR_NOT_TRADABLE", "MARKET_UNKNOWN", "FUNDING", "TRADING_HOURS", "PRICE_DRIFT",
    }  # fmt: skip
    codes = {rule.check: rule.code for rule in CATALOGUE}
    for name in ("reduction", "exit"):
        assert not {codes[check] for check in LISTS[name]} & forbidden
    assert {codes[check] for check in LISTS["exit"]} == {
        "PAIR_MISMATCH",
        "NO_POSITION",
        "MIN_HOLDING",
    }
