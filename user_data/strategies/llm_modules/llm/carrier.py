"""Carriers: bring one request to a server and the reply back, leaving tape and bill behind."""

from collections.abc import Mapping
from typing import Any, Protocol

from llm_modules.dialogue import Inquiry, Reply
from llm_modules.llm.meter import Meter
from llm_modules.llm.providers.dialect import Dialect
from llm_modules.llm.recorder import Recorder


class Carrier(Protocol):
    """Makes one request, for better or worse; adds what it took to the inquiry."""

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        """Return the reply to one request. Raises ProviderError.

        Raises TimeoutError when nobody waited for the answer, the time of the question being over.
        """
        ...

    async def close(self) -> None:
        """Release connections and files."""
        ...


class LiveCarrier:
    """Asks the server, if the meter lets it; every request is recorded and charged."""

    def __init__(self, dialect: Dialect, recorder: Recorder, meter: Meter) -> None:
        self._dialect = dialect
        self._recorder = recorder
        self._meter = meter

    async def carry(self, body: Mapping[str, Any], inquiry: Inquiry) -> Reply:
        """Return the server's reply, with every trace of a secret removed. Raises ProviderError."""
        self._meter.admit()
        with self._recorder.taping(body, inquiry) as sent:
            raw = await self._dialect.send(body)
            # As the tape has it: what a server echoes would stand in journal and next prompt, and
            # a replay must read what was read now. Noted first: the unreadable is evidence too.
            reply = self._dialect.read(sent.answered(raw))
            sent.usage = reply.usage
        return reply

    async def close(self) -> None:
        """Close the connections to the server, and the tape."""
        self._recorder.close()
        await self._dialect.close()
