"""Probes of picky servers, and what each thing they refuse is called."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from builders import NOON
from llm_modules.errors import ProviderError
from llm_modules.llm.carrier import Carrier, LiveCarrier
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.findings import Finding
from llm_modules.llm.providers.probing import probe
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.rows import GENERIC
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.recorder import Recorder
from llm_modules.llm.tape import Tape
from llm_modules.operations.doctor.rehearsing import rehearsal
from models import CANARY, a_target, llm_config
from picky_server import PickyServer, Refusal, refusing, refusing_strict, running

CALLED = ("signal_entry_long", "signal_wait", "signal_exit")
TOOLS = {
    "signal_entry_long",
    "signal_entry_short",
    "signal_wait",
    "signal_exit",
    "adjust_position",
    "signal_hold",
}
UNSUPPORTED = "Unsupported parameter: {0!r} is not supported with this model"
# Each thing a server may refuse: what of a request, by which name, and what is found out.
REFUSED: dict[str, tuple[Callable[[str], Refusal], str]] = {
    "forced_call": (
        lambda message: refusing("tool_choice", message, lambda value: value == "required"),
        "Thinking mode does not support this tool_choice",
    ),
    "parallel_switch": (
        lambda message: refusing("parallel_tool_calls", message, lambda value: value is False),
        UNSUPPORTED.format("parallel_tool_calls"),
    ),
    "strict_tools": (refusing_strict, "Invalid schema for function: strict is not supported"),
    "temperature": (
        lambda message: refusing("temperature", message, lambda _value: True),
        UNSUPPORTED.format("temperature"),
    ),
    "limit_field": (
        lambda message: refusing("max_tokens", message),
        UNSUPPORTED.format("max_tokens") + ". Use 'max_completion_tokens' instead.",
    ),
}
UNDERSTOOD = {
    "forced_call": True,
    "parallel_switch": True,
    "strict_tools": True,
    "temperature": True,
    "limit_field": "max_tokens",
}
WITHOUT = dict.fromkeys(UNDERSTOOD, False) | {"limit_field": "max_completion_tokens"}
SPEECHLESS = "the request is not valid"


def asked(
    api_base: str,
    row: Provider = GENERIC,
    *,
    around: tuple[Tape | None, NoMeter] = (None, NoMeter()),
    progress: Callable[[int], None] = lambda _number: None,
    model: str = "test-model",
    longest_seconds: float = 60,
    **changes: Any,
) -> Finding:
    config = llm_config(api_base, **changes)
    tape, meter = around

    def connect(target: Target) -> tuple[Dialect, Carrier]:
        dialect = dialect_for(target, config)
        return dialect, LiveCarrier(dialect, Recorder(tape, meter, target), meter)

    target = replace(a_target(api_base), provider=row, model=model)
    return asyncio.run(
        probe(target, config, connect, rehearsal(), progress, longest_seconds=longest_seconds)
    )


def found(server: PickyServer, row: Provider = GENERIC, **changes: Any) -> Finding:
    with running(server):
        return asked(server.url, row, **changes)


def capabilities(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in UNDERSTOOD}


def faulted(server: PickyServer, **changes: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        found(server, **changes)
    assert CANARY not in str(caught.value)
    return caught.value


def a_finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "server": "0" * 16,
        "model": "test-model",
        "at": NOON,
        "forced_call": True,
        "parallel_switch": True,
        "strict_tools": True,
        "several_calls": True,
        "temperature": True,
        "limit_field": "max_tokens",
        "answers_text": True,
        "tools": dict.fromkeys(CALLED, ""),
        "several_problem": "",
        "answered_as": "test-model",
        "reports_usage": True,
        "cached_tokens": 1536,
        "completion_tokens": 60.0,
        "context_tokens": 32_768,
        "p50_seconds": 1.254,
        "p95_seconds": 2.5,
        "requests": 8,
    }
    return Finding(**(values | changes))
