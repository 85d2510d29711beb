"""The screen of `status`, at the widths people have, and piped."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.operations.status.facts import BotFacts, HaltFacts, Process, RefusalFacts
from llm_modules.operations.status.page import age, status_page
from status_scenes import (
    a_bot,
    a_cost,
    a_held_position,
    a_last_decision,
    a_model,
    a_report,
    an_equity,
    some_journals,
)


def page(width: int | None = None, **changes: Any) -> str:
    return "\n".join(line.plain for line in status_page(a_report(**changes), width))


def line(label: str, **changes: Any) -> str:
    """The words behind a label, as they stand in a pipe."""
    found = [one for one in page(**changes).splitlines() if one.startswith(f"{label} ")]
    assert len(found) == 1, found
    return found[0].removeprefix(label).strip()


def style(label: str, **changes: Any) -> str:
    (found,) = (
        one for one in status_page(a_report(**changes), None) if one.plain.startswith(f"{label} ")
    )
    return str(found.spans[0].style) if found.spans else ""


def test_the_whole_screen() -> None:
    assert (
        page()
        == """\
Mode           DRY-RUN: real market and model, simulated money
Up for         2:35:00, since 2026-01-15 09:30 UTC
Processes      supervisor 11, freqtrade 12
API            http://127.0.0.1:8086 answers
Equity         990.00 USDT, 1.00 % below its peak of 1,000.00, today +10.00 (+1.02 %)
Open trades    1
  pair  side  lev   stake  entry  now   profit  stop    open for
  BTC   long   3x  100.00    100  101  +2.88 %  97.5  2 h 03 min
    the trend is up
Last decisions
  pair   age  decided            verdict  confidence  id
  BTC   42 s  signal_entry_long  refused          70  abc123
Refused        3 of 40 in 24 h: MIN_CONFIDENCE 2, COOLDOWN 1
Model          test-model: 40 asked in 24 h, 2 failed (5%), p50 1.5 s, p95 4.25 s
Cost           0.5000 USD today for 40 requests; usd_per_day: 1.5000 of 2.0000 left until \
2026-01-16 00:00 UTC
Journals       sound in the last 120 lines, 12.3 GB free"""
    )


@pytest.mark.parametrize("width", [20, 30, 45, 60, 80, 81, 120])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    lines = list(status_page(a_report(problems=("long " * 40,)), width))
    assert max(one.cell_len for one in lines) <= width


@given(text=st.text(max_size=60), width=st.integers(10, 130))
def test_no_text_from_outside_makes_a_line_wider_or_commands_the_terminal(
    text: str, width: int
) -> None:
    report = a_report(
        positions=(a_held_position(thesis=text, pair=text),),
        decisions=(a_last_decision(pair=text, decision_id=text),),
        halts=(HaltFacts("Halted", text),),
    )
    for one in status_page(report, width):
        assert one.cell_len <= width
        assert one.plain.isprintable()


def test_a_narrow_screen_keeps_what_matters() -> None:
    shown = page(34)
    assert "BTC   long  101  +2.88 %  97.5\n" in shown
    assert "entry" not in shown.replace("signal_entry", "")
    assert "  DRY-RUN: real market and model," in shown
    assert "BTC   42 s  signal_entry_long" in shown


@pytest.mark.parametrize(
    ("mode", "words", "colour"),
    [
        ("sandbox", "SANDBOX: simulated exchange", "bold cyan"),
        ("dry_run", "DRY-RUN: real market", "bold yellow"),
        ("live", "LIVE: real market, real model, REAL MONEY", "bold white on red"),
    ],
)
def test_the_mode_is_told_in_words_and_colour(mode: Any, words: str, colour: str) -> None:
    assert line("Mode", bot=a_bot(mode=mode)).startswith(words)
    assert style("Mode", bot=a_bot(mode=mode)) == colour


def test_a_bot_that_does_not_run_is_told_first_with_how_to_start_it() -> None:
    shown = page(bot=a_bot(running=False, started_at=None, uptime_seconds=None))
    assert shown.startswith("Not running. Start it with ./manage.sh start\n")
    assert "Mode           last DRY-RUN" in shown
    assert "Up for" not in shown
    assert "API " not in shown


def test_a_bot_nothing_is_known_of_has_no_mode() -> None:
    shown = page(bot=a_bot(running=False, mode=None, started_at=None, uptime_seconds=None))
    assert "Mode " not in shown


def test_a_bot_that_has_just_been_started_says_so() -> None:
    assert page(bot=a_bot(started_at=None)).startswith("The bot is starting.\n")


def test_a_silent_api_is_a_warning() -> None:
    silent = a_bot(api_answers=False)
    assert line("API", bot=silent).endswith("is silent: ./manage.sh logs tells why")
    assert style("API", bot=silent) == "yellow"


def test_what_halts_is_an_alarm_before_all_figures() -> None:
    halts = (HaltFacts("Halted", "in live: a drill"), HaltFacts("Flatten", "once"))
    lines = page(halts=halts).splitlines()
    assert lines[4:6] == ["Halted         in live: a drill", "Flatten        once"]
    assert style("Halted", halts=halts) == "bold red"


def test_problems_are_told() -> None:
    assert line("Problem", problems=(".env, line 3: expected NAME=value",)).startswith(".env")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"drawdown_ratio": 0.0}, "990.00 USDT, at its peak, today +10.00 (+1.02 %)"),
        ({"drawdown_ratio": -0.00004}, "990.00 USDT, at its peak, today +10.00 (+1.02 %)"),
        (
            {"drawdown_ratio": -0.00005},
            "990.00 USDT, 0.01 % below its peak of 1,000.00, today +10.00 (+1.02 %)",
        ),
        ({"drawdown_ratio": None, "day_profit_abs": None}, "990.00 USDT"),
        (
            {"drawdown_ratio": None, "day_profit_abs": None, "source": "journal"},
            "990.00 USDT, as of the last decision, 2026-01-15 12:05 UTC",
        ),
    ],
)
def test_the_equity_says_what_is_known(changes: dict[str, Any], words: str) -> None:
    assert line("Equity", account=an_equity(**changes)) == words


@pytest.mark.parametrize(("profit", "colour"), [(1.0, "green"), (-1.0, "red"), (0.0, "")])
def test_a_days_result_has_its_colour(profit: float, colour: str) -> None:
    assert style("Equity", account=an_equity(day_profit_abs=profit)) == colour


def test_an_unknown_account_has_no_line() -> None:
    assert "Equity" not in page(account=None)


def test_unknown_positions_are_not_none() -> None:
    assert line("Open trades", positions=None) == "unknown: neither API nor database tell"
    assert line("Open trades", positions=()) == "0"
    assert "stake" not in page(positions=())


def test_a_stored_position_has_no_price_of_now() -> None:
    stored = a_held_position(current_rate=None, profit_ratio=None, stop_price=None, thesis=None)
    shown = page(positions=(stored,))
    assert "  BTC   long   3x  100.00    100    -       -     -  2 h 03 min\nLast" in shown


def test_no_decision_yet_and_nothing_asked() -> None:
    nothing = a_model(asked=0, failed=0, error_ratio=None)
    shown = page(decisions=(), model=nothing, refusals=RefusalFacts(0, {}))
    assert "Last decision  none yet" in shown
    assert "Model          test-model: nothing asked in 24 h" in shown
    assert "Refused        nothing in 24 h" in shown


def test_a_decision_without_a_call_says_so() -> None:
    shown = page(decisions=(a_last_decision(tool=None, verdict="failed", confidence=None),))
    assert "  BTC   42 s  no call  failed            -  abc123" in shown


def test_a_model_that_never_answered_has_no_latency() -> None:
    model = a_model(asked=0, failed=3, error_ratio=1.0, latency_p50_seconds=None, name=None)
    assert line("Model", model=model) == "0 asked in 24 h, 3 failed (100%)"
    assert style("Model", model=model) == "yellow"
    assert style("Model", model=a_model(failed=0)) == ""


def test_failures_without_a_share_are_still_told() -> None:
    assert line("Model", model=a_model(error_ratio=None)).startswith(
        "test-model: 40 asked in 24 h, 2 failed, p50"
    )


def test_what_stood_in_for_the_model_is_counted() -> None:
    model = a_model(fallback=4, breaker=3, over_budget=2, skipped=1_000)
    assert line("Model", model=model).endswith(
        "4 answered by a fallback, 3 not put because a server keeps failing, "
        "2 not put because the budget was spent, 1,000 skipped to spare"
    )


def test_costs_tell_what_is_left_and_what_is_unknown() -> None:
    assert line("Cost", cost=None) == "unknown"
    words = line("Cost", cost=a_cost(unpriced=5, budget=()))
    assert words == "0.5000 USD today for 40 requests, 5 of unknown price; no budget is set"
    (limit,) = a_cost().budget
    tokens = type(limit)("tokens_per_month", 1e6, 1e6, 0.0, "2026-02-01 00:00 UTC")
    spent = a_cost(budget=(limit, tokens))
    assert line("Cost", cost=spent).endswith(
        "; tokens_per_month: 0 of 1,000,000 left until 2026-02-01 00:00 UTC"
    )
    assert style("Cost", cost=spent) == "bold red"
    assert style("Cost") == ""


def test_the_journals_tell_what_is_wrong_and_what_to_do() -> None:
    sick = some_journals(
        unreadable_lines=2, torn_files=("x.torn-1",), problems=("no rights",), disk_free_bytes=None
    )
    assert line("Journals", journals=sick) == (
        "no rights; 2 lines cannot be read; a crash left x.torn-1: ./manage.sh verify"
    )
    assert style("Journals", journals=sick) == "yellow"
    assert style("Journals") == "green"


def test_a_day_too_long_to_be_read_whole_is_told() -> None:
    journals = some_journals(is_cut=True)
    assert "in the last 120 lines, which is not the whole day, 12.3 GB" in page(journals=journals)


def test_learning_that_is_off_is_told_with_the_setting() -> None:
    assert "Learning" not in page()
    off = ("experience_config.enabled", "experience_config.log_trades")
    assert line("Learning", learning_off=off) == (
        "off: experience_config.enabled is false, experience_config.log_trades is false"
    )


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h 00 min"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(hours=48), "2 d"),
    ],
)
def test_an_age_is_told_to_the_unit_that_matters(span: timedelta, words: str) -> None:
    assert age(span.total_seconds()) == words


def test_a_bot_that_rests_tells_what_a_start_would_be_and_what_was_left_behind() -> None:
    left = (Process("freqtrade", 12),)
    bot = BotFacts(running=False, mode=None, starts_as="live", processes=left)
    assert line("Would start as", bot=bot) == "LIVE: real market, real model, REAL MONEY"
    words = "freqtrade 12: an earlier run was killed; ./manage.sh stop ends them"
    assert line("Left behind", bot=bot) == words


def test_a_budget_nobody_can_read_is_not_no_budget() -> None:
    words = line("Cost", cost=a_cost(budget=None))
    assert words == "0.5000 USD today for 40 requests; the budget cannot be read"


def test_journals_without_a_line_are_not_called_sound() -> None:
    assert line("Journals", journals=some_journals(lines=0)).startswith("none yet")
