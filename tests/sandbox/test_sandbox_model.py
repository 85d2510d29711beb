"""The scripted model over real HTTP, through the openai SDK, and with scripted nonsense."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Request

from llm_modules.sandbox.faults import ModelFaults, Switchboard
from llm_modules.sandbox.model import model_app

Client = TestClient[Request, Any]
FACTS = "pair=BTC/USDT:USDT price=87123.4 rsi=55.2 adx=21.3 atr_pct=0.12 ema_gap_pct=0.05"
HELD = FACTS + " side=long open_rate=87000 profit_pct=0.2 held_candles=3 adjustments=1"
FLAT = ("signal_entry_long", "signal_entry_short", "signal_wait")
IN_POSITION = ("signal_exit", "adjust_position", "signal_hold")
NOW_MS = 1_790_000_000_999


def play(scene: Callable[[Client], Awaitable[None]]) -> None:
    """Start the model and act a scene against it."""

    async def run() -> None:
        app = model_app(Switchboard(ModelFaults()), lambda: NOW_MS)
        async with TestClient(TestServer(app)) as client:
            await scene(client)

    asyncio.run(run())


def tools(names: tuple[str, ...]) -> list[dict[str, Any]]:
    parameters = {"type": "object", "properties": {}}
    return [
        {"type": "function", "function": {"name": name, "parameters": parameters}} for name in names
    ]


def question(text: object = FACTS, names: tuple[str, ...] = FLAT) -> dict[str, Any]:
    messages = [{"role": "system", "content": "You trade."}, {"role": "user", "content": text}]
    return {"model": "scripted-sandbox", "messages": messages, "tools": tools(names)}


async def ask(client: Client, body: Any, path: str = "/v1/chat/completions") -> Any:
    answer = await client.post(path, json=body)
    assert answer.status == 200
    return await answer.json()


async def script(client: Client, *answers: dict[str, Any]) -> None:
    assert (await client.post("/sandbox/faults", json={"answer": answers})).status == 200


def the_call(completion: Any) -> tuple[str, Any]:
    """Return name and parsed arguments of the only tool call."""
    (choice,) = completion["choices"]
    (call,) = choice["message"]["tool_calls"]
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def test_a_question_is_answered_with_exactly_one_tool_call_in_openais_shape() -> None:
    async def scene(client: Client) -> None:
        answer = await ask(client, question())
        choice = answer["choices"][0]
        assert answer["object"] == "chat.completion"
        assert answer["model"] == "scripted-sandbox"
        assert answer["created"] == NOW_MS // 1000
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["role"] == "assistant"
        assert choice["message"]["content"] is None
        assert len(choice["message"]["tool_calls"]) == 1
        assert choice["message"]["tool_calls"][0]["type"] == "function"
        name, arguments = the_call(answer)
        assert name in FLAT
        assert arguments["pair"] == "BTC/USDT:USDT"

    play(scene)


def test_a_question_about_several_pairs_is_answered_with_a_call_for_each() -> None:
    async def scene(client: Client) -> None:
        other = FACTS.replace("BTC/USDT:USDT", "SOL/USDT:USDT")
        answer = await ask(client, question(f"{FACTS}\n{other}"))
        calls = answer["choices"][0]["message"]["tool_calls"]
        pairs = [json.loads(call["function"]["arguments"])["pair"] for call in calls]
        assert pairs == ["BTC/USDT:USDT", "SOL/USDT:USDT"]
        assert len({call["id"] for call in calls}) == 2

    play(scene)


def test_usage_counts_about_four_bytes_per_token() -> None:
    async def scene(client: Client) -> None:
        short, long = question(), question(FACTS + " padding" * 500)
        usages = [(await ask(client, body))["usage"] for body in (short, long)]
        for usage in usages:
            total = usage["prompt_tokens"] + usage["completion_tokens"]
            assert usage["total_tokens"] == total
            assert 20 < usage["completion_tokens"] < 300
        assert usages[1]["prompt_tokens"] - usages[0]["prompt_tokens"] == 1000

    play(scene)


def test_answers_and_calls_have_ids_of_their_own() -> None:
    async def scene(client: Client) -> None:
        first, second = await ask(client, question()), await ask(client, question())
        assert first["id"] != second["id"]
        calls = [item["choices"][0]["message"]["tool_calls"][0] for item in (first, second)]
        assert calls[0]["id"] != calls[1]["id"]
        assert calls[0]["function"] == calls[1]["function"]

    play(scene)


def test_the_offered_tools_tell_the_stance() -> None:
    async def scene(client: Client) -> None:
        assert the_call(await ask(client, question(HELD, IN_POSITION)))[0] == "signal_exit"
        assert the_call(await ask(client, question(HELD, FLAT)))[0] in FLAT

    play(scene)


def test_content_may_come_in_parts() -> None:
    async def scene(client: Client) -> None:
        parts = [{"type": "text", "text": HELD}, {"type": "image_url", "image_url": {}}]
        _, arguments = the_call(await ask(client, question(parts, IN_POSITION)))
        assert arguments["trade_score"] == 54.0

    play(scene)


def test_a_conversation_about_a_refused_call_is_still_about_its_pair() -> None:
    async def scene(client: Client) -> None:
        body = question(HELD, IN_POSITION)
        body["messages"] += [
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "tool_call_id": "x", "content": "pair=ETH/USDT:USDT is wrong"},
            {"role": "user", "content": "Try again."},
        ]
        assert the_call(await ask(client, body))[1]["pair"] == "BTC/USDT:USDT"

    play(scene)


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_paths_work_with_and_without_v1(prefix: str) -> None:
    async def scene(client: Client) -> None:
        await ask(client, question(), f"{prefix}/chat/completions")
        models = await (await client.get(f"{prefix}/models")).json()
        assert models["object"] == "list"
        assert [model["id"] for model in models["data"]] == ["scripted-sandbox"]

    play(scene)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("{", "not a chat completion request"),
        ("[]", "not a chat completion request"),
        ("{}", "messages Field required"),
        ('{"messages": "hello"}', "messages"),
        ('{"messages": [], "stream": true}', "does not stream"),
        ('{"messages": [], "tools": [{"function": {"name": "x"}}]}', "offer the tool signal_wait"),
    ],
)
def test_a_request_it_cannot_answer_is_refused_in_openais_error_shape(body: str, part: str) -> None:
    async def scene(client: Client) -> None:
        answer = await client.post("/v1/chat/completions", data=body)
        assert answer.status == 400
        error = (await answer.json())["error"]
        assert part in error["message"]
        assert error["type"] == "invalid_request_error"

    play(scene)


def test_whoever_offers_no_tools_gets_words_alone() -> None:
    async def scene(client: Client) -> None:
        answer = await ask(client, {"messages": [{"role": "user", "content": "word this"}]})
        (choice,) = answer["choices"]
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["content"].startswith("Scripted sandbox model: ")
        assert "tool_calls" not in choice["message"]

    play(scene)


def test_an_unknown_path_is_a_json_404() -> None:
    async def scene(client: Client) -> None:
        answer = await client.post("/v1/embeddings", json={})
        assert answer.status == 404
        assert "/v1/embeddings" in (await answer.json())["error"]["message"]
        assert answer.headers["X-Simulated"] == "true"

    play(scene)


def test_the_last_two_hundred_requests_can_be_read_without_their_headers() -> None:
    async def scene(client: Client) -> None:
        secret = {"Authorization": "Bearer canary-key"}
        for number in range(201):
            body = question() | {"seed": number}
            await client.post("/v1/chat/completions", json=body, headers=secret)
        answer = await client.get("/sandbox/requests")
        text = await answer.text()
        assert [body["seed"] for body in json.loads(text)] == list(range(1, 201))
        assert "canary-key" not in text

    play(scene)


def test_requests_that_fail_and_bodies_that_are_no_json_are_remembered_too() -> None:
    nested = "[" * 100_000

    async def scene(client: Client) -> None:
        await client.post("/sandbox/faults", json={"status": 500})
        await client.post("/v1/chat/completions", json=question())
        await client.post("/v1/chat/completions", data="{half")
        await client.post("/v1/chat/completions", data=nested)
        await client.get("/v1/models")
        seen = await (await client.get("/sandbox/requests")).json()
        assert seen == [question(), "{half", nested]

    play(scene)


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"pair": "ETH/USDT:USDT", "leverage": 500}, '{"pair": "ETH/USDT:USDT", "leverage": 500}'),
        ('{"leverage": NaN, "stake_amount": 1e12}', '{"leverage": NaN, "stake_amount": 1e12}'),
        ("```json\n{}\n```", "```json\n{}\n```"),
        ("", ""),
    ],
)
def test_a_scripted_call_is_sent_instead_of_the_policys(arguments: object, sent: str) -> None:
    async def scene(client: Client) -> None:
        await script(client, {"tool": "launch_rocket", "arguments": arguments})
        scripted = await ask(client, question())
        call = scripted["choices"][0]["message"]["tool_calls"][0]
        assert call["function"] == {"name": "launch_rocket", "arguments": sent}
        assert scripted["choices"][0]["finish_reason"] == "tool_calls"
        assert the_call(await ask(client, question()))[0] in FLAT

    play(scene)


def test_nan_in_scripted_arguments_reaches_the_wire() -> None:
    async def scene(client: Client) -> None:
        text = '{"answer": [{"tool": "x", "arguments": {"leverage": NaN}}]}'
        assert (await client.post("/sandbox/faults", data=text)).status == 200
        call = (await ask(client, question()))["choices"][0]["message"]["tool_calls"][0]
        assert call["function"]["arguments"] == '{"leverage": NaN}'

    play(scene)


CALL = {"id": "same", "type": "function", "function": {"name": "signal_wait", "arguments": {}}}


@pytest.mark.parametrize(
    ("message", "finish_reason"),
    [
        ({"role": "assistant", "content": ""}, "stop"),
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, "stop"),
        ({"role": "assistant", "content": None, "tool_calls": [CALL, CALL]}, "tool_calls"),
        ({"role": "assistant", "content": "```json\n{}\n```"}, "length"),
        ({}, "content_filter"),
    ],
    ids=["empty", "dict-arguments", "two-calls-one-id", "code-fence", "nothing"],
)
def test_a_scripted_message_is_sent_verbatim(message: dict[str, Any], finish_reason: str) -> None:
    async def scene(client: Client) -> None:
        await script(client, {"message": message, "finish_reason": finish_reason})
        choice = (await ask(client, question()))["choices"][0]
        assert choice["message"] == message
        assert choice["finish_reason"] == finish_reason

    play(scene)


def test_a_scripted_answer_can_wait_for_its_pair() -> None:
    async def scene(client: Client) -> None:
        await script(client, {"tool": "x", "arguments": "", "pair": "ETH/USDT:USDT"})
        assert the_call(await ask(client, question()))[0] in FLAT
        about_eth = question(FACTS.replace("BTC", "ETH"))
        choice = (await ask(client, about_eth))["choices"][0]
        assert choice["message"]["tool_calls"][0]["function"]["name"] == "x"

    play(scene)


@pytest.mark.parametrize(
    "answer",
    [
        {"tool": "x"},
        {"arguments": ""},
        {"tool": "x", "arguments": "", "message": {}},
        {"message": "text"},
        {"message": {}, "times": 0},
    ],
)
def test_a_scripted_answer_of_neither_shape_is_refused(answer: dict[str, Any]) -> None:
    async def scene(client: Client) -> None:
        response = await client.post("/sandbox/faults", json={"answer": [answer]})
        assert response.status == 400
        assert "answer.0" in await response.text()

    play(scene)


def test_the_openai_sdk_understands_answers_models_and_errors() -> None:
    async def run() -> None:
        async with TestServer(model_app(Switchboard(ModelFaults()), lambda: NOW_MS)) as server:
            client = openai.AsyncOpenAI(
                base_url=str(server.make_url("/v1")), api_key="no-key", max_retries=0
            )
            async with client:
                await check_with_sdk(client, str(server.make_url("/sandbox/faults")))

    asyncio.run(run())


async def check_with_sdk(client: openai.AsyncOpenAI, faults_address: str) -> None:
    body = question(HELD, IN_POSITION)
    reply = await client.chat.completions.create(
        **body, tool_choice="required", parallel_tool_calls=False, temperature=0, max_tokens=600
    )
    (call,) = reply.choices[0].message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "signal_exit"
    assert reply.usage is not None
    assert reply.usage.total_tokens > 0
    assert [model.id async for model in client.models.list()] == ["scripted-sandbox"]
    await client.post(faults_address, body={"status": 429, "times": 1}, cast_to=object)
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(**body)
    assert caught.value.response.headers["Retry-After"] == "1"
    await client.post(faults_address, body={"malformed": True, "times": 1}, cast_to=object)
    with pytest.raises(json.JSONDecodeError):
        await client.chat.completions.create(**body)


async def set_faults(client: Client, **faults: object) -> None:
    assert (await client.post("/sandbox/faults", json=faults)).status == 200


def test_an_error_can_come_with_status_200() -> None:
    async def scene(client: Client) -> None:
        await set_faults(client, error_200=True)
        answer = await ask(client, question())
        assert set(answer) == {"error"}
        assert answer["error"]["message"] == "Simulated fault"

    play(scene)


def test_usage_can_be_missing_from_an_otherwise_good_answer() -> None:
    async def scene(client: Client) -> None:
        whole = await ask(client, question())
        await set_faults(client, no_usage=True)
        answer = await ask(client, question())
        assert set(whole) - set(answer) == {"usage"}
        assert the_call(answer) == the_call(whole)

    play(scene)


def test_another_model_can_be_named_in_an_otherwise_good_answer() -> None:
    async def scene(client: Client) -> None:
        whole = await ask(client, question())
        await set_faults(client, wrong_model=True)
        answer = await ask(client, question())
        assert (whole["model"], answer["model"]) == ("scripted-sandbox", "another-sandbox")
        assert answer["usage"]["total_tokens"] > 0
        assert the_call(answer) == the_call(whole)

    play(scene)
