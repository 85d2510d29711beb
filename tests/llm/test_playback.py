import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adversary import completion
from builders import NOON
from llm_modules.dialogue import Expense, Inquiry, Reply, Usage
from llm_modules.errors import ConfigError, ProviderError, ProviderFault
from llm_modules.llm.attempts import Response, request_hash_of, tape_id_of
from llm_modules.llm.carrier import Carrier, LiveCarrier
from llm_modules.llm.chat import ChatCompletions
from llm_modules.llm.failures import told
from llm_modules.llm.meter import NoMeter
from llm_modules.llm.playback import Carriers, Playback, TapeCarrier, recorded_error
from llm_modules.llm.recorder import ABANDONED, TapeForm, estimated_tokens
from llm_modules.llm.redaction import Redaction
from llm_modules.llm.tape import Tape
from models import CANARY, a_target, llm_config

TARGET = a_target()
ANSWER = json.loads(completion())
AnyOutcome = Reply | Exception


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return Tape(tmp_path / "llm_tape.sqlite")


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refused)


def a_body(text: str = "what now?", **changes: Any) -> dict[str, Any]:
    return {"model": "test-model", "messages": [{"role": "user", "content": text}]} | changes


def put(
    tape: Tape,
    body: Mapping[str, Any],
    answer: Mapping[str, Any] | None = ANSWER,
    error: str | None = None,
) -> str:
    """Record a request as the recorder does; each takes a second more than the one before."""
    request = TapeForm(TARGET).request(body)
    seconds = tape.count() + 1.0
    return tape.record(request, answer, error=error, at=NOON, latency_seconds=seconds)


class Counting(NoMeter):
    """A meter that prices what it is shown, and counts what it may not be asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.estimates: list[int] = []

    def admit(self) -> None:
        self.asked += 1

    def charge(self, inquiry: Inquiry, expense: Expense, estimated_tokens: int) -> Expense:
        self.asked += 1
        return expense

    def priced(self, expense: Expense, estimated_tokens: int = 0) -> Expense:
        self.estimates.append(estimated_tokens)
        return replace(expense, cost=0.25)


class Server(ChatCompletions):
    """A server that fails as it is told, and then answers everything with its name."""

    def __init__(self, *failures: ProviderError) -> None:
        super().__init__(TARGET, llm_config("http://127.0.0.1:9/v1"))
        self._failures = list(failures)
        self.asked = 0
        self.closed = 0

    async def send(self, body: Mapping[str, Any]) -> bytes:
        self.asked += 1
        if self._failures:
            raise self._failures.pop(0)
        return completion(model=f"live-{self.asked}").encode()

    async def close(self) -> None:
        self.closed += 1
        await super().close()


def carrier_of(tape: Tape, mode: Any = "replay", server: Server | None = None) -> Carrier:
    return Carriers(mode, tape, NoMeter()).carrier(TARGET, server or Server())


def asked(carrier: Carrier, *bodies: Mapping[str, Any]) -> tuple[list[AnyOutcome], Inquiry]:
    """Carry each request in turn: replies and errors, and what they took."""
    inquiry = Inquiry()

    async def run() -> list[AnyOutcome]:
        outcomes: list[AnyOutcome] = []
        for body in bodies:
            try:
                outcomes.append(await carrier.carry(body, inquiry))
            except (ProviderError, TimeoutError) as error:
                outcomes.append(error)
        await carrier.close()
        return outcomes

    return asyncio.run(run()), inquiry


def models(outcomes: list[AnyOutcome]) -> list[str]:
    return [one.model if isinstance(one, Reply) else type(one).__name__ for one in outcomes]


def test_a_recorded_answer_is_read_as_it_was(tape: Tape) -> None:
    name = put(tape, a_body())
    meter = Counting()
    carrier = TapeCarrier(TARGET, Server(), Playback(tape), meter)
    (reply,), inquiry = asked(carrier, a_body())
    assert reply == Server().read(ANSWER)
    assert inquiry.expenses == [
        Expense(
            at=NOON,
            provider="compatible",
            model="test-model",
            seconds=1.0,
            usage=Usage(10, 5),
            cost=0.25,
            fault=None,
            tape_id=name,
        )
    ]
    assert (meter.asked, meter.estimates) == (0, [estimated_tokens(a_body())])


def test_the_nth_asking_gets_the_nth_answer(tape: Tape) -> None:
    for number in range(3):
        put(tape, a_body(), ANSWER | {"model": f"m-{number}"})
    put(tape, a_body("another"), ANSWER | {"model": "another"})
    carrier = carrier_of(tape)
    bodies = [a_body(), a_body("another"), a_body(), a_body(), a_body()]
    outcomes, inquiry = asked(carrier, *bodies)
    assert models(outcomes) == ["m-0", "another", "m-1", "m-2", "ProviderError"]
    name = request_hash_of(TapeForm(TARGET).request(a_body()))
    assert inquiry.tape_ids[2:] == (tape_id_of(name, 2), tape_id_of(name, 3))


def test_every_run_begins_at_the_beginning(tape: Tape) -> None:
    put(tape, a_body())
    for _ in range(2):
        outcomes, _ = asked(carrier_of(tape), a_body())
        assert models(outcomes) == ["served-model"]


def test_carriers_of_one_client_count_together(tape: Tape) -> None:
    put(tape, a_body(), ANSWER | {"model": "first"})
    put(tape, a_body(), ANSWER | {"model": "second"})
    carriers = Carriers("replay", tape, NoMeter())
    one, other = (carriers.carrier(TARGET, Server()) for _ in range(2))
    assert models(asked(one, a_body())[0] + asked(other, a_body())[0]) == ["first", "second"]


@pytest.mark.parametrize("mode", ["replay", "replay_or_record"])
def test_a_recorded_failure_fails_again_in_the_same_words(tape: Tape, mode: Any) -> None:
    name = put(tape, a_body(), None, "rate_limited: Error code: 429")
    tape.outlive([name])
    outcomes, inquiry = asked(carrier_of(tape, mode), a_body())
    (error,) = outcomes
    assert isinstance(error, ProviderError)
    assert (error.fault, str(error)) == ("rate_limited", "Error code: 429")
    (expense,) = inquiry.expenses
    assert (expense.fault, expense.tape_id) == ("rate_limited: Error code: 429", name)
    assert expense.usage == Usage()


def test_an_answer_that_was_of_no_use_is_not_read_again(tape: Tape) -> None:
    put(tape, a_body(), ANSWER, "bad_response: the answer holds no message")
    (error,), _ = asked(carrier_of(tape), a_body())
    assert isinstance(error, ProviderError)
    assert told(error) == "bad_response: the answer holds no message"


def test_an_answer_that_a_later_version_cannot_read_says_so(tape: Tape) -> None:
    put(tape, a_body(), {"choices": []})
    (error,), inquiry = asked(carrier_of(tape), a_body())
    assert isinstance(error, ProviderError)
    assert inquiry.expenses[0].fault == told(error) == "bad_response: the answer holds no choice"


def test_what_was_abandoned_ends_as_a_time_that_is_over(tape: Tape) -> None:
    put(tape, a_body(), None, ABANDONED)
    (error,), inquiry = asked(carrier_of(tape), a_body())
    assert isinstance(error, TimeoutError)
    assert [(one.fault, one.seconds) for one in inquiry.expenses] == [(ABANDONED, 1.0)]


def test_what_is_not_on_the_tape_is_told_with_what_to_do(tape: Tape) -> None:
    put(tape, a_body())
    outcomes, inquiry = asked(carrier_of(tape), a_body("never asked"), a_body("nor this"))
    for error in outcomes:
        assert isinstance(error, ProviderError)
        assert error.fault == "not_on_tape"
        assert "holds 1 requests, but not this one to 'test-model'" in str(error)
        assert "replay_or_record" in str(error)
    assert inquiry.expenses == []


def test_what_is_missing_does_not_count_as_asked(tape: Tape) -> None:
    carrier = carrier_of(tape)
    first, _ = asked(carrier, a_body(), a_body())
    put(tape, a_body())
    assert models(first + asked(carrier, a_body())[0]) == ["ProviderError"] * 2 + ["served-model"]


class Looked(Tape):
    """A tape that tells how often it was looked into."""

    looks = 0

    def response(self, request_hash: str, nth: int) -> Response | None:
        self.looks += 1
        return super().response(request_hash, nth)


def test_what_is_missing_is_looked_up_once_before_it_is_asked_anew(tmp_path: Path) -> None:
    tape, server = Looked(tmp_path / "tape"), Server()
    carriers, body = Carriers("replay_or_record", tape, NoMeter()), a_body()
    assert not carriers.recorded(TARGET)(body)
    assert tape.looks == 1
    outcomes, _ = asked(carriers.carrier(TARGET, server), body, body)
    assert models(outcomes) == ["live-1", "live-2"]
    assert tape.looks == 3


def test_what_another_has_recorded_in_the_meantime_is_played(tmp_path: Path) -> None:
    tape, server = Tape(tmp_path / "tape"), Server()
    carriers, body = Carriers("replay_or_record", tape, NoMeter()), a_body()
    assert not carriers.recorded(TARGET)(body)
    put(Tape(tmp_path / "tape"), body)
    outcomes, _ = asked(carriers.carrier(TARGET, server), body, body)
    assert models(outcomes) == ["served-model", "live-1"]


def test_how_much_a_tape_holds_is_counted_once(tape: Tape) -> None:
    playback = Playback(tape)
    first = str(playback.missing("m"))
    put(tape, a_body())
    assert str(playback.missing("m")) == first


def test_a_tape_that_is_not_there_holds_nothing(tape: Tape) -> None:
    (error,), _ = asked(carrier_of(tape), a_body())
    assert "the tape holds 0 requests" in str(error)


@pytest.mark.parametrize("mode", ["replay", "replay_or_record"])
def test_a_tape_that_cannot_be_read_asks_nobody(tmp_path: Path, mode: Any) -> None:
    (tmp_path / "tape").write_bytes(b"no database" * 1000)
    server = Server()
    (error,), _ = asked(carrier_of(Tape(tmp_path / "tape"), mode, server), a_body())
    assert isinstance(error, ProviderError)
    assert error.fault == "not_on_tape"
    assert "is damaged" in str(error)
    assert server.asked == 0


def test_a_tape_that_breaks_before_it_is_counted_is_told(tmp_path: Path) -> None:
    (tmp_path / "tape").write_bytes(b"no database" * 1000)
    with pytest.raises(ProviderError, match="is damaged"):
        Playback(Tape(tmp_path / "tape")).missing("m")


def test_a_run_that_was_stopped_asks_only_what_is_missing(tape: Tape) -> None:
    put(tape, a_body("first"), ANSWER | {"model": "taped"})
    bodies = [a_body("first"), a_body("second"), a_body("first")]
    server = Server()
    outcomes, inquiry = asked(carrier_of(tape, "replay_or_record", server), *bodies)
    assert models(outcomes) == ["taped", "live-1", "live-2"]
    assert len(inquiry.tape_ids) == 3
    again, repeated = asked(carrier_of(tape, "replay", server), *bodies)
    assert models(again) == models(outcomes)
    assert repeated.expenses == inquiry.expenses
    assert server.asked == 2


def test_what_was_given_up_stays_given_up_and_the_next_question_is_asked(tape: Tape) -> None:
    tape.outlive([put(tape, a_body("first"), None, "server_error: Oops")])
    server = Server()
    carrier = carrier_of(tape, "replay_or_record", server)
    outcomes, _ = asked(carrier, a_body("first"), a_body("first"), a_body("to another model"))
    faults = [one.fault for one in outcomes if isinstance(one, ProviderError)]
    assert faults == ["server_error", "not_on_tape", "not_on_tape"]
    assert server.asked == 0
    later, _ = asked(carrier, a_body("first"), a_body("second"))
    assert (models(later), server.asked) == (["live-1", "live-2"], 2)


@pytest.mark.parametrize("mode", ["replay", "replay_or_record"])
def test_what_does_not_follow_an_abandoned_request_was_not_waited_for(
    tape: Tape, mode: Any
) -> None:
    tape.outlive([put(tape, a_body("first"), None, ABANDONED)])
    put(tape, a_body("to another model"))
    server = Server()
    bodies = [a_body(text) for text in ("first", "to another model", "first")]
    outcomes, _ = asked(carrier_of(tape, mode, server), *bodies)
    assert models(outcomes)[:2] == ["TimeoutError", "served-model"]
    over, _ = asked(carrier_of(tape, mode, server), a_body("first"), a_body("to a third"))
    assert models(over) == ["TimeoutError", "TimeoutError"]


def test_what_fails_anew_may_be_tried_again(tape: Tape) -> None:
    server = Server(ProviderError("server_error", "Oops"))
    carrier = carrier_of(tape, "replay_or_record", server)
    outcomes, inquiry = asked(carrier, a_body(), a_body())
    assert models(outcomes) == ["ProviderError", "live-2"]
    tape.outlive(inquiry.tape_ids[:1])
    replayed, _ = asked(carrier_of(tape), a_body(), a_body())
    assert models(replayed) == ["ProviderError", "live-2"]


def test_a_key_that_was_in_a_request_is_not_needed_to_find_it(tape: Tape) -> None:
    body = a_body(f"a gateway said {CANARY}, of org-AbCdEfGh0123456789")
    put(tape, body)
    stranger = a_target(key="another-key-of-somebody")
    carrier = TapeCarrier(stranger, Server(), Playback(tape), NoMeter())
    shown = a_body("a gateway said [key], of [account]")
    assert models(asked(carrier, shown)[0]) == ["served-model"]


@pytest.mark.parametrize(
    "changes", [{"model": "other"}, {"temperature": 1}, {"tools": []}, {"user": "me"}]
)
def test_whatever_is_asked_otherwise_is_not_on_the_tape(
    tape: Tape, changes: dict[str, Any]
) -> None:
    put(tape, a_body())
    assert models(asked(carrier_of(tape), a_body(**changes))[0]) == ["ProviderError"]


@given(st.lists(st.sampled_from(("what now?", f"use {CANARY} here", f"{CANARY}", "漢 \x7f 😀"))))
def test_a_request_is_called_on_the_tape_by_what_is_recorded_of_it(texts: list[str]) -> None:
    form = TapeForm(TARGET)
    bodies = [a_body(text) for text in texts]
    # The second time by what was found out the first.
    for body in [*bodies, *bodies]:
        recorded = form.request(body)
        assert form.recorded_hash(body) == request_hash_of(recorded)
        assert CANARY not in json.dumps(recorded)


def test_a_request_is_searched_for_secrets_once_by_all_who_handle_it(
    tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Any] = []
    value = Redaction.value

    def noted(self: Redaction, one: Any) -> Any:
        searched.append(one)
        return value(self, one)

    monkeypatch.setattr(Redaction, "value", noted)
    carriers = Carriers("replay_or_record", tape, NoMeter())
    carrier, is_recorded = carriers.carrier(TARGET, Server()), carriers.recorded(TARGET)
    body = a_body()
    assert not is_recorded(body)
    asked(carrier, body)
    assert [one["messages"] for one in searched if "messages" in one] == [body["messages"]]
    assert tape.count() == 1


def test_another_server_is_another_request(tape: Tape) -> None:
    put(tape, a_body())
    elsewhere = a_target("https://api.example.com/v1")
    carrier = TapeCarrier(elsewhere, Server(), Playback(tape), NoMeter())
    assert models(asked(carrier, a_body())[0]) == ["ProviderError"]


def test_recording_is_what_it_ever_was(tape: Tape) -> None:
    put(tape, a_body())
    for with_tape, taken in ((tape, 2), (None, 0)):
        server = Server()
        carrier = Carriers("record", with_tape, NoMeter()).carrier(TARGET, server)
        assert isinstance(carrier, LiveCarrier)
        outcomes, inquiry = asked(carrier, a_body(), a_body())
        assert models(outcomes) == ["live-1", "live-2"]
        assert (len(inquiry.tape_ids), server.closed) == (taken, 1)


@pytest.mark.parametrize("mode", ["replay", "replay_or_record"])
def test_without_a_tape_there_is_nothing_to_replay(mode: Any) -> None:
    with pytest.raises(ConfigError, match=rf"tape_mode: found '{mode}', which needs a tape"):
        Carriers(mode, None, NoMeter())


@pytest.mark.parametrize("mode", ["replay", "replay_or_record"])
def test_closing_lets_go_of_tape_and_connections(tape: Tape, mode: Any) -> None:
    put(tape, a_body())
    server = Server()
    asked(carrier_of(tape, mode, server), a_body())
    assert server.closed == 1
    assert tape._file._connection is None


@given(st.sampled_from(get_args(ProviderFault)), st.text())
def test_any_error_is_read_back_as_it_was_told(fault: ProviderFault, words: str) -> None:
    error = ProviderError(fault, words)
    back = recorded_error(told(error))
    assert (back.fault, str(back), back.retry_after_seconds) == (fault, words, 0.0)


@given(st.text())
def test_any_other_text_is_a_bad_response(text: str) -> None:
    back = recorded_error(text)
    if text.partition(": ")[0] not in get_args(ProviderFault):
        assert (back.fault, str(back)) == ("bad_response", text)


def test_two_runs_at_once_disturb_each_other_as_little_as_two_readers(tape: Tape) -> None:
    put(tape, a_body(), ANSWER | {"model": "first"})
    put(tape, a_body(), ANSWER | {"model": "second"})
    one, other = carrier_of(tape), carrier_of(tape)
    seen = [asked(carrier, a_body())[0] for carrier in (one, other, one)]
    assert [models(outcomes) for outcomes in seen] == [["first"], ["first"], ["second"]]
