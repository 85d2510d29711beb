"""What is asked of Freqtrade's own API on loopback: does it answer, what is open, what is owned.

Whatever answers otherwise than Freqtrade does counts as no answer.
"""

import base64
import http.client
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

# Freqtrade answers in milliseconds, and within a second or two while it starts.
TIMEOUT_SECONDS = 3.0
T = TypeVar("T")


class _Answer(BaseModel):
    """Base of what is read of an answer; the rest of it is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class OpenTrade(_Answer):
    """An open trade of `/status`; profit is what closing it now would bring, fees included."""

    trade_id: int
    pair: str
    is_short: bool
    leverage: float | None = None
    stake_amount: float
    open_timestamp: int
    open_rate: float
    current_rate: float | None = None
    profit_ratio: float | None = None
    profit_abs: float | None = None
    stop_loss_abs: float | None = None


class Currency(_Answer):
    """A line of `/balance`: what is held of a currency, or a position."""

    currency: str
    balance: float
    is_position: bool


class Balance(_Answer):
    """`/balance`: everything that is held, and the currency stakes are in."""

    currencies: tuple[Currency, ...]
    stake: str

    @property
    def stake_balance(self) -> float | None:
        """The balance of the stake currency, stakes of open positions included; None if none."""
        found = (
            one.balance
            for one in self.currencies
            if one.currency == self.stake and not one.is_position
        )
        return next(found, None)


class StoredThesis(_Answer):
    """Why a position was opened, as it is kept with the trade."""

    decision_id: str
    reason: str


def _thesis(value: object) -> object:
    """Leave nothing of what another version kept: a thesis is missed, a position is not."""
    is_ours = isinstance(value, dict) and {"decision_id", "reason"} <= value.keys()
    return value if is_ours else None


class _Kept(_Answer):
    key: str
    value: Annotated[StoredThesis | None, BeforeValidator(_thesis)] = None


class _KeptWithTrade(_Answer):
    trade_id: int
    custom_data: tuple[_Kept, ...]


class ServedTable(_Answer):
    """`/pair_candles`: the analysed candles of a pair, a row each, indicators among the columns."""

    columns: tuple[str, ...]
    data: tuple[tuple[Any, ...], ...]


class _Ping(_Answer):
    status: str


class _Settings(_Answer):
    state: str


class _Health(_Answer):
    last_process_ts: int


_OPEN_TRADES = TypeAdapter(tuple[OpenTrade, ...])
_KEPT = TypeAdapter(tuple[_KeptWithTrade, ...])


@dataclass(frozen=True, slots=True)
class Api:
    """The API of one running bot, and who asks; every answer is None when there is none."""

    port: int
    username: str
    password: str = field(repr=False)

    def answers(self) -> bool:
        """Tell whether Freqtrade answers at all; nobody has to be known for that."""
        return answers_ping(self.port)

    def open_trades(self) -> tuple[OpenTrade, ...] | None:
        """Return the open trades with price and profit of now."""
        return self._ask("status", _OPEN_TRADES)

    def state(self) -> str | None:
        """Return what Freqtrade does: running, paused or stopped."""
        found = self._ask("show_config", TypeAdapter(_Settings))
        return found.state if found else None

    def has_looped(self) -> bool:
        """Tell whether Freqtrade's loop has gone once all the way through since it started."""
        return self._ask("health", TypeAdapter(_Health)) is not None

    def balance(self) -> Balance | None:
        """Return what is held."""
        return self._ask("balance", TypeAdapter(Balance))

    def pair_candles(self, pair: str, timeframe: str) -> ServedTable | None:
        """Return all candles of a pair that the bot analysed."""
        query = urlencode({"pair": pair, "timeframe": timeframe})
        return self._ask(f"pair_candles?{query}", TypeAdapter(ServedTable))

    def theses(self) -> dict[int, StoredThesis]:
        """Return why each open trade was opened, by its number; those nobody knows are left out."""
        kept = self._ask("trades/open/custom-data?key=thesis", _KEPT) or ()
        return {
            trade.trade_id: one.value
            for trade in kept
            for one in trade.custom_data
            if one.key == "thesis" and one.value is not None
        }

    def _ask(self, question: str, answer: TypeAdapter[T]) -> T | None:
        token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return _read(_get(self.port, question, {"Authorization": f"Basic {token}"}), answer)


def answers_ping(port: int) -> bool:
    """Tell whether Freqtrade's API answers at this port."""
    return _read(_get(port, "ping", {}), TypeAdapter(_Ping)) is not None


def _read(found: object, answer: TypeAdapter[T]) -> T | None:
    try:
        return answer.validate_python(found)
    except ValidationError:
        return None


def _get(port: int, question: str, headers: dict[str, str]) -> object:
    """Ask loopback directly, past any proxy; None for anything but JSON."""
    # Not urllib: it would ask a proxy named in the environment, and tell it the password.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"/api/v1/{question}", headers=headers)
        response = connection.getresponse()
        return json.loads(response.read()) if response.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
