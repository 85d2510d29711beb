"""Carriers: bring one request to a server and the reply back, leaving tape and bill behind."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import SecretStr

from llm_modules.dialogue import Inquiry, Reply
from llm_modules.errors import ProviderError
from llm_modules.llm.failures import blanked_reply
from llm_modules.llm.meter import Meter
from llm_modules.llm.providers.dialect import Dialect
from llm_modules.llm.recorder import Recorder


class Carrier(Protocol):
    """Makes one request, for better or worse; adds what it took to the inquiry."""

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        """Return the reply to one request. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Release connections and files."""
        ...


class LiveCarrier:
    """Asks the server, if the meter lets it; every request is recorded and charged."""

    def __init__(self, dialect: Dialect, recorder: Recorder, meter: Meter, key: SecretStr) -> None:
        self._dialect = dialect
        self._recorder = recorder
        self._meter = meter
        self._key = key

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        """Return the server's reply, with every trace of the key removed. Raises ProviderError."""
        self._meter.admit()
        with self._recorder.taping(body, inquiry) as sent:
            raw = await self._dialect.send(body)
            # Before it is parsed: what cannot be read is evidence as well.
            sent.answered(raw)
            reply = self._dialect.read(parsed(raw))
            sent.usage = reply.usage
        # What a server echoes would stand in the journal, and in the next prompt.
        return blanked_reply(reply, self._key)

    async def close(self) -> None:
        """Close the connections to the server, and the tape."""
        self._recorder.close()
        await self._dialect.close()


def parsed(raw: bytes) -> object:
    """Return a body as JSON. Raises ProviderError when it is none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ProviderError("bad_response", "the answer is not JSON") from None
