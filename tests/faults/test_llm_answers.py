"""Answers that are no answer, rows L11 to L15 and L26 of the matrix: none is executed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import NOON, PAIR
from deciding import GOOD, WAIT, a_call, a_message, decided, failed


def test_l0_the_scene_books_an_entry_when_nothing_is_wrong(tmp_path: Path) -> None:
    record, rooms = decided(tmp_path, a_message())
    assert record.status in {"approved", "clamped"}
    assert rooms.book.look(PAIR, "entry", NOON) is not None


CALL_IN_TEXT = json.dumps({"name": "signal_entry_long", "arguments": GOOD})


@pytest.mark.parametrize(
    "text",
    [
        "I would buy now.",
        f"<think>buy {CALL_IN_TEXT}</think>",
        f"<tool_call>{CALL_IN_TEXT}</tool_call>",
        f"```json\n{CALL_IN_TEXT}\n```",
        CALL_IN_TEXT,
        "",
    ],
)
def test_l11_text_is_never_executed(tmp_path: Path, text: str) -> None:
    said = a_message(tool_calls=None, content=text, finish_reason="stop")
    assert "called no tool" in failed(tmp_path, said)


def test_l11_a_refusal_is_no_call(tmp_path: Path) -> None:
    said = a_message(tool_calls=None, content=None, refusal="I cannot help with trading.")
    assert "called no tool" in failed(tmp_path, said)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_l12_a_call_that_was_cut_off_is_not_executed_even_if_it_parses(
    tmp_path: Path, reason: str
) -> None:
    assert f"cut off ({reason})" in failed(tmp_path, a_message(finish_reason=reason))


@pytest.mark.parametrize(
    "calls",
    [
        [a_call("signal_entry_long", json.dumps(GOOD))] * 2,
        [a_call("signal_entry_long", json.dumps(GOOD)), a_call("signal_exit", "{}", "call_2")],
        [a_call("signal_wait", json.dumps(WAIT)), a_call("nothing", "{}", "call_2")],
    ],
)
def test_l13_of_several_calls_none_is_executed(tmp_path: Path, calls: list[Any]) -> None:
    assert "you called 2 tools" in failed(tmp_path, a_message(tool_calls=calls))


@pytest.mark.parametrize(
    "name",
    ["buy_everything", "Signal_Entry_Long", "signal_entry_long ", "signal_exit", "", "signal"],
)
def test_l14_only_an_offered_tool_is_executed(tmp_path: Path, name: str) -> None:
    calls = [a_call(name, json.dumps(GOOD))]
    assert "not offered" in failed(tmp_path, a_message(tool_calls=calls))


@pytest.mark.parametrize("arguments", [None, 7, [], json.dumps(json.dumps(GOOD)), "null", "[]"])
def test_l15_arguments_that_are_no_object_are_refused(tmp_path: Path, arguments: Any) -> None:
    failed(tmp_path, a_message(tool_calls=[a_call("signal_entry_long", arguments)]))


def test_l15_arguments_as_an_object_pass_the_same_rules(tmp_path: Path) -> None:
    record, _ = decided(tmp_path, a_message(tool_calls=[a_call("signal_entry_long", GOOD)]))
    assert record.status in {"approved", "clamped"}
    absurd = [a_call("signal_entry_long", GOOD | {"leverage": 500})]
    assert "leverage" in failed(tmp_path / "second", a_message(tool_calls=absurd))


def said(reason: str) -> Callable[[int], list[bytes | float]]:
    call = a_call("signal_wait", json.dumps(WAIT | {"reason": reason}))
    return lambda _: [a_message(tool_calls=[call])]


@pytest.mark.parametrize(
    "reason", ["half \ud83d of it", "a\x00b\x07c", "line\u2028break", "\x1b[31mred", "a\u202eb"]
)
def test_l26_what_cannot_be_printed_reaches_no_journal(tmp_path: Path, reason: str) -> None:
    record, _ = decided(tmp_path, said(reason))
    (line,) = (tmp_path / "llm_decisions.jsonl").read_text(encoding="utf-8").splitlines()
    json.loads(line)
    assert reason not in line
    assert record.status in {"approved", "failed"}
