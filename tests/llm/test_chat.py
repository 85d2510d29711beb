import httpx2
import openai
import pytest
from pydantic import SecretStr

from llm_modules.errors import ProviderError
from llm_modules.llm.chat import endpoint_root, read_completion
from llm_modules.llm.failures import LONGEST_MESSAGE, provider_error, without_key

KEY = SecretStr("sk-canary-0123456789abcdef")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://host:1", "http://host:1/v1"),
        ("http://host:1/", "http://host:1/v1"),
        ("http://host:1/v1", "http://host:1/v1"),
        ("http://host:1/v1/", "http://host:1/v1"),
        ("https://host/compatible-mode/v1", "https://host/compatible-mode/v1"),
        ("https://host/api/v3", "https://host/api/v3"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("http://v1/", "http://v1/v1"),
        ("https://host/vault", "https://host/vault/v1"),
    ],
)
def test_the_version_is_added_where_none_is_named(given: str, used: str) -> None:
    assert endpoint_root(given) == used


@pytest.mark.parametrize("nothing", [None, "<html>", {"choices": []}, 3])
def test_what_is_not_a_completion_is_a_bad_response(nothing: object) -> None:
    with pytest.raises(ProviderError) as caught:
        read_completion(nothing)
    assert caught.value.fault == "bad_response"


def test_the_key_is_removed_whole_and_in_part() -> None:
    text = f"key {KEY.get_secret_value()} starting sk-canar ending cdef"
    assert without_key(text, KEY) == "key [key] starting [key] ending [key]"


def test_a_short_placeholder_key_is_removed_only_whole() -> None:
    assert without_key("no-key and no", SecretStr("no-key")) == "[key] and no"
    assert without_key("text", SecretStr("")) == "text"


def test_foreign_text_is_one_short_line() -> None:
    cleaned = without_key("line\nbreak " + "x" * 1000, KEY)
    assert "\n" not in cleaned
    assert len(cleaned) == LONGEST_MESSAGE


def _rate_limit(retry_after: str) -> openai.RateLimitError:
    request = httpx2.Request("POST", "http://127.0.0.1/v1")
    response = httpx2.Response(429, headers={"retry-after": retry_after}, request=request)
    return openai.RateLimitError("slow down", response=response, body=None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", None), ("nan", None), ("Fri, 31 Dec 2026", None), ("", None)],
)
def test_retry_after_is_read_when_it_is_a_sane_number(header: str, seconds: float | None) -> None:
    assert provider_error(_rate_limit(header), KEY).retry_after_seconds == seconds


def test_a_fault_found_by_our_transport_keeps_its_name() -> None:
    outer = openai.APIConnectionError(request=httpx2.Request("POST", "http://127.0.0.1"))
    outer.__cause__ = ProviderError("too_large", "big")
    assert provider_error(outer, KEY).fault == "too_large"


def test_a_timeout_of_the_sdk_is_a_timeout() -> None:
    error = openai.APITimeoutError(request=httpx2.Request("POST", "http://127.0.0.1"))
    assert provider_error(error, KEY).fault == "timeout"
