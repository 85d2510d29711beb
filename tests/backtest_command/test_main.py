import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_modules.backtest.command import main as entrance
from llm_modules.backtest.command.main import main
from llm_modules.backtest.command.options import BacktestOptions, LookaheadOptions
from llm_modules.errors import BacktestError, ConfigError, JournalError
from llm_modules.operations.ending import INTERRUPTED
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("a key"), ExitStatus.UNUSABLE),
        (BacktestError("stopped"), ExitStatus.FAILED),
        (JournalError("the ledger"), ExitStatus.FAILED),
        (OSError("disk full"), ExitStatus.FAILED),
        (KeyboardInterrupt(), INTERRUPTED),
    ],
)
def test_how_a_command_ended_is_told_by_its_status(
    error: BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(_session: Session, _options: BacktestOptions) -> ExitStatus:
        raise error

    monkeypatch.setattr(entrance, "backtest", fails)
    assert main(["backtest"], {}) == status
    assert capsys.readouterr().err.strip() == str(error)


@pytest.mark.parametrize("number", SIGNALS)
def test_every_wish_to_end_is_a_ctrl_c(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_session: Session, _options: BacktestOptions) -> ExitStatus:
        signal.raise_signal(number)
        return ExitStatus.DONE

    monkeypatch.setattr(entrance, "backtest", ended)
    assert main(["backtest"], {}) == INTERRUPTED


def test_each_command_is_given_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, Any]] = []

    def command(name: str) -> Any:
        def act(session: Session, options: Any) -> ExitStatus:
            called.append((name, options))
            assert session.places.user_data == tmp_path
            return ExitStatus.FAILED

        return act

    for name in ("backtest", "lookahead"):
        monkeypatch.setattr(entrance, name, command(name))
        assert main([name, "--user-data", str(tmp_path)], {"A": "b"}) == ExitStatus.FAILED
    assert called == [
        ("backtest", BacktestOptions(user_data=tmp_path)),
        ("lookahead", LookaheadOptions(user_data=tmp_path)),
    ]
