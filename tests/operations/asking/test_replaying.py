import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adversary import Adversary, adversary, completion, http
from builders import ARGUMENTS, NOON, a_decision_record
from llm_modules.config import TraderConfig
from llm_modules.dialogue import Expense, Inquiry
from llm_modules.errors import ConfigError, ProviderError, UserError
from llm_modules.llm.attempts import Attempt
from llm_modules.llm.meter import Meter, NoMeter
from llm_modules.llm.recorder import ABANDONED, provider_hash
from llm_modules.llm.tape import Tape
from llm_modules.operations.asking.comparison import MARK
from llm_modules.operations.asking.replaying import ReplayOptions, replay
from llm_modules.operations.doctor.diagnosis import Purse
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.running.bot_record import bot_lock, write_record
from llm_modules.operations.running.plan import Plan
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from models import CANARY

NAME = "260115120000-BTC-abc123"
PIECE = ReplayOptions("abc123")
REQUEST: dict[str, Any] = {
    "provider": provider_hash("https://api.example.com/v1"),
    "model": "old-model",
    "messages": [{"role": "user", "content": "what now?"}],
    "tools": [{"type": "function", "function": {"name": "signal_wait"}}],
    "tool_choice": "required",
}
THEN = completion(ARGUMENTS["signal_wait"], tool="signal_wait", model="old-model-0126")
USAGE = {"prompt_tokens": 900, "completion_tokens": 30}
NOW = completion(
    ARGUMENTS["signal_wait"] | {"confidence_score": 75, "reason": "no\x1b[2J [red]edge"},
    tool="signal_wait",
    usage=USAGE,
)

Captured = pytest.CaptureFixture[str]


class Till(NoMeter):
    """A meter that knows one price, and lets a few requests pass."""

    def __init__(self, passing: int = 9) -> None:
        self.charged: list[Inquiry] = []
        self._passing = passing

    def admit(self) -> None:
        if len(self.charged) >= self._passing:
            raise ProviderError("over_budget", "nothing is left for today")

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:
        self.charged.append(inquiry)
        return self.priced(expense, estimated_tokens)

    def priced(self, expense: Expense, estimated_tokens: int = 0) -> Expense:
        tokens = expense.usage.prompt_tokens or estimated_tokens
        return replace(expense, cost=tokens / 1e4)


def purse_of(meter: Meter) -> Any:
    return lambda _config: Purse(meter, lambda *_: None)


def taped(session: Session, request: dict[str, Any], answer: str | None, **changes: Any) -> str:
    values: dict[str, Any] = {"error": None, "at": NOON, "latency_seconds": 1.25} | changes
    with closing(Tape(session.journals().tape)) as tape:
        return tape.record(request, json.loads(answer) if answer else None, **values)


def decided(session: Session, *tape_ids: str, **changes: Any) -> None:
    """Write a journal of one decision that named these attempts."""
    values = {"decision_id": NAME, "tape_ids": tape_ids, "attempts": len(tape_ids)}
    line = a_decision_record(**(values | {"prompt_hash": "p"} | changes))
    path = session.journals().decisions
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as journal:
        journal.write(f"{line.model_dump_json(by_alias=True)}\n")


def asking(session: Session, server: Adversary, **settings: str) -> Session:
    """The session of a bot that is to ask this server."""
    named = {"MODEL": "new-model", "API_BASE": server.url, "TIMEOUT": "3"} | settings
    variables = {f"FREQTRADE__LLM_CONFIG__{name}": value for name, value in named.items()}
    environment = {**session.environment, **variables, "LLM_API_KEY": CANARY}
    return Session(session.places, environment, Screen())


@pytest.fixture
def server() -> Iterator[Adversary]:
    with adversary(http(NOW)) as one:
        yield one


def lines_of(capsys: Captured) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_what_was_asked_is_asked_again_of_todays_model(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    name = taped(session, REQUEST, THEN)
    decided(session, name)
    till = Till()
    assert replay(asking(session, server), PIECE, purse_of(till)) is ExitStatus.DONE
    (sent,) = server.requests
    expected = REQUEST | {"model": "new-model"}
    del expected["provider"]
    assert sent == expected
    assert f"bearer {CANARY}" in server.heads[0].lower()
    (inquiry,) = till.charged
    assert (inquiry.kind, inquiry.decision_id) == ("replay", NAME)
    (tape_id,) = inquiry.tape_ids
    attempt = attempt_of(session, tape_id)
    assert attempt.answer == {**json.loads(NOW)}
    assert CANARY not in capsys.readouterr().out


def attempt_of(session: Session, tape_id: str) -> Attempt:
    with closing(Tape(session.journals().tape)) as tape:
        attempt = tape.read(tape_id)
    assert attempt is not None
    return attempt


def test_on_a_narrow_terminal_one_answer_stands_below_the_other(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    decided(session, taped(session, REQUEST, THEN))
    replay(asking(session, server), PIECE, purse_of(Till()))
    lines = lines_of(capsys)
    assert lines[:3] == [
        f"Decision {NAME}",
        "BTC/USDT:USDT, candle 2026-01-15 12:00 UTC",
        "Request 1 of 1, asked again:",
    ]
    then, now = lines.index("Then"), lines.index("Now")
    assert lines[then + 1 : now] == [
        f"{MARK} asked              old-model",
        f"{MARK} answered           old-model-0126",
        "  fault              -",
        "  tool               signal_wait",
        "  pair               BTC/USDT:USDT",
        f"{MARK} confidence_score   60",
        "  rsi_value          50",
        f"{MARK} reason             no edge",
        "  seconds            1.25",
        "  prompt tokens      10",
        "  of them cached     -",
        "  answer tokens      5",
        "  of them reasoning  -",
        "  cost in USD        0.001000",
    ]
    assert f"{MARK} confidence_score   75" in lines[now:]
    # Neither a terminal's commands nor markup: what a model writes is shown as it is.
    assert f"{MARK} reason             no [2J [red]edge" in lines[now:]
    assert "  cost in USD        0.090000" in lines[now:]


def test_on_a_wide_terminal_they_stand_side_by_side(
    session: Session, server: Adversary, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    decided(session, taped(session, REQUEST, THEN))
    replay(asking(session, server), PIECE, purse_of(Till()))
    lines = lines_of(capsys)
    squeezed = [re.sub(r"\s{2,}", " | ", line.strip()) for line in lines[3:]]
    assert squeezed[0] == "Then | Now"
    assert f"{MARK} | asked | old-model | new-model" in squeezed
    assert "tool | signal_wait | signal_wait" in squeezed
    assert f"{MARK} | confidence_score | 60 | 75" in squeezed
    assert "prompt tokens | 10 | 900" in squeezed
    assert f"{MARK} | reason | no edge | no [2J [red]edge" in squeezed
    assert max(map(len, lines)) <= 100
    # One column less, and it is narrow.
    monkeypatch.setenv("COLUMNS", "99")
    replay(asking(session, server), PIECE, purse_of(Till()))
    assert "Now" in lines_of(capsys)


def test_another_model_may_be_named(session: Session, server: Adversary) -> None:
    decided(session, taped(session, REQUEST, THEN))
    replay(asking(session, server), replace(PIECE, model="third-model"))
    assert server.requests[0]["model"] == "third-model"


def test_the_first_request_that_was_answered_is_asked_again_the_others_are_told(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    refused = taped(session, REQUEST, None, error="rejected: no tool_choice")
    free = REQUEST | {"tool_choice": "auto"}
    unusable = completion({"pair": "X"}, tool="signal_wait")
    first = taped(session, free, unusable)
    repair = {**free, "messages": [{"role": "user", "content": "what now? Problems:"}]}
    hung = taped(session, repair, None, error=ABANDONED)
    decided(session, refused, first, hung)
    assert replay(asking(session, server), PIECE) is ExitStatus.DONE
    assert server.requests[0]["tool_choice"] == "auto"
    assert server.requests[0]["messages"] == free["messages"]
    lines = lines_of(capsys)
    assert "Request 2 of 3, asked again:" in lines
    assert lines[-2:] == [
        "Request 1 of 3: rejected: no tool_choice",
        f"Request 3 of 3: {ABANDONED}",
    ]


def test_of_an_escalated_decision_the_request_to_the_model_that_decided_is_asked_again(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    def asked_of(model: str, text: str) -> dict[str, Any]:
        return REQUEST | {"model": model, "messages": [{"role": "user", "content": text}]}

    names = [
        taped(session, asked_of("cheap", "cheap question"), THEN),
        taped(session, asked_of("strong", "refused"), None, error="server_error: later"),
        taped(session, asked_of("strong", "strong question"), THEN),
        taped(session, asked_of("strong", "strong repair"), THEN),
        taped(session, asked_of("other", "never answered"), None, error=ABANDONED),
    ]
    decided(session, *names)
    assert replay(asking(session, server), PIECE) is ExitStatus.DONE
    assert server.requests[0]["messages"][0]["content"] == "strong question"
    assert "Request 3 of 5, asked again:" in lines_of(capsys)


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("recorded", "sent"), [(99, 99), (100, 100), (101, 100), (120_000, 100), ("many", 100)]
)
def test_no_longer_answer_is_asked_for_than_todays_settings_allow(
    session: Session, server: Adversary, field: str, recorded: object, sent: int
) -> None:
    decided(session, taped(session, REQUEST | {field: recorded}, THEN))
    assert replay(asking(session, server, MAX_TOKENS="100"), PIECE) is ExitStatus.DONE
    assert server.requests[0][field] == sent


def test_of_another_answer_all_that_was_called_is_told(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    first, second = (taped(session, REQUEST, THEN) for _ in range(2))
    decided(session, first, second)
    replay(asking(session, server), PIECE)
    told = lines_of(capsys)[-1]
    assert told.startswith("Request 2 of 2: tool signal_wait, pair BTC/USDT:USDT, confidence_score")


def test_what_failed_each_time_is_asked_again_as_it_was_first(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    names = [taped(session, REQUEST, None, error=f"server_error: {one}") for one in "ab"]
    decided(session, *names)
    assert replay(asking(session, server), PIECE) is ExitStatus.DONE
    lines = lines_of(capsys)
    assert f"{MARK} fault              server_error: a" in lines
    assert f"{MARK} tool               signal_wait" in lines
    assert lines[-1] == "Request 2 of 2: server_error: b"


def test_an_answer_that_cannot_be_read_any_more_says_why(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    decided(session, taped(session, REQUEST, '{"choices": []}'))
    replay(asking(session, server), PIECE)
    assert f"{MARK} fault              bad_response: the answer holds no choice" in lines_of(capsys)


def calling(*arguments: Any, content: str = "") -> str:
    calls = [
        {"id": str(n), "function": {"name": "x", "arguments": one}}
        for n, one in enumerate(arguments)
    ]
    return completion(choices=[{"message": {"content": content, "tool_calls": calls}}])


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (calling("{"), f"{MARK} arguments          {{"),
        (calling("3"), f"{MARK} arguments          3"),
        (calling(None), "  arguments          -"),
        (calling({"a": [1, None]}), f"{MARK} a                  [1, null]"),
        (calling({"a": "\u4e2d"}), f"{MARK} a                  \u4e2d"),
        (calling({}, {"b": True}), f"{MARK} 2. b               true"),
        (calling({}, {"b": True}), f"{MARK} 2. tool            x"),
        (calling(content="I would wait"), f"{MARK} text               I would wait"),
    ],
)
def test_whatever_is_answered_can_be_shown(
    session: Session, capsys: Captured, answer: str, told: str
) -> None:
    decided(session, taped(session, REQUEST, THEN))
    with adversary(http(answer)) as server:
        replay(asking(session, server), PIECE)
    lines = lines_of(capsys)
    assert told in lines[lines.index("Now") :]


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (http("{}", "500 Oops"), "server_error: Error code: 500"),
        (http("{}", "401 No"), "unauthorised: Error code: 401"),
        (http("{"), "bad_response: the answer is not JSON"),
    ],
)
def test_no_answer_now_is_shown_and_ends_with_status_1(
    session: Session, capsys: Captured, response: bytes, fault: str
) -> None:
    decided(session, taped(session, REQUEST, THEN))
    with adversary(response) as server:
        assert replay(asking(session, server), PIECE) is ExitStatus.FAILED
        assert len(server.requests) == 1
    lines = lines_of(capsys)
    assert f"{MARK} fault              {fault}" in lines[lines.index("Now") :]


def test_a_server_that_hangs_is_left_after_the_time_of_a_decision(
    session: Session, capsys: Captured
) -> None:
    decided(session, taped(session, REQUEST, THEN))
    with adversary(lambda _: [60.0]) as server:
        hasty = asking(session, server, TIMEOUT="0.3")
        assert replay(hasty, replace(PIECE, json=True)) is ExitStatus.FAILED
    expense = json.loads(capsys.readouterr().out)["now"]["expense"]
    assert expense["fault"] == ABANDONED
    assert 0.3 <= expense["seconds"] < 10


def test_who_has_spent_all_asks_nothing(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    decided(session, taped(session, REQUEST, THEN))
    broke = purse_of(Till(passing=0))
    assert replay(asking(session, server), PIECE, broke) is ExitStatus.FAILED
    assert server.requests == []
    assert f"{MARK} fault              over_budget: nothing is left for today" in lines_of(capsys)


def test_the_meter_is_that_of_the_configuration(session: Session, server: Adversary) -> None:
    decided(session, taped(session, REQUEST, THEN))
    seen: list[TraderConfig] = []

    def opened(config: TraderConfig) -> Purse:
        seen.append(config)
        return Purse(NoMeter(), lambda *_: None)

    replay(asking(session, server), PIECE, opened)
    assert seen[-1].llm_config.model == "new-model"


def test_as_json_it_is_one_object_and_nothing_else(
    session: Session, server: Adversary, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Screen, "progress", lambda _, text: told.append(text))
    first, second = taped(session, REQUEST, THEN), taped(session, REQUEST, None, error=ABANDONED)
    decided(session, first, second)
    replay(asking(session, server), replace(PIECE, json=True), purse_of(Till()))
    whole = json.loads(capsys.readouterr().out)
    assert (whole["decision_id"], whole["asked_again"]) == (NAME, first)
    assert [one["expense"]["tape_id"] for one in whole["then"]] == [first, second]
    assert whole["then"][0]["expense"]["at"] == NOON.isoformat()
    assert whole["then"][1]["reply"] is None
    assert whole["now"]["reply"]["tool_requests"][0]["name"] == "signal_wait"
    assert whole["now"]["expense"]["cost"] == 0.09
    assert whole["differs"] == ["asked", "answered", "confidence_score", "reason"]
    assert told == []
    replay(asking(session, server), PIECE, purse_of(Till()))
    assert told == ["Asking new-model ..."]


# --- what cannot be asked again ------------------------------------------------------------------


def complaint(session: Session, capsys: Captured, options: ReplayOptions = PIECE) -> str:
    assert replay(session, options) is ExitStatus.FAILED
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def test_no_decision_of_that_name_is_told(session: Session, capsys: Captured) -> None:
    assert "No decision in" in complaint(session, capsys)
    decided(session, taped(session, REQUEST, THEN))
    assert "that is, begins or ends with 'nobody'" in complaint(
        session, capsys, ReplayOptions("nobody")
    )


def test_several_decisions_of_that_name_are_told(session: Session, capsys: Captured) -> None:
    for pair in ("BTC", "ETH"):
        decided(session, decision_id=f"260115120000-{pair}-abc123")
    told = complaint(session, capsys)
    assert "2 decisions have an id" in told
    assert "260115120000-ETH-abc123" in told


def test_a_decision_that_asked_nothing_says_why(session: Session, capsys: Captured) -> None:
    decided(session, status="skipped", fault="unchanged: RSI as before", prompt_hash=None)
    assert f"Decision {NAME} asked no model: unchanged: RSI as before" in complaint(session, capsys)


def test_a_decision_without_a_fault_says_what_it_was(session: Session, capsys: Captured) -> None:
    decided(session, status="skipped", fault=None, prompt_hash=None)
    assert "asked no model: skipped" in complaint(session, capsys)


def test_a_decision_made_without_a_tape_is_told(session: Session, capsys: Captured) -> None:
    decided(session, attempts=2)
    assert "was made without a tape" in complaint(session, capsys)


def test_a_tape_that_is_gone_is_told(session: Session, capsys: Captured) -> None:
    decided(session, "0123456789abcdef")
    assert "cannot be read, there is no llm_tape.sqlite" in complaint(session, capsys)


def test_an_attempt_that_is_gone_costs_only_itself(
    session: Session, server: Adversary, capsys: Captured
) -> None:
    decided(session, "0123456789abcdef", taped(session, REQUEST, THEN))
    assert replay(asking(session, server), PIECE) is ExitStatus.DONE
    assert "Request 1 of 1, asked again:" in lines_of(capsys)


ANTHROPIC: dict[str, Any] = {
    "model": "claude",
    "system": [{"type": "text", "text": "rules"}],
    "messages": [{"role": "user", "content": "what now?"}],
}


@pytest.mark.parametrize(
    "request_",
    [
        ANTHROPIC,
        {"model": "claude", "messages": [], "tools": [{"name": "x", "input_schema": {}}]},
    ],
)
def test_a_request_in_another_format_is_not_sent(
    session: Session, server: Adversary, request_: dict[str, Any]
) -> None:
    decided(session, taped(session, request_, '{"content": []}'))
    with pytest.raises(UserError, match=r"format 'messages', but provider 'compatible' speaks"):
        replay(asking(session, server), PIECE)
    assert server.requests == []


@pytest.mark.parametrize("tools", [None, 3, []])
def test_a_request_without_tools_is_one_of_chat(
    session: Session, server: Adversary, tools: object
) -> None:
    decided(session, taped(session, {**REQUEST, "tools": tools}, THEN))
    assert replay(asking(session, server), PIECE) is ExitStatus.DONE


def test_settings_that_cannot_be_used_are_told(session: Session, server: Adversary) -> None:
    decided(session, taped(session, REQUEST, THEN))
    wrong = asking(session, server, TEMPERATURE="9", PROVIDER="nobody")
    with pytest.raises(ConfigError, match=r"config.json cannot be used:\n  llm_config.temperature"):
        replay(wrong, PIECE)
    with pytest.raises(ConfigError, match=r"llm_config.provider: found 'nobody'"):
        replay(asking(session, server, PROVIDER="nobody"), PIECE)


def test_without_a_model_and_a_sandbox_it_says_how_to_go_on(
    session: Session, capsys: Captured
) -> None:
    decided(session, taped(session, REQUEST, THEN))
    assert replay(session, PIECE) is ExitStatus.NOT_RUNNING
    told = capsys.readouterr().err
    assert "No model is configured" in told
    assert "./manage.sh start" in told


@contextmanager
def a_running_sandbox(session: Session, port: int) -> Iterator[None]:
    """A bot that runs as far as its record tells: a process with the sandbox's arguments."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", "--model-port", str(port)]
    process = subprocess.Popen(command)  # noqa: S603 - our own words
    try:
        with bot_lock(session.places):
            plan = Plan("sandbox", 8086, ())
            write_record(session.places, plan, datetime.now(UTC), (("sandbox", process.pid),))
            yield
    finally:
        process.kill()
        process.wait()


def test_while_the_sandbox_runs_its_model_is_asked(session: Session, server: Adversary) -> None:
    decided(session, taped(session, REQUEST, THEN))
    with a_running_sandbox(session, server.port):
        assert replay(session, PIECE) is ExitStatus.DONE
    assert server.requests[0]["model"] == "scripted-sandbox"
    assert "bearer no-key" in server.heads[0].lower()
