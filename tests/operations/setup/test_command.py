import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from llm_modules.cli.commands import COMMANDS, main, parser
from llm_modules.errors import ConfigError, UserError
from llm_modules.operations.places import PROJECT, Places
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import read_env_file
from llm_modules.operations.setup import command
from llm_modules.operations.setup.answers import TOPICS
from llm_modules.operations.setup.command import FLAGS, setup_options
from llm_modules.operations.setup.wizard import SetupOptions

TOKEN = "123456789:canary-canary"


def options_of(
    session: Session, *arguments: str, piped: str = "", is_terminal: bool = False
) -> SetupOptions:
    options = parser().parse_args(["setup", *arguments])
    return setup_options(session, options, is_terminal=is_terminal, piped=lambda: piped)


def with_environment(session: Session, **variables: str) -> Session:
    return Session(session.places, variables, session.screen)


def test_a_terminal_without_flags_is_asked_everything(session: Session) -> None:
    options = options_of(session, is_terminal=True)
    assert (options.asks, options.confirmed, list(options.topics)) == (True, False, list(TOPICS))
    assert options.flags == {}


def test_topics_may_be_named(session: Session) -> None:
    options = options_of(session, "--only", "risk", "--only", "pairs", is_terminal=True)
    assert list(options.topics) == ["pairs", "risk"]


@pytest.mark.parametrize(
    ("arguments", "topic"),
    [
        (["--provider", "openai"], "model"),
        (["--model", "m"], "model"),
        (["--api-base", "http://h"], "model"),
        (["--key-stdin"], "model"),
        (["--exchange", "binance"], "exchange"),
        (["--exchange-keys", "stdin"], "exchange"),
        (["--pairs", "BTC/USDT:USDT", "ETH/USDT:USDT"], "pairs"),
        (["--timeframe", "1h"], "timeframe"),
        (["--wallet", "5"], "wallet"),
        (["--risk", "free"], "risk"),
        (["--telegram"], "telegram"),
        (["--no-telegram"], "telegram"),
        (["--telegram-chat-id", "-1"], "telegram"),
    ],
)
def test_a_flag_opens_its_topic_alone(arguments: list[str], topic: str, session: Session) -> None:
    for is_terminal in (True, False):
        yes = [] if is_terminal else ["--yes"]
        options = options_of(session, *arguments, *yes, piped="a\nb\nc", is_terminal=is_terminal)
        assert list(options.topics) == [topic]
        assert options.asks is is_terminal


def test_with_yes_and_nothing_else_no_topic_is_opened(session: Session) -> None:
    options = options_of(session, "--yes", is_terminal=True)
    assert (list(options.topics), options.asks, options.confirmed) == ([], False, True)


def test_nobody_to_ask_is_told(session: Session) -> None:
    with pytest.raises(UserError, match="say all by flags, with --yes"):
        options_of(session, "--risk", "free")


def test_secrets_are_piped_in_one_after_the_other(session: Session) -> None:
    options = options_of(
        session, "--key-stdin", "--exchange-keys", "stdin", "--yes", piped="m\n\n k \ns\n"
    )
    assert options.secrets == {
        "LLM_API_KEY": "m",
        "FREQTRADE__EXCHANGE__KEY": "k",
        "FREQTRADE__EXCHANGE__SECRET": "s",
    }


@pytest.mark.parametrize(
    ("piped", "what"),
    [("", "the model's key"), ("m", "the key of the"), ("m\nk", "the secret of the exchange")],
)
def test_a_pipe_that_ends_too_soon_is_told(piped: str, what: str, session: Session) -> None:
    with pytest.raises(ConfigError, match=f"standard input ended before {what}"):
        options_of(session, "--key-stdin", "--exchange-keys", "stdin", "--yes", piped=piped)


def test_secrets_come_from_the_environment(session: Session) -> None:
    names = "LLM_API_KEY", "FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"
    own = with_environment(session, **dict.fromkeys(names, "canary"))
    assert options_of(own, "--exchange-keys", "env", "--yes").secrets == dict.fromkeys(
        names, "canary"
    )
    # The account's only when they are wanted.
    assert list(options_of(own, "--yes").secrets) == ["LLM_API_KEY"]
    empty = with_environment(session, LLM_API_KEY="")
    assert options_of(empty, "--yes").secrets == {}
    with pytest.raises(ConfigError, match="FREQTRADE__EXCHANGE__KEY is not set in the environment"):
        options_of(session, "--exchange-keys", "env", "--yes")


def test_a_token_comes_from_a_file(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    options = options_of(
        session, "--telegram-token-file", str(file), "--telegram-chat-id", "5", "--yes"
    )
    assert list(options.secrets.values()) == [TOKEN, "5"]
    with pytest.raises(ConfigError, match="none cannot be read: No such file"):
        options_of(session, "--telegram-token-file", str(tmp_path / "none"), "--yes")
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be read: it is not text"):
        options_of(session, "--telegram-token-file", str(file), "--yes")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--provider", "opena"], "argument --provider: found 'opena', expected one of sandbox"),
        (["--wallet", "-5"], "argument --wallet: found '-5', expected an amount"),
        (["--risk", "wild"], "argument --risk: found 'wild', expected one of careful"),
        (["--only", "weather"], "argument --only: invalid choice: 'weather'"),
        (["--exchange-keys", "here"], "argument --exchange-keys: invalid choice"),
        (["--key", "canary"], "ambiguous option|unrecognized arguments|expected"),
    ],
)
def test_a_wrong_flag_is_status_2_and_one_sentence(
    arguments: list[str], told: str, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        options_of(session, *arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert any(words in error for words in told.split("|"))


def test_every_flag_is_an_option_and_explained() -> None:
    options = vars(parser().parse_args(["setup"]))
    assert set(FLAGS) <= set(options)
    assert set(FLAGS.values()) == set(TOPICS)
    explained = (PROJECT / "tools" / "commands.txt").read_text(encoding="utf-8")
    assert all(f"--{flag.replace('_', '-')}" in explained for flag in FLAGS)
    assert {"setup", "migrate"} <= set(COMMANDS)


def test_a_key_is_not_typed_where_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "r", encoding="utf-8") as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        with pytest.raises(UserError, match="a key is piped in, never typed"):
            command._piped()
    os.close(controller)


def test_the_command_reads_its_standard_input_once(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("canary-key\n"))
    arguments = "--provider", "openai", "--model", "gpt-5", "--key-stdin", "--yes"
    assert main(["setup", *arguments, "--user-data", str(places.user_data)], {}) == 0
    assert read_env_file(places.env_file)["LLM_API_KEY"] == "canary-key"


# --- as people and scripts run it -------------------------------------------------------------


def cli(places: Places, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "llm_modules.cli", *arguments, "--user-data", str(places.user_data),
    ]  # fmt: skip


def environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(PROJECT / "user_data" / "strategies"), "TERM": "xterm"}


class Terminal:
    """A program at a terminal of its own; what it shows is gathered."""

    def __init__(self, arguments: list[str]) -> None:
        self._controller, terminal = pty.openpty()
        self.program = subprocess.Popen(  # noqa: S603 - our own program
            arguments, stdin=terminal, stdout=terminal, stderr=terminal, env=environment(),
            start_new_session=True,
        )  # fmt: skip
        os.close(terminal)
        self.shown = b""

    def await_text(self, text: bytes) -> None:
        seen = len(self.shown)
        deadline = time.monotonic() + 60
        while text not in self.shown[seen:]:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown

    def await_rest(self) -> None:
        deadline = time.monotonic() + 30
        while psutil.Process(self.program.pid).status() != psutil.STATUS_SLEEPING:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def type(self, text: str) -> None:
        os.write(self._controller, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._controller)
        return self.program.wait(30)

    def _read(self) -> bool:
        if not select.select([self._controller], [], [], 30)[0]:
            self.program.send_signal(signal.SIGKILL)
            return False
        try:
            found = os.read(self._controller, 65_536)
        except OSError:
            return False
        # The terminal is asked where its cursor is, and answers.
        if b"\x1b[6n" in found:
            self.type("\x1b[1;1R")
        self.shown += found
        return bool(found)


def test_a_person_types_a_key_that_no_screen_shows(places: Places) -> None:
    arguments = "--provider", "openai", "--model", "gpt-5"
    terminal = Terminal(cli(places, "setup", *arguments))
    terminal.await_text(b"Key of openai (hidden")
    terminal.type("canary-key\r")
    terminal.await_text(b"Write this? [Y/n]")
    terminal.type("\r")
    assert terminal.end() == 0
    assert b"canary" not in terminal.shown
    assert b"Next: ./manage.sh doctor" in terminal.shown
    assert read_env_file(places.env_file)["LLM_API_KEY"] == "canary-key"


@pytest.mark.parametrize("leaving", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_a_person_leaves_at_the_last_question(leaving: str, places: Places) -> None:
    before = places.settings.read_bytes()
    terminal = Terminal(cli(places, "setup", "--risk", "careful"))
    terminal.await_text(b"Write this?")
    if leaving == "\x03":
        # Waiting, not about to wait: there a signal is only noticed with the next key.
        terminal.await_rest()
        terminal.program.send_signal(signal.SIGINT)
    else:
        terminal.type(leaving)
    assert terminal.end() == 1
    assert b"Nothing was written." in terminal.shown
    assert places.settings.read_bytes() == before
    assert not places.env_file.exists()


def test_migrating_twice_says_that_nothing_is_to_do(
    places: Places, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    text = places.settings.read_text(encoding="utf-8")
    places.settings.write_text(text.replace('"timeframe"', '"ticker_interval"'), encoding="utf-8")

    def run(*arguments: str) -> int:
        return main([*arguments, "--user-data", str(places.user_data)], session.environment)

    assert run("check") == 2
    old = "ticker_interval: now timeframe, since Freqtrade 2020.6; run ./manage.sh migrate"
    assert old in capsys.readouterr().err
    assert run("migrate", "--yes") == 0
    assert '-    "ticker_interval": "30m",' in capsys.readouterr().out
    assert run("migrate") == 0
    assert capsys.readouterr().out.strip().endswith("is up to date.")
    assert places.settings.read_text(encoding="utf-8") == text
