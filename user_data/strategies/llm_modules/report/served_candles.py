"""Candles that the running bot has in memory, through Freqtrade's own API on loopback."""

import base64
import http.client
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import numpy as np

from llm_modules.domain import Candles
from llm_modules.report.candles import Wanted, no_candles

TIMEOUT_SECONDS = 5.0
COLUMNS = ("__date_ts", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class ServedCandles:
    """Asks the bot that listens at a port of this machine."""

    port: int
    username: str
    password: str

    def __call__(self, wanted: Wanted) -> Candles:
        """Return all candles the bot analysed; none where it does not answer or has none."""
        answer = self._asked(wanted)
        try:
            places = [answer["columns"].index(name) for name in COLUMNS]
            rows = [[row[place] for place in places] for row in answer["data"]]
            columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS)).T
        # Whatever another version, or another program at that port, answers instead.
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return no_candles(wanted.timeframe)
        whole = columns[:, np.isfinite(columns).all(axis=0)]
        return Candles(wanted.timeframe, whole[0].astype(np.int64), *whole[1:])

    def _asked(self, wanted: Wanted) -> Any:
        """Ask loopback directly, past any proxy, which would be told the password."""
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        query = urlencode({"pair": wanted.pair, "timeframe": wanted.timeframe})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Basic {token}"}
            connection.request("GET", f"/api/v1/pair_candles?{query}", headers=headers)
            response = connection.getresponse()
            return json.loads(response.read()) if response.status == HTTPStatus.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
