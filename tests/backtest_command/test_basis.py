import json
from pathlib import Path
from typing import Any

import pytest

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.options import BacktestOptions, LookaheadOptions
from llm_modules.errors import ConfigError
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import read_settings


def bot(session: Session, tmp_path: Path, **changes: Any) -> Session:
    """A bot of its own whose settings differ."""
    settings = read_settings(session.places.settings)
    for name, change in changes.items():
        settings[name] = {**settings[name], **change} if isinstance(change, dict) else change
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return Session(Places(tmp_path), session.environment, Screen())


def at_work(session: Session, **options: Any) -> Basis:
    return opened(session, BacktestOptions(**options))


MODEL = {"api_base": "http://127.0.0.1:9/v1", "model": "mine"}


def test_without_a_model_everything_is_the_sandboxs_but_pace_wallet_and_limits(
    session: Session,
) -> None:
    basis = at_work(session)
    assert basis.is_sandbox
    assert basis.config.llm_config.model == "scripted-sandbox"
    own = read_settings(session.places.settings)
    assert basis.timeframe == own["timeframe"] == "30m"
    assert basis.settings["risk_management"] == own["risk_management"]
    assert basis.timeframes == ("30m", "1h", "4h", "1d")
    assert len(basis.pairs) == 5


def test_a_configured_model_is_asked_unless_the_sandbox_is_wished_for(
    session: Session, tmp_path: Path
) -> None:
    session = bot(session, tmp_path, llm_config=MODEL)
    assert not at_work(session).is_sandbox
    assert at_work(session).targets()[0].model == "mine"
    assert at_work(session, sandbox=True).config.llm_config.model == "scripted-sandbox"


def test_another_model_can_be_named(session: Session, tmp_path: Path) -> None:
    basis = at_work(bot(session, tmp_path, llm_config=MODEL), model="another")
    assert not basis.is_sandbox
    assert basis.targets()[0].model == "another"
    assert basis.targets()[0].api_base == MODEL["api_base"]


def test_what_the_command_line_says_wins(session: Session) -> None:
    basis = at_work(session, pairs=("ETH/USDT:USDT",), timeframe="1h", wallet=77.0)
    assert basis.pairs == ("ETH/USDT:USDT",)
    assert basis.timeframe == "1h"
    assert basis.settings["dry_run_wallet"] == 77


def test_the_proof_reads_the_same_settings(session: Session) -> None:
    basis = opened(session, LookaheadOptions(pairs=("ETH/USDT:USDT",)))
    assert basis.pairs == ("ETH/USDT:USDT",)


def test_a_live_bot_needs_no_keys_for_its_backtest(session: Session, tmp_path: Path) -> None:
    basis = at_work(bot(session, tmp_path, dry_run=False, llm_config=MODEL))
    assert basis.settings["dry_run"] is True


def test_everything_wrong_is_told_at_once(session: Session, tmp_path: Path) -> None:
    session = bot(session, tmp_path, margin_mode="cross", max_open_trades=0)
    with pytest.raises(ConfigError, match=r"(?s)margin_mode.*max_open_trades"):
        at_work(session)


def test_pairs_that_are_none_are_told(session: Session) -> None:
    with pytest.raises(ConfigError, match=r"--pairs: found BTC, expected"):
        at_work(session, pairs=("BTC",))


def test_a_key_in_the_settings_is_refused(session: Session, tmp_path: Path) -> None:
    session = bot(session, tmp_path, exchange={"key": "canary-key"})
    with pytest.raises(ConfigError, match="move-keys") as caught:
        at_work(session)
    assert "canary" not in str(caught.value)


def test_nothing_that_leads_out_of_the_sandbox_gets_into_it(session: Session) -> None:
    outside = {
        "LLM_API_KEY": "canary",
        "FREQTRADE__EXCHANGE__KEY": "canary",
        "FREQTRADE__LLM_CONFIG__API_BASE": "http://canary/v1",
        "FREQTRADE__DRY_RUN": "false",
    }
    session = Session(session.places, {**session.environment, **outside}, Screen())
    basis = at_work(session, sandbox=True)
    assert "canary" not in repr((basis.settings, basis.environment))
    assert basis.environment["HOME"] == "/nowhere"


def test_the_model_may_be_at_another_address(session: Session) -> None:
    basis = at_work(session).asking_at("http://127.0.0.1:7/v1")
    assert basis.targets()[0].api_base == "http://127.0.0.1:7/v1"
    assert basis.config.llm_config.model == "scripted-sandbox"


def test_a_model_of_one_call_is_not_asked_about_all_pairs_at_once(
    session: Session, tmp_path: Path
) -> None:
    asking = {**read_settings(session.places.settings)["llm_config"]["asking"]}
    change = {"provider": "deepseek", "model": "deepseek-chat", "asking": asking}
    session = bot(session, tmp_path, llm_config=change)
    assert not at_work(session).is_sandbox
