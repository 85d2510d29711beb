"""Which settings are secret, and the name under which each lives in `.env`.

Freqtrade hides only some of these when it prints or archives its configuration (its
`_SENSITIVE_KEYS`), so none may stand in config.json.
"""

from collections.abc import Mapping
from typing import Any

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX
from llm_modules.operations.settings.reading import CCXT_BLOCKS, value_at

MOVE_COMMAND = "./manage.sh move-keys"
FREQTRADE_SECRETS = (
    "exchange.key",
    "exchange.api_key",
    "exchange.apiKey",
    "exchange.secret",
    "exchange.password",
    "exchange.uid",
    "exchange.account_id",
    "exchange.accountId",
    "exchange.wallet_address",
    "exchange.walletAddress",
    "exchange.private_key",
    "exchange.privateKey",
    "api_server.password",
    "api_server.jwt_secret_key",
    "api_server.ws_token",
    "telegram.token",
    "telegram.chat_id",
    "discord.webhook_url",
    "webhook.url",
    "coingecko.api_key",
)
# Freqtrade writes ccxt's blocks into its log, and what stands there wins over `exchange.key`:
# these can be neither moved nor emptied, only deleted.
CCXT_SECRETS: Mapping[str, str] = {
    "apiKey": "KEY",
    "secret": "SECRET",
    "password": "PASSWORD",
    "uid": "UID",
    "privateKey": "PRIVATE_KEY",
    "walletAddress": "WALLET_ADDRESS",
}
# Freqtrade lower-cases names from the environment; it reads these settings by either spelling.
OTHER_SPELLING = {
    "exchange.apiKey": "exchange.api_key",
    "exchange.accountId": "exchange.account_id",
    "exchange.walletAddress": "exchange.wallet_address",
    "exchange.privateKey": "exchange.private_key",
}
VARIABLES: Mapping[str, str] = {
    "llm_config.api_key": API_KEY_VARIABLE,
    **{
        key: FREQTRADE_PREFIX + OTHER_SPELLING.get(key, key).replace(".", "__").upper()
        for key in FREQTRADE_SECRETS
    },
}


def literal_secrets(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the dotted keys of the secrets that stand in the settings of a file."""
    return tuple(key for key in VARIABLES if _holds_text(value_at(settings, key)))


def refuse_literal_secrets(settings: Mapping[str, Any], name: str) -> None:
    """Raise ConfigError naming each secret in the file, and what takes it out."""
    refuse_ccxt_secrets(settings, name)
    found = literal_secrets(settings)
    if found:
        raise ConfigError(
            f"{name} holds secrets: {', '.join(found)}. Move them into .env with: {MOVE_COMMAND}"
        )


def refuse_ccxt_secrets(settings: Mapping[str, Any], name: str) -> None:
    """Raise ConfigError naming a secret in a block that is handed to ccxt."""
    for block in CCXT_BLOCKS:
        for key, variable in CCXT_SECRETS.items():
            if value_at(settings, f"exchange.{block}.{key}") is not None:
                raise ConfigError(
                    f"{name} holds exchange.{block}.{key}, which Freqtrade would log: delete "
                    f"that line and set {FREQTRADE_PREFIX}EXCHANGE__{variable} in .env"
                )


def _holds_text(value: object) -> bool:
    if isinstance(value, list):
        return any(_holds_text(item) for item in value)
    return value is not None and value != ""
