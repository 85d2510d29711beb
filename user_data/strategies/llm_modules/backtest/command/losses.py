"""What could not be written. Live that is logged; a backtest without its records is of no use."""

import logging
from types import TracebackType
from typing import Self

from llm_modules.errors import BacktestError, JournalError

# Who writes tape, journals and lessons. All of them log it and go on.
WRITERS = ("llm_modules.llm.recorder", "llm_modules.journal", "llm_modules.engine")


class Losses(logging.Handler):
    """Notices the first record that was lost, for as long as it is entered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._first: BaseException | None = None

    def __enter__(self) -> Self:
        for name in WRITERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in WRITERS:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error that a writer logs, as its exception or in its sentence."""
        logged = (record.exc_info or (None, None))[1], *_parts(record)
        found = (one for one in logged if isinstance(one, JournalError | OSError))
        self._first = self._first or next(found, None)

    def demand_none(self) -> None:
        """Raise BacktestError when something was lost."""
        if self._first is not None:
            raise BacktestError(
                f"stopped, since what is answered cannot be kept: {self._first}; the same command "
                "goes on when that can be written"
            )


def _parts(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()
