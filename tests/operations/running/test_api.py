"""What is asked of Freqtrade's API, against a server that answers as Freqtrade does, or not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from freqtrade_api import (
    BALANCE,
    PASSWORD,
    PING,
    STATUS,
    THESES,
    FreqtradeApi,
    a_balance,
    a_kept_thesis,
    an_open_trade,
    serving,
)
from llm_modules.operations.running.api import Api, answers_ping


@pytest.fixture
def server() -> Iterator[FreqtradeApi]:
    with serving() as served:
        yield served


@pytest.fixture
def api(server: FreqtradeApi) -> Api:
    return Api(server.port, "freqtrader", PASSWORD)


def test_a_bot_answers_whoever_asks(server: FreqtradeApi) -> None:
    assert answers_ping(server.port)
    assert Api(server.port, "nobody", "").answers()


def test_the_open_trades_come_with_price_and_profit(api: Api) -> None:
    trades = api.open_trades()
    assert trades is not None
    (trade,) = trades
    assert (trade.trade_id, trade.pair, trade.current_rate) == (7, "BTC/USDT:USDT", 101.0)
    assert trade.open_timestamp == datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp() * 1000


def test_the_balance_is_that_of_the_stake_currency(server: FreqtradeApi, api: Api) -> None:
    balance = api.balance()
    assert balance is not None
    assert (balance.stake, balance.stake_balance) == ("USDT", 990.0)
    server.answers[BALANCE] = a_balance(stake="EUR")
    balance = api.balance()
    assert balance is not None
    assert balance.stake_balance is None


def test_a_thesis_belongs_to_the_trade_it_is_kept_with(server: FreqtradeApi, api: Api) -> None:
    server.answers[THESES] = [a_kept_thesis(), {"trade_id": 8, "custom_data": []}]
    theses = api.theses()
    assert list(theses) == [7]
    assert (theses[7].decision_id, theses[7].reason) == ("d-1", "the trend is up")


@pytest.mark.parametrize("value", ["text", {"reason": "no id"}, None])
def test_what_another_version_kept_is_no_thesis(
    server: FreqtradeApi, api: Api, value: object
) -> None:
    kept = {"trade_id": 7, "custom_data": [{"key": "thesis", "value": value}]}
    server.answers[THESES] = [kept, {"trade_id": 8, "custom_data": [{"key": "other", "value": 1}]}]
    assert api.theses() == {}


def test_a_wrong_password_gets_no_answer(server: FreqtradeApi) -> None:
    stranger = Api(server.port, "freqtrader", "wrong")
    assert stranger.open_trades() is None
    assert stranger.balance() is None
    assert stranger.theses() == {}


@pytest.mark.parametrize(
    "answer", [500, 404, b"<html>", b"", [1], {"status": 1}, {}, [an_open_trade(open_rate="x")]]
)
@pytest.mark.parametrize("question", [PING, STATUS, BALANCE])
def test_another_server_at_the_port_is_not_mistaken_for_freqtrade(
    server: FreqtradeApi, api: Api, question: str, answer: Any
) -> None:
    server.answers[question] = answer
    asked = {PING: lambda: api.answers() or None, STATUS: api.open_trades, BALANCE: api.balance}
    assert asked[question]() is None


def test_nobody_at_the_port_is_no_answer() -> None:
    with serving() as gone:
        port = gone.port
    assert not answers_ping(port)
    assert Api(port, "freqtrader", PASSWORD).open_trades() is None


def test_the_password_is_not_shown_with_the_api(api: Api) -> None:
    assert PASSWORD not in repr(api)
