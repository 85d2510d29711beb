import gzip
from typing import Any

import pytest

from adversary import adversary, completion, http
from asking import ask, fault_of
from llm_modules.errors import ProviderError
from llm_modules.llm.endpoint import LONGEST_PAUSE_SECONDS, pause_seconds
from models import CANARY

OK = http(completion())


def test_a_reply_is_read_with_its_usage_and_model() -> None:
    with adversary(OK) as server:
        reply = ask(server)
    assert reply.tool_requests[0].name == "signal_wait"
    assert (reply.model, reply.finish_reason) == ("served-model", "tool_calls")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (10, 5)
    assert len(server.requests) == 1


def test_every_setting_reaches_the_server() -> None:
    with adversary(OK) as server:
        ask(server, model="m-7", temperature=0.25, max_tokens=321)
    request = server.requests[0]
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("m-7", 0.25, 321)
    assert request["tool_choice"] == "required"
    assert request["parallel_tool_calls"] is False
    assert [tool["function"]["name"] for tool in request["tools"]] == [
        "signal_entry_long",
        "signal_entry_short",
        "signal_wait",
    ]
    assert f"authorization: bearer {CANARY}" in server.heads[0].lower()
    assert server.heads[0].startswith("POST /v1/chat/completions ")


def test_the_total_time_is_limited_even_when_every_read_is_quick() -> None:
    def drip(_: int) -> list[bytes | float]:
        steps: list[bytes | float] = [b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"]
        for _ in range(100):
            steps += [b" ", 0.1]
        return steps

    error, server = fault_of(drip, timeout=0.5, read_timeout=60, retry_times=9)
    assert str(error) == "no complete answer within 0.5 s"
    assert len(server.requests) == 1


def test_silence_ends_at_the_deadline() -> None:
    error, _ = fault_of(lambda _: [60.0], timeout=0.5)
    assert error.fault == "timeout"
    assert "0.5 s" in str(error)


@pytest.mark.parametrize("retry_times", [0, 1, 3])
def test_a_failing_server_is_asked_no_more_often_than_configured(retry_times: int) -> None:
    body = http("{}", "429 Too Many Requests", retry_after="0")
    error, server = fault_of(body, retry_times=retry_times)
    assert error.fault == "rate_limited"
    assert len(server.requests) == 1 + retry_times


def test_a_second_attempt_can_succeed() -> None:
    def script(number: int) -> list[bytes | float]:
        return [http("{}", "500 Oops", retry_after="0") if number == 1 else OK]

    with adversary(script) as server:
        assert ask(server).model == "served-model"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        ("400 Bad Request", "rejected"),
        ("401 Unauthorized", "unauthorised"),
        ("402 Payment Required", "unauthorised"),
        ("403 Forbidden", "unauthorised"),
        ("404 Not Found", "rejected"),
        ("422 Unprocessable", "rejected"),
    ],
)
def test_errors_that_no_retry_can_mend_are_not_retried(status: str, fault: str) -> None:
    error, server = fault_of(http("{}", status), retry_times=3)
    assert error.fault == fault
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "529 Overloaded"])
def test_server_errors_are_named_so(status: str) -> None:
    assert fault_of(http("{}", status))[0].fault == "server_error"


def test_a_retry_after_beyond_the_deadline_does_not_outlast_it() -> None:
    body = http("{}", "429 Too Many Requests", retry_after="3600")
    error, server = fault_of(body, retry_times=3, timeout=60)
    assert error.fault == "rate_limited"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        '{"choices"',
        "null",
        "[]",
        "3",
        "[" * 100_000,
        b"\xff\xfe\xfa",
        '{"error": {"message": "overloaded"}}',
        completion(choices=[]),
        completion(choices=None),
        completion(choices=[{"index": 0, "finish_reason": "stop"}]),
        completion(choices=["text"]),
        completion(choices=[None]),
        completion(choices=[{"index": 0, "message": "hello"}]),
        completion(choices=[{"index": 0, "message": {"role": "assistant", "tool_calls": "abc"}}]),
    ],
)
def test_a_200_that_holds_no_message_is_a_bad_response(body: bytes | str) -> None:
    assert fault_of(http(body))[0].fault == "bad_response"


def test_a_web_page_is_a_bad_response() -> None:
    page = http("<html>log in to the Wi-Fi</html>", content_type="text/html")
    assert fault_of(page)[0].fault == "bad_response"


def test_a_body_cut_short_is_a_connection_fault() -> None:
    whole = http(completion())
    assert fault_of(lambda _: [whole[:-20], b""])[0].fault == "connection"


def test_a_closed_port_is_a_connection_fault() -> None:
    with adversary(OK) as server:
        pass
    with pytest.raises(ProviderError) as caught:
        ask(server, retry_times=0)
    assert caught.value.fault == "connection"


def test_a_redirect_is_not_followed_and_the_other_host_hears_nothing() -> None:
    with adversary(OK) as other:
        error, _ = fault_of(http("", "307 Moved", location=f"{other.url}/chat/completions"))
        assert other.requests == []
    assert error.fault == "redirected"


def test_a_huge_body_is_cut_off() -> None:
    assert fault_of(http(b" " * 2_000_000))[0].fault == "too_large"


def test_a_compressed_body_is_refused_before_it_can_grow() -> None:
    bomb = http(gzip.compress(b" " * 10_000_000), content_encoding="gzip")
    error, server = fault_of(bomb)
    assert error.fault == "bad_response"
    assert "compressed" in str(error)
    assert "accept-encoding: identity" in server.heads[0].lower()


def test_the_environment_cannot_divert_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    with adversary(OK) as server, adversary(OK) as thief:
        monkeypatch.setenv("HTTP_PROXY", thief.url)
        monkeypatch.setenv("ALL_PROXY", thief.url)
        monkeypatch.setenv("OPENAI_BASE_URL", thief.url)
        assert ask(server).tool_requests
        assert thief.requests == []


def test_a_gateway_that_echoes_the_key_does_not_get_it_into_the_error() -> None:
    echo = http(f'{{"error": {{"message": "Incorrect API key: {CANARY}"}}}}', "401 Unauthorized")
    error, _ = fault_of(echo)
    assert "[key]" in str(error)
    assert CANARY[:8] not in str(error)


def test_a_forced_tool_choice_that_is_refused_is_relaxed_once() -> None:
    refusal = http(
        '{"error": {"message": "Thinking mode does not support this tool_choice"}}',
        "400 Bad Request",
    )
    with adversary(lambda number: [refusal if number == 1 else OK]) as server:
        assert ask(server).tool_requests
    assert [request["tool_choice"] for request in server.requests] == ["required", "auto"]


def test_a_server_that_refuses_either_way_is_not_asked_for_ever() -> None:
    refusal = http('{"error": {"message": "bad tool_choice"}}', "400 Bad Request")
    error, server = fault_of(refusal, retry_times=3)
    assert error.fault == "rejected"
    assert len(server.requests) == 2


def test_arguments_that_arrive_as_an_object_are_passed_on() -> None:
    body = completion().replace('"{}"', '{"pair": "X"}')
    with adversary(http(body)) as server:
        assert ask(server).tool_requests[0].arguments == {"pair": "X"}


def test_arguments_of_another_type_count_as_missing() -> None:
    with adversary(http(completion().replace('"{}"', "7"))) as server:
        assert ask(server).tool_requests[0].arguments is None


def test_a_call_that_is_nothing_is_an_unknown_tool() -> None:
    message = {"role": "assistant", "tool_calls": [None]}
    with adversary(http(completion(choices=[{"index": 0, "message": message}]))) as server:
        (request,) = ask(server).tool_requests
    assert (request.name, request.arguments) == ("", None)


def test_a_servers_words_are_kept_short_and_printable() -> None:
    with adversary(http(completion(model="m\n" + "x" * 5000))) as server:
        reply = ask(server)
    assert reply.model == "m" + "x" * 99


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -5, "completion_tokens": "many"}])
def test_missing_or_absurd_usage_is_not_invented(usage: Any) -> None:
    with adversary(http(completion(usage=usage))) as server:
        reply = ask(server)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (None, None)


def test_text_without_a_call_is_a_reply_without_requests() -> None:
    message = {"role": "assistant", "content": "I would rather wait."}
    body = completion(choices=[{"index": 0, "finish_reason": "stop", "message": message}])
    with adversary(http(body)) as server:
        reply = ask(server)
    assert (reply.text, reply.tool_requests) == ("I would rather wait.", ())


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (9, 8.0)])
def test_pauses_double_up_to_a_limit(attempt: int, longest: float) -> None:
    pauses = [pause_seconds(attempt, None) for _ in range(50)]
    assert all(0.75 * longest <= pause <= longest <= LONGEST_PAUSE_SECONDS for pause in pauses)
    assert len(set(pauses)) > 1


@pytest.mark.parametrize("asked", [0.0, 0.1, 2.5, 3600.0])
def test_a_pause_asked_for_by_the_server_is_never_cut(asked: float) -> None:
    pauses = [pause_seconds(5, asked) for _ in range(50)]
    assert all(asked <= pause <= 1.25 * asked for pause in pauses)
    assert (len(set(pauses)) > 1) == (asked > 0)
