"""What the gate looks at and what it says: values that are recorded, shown, and booked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llm_modules.domain import AccountState, Conduct, Habit, MarketRules, OpenPosition, Side
from llm_modules.tools.calls import ToolCall

VerdictStatus = Literal["approved", "clamped", "refused"]
ClampedField = Literal["leverage", "stake_amount", "stop_price"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A stake at risk elsewhere: another pair's position, or an approved order on its way.

    `correlation` is that of the pair's returns with those of the pair in question, -1..1; None
    when it is unknown, which counts as fully correlated. `promised` stakes are not in the account
    yet; those that `takes_slot` will open a position.
    """

    pair: str
    side: Side
    stake_amount: float
    leverage: float
    correlation: float | None = None
    promised: bool = False
    takes_slot: bool = False


@dataclass(frozen=True, slots=True)
class GateState:
    """Everything a check may look at besides the proposal; prices in quote currency.

    Freqtrade enters in none of `locked_sides`. `exposures` are all but the pair's own position.
    `facts` are those of the market snapshot. `acted_on` is the candle of the pair's last approved
    order. `funding_rate` is a ratio per funding interval, positive when longs pay; None: unknown.
    """

    now: datetime
    candle_at: datetime
    valid_until: datetime
    pair: str
    price: float
    rules: MarketRules
    account: AccountState
    position: OpenPosition | None
    exposures: tuple[Exposure, ...]
    locked_sides: frozenset[Side]
    tradable: bool
    facts: Mapping[str, float]
    conduct: Conduct
    habits: tuple[Habit, ...]
    acted_on: datetime | None
    funding_rate: float | None

    def fact(self, name: str) -> float | None:
        """Return a number of the snapshot, or None while it is not known."""
        value = self.facts.get(name)
        return value if value is not None and math.isfinite(value) else None

    @property
    def reserved_slots(self) -> int:
        """How many positions approved orders on their way will open."""
        return sum(item.takes_slot for item in self.exposures)


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
    """A check allows less than was asked: `field` of the proposal goes from `before` to `value`.

    None stands for a stop that stays where it is.
    """

    code: str
    text: str
    field: ClampedField
    before: float | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Remark:
    """A check saw something worth recording that changes nothing."""

    code: str
    text: str


Reason = Refusal | Clamp | Remark
Finding = Reason | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's judgement of one call; `proposal` is None exactly when it was refused.

    `limits_hash` names the limits it was made under.
    """

    proposal: Proposal | None
    reasons: tuple[Reason, ...]
    limits_hash: str

    @property
    def status(self) -> VerdictStatus:
        """Refused, clamped when anything was cut back, else approved."""
        if self.proposal is None:
            return "refused"
        changed = any(isinstance(reason, Clamp) for reason in self.reasons)
        return "clamped" if changed else "approved"
