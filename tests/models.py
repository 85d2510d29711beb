"""Clients of servers that a test runs on this machine."""

from typing import Any

from pydantic import SecretStr

from builders import settings
from llm_modules.config import LLMConfig
from llm_modules.llm.client import LLMClient
from llm_modules.llm.meter import Meter, NoMeter
from llm_modules.llm.opening import Surroundings, open_client, targets
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.table import GENERIC
from llm_modules.llm.tape import Tape

CANARY = "sk-canary-0123456789abcdef"


def llm_config(api_base: str, **changes: Any) -> LLMConfig:
    values = settings(llm_config={"api_base": api_base, "timeout": 20} | changes)
    return LLMConfig.model_validate(values["llm_config"])


def a_target(api_base: str = "http://127.0.0.1:9/v1", key: str = CANARY) -> Target:
    return Target(GENERIC, api_base, "test-model", SecretStr(key))


def a_client(
    config: LLMConfig, tape: Tape | None = None, *, key: str = CANARY, meter: Meter | None = None
) -> LLMClient:
    asked = targets(config, {"LLM_API_KEY": key})
    return open_client(config, asked, Surroundings(tape, meter or NoMeter()))
