"""The consent to real money: someone typed the amount at risk, for this very account and bot.

It is a file beside the settings, good for the limits, the models, the exchange with its key, the
pairs and the folder it was given for; for nothing else. Whatever cannot be read counts as missing.
"""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from llm_modules.config import TraderConfig
from llm_modules.errors import ConfigError
from llm_modules.gate.halt import read_small, write_whole

CONSENT_NAME = "live.json"
HOW_TO_GIVE_IT = "run ./manage.sh live"
# Freqtrade's own settings that decide how much money moves, and how it is protected.
MONEY_SETTINGS = (
    *("stake_currency", "stake_amount", "tradable_balance_ratio", "available_capital"),
    *("max_open_trades", "trading_mode", "margin_mode", "stoploss", "order_types", "pairlists"),
)
ACCOUNT_KEYS = (
    *("name", "key", "api_key", "apiKey", "uid", "account_id", "accountId"),
    *("wallet_address", "walletAddress", "private_key", "privateKey"),
    # What is handed to ccxt may name another server, or another account.
    *("ccxt_config", "ccxt_sync_config", "ccxt_async_config"),
)
# Of the model, only what decides who is asked; how patiently is no matter of consent.
MODEL_SETTINGS = {"provider", "api_base", "model", "fallbacks"}


class Consent(BaseModel):
    """What the file holds: the amount that was typed, and for what, by content (SHA-256)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    amount: Decimal
    currency: str
    given_for: Mapping[str, str]
    at: AwareDatetime


def bot_subjects(
    config: TraderConfig, exchange: Mapping[str, Any], user_data: Path
) -> dict[str, str]:
    """Name by content what a consent is given for and a running bot knows too.

    `exchange` is the block of Freqtrade's settings. Its key is in it as part of a hash: another
    account is another consent. So is a copy of the folder: two bots would trade one account.
    """
    model = config.llm_config.model_dump(mode="json", include=MODEL_SETTINGS)
    return {
        "the limits": _hash(config.risk_management.model_dump(mode="json")),
        "the model": _hash([model, config.llm_config.asking.cheap_model]),
        "the exchange or its key": _hash([exchange.get(name) for name in ACCOUNT_KEYS]),
        "the pairs": _hash(exchange.get("pair_whitelist")),
        "the folder": _hash(str(user_data.resolve())),
    }


def subjects(config: TraderConfig, settings: Mapping[str, Any], user_data: Path) -> dict[str, str]:
    """Name by content everything a consent is given for; `settings` are merged, not completed."""
    # Freqtrade fills in what is missing here, so that a running bot would see a change.
    money = _hash([settings.get(name) for name in MONEY_SETTINGS])
    known = bot_subjects(config, settings.get("exchange") or {}, user_data)
    return known | {"stakes and stops": money}


def write_consent(path: Path, consent: Consent) -> None:
    """Note that someone consented. Raises JournalError when it cannot be written."""
    write_whole(path, consent.model_dump_json())


def missing_consent(path: Path, given_for: Mapping[str, str]) -> str | None:
    """Say in a sentence why nobody consented to this; None when somebody did."""
    try:
        consent = Consent.model_validate_json(read_small(path))
    except FileNotFoundError:
        return f"nobody has consented to real money: {HOW_TO_GIVE_IT}"
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror}): {HOW_TO_GIVE_IT}"
    except ValidationError:
        return f"{path.name} is no consent of ours: {HOW_TO_GIVE_IT}"
    changed = [name for name, text in given_for.items() if consent.given_for.get(name) != text]
    if changed:
        given = f"{consent.amount} {consent.currency} at {consent.at:%Y-%m-%d %H:%M %Z}"
        return (
            f"since someone consented to {given}, {' and '.join(changed)} changed; once more: "
            f"{HOW_TO_GIVE_IT}"
        )
    return None


def demand_consent(user_data: Path, given_for: Mapping[str, str]) -> None:
    """Raise ConfigError unless someone consented to real money for all that is named."""
    missing = missing_consent(user_data / CONSENT_NAME, given_for)
    if missing is not None:
        raise ConfigError(f"dry_run is false, but {missing}")


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
