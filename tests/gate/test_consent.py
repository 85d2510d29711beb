"""Consent to real money: given for one very bot, and for no other."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from builders import NOON
from llm_modules.config import TraderConfig, parse_config
from llm_modules.errors import ConfigError, JournalError
from llm_modules.gate.consent import (
    CONSENT_NAME,
    Consent,
    bot_subjects,
    demand_consent,
    missing_consent,
    subjects,
    write_consent,
)
from llm_modules.operations.places import SHIPPED_USER_DATA
from llm_modules.operations.settings.reading import merged, read_settings

SHIPPED = read_settings(SHIPPED_USER_DATA / "config.json")
MODEL = {"model": "m", "api_base": "http://127.0.0.1:9"}
KEY = {"exchange": {"key": "canary-key", "secret": "canary-secret"}, "llm_config": MODEL}
FOLDER = Path("/bots/one")
BEFORE_IT_RUNS = {"stakes and stops"}
ALL = BEFORE_IT_RUNS | {
    *("the limits", "the model", "the exchange or its key", "the pairs", "the folder"),
}


@dataclass
class Bot:
    settings: dict[str, Any]

    @property
    def config(self) -> TraderConfig:
        return parse_config(self.settings)

    @property
    def subjects(self) -> dict[str, str]:
        return subjects(self.config, self.settings, FOLDER)

    def but(self, changes: dict[str, Any]) -> "Bot":
        return Bot(merged(self.settings, changes))


BOT = Bot(merged(SHIPPED, KEY))


def a_consent(bot: Bot = BOT) -> Consent:
    return Consent(amount=Decimal("412.50"), currency="USDT", given_for=bot.subjects, at=NOON)


def test_a_consent_counts_for_the_bot_it_was_given_for(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    assert missing_consent(path, BOT.subjects) is None
    demand_consent(tmp_path, BOT.subjects)


def test_the_amount_is_kept_digit_by_digit(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    assert '"amount":"412.50"' in path.read_text()
    assert Consent.model_validate_json(path.read_bytes()) == a_consent()


def test_without_a_consent_nothing_starts_and_the_way_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dry_run is false, but nobody .* \./manage\.sh live"):
        demand_consent(tmp_path, BOT.subjects)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"risk_management": {"max_leverage": 9}}, "the limits"),
        ({"risk_management": {"emergency_day_loss": None}}, "the limits"),
        ({"llm_config": {"model": "other"}}, "the model"),
        ({"llm_config": {"api_base": "http://127.0.0.1:1"}}, "the model"),
        ({"llm_config": {"fallbacks": [{"provider": "openai", "model": "m"}]}}, "the model"),
        ({"llm_config": {"asking": {"cheap_model": "small"}}}, "the model"),
        ({"exchange": {"name": "bybit"}}, "the exchange or its key"),
        ({"exchange": {"key": "another"}}, "the exchange or its key"),
        ({"exchange": {"pair_whitelist": ["BTC/USDT:USDT"]}}, "the pairs"),
        ({"pairlists": [{"method": "VolumePairList"}]}, "stakes and stops"),
        ({"tradable_balance_ratio": 1}, "stakes and stops"),
        ({"available_capital": 100}, "stakes and stops"),
        ({"order_types": {"entry": "market"}}, "stakes and stops"),
        ({"stoploss": -0.5}, "stakes and stops"),
        ({"stake_currency": "USDC"}, "stakes and stops"),
    ],
)
def test_whatever_money_depends_on_ends_it_when_it_changes(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    missing = missing_consent(path, BOT.but(changes).subjects)
    assert missing is not None
    assert "since someone consented to 412.50 USDT at " in missing
    assert f", {named} changed; once more" in missing
    assert missing.endswith("run ./manage.sh live")


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_name": "another"},
        {"llm_config": {"temperature": 0.1, "timeout": 90}},
        {"api_server": {"listen_port": 9000}},
        {"experience_config": {"enabled": False}},
    ],
)
def test_what_money_does_not_depend_on_leaves_it(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    assert missing_consent(path, BOT.but(changes).subjects) is None


def test_everything_that_changed_is_named(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    other = BOT.but({"risk_management": {"max_leverage": 9}, "llm_config": {"model": "other"}})
    missing = missing_consent(path, other.subjects)
    assert missing is not None
    assert "the limits and the model changed" in missing


def test_a_running_bot_can_hold_it_against_what_it_knows(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    known = bot_subjects(BOT.config, BOT.settings["exchange"], FOLDER)
    assert set(known) == ALL - BEFORE_IT_RUNS
    assert missing_consent(path, known) is None


def test_a_copied_folder_is_not_consented_to(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    missing = missing_consent(path, subjects(BOT.config, BOT.settings, tmp_path))
    assert missing is not None
    assert "the folder changed" in missing


@pytest.mark.parametrize("block", ["ccxt_config", "ccxt_sync_config", "ccxt_async_config"])
def test_another_server_for_ccxt_is_another_exchange(block: str) -> None:
    other = BOT.but({"exchange": {block: {"urls": {"api": "http://127.0.0.1:9"}}}})
    changed = {name for name, text in BOT.subjects.items() if other.subjects[name] != text}
    assert changed == {"the exchange or its key"}


def test_no_key_can_be_read_out_of_it(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    write_consent(path, a_consent())
    assert "canary" not in path.read_text()
    assert set(a_consent().given_for) == ALL


def test_a_consent_from_before_a_subject_was_known_is_none(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    given_for = {name: text for name, text in BOT.subjects.items() if name != "the pairs"}
    write_consent(path, a_consent().model_copy(update={"given_for": given_for}))
    missing = missing_consent(path, BOT.subjects)
    assert missing is not None
    assert "the pairs changed" in missing


def test_settings_without_an_exchange_can_be_named_too() -> None:
    settings = {name: value for name, value in BOT.settings.items() if name != "exchange"}
    assert subjects(BOT.config, settings, FOLDER) != BOT.subjects


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"\xff", b'{"amount": "NaN"}'])
def test_what_is_no_consent_of_ours_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / CONSENT_NAME
    path.write_bytes(content)
    missing = missing_consent(path, BOT.subjects)
    assert missing is not None
    assert "is no consent of ours" in missing


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    path.mkdir()
    missing = missing_consent(path, BOT.subjects)
    assert missing is not None
    assert "cannot be read" in missing


def test_the_newer_one_counts(tmp_path: Path) -> None:
    path = tmp_path / CONSENT_NAME
    other = BOT.but({"risk_management": {"max_leverage": 9}})
    write_consent(path, a_consent())
    newer = a_consent(other).model_copy(update={"at": NOON + timedelta(days=1)})
    write_consent(path, newer)
    assert missing_consent(path, other.subjects) is None
    assert missing_consent(path, BOT.subjects) is not None


def test_a_consent_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        write_consent(tmp_path / "nowhere" / CONSENT_NAME, a_consent())
