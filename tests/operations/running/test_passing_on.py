"""Freqtrade's commands in the bot's environment: what is added, what is kept out, what wins."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from freqtrade.commands.arguments import Arguments

from llm_modules.errors import ConfigError, UserError
from llm_modules.operations.places import PROJECT, SHIPPED_USER_DATA, Places
from llm_modules.operations.running import passing_on
from llm_modules.operations.running.bot_record import (
    BotRecord,
    RecordedProcess,
    bot_lock,
    overlay_in_use,
)
from llm_modules.operations.running.passing_on import HIDDEN, Handover, handover, pass_on
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import read_settings

STRATEGIES = str(SHIPPED_USER_DATA / "strategies")


def with_model(session: Session, **changes: Any) -> Session:
    settings = read_settings(session.places.settings)
    settings["llm_config"] |= {"model": "mine", "api_base": "http://127.0.0.1:9/v1"}
    session.places.settings.write_text(json.dumps(settings | changes), encoding="utf-8")
    return session


def words(session: Session, *typed: str) -> list[str]:
    command = handover(session, typed).command
    assert command[:3] == (sys.executable, "-m", "freqtrade")
    return list(command[3:])


def value_of(line: Sequence[str], option: str) -> list[str]:
    return [after for word, after in pairwise(line) if word == option]


def grammar() -> Mapping[str, set[str]]:
    """Every command of Freqtrade with its options."""
    arguments = Arguments(None)
    arguments._build_subcommands()
    (commands,) = (
        one for one in arguments.parser._actions if isinstance(one, argparse._SubParsersAction)
    )
    return {
        name: {option for action in parser._actions for option in action.option_strings}
        for name, parser in commands.choices.items()
    }


def test_settings_folder_and_strategy_are_added_where_nothing_was_said(session: Session) -> None:
    line = words(with_model(session), "backtesting", "--timeframe", "1h")

    assert line[0] == "backtesting"
    assert line[-2:] == ["--timeframe", "1h"]
    assert value_of(line, "-c") == [str(session.places.settings)]
    assert value_of(line, "--userdir") == [str(session.places.user_data)]
    assert value_of(line, "--strategy") == ["LLMFunctionStrategy"]
    assert value_of(line, "--strategy-path") == [STRATEGIES]


def test_the_projects_own_folder_is_not_named_twice(tmp_path: Path) -> None:
    shipped = Places(SHIPPED_USER_DATA)
    assert "--strategy-path" not in passing_on._added(shipped, "dry_run", ["list-strategies"])
    elsewhere = passing_on._added(shipped, "dry_run", ["list-strategies", "--userdir", "mine"])
    assert value_of(elsewhere, "--strategy-path") == [STRATEGIES]
    own = passing_on._added(Places(tmp_path), "dry_run", ["list-strategies"])
    assert value_of(own, "--strategy-path") == [STRATEGIES]


def test_without_a_model_the_sandbox_is_looked_at(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    places = session.places
    line = words(session, "list-pairs")

    assert value_of(line, "-c") == [str(places.settings), str(places.sandbox_overlay)]
    assert capsys.readouterr().err.startswith("SANDBOX, which does not run: what asks the exchange")


def test_sandbox_as_the_first_word_wishes_for_it(session: Session) -> None:
    with_model(session)

    assert len(value_of(words(session, "--sandbox", "list-pairs"), "-c")) == 2
    assert len(value_of(words(session, "list-pairs"), "-c")) == 1


def test_a_running_sandbox_is_asked_where_it_listens(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = session.places.run / "config.sandbox.json"
    with bot_lock(session.places):
        record(session.places, ("freqtrade", "trade", "-c", "config.json", "-c", str(overlay)))

        assert value_of(words(session, "list-pairs"), "-c")[1] == str(overlay)
        assert capsys.readouterr().err == ""


def record(places: Places, arguments: tuple[str, ...], mode: Any = "sandbox") -> None:
    process = RecordedProcess(name=arguments[0], pid=1, arguments=arguments)
    written = BotRecord(started_at=datetime.now(UTC), mode=mode, api_port=1, processes=(process,))
    (places.run / "bot.json").write_text(written.model_dump_json(), encoding="utf-8")


@pytest.mark.parametrize(
    ("mode", "arguments"),
    [
        ("dry_run", ("freqtrade", "-c", "a", "-c", "b")),
        ("sandbox", ("freqtrade", "-c", "a")),
        ("sandbox", ("sandbox", "-c", "a", "-c", "b")),
    ],
)
def test_only_a_sandboxs_own_settings_are_taken(
    session: Session, mode: str, arguments: tuple[str, ...]
) -> None:
    with bot_lock(session.places):
        record(session.places, arguments, mode)

        assert overlay_in_use(session.places) is None


@pytest.mark.parametrize(
    ("typed", "option", "ours"),
    [
        (("-c", "mine.json"), "-c", "config.json"),
        (("-cmine.json",), "-c", "config.json"),
        (("--config", "mine.json"), "-c", "config.json"),
        (("--config=mine.json",), "-c", "config.json"),
        (("--userdir", "mine"), "--userdir", "user_data"),
        (("--user-data-dir=mine",), "--userdir", "user_data"),
        (("--strategy", "Mine"), "--strategy", "LLMFunctionStrategy"),
        (("-s", "Mine"), "--strategy", "LLMFunctionStrategy"),
        (("--strategy-list", "Mine", "Yours"), "--strategy", "LLMFunctionStrategy"),
        (("--strategy", "Mine"), "--strategy-path", STRATEGIES),
        (("--strategy-path", "mine"), "--strategy-path", STRATEGIES),
    ],
)
def test_what_the_caller_says_wins(
    session: Session, typed: tuple[str, ...], option: str, ours: str
) -> None:
    line = words(with_model(session), "backtesting", *typed)

    assert line[-len(typed) :] == list(typed)
    assert not any(value.endswith(ours) for value in value_of(line, option))


def test_an_own_configuration_leaves_the_sandboxs_out_too(session: Session) -> None:
    assert value_of(words(session, "--sandbox", "list-pairs", "-c", "my.json"), "-c") == ["my.json"]


@pytest.mark.parametrize(
    ("first", "dry_run", "name"),
    [
        (("--sandbox",), True, "tradesv3.sandbox.sqlite"),
        ((), True, "tradesv3.dryrun.sqlite"),
        ((), False, "tradesv3.sqlite"),
    ],
)
def test_trades_are_those_of_the_mode(
    session: Session, first: tuple[str, ...], dry_run: bool, name: str
) -> None:
    line = words(with_model(session, dry_run=dry_run), *first, "show-trades")

    assert value_of(line, "--db-url") == [f"sqlite:///{session.places.user_data / name}"]
    line = words(session, "show-trades", "--db-url", "sqlite:///mine")
    assert value_of(line, "--db-url") == ["sqlite:///mine"]


@pytest.mark.parametrize("typed", [("trade",), ("--sandbox", "trade"), ("trade", "--dry-run")])
def test_the_bot_itself_is_not_run_this_way(session: Session, typed: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=r"run by \./manage\.sh start"):
        handover(session, typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ((), ["--help"]),
        (("--sandbox",), ["--help"]),
        (("--help",), ["--help"]),
        (("-V",), ["-V"]),
        (("trade", "--help"), ["trade", "--help"]),
        (("list-pairs", "-h"), ["list-pairs", "-h"]),
    ],
)
def test_help_is_freqtrades_own_and_needs_no_settings(
    session: Session, typed: tuple[str, ...], expected: list[str]
) -> None:
    session.places.settings.write_text("{broken", encoding="utf-8")

    assert words(session, *typed) == expected


def test_settings_that_cannot_be_read_are_told(session: Session) -> None:
    session.places.settings.write_text("{broken", encoding="utf-8")

    with pytest.raises(ConfigError, match="line 1, column 2"):
        handover(session, ["list-pairs"])


def test_a_key_in_the_settings_goes_nowhere(session: Session) -> None:
    with_model(session)
    text = session.places.settings.read_text(encoding="utf-8")
    session.places.settings.write_text(
        text.replace('"api_key": ""', '"api_key": "sk-canary-987654"'), encoding="utf-8"
    )

    with pytest.raises(ConfigError) as caught:
        handover(session, ["show-config"])
    assert "canary" not in str(caught.value)


def env(session: Session, *typed: str) -> Mapping[str, str]:
    return handover(session, typed).environment


def a_session(session: Session, **environment: str) -> Session:
    return Session(session.places, {**session.environment, **environment}, Screen())


def test_secrets_come_from_the_env_file_and_nothing_is_written_there(session: Session) -> None:
    session = Session(with_model(session).places, {}, Screen())
    path = session.places.env_file
    path.write_text("FREQTRADE__EXCHANGE__KEY=canary-key\nLLM_API_KEY=canary\n", encoding="utf-8")
    before = path.read_bytes()
    known = env(session, "list-pairs")

    assert (known["FREQTRADE__EXCHANGE__KEY"], known["LLM_API_KEY"]) == ("canary-key", "canary")
    # Freqtrade's check of a configuration demands them, whatever is asked.
    assert len(known["FREQTRADE__API_SERVER__JWT_SECRET_KEY"]) >= 32
    assert path.read_bytes() == before


def test_nothing_that_leads_out_of_the_sandbox_is_handed_on(session: Session) -> None:
    outside = {"LLM_API_KEY": "canary", "FREQTRADE__EXCHANGE__KEY": "canary"}
    known = env(a_session(session, **outside), "--sandbox", "list-pairs")

    assert not outside.keys() & known.keys()


@pytest.mark.parametrize("sandbox", [(), ("--sandbox",)])
def test_show_config_is_given_no_secret_to_show(session: Session, sandbox: tuple[str, ...]) -> None:
    secrets = {"FREQTRADE__EXCHANGE__KEY": "canary", "FREQTRADE__TELEGRAM__TOKEN": "canary"}
    known = env(a_session(with_model(session), **secrets), *sandbox, "show-config")

    assert "canary" not in str([text for name, text in known.items() if "FREQTRADE__" in name])
    assert known["FREQTRADE__API_SERVER__WS_TOKEN"] == HIDDEN
    assert len(HIDDEN) >= 32


def test_who_asks_to_see_secrets_sees_them(session: Session) -> None:
    known = env(session, "show-config", "--show-sensitive")

    assert known["FREQTRADE__API_SERVER__WS_TOKEN"] == "canary-token-of-26-letters"


def test_our_code_is_found_byte_code_is_written_and_empty_variables_erase_nothing(
    session: Session,
) -> None:
    odd = {"PYTHONDONTWRITEBYTECODE": "1", "FREQTRADE__TIMEFRAME": "", "PYTHONPATH": "elsewhere"}
    known = env(a_session(session, **odd), "list-pairs")

    assert known["PYTHONPATH"] == STRATEGIES
    assert not {"PYTHONDONTWRITEBYTECODE", "FREQTRADE__TIMEFRAME"} & known.keys()


def test_freqtrades_own_grammar_takes_what_is_added() -> None:
    commands = grammar()

    def taking(option: str) -> set[str]:
        return {name for name, options in commands.items() if option in options}

    # new-strategy means the name of the new one; strategy-updater would rewrite ours.
    assert taking("--strategy") - {"trade", "new-strategy"} == passing_on.WITH_STRATEGY
    assert taking("--strategy-path") - {"trade", "new-strategy", "strategy-updater"} == (
        passing_on.WITH_STRATEGY_PATH
    )
    assert taking("--db-url") - {"trade", "convert-db"} == passing_on.WITH_DATABASE
    assert commands.keys() - taking("--config") == passing_on.WITHOUT_CONFIG - {"new-config"}
    assert commands.keys() - taking("--userdir") == passing_on.WITHOUT_FOLDER


@pytest.mark.parametrize("command", sorted(grammar().keys() - {"trade"}))
def test_every_command_understands_what_it_is_given(session: Session, command: str) -> None:
    line = words(with_model(session), command)
    options = grammar()[command]

    assert {word for word in line if word.startswith("-")} <= options


def test_this_process_becomes_freqtrade(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Handover] = []

    def execve(path: str, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        assert path == command[0]
        became.append(Handover(command, environment))

    monkeypatch.setattr(os, "execve", execve)
    pass_on(session, ["list-pairs"])

    assert [one.command for one in became] == [handover(session, ["list-pairs"]).command]
    assert became[0].environment["PYTHONPATH"] == STRATEGIES


def run(session: Session, *typed: str) -> subprocess.CompletedProcess[str]:
    """Return what manage.sh's command came to."""
    folder = ["--user-data", str(session.places.user_data)]
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "llm_modules.cli", "freqtrade", *folder, "--", *typed],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": STRATEGIES} | dict(session.environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_of_a_command_is_freqtrades(session: Session) -> None:
    done = run(session, "list-pairs", "--help")

    assert done.returncode == 0
    assert done.stdout.startswith("usage: freqtrade list-pairs")


def test_its_output_and_status_are_handed_through(session: Session, tmp_path: Path) -> None:
    shown = run(session, "show-config")
    failed = run(session, "show-config", "-c", str(tmp_path / "missing.json"))

    assert shown.returncode == 0, shown.stderr
    assert '"bot_name": "llm-trader-sandbox"' in shown.stdout
    assert "canary" not in shown.stdout + shown.stderr
    assert failed.returncode != 0
    assert "not found!" in failed.stdout + failed.stderr


def test_freqtrade_is_told_that_money_is_simulated_unless_its_settings_are_the_callers(
    session: Session,
) -> None:
    named = with_model(session)
    assert env(named, "list-pairs")["FREQTRADE__DRY_RUN"] == "true"
    assert "FREQTRADE__DRY_RUN" not in env(named, "list-pairs", "-c", "other.json")
    assert "FREQTRADE__DRY_RUN" not in env(with_model(session, dry_run=False), "list-pairs")


def test_a_doubled_prefix_is_passed_on_to_nobody(session: Session) -> None:
    twice = a_session(session, FREQTRADE__FREQTRADE__DRY_RUN="false")
    with pytest.raises(ConfigError, match="FREQTRADE__FREQTRADE__DRY_RUN holds"):
        handover(twice, ["list-pairs"])
