import gc
import logging
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_config, a_decision_record, a_trade_record
from llm_modules.engine.desk import Desk
from llm_modules.engine.startup import banner, open_desk
from llm_modules.errors import ConfigError, JournalLockedError
from llm_modules.gate.clearance import CLEARANCE_NAME, clearance_fingerprint, write_clearance


def opened(folder: Path, mode: Any = "sandbox") -> Desk:
    return open_desk(
        a_config(str(folder)), mode, "USDT", folder, {"LLM_API_KEY": "sk-canary-987654"}
    )


def remember(folder: Path) -> None:
    for name, record in (
        ("llm_decisions.jsonl", a_decision_record()),
        ("trade_experience.jsonl", a_trade_record()),
    ):
        line = record.model_dump_json(by_alias=True)
        (folder / name).write_text(line + "\n", encoding="utf-8")


def test_the_past_is_known_again_after_a_restart(tmp_path: Path) -> None:
    remember(tmp_path)
    desk = opened(tmp_path)
    record = a_trade_record()
    assert desk.knows(record.trade_id, record.opened_at)
    assert desk.chart(PAIR, NOON, NOON) == (a_decision_record(),)
    desk.stop()


def test_the_past_of_another_mode_teaches_nothing(tmp_path: Path) -> None:
    remember(tmp_path)
    desk = opened(tmp_path, "dry_run")
    record = a_trade_record()
    assert not desk.knows(record.trade_id, record.opened_at)
    assert desk.chart(PAIR, NOON, NOON) == ()
    desk.stop()


def test_before_the_first_look_everything_is_refused(tmp_path: Path) -> None:
    desk = opened(tmp_path)
    assert desk.world().account.halted
    assert desk.world().account.equity == 0
    desk.stop()


def test_two_bots_cannot_share_their_journals(tmp_path: Path) -> None:
    desk = opened(tmp_path)
    with pytest.raises(JournalLockedError):
        opened(tmp_path)
    desk.stop()
    opened(tmp_path).stop()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("sandbox", "SANDBOX: the exchange is simulated"),
        ("dry_run", "DRY-RUN: real market prices, simulated orders"),
        ("live", "LIVE: real orders with real money"),
        ("backtest", "BACKTEST: recorded candles, simulated orders"),
    ],
)
def test_the_log_says_what_is_real(tmp_path: Path, mode: Any, said: str) -> None:
    assert said in banner(a_config(str(tmp_path)), mode, 3)
    assert "3 past trades" in banner(a_config(str(tmp_path)), mode, 3)


def test_no_key_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    opened(tmp_path).stop()
    assert "canary" not in caplog.text


def test_tokens_of_the_web_server_stay_out_of_the_log(tmp_path: Path) -> None:
    opened(tmp_path).stop()
    assert not logging.getLogger("uvicorn.error").isEnabledFor(logging.INFO)


def test_what_was_loaded_at_the_start_is_left_out_of_garbage_collection(tmp_path: Path) -> None:
    gc.unfreeze()
    opened(tmp_path).stop()
    assert gc.get_freeze_count() > 10_000
    gc.unfreeze()


def test_an_unknown_extra_indicator_stops_the_start(tmp_path: Path) -> None:
    config = a_config(str(tmp_path), context_config={"extra_indicators": ["rsii"]})
    with pytest.raises(ConfigError, match="rsii"):
        open_desk(config, "sandbox", "USDT", tmp_path, {})


def test_real_money_is_not_traded_before_the_selftest_has_passed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the selftest has not passed yet"):
        opened(tmp_path, "live")
    risk = a_config(str(tmp_path)).risk_management
    write_clearance(tmp_path / CLEARANCE_NAME, clearance_fingerprint(risk), NOON)
    opened(tmp_path, "live").stop()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, False),
        ({"lesson_model": "cheap"}, True),
        ({"lesson_model": "cheap", "enabled": False}, False),
    ],
)
def test_a_model_words_lessons_only_where_one_is_named_and_the_past_comes_back(
    tmp_path: Path, settings: dict[str, Any], words: bool
) -> None:
    config = a_config(str(tmp_path), experience_config=settings)
    desk = open_desk(config, "sandbox", "USDT", tmp_path, {})
    assert (desk._rooms.writer is not None) is words
    desk.stop()


def test_the_past_is_added_up_before_the_first_question(tmp_path: Path) -> None:
    remember(tmp_path)
    desk = opened(tmp_path)
    assert desk._rooms.library._lessons._end == 1
    desk.stop()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("record", "model 'test-model'; 3 past"),
        ("replay", "model 'test-model' from the TAPE alone, nobody is asked; 3 past"),
        ("replay_or_record", "model 'test-model' from the TAPE where it has the answer; 3 past"),
    ],
)
def test_whether_a_tape_is_played_is_said(tmp_path: Path, mode: str, said: str) -> None:
    config = a_config(str(tmp_path), llm_config={"tape_mode": mode})
    assert said in banner(config, "dry_run", 3)


def test_what_is_asked_is_in_the_ledger_beside_the_tape(tmp_path: Path) -> None:
    desk = opened(tmp_path)
    spending = desk._rooms.spending
    assert spending is not None
    spending._budget._notices.append("80 % is spent")
    assert desk.notices() == ("80 % is spent",)
    desk.stop()
    budget = {"budget": {"usd_per_day": 1.0}}
    config = a_config(str(tmp_path), llm_config=budget)
    with pytest.raises(ConfigError, match="nobody knows what 'test-model' costs"):
        open_desk(config, "sandbox", "USDT", tmp_path, {})


def test_all_pairs_are_asked_about_together_where_that_is_set(tmp_path: Path) -> None:
    asking = {"asking": {"scope": "portfolio"}}
    config = a_config(str(tmp_path), llm_config=asking)
    desk = open_desk(config, "sandbox", "USDT", tmp_path, {})
    assert desk._rooms.panel is not None
    desk.stop()


def test_what_was_decided_quietly_is_known_after_a_restart(tmp_path: Path) -> None:
    remember(tmp_path)
    desk = opened(tmp_path)
    assert PAIR in desk._rooms.sparing._pairs
    desk.stop()
