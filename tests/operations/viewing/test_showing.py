import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, PAIR, a_decision_record, a_trade_record
from journaling import a_log, drain
from llm_modules.cli import commands as cli
from llm_modules.journal.records import (
    Approved,
    HaltRecord,
    LessonRecord,
    Line,
    OutcomeRecord,
    Reason,
    Reflection,
)
from llm_modules.llm.tape import Tape
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.session import Session
from llm_modules.operations.viewing import showing
from llm_modules.operations.viewing.pages import story_page
from llm_modules.operations.viewing.showing import show_decision, show_reviews, show_trade
from llm_modules.operations.viewing.story import Story, TapedAttempt, story_of
from status_scenes import a_held_position

NAME = "260115120000-BTC-abc123"
RULES = "You trade futures.\nBe careful."
TOOLS = [
    {"type": "function", "function": {"name": name}} for name in ("signal_wait", "signal_hold")
]
CALL = {"id": "c1", "function": {"name": "signal_wait", "arguments": '{"pair": "X"}'}}
ANSWER = {"choices": [{"message": {"role": "assistant", "tool_calls": [CALL]}}]}

Captured = pytest.CaptureFixture[str]


def a_request(*texts: str, **changes: Any) -> dict[str, Any]:
    messages = [
        {"role": role, "content": text}
        for role, text in zip(("system", "user"), (RULES, *texts), strict=False)
    ]
    base = {"provider": "hash", "model": "test-model", "messages": messages, "temperature": 0.6}
    return base | {"tools": TOOLS, "tool_choice": "required"} | changes


def taped(
    session: Session,
    request: dict[str, Any],
    answer: dict[str, Any] | None = ANSWER,
    error: str | None = None,
) -> str:
    with closing(Tape(session.journals().tape)) as tape:
        return tape.record(request, answer, error=error, at=NOON, latency_seconds=0.25)


def told(session: Session, *decisions: Line, trades: tuple[Line, ...] = ()) -> None:
    """Write both journals anew."""
    journals = session.journals()
    for path, lines in ((journals.decisions, decisions), (journals.trades, trades)):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{line.model_dump_json(by_alias=True)}\n" for line in lines)
        path.write_text(text, encoding="utf-8")


def an_outcome(**changes: Any) -> OutcomeRecord:
    values: dict[str, Any] = {
        "decision_id": NAME,
        "at": NOON + timedelta(seconds=9),
        "pair": PAIR,
        "tool": "signal_entry_long",
        "outcome": "filled",
        "trade_id": 7,
        "detail": "at 100.5",
    }
    return OutcomeRecord(**(values | changes))


def a_lesson(**changes: Any) -> LessonRecord:
    trade = a_trade_record()
    values: dict[str, Any] = {
        "at": trade.at + timedelta(minutes=1),
        "mode": "sandbox",
        "trade_id": 7,
        "opened_at": trade.opened_at,
        "pair": PAIR,
        "model": "cheap-model",
        "text": "sell sooner",
    }
    return LessonRecord(**(values | changes))


def entered(**changes: Any) -> Any:
    """The trade that the decision opened."""
    entry = a_trade_record().entry
    assert entry is not None
    return a_trade_record(entry=entry.model_copy(update={"decision_id": NAME}), **changes)


def a_decision(**changes: Any) -> Any:
    return a_decision_record(**({"decision_id": NAME, "prompt_hash": "p"} | changes))


def page(session: Session, capsys: Captured, piece: str = NAME) -> str:
    assert show_decision(session, piece) is ExitStatus.DONE
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_decision_is_shown_whole(session: Session, capsys: Captured) -> None:
    attempt = taped(session, a_request("what now?"))
    told(
        session,
        a_decision_record(),
        HaltRecord(at=NOON, mode="sandbox", event="halted", text=NAME, equity=None),
        a_decision(
            tool="signal_entry_long",
            status="clamped",
            call={"confidence_score": 70.0, "reason": "breakout", "stop_price": None},
            reasons=(
                Reason(
                    code="MAX_POSITION",
                    text="too much",
                    kind="clamp",
                    field="stake_amount",
                    before=500.0,
                    after=200.0,
                ),
                Reason(code="NEAR", text="close to support", kind="remark"),
            ),
            approved=Approved(leverage=3.0, stake_amount=200.0, stop_price=97.5),
            attempts=1,
            latency_seconds=0.5,
            prompt_tokens=1000,
            completion_tokens=50,
            tape_ids=(attempt,),
        ),
        an_outcome(),
        an_outcome(decision_id="d-1", detail="of another"),
        trades=(a_trade_record(trade_id=6), entered(), a_lesson(), a_lesson(trade_id=6)),
    )
    assert (
        page(session, capsys)
        == f"""\
Decision {NAME}
  BTC/USDT:USDT, flat, candle 2026-01-15 12:00 UTC, decided 12:00:02
  sandbox, model test-model; requests 1, 0.5 s, tokens 1000 + 50
  clamped: signal_entry_long

Asked (1 of 1: {attempt})
  2026-01-15 12:00:00 UTC, model test-model, attempt 1; temperature 0.6, tool_choice required
  system
    You trade futures.
    Be careful.
  user
    what now?
  tools: signal_wait, signal_hold

Answered after 0.25 s
  {{
    "choices": [
      {{
        "message": {{
          "role": "assistant",
          "tool_calls": [
            {{
              "function": {{
                "arguments": "{{\\"pair\\": \\"X\\"}}",
                "name": "signal_wait"
              }},
              "id": "c1"
            }}
          ]
        }}
      }}
    ]
  }}

Validation
  - the answer was a usable call

Called signal_entry_long
  confidence_score  70
  reason            breakout
  stop_price        none

Verdict
  - clamp stake 500->200 (MAX_POSITION)
  - remark NEAR: close to support
  - all other checks had nothing to say

Approved
  leverage 3x, stake 200, stop 97.5

What became of it
  2026-01-15 12:00:09 UTC filled, trade 7: at 100.5

Orders
  Not to be shown: there is no {session.places.user_data}/tradesv3.sandbox.sqlite

Trade 7, opened by it
  long 3x, 2026-01-15 09:00 to 2026-01-15 11:00 UTC, signal_exit
  profit +5.80% (+5.8), grade A
  - won 5.8 %
  - keep the stop
  - worded by cheap-model: sell sooner
"""
    )


def test_a_failed_decision_shows_fault_and_every_attempt(
    session: Session, capsys: Captured
) -> None:
    first = taped(session, a_request("what now?"), None, "server_error: oops")
    second = taped(session, a_request("what now?"), None, "abandoned: too late")
    told(
        session,
        a_decision(
            status="failed",
            tool=None,
            call={},
            fault="timeout: no answer",
            facts={},
            tape_ids=(first, second),
        ),
    )
    out = page(session, capsys)
    assert "  failed: no call\n" in out
    assert f"Asked (1 of 2: {first})" in out
    assert "  server_error: oops\n" in out
    assert f"Asked (2 of 2: {second})" in out
    assert "attempt 2" in out
    assert out.count("what now?") == 1
    assert "  the same prompt again\n" in out
    assert out.endswith("\nVerdict\n  - timeout: no answer\n")
    assert "tokens ? + ?" in out


def test_a_repair_shows_only_what_it_adds(session: Session, capsys: Captured) -> None:
    question = "what now?\nrows"
    tape_ids = (
        taped(session, a_request(question)),
        taped(session, a_request(f"{question}\n\nYour last answer was not used.")),
        taped(session, a_request("another question", tools=[])),
    )
    told(session, a_decision(tape_ids=tape_ids, problems=("leverage: too high", "x")))
    out = page(session, capsys)
    assert out.count("what now?") == out.count("You trade futures.") == 1
    assert (
        "  system: as before\n  user: as before, and then\n\n\n"
        "    Your last answer was not used.\n" in out
    )
    assert "  user\n    another question\n  tools: none\n" in out
    assert (
        "\nValidation\n  - leverage: too high\n  - x\n"
        "  - after that the answer was a usable call\n" in out
    )


def test_answers_none_of_which_was_usable_say_so(session: Session, capsys: Captured) -> None:
    told(session, a_decision(status="failed", tool=None, call={}, problems=("no call",)))
    assert "\nValidation\n  - no call\n  - no answer was a usable call\n" in page(session, capsys)


def test_a_decision_that_every_check_let_pass_says_so(session: Session, capsys: Captured) -> None:
    told(session, a_decision())
    assert page(session, capsys).endswith("\nVerdict\n  - all checks had nothing to say\n")


def test_an_attempt_that_is_lost_does_not_hide_the_others(
    session: Session, capsys: Captured
) -> None:
    found = taped(session, a_request("what now?"))
    told(session, a_decision(tape_ids=("0123456789abcdef", found)))
    out = page(session, capsys)
    assert "0123456789abcdef)\n  Not to be shown: it is not in llm_tape.sqlite\n" in out
    assert "    what now?\n" in out


def test_a_prompt_is_not_told_twice_because_one_between_is_lost(
    session: Session, capsys: Captured
) -> None:
    names = [taped(session, a_request("what now?")) for _ in range(2)]
    told(session, a_decision(tape_ids=(names[0], "lost", names[1])))
    assert page(session, capsys).count("what now?") == 1


def test_a_tape_that_is_gone_or_damaged_leaves_the_rest(session: Session, capsys: Captured) -> None:
    told(session, a_decision(tape_ids=("a",)))
    assert "Not to be shown: there is no llm_tape.sqlite\n" in page(session, capsys)
    assert not session.journals().tape.exists()
    session.journals().tape.write_bytes(b"no tape" * 1000)
    out = page(session, capsys)
    assert "is damaged (file is not a database): move it away" in out
    assert "Called signal_wait" in out


@pytest.mark.parametrize(
    ("attempts", "why"),
    [(1, "Made without a tape, or before there was one"), (0, "The model was not asked.")],
)
def test_what_is_not_on_the_tape_is_said_to(
    session: Session, capsys: Captured, attempts: int, why: str
) -> None:
    told(session, a_decision(prompt_hash="p", attempts=attempts))
    assert f"\nAsked\n  {why}" in page(session, capsys)


def test_a_decision_about_a_position_shows_its_trade(session: Session, capsys: Captured) -> None:
    at = a_trade_record().closed_at - timedelta(minutes=5)
    decision = a_decision(
        at=at, trade_id=7, profit_ratio=0.031, stance="in_position", tool="signal_hold"
    )
    loss = a_trade_record(profit_ratio=-0.01, profit_abs=-1.0)
    later = a_trade_record(opened_at=at + timedelta(days=1), closed_at=at + timedelta(days=2))
    other_mode = a_trade_record(mode="live")
    told(session, decision, trades=(loss, later, other_mode, a_lesson()))
    out = page(session, capsys)
    assert "  about trade 7, then at +3.10%\n" in out
    assert out.count("\nTrade 7, that it was about\n") == out.count("\nTrade 7") == 1
    assert "profit -1.00% (-1), grade A" in out
    assert "worded by cheap-model" in out


@pytest.mark.parametrize("edge", ["opened_at", "closed_at"])
def test_the_first_and_the_last_moment_of_a_trade_belong_to_it(
    session: Session, capsys: Captured, edge: str
) -> None:
    moment: datetime = getattr(a_trade_record(), edge)
    for at, is_its in ((moment, True), (moment + timedelta(hours=3), False)):
        told(session, a_decision(at=at, trade_id=7), trades=(a_trade_record(),))
        assert ("Trade 7, that it was about" in page(session, capsys)) is is_its


def test_the_decision_that_closed_a_trade_shows_it(session: Session, capsys: Captured) -> None:
    told(
        session,
        a_decision(trade_id=7, approved=Approved(leverage=3, stake_amount=-5, stop_price=None)),
        trades=(a_trade_record(exit_decision_id=NAME),),
    )
    out = page(session, capsys)
    assert "\nTrade 7, closed by it\n" in out
    assert "  about trade 7\n" in out
    assert "stake -5, stop unchanged" in out


@pytest.mark.parametrize("piece", [NAME, NAME[:7], "abc123", "-BTC-abc123"])
def test_enough_of_either_end_of_an_id_will_do(
    session: Session, capsys: Captured, piece: str
) -> None:
    other = "270116120000-ETH-def456"
    told(session, a_decision_record(decision_id=other), a_decision())
    assert page(session, capsys, piece).startswith(f"Decision {NAME}\n")


def test_a_whole_id_is_meant_even_where_another_one_ends_with_it(
    session: Session, capsys: Captured
) -> None:
    told(session, a_decision_record(decision_id=f"x{NAME}"), a_decision())
    assert page(session, capsys).startswith(f"Decision {NAME}\n")


@pytest.mark.parametrize("piece", ["BTC", "signal_wait", "nothing", "\x1b[31m", "\ud800"])
def test_an_id_that_is_none_is_told_with_how_to_find_one(
    session: Session, capsys: Captured, piece: str
) -> None:
    told(session, a_decision())
    assert show_decision(session, piece) is ExitStatus.FAILED
    error = capsys.readouterr().err
    assert "has an id that is, begins or ends with" in error
    assert "./manage.sh decisions --raw" in error
    assert error.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("count", "told_to_be"), [(10, "they are:"), (11, "the newest of them are:")]
)
def test_several_decisions_are_named_newest_last(
    session: Session, capsys: Captured, count: int, told_to_be: str
) -> None:
    names = [f"2601-{number:02d}" for number in range(count)]
    told(session, *(a_decision_record(decision_id=name) for name in names))
    assert show_decision(session, "2601-") is ExitStatus.FAILED
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == (f"{count} decisions have an id that begins or ends with '2601-'; {told_to_be}")
    assert [line.strip() for line in rest] == names[-10:]


def test_rotated_parts_are_searched_and_bad_lines_passed_over(
    session: Session, capsys: Captured
) -> None:
    path = session.journals().decisions
    path.parent.mkdir(parents=True, exist_ok=True)
    log = a_log(path, per_part=2)
    log.append(a_decision())
    for number in range(6):
        log.append(a_decision_record(decision_id=f"d-{number}"))
    log.append(an_outcome(outcome="expired", trade_id=None, detail=""))
    drain(log)
    log.close()
    with path.open("a", encoding="utf-8") as file:
        file.write(f'{{"decision_id":"{NAME}"}}\n')
    assert path.with_name(f"{path.name}.000001.gz").exists()
    out = page(session, capsys)
    assert out.startswith(f"Decision {NAME}\n")
    assert out.endswith("What became of it\n  2026-01-15 12:00:09 UTC expired\n")


def test_a_decision_is_raw_as_one_json_object(session: Session, capsys: Captured) -> None:
    found = taped(session, a_request("now?"), {"text": "\ud800\x9b"})
    told(
        session,
        a_decision(tape_ids=(found, "lost")),
        an_outcome(),
        trades=(entered(), a_lesson()),
    )
    assert show_decision(session, NAME, raw=True) is ExitStatus.DONE
    (line,) = capsys.readouterr().out.splitlines()
    whole = json.loads(line)
    assert whole["decision"]["decision_id"] == NAME
    assert whole["decision"]["schema"] == 1
    attempt, lost = whole["attempts"]
    assert attempt["request"] == a_request("now?")
    assert attempt["answer"] == {"text": "\ud800\x9b"}
    assert attempt["at"] == NOON.isoformat()
    assert lost == {"id": "lost", "problem": "it is not in llm_tape.sqlite"}
    assert [one["outcome"] for one in whole["outcomes"]] == ["filled"]
    assert (whole["execution"]["trade_id"], whole["execution"]["orders"]) == (7, [])
    (trade,) = whole["trades"]
    assert (trade["role"], trade["trade"]["trade_id"]) == ("opened", 7)
    assert trade["lesson"]["text"] == "sell sooner"


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nVerdict\n\u202egpj[bold]no markup[/bold]\x9b"


def test_nothing_foreign_commands_the_terminal_or_passes_for_a_heading(
    session: Session, capsys: Captured
) -> None:
    request = a_request(HOSTILE, tools=[{"function": {"name": HOSTILE}}, None], odd=HOSTILE)
    attempt = taped(session, request, {HOSTILE: HOSTILE}, HOSTILE)
    hostile_trade = entered(exit_reason=HOSTILE, reflection=Reflection(summary=HOSTILE, lessons=()))
    told(
        session,
        a_decision(
            model=HOSTILE,
            call={"reason": HOSTILE, HOSTILE: 1.0},
            problems=(HOSTILE,),
            reasons=(Reason(code=HOSTILE, text=HOSTILE),),
            fault=HOSTILE,
            tape_ids=(attempt, HOSTILE),
        ),
        an_outcome(detail=HOSTILE),
        trades=(hostile_trade, a_lesson(text=HOSTILE, model=HOSTILE)),
    )
    out = page(session, capsys)
    assert out.replace("\n", "").isprintable()
    assert "[bold]no markup[/bold]" in out
    assert "tools: " in out
    assert ", ?\n" in out
    assert [line for line in out.splitlines() if line == "Verdict"] == ["Verdict"]


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"messages": "text", "tools": 3},
        {"messages": [None, 3, {"role": "user", "content": [{"type": "text"}]}], "tools": [3]},
    ],
)
def test_a_request_of_another_shape_is_shown_as_it_is(
    session: Session, capsys: Captured, request_body: dict[str, Any]
) -> None:
    name = taped(session, request_body)
    told(session, a_decision(tape_ids=(name,)))
    out = page(session, capsys)
    assert f"Asked (1 of 1: {name})" in out
    if isinstance(request_body.get("messages"), list):
        assert "  message\n    null\n" in out
        assert '"type": "text"' in out
        assert "tools: ?" in out


def test_a_call_without_a_tool_is_still_shown(session: Session, capsys: Captured) -> None:
    told(session, a_decision(tool=None))
    assert "\nCalled ?\n" in page(session, capsys)


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_text_becomes_lines_that_a_terminal_only_shows(text: str, answer: Any) -> None:
    decision = a_decision(call={"reason": text}, problems=(text,))
    with_text = TapedAttempt(text, None, text)
    for line in story_page(Story(decision, (with_text,), (), ())):
        assert line.plain.removeprefix("\n").isprintable()


def test_a_story_of_no_decision_is_none(session: Session) -> None:
    told(session, a_decision())
    assert story_of(session.journals(), "other") is None


def reviewed(session: Session, capsys: Captured, trade_id: int = 7) -> str:
    assert show_trade(session, trade_id) is ExitStatus.DONE
    return capsys.readouterr().out


def test_a_trade_is_reviewed_under_its_headings(session: Session, capsys: Captured) -> None:
    told(session, trades=(a_trade_record(trade_id=70), a_trade_record(), a_lesson()))
    out = reviewed(session, capsys)
    assert out.startswith(
        "Trade 7 BTC/USDT:USDT long 3x, sandbox: +5.8 %, grade A\n\nPlanned\n  Re"
    )
    assert "\n\nLessons\n  won 5.8 %\n  keep the stop\n  As a model worded it: " in out
    assert out.endswith("\n\nDecisions\n  Opened by d-1\n  Closed by d-2\n")


@pytest.mark.parametrize(
    "other", [{"mode": "dry_run"}, {"opened_at": a_trade_record().opened_at + timedelta(days=1)}]
)
def test_of_several_trades_with_a_number_the_newest_is_shown(
    session: Session, capsys: Captured, other: dict[str, Any]
) -> None:
    later = a_trade_record().closed_at + timedelta(days=1)
    newest = a_trade_record(closed_at=later, at=later, **other)
    told(session, trades=(newest, a_trade_record(), a_lesson()))
    assert show_trade(session, 7) is ExitStatus.DONE
    captured = capsys.readouterr()
    assert captured.out.startswith(f"Trade 7 BTC/USDT:USDT long 3x, {newest.mode}: ")
    assert "As a model worded it" not in captured.out
    assert captured.err == "2 trades have the number 7; this is the newest.\n"


@pytest.mark.parametrize("trade_id", [0, 77])
def test_a_number_without_a_closed_trade_is_told(
    session: Session, capsys: Captured, trade_id: int
) -> None:
    told(session, trades=(a_trade_record(),))
    assert show_trade(session, trade_id) is ExitStatus.FAILED
    path = session.journals().trades
    assert capsys.readouterr().err == f"There is no closed trade {trade_id} in {path}.\n"


def test_a_trade_that_is_still_open_is_told_as_such(
    session: Session, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ones = {"tradesv3.dryrun.sqlite": (a_held_position(),)}
    monkeypatch.setattr(showing, "stored_positions", lambda path: open_ones.get(path.name))
    number = a_held_position().trade_id
    assert show_trade(session, number) is ExitStatus.FAILED
    expected = f"Trade {number} is still open: ./manage.sh status shows it.\n"
    assert capsys.readouterr().err == expected


def test_a_line_that_only_mentions_the_number_is_no_trade_of_it(
    session: Session, capsys: Captured
) -> None:
    mention = a_trade_record(trade_id=8, exit_reason='"trade_id":7,')
    told(session, trades=(mention,))
    path = session.journals().trades
    # As no writer of ours would write it: the quotes not escaped.
    text = path.read_text(encoding="utf-8").replace('"exits":1,', '"exits":1,"trade_id":8,')
    path.write_text(text.replace('"trade_id":8,', '"trade_id":7,', 1), encoding="utf-8")
    assert show_trade(session, 7) is ExitStatus.FAILED


@pytest.mark.parametrize("language", ["zh", "fr", "3"])
def test_reviews_speak_the_language_of_the_settings(
    session: Session, capsys: Captured, language: str
) -> None:
    environment = {"FREQTRADE__CONTEXT_CONFIG__LANGUAGE": language}
    asked = replace(session, environment=environment)
    told(asked, trades=(a_trade_record(),))
    assert ("开仓计划" in reviewed(asked, capsys)) is (language == "zh")


def test_reviews_are_readable_without_settings(session: Session, capsys: Captured) -> None:
    told(session, trades=(a_trade_record(),))
    session.places.settings.write_text("{", encoding="utf-8")
    assert "Planned" in reviewed(session, capsys)


@pytest.mark.parametrize(("count", "numbers"), [(0, []), (1, [3]), (2, [2, 3]), (9, [1, 2, 3])])
def test_the_last_trades_are_reviewed_oldest_first(
    session: Session, capsys: Captured, count: int, numbers: list[int]
) -> None:
    trades = [a_trade_record(trade_id=number) for number in (1, 2, 3)]
    lessons = [a_lesson(trade_id=number, text=f"lesson {number}") for number in (1, 2, 3)]
    told(session, trades=(*trades, *lessons))
    path = session.journals().trades
    pairs = [line for pair in zip(trades, lessons, strict=True) for line in pair]
    told(session, trades=tuple(pairs))
    assert show_reviews(session, count) is ExitStatus.DONE
    captured = capsys.readouterr()
    starts = [line for line in captured.out.splitlines() if line.startswith("Trade ")]
    assert [int(line.split()[1]) for line in starts] == numbers
    assert [f"lesson {number}" in captured.out for number in (1, 2, 3)] == [
        number in numbers for number in (1, 2, 3)
    ]
    assert (captured.err == f"There is no closed trade to show in {path}.\n") is (not numbers)


def test_damaged_lines_among_the_last_are_passed_over(session: Session, capsys: Captured) -> None:
    told(session, trades=(a_trade_record(), a_trade_record(trade_id=8)))
    with session.journals().trades.open("a", encoding="utf-8") as file:
        file.write("torn\n")
    show_reviews(session, 2)
    assert capsys.readouterr().out.count("\nPlanned\n") == 2


def test_raw_reviews_are_a_json_object_per_trade(session: Session, capsys: Captured) -> None:
    told(session, trades=(a_trade_record(), a_lesson(), a_trade_record(trade_id=8)))
    show_reviews(session, 2, raw=True)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["lesson"]["text"] == "sell sooner"
    assert (second["trade"]["trade_id"], second["lesson"]) == (8, None)
    assert show_trade(session, 8, raw=True) is ExitStatus.DONE
    assert json.loads(capsys.readouterr().out) == second


def run(session: Session, *arguments: str) -> int:
    folder = str(session.places.user_data)
    return cli.main([*arguments, "--user-data", folder], session.environment)


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (("decisions", "--show", NAME), 0, f"Decision {NAME}\n"),
        (("decisions", "--show", "abc123", "--raw"), 0, '{"decision": {'),
        (("decisions", "--show", "unknown"), 1, ""),
        (("decisions", "--show", ""), 1, ""),
        (("trades", "--show", "7"), 0, "Trade 7 "),
        (("trades", "--show", "7", "--raw"), 0, '{"role": '),
        (("trades", "--show", "8"), 1, ""),
        (("trades", "--review", "-n", "1"), 0, "Trade 7 "),
        (("trades", "--review", "--raw"), 0, '{"role": '),
        (("trades", "--no-follow"), 0, "01-15 11:00:00 sandbox "),
    ],
)
def test_the_command_line_shows_them(
    session: Session, capsys: Captured, arguments: tuple[str, ...], status: int, shown: str
) -> None:
    told(session, a_decision(), a_decision_record(), trades=(a_trade_record(),))
    assert run(session, *arguments) == status
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.parametrize("number", ["-1", "x", "", "1.5"])
def test_a_number_of_a_trade_is_a_number(session: Session, number: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run(session, "trades", "--show", number)
    assert caught.value.code == 2


def test_showing_makes_no_file(session: Session) -> None:
    def files(folder: Path) -> set[Path]:
        return set(folder.rglob("*"))

    before = files(session.places.user_data)
    run(session, "decisions", "--show", NAME)
    run(session, "trades", "--show", "7")
    run(session, "trades", "--review")
    assert files(session.places.user_data) == before


def test_a_decision_is_shown_while_the_bot_writes_its_tape(
    session: Session, capsys: Captured
) -> None:
    attempt = taped(session, a_request("what now?"))
    told(session, a_decision(tape_ids=(attempt,)))
    path = session.journals().tape
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert "    what now?\n" in page(session, capsys)
        writer.execute("ROLLBACK")


def test_what_an_answer_took_is_told_where_it_is_known(session: Session, capsys: Captured) -> None:
    told(
        session,
        a_decision(
            attempts=2,
            latency_seconds=1.5,
            prompt_tokens=2000,
            cached_tokens=1500,
            completion_tokens=80,
            reasoning_tokens=30,
            cost=0.00123,
            escalated_from="small: signal_wait 20",
        ),
    )
    out = page(session, capsys)
    assert "requests 2, 1.5 s, tokens 2000 (1500 cached) + 80 (30 reasoning), 0.001230 USD\n" in out
    assert "  asked after small: signal_wait 20\n" in out


def test_a_question_that_was_not_asked_says_why_and_what_it_repeats(
    session: Session, capsys: Captured
) -> None:
    told(
        session,
        a_decision(
            status="skipped",
            tool=None,
            call={},
            prompt_hash=None,
            default_tool="signal_wait",
            fault="unchanged: price +0.10 %",
            repeats="d-0\x1b",
        ),
    )
    out = page(session, capsys)
    assert "  sandbox, not asked\n  repeats decision d-0 \n  skipped: waited\n" in out
    assert "The model was not asked." in out
    assert "  - unchanged: price +0.10 %\n" in out
    assert "tokens" not in out


def test_a_failure_says_what_was_done_instead(session: Session, capsys: Captured) -> None:
    told(session, a_decision(status="failed", tool=None, call={}, default_tool="signal_hold"))
    assert "  failed: no call, held instead\n" in page(session, capsys)
