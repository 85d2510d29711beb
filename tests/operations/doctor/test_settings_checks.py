"""Every problem of the settings with the line it stands in."""

import json

import pytest

from examining import case_of
from llm_modules.operations.doctor.diagnosis import Diagnosis, no_exchange
from llm_modules.operations.doctor.settings_checks import settings_are_usable
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import read_settings


def says(session: Session) -> list[Diagnosis]:
    return list(settings_are_usable(case_of(session, no_exchange)))


def replaced(session: Session, old: str, new: str) -> int:
    """Change config.json and return the line of the change."""
    path = session.places.settings
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return text.count("\n", 0, text.index(old)) + 1


def test_settings_without_a_problem_are_usable(session: Session) -> None:
    (row,) = says(session)
    assert (row.health, row.subject) == ("ok", "config.json")


def test_each_problem_names_its_line_and_all_come_at_once(session: Session) -> None:
    leverage = replaced(session, '"max_leverage": 10,', '"max_leverage": 1000,')
    timeframe = replaced(session, '"timeframe": "30m",', '"timeframe": "7m",')
    tokens = replaced(session, '"max_tokens": 2000,', '"max_tokens": "many",')
    found = {one.sentence.partition(":")[0]: one for one in says(session)}
    assert {key: one.subject for key, one in found.items()} == {
        "timeframe": f"config.json:{timeframe}",
        "llm_config.max_tokens": f"config.json:{tokens}",
        "risk_management.max_leverage": f"config.json:{leverage}",
    }
    assert all(one.health == "fail" for one in found.values())
    assert found["timeframe"].advice == f"Change line {timeframe}"


def test_an_unknown_key_stands_where_it_was_mistyped(session: Session) -> None:
    line = replaced(session, '"max_stop_pct": 5,', '"max_stop_pc": 5,')
    (row,) = says(session)
    assert row.subject == f"config.json:{line}"
    assert "unknown key" in row.sentence


def test_a_missing_key_names_the_block_it_belongs_into(session: Session) -> None:
    line = replaced(session, '"max_leverage": 10, ', "")
    (row,) = says(session)
    assert row.sentence.startswith("risk_management.max_leverage: missing")
    assert row.advice.startswith("It belongs into the block risk_management, around line ")
    assert abs(int(row.subject.partition(":")[2]) - line) <= 2


def test_an_item_of_a_list_has_the_line_of_the_list(session: Session) -> None:
    line = replaced(session, '"fallbacks": [],', '"fallbacks": [{"provider": 7, "model": "m"}],')
    (row,) = says(session)
    assert row.subject == f"config.json:{line}"


def test_what_the_environment_sets_is_to_be_changed_there(session: Session) -> None:
    path = session.places.env_file
    path.write_text("FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE=1000\n")
    (row,) = says(session)
    assert row.subject == "environment"
    assert "FREQTRADE__RISK_MANAGEMENT__MAX_LEVERAGE in the environment" in row.advice


def test_a_key_of_the_whole_that_is_missing_has_no_line(session: Session) -> None:
    path = session.places.settings
    settings = read_settings(path)
    del settings["dry_run"]
    path.write_text(json.dumps(settings))
    (row,) = says(session)
    assert (row.subject, row.advice) == ("config.json", "")


@pytest.mark.parametrize(("text", "line"), [("{\n\n  1: 2}", 3), ('{"a": 1', 1)])
def test_a_text_that_is_no_json_names_its_line(session: Session, text: str, line: int) -> None:
    session.places.settings.write_text(text)
    (row,) = says(session)
    assert row.subject == f"config.json:{line}"
    assert "Mend that line" in row.advice


def test_a_broken_env_file_hides_no_line(session: Session) -> None:
    session.places.env_file.write_text("no variable\n")
    (row,) = says(session)
    assert (row.subject, row.advice.partition(":")[0]) == (".env", "Mend that file")
    assert "expected NAME=value" in row.sentence


def test_what_was_found_cannot_command_the_terminal(session: Session) -> None:
    replaced(session, '"timeframe": "30m",', '"timeframe": "\\u001b[2J",')
    (row,) = says(session)
    assert "\x1b" not in row.sentence


def test_what_looks_like_a_secret_is_to_be_looked_at_and_not_shown(session: Session) -> None:
    line = replaced(
        session, '"bot_name": "llm-trader",', '"bot_name": "x", "webhook": {"bearer": "canary"},'
    )
    replaced(session, '"api_key": "",', '"api_key": "sk-canary",')
    *_, row = [one for one in says(session) if one.health == "warn"]
    assert row.subject == f"config.json:{line}"
    assert row.sentence.startswith("webhook.bearer looks like a secret")
    # Of those that are refused nothing is said twice.
    assert "canary" not in str(says(session))
    assert [one.health for one in says(session)].count("warn") == 1
