"""`python -m` this asks an exchange through ccxt: a question on standard input, JSON on the other.

Nothing of ccxt's own errors leaves it: they hold signed addresses. What is told is their kind,
and the message out of the exchange's own JSON.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import ccxt

from llm_modules.operations.doctor.exchange_answer import (
    AccountBalance,
    AccountModes,
    ExchangeAnswer,
    ExchangeQuestion,
    Fault,
    KeyRights,
    Part,
    Trouble,
)

TIMEOUT_MILLISECONDS = 8_000
LONGEST_WORDS = 200
# The nearer kin first: ccxt's errors are a tree.
TROUBLES: tuple[tuple[type[Exception], Trouble], ...] = (
    (ccxt.InvalidNonce, "clock"),
    (ccxt.DDoSProtection, "busy"),
    (ccxt.OnMaintenance, "busy"),
    (ccxt.NetworkError, "unreachable"),
    (ccxt.AuthenticationError, "refused"),
    (ccxt.NotSupported, "unsupported"),
    (ccxt.BaseError, "unreadable"),
)
# What ccxt raises itself over an answer that is JSON and yet not what it expected.
MISREAD = (TypeError, ValueError, KeyError, IndexError, AttributeError)
_MESSAGE = re.compile(r'"(?:msg|message|retMsg)"\s*:\s*("(?:[^"\\]|\\.)*")')
_NUMBER = re.compile(r'"(?:code|retCode)"\s*:\s*"?(-?\d+)')

Found = dict[str, Any]
Step = Callable[[Any, ExchangeQuestion], Found]


def answer_of(question: ExchangeQuestion) -> ExchangeAnswer:
    """Ask step by step; a step that fails is told, and the others are asked all the same.

    An exchange that cannot be reached is not asked further.
    """
    found: Found = {}
    faults: dict[Part, Fault] = {}
    known = getattr(ccxt, question.name, None) if question.name in ccxt.exchanges else None
    if known is None:
        return ExchangeAnswer(faults={"open": Fault(trouble="unknown")})
    exchange = known(_configured(question))
    for part, step in STEPS:
        try:
            found |= step(exchange, question)
        except (ccxt.BaseError, *MISREAD) as error:
            faults[part] = fault_of(error, question)
            if faults[part].trouble == "unreachable":
                break
    return ExchangeAnswer(faults=faults, **found)


def fault_of(error: Exception, question: ExchangeQuestion) -> Fault:
    """Say what kind of failure it was, and in the exchange's words only what is its message."""
    trouble = next((trouble for kind, trouble in TROUBLES if isinstance(error, kind)), "unreadable")
    text = str(error)
    message, number = _MESSAGE.search(text), _NUMBER.search(text)
    if message is None:
        return Fault(trouble=trouble, words=type(error).__name__)
    words = str(json.loads(message[1], strict=False))
    for secret in question.credentials.values():
        words = words.replace(secret, "...")
    said = "".join(char if char.isprintable() else " " for char in words)[:LONGEST_WORDS]
    return Fault(trouble=trouble, words=f"{said} ({number[1]})" if number else said)


def _configured(question: ExchangeQuestion) -> Found:
    """Return ccxt's own settings, as Freqtrade makes them for futures, without a key yet."""
    # The lists of spot and coin-margined markets are of no use here, and are asked for otherwise.
    usual = {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}}
    # For other exchanges this option may be of another shape.
    if not question.name.startswith("binance"):
        del usual["fetchMarkets"]
    options = usual | question.ccxt_config.get("options", {})
    return {"timeout": TIMEOUT_MILLISECONDS, **question.ccxt_config, "options": options}


def _time(exchange: Any, _question: ExchangeQuestion) -> Found:
    if not exchange.has.get("fetchTime"):
        return {}
    before, started = time.time(), time.monotonic()
    theirs = exchange.fetch_time() / 1000
    seconds = time.monotonic() - started
    return {"answer_seconds": seconds, "ahead_seconds": before + seconds / 2 - theirs}


def _markets(exchange: Any, question: ExchangeQuestion) -> Found:
    markets = exchange.load_markets()
    return {
        "pairs": {pair: _state(markets.get(pair)) for pair in question.pairs},
        "timeframes": tuple(exchange.timeframes or ()),
    }


def _state(market: Mapping[str, Any] | None) -> str:
    if market is None:
        return "absent"
    # Exchanges that do not say leave it empty.
    return "inactive" if market.get("active") is False else "active"


def _balance(exchange: Any, question: ExchangeQuestion) -> Found:
    if not question.has_key:
        return {}
    # Not before: with a key ccxt would have asked for every currency beside the markets.
    for name, value in question.credentials.items():
        setattr(exchange, name, value)
    of_currency = exchange.fetch_balance().get(question.currency) or {}
    total, free = of_currency.get("total"), of_currency.get("free")
    return {"balance": AccountBalance(total=total or 0.0, free=free or 0.0)}


def _rights(exchange: Any, question: ExchangeQuestion) -> Found:
    if not question.has_key:
        return {}
    if not question.name.startswith("binance"):
        raise ccxt.NotSupported("rights")
    told = exchange.sapiGetAccountApiRestrictions()
    moves = _flag(told, "enableInternalTransfer"), _flag(told, "permitsUniversalTransfer")
    rights = KeyRights(
        reads=_flag(told, "enableReading"),
        trades_futures=_flag(told, "enableFutures"),
        withdraws=_flag(told, "enableWithdrawals"),
        moves_funds=any(moves),
        is_bound_to_addresses=_flag(told, "ipRestrict"),
    )
    return {"rights": rights}


def _modes(exchange: Any, question: ExchangeQuestion) -> Found:
    if not question.has_key or not question.name.startswith("binance"):
        return {}
    hedges = _flag(exchange.fapiPrivateGetPositionSideDual(), "dualSidePosition")
    pools = _flag(exchange.fapiPrivateGetMultiAssetsMargin(), "multiAssetsMargin")
    return {"modes": AccountModes(hedges=hedges, pools_assets=pools)}


def _flag(told: Mapping[str, Any], name: str) -> bool:
    """Return a plain yes or no. Raises KeyError, ValueError: what is not said is not assumed."""
    value = told[name]
    if not isinstance(value, bool):
        raise ValueError(name)  # noqa: TRY004 - what a server sent, not a programmer's mistake
    return value


STEPS: tuple[tuple[Part, Step], ...] = (
    ("time", _time),
    ("markets", _markets),
    ("balance", _balance),
    ("rights", _rights),
    ("modes", _modes),
)

if __name__ == "__main__":
    asked = ExchangeQuestion.model_validate_json(sys.stdin.read())
    sys.stdout.write(answer_of(asked).model_dump_json())
