"""What the log says of a model: once, and what to do."""

import asyncio
import logging
from dataclasses import replace

import pytest

from builders import a_prompt
from endpoint_stage import REPLY, URL, Fakes, Stage, failure
from llm_modules.dialogue import Inquiry
from llm_modules.errors import ProviderError, ProviderFault
from llm_modules.llm.endpoint import Endpoint
from llm_modules.llm.patience import live_patience
from llm_modules.llm.providers.table import PROVIDERS
from models import CANARY, a_target, llm_config


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("unauthorised", "check LLM_API_KEY in .env, and the account's credit"),
        ("rejected", "check model, provider and api_base in llm_config"),
    ],
)
def test_what_only_the_user_can_mend_is_said_once(
    fault: ProviderFault, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(failure(fault), failure(fault), REPLY, failure(fault))
    with caplog.at_level(logging.WARNING):
        stage.fault()
        stage.fault()
        (told,) = [record.getMessage() for record in caplog.records]
        assert told == (
            "Model test-model (compatible) cannot be asked, exits and stops go on: "
            f"{fault}: as it is. To do: {advice}"
        )
        stage.ask()
        stage.fault()
    assert len(caplog.records) == 2
    assert CANARY not in caplog.text


def test_an_answer_of_one_model_does_not_make_another_news(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(failure("rejected"), REPLY, failure("rejected"), failure("rejected"))
    stage.fault(model="cheap")
    stage.ask()
    stage.fault(model="cheap")
    assert len(caplog.records) == 1
    stage.fault()
    assert len(caplog.records) == 2


def test_a_providers_own_variable_is_named_too(caplog: pytest.LogCaptureFixture) -> None:
    fakes = Fakes([failure("unauthorised")])
    target = replace(a_target(URL), provider=PROVIDERS["openai"])
    config = llm_config(URL)
    endpoint = Endpoint(target, config, fakes, fakes, live_patience(config))
    with pytest.raises(ProviderError), caplog.at_level(logging.WARNING):
        asyncio.run(endpoint.ask(a_prompt(), Inquiry(), seconds=5))
    assert "check LLM_API_KEY and OPENAI_API_KEY in .env" in caplog.text


@pytest.mark.parametrize("fault", ["timeout", "rate_limited", "unavailable", "over_budget"])
def test_what_passes_by_itself_is_left_to_the_record(
    fault: ProviderFault, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        Stage(failure(fault), retry_times=0).fault()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("asked", "named", "is_told"),
    [
        ("gpt-5", "gpt-5", False),
        ("gpt-5", "gpt-5-2026-01-26", False),
        ("openai/gpt-5", "gpt-5-2026-01-26", False),
        ("gpt-5", "openai/gpt-5", False),
        ("Qwen3-Max", "qwen3-max", False),
        ("gpt-5", "gpt-4o-mini", True),
        ("gpt-5", "", False),
    ],
)
def test_another_model_than_asked_is_told_once(
    asked: str, named: str, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(replace(REPLY, model=named))
    with caplog.at_level(logging.WARNING):
        stage.ask(model=asked)
        stage.ask(model=asked)
    told = [f"Model {asked} was asked, the server says that {named} answered"]
    assert [record.getMessage() for record in caplog.records] == (told if is_told else [])
