"""A bot that `doctor` looks at, and what it says of it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from llm_modules.operations.doctor.cost_check import a_day_is_affordable
from llm_modules.operations.doctor.diagnosis import (
    Case,
    Diagnosis,
    DoctorOptions,
    Examination,
    no_purse,
    worst,
)
from llm_modules.operations.doctor.doctoring import examine
from llm_modules.operations.doctor.exchange_answer import AskExchange
from llm_modules.operations.doctor.model_checks import keys_are_there, models_answer
from llm_modules.operations.doctor.opening_case import opened_case
from llm_modules.operations.doctor.settings_checks import settings_are_usable
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import read_settings
from models import CANARY
from picky_server import PickyServer

EVERYTHING = DoctorOptions()
NO_CALLS = DoctorOptions(calls=False)
QUIETLY = DoctorOptions(json=True)
AGAIN = DoctorOptions(again=True)
# What there is to say of settings and models; machine, journals and exchange are other scenes.
OF_MODELS: tuple[Examination, ...] = (
    settings_are_usable,
    keys_are_there,
    models_answer,
    a_day_is_affordable,
)


class Doctor:
    """Looks at one bot; `status` is the exit status of the last look."""

    def __init__(self, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
        self.session = session
        self.status: ExitStatus | None = None
        self.errors = ""
        self._capsys = capsys

    def having(self, **variables: str) -> "Doctor":
        """The same bot with more variables in its environment."""
        environment = {**self.session.environment, **variables}
        return Doctor(replace(self.session, environment=environment), self._capsys)

    def setting(self, **variables: str) -> "Doctor":
        """The same bot with more settings, named as in the environment."""
        return self.having(**{f"FREQTRADE__{name}": text for name, text in variables.items()})

    def asking(self, server: PickyServer) -> "Doctor":
        """The same bot with a model at a server of this machine."""
        return self.setting(LLM_CONFIG__API_BASE=server.url, LLM_CONFIG__MODEL="test-model")

    def with_file(self, **blocks: dict[str, Any]) -> "Doctor":
        """The same bot with other values in its config.json."""
        path = self.session.places.settings
        own = read_settings(path)
        for block, values in blocks.items():
            own[block] = own[block] | values
        path.write_text(json.dumps(own))
        return self

    def finds(self, options: DoctorOptions = EVERYTHING, **more: Any) -> list[Diagnosis]:
        """Look, and return everything that is found."""
        whole = json.loads(self.shows(replace(options, json=True), **more))
        found = [Diagnosis(**check) for check in whole["checks"]]
        assert whole["health"] == worst(found)
        return found

    def shows(self, options: DoctorOptions = EVERYTHING, **more: Any) -> str:
        """Look, and return what is written for people; never a key among it."""
        self.status = examine(self.session, options, **{"sections": OF_MODELS, **more})
        captured = self._capsys.readouterr()
        self.errors = captured.err
        assert CANARY not in captured.out + captured.err
        return captured.out


def case_of(session: Session, ask: AskExchange, options: DoctorOptions = QUIETLY) -> Case:
    """A bot as its sections are given it."""
    return opened_case(session, options, no_purse, ask)


def about(found: list[Diagnosis], subject: str) -> Diagnosis:
    """The only diagnosis of a subject."""
    (one,) = (diagnosis for diagnosis in found if diagnosis.subject == subject)
    return one
