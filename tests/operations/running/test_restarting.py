import argparse
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from llm_modules.errors import ConfigError
from llm_modules.operations.command import Options
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running import restarting
from llm_modules.operations.running.bot_record import (
    BotRecord,
    RecordedProcess,
    bot_lock,
    write_record,
)
from llm_modules.operations.running.plan import Plan, Wishes
from llm_modules.operations.running.restarting import KEPT_OPTIONS, options_of, restart_command
from llm_modules.operations.session import Session

NOW = datetime(2026, 1, 15, tzinfo=UTC)
RUN = ("-m", "llm_modules.cli", "run", "--user-data", "/srv/x")


def a_record(*arguments: str) -> BotRecord:
    process = RecordedProcess(name="supervisor", pid=1, arguments=(*RUN, *arguments))
    return BotRecord(started_at=NOW, mode="sandbox", api_port=8086, processes=(process,))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--sandbox",),
        ("--api-port", "8087"),
        ("--sandbox", "--exchange-port", "9001", "--model-port", "9002", "--api-port", "9003"),
    ],
)
def test_a_running_bot_tells_what_it_was_started_with(arguments: tuple[str, ...]) -> None:
    assert options_of(a_record(*arguments)) == arguments


def test_what_is_no_port_is_not_handed_on() -> None:
    assert options_of(a_record("--api-port", "$(halt)")) == ()
    assert options_of(a_record().model_copy(update={"processes": ()})) == ()


@pytest.fixture
def running(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A bot that was started with options, as far as anybody can see."""
    record = a_record("--sandbox", "--api-port", "18087")
    monkeypatch.setattr(restarting, "read_record", lambda _: record)
    return session


Restart = Callable[..., list[tuple[str, object]]]


@pytest.fixture
def restart(monkeypatch: pytest.MonkeyPatch) -> Restart:
    """Run the command; returns what it did: the check with its wishes, the start with options."""

    def ran(session: Session, *arguments: str) -> list[tuple[str, object]]:
        done: list[tuple[str, object]] = []
        monkeypatch.setattr(
            restarting.control, "check", lambda _, wishes: done.append(("check", wishes))
        )
        monkeypatch.setattr(restarting.control, "stop", lambda _: done.append(("stop", None)))

        def start(_: Session, options: Options) -> ExitStatus:
            done.append(("start", (options.sandbox, options.api_port, options.detach)))
            return ExitStatus.DONE

        def wishes_of(_: Session, options: Options) -> Wishes:
            return Wishes(options.sandbox, None, None, options.api_port)

        command = restart_command(start, wishes_of)
        grammar = argparse.ArgumentParser()
        command.add_options(grammar)
        assert command.act(session, grammar.parse_args(arguments)) is ExitStatus.DONE
        return done

    return ran


def test_a_restart_keeps_what_the_bot_was_started_with(
    running: Session, restart: Restart, capsys: pytest.CaptureFixture[str]
) -> None:
    with bot_lock(running.places):
        assert restart(running, "--detach") == [
            ("check", Wishes(sandbox=True, api_port=18087)),
            ("stop", None),
            ("start", (True, 18087, True)),
        ]
    assert "As it was started before: --sandbox --api-port 18087" in capsys.readouterr().out


def test_what_is_typed_now_wins(running: Session, restart: Restart) -> None:
    with bot_lock(running.places):
        assert restart(running, "--api-port", "18099")[-1] == ("start", (True, 18099, False))


def test_a_restart_of_nothing_is_a_start(session: Session, restart: Restart) -> None:
    assert restart(session) == [
        ("check", Wishes()),
        ("stop", None),
        ("start", (False, None, False)),
    ]


def test_wrong_settings_leave_the_bot_running(session: Session) -> None:
    session.places.settings.write_text("{", encoding="utf-8")
    command = restart_command(lambda *_: ExitStatus.DONE, lambda *_: Wishes())
    grammar = argparse.ArgumentParser()
    command.add_options(grammar)
    with bot_lock(session.places):
        write_record(session.places, Plan("dry_run", 8086, ()), NOW, ())
        with pytest.raises(ConfigError, match="line 1"):
            command.act(session, grammar.parse_args([]))
        # Had it been asked to end, this process would have.


def test_deploy_is_told_what_to_keep_and_whether_anything_runs(
    running: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert KEPT_OPTIONS.act(running, Options()) is ExitStatus.NOT_RUNNING
    with bot_lock(running.places):
        assert KEPT_OPTIONS.act(running, Options()) is ExitStatus.DONE
    assert capsys.readouterr().out == "--sandbox --api-port 18087\n"
