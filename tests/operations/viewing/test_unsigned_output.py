"""No signed address reaches a terminal."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from llm_modules.operations.places import Places
from llm_modules.operations.running.plan import Program
from llm_modules.operations.running.supervisor import Supervisor
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.tails import ViewOptions, show_log
from llm_modules.unsigned import unsigned

ADDRESS = "https://fapi.binance.com/fapi/v3/account"
SIGNED = f"{ADDRESS}?timestamp=1795310608126&recvWindow=10000&signature=663e783b"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"binance GET {SIGNED}", f"binance GET {ADDRESS}?..."),
        (f'"{SIGNED}" twice {SIGNED}', f'"{ADDRESS}?..." twice {ADDRESS}?...'),
        (f"{ADDRESS}?Signature=AB&a=1 and more", f"{ADDRESS}?... and more"),
        (f"{ADDRESS}?symbol=BTCUSDT", f"{ADDRESS}?symbol=BTCUSDT"),
        ("what? a signature=none", "what? a signature=none"),
        ("", ""),
    ],
)
def test_only_the_question_of_a_signed_address_is_left_out(line: str, shown: str) -> None:
    assert unsigned(line) == shown


def test_what_a_program_writes_is_shown_without_signatures(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    program = Program("freqtrade", ("/bin/sh", "-c", f"echo '{SIGNED}'; exit 2"), {})
    ending = Supervisor([program], tmp_path, on_line=said.append).run()
    assert said == [f"{ADDRESS}?..."]
    assert ending.last_lines == (f"{ADDRESS}?...",)


def test_freqtrades_log_is_shown_without_signatures(
    places: Places, api_secrets: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    places.logs.mkdir()
    places.freqtrade_log.write_text(f"an error: {SIGNED}\n")
    show_log(Session(places, api_secrets, Screen()), ViewOptions(follow=False))
    assert capsys.readouterr().out == f"an error: {ADDRESS}?...\n"
