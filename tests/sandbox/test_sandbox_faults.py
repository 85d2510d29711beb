"""What goes wrong on request: each switch over real HTTP, on both servers."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientTimeout
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Request

from llm_modules.errors import UserError
from llm_modules.sandbox.exchange import exchange_app
from llm_modules.sandbox.faults import (
    Faults,
    MessageAnswer,
    ModelFaults,
    Switchboard,
    ToolAnswer,
    parse_faults,
    take_answer,
)
from llm_modules.sandbox.model import model_app
from llm_modules.sandbox.replay import MarketReplay

Client = TestClient[Request, Any]
Scene = Callable[[Client], Awaitable[None]]
# One request to each server that succeeds while nothing is set.
TARGETS = {"exchange": "/fapi/v1/ping", "model": "/v1/models"}
both = pytest.mark.parametrize("name", ["exchange", "model"])


def play(name: str, scene: Scene, faults: str = "{}") -> None:
    """Start one server with faults set at the start and act a scene against it."""

    async def run() -> None:
        if name == "exchange":
            board = Switchboard(parse_faults(Faults, faults))
            app = exchange_app(MarketReplay([], 0), board, lambda: 0)
        else:
            app = model_app(Switchboard(parse_faults(ModelFaults, faults)), lambda: 0)
        async with TestClient(TestServer(app)) as client:
            await scene(client)

    asyncio.run(run())


async def set_faults(client: Client, **faults: object) -> Any:
    answer = await client.post("/sandbox/faults", json=faults)
    assert answer.status == 200
    return await answer.json()


async def statuses(client: Client, path: str, count: int) -> list[int]:
    return [(await client.get(path)).status for _ in range(count)]


@both
@pytest.mark.parametrize("status", [400, 401, 404, 418, 429, 500, 503, 599])
def test_a_status_is_answered_in_the_servers_own_error_shape(name: str, status: int) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, status=status)
        answer = await client.get(TARGETS[name])
        body = await answer.json()
        assert answer.status == status
        assert answer.headers["X-Simulated"] == "true"
        assert ("Retry-After" in answer.headers) == (status == 429)
        assert set(body) == ({"code", "msg"} if name == "exchange" else {"error"})

    play(name, scene)


@both
def test_too_many_requests_says_when_to_come_back(name: str) -> None:
    async def scene(client: Client) -> None:
        answer = await client.get(TARGETS[name])
        assert answer.headers["Retry-After"] == "7"

    play(name, scene, '{"status": 429, "retry_after_seconds": 7}')


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, -1100, "invalid_request_error"),
        (401, -2015, "authentication_error"),
        (404, -5000, "server_error"),
        (418, -1003, "server_error"),
        (429, -1003, "rate_limit_error"),
        (500, -1000, "server_error"),
    ],
)
def test_each_server_names_a_fault_as_its_original_does(status: int, code: int, kind: str) -> None:
    async def exchange(client: Client) -> None:
        body = await (await client.get(TARGETS["exchange"])).json()
        assert body == {"code": code, "msg": "Simulated fault"}

    async def model(client: Client) -> None:
        body = await (await client.get(TARGETS["model"])).json()
        assert body["error"]["type"] == kind
        assert body["error"]["message"] == "Simulated fault"

    play("exchange", exchange, json.dumps({"status": status}))
    play("model", model, json.dumps({"status": status}))


@both
def test_a_malformed_body_is_the_first_half_of_the_right_one(name: str) -> None:
    async def scene(client: Client) -> None:
        whole = await (await client.get(TARGETS[name])).read()
        await set_faults(client, malformed=True)
        answer = await client.get(TARGETS[name])
        body = await answer.read()
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert body == whole[: len(whole) // 2]
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(body)

    play(name, scene)


@both
def test_silence_accepts_and_never_answers_while_the_switches_still_do(name: str) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, silence=True, status=500)
        with pytest.raises(TimeoutError):
            await client.get(TARGETS[name], timeout=ClientTimeout(total=0.15))
        assert (await client.delete("/sandbox/faults")).status == 200
        assert await statuses(client, TARGETS[name], 1) == [200]

    play(name, scene)


@both
def test_a_lost_connection_answers_nothing(name: str) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, disconnect=True, times=1)
        with pytest.raises(ClientConnectionError):
            await client.post(TARGETS[name])
        assert await statuses(client, TARGETS[name], 1) == [200]

    play(name, scene)


@both
def test_a_web_page_comes_instead_of_json(name: str) -> None:
    async def scene(client: Client) -> None:
        answer = await client.get(TARGETS[name])
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["X-Simulated"] == "true"
        assert (await answer.text()).startswith("<!doctype html>")

    play(name, scene, '{"html": true}')


@both
def test_a_dripping_body_comes_byte_by_byte_with_the_status_at_once(name: str) -> None:
    async def scene(client: Client) -> None:
        whole = await (await client.get(TARGETS[name])).read()
        await set_faults(client, drip=True)
        answer = await client.get(TARGETS[name])
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert [await answer.content.readany() for _ in range(2)] == [whole[:1], whole[1:2]]
        answer.close()

    play(name, scene)


@both
def test_who_is_patient_gets_the_whole_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_modules.sandbox.simulated._DRIP_SECONDS", 0)

    async def scene(client: Client) -> None:
        whole = await (await client.get(TARGETS[name])).read()
        await set_faults(client, drip=True)
        assert await (await client.get(TARGETS[name])).read() == whole

    play(name, scene)


@both
@pytest.mark.parametrize("name_of_fault", ["html", "malformed", "drip", "disconnect"])
def test_a_status_goes_before_what_would_spoil_a_body(name: str, name_of_fault: str) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, status=503, **{name_of_fault: True})
        if name_of_fault == "disconnect":
            with pytest.raises(ClientConnectionError):
                await client.post(TARGETS[name])
            return
        assert await statuses(client, TARGETS[name], 1) == [503]

    play(name, scene)


@both
def test_latency_delays_every_answer_by_that_much(name: str) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, latency_seconds=0.12)
        started = time.monotonic()
        assert await statuses(client, TARGETS[name], 1) == [200]
        assert time.monotonic() - started >= 0.12

    play(name, scene)


@both
def test_the_switches_themselves_are_never_late(name: str) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, latency_seconds=600)
        async with asyncio.timeout(60):
            await client.get("/sandbox/faults")

    play(name, scene)


@both
@pytest.mark.parametrize(("times", "failing"), [(1, 1), (2, 2), (3, 3), (None, 4)])
def test_a_fault_applies_to_as_many_requests_as_asked(
    name: str, times: int | None, failing: int
) -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, status=500, times=times)
        expected = [500] * failing + [200] * (4 - failing)
        assert await statuses(client, TARGETS[name], 4) == expected

    play(name, scene)


@both
def test_the_switches_can_be_read_replaced_and_cleared(name: str) -> None:
    async def scene(client: Client) -> None:
        quiet = await (await client.get("/sandbox/faults")).json()
        assert quiet["status"] is None
        assert quiet["times"] is None
        assert (await set_faults(client, status=503, times=5))["status"] == 503
        await client.get(TARGETS[name])
        now = await (await client.get("/sandbox/faults")).json()
        assert (now["status"], now["times"]) == (503, 4)
        replaced = await set_faults(client, malformed=True)
        assert (replaced["status"], replaced["times"], replaced["malformed"]) == (None, None, True)
        assert await (await client.delete("/sandbox/faults")).json() == quiet
        assert await statuses(client, TARGETS[name], 1) == [200]

    play(name, scene)


@both
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "JSON: Invalid JSON"),
        ("[]", "JSON: Input should be an object"),
        ('{"latency": 1}', "latency: Extra inputs are not permitted"),
        ('{"status": 399}', "status: Input should be greater than or equal to 400"),
        ('{"status": 600}', "status: Input should be less than or equal to 599"),
        ('{"status": "500"}', "status: Input should be a valid integer"),
        ('{"latency_seconds": -0.1}', "latency_seconds: Input should be greater"),
        ('{"latency_seconds": NaN}', "latency_seconds: Input should be a finite number"),
        ('{"times": 0}', "times: Input should be greater than or equal to 1"),
        ('{"retry_after_seconds": -1}', "retry_after_seconds: Input should be greater"),
    ],
)
def test_switches_that_do_not_exist_or_cannot_be_are_refused_and_change_nothing(
    name: str, text: str, part: str
) -> None:
    async def scene(client: Client) -> None:
        answer = await client.post("/sandbox/faults", data=text)
        assert answer.status == 400
        assert part in await answer.text()
        assert await statuses(client, TARGETS[name], 1) == [500]

    play(name, scene, '{"status": 500}')


def test_the_exchange_knows_no_scripted_answers() -> None:
    with pytest.raises(UserError, match="answer: Extra inputs are not permitted"):
        parse_faults(Faults, '{"answer": []}')


def test_all_wrong_keys_are_named_at_once() -> None:
    with pytest.raises(UserError) as caught:
        parse_faults(Faults, '{"status": 1, "tmies": 2}')

    assert str(caught.value).count("\n") == 2


def test_used_up_faults_leave_scripted_answers_in_place() -> None:
    board = Switchboard(
        parse_faults(
            ModelFaults,
            '{"status": 500, "times": 1, "answer": [{"tool": "signal_wait", "arguments": {}}]}',
        )
    )

    assert board.take().status == 500
    assert board.take().status is None
    assert len(board.faults.answer) == 1


def test_the_models_own_faults_are_used_up_as_well() -> None:
    board = Switchboard(ModelFaults(no_usage=True, wrong_model=True, error_200=True, times=1))

    assert board.take().no_usage
    assert board.take() == ModelFaults()


@pytest.mark.parametrize("fault", ["error_200", "no_usage", "wrong_model"])
def test_the_exchange_knows_none_of_the_models_own_faults(fault: str) -> None:
    with pytest.raises(UserError, match=f"{fault}: Extra inputs are not permitted"):
        parse_faults(Faults, json.dumps({fault: True}))


def test_scripted_answers_are_used_in_order_and_each_as_often_as_it_says() -> None:
    once = ToolAnswer(tool="once", arguments="")
    twice = ToolAnswer(tool="twice", arguments="", times=2)
    forever = MessageAnswer(message={}, times=None)
    board = Switchboard(ModelFaults(answer=(once, twice, forever)))

    taken = [take_answer(board, "X") for _ in range(6)]

    names = [answer.tool if isinstance(answer, ToolAnswer) else "raw" for answer in taken if answer]
    assert names == ["once", "twice", "twice", "raw", "raw", "raw"]
    assert board.faults.answer == (forever,)


def test_an_answer_for_one_pair_waits_for_that_pair() -> None:
    for_btc = ToolAnswer(tool="btc", arguments="", pair="BTC/USDT:USDT")
    for_all = ToolAnswer(tool="all", arguments="")
    board = Switchboard(ModelFaults(answer=(for_btc, for_all)))

    assert take_answer(board, "ETH/USDT:USDT") == for_all
    assert take_answer(board, "ETH/USDT:USDT") is None
    assert take_answer(board, None) is None
    assert take_answer(board, "BTC/USDT:USDT") == for_btc
    assert board.faults.answer == ()


def test_no_answer_is_taken_where_none_is_scripted() -> None:
    board = Switchboard(ModelFaults())

    assert take_answer(board, "BTC/USDT:USDT") is None
    assert board.faults == ModelFaults()


def test_clearing_a_board_keeps_its_kind() -> None:
    board = Switchboard(ModelFaults(status=500))

    board.clear()

    assert board.faults == ModelFaults()
    assert board.kind is ModelFaults
