"""What an exchange is asked through ccxt, and how little of ccxt's errors comes back."""

import io
import json
import runpy
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import ccxt
import pytest

from fake_binance import KEY, REFUSED, SECRET, FakeBinance, market, running
from llm_modules.operations.doctor.exchange_answer import (
    AccountBalance,
    AskedOnce,
    ExchangeAnswer,
    ExchangeQuestion,
    Fault,
    question_of,
)
from llm_modules.operations.doctor.exchange_program import answer_of, fault_of

BTC, FOO = "BTC/USDT:USDT", "FOO/USDT:USDT"
ACCOUNT = {"apiKey": KEY, "secret": SECRET}


@pytest.fixture
def exchange() -> Iterator[FakeBinance]:
    with running(FakeBinance()) as one:
        yield one


def question(exchange: FakeBinance, **changes: Any) -> ExchangeQuestion:
    usual = {
        "name": "binance",
        "currency": "USDT",
        "pairs": (BTC,),
        "ccxt_config": exchange.addresses,
        "credentials": ACCOUNT,
    }
    return ExchangeQuestion(**{**usual, **changes})


def test_everything_is_told_of_an_exchange_that_is_well(exchange: FakeBinance) -> None:
    told = answer_of(question(exchange, pairs=(BTC, FOO)))
    assert told.faults == {}
    assert told.pairs == {BTC: "active", FOO: "absent"}
    assert "30m" in told.timeframes
    assert told.balance == AccountBalance(total=434.21052631, free=400.5)
    assert told.rights is not None
    assert told.rights.reads
    assert told.rights.trades_futures
    assert told.rights.is_bound_to_addresses
    assert not told.rights.withdraws
    assert not told.rights.moves_funds
    assert told.modes is not None
    assert (told.modes.hedges, told.modes.pools_assets) == (False, False)
    assert exchange.keys == {KEY}


def test_nothing_is_changed_there_and_nothing_superfluous_asked(exchange: FakeBinance) -> None:
    answer_of(question(exchange))
    assert [path.rpartition("/")[2] for path in exchange.paths] == [
        *("time", "exchangeInfo", "account", "apiRestrictions", "dual", "multiAssetsMargin")
    ]


def test_without_a_key_nothing_is_asked_of_an_account(exchange: FakeBinance) -> None:
    told = answer_of(question(exchange, credentials={}))
    assert (told.balance, told.rights, told.modes, told.faults) == (None, None, None, {})
    assert exchange.keys == set()
    assert len(exchange.paths) == 2


@pytest.mark.parametrize("behind", [-30.0, 0.0, 30.0])
def test_the_clock_is_measured_against_the_exchanges(exchange: FakeBinance, behind: float) -> None:
    exchange.behind_seconds = behind
    told = answer_of(question(exchange, credentials={}))
    assert told.ahead_seconds == pytest.approx(behind, abs=2)
    assert told.answer_seconds is not None
    assert told.answer_seconds >= 0


def test_a_market_that_rests_is_told(exchange: FakeBinance) -> None:
    exchange.symbols = [market("BTC", "SETTLING")]
    assert answer_of(question(exchange, credentials={})).pairs == {BTC: "inactive"}


@pytest.mark.parametrize(
    ("path", "status", "body", "part", "fault"),
    [
        ("account", 401, REFUSED, "balance", ("refused", "Invalid API-key, IP, or permissions")),
        ("exchangeInfo", 429, {"code": -1003, "msg": "Too many"}, "markets", ("busy", "Too many")),
        ("time", 418, {"code": -1003, "msg": "banned"}, "time", ("busy", "banned (-1003)")),
        ("dual", 400, {"code": -1021, "msg": "Timestamp"}, "modes", ("clock", "(-1021)")),
        ("apiRestrictions", 200, b"<html>", "rights", ("unreadable", "TypeError")),
        ("apiRestrictions", 200, {}, "rights", ("unreadable", "KeyError")),
        ("apiRestrictions", 200, b"[]", "rights", ("unreadable", "TypeError")),
        ("dual", 200, {"dualSidePosition": "no"}, "modes", ("unreadable", "ValueError")),
    ],
)
def test_a_part_that_fails_is_told_and_the_others_are_asked(
    exchange: FakeBinance, path: str, status: int, body: Any, part: str, fault: tuple[str, str]
) -> None:
    exchange.refusals = {path: (status, body)}
    told = answer_of(question(exchange))
    trouble, words = fault
    assert told.faults[part].trouble == trouble  # type: ignore[index]
    assert words in told.faults[part].words  # type: ignore[index]
    assert "/fapi/v1/multiAssetsMargin" in exchange.paths or part == "modes"


def test_an_exchange_that_cannot_be_reached_is_asked_once(exchange: FakeBinance) -> None:
    exchange.refusals = {"time": (503, {"code": 0, "msg": "Service unavailable from here"})}
    told = answer_of(question(exchange))
    assert set(told.faults) == {"time"}
    assert told.faults["time"].trouble == "unreachable"
    assert "Service unavailable from here" in told.faults["time"].words
    assert len(exchange.paths) == 1


def test_a_machine_that_is_offline_gets_an_answer_without_an_address() -> None:
    nowhere = FakeBinance(port=9)
    told = answer_of(question(nowhere))
    assert told.faults["time"].trouble == "unreachable"
    assert "127.0.0.1" not in told.model_dump_json()


@pytest.mark.parametrize("name", ["binanse", "Exchange", "", "__class__"])
def test_an_exchange_that_nobody_knows_is_none(exchange: FakeBinance, name: str) -> None:
    told = answer_of(question(exchange, name=name))
    assert told == ExchangeAnswer(faults={"open": Fault(trouble="unknown")})


def test_no_answer_holds_a_signature_an_address_or_a_key(exchange: FakeBinance) -> None:
    spiteful = {"code": -1, "msg": f"bad {KEY} and {SECRET} \x1b[31m"}
    refusing = ("account", "apiRestrictions", "dual")
    exchange.refusals = dict.fromkeys(refusing, (400, spiteful))
    told = answer_of(question(exchange)).model_dump_json()
    assert len(json.loads(told)["faults"]) == 3
    for secret in ("canary", "signature", "http://", "\\u001b"):
        assert secret not in told


def test_an_error_without_a_message_is_its_kind_and_no_more(exchange: FakeBinance) -> None:
    signed = "binance GET https://fapi.binance.com/x?timestamp=1&signature=abc"
    fault = fault_of(ccxt.RequestTimeout(signed), question(exchange))
    assert fault == Fault(trouble="unreachable", words="RequestTimeout")
    assert fault_of(ccxt.ExchangeError('{"message": "x"}'), question(exchange)).words == "x"


def test_of_other_exchanges_the_rights_cannot_be_read(exchange: FakeBinance) -> None:
    # Bitget, as far as a server knows it that is none: what matters is what is not asked.
    nowhere = {"urls": {"api": {"spot": f"http://127.0.0.1:{exchange.port}"}}, "timeout": 500}
    told = answer_of(question(exchange, name="coinex", credentials={}, ccxt_config=nowhere))
    assert told.rights is None


class Silent:
    """An exchange that tells neither its time nor whether a market rests."""

    has: Mapping[str, bool] = MappingProxyType({})
    timeframes = None

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def load_markets(self) -> dict[str, Any]:
        return {BTC: {"active": None}}

    def fetch_balance(self) -> dict[str, Any]:
        return {}


def test_what_an_exchange_does_not_tell_is_not_made_up(
    exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ccxt, "kraken", Silent)
    told = answer_of(question(exchange, name="kraken"))
    assert (told.ahead_seconds, told.timeframes, told.pairs) == (None, (), {BTC: "active"})
    assert told.balance == AccountBalance(total=0, free=0)
    assert told.faults == {"rights": Fault(trouble="unsupported", words="NotSupported")}
    assert told.modes is None


def test_the_program_reads_a_question_and_writes_an_answer(
    exchange: FakeBinance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = question(exchange, credentials={}).model_dump_json()
    monkeypatch.setattr(sys, "stdin", io.StringIO(asked))
    runpy.run_module("llm_modules.operations.doctor.exchange_program", run_name="__main__")
    told = ExchangeAnswer.model_validate_json(capsys.readouterr().out)
    assert told.pairs == {BTC: "active"}


# --- the question -------------------------------------------------------------------------------


def settings(**exchange: Any) -> dict[str, Any]:
    block = {"name": "binance", "pair_whitelist": [BTC], **exchange}
    return {"stake_currency": "USDT", "exchange": block}


def test_the_question_is_what_freqtrade_would_hand_to_ccxt() -> None:
    asked = question_of(
        settings(
            key=KEY,
            secret=SECRET,
            ccxt_config={"timeout": 1, "options": {"a": 1}},
            ccxt_sync_config={"timeout": 2},
        )
    )
    assert asked.credentials == ACCOUNT
    assert asked.ccxt_config == {"timeout": 2, "options": {"a": 1}}
    assert (asked.name, asked.currency, asked.pairs) == ("binance", "USDT", (BTC,))
    assert asked.has_key


@pytest.mark.parametrize(
    ("exchange", "has_key"),
    [
        ({}, False),
        ({"key": ""}, False),
        ({"secret": "s"}, False),
        ({"api_key": "k"}, True),
        ({"private_key": "k"}, True),
    ],
)
def test_a_key_is_one_that_names_an_account(exchange: dict[str, Any], has_key: bool) -> None:
    assert question_of(settings(**exchange)).has_key is has_key


def test_who_needs_an_answer_twice_asks_once(exchange: FakeBinance) -> None:
    asked: list[str] = []

    def ask(one: ExchangeQuestion) -> ExchangeAnswer:
        asked.append(one.name)
        return ExchangeAnswer()

    once = AskedOnce(ask)
    first, second = question(exchange), question(exchange, name="bybit")
    assert once(first) is once(first)
    once(second)
    assert asked == ["binance", "bybit"]
