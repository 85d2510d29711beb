"""A person at the keyboard, and what a bot's two files say."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.setup.answers import TOPICS
from llm_modules.operations.setup.wizard import SetupOptions, setup

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SetUp = Callable[..., ExitStatus]


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    """Whatever is sent is typed into the questions that follow."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys


@pytest.fixture
def set_up(session: Session) -> SetUp:
    """Run the wizard: with flags, or with somebody to ask; the topics are those of the flags."""

    def run(
        *topics: str,
        secrets: Mapping[str, str] | None = None,
        asks: bool = False,
        confirmed: bool = True,
        **flags: Any,
    ) -> ExitStatus:
        options = SetupOptions(
            flags, secrets or {}, topics or tuple(TOPICS), asks=asks, confirmed=confirmed
        )
        return setup(session, options, NOW)

    return run
