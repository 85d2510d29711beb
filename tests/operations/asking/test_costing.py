import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR, a_trade_record
from costs import an_inquiry, enter
from llm_modules.dialogue import Usage
from llm_modules.errors import JournalError
from llm_modules.llm.spending.ledger import LEDGER_NAME
from llm_modules.operations.asking.costing import CostOptions, show_costs
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import Places
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session

YESTERDAY = NOON - timedelta(days=1)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    places = Places(tmp_path / "user_data")
    places.logs.mkdir(parents=True)
    return Session(places, {}, Screen())


@pytest.fixture
def ledger(session: Session) -> Path:
    return session.places.logs / LEDGER_NAME


def configure(session: Session, **llm: Any) -> None:
    session.places.settings.write_text(json.dumps({"llm_config": llm}), encoding="utf-8")


def shown(session: Session, capsys: pytest.CaptureFixture[str], **options: Any) -> list[str]:
    status = show_costs(session, CostOptions(NOON, **options))
    assert status is ExitStatus.DONE
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def report(session: Session, capsys: pytest.CaptureFixture[str], **options: Any) -> Any:
    show_costs(session, CostOptions(NOON, as_json=True, **options))
    return json.loads(capsys.readouterr().out)


def test_who_never_asked_a_model_is_told_so(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = shown(session, capsys)
    assert line.startswith("No model has been asked yet")
    assert LEDGER_NAME in line
    assert not ledger.exists()
    empty = report(session, capsys)
    assert empty["today"]["requests"] == empty["projection"]["usd"] == 0


def test_today_this_month_and_what_it_will_have_cost_are_told(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(ledger, at=YESTERDAY.replace(hour=0), cost=2.0)
    enter(ledger, cost=0.5, usage=Usage(1000, 100, 620))
    today, month, *_ = shown(session, capsys)
    assert today == (
        "Today (2026-01-15, UTC): 0.5000 USD, 1 requests, 1,100 tokens, 62% of the prompts cached"
    )
    assert month == (
        "This month: 2.5000 USD, 2 requests, 2,200 tokens, 31% of the prompts cached; "
        "projected 36.0000 USD, by the mean of 1 full day"
    )


def test_what_is_left_of_the_budget_is_told(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(session, budget={"usd_per_day": 2.0, "tokens_per_month": 2000})
    enter(ledger, at=YESTERDAY, cost=1.0)
    enter(ledger, cost=0.5)
    lines = shown(session, capsys)
    assert lines[2:4] == [
        "Budget usd_per_day: 0.5000 of 2.0000 spent (25%), 1.5000 left until 2026-01-16 00:00 UTC",
        "Budget tokens_per_month: 2,200 of 2,000 spent (110%), 0 left until 2026-02-01 00:00 UTC",
    ]


@pytest.mark.parametrize("llm", [{}, {"budget": {}}, {"budget": {"usd_per_day": None}}])
def test_a_budget_without_limits_is_told(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str], llm: dict[str, Any]
) -> None:
    configure(session, **llm)
    enter(ledger)
    assert shown(session, capsys)[2] == "Budget: no limit is set."


def test_a_budget_that_cannot_be_read_hides_nothing_else(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(session, budget={"usd_per_day": -1})
    enter(ledger)
    show_costs(session, CostOptions(NOON))
    said = capsys.readouterr()
    assert "llm_config.budget cannot be read" in said.err
    assert "Budget: no limit is set." in said.out
    assert "Today" in said.out


def test_a_decision_and_a_trade_have_a_mean_cost(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(ledger, cost=0.02)
    enter(ledger, cost=0.01)
    enter(ledger, cost=0.03, inquiry=an_inquiry(decision_id="d-2"))
    enter(ledger, cost=1.0, inquiry=an_inquiry(decision_id=""), mode="live")
    midnight = NOON.replace(hour=0)
    first = midnight - timedelta(days=29)
    closed = ((1, first, "dry_run"), (2, NOON, "dry_run"), (3, NOON, "live"))
    old = (4, first - timedelta(seconds=1), "dry_run")
    tomorrow = (5, midnight + timedelta(days=1), "dry_run")
    records = [
        a_trade_record(trade_id=number, closed_at=at, opened_at=at - timedelta(hours=1), mode=mode)
        for number, at, mode in (*closed, old, tomorrow)
    ]
    lines = [record.model_dump_json(by_alias=True) for record in records]
    (session.places.logs / "trade_experience.jsonl").write_text("\n".join(lines) + "\n")
    assert shown(session, capsys)[3:6] == [
        "Per decision: 0.030000 USD (mean of 2)",
        "Per closed trade: 0.0300 USD (dry_run, mean of 2)",
        "Per closed trade: 1.0000 USD (live, mean of 1)",
    ]


def test_without_a_decision_or_a_trade_there_is_no_mean(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(ledger, inquiry=an_inquiry(decision_id=""))
    assert not any(line.startswith("Per ") for line in shown(session, capsys))


def test_a_price_nobody_knows_is_told_in_words_and_marked(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(ledger, cost=None, model="mystery\x1b[2J")
    enter(ledger, cost=None, model="mystery\x1b[2J")
    enter(ledger)
    lines = shown(session, capsys)
    assert "3 requests and 2 of unknown price" in lines[0]
    assert lines[4] == (
        "2 requests are in no sum of money, because nobody knows the price of "
        "'mystery [2J' (2): llm_config.prices takes it."
    )
    assert lines[-1].endswith("0.0100?")


def test_the_table_has_a_row_per_group_and_their_sum(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(ledger, at=YESTERDAY, fault="timeout: late")
    enter(ledger, usage=Usage(1000, 100, 500, None, 40))
    *_, head, header, first, second, whole = shown(session, capsys)
    assert head == "The last 30 days:"
    assert header == "day requests failed prompt cached answer reasoning USD"
    assert first == "2026-01-14 1 1 1,000 0% 100 0 0.0100"
    assert second == "2026-01-15 1 0 1,000 50% 100 40 0.0100"
    assert whole == "all 2 1 2,000 25% 200 40 0.0200"


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("hour", ["2026-01-15 12:00"]),
        ("day", ["2026-01-15"]),
        ("pair", ["-", PAIR]),
        ("model", ["test-model"]),
        ("kind", ["flat", "lesson"]),
    ],
)
def test_costs_are_grouped_as_is_asked(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str], by: Any, expected: list[str]
) -> None:
    enter(ledger)
    enter(ledger, inquiry=an_inquiry(kind="lesson", pair=""))
    lines = shown(session, capsys, by=by)
    rows = lines[lines.index("The last 30 days:") + 2 :]
    named = [row.rsplit(" ", 7)[0] for row in rows]
    assert named == expected + ["all"] * (len(expected) > 1)


@pytest.mark.parametrize(("days", "n"), [(1, 1), (2, 2), (3, 3)])
def test_the_last_days_are_whole_ones_and_end_with_today(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str], days: int, n: int
) -> None:
    enter(ledger, at=NOON.replace(hour=23))
    enter(ledger, at=YESTERDAY.replace(hour=0))
    enter(ledger, at=YESTERDAY.replace(hour=0) - timedelta(milliseconds=1))
    enter(ledger, at=NOON + timedelta(days=1))
    assert report(session, capsys, days=days)["whole"]["requests"] == n
    head = "The last day:" if days == 1 else f"The last {days} days:"
    assert head in shown(session, capsys, days=days)


def test_json_holds_the_same_for_programs(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(session, budget={"usd_per_month": 1.0})
    enter(ledger)
    enter(ledger, cost=None)
    found = report(session, capsys, by="model", days=7)
    assert found["day"] == "2026-01-15"
    assert (found["days"], found["by"]) == (7, "model")
    assert found["month"]["usd"] == 0.01
    assert found["budget"] == [
        {
            "key": "usd_per_month",
            "amount": 1.0,
            "spent": 0.01,
            "left": 0.99,
            "until": "2026-02-01 00:00 UTC",
        }
    ]
    assert [group["name"] for group in found["groups"]] == ["test-model"]
    assert found["unpriced"] == {"test-model": 1}
    assert found["projection"]["method"].startswith("by ")
    assert found["trades"] == []


def test_the_sandbox_is_counted_apart_from_a_real_model(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(session, model="m", budget={"tokens_per_day": 10_000})
    enter(ledger, mode="sandbox", cost=0.0, at=YESTERDAY)
    enter(ledger, mode="sandbox", cost=0.0)
    lines = shown(session, capsys)
    assert lines[0].startswith("Today (2026-01-15, UTC): 0.0000 USD, 0 requests, 0 tokens")
    assert lines[2].startswith("Budget tokens_per_day: 0 of 10,000 spent")
    enter(ledger, cost=0.5)
    lines = shown(session, capsys)
    assert lines[0].startswith("Today (2026-01-15, UTC): 0.5000 USD, 1 requests, 1,100 tokens")
    assert lines[1].endswith("projected 198.5000 USD, by the last 1 h, no day is full yet")
    assert lines[2].startswith("Budget tokens_per_day: 1,100 of 10,000 spent")
    assert lines[4] == (
        "Not counted above, asked in the sandbox: 0.0000 USD, 2 requests, 2,200 tokens, "
        "0% of the prompts cached"
    )
    assert lines[-1].startswith("2026-01-15 1 0 1,000")
    found = report(session, capsys)
    assert (found["is_sandbox"], found["apart"]["requests"]) == (False, 2)


def test_where_only_the_sandbox_was_asked_its_requests_are_shown(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(session, model="", budget={"tokens_per_day": 10_000})
    enter(ledger, mode="sandbox", cost=0.0)
    lines = shown(session, capsys)
    assert lines[0].startswith("Today (2026-01-15, UTC): 0.0000 USD, 1 requests")
    assert lines[2].startswith("Budget tokens_per_day: 1,100 of 10,000 spent")
    assert lines[4] == "All of it was asked in the sandbox, whose model is a program."
    assert report(session, capsys)["is_sandbox"]


def test_a_bot_that_left_its_model_still_sees_what_it_cost(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(session, model="")
    enter(ledger, mode="sandbox", cost=0.0)
    enter(ledger, cost=0.5)
    assert shown(session, capsys)[0].startswith("Today (2026-01-15, UTC): 0.5000 USD, 1 requests")


def test_costs_are_shown_from_a_disk_that_is_read_only(
    session: Session, ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enter(ledger)
    # As there, SQLite cannot make the files that it wants beside it.
    ledger.with_name(f"{ledger.name}-wal").mkdir()
    assert shown(session, capsys)[0].startswith("Today (2026-01-15, UTC): 0.0100 USD")


def test_a_damaged_ledger_is_an_error(session: Session, ledger: Path) -> None:
    ledger.write_bytes(b"no ledger " * 300)
    with pytest.raises(JournalError, match="damaged"):
        show_costs(session, CostOptions(NOON))
