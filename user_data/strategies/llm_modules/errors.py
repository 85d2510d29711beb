"""Every exception of ours, sorted by who must act.

    TraderError
    |- UserError            the user: change a setting, a file, the environment
    |  |- ConfigError       a block or key of config.json is missing, mistyped or unknown
    |  |- JournalLockedError  another bot writes the same journal
    |  |- ContextBudgetError  max_context_tokens is too small for the bare facts
    |  |- BacktestError     a backtest cannot go on or begin; what is done stays on its tape
    |- ModelError           the model: it is told exactly what is wrong and may try again
    |- ProviderError        the endpoint: wait, retry within the deadline, else hold
    |- MarketDataError      nobody: the pair is skipped for this candle, with a record
    |- JournalError         the machine's owner: a record could not be written

A refusal by the gate is a value (`gate.verdict`), not an error.
"""

from typing import Literal

ProviderFault = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "unauthorised",
    "rejected",
    "server_error",
    "bad_response",
    "redirected",
    "too_large",
    "unavailable",
    "over_budget",
    "not_on_tape",
]


class TraderError(Exception):
    """Base of all errors raised by this project."""


class UserError(TraderError):
    """Something only the user can put right; the message says what to do."""


class ConfigError(UserError):
    """The configuration is unusable; the message names key, value found and values allowed."""


class JournalLockedError(UserError):
    """Another process already writes this journal."""


class ContextBudgetError(UserError):
    """The facts that may not be dropped do not fit into `max_context_tokens`."""


class BacktestError(UserError):
    """A backtest cannot begin, or has to stop; what was answered until then is on its tape."""


class ModelError(TraderError):
    """The model's answer is unusable; `problems` are sentences addressed to the model."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ProviderError(TraderError):
    """The model's endpoint failed; `fault` is stable, the message holds no secret."""

    def __init__(
        self, fault: ProviderFault, message: str, *, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.fault: ProviderFault = fault
        self.retry_after_seconds = retry_after_seconds


class MarketDataError(TraderError):
    """Candles are missing, stale, unordered or not finite."""


class JournalError(TraderError):
    """A record could not be written in full; nothing of it remains in the file."""
