"""What an exchange is asked before the bot trusts it, and what comes of it.

Both cross the border to a program of its own as JSON: ccxt takes half a second to load, which no
other command should wait for, and puts signed addresses into its errors, which stay over there.
"""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from llm_modules.operations.settings.reading import Settings, merged, value_at
from llm_modules.operations.settings.secret_keys import CREDENTIALS

# What is asked, in this order; `open` is the exchange's own name and settings.
Part = Literal["open", "time", "markets", "balance", "rights", "modes"]
Trouble = Literal[
    "unknown",  # ccxt has no exchange of this name
    "unreachable",  # no connection, no name, no answer in time, or not HTTP
    "busy",  # too many requests, or in maintenance
    "clock",  # the exchange takes our clock for wrong
    "refused",  # the key is wrong, or may not do this
    "unsupported",  # not to be read through ccxt from this exchange
    "unreadable",  # an answer, but none that makes sense
]
PairState = Literal["active", "inactive", "absent"]
# Those Freqtrade hands to the client that asks and waits, as we do; the later one wins.
SYNC_BLOCKS = ("ccxt_config", "ccxt_sync_config")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ExchangeQuestion(_Frozen):
    """Whom to ask about which pairs; without credentials nothing about an account is asked."""

    name: str
    currency: str
    pairs: tuple[str, ...]
    ccxt_config: dict[str, Any]
    credentials: dict[str, str]

    @property
    def has_key(self) -> bool:
        """Tell whether there is an account to ask about."""
        return bool(self.credentials.get("apiKey") or self.credentials.get("privateKey"))


class Fault(_Frozen):
    """Why a part could not be had; `words` are the exchange's own, without address and key."""

    trouble: Trouble
    words: str = ""


class KeyRights(_Frozen):
    """What a key is allowed, as far as the exchange says."""

    reads: bool
    trades_futures: bool
    withdraws: bool
    moves_funds: bool
    is_bound_to_addresses: bool


class AccountModes(_Frozen):
    """Settings of a futures account that Freqtrade cannot trade with when they are on."""

    hedges: bool
    pools_assets: bool


class AccountBalance(_Frozen):
    """What the account holds of the stake currency, and what of it is free."""

    total: float
    free: float


class ExchangeAnswer(_Frozen):
    """Everything that could be had; what could not, or was not asked, is None or empty.

    `ahead_seconds`: how far this machine's clock is ahead of the exchange's, half of
    `answer_seconds` more or less.
    """

    faults: dict[Part, Fault] = {}
    answer_seconds: float | None = None
    ahead_seconds: float | None = None
    pairs: dict[str, PairState] = {}
    timeframes: tuple[str, ...] = ()
    balance: AccountBalance | None = None
    rights: KeyRights | None = None
    modes: AccountModes | None = None


AskExchange = Callable[[ExchangeQuestion], ExchangeAnswer]


def question_of(settings: Settings) -> ExchangeQuestion:
    """Return the question that settings pose which have been checked."""
    exchange = settings["exchange"]
    ccxt_config: Settings = {}
    for block in SYNC_BLOCKS:
        ccxt_config = merged(ccxt_config, exchange.get(block) or {})
    credentials = {
        name: next((str(exchange[key] or "") for key in keys if key in exchange), "")
        for name, keys in CREDENTIALS.items()
    }
    return ExchangeQuestion(
        name=str(exchange["name"]),
        currency=str(settings["stake_currency"]),
        pairs=tuple(str(pair) for pair in value_at(settings, "exchange.pair_whitelist")),
        ccxt_config=ccxt_config,
        credentials={name: text for name, text in credentials.items() if text},
    )


class AskedOnce:
    """Asks an exchange and remembers the answer, for those who need it twice."""

    def __init__(self, ask: AskExchange) -> None:
        self._ask = ask
        self._known: dict[str, ExchangeAnswer] = {}

    def __call__(self, question: ExchangeQuestion) -> ExchangeAnswer:
        """Return the answer to a question, from the exchange or from before."""
        name = question.model_dump_json()
        if name not in self._known:
            self._known[name] = self._ask(question)
        return self._known[name]
