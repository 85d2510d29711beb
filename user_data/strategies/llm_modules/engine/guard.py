"""Where an unexpected error is caught (beside the gate): logged with its traceback, contained.

Freqtrade takes an exception in most callbacks for a yes, and in `get_entry_signal` it ends the
bot. A guarded callback answers with its safe default instead.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Containment:
    """Filled in when the block under it failed."""

    error: Exception | None = None


@contextmanager
def contained(what: str) -> Iterator[Containment]:
    """Run a block whose failure must not spread; the caller looks at `error` afterwards."""
    outcome = Containment()
    try:
        yield outcome
    except Exception as error:
        logger.exception("%s failed", what)
        outcome.error = error


def guarded(default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """Make a callback return `default` instead of raising."""

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R | D:
            with contained(function.__qualname__) as outcome:
                result = function(*args, **kwargs)
            return result if outcome.error is None else default

        # Freqtrade looks at the parameters to see what a callback wants to be told.
        wrapper.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return wrapper

    return decorate
