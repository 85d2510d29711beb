"""What a list of models tells of the size of a context."""

import asyncio
from dataclasses import replace

import pytest
from pydantic import SecretStr

from llm_modules.llm.carrier import Carrier, LiveCarrier
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.providers import model_list
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.model_list import CONTEXT_FIELDS, told_context
from llm_modules.llm.providers.probing import probe
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.recorder import Recorder
from llm_modules.operations.doctor.rehearsing import rehearsal
from models import a_target, llm_config
from picky_server import PickyServer, running
from probes import (
    found,
)


@pytest.mark.parametrize("name", CONTEXT_FIELDS)
def test_the_context_is_what_the_list_says_of_the_model(name: str) -> None:
    listed = {"data": [{"id": "other", name: 1}, {"id": "test-model", name: 32_768}]}
    server = PickyServer(models=listed)
    assert found(server).context_tokens == 32_768
    assert server.paths == ["/v1/models"]


def test_without_a_list_the_context_is_not_known() -> None:
    server = PickyServer(models=None)
    assert found(server).context_tokens is None
    assert server.paths == ["/v1/models"]


def test_another_dialects_list_is_not_read() -> None:
    server = PickyServer(models={"data": [{"id": "test-model", "context_length": 9}]})
    with running(server):
        config = llm_config(server.url)
        chat = a_target(server.url)

        def connect(target: Target) -> tuple[Dialect, Carrier]:
            dialect = dialect_for(chat, config)
            return dialect, LiveCarrier(dialect, Recorder(None, NoMeter(), target), NoMeter())

        target = replace(chat, provider=Provider("preset", dialect="messages"))
        finding = asyncio.run(probe(target, config, connect, rehearsal(), lambda _number: None))
    assert finding.context_tokens is None
    assert server.paths == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {"data": None},
        {"data": "text"},
        {"data": ["text", None]},
        {"data": [{"id": "other", "context_length": 5}]},
        {"data": [{"id": "m"}]},
        {"data": [{"id": "m", "context_length": True}]},
        {"data": [{"id": "m", "context_length": 0}]},
        {"data": [{"id": "m", "context_length": -1}]},
        {"data": [{"id": "m", "context_length": "8192"}]},
        {"data": [{"id": "m", "context_length": 8192.0}]},
    ],
)
def test_what_is_no_size_is_not_known(answer: object) -> None:
    assert told_context(answer, "m") is None


def test_the_first_size_that_is_one_counts() -> None:
    entry = {"id": "m", "context_length": None, "max_model_len": 1, "context_window": 2}
    assert told_context({"data": [entry]}, "m") == 1


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe", b"[" * 100_000, b" " * 2_000_000])
def test_a_list_that_cannot_be_read_is_not_known(body: bytes) -> None:
    with running(PickyServer(models=body)) as server:
        target, config = a_target(server.url), llm_config(server.url)
        assert asyncio.run(model_list.context_tokens(target, config)) is None


def test_a_list_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_list, "LONGEST_SECONDS", 0.2)

    async def scene() -> int | None:
        async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(30)

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            return await model_list.context_tokens(a_target(url), llm_config(url))
        finally:
            server.close()

    assert asyncio.run(scene()) is None


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_a_key_that_no_header_can_hold_is_no_crash(key: str) -> None:
    with running(PickyServer(models={"data": []})) as server:
        target = replace(a_target(server.url), key=SecretStr(key))
        assert asyncio.run(model_list.context_tokens(target, llm_config(server.url))) is None


def test_nobody_listening_is_not_known() -> None:
    url = "http://127.0.0.1:9/v1"
    assert asyncio.run(model_list.context_tokens(a_target(url), llm_config(url))) is None
