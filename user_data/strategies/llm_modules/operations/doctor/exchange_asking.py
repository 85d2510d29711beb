"""Has an exchange asked by a program of its own, within a time, whatever becomes of it."""

import subprocess
import sys
from collections.abc import Mapping
from functools import partial

from pydantic import ValidationError

from llm_modules.operations.doctor.exchange_answer import (
    AskExchange,
    ExchangeAnswer,
    ExchangeQuestion,
    Fault,
)
from llm_modules.operations.places import SHIPPED_USER_DATA

PROGRAM = "llm_modules.operations.doctor.exchange_program"
# Six questions, of which each gives up by itself after 8 s; one that fails to connect ends them.
LONGEST_SECONDS = 40.0


def asking_through_ccxt(environment: Mapping[str, str]) -> AskExchange:
    """Return what asks an exchange; never raises but for Ctrl-C."""
    command = (sys.executable, "-m", PROGRAM)
    paths = {"PYTHONPATH": str(SHIPPED_USER_DATA / "strategies")}
    return partial(_asked, command, {**environment, **paths}, LONGEST_SECONDS)


def _asked(
    command: tuple[str, ...],
    environment: Mapping[str, str],
    seconds: float,
    question: ExchangeQuestion,
) -> ExchangeAnswer:
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            command,
            # Not among the arguments, where everybody on the machine could read the keys.
            input=question.model_dump_json().encode(),
            stdout=subprocess.PIPE,
            # A traceback of ccxt shows signed addresses.
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            timeout=seconds,
            check=False,
        )
        return ExchangeAnswer.model_validate_json(done.stdout)
    except subprocess.TimeoutExpired:
        fault = Fault(trouble="unreachable", words=f"nothing within {seconds:g} s")
    except ValidationError:
        words = f"the program that asks ended with status {done.returncode}"
        fault = Fault(trouble="unreadable", words=words)
    return ExchangeAnswer(faults={"open": fault})
