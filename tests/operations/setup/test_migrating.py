import copy
import itertools
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration import config_validation
from freqtrade.configuration.deprecated_settings import process_temporary_deprecated_settings

from llm_modules.config import TraderConfig, parse_config
from llm_modules.errors import ConfigError, UserError
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.editing import with_value, without
from llm_modules.operations.settings.located import comments_in
from llm_modules.operations.settings.reading import parse_text, read_settings, read_text, value_at
from llm_modules.operations.setup.migrating import migrate, migrated
from llm_modules.operations.setup.migrations import (
    MIGRATIONS,
    Migration,
    due,
    has_old_keys,
    migration_table,
)
from llm_modules.operations.setup.missing import missing_keys, with_shipped

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
SHIPPED = read_text(SHIPPED_USER_DATA / "config.json")
# The blocks as the first version had them.
FIRST = """\
{
    "timeframe": "30m",
    "llm_config": {
        "api_base": "http://h/v1",      // mine
        "api_key": "",
        "model": "m",
        "temperature": 0.2,
        "max_tokens": 2000,
        "timeout": 60,                  // seconds
        "retry_times": 2
    },
    "risk_management": {
        "max_leverage": 7,
        "default_leverage": 3,
        "max_position_pct": 20,
        "max_open_trades": 4,
        "allow_model_freedom": true,
        "emergency_stop_loss": -0.15,   // close all, halt
        "max_stop_pct": 5,
        "max_price_drift_pct": 1,
    },
    "experience_config": {
        "log_decisions": true,
        "log_trades": true,
        "decision_log_path": "./user_data/logs/llm_decisions.jsonl",
        "trade_log_path": "./user_data/logs/trade_experience.jsonl",
        "max_recent_trades_context": 5,
        "max_recent_decisions_context": 10,
        "include_pair_specific_trades": true,
        "reward_learning": true,
    },
    "context_config": {
        "max_context_tokens": 6000,
        "indicator_history_points": 20,
        "raw_kline_history_points": 40,
        "include_multi_timeframe_data": false,
        "multi_timeframe_history": {"4h": 3},
        "informative_timeframes": ["1h", "4h"],
        "extra_indicators": [],
    },
}
"""


class Answering(Screen):
    """A terminal whose owner says the same to every question."""

    def __init__(self, *, agrees: bool) -> None:
        super().__init__()
        self._agrees = agrees

    def agreed(self) -> bool:
        return self._agrees


def read(text: str) -> dict[str, Any]:
    return parse_text(text, "text")


def put(places: Places, text: str) -> None:
    places.settings.write_text(text, encoding="utf-8")


def test_settings_of_the_first_version_get_every_new_key_and_keep_their_values() -> None:
    done = migrated(FIRST, SHIPPED, "config.json")
    own, new, shipped = read(FIRST), read(done.text), read(SHIPPED)
    for block in TraderConfig.model_fields:
        assert new[block] == {**shipped[block], **own[block]}
        assert list(new[block]).index(next(iter(own[block]))) >= 0
    assert missing_keys(new, shipped) == ()
    assert comments_in(FIRST) == [
        one for one in comments_in(done.text) if one in comments_in(FIRST)
    ]


def test_new_keys_do_not_change_what_the_bot_does() -> None:
    before, after = read(FIRST), read(migrated(FIRST, SHIPPED, "config.json").text)
    assert parse_config(after) == parse_config(before)


def test_new_keys_stand_where_they_are_shipped_with_their_comments() -> None:
    text = migrated(FIRST, SHIPPED, "config.json").text
    assert '        "max_tokens": 2000,\n        // Seconds and attempts:\n' not in text
    assert (
        '        "timeout": 60,                  // seconds\n'
        '        "connect_timeout": 5,           // to reach the server\n'
    ) in text
    assert (
        '        "prices": {}                   // USD per million tokens: {"m": {"input": 1, '
        '"output": 4}}\n    },\n'
    ) in text
    assert "        // Ask less; as shipped, the model is asked" in text


@pytest.mark.parametrize("key", [*TraderConfig.model_fields])
def test_a_block_that_is_missing_comes_as_it_is_shipped(key: str) -> None:
    without_it = without(SHIPPED, (key,))
    assert key not in read(without_it)
    done = migrated(without_it, SHIPPED, "config.json")
    assert read(done.text) == read(SHIPPED)
    assert set(comments_in(done.text)) == set(comments_in(SHIPPED))
    assert done.steps == (f"{key}: new, as it is shipped",)


def shipped_paths() -> list[tuple[str, ...]]:
    blocks = {name: read(SHIPPED)[name] for name in TraderConfig.model_fields}
    return list(missing_keys({name: {} for name in blocks}, blocks))


@pytest.mark.parametrize("path", shipped_paths(), ids=".".join)
def test_each_shipped_key_returns_to_its_place_to_the_letter(path: tuple[str, ...]) -> None:
    assert migrated(without(SHIPPED, path), SHIPPED, "config.json").text == SHIPPED


def test_another_indentation_is_kept() -> None:
    narrow = "\n".join(
        " " * ((len(line) - len(line.lstrip())) // 2) + line.lstrip()
        for line in SHIPPED.split("\n")
    )
    for path in (("llm_config", "asking"), ("llm_config", "timeout"), ("context_config",)):
        done = migrated(without(narrow, path), SHIPPED, "config.json").text
        assert read(done) == read(SHIPPED)
        assert {line.strip() for line in done.splitlines()} == {
            line.strip() for line in SHIPPED.splitlines()
        }
        assert f'\n{"  " * len(path)}"{path[-1]}"' in done


def test_blocks_in_one_line_stay_in_one_line() -> None:
    text = '{"llm_config": {"budget": {"usd_per_day": 1}}, "risk_management": {}}'
    path = "llm_config", "budget", "usd_per_month"
    assert '{"usd_per_day": 1, "usd_per_month": null}' in with_shipped(text, SHIPPED, path)
    first = "risk_management", "max_leverage"
    assert '"risk_management": {"max_leverage": 10}' in with_shipped(text, SHIPPED, first)


def test_a_shipped_key_that_shares_its_line_comes_without_comment() -> None:
    shipped = '{"a": {"b": 1, "c": 2}} // d'
    assert with_shipped('{\n"a": {\n"b": 1,\n}}', shipped, ("a", "c")) == (
        '{\n"a": {\n"b": 1,\n"c": 2,\n}}'
    )


def test_names_of_the_users_own_are_not_missed() -> None:
    own = read(with_value(SHIPPED, ("llm_config", "prices"), {"m": {"input": 1, "output": 1}}))
    assert missing_keys(own, read(SHIPPED)) == ()
    assert missing_keys({**own, "llm_config": 5}, read(SHIPPED)) == ()


# --- keys that changed their names -----------------------------------------------------------


def nested(dotted: str, value: object) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    result: Any = value
    return dict(result)


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda one: one.old)
def test_an_old_key_becomes_its_new_one_in_its_place(migration: Migration) -> None:
    text = SHIPPED
    if migration.new:
        around, _, name = migration.new.rpartition(".")
        block = value_at(read(text), around) if around else read(text)
        if block and name in block:
            text = without(text, tuple(migration.new.split(".")))
    text = with_value(text, tuple(migration.old.split(".")), {"kept": 1})
    assert [one.old for one in due(read(text))] == [migration.old]
    (told,) = has_old_keys(read(text))
    assert told.startswith(f"{migration.old}: ")
    assert told.endswith("run ./manage.sh migrate")
    new = read(migrated(text, SHIPPED, "config.json").text)
    assert list(due(new)) == []
    if migration.new:
        assert value_at(new, migration.new)["kept"] == 1


def test_the_old_names_are_those_freqtrade_itself_replaces() -> None:
    old: dict[str, Any] = {"trading_mode": "spot"}
    for migration in MIGRATIONS:
        # What is no longer there at all, and what is refused rather than replaced.
        if migration.old in {"edge", "ticker_interval"} or migration.old.startswith("entry_p"):
            continue
        if migration.old.startswith("exit_p") or migration.old in {"bid_strategy", "ask_strategy"}:
            continue
        around = old
        *blocks, name = migration.old.split(".")
        for block in blocks:
            around = around.setdefault(block, {})
        around[name] = migration.new
    # Several former names of one setting may not stand together.
    for twin in ("emergencyexit", "forceexit", "forceentry"):
        del old["order_types"][twin]
    ours = read(migrated(str_of(old), "{}", "config.json").text)
    theirs = copy.deepcopy(old)
    for process in (
        config_validation._validate_unfilledtimeout,
        config_validation._validate_order_types,
        config_validation._validate_time_in_force,
        config_validation._strategy_settings,
        process_temporary_deprecated_settings,
    ):
        process(theirs)
    # There, the path stops at telegram's own block.
    assert ours == theirs


def str_of(value: dict[str, Any]) -> str:
    return with_value("{}", (), value)


def test_an_old_key_beside_its_new_one_is_a_question_for_people() -> None:
    text = '{"forcebuy_enable": true, "force_entry_enable": false}'
    with pytest.raises(ConfigError, match="forcebuy_enable and force_entry_enable are both there"):
        migrated(text, "{}", "config.json")


def test_an_old_key_that_says_the_same_as_its_new_one_goes() -> None:
    text = '{"forcebuy_enable": true, "force_entry_enable": true}'
    assert migrated(text, "{}", "config.json").text == '{"force_entry_enable": true}'


def test_a_key_may_move_to_another_block() -> None:
    table = (Migration("a.b", "c.d", "1.0"),)
    done = migrated('{"a": {"b": [1], "x": 2}}', "{}", "config.json", table)
    assert read(done.text) == {"a": {"x": 2}, "c": {"d": [1]}}
    assert done.steps == ("a.b: called c.d since 1.0",)


def test_a_start_names_the_command_for_an_old_key() -> None:
    assert list(has_old_keys({"edge": {}, "forcebuy_enable": 1})) == [
        "forcebuy_enable: now force_entry_enable, since Freqtrade 2022; run ./manage.sh migrate",
        "edge: no longer read, since Freqtrade 2025.6; run ./manage.sh migrate",
    ]


# --- the command -----------------------------------------------------------------------------


def test_what_is_up_to_date_is_said_to_be_so(
    places: Places, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    before = places.settings.read_bytes()
    assert migrate(session, NOW, confirmed=False) is ExitStatus.DONE
    assert capsys.readouterr().out.strip().endswith("config.json is up to date.")
    assert places.settings.read_bytes() == before


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_migration_is_shown_kept_and_written(
    confirmed: bool, places: Places, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    old = without(SHIPPED, ("risk_management", "max_correlation"))
    put(places, old)
    agreeing = replace(session, screen=Answering(agrees=True))
    assert migrate(agreeing, NOW, confirmed=confirmed) is ExitStatus.DONE
    assert read_text(places.settings) == SHIPPED
    assert (places.backups / "20260115T120000Z.config.json").read_text(encoding="utf-8") == old
    said = capsys.readouterr().out
    assert '\n+        "max_correlation": 0.8,         // pairs' in said
    assert "\nrisk_management.max_correlation: new, as it is shipped\n" in said
    assert "put right" not in said


def test_who_declines_a_migration_has_nothing_written(places: Places, session: Session) -> None:
    put(places, FIRST)
    declining = replace(session, screen=Answering(agrees=False))
    assert migrate(declining, NOW, confirmed=False) is ExitStatus.FAILED
    assert read_text(places.settings) == FIRST
    assert not places.backups.exists()


def test_nobody_to_ask_is_told(places: Places, session: Session) -> None:
    put(places, FIRST)
    with pytest.raises(UserError, match="--yes"):
        migrate(session, NOW, confirmed=False)


def test_what_no_migration_mends_is_told_after_it(
    places: Places, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    put(places, FIRST)
    assert migrate(session, NOW, confirmed=True) is ExitStatus.DONE
    said = capsys.readouterr().out
    assert (
        "What is left for you to put right:\nconfig.json cannot be used:\n  dry_run: miss" in said
    )


def test_a_secret_is_moved_before_a_line_is_shown(
    places: Places, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    put(places, FIRST.replace('"api_key": ""', '"api_key": "canary"'))
    with pytest.raises(ConfigError, match="move-keys"):
        migrate(session, NOW, confirmed=True)
    assert "canary" not in capsys.readouterr().out


def test_a_disk_that_refuses_changes_nothing(places: Places, session: Session) -> None:
    put(places, FIRST)
    places.backups.write_text("no folder", encoding="utf-8")
    with pytest.raises(UserError, match="nothing was changed"):
        migrate(session, NOW, confirmed=True)
    assert read_text(places.settings) == FIRST


def git(*arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    done = subprocess.run(  # noqa: S603 - our own arguments
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout


def test_every_version_there_was_can_be_migrated() -> None:
    for version in git("log", "--format=%h", "--", "user_data/config.json").split():
        old = git("show", f"{version}:user_data/config.json")
        new = read(migrated(old, SHIPPED, "config.json").text)
        assert missing_keys(new, read(SHIPPED)) == ()
        assert parse_config(new) == parse_config(read(old))


def test_the_shipped_settings_have_no_old_key() -> None:
    assert list(due(read_settings(SHIPPED_USER_DATA / "config.json"))) == []
    olds = [migration.old for migration in MIGRATIONS]
    assert all(one != other for one, other in itertools.combinations(olds, 2))


def test_the_document_has_every_migration() -> None:
    assert migration_table() in (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
