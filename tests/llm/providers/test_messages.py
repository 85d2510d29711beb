"""Anthropic's own format, beyond what its recorded shapes show."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import llm_modules
from adversary import adversary, http
from builders import a_prompt
from llm_modules.dialogue import Message, Prompt
from llm_modules.errors import ConfigError, ProviderError
from llm_modules.llm.providers.dialect import CACHE_MARK, Target
from llm_modules.llm.providers.messages import Messages
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.table import PROVIDERS
from models import CANARY, llm_config

ROW = PROVIDERS["anthropic"]
STRATEGIES = Path(llm_modules.__file__).parent.parent


def messages(row: Provider = ROW, api_base: str = "http://127.0.0.1:9/v1", **c: Any) -> Messages:
    return Messages(Target(row, api_base, "claude", SecretStr(CANARY)), llm_config(api_base, **c))


def sent(server_url: str, body: dict[str, Any] | None = None, **changes: Any) -> bytes:
    async def once() -> bytes:
        dialect = messages(api_base=server_url, **changes)
        try:
            return await dialect.send(body or dialect.body(a_prompt(), "claude", forced=True))
        finally:
            await dialect.close()

    return asyncio.run(once())


def test_without_the_library_the_user_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    with pytest.raises(ConfigError) as caught:
        messages()
    assert '"provider": "anthropic" in user_data/config.json' in str(caught.value)
    assert "./manage.sh start" in str(caught.value)


def test_who_does_not_use_it_does_not_load_the_library() -> None:
    script = "import sys, llm_modules.llm.providers.speaking; print('anthropic' in sys.modules)"
    found = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script],
        cwd=STRATEGIES,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "False\n"


def test_rules_and_tools_end_with_a_mark_for_the_cache_and_nothing_else_does() -> None:
    prompt = Prompt(
        (Message("system", "rules"), Message("system", "more"), Message("user", "now?")),
        a_prompt().tools,
    )
    body = messages().body(prompt, "claude", forced=True)
    for blocks in (body["system"], body["tools"]):
        *others, last = blocks
        assert last["cache_control"] == CACHE_MARK["cache_control"]
        assert "cache_control" not in json.dumps(others)
    assert "cache_control" not in json.dumps(body["messages"])
    bare = messages(replace(ROW, cache="none")).body(prompt, "claude", forced=True)
    assert "cache_control" not in json.dumps(bare)


@pytest.mark.parametrize(("several", "disabled"), [(False, True), (True, False)])
def test_several_calls_are_let_where_they_are_asked_for(*, several: bool, disabled: bool) -> None:
    prompt = replace(a_prompt(), several=several)
    choice = messages().body(prompt, "claude", forced=False)["tool_choice"]
    assert choice == {"type": "auto", "disable_parallel_tool_use": disabled}
    bare = messages(replace(ROW, parallel_switch=False)).body(prompt, "claude", forced=True)
    assert bare["tool_choice"] == {"type": "any"}


def test_schemas_go_as_they_are_where_they_are_not_enforced() -> None:
    prompt = a_prompt()
    tools = messages(replace(ROW, strict_tools=False)).body(prompt, "claude", forced=True)["tools"]
    assert [tool["input_schema"] for tool in tools] == [tool.parameters for tool in prompt.tools]
    assert not any("strict" in tool for tool in tools)


def test_a_long_answer_may_be_asked_for() -> None:
    with adversary(http("{}")) as server:
        sent(server.url, max_tokens=64_000)
    assert server.requests[0]["max_tokens"] == 64_000


def test_the_environment_cannot_divert_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    with adversary(http("{}")) as server, adversary(http("{}")) as thief:
        for name in ("HTTP_PROXY", "ALL_PROXY", "ANTHROPIC_BASE_URL"):
            monkeypatch.setenv(name, thief.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-other")
        sent(server.url)
        assert thief.requests == []
    assert CANARY in server.heads[0]
    assert "other" not in server.heads[0]


def test_a_failure_is_told_without_the_key_and_is_not_tried_again() -> None:
    echo = http(f'{{"error": {{"message": "key {CANARY}"}}}}', "500 Oops")
    with adversary(echo) as server, pytest.raises(ProviderError) as caught:
        sent(server.url)
    assert caught.value.fault == "server_error"
    assert CANARY not in str(caught.value)
    assert len(server.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    with adversary(http("{}")) as other:
        moved = http("", "307 Moved", location=f"{other.url}/messages")
        with adversary(moved) as server, pytest.raises(ProviderError) as caught:
            sent(server.url)
        assert other.requests == []
    assert caught.value.fault == "redirected"


def test_a_huge_or_compressed_answer_is_refused() -> None:
    for answer, fault in (
        (http(b" " * 2_000_000), "too_large"),
        (http(b"x", content_encoding="gzip"), "bad_response"),
    ):
        with adversary(answer) as server, pytest.raises(ProviderError) as caught:
            sent(server.url)
        assert caught.value.fault == fault


def test_a_closed_port_is_a_connection_fault() -> None:
    with adversary(http("{}")) as server:
        pass
    with pytest.raises(ProviderError) as caught:
        sent(server.url)
    assert caught.value.fault == "connection"


def test_what_cannot_be_put_on_the_wire_is_a_fault_of_ours_and_no_crash() -> None:
    with adversary(http("{}")) as server, pytest.raises(ProviderError):
        sent(server.url, body={"model": "m", "temperature": float("nan")})
    assert server.requests == []


def test_prompts_are_told_to_no_tracing_that_happens_to_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    assert messages()._sdk.open_telemetry["traces"]["enabled"] is False


def test_only_blocks_of_text_are_text() -> None:
    content = [{"type": "thinking", "text": "Hm."}, {"type": "text", "text": "Wait."}]
    assert messages().read({"content": content}).text == "Wait."


def test_blocks_that_are_nothing_are_passed_over() -> None:
    content = [None, 3, [], {}, {"type": "text"}, {"type": "tool_use", "input": 7}]
    reply = messages().read({"content": content})
    (request,) = reply.tool_requests
    assert (reply.text, reply.finish_reason, reply.model) == ("", "", "")
    assert (request.call_id, request.name, request.arguments) == ("", "", None)
