"""Every option that a parser takes is told in tools/commands.txt, or is here with the reason."""

import argparse
import re
from collections.abc import Iterator, Mapping

import pytest

from docs.reading import paragraphs
from llm_modules.backtest.command import options as backtest
from llm_modules.cli import commands as cli
from llm_modules.preview import options as preview
from llm_modules.report import options as report
from llm_modules.sandbox.main import build_parser as sandbox
from llm_modules.selftest.main import _parser as selftest

# Called by manage.sh, docker-compose.yml or another command, never by people.
INTERNAL = {"run", "announce", "kept-options", "complete-env"}
# manage.sh hands over the project's own folder, and beside it `python -m` is for who runs several.
EVERYWHERE = {"-h", "--help", "--user-data"}
# What a command takes and does not tell, and why.
UNTOLD: Mapping[str, set[str]] = {
    # Where the sandbox listens: its usual ports, or free ones. docs/operating.md, several bots.
    "check": {"--exchange-port", "--model-port", "--api-port"},
    "start": {"--exchange-port", "--model-port"},
    "restart": {"--exchange-port", "--model-port"},
    # The script names it: a container has the file elsewhere.
    "version": {"--pyproject"},
}


def grammars() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with the parser of its options."""
    for whole in (cli.parser(), backtest.parser()):
        for action in whole._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from action.choices.items()
    yield "report", report.parser()
    yield "prompt", preview.parser()
    yield "sandbox", sandbox()
    yield "selftest", selftest()


GRAMMARS = {name: one for name, one in grammars() if name not in INTERNAL}


def taken(command: str) -> set[str]:
    return {word for action in GRAMMARS[command]._actions for word in action.option_strings}


def told(command: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", paragraphs()[command]))


@pytest.mark.parametrize("command", sorted(GRAMMARS))
def test_every_option_is_told_but_those_with_a_reason(command: str) -> None:
    expected = {*EVERYWHERE, *UNTOLD.get(command, ())}
    assert taken(command) - told(command) <= expected


def test_no_reason_is_kept_for_what_is_told_or_gone() -> None:
    for command, options in UNTOLD.items():
        assert options <= taken(command) - told(command), command
    assert set(cli.COMMANDS) >= INTERNAL


def test_every_command_that_is_told_has_a_grammar_or_is_the_scripts_own() -> None:
    assert set(paragraphs()) - set(GRAMMARS) == {"deploy", "test", "lock"}
