"""HTTP for the model's endpoint: no redirects, no proxies from the environment, bounded bodies."""

from collections.abc import AsyncIterator
from typing import cast

import httpx2

from llm_modules.errors import ProviderError

LARGEST_BODY_BYTES = 1_000_000


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Passes requests on and refuses answers that are compressed or larger than a limit.

    Refusing compression is what stops a small answer from growing to gigabytes in memory.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, limit: int = LARGEST_BODY_BYTES) -> None:
        self._inner = inner
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request; raises ProviderError for a compressed answer."""
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        encoding = response.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            await response.aclose()
            raise ProviderError("bad_response", f"the answer is compressed ({encoding[:20]!r})")
        response.stream = _BoundedStream(
            cast("httpx2.AsyncByteStream", response.stream), self._limit
        )
        return response

    async def aclose(self) -> None:
        """Close the transport underneath."""
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    """A body that stops with an error once it is longer than allowed."""

    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._inner:
            received += len(chunk)
            if received > self._limit:
                raise ProviderError("too_large", f"the answer is longer than {self._limit} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def http_client(connect_seconds: float, read_seconds: float) -> httpx2.AsyncClient:
    """Make the HTTP client that an SDK is given."""
    return httpx2.AsyncClient(
        # How many requests are under way at once is the pacer's to bound.
        transport=BoundedTransport(
            # Each request looks at every idle connection: with 50 pairs a third of the work, and
            # between two candles they would time out anyway.
            httpx2.AsyncHTTPTransport(
                trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0)
            )
        ),
        # Of a single read: how long an answer may take in all is the caller's to bound.
        timeout=httpx2.Timeout(read_seconds, connect=connect_seconds),
        # They would take prompt and key to an address that nobody configured.
        follow_redirects=False,
        trust_env=False,
    )
