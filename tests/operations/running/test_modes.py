"""Which mode settings lead to, held against what Freqtrade itself reads."""

from collections.abc import Mapping
from typing import Any

import pytest
from freqtrade.configuration.environment_vars import _flat_vars_to_nested_dict

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.domain import RunMode
from llm_modules.operations.running.modes import inside, mode_of, with_mode

NAMED: Mapping[str, Any] = {"llm_config": {"model": "m"}}


def as_freqtrade_reads(environment: Mapping[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = _flat_vars_to_nested_dict(dict(environment), "FREQTRADE__")
    return settings


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({"dry_run": False}, "sandbox"),
        (NAMED, "dry_run"),
        ({**NAMED, "dry_run": True}, "dry_run"),
        ({**NAMED, "dry_run": "false"}, "dry_run"),
        ({**NAMED, "dry_run": False}, "live"),
    ],
)
def test_the_settings_decide_the_mode(settings: Mapping[str, Any], mode: RunMode) -> None:
    assert mode_of(settings) == mode
    assert mode_of(settings, sandbox=True) == "sandbox"


@pytest.mark.parametrize("mode", ["sandbox", "dry_run"])
def test_without_real_money_freqtrade_is_told_so_whatever_else_it_is_told(mode: RunMode) -> None:
    tricks = {
        "FREQTRADE__DRY_RUN": "false",
        "FREQTRADE__dry_run": "false",
        "FREQTRADE__Dry_Run__x": "1",
        "FREQTRADE__DRY_RUN_WALLET": "5",
    }
    told = as_freqtrade_reads(with_mode(tricks, mode))
    assert told == {"dry_run": True, "dry_run_wallet": 5}


def test_with_real_money_nothing_is_changed() -> None:
    environment = {"FREQTRADE__DRY_RUN": "false"}
    assert with_mode(environment, "live") == environment


@pytest.mark.parametrize(
    "name",
    [
        "FREQTRADE__EXCHANGE__KEY",
        "FREQTRADE__exchange__key",
        "FREQTRADE__Llm_Config__Model",
        "FREQTRADE__dry_run",
        API_KEY_VARIABLE,
    ],
)
def test_no_spelling_leads_out_of_the_sandbox(name: str) -> None:
    stays = {"PATH": "/bin", "FREQTRADE__API_SERVER__PASSWORD": "p"}
    assert inside({name: "canary", **stays}) == stays
