"""What `status` gathers: from the API while the bot runs, from files while it does not."""

import json
import os
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freqtrade.persistence import Trade

from builders import NOON, PAIR, a_decision_record
from costs import enter
from freqtrade_api import (
    BALANCE,
    PASSWORD,
    PING,
    STATUS,
    THESES,
    FreqtradeApi,
    a_balance,
    an_open_trade,
)
from llm_modules.gate.risk_state import RiskState, state_name
from llm_modules.operations.session import Session
from llm_modules.operations.status import health
from llm_modules.operations.status.facts import BotFacts, Process, StatusReport
from llm_modules.operations.status.gathering import gather
from llm_modules.operations.status.stored import stored_positions
from status_scenes import NOW, STARTED_AT, a_running_bot, refused, tell
from stored_trades import a_trade, let_go_of_database, open_database

DATABASE = "tradesv3.dryrun.sqlite"


def report(session: Session) -> StatusReport:
    return gather(session, NOW)


def running(session: Session, api: FreqtradeApi) -> StatusReport:
    with a_running_bot(session.places, "dry_run", api.port):
        return report(session)


def settings(session: Session, **changes: Any) -> None:
    """Write settings with nothing but these."""
    session.places.settings.write_text(json.dumps(changes), encoding="utf-8")


def save_state(session: Session, **changes: Any) -> None:
    path = session.places.logs / state_name("dry_run")
    path.parent.mkdir(exist_ok=True)
    values = {"peak_equity": 1000.0, "day": NOW.date(), "day_start_equity": 980.0}
    path.write_text(RiskState(**(values | changes)).model_dump_json(), encoding="utf-8")


def last_seen(session: Session, **changes: Any) -> None:
    record = a_decision_record(**({"mode": "dry_run", "equity": 900.0} | changes))
    tell(session.journals().decisions, record)


def test_a_folder_without_anything_is_a_bot_that_does_not_run(session: Session) -> None:
    found = report(session)
    assert (found.bot.running, found.bot.mode, found.bot.started_at) == (False, None, None)
    assert (found.account, found.positions, found.decisions) == (None, (), ())
    assert (found.halts, found.problems, found.learning_off) == ((), (), ())
    assert found.cost is not None
    assert found.cost.requests == 0


def test_looking_makes_no_file(session: Session) -> None:
    before = sorted(session.places.user_data.rglob("*"))
    report(session)
    assert sorted(session.places.user_data.rglob("*")) == before


def test_a_running_bot_tells_since_when_and_where(session: Session, api: FreqtradeApi) -> None:
    bot = running(session, api).bot
    assert (bot.running, bot.mode, bot.started_at) == (True, "dry_run", STARTED_AT)
    assert bot.uptime_seconds == (NOW - STARTED_AT).total_seconds()
    assert [one.name for one in bot.processes] == ["supervisor"]
    assert (bot.api_address, bot.api_answers) == (f"http://127.0.0.1:{api.port}", True)


def test_equity_is_the_balance_and_every_open_profit(session: Session, api: FreqtradeApi) -> None:
    save_state(session)
    api.answers[STATUS] = [an_open_trade(), an_open_trade(trade_id=8, profit_abs=-12.88)]
    account = running(session, api).account
    assert account is not None
    assert (account.source, account.at, account.currency) == ("api", NOW, "USDT")
    assert account.equity == pytest.approx(980.0)
    assert account.drawdown_ratio == pytest.approx(-0.02)
    assert (account.peak_equity, account.day_start_equity) == (1000.0, 980.0)
    assert (account.day_profit_abs, account.day_profit_ratio) == pytest.approx((0.0, 0.0))


def test_a_peak_higher_than_the_saved_one_is_the_peak(session: Session, api: FreqtradeApi) -> None:
    save_state(session, peak_equity=990.0)
    account = running(session, api).account
    assert account is not None
    assert (account.peak_equity, account.drawdown_ratio) == (account.equity, 0.0)


@pytest.mark.parametrize(
    "changes", [{"day": None}, {"day": NOON.date() - timedelta(days=1)}, {"day_start_equity": 0}]
)
def test_a_day_that_is_not_this_one_has_no_result(
    session: Session, api: FreqtradeApi, changes: dict[str, Any]
) -> None:
    save_state(session, **changes)
    account = running(session, api).account
    assert account is not None
    assert (account.day_start_equity, account.day_profit_abs) == (None, None)


@pytest.mark.parametrize("text", [None, "{"])
def test_without_a_saved_state_there_is_no_peak(
    session: Session, api: FreqtradeApi, text: str | None
) -> None:
    path = session.places.logs / state_name("dry_run")
    path.parent.mkdir()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    account = running(session, api).account
    assert account is not None
    assert (account.peak_equity, account.drawdown_ratio) == (None, None)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (BALANCE, 500),
        (BALANCE, a_balance(stake="EUR")),
        (STATUS, 500),
        (STATUS, [an_open_trade(profit_abs=None)]),
        (PING, 500),
    ],
)
def test_an_api_that_does_not_tell_leaves_the_last_decisions_equity(
    session: Session, api: FreqtradeApi, question: str, answer: Any
) -> None:
    last_seen(session)
    save_state(session)
    api.answers[question] = answer
    account = running(session, api).account
    assert account is not None
    assert (account.source, account.currency) == ("journal", "USDT")
    assert (account.equity, account.at) == (900.0, NOON + timedelta(seconds=2))
    assert account.drawdown_ratio == pytest.approx(-0.1)


def test_a_position_has_the_reason_it_was_opened_for(session: Session, api: FreqtradeApi) -> None:
    short = an_open_trade(trade_id=8, is_short=True, leverage=None)
    api.answers[STATUS] = [an_open_trade(), short]
    positions = running(session, api).positions
    assert positions is not None
    first, second = positions
    assert (first.side, first.leverage, first.thesis) == ("long", 3.0, "the trend is up")
    assert (first.decision_id, first.stop_price, first.opened_at) == ("d-1", 97.5, NOON)
    assert (second.side, second.leverage, second.thesis) == ("short", 1.0, None)


def test_nothing_open_asks_for_no_thesis(session: Session, api: FreqtradeApi) -> None:
    api.answers[STATUS] = []
    assert running(session, api).positions == ()
    assert THESES not in api.asked


def test_a_silent_api_is_asked_once(session: Session, api: FreqtradeApi) -> None:
    api.answers[PING] = 500
    found = running(session, api)
    assert (found.bot.running, found.bot.api_answers) == (True, False)
    assert api.asked == [PING]


def test_a_bot_whose_record_is_not_written_yet_is_starting(session: Session) -> None:
    with a_running_bot(session.places, "dry_run", 1):
        (session.places.run / "bot.json").unlink()
        bot = report(session).bot
    assert (bot.running, bot.started_at) == (True, None)


@pytest.fixture
def stored(session: Session) -> Callable[[], Path]:
    """Freqtrade's own database with one open and one closed trade, at rest."""

    def write() -> Path:
        path = session.places.user_data / DATABASE
        open_database(path)
        held, closed = a_trade(), a_trade(is_short=True)
        held.stop_loss, closed.is_open = 97.5, False
        held.set_custom_data("thesis", {"decision_id": "d-1", "reason": "the trend is up"})
        Trade.commit()
        let_go_of_database()
        return path

    return write


def test_a_stopped_bots_positions_are_those_of_its_database(
    session: Session, stored: Callable[[], Path]
) -> None:
    stored()
    last_seen(session)
    found = report(session)
    assert found.bot.mode == "dry_run"
    assert found.positions is not None
    (held,) = found.positions
    assert (held.trade_id, held.pair, held.side, held.leverage) == (1, PAIR, "long", 4.0)
    assert (held.stake_amount, held.open_rate, held.stop_price) == (25.0, 100.0, 97.5)
    assert (held.opened_at, held.current_rate, held.profit_abs) == (NOON, None, None)
    assert (held.decision_id, held.thesis) == ("d-1", "the trend is up")


@pytest.mark.parametrize("thesis", ["{", "[1]", '{"decision_id": 1, "reason": "x"}', "null"])
def test_a_thesis_that_is_none_costs_no_position(
    stored: Callable[[], Path], thesis: str | None
) -> None:
    path = stored()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE trade_custom_data SET cd_value = ?", (thesis,))
        database.execute("UPDATE trades SET stop_loss = NULL, is_short = 1, leverage = NULL")
    found = stored_positions(path)
    assert found is not None
    (held,) = found
    assert (held.thesis, held.decision_id, held.stop_price) == (None, None, None)
    assert (held.side, held.leverage) == ("short", 1.0)


@pytest.mark.parametrize("content", [b"no database", b""])
def test_a_damaged_database_does_not_tell_positions(session: Session, content: bytes) -> None:
    last_seen(session)
    (session.places.user_data / DATABASE).write_bytes(content)
    assert report(session).positions is None


def test_a_database_that_holds_what_is_no_trade_does_not_tell(stored: Callable[[], Path]) -> None:
    path = stored()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE trades SET stake_amount = 'much'")
    assert stored_positions(path) is None


def test_decisions_of_another_mode_are_not_those_of_this_bot(
    session: Session, api: FreqtradeApi
) -> None:
    live = a_decision_record(mode="live", pair="ETH/USDT:USDT")
    tell(session.journals().decisions, live, refused("COOLDOWN", mode="dry_run"))
    found = running(session, api)
    assert [one.pair for one in found.decisions] == [PAIR]
    assert found.refusals.by_reason == {"COOLDOWN": 1}
    assert found.journals.lines == 2


def test_the_models_name_is_that_of_the_settings(session: Session, api: FreqtradeApi) -> None:
    settings(session, llm_config={"model": "main", "asking": {"cheap_model": "cheap"}})
    answers = [
        a_decision_record(mode="dry_run", model=name, attempts=1)
        for name in ("main", "cheap", "other")
    ]
    tell(session.journals().decisions, *answers)
    model = running(session, api).model
    assert (model.name, model.asked, model.fallback) == ("main", 3, 1)
    settings(session, llm_config={"model": "main", "asking": {"cheap_model": ""}})
    assert running(session, api).model.fallback == 2


def test_in_the_sandbox_another_model_answers_than_the_configured_one(session: Session) -> None:
    settings(session, llm_config={"model": "main"})
    tell(session.journals().decisions, a_decision_record(model="scripted", attempts=1))
    model = report(session).model
    assert (model.name, model.fallback) == ("scripted", 0)


def test_costs_of_the_sandbox_and_of_real_models_are_kept_apart(session: Session) -> None:
    budget = {"usd_per_day": 2.0, "tokens_per_month": 1000}
    settings(session, llm_config={"model": "main", "budget": budget})
    path = session.journals().tape.with_name("llm_costs.sqlite")
    path.parent.mkdir(parents=True)
    enter(path, at=NOW, mode="live", cost=0.5)
    enter(path, at=NOW, mode="sandbox", cost=9.0)
    enter(path, at=NOW - timedelta(days=1), mode="live", cost=7.0)
    last_seen(session, mode="live")
    cost = report(session).cost
    assert cost is not None
    assert (cost.requests, cost.today_usd) == (1, 0.5)
    day, month = cost.budget
    assert (day.key, day.spent, day.left, day.until) == (
        "usd_per_day",
        0.5,
        1.5,
        "2026-01-16 00:00 UTC",
    )
    assert (month.key, month.spent > 0) == ("tokens_per_month", True)
    last_seen(session, mode="sandbox")
    cost = report(session).cost
    assert cost is not None
    assert cost.today_usd == 9.0


def test_a_damaged_ledger_is_a_problem_and_not_the_end(session: Session) -> None:
    path = session.journals().tape.with_name("llm_costs.sqlite")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    found = report(session)
    assert found.cost is None
    assert "llm_costs.sqlite" in found.problems[0]


def test_a_malformed_env_file_does_not_hide_a_halt(session: Session, api: FreqtradeApi) -> None:
    session.places.env_file.write_text("not an assignment\n", encoding="utf-8")
    (session.places.user_data / "HALT").touch()
    found = running(session, api)
    assert found.bot.running
    assert not found.bot.api_answers
    assert [one.name for one in found.halts] == ["Halted"]
    assert "line 1" in found.problems[0]


def test_a_journal_that_is_no_file_is_a_problem_and_not_the_end(session: Session) -> None:
    session.journals().decisions.mkdir(parents=True)
    found = report(session)
    assert found.decisions == ()
    assert found.problems[0].startswith("the decisions cannot be read: ")


def test_learning_that_is_off_names_its_settings(session: Session) -> None:
    off = {"enabled": False, "log_trades": True, "reward_learning": False}
    settings(session, experience_config=off)
    assert report(session).learning_off == (
        "experience_config.enabled",
        "experience_config.reward_learning",
    )


def test_torn_and_unreadable_lines_are_told_as_journal_health(session: Session) -> None:
    path = session.journals().trades
    tell(session.journals().decisions, "torn", a_decision_record())
    path.with_name(f"{path.name}.torn-20260115T120000").touch()
    journals = report(session).journals
    assert (journals.lines, journals.unreadable_lines) == (2, 1)
    assert journals.torn_files == (f"{path.name}.torn-20260115T120000",)
    assert journals.disk_free_bytes is not None
    assert journals.disk_free_bytes > 0


def test_a_full_disk_and_missing_rights_are_told(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(session.journals().decisions, a_decision_record())
    monkeypatch.setattr(health, "COMFORTABLE_BYTES", 1 << 80)
    # Root may write everywhere: the answer of the system stands in for its rights.
    monkeypatch.setattr(health.os, "access", lambda *_: False)
    problems = report(session).journals.problems
    assert problems[0].endswith("llm_decisions.jsonl cannot be read and written by this user")
    assert problems[1].endswith("logs cannot be written by this user")
    assert problems[2].startswith("only ")
    assert problems[2].endswith(" MB are free on the disk of the journals")
    assert len(problems) == 3


def test_no_secret_is_in_a_report(session: Session, api: FreqtradeApi) -> None:
    assert PASSWORD not in repr(running(session, api))


def test_a_budget_nobody_can_read_is_a_problem_and_not_no_budget(session: Session) -> None:
    settings(session, llm_config={"budget": {"usd_per_day": "much"}})
    found = report(session)
    assert found.cost is not None
    assert found.cost.budget is None
    assert found.problems[0].startswith("llm_config.budget cannot be read")


def test_of_a_bot_that_rests_the_mode_of_its_start_and_what_was_left_are_told(
    session: Session,
) -> None:
    with a_running_bot(session.places, "sandbox", 8086):
        record = session.places.run.joinpath("bot.json").read_text(encoding="utf-8")
    assert report(session).bot == BotFacts(running=False, mode=None, starts_as="sandbox")
    # As a supervisor that was killed leaves it: this very process is what it started.
    session.places.run.joinpath("bot.json").write_text(record, encoding="utf-8")
    assert report(session).bot.processes == (Process("supervisor", os.getpid()),)
