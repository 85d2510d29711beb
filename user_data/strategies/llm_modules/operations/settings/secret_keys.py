"""Which settings are secret, and the name under which each lives in `.env`.

Freqtrade hides only some of these when it prints or archives its configuration (its
`_SENSITIVE_KEYS`), so none may stand in config.json.
"""

from collections.abc import Iterator, Mapping
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
# these can be neither moved nor emptied, only deleted. ccxt takes private_key for privateKey too.
CCXT_SECRETS: Mapping[str, str] = {
    "apikey": "KEY",
    "secret": "SECRET",
    "password": "PASSWORD",
    "uid": "UID",
    "accountid": "ACCOUNT_ID",
    "privatekey": "PRIVATE_KEY",
    "walletaddress": "WALLET_ADDRESS",
    # Freqtrade has no setting of its own for these.
    **dict.fromkeys(("login", "twofa", "token"), ""),
}
# Each credential as ccxt spells it, and as the settings may: of several Freqtrade takes the first.
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "apiKey": ("api_key", "apiKey", "key"),
    "secret": ("secret",),
    "password": ("password",),
    "uid": ("uid",),
    "accountId": ("account_id", "accountId"),
    "walletAddress": ("wallet_address", "walletAddress"),
    "privateKey": ("private_key", "privateKey"),
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
    for key, variable in _ccxt_secrets(settings):
        advice = f" and set {variable} in .env" if variable else ""
        raise ConfigError(
            f"{name} holds {key}, which Freqtrade would log: delete that line{advice}"
        )


def has_one_account(settings: Mapping[str, Any]) -> Iterator[str]:
    """Refuse credentials that would win over those that are checked and consented to.

    `settings` are merged: the environment can bring them too.
    """
    for key, variable in _ccxt_secrets(settings):
        advice = f", and set {variable} in .env" if variable else ""
        yield (
            f"{key}: a credential here wins over the account that is checked: take it out of "
            f"config.json, .env and the environment{advice}"
        )
    exchange = value_at(settings, "exchange")
    for keys in CREDENTIALS.values() if isinstance(exchange, Mapping) else ():
        there = [key for key in keys if key in exchange]
        # An empty one in front wins as well.
        if len(there) > 1 and any(_holds_text(exchange[key]) for key in there[1:]):
            yield f"exchange.{there[0]}: stands beside {', '.join(there[1:])}: keep one spelling"


def _ccxt_secrets(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each credential in a block for ccxt, and the variable it belongs into, if any."""
    for block in CCXT_BLOCKS:
        values = value_at(settings, f"exchange.{block}")
        for key in values if isinstance(values, Mapping) else ():
            # As ccxt: with underscores it is the same attribute.
            plain = key.replace("_", "").lower()
            if plain in CCXT_SECRETS and values[key] is not None:
                name = CCXT_SECRETS[plain]
                variable = f"{FREQTRADE_PREFIX}EXCHANGE__{name}" if name else ""
                yield f"exchange.{block}.{key}", variable


def _holds_text(value: object) -> bool:
    if isinstance(value, list):
        return any(_holds_text(item) for item in value)
    return value is not None and value != ""
