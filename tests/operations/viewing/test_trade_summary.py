from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_trade_record
from costs import enter
from llm_modules.llm.spending.ledger import LEDGER_NAME
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.records.net_result import result_curve
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.trade_summary import Period, show_trade_summary

ETH = "ETH/USDT:USDT"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    places = Places(tmp_path / "user_data")
    places.logs.mkdir(parents=True)
    return Session(places, {}, Screen())


def write(session: Session, *trades: dict[str, Any]) -> None:
    """Write trades, each closed so many hours before noon and one with its number."""
    lines = []
    for number, changes in enumerate(trades, 1):
        closed = NOON - timedelta(hours=number)
        values = {"trade_id": number, "opened_at": closed - timedelta(hours=1), "closed_at": closed}
        lines.append(a_trade_record(**(values | changes)).model_dump_json(by_alias=True))
    path = session.places.logs / "trade_experience.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def shown(
    session: Session, capsys: pytest.CaptureFixture[str], mode: Any = None, days: int = 30
) -> list[str]:
    status = show_trade_summary(session, Period(mode, days, NOON))
    assert status is ExitStatus.DONE
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_all_trades_are_summed_up_with_every_breakdown(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        session,
        {"profit_ratio": 0.04, "profit_abs": 4.0},
        {"profit_ratio": -0.02, "pair": ETH, "side": "short", "exit_reason": "stop_loss"},
    )
    first, *rows = shown(session, capsys)
    assert first == (
        "sandbox, closed in the last 30 days: 2 trades, 50% won, mean +1.00%, profit factor 2.00, "
        "expectancy +0.50 of the mean loss"
    )
    assert rows[0] == "trades won mean % mean win % mean loss %"
    assert rows[1:4] == [
        "pair",
        f"{PAIR} 1 100% +4.00 +4.00 -",
        f"{ETH} 1 0% -2.00 - -2.00",
    ]
    for row in (
        "long 1 100% +4.00 +4.00 -",
        "short 1 0% -2.00 - -2.00",
        "06-12 2 50% +1.00 +4.00 -2.00",
        "1-3x 2 50% +1.00 +4.00 -2.00",
        "70-84 2 50% +1.00 +4.00 -2.00",
        "signal_exit 1 100% +4.00 +4.00 -",
        "stop_loss 1 0% -2.00 - -2.00",
    ):
        assert row in rows
    for title in (
        "side",
        "market at entry",
        "hour of entry (UTC)",
        "leverage",
        "confidence",
        "exit",
    ):
        assert title in rows


def test_without_a_loss_no_measure_divides_by_it(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {"profit_ratio": 0.04})
    assert shown(session, capsys)[0].endswith("1 trades, 100% won, mean +4.00%, no loss")


@pytest.mark.parametrize(("hours", "n"), [(24, 1), (25, 0)])
def test_what_closed_before_the_period_does_not_count(
    session: Session, capsys: pytest.CaptureFixture[str], hours: int, n: int
) -> None:
    closed = NOON - timedelta(hours=hours)
    write(session, {"closed_at": closed, "opened_at": closed - timedelta(hours=1)})
    (first, *_) = shown(session, capsys, days=1)
    assert ("1 trades" in first) is bool(n)
    assert first.startswith("No trade in ") is not bool(n)


def test_modes_are_kept_apart_and_the_newest_is_shown_unless_one_is_named(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {"mode": "dry_run"}, {"mode": "sandbox"}, {"mode": "sandbox"})
    assert shown(session, capsys)[0].startswith("dry_run, closed in the last 30 days: 1 trades")
    assert "sandbox, closed in the last 30 days: 2 trades" in shown(session, capsys, "sandbox")[0]
    assert shown(session, capsys, "live")[0].startswith("No live trade in ")


def test_a_bot_that_never_traded_is_told_so(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = shown(session, capsys)
    assert line.endswith("was closed in the last 30 days.")


def test_unreadable_lines_are_told(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    write(session, {})
    path = session.places.logs / "trade_experience.jsonl"
    path.write_text("torn\n" + path.read_text())
    show_trade_summary(session, Period(None, 30, NOON))
    said = capsys.readouterr()
    assert "1 unreadable lines" in said.err
    assert "1 trades" in said.out


def test_a_name_from_the_file_cannot_command_the_terminal(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {"exit_reason": "\x1b[2Jgone"})
    assert not any("\x1b" in line for line in shown(session, capsys))


def test_what_the_model_cost_is_told_and_taken_off_the_result(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {"profit_abs": 5.0}, {"profit_abs": -2.0}, {"profit_abs": 9.0, "mode": "live"})
    ledger = session.places.logs / LEDGER_NAME
    enter(ledger, mode="sandbox", at=NOON - timedelta(hours=3), cost=0.5)
    enter(ledger, mode="sandbox", at=NOON - timedelta(minutes=1), cost=0.25)
    enter(ledger, mode="live", at=NOON - timedelta(hours=3), cost=100.0)
    _, cost, net, *_ = shown(session, capsys, "sandbox")
    assert cost == "model cost: 0.7500 USD for 2 requests"
    assert net == (
        "result net of model cost: +2.2500, gross +3.0000, lowest on the way -2.5000 "
        "(the stake currency taken for US dollars)"
    )


def test_without_a_request_in_the_period_nothing_is_said_of_costs(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {})
    ledger = session.places.logs / LEDGER_NAME
    assert not any("cost" in line for line in shown(session, capsys))
    assert not ledger.exists()
    enter(ledger, mode="sandbox", at=NOON - timedelta(days=2))
    assert not any("cost" in line for line in shown(session, capsys, days=1))
    assert any("cost" in line for line in shown(session, capsys, days=3))


def test_requests_of_unknown_price_are_told(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {})
    ledger = session.places.logs / LEDGER_NAME
    enter(ledger, mode="sandbox", at=NOON - timedelta(hours=1), cost=None)
    _, cost, *_ = shown(session, capsys)
    assert cost == "model cost: 0.0000 USD for 1 requests, 1 of unknown price not in it"


def test_a_damaged_ledger_is_told_and_the_statistics_go_on(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    write(session, {})
    (session.places.logs / LEDGER_NAME).write_bytes(b"no ledger " * 300)
    _, cost, *rows = shown(session, capsys)
    assert cost.startswith("model cost: unknown, ")
    assert "damaged" in cost
    assert "pair" in rows


def test_a_result_counts_each_trade_of_its_mode_and_time_once() -> None:
    closed = NOON - timedelta(hours=1)
    records = (
        a_trade_record(trade_id=1, profit_abs=1.0, closed_at=closed),
        a_trade_record(trade_id=1, profit_abs=1.0, closed_at=closed),
        a_trade_record(trade_id=2, profit_abs=2.0, closed_at=NOON - timedelta(hours=2)),
        a_trade_record(trade_id=3, profit_abs=4.0, closed_at=NOON - timedelta(hours=9)),
        a_trade_record(trade_id=4, profit_abs=8.0, closed_at=NOON + timedelta(seconds=1)),
        a_trade_record(trade_id=5, profit_abs=16.0, mode="live", closed_at=closed),
    )
    lines = [record.model_dump_json(by_alias=True).encode() for record in records]
    since = NOON - timedelta(hours=5)
    assert result_curve([*lines, b"torn", b"{}"], "sandbox", since, NOON) == [
        (since, 0.0),
        (NOON - timedelta(hours=2), 2.0),
        (closed, 3.0),
        (NOON, 3.0),
    ]
