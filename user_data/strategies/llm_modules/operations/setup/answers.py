"""Answers to what setup asks, topic by topic: from flags, from a person, else as it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llm_modules.config import API_KEY_VARIABLE, TIMEFRAMES
from llm_modules.errors import ConfigError
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.operations.setup import values
from llm_modules.operations.setup.current import Current, Server
from llm_modules.operations.setup.profiles import NAMES, OWN
from llm_modules.operations.setup.questions import Questions

EXCHANGE_KEYS = "FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"
TELEGRAM_TOKEN, TELEGRAM_CHAT = "FREQTRADE__TELEGRAM__TOKEN", "FREQTRADE__TELEGRAM__CHAT_ID"

_RISKS = {
    "careful": "small stakes, 3x leverage, stops after losing 8 %",
    "normal": "as shipped: 10x leverage, stops after losing 15 %",
    "free": "large stakes, 20x leverage, stops after losing 30 %",
    OWN: "your own limits, as they are",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Settings by dotted key, and secrets by variable; an empty secret is taken out."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    # None where the question was not put.
    risk: str | None = None
    telegram: bool | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What answers may come from: how it is now, flags, secrets handed in, a person."""

    current: Current
    flags: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    questions: Questions | None

    def given(self, flag: str) -> Any:
        """Return what a flag says, None where it was not given."""
        return self.flags.get(flag)

    def text(self, flag: str, question: str, default: str, check: Callable[[str], Any]) -> str:
        """Return what a flag, a person or else the settings say. Raises ConfigError."""
        found = self.given(flag)
        if found is None and self.questions:
            found = self.questions.text(question, default, check)
        return str(check(str(default if found is None else found)))

    def choice(self, flag: str, question: str, choices: Mapping[str, str], default: str) -> str:
        """Return what a flag, a person or else the settings say."""
        found = self.given(flag)
        if found is None and self.questions:
            found = self.questions.choose(question, choices, default)
        return default if found is None else str(found)

    def secret(self, variable: str, what: str, check: Callable[[str], Any]) -> dict[str, str]:
        """Return a secret by its variable, nothing where it stays as it is. Raises ConfigError."""
        found = self.secrets.get(variable)
        if found is None and self.questions:
            enter = "keeps the one that is there" if self.current.has(variable) else "for none"
            found = self.questions.hidden(f"{what} (hidden; Enter {enter})", check)
        if not found:
            return {}
        check(found)
        return {variable: found}


def model_answers(asking: Asking) -> Answers:
    """Ask for provider, address, model and key. Raises ConfigError."""
    now = asking.current.server
    choice = asking.choice("provider", "Who answers?", _providers(), _usual_choice(asking, now))
    if choice == values.SANDBOX:
        return Answers(_server_settings(Server()))
    same = choice == now.choice
    server = Server(
        now.provider if same else choice,
        _address(asking, choice, now.api_base if same else ""),
        asking.text("model", "Name of the model", now.model if same else "", _named_model),
    )
    what = f"Key of {choice}"
    secrets = asking.secret(API_KEY_VARIABLE, what, values.key)
    if (
        not secrets
        and now.model
        and server.root != now.root
        and asking.current.has(API_KEY_VARIABLE)
    ):
        # A key goes to the server it was given for and to no other.
        secrets = {API_KEY_VARIABLE: ""}
    return Answers(_server_settings(server), secrets)


def exchange_answers(asking: Asking) -> Answers:
    """Ask for the exchange and, only when they are wanted, for the keys of an account."""
    now = asking.current.text("exchange.name") or "binance"
    name = asking.text("exchange", "Exchange", now, values.exchange)
    question = "Put the keys of an account there into .env? Dry-run needs none"
    secrets: dict[str, str] = {}
    wanted = any(variable in asking.secrets for variable in EXCHANGE_KEYS)
    if wanted or (asking.questions and asking.questions.agrees(question, default=False)):
        for variable, what in zip(EXCHANGE_KEYS, ("Key", "Secret"), strict=True):
            secrets |= asking.secret(variable, f"{what} of the account at {name}", values.key)
    if name != now:
        stale = {variable: "" for variable in EXCHANGE_KEYS if asking.current.has(variable)}
        secrets = stale | secrets
    return Answers({"exchange.name": name}, secrets)


def pairs_answers(asking: Asking) -> Answers:
    """Ask what is traded."""
    stake = asking.current.stake
    found = asking.given("pairs")
    if found is None and asking.questions:
        found = [
            asking.questions.text(
                f"Pairs, such as BTC/{stake}:{stake}",
                " ".join(asking.current.pairs),
                lambda text: values.pairs([text], stake),
            )
        ]
    pairs = values.pairs(asking.current.pairs if found is None else found, stake)
    return Answers({"exchange.pair_whitelist": list(pairs)})


def timeframe_answers(asking: Asking) -> Answers:
    """Ask how often is decided."""
    now = asking.current.text("timeframe")
    usual = now if now in TIMEFRAMES else "30m"
    choices = dict.fromkeys(TIMEFRAMES, "")
    found = asking.choice("timeframe", "A decision every", choices, usual)
    return Answers({"timeframe": found})


def wallet_answers(asking: Asking) -> Answers:
    """Ask for the simulated money."""
    question = f"Simulated wallet, in {asking.current.stake}"
    found = asking.text("wallet", question, f"{asking.current.wallet:.12g}", values.wallet)
    return Answers({"dry_run_wallet": values.wallet(found)})


def risk_answers(asking: Asking) -> Answers:
    """Ask how much may be risked."""
    now = asking.current.risk
    names = NAMES if now != OWN else (*NAMES, OWN)
    choices = {name: _RISKS[name] for name in names}
    return Answers(risk=asking.choice("risk", "How much may be risked?", choices, now))


def telegram_answers(asking: Asking) -> Answers:
    """Ask whether Telegram tells of trades, and by which bot to whom."""
    now = asking.current.has_telegram
    handed = TELEGRAM_TOKEN in asking.secrets or TELEGRAM_CHAT in asking.secrets
    wanted = asking.given("telegram")
    if wanted is None and handed:
        wanted = True
    if wanted is None and asking.questions:
        wanted = asking.questions.agrees("Messages by Telegram?", default=now)
    if not (now if wanted is None else wanted):
        return Answers(telegram=False)
    secrets = {
        **asking.secret(TELEGRAM_TOKEN, "Token of the Telegram bot", values.telegram_token),
        **asking.secret(TELEGRAM_CHAT, "Number of the chat", values.telegram_chat),
    }
    return Answers(secrets=secrets, telegram=True)


TOPICS: Mapping[str, Callable[[Asking], Answers]] = {
    "model": model_answers,
    "exchange": exchange_answers,
    "pairs": pairs_answers,
    "timeframe": timeframe_answers,
    "wallet": wallet_answers,
    "risk": risk_answers,
    "telegram": telegram_answers,
}


def _usual_choice(asking: Asking, now: Server) -> str:
    """Return who answers where nobody says: as it is, or whoever is at the address given.

    Raises ConfigError for a model alone where none was named before.
    """
    if now.choice != values.SANDBOX or asking.given("provider"):
        return now.choice
    if asking.given("api_base"):
        return Server("", asking.given("api_base"), "any").choice
    if asking.given("model") and not asking.questions:
        servers = ", ".join(values.PROVIDER_CHOICES[1:])
        raise ConfigError(f"--model alone: name its server too, with --provider, one of {servers}")
    return now.choice


def _address(asking: Asking, choice: str, now: str) -> str:
    row = PROVIDERS[choice]
    if asking.given("api_base") is None and row.api_base and not (row.also_at and asking.questions):
        return now
    also = f" (also {', '.join(row.also_at)})" if row.also_at else ""
    check = values.address if asking.questions else _address_of
    found = asking.text("api_base", f"Address of the server{also}", now or row.api_base, check)
    # Left out where it is the preset's own, which may move.
    return "" if found == row.api_base else found


def _address_of(text: str) -> str:
    if not text:
        raise ConfigError(
            "this provider has no server of its own: name its address, --api-base URL"
        )
    return values.address(text)


def _named_model(text: str) -> str:
    if not text:
        raise ConfigError("no model is named: --model NAME, as its server calls it")
    return values.model(text)


def _providers() -> dict[str, str]:
    said = {
        values.SANDBOX: "no model: exchange and model are simulated, no key needed",
        values.OWN_SERVER: "any other server that speaks chat completions, by its address",
    }
    known = {name: row.api_base or "your own server" for name, row in PROVIDERS.items()}
    return {name: said.get(name) or known[name] for name in values.PROVIDER_CHOICES}


def _server_settings(server: Server) -> dict[str, Any]:
    return {f"llm_config.{name}": getattr(server, name) for name in Server.__slots__}
