from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from adversary import http
from asking import fault_of
from llm_modules.llm.failures import provider_error

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "1"}, 1.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "119.5"}, 119.5),
        ({"retry_after": "3600"}, 3600.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "1"}, 1.0),
        ({"retry_after_ms": DATE, "date": DATE}, None),
        ({"retry_after": "Wed, 21 Oct 2026 07:30:30 GMT", "date": DATE}, 150.0),
        ({"retry_after": "Wed, 21 Oct 2026 09:28:00 +0200", "date": DATE}, 0.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:09 -0000", "date": DATE}, 9.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:27:59 GMT", "date": DATE}, 0.0),
        ({"retry_after": "Wed, 21 Oct 2020 07:28:00 GMT", "date": "today"}, 0.0),
        ({"retry_after": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({}, None),
    ],
)
def test_a_retry_after_is_read_in_all_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    error, _ = fault_of(http("{}", "429 Too Many Requests", **headers))
    assert error.retry_after_seconds == seconds


@given(st.text(st.characters(codec="latin-1"), max_size=40), st.sampled_from(["", " GMT", " +9"]))
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_retry_after_breaks_the_reading(text: str, end: str) -> None:
    headers = [(b"retry-after", f"{text}{end}".encode("latin-1"))]
    request = httpx2.Request("POST", "http://x")
    response = httpx2.Response(429, headers=headers, request=request)
    error = openai.RateLimitError("slow down", response=response, body=None)
    seconds = provider_error(error, SecretStr("")).retry_after_seconds
    assert seconds is None or seconds >= 0


def test_a_date_without_the_servers_own_counts_from_now() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    error, _ = fault_of(http("{}", "429 Too Many Requests", retry_after=later))
    assert 3500 < (error.retry_after_seconds or 0) <= 3600
