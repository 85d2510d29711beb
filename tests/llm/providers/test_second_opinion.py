"""What others hold for the formats: the SDKs' own types, and a public server that speaks both."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from llmock.pytest_plugin import LLMock
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import SecretStr, TypeAdapter

from builders import PAIR, a_prompt
from llm_modules.dialogue import Prompt, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.providers.table import PROVIDERS
from llm_modules.tools.parse import decoded, read_reply
from models import llm_config

WIRE = Path(__file__).parent.parent.parent / "golden" / "wire"
RECORDED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in WIRE.glob("*")}
REQUESTS: dict[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(CompletionCreateParamsNonStreaming),
    "messages": TypeAdapter(MessageCreateParamsNonStreaming),
}
# Where providers leave the format they say they speak.
OWN_FIELDS = {"deepseek": {"thinking"}, "qwen": {"enable_thinking"}, "openrouter": {"provider"}}
OWN_ANSWERS = {("deepseek", "interrupted"), ("ollama", "dict_arguments")}
SPOKEN = pytest.mark.parametrize(("name", "model"), [("openai", "gpt-4o"), ("anthropic", "claude")])


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_recorded_request_is_one_of_the_sdks_types(name: str) -> None:
    request = RECORDED[name]["request"]
    known = REQUESTS[PROVIDERS[name].dialect].validate_python(request)
    assert set(request) - set(known) == OWN_FIELDS.get(name, set())


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (name, answer)
        for name in sorted(RECORDED)
        for answer in RECORDED[name]["answers"]
        if (name, answer) not in OWN_ANSWERS
    ],
)
def test_a_recorded_answer_is_one_of_the_sdks_types(name: str, answer: str) -> None:
    body = RECORDED[name]["answers"][answer]["body"]
    if PROVIDERS[name].dialect == "messages":
        assert AnthropicMessage.model_validate(body).content is not None
        return
    # OpenRouter may not know when an answer was made, vLLM's missing usage is null.
    dated = body | {"created": body["created"] or 0}
    assert ChatCompletion.model_validate(dated).choices


def ask(llmock: LLMock, name: str, model: str, prompt: Prompt) -> Reply:
    api_base = llmock.base_url(name)
    target = Target(PROVIDERS[name], api_base, model, SecretStr("sk"))

    async def once() -> Reply:
        dialect = dialect_for(target, llm_config(api_base))
        try:
            raw = await dialect.send(dialect.body(prompt, model, forced=True))
            return dialect.read(json.loads(raw))
        finally:
            await dialect.close()

    return asyncio.run(once())


@SPOKEN
@pytest.mark.parametrize("stance", ["flat", "in_position"])
def test_a_public_server_understands_our_tools_and_we_its_call(
    llmock: LLMock, name: str, model: str, stance: str
) -> None:
    prompt = a_prompt(stance)
    reply = ask(llmock, name, model, prompt)
    (request,) = reply.tool_requests
    assert request.name in {tool.name for tool in prompt.tools}
    assert set(decoded(request.arguments)) >= {"pair", "reason"}
    assert reply.finish_reason == "tool_calls"
    assert reply.usage.prompt_tokens
    assert reply.usage.completion_tokens


@SPOKEN
def test_a_call_it_was_told_to_make_passes_our_validator(
    llmock: LLMock, name: str, model: str
) -> None:
    arguments = {"pair": PAIR, "confidence_score": 60, "rsi_value": 50, "reason": "no edge"}
    llmock.call_tool("signal_wait", arguments)
    reply = ask(llmock, name, model, a_prompt())
    assert read_reply(reply, PAIR, a_prompt().tools).tool == "signal_wait"


@SPOKEN
def test_its_text_is_text(llmock: LLMock, name: str, model: str) -> None:
    llmock.reply("Wait for the close.")
    reply = ask(llmock, name, model, Prompt(a_prompt().messages, ()))
    assert (reply.text, reply.tool_requests, reply.finish_reason) == (
        "Wait for the close.",
        (),
        "stop",
    )


@SPOKEN
@pytest.mark.parametrize(
    ("status", "fault"),
    [(400, "rejected"), (401, "unauthorised"), (429, "rate_limited"), (500, "server_error")],
)
def test_its_errors_are_named_alike_in_both_formats(
    llmock: LLMock, name: str, model: str, status: int, fault: str
) -> None:
    llmock.fail(status)
    with pytest.raises(ProviderError) as caught:
        ask(llmock, name, model, a_prompt())
    assert caught.value.fault == fault
