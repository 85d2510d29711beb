"""What the gate says: values that are recorded, shown to the model, and booked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.domain import AccountState, MarketRules, OpenPosition, Side
from llm_modules.tools.calls import ToolCall

VerdictStatus = Literal["approved", "clamped", "refused"]
ClampedField = Literal["leverage", "stake_amount", "stop_price"]


@dataclass(frozen=True, slots=True)
class GateState:
    """Everything a check may look at besides the proposal; prices in quote currency.

    Freqtrade enters in none of `locked_sides`. `reserved_stake` and `reserved_slots` belong to
    approved entries and additions that have not reached the account yet.
    """

    now: datetime
    valid_until: datetime
    pair: str
    price: float
    rules: MarketRules
    account: AccountState
    position: OpenPosition | None
    reserved_stake: float
    reserved_slots: int
    locked_sides: frozenset[Side]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A tool call in the exchange's terms: what would be done if every check agrees.

    `stake_amount` is margin in quote currency, negative to reduce; `stop_price` None keeps the
    stop where it is.
    """

    call: ToolCall
    side: Side
    leverage: float
    stake_amount: float
    stop_price: float | None

    @property
    def only_reduces(self) -> bool:
        """Whether carrying this out cannot add exposure."""
        return self.stake_amount <= 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A check says no; `code` is stable, `text` is meant for people and the model."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Clamp:
    """A check allows less than was asked: `field` of the proposal becomes `value`."""

    code: str
    text: str
    field: ClampedField
    value: float | None


Finding = Refusal | Clamp | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's judgement of one call; `proposal` is None exactly when it was refused."""

    status: VerdictStatus
    proposal: Proposal | None
    reasons: tuple[Refusal | Clamp, ...]
