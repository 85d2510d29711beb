"""One line of a journal: versioned, tagged, aware UTC, no NaN.

`llm_decisions.jsonl` holds DecisionRecord, OutcomeRecord and HaltRecord lines,
`trade_experience.jsonl` holds TradeRecord and LessonRecord lines. Fields may be added with a
default; a changed meaning is a new version.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from llm_modules.domain import HaltKind, Judgement, RunMode, Side, Stance

SCHEMA_VERSION = 1

DecisionStatus = Literal["approved", "clamped", "refused", "failed", "skipped"]
OutcomeKind = Literal["filled", "expired", "superseded", "aborted", "vetoed"]
Grade = Literal["S", "A", "B", "C", "D", "F"]
# What names a trade for ever: each mode has its databases, and a new one counts from 1 again.
TradeKey = tuple[RunMode, int, datetime]


class Record(BaseModel):
    """Base of every record; lists from JSON are accepted as tuples."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True
    )


def _left_to_the_chain(_value: object) -> None:
    """Forget what a line says of its place, so that a record reads back as it was written."""


OfTheChain = Annotated[None, BeforeValidator(_left_to_the_chain)]


class Line(Record):
    """Base of what stands on a line of its own; `seq` and `prev` belong to `journal.chain`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    seq: OfTheChain = Field(default=None, exclude=True, repr=False)
    prev: OfTheChain = Field(default=None, exclude=True, repr=False)


class Reason(Record):
    """What a check had to say: a stable code and a sentence; a clamp also from what to what.

    Old lines do not tell the kind; `unknown` stands for it then.
    """

    code: str
    text: str
    kind: Literal["refusal", "clamp", "remark", "unknown"] = "unknown"
    field: str | None = None
    before: float | None = None
    after: float | None = None


class Approved(Record):
    """What a verdict let through, in the exchange's terms; the stake is negative to reduce."""

    leverage: float
    stake_amount: float
    stop_price: float | None


class Held(Record):
    """The extent of a position when a decision about it was asked for, to tell if it changed."""

    entries: int
    adjustments: int
    stop_price: float


class DecisionRecord(Line):
    """One question to the model and everything that followed until the verdict.

    `call` holds the validated arguments, `problems` what was wrong with unusable answers,
    `fault` why there was no answer. `mode` says whether exchange and model were simulated.
    `profit_ratio` and `held` are those of the pair's position when asked, `limits_hash` names the
    limits the verdict was made under, `templates` the version of the prompt's templates in use
    (None in lines of earlier versions), `tape_ids` names requests and raw answers on the tape,
    `timeframe` is that of the candles behind `facts` (empty in lines of earlier versions).

    Where no call came, `default_tool` says what stands in for it: waiting or holding. A skipped
    decision was not asked, `fault` says why and `repeats` names the decision it repeats, if any.
    `escalated_from` is what a cheaper model had said before `model` was asked, None where it
    decided or there was none. Tokens are sums over all requests; `cost` is in US dollars, None
    where a price is unknown.
    """

    kind: Literal["decision"] = "decision"
    decision_id: str
    at: AwareDatetime
    candle_at: AwareDatetime
    pair: str
    stance: Stance
    mode: RunMode
    model: str
    status: DecisionStatus
    tool: str | None
    call: dict[str, str | float | None] = Field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    approved: Approved | None = None
    problems: tuple[str, ...] = ()
    fault: str | None = None
    trade_id: int | None = None
    profit_ratio: float | None = None
    held: Held | None = None
    attempts: int = 0
    latency_seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    default_tool: str | None = None
    repeats: str | None = None
    escalated_from: str | None = None
    prompt_hash: str | None = None
    templates: str | None = None
    # Names, not texts: they keep a decision below 3 KB, the tape holds the rest.
    tape_ids: tuple[str, ...] = ()
    equity: float | None = None
    limits_hash: str | None = None
    timeframe: str = ""
    facts: dict[str, float] = Field(default_factory=dict)


class OutcomeRecord(Line):
    """What became of a booked decision: filled by an order, or lapsed and why."""

    kind: Literal["outcome"] = "outcome"
    decision_id: str
    at: AwareDatetime
    pair: str
    tool: str
    outcome: OutcomeKind
    trade_id: int | None = None
    detail: str = ""


class HaltRecord(Line):
    """Trading was halted, flattened or resumed; `text` says why, `equity` is None when unknown."""

    kind: Literal["halt"] = "halt"
    at: AwareDatetime
    mode: RunMode
    event: HaltKind
    text: str
    equity: float | None


class Evaluation(Record):
    """Points of a closed trade in four dimensions (30 + 25 + 25 + 20), their sum and grade."""

    profit_points: float
    risk_points: float
    timing_points: float
    efficiency_points: float
    score: float
    grade: Grade


class Finding(Record):
    """What one lesson says about one trade: `stands` when it bore the lesson out, else against it.

    `code` names the lesson, `values` fill its sentence in any language.
    """

    code: str
    stands: bool
    values: dict[str, str]


class Reflection(Record):
    """What a closed trade taught: one summary and up to a few lessons, rule-based.

    `surprise` is the result against what was to be expected, in random-walk reaches of the price;
    `judgement` what it looks like. Both are None where that is not known.
    """

    summary: str
    lessons: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    judgement: Judgement | None = None
    surprise: float | None = None


class EntryThesis(Record):
    """Why the position had been opened, as booked, with the market facts of that candle."""

    decision_id: str
    reason: str
    confidence_score: float
    key_support: float
    key_resistance: float
    stop_price: float | None
    target_price: float | None
    invalidation: str | None
    facts: dict[str, float]
    model: str = ""
    timeframe: str = ""


class TradeRecord(Line):
    """One closed trade, however it closed; profit is Freqtrade's, after fees and funding."""

    kind: Literal["trade"] = "trade"
    at: AwareDatetime
    mode: RunMode
    trade_id: int
    pair: str
    side: Side
    leverage: float
    stake_amount: float
    opened_at: AwareDatetime
    closed_at: AwareDatetime
    open_rate: float
    close_rate: float
    profit_abs: float
    profit_ratio: float
    funding_fees: float
    mfe_ratio: float
    mae_ratio: float
    stop_price: float
    exit_reason: str
    entries: int
    exits: int
    entry: EntryThesis | None
    exit_decision_id: str | None
    model_score: float | None
    exit_reflection: str | None
    # With a default: lines of earlier versions have none and stay readable.
    exit_facts: dict[str, float] = Field(default_factory=dict)
    evaluation: Evaluation
    reflection: Reflection
    reward: float


class LessonRecord(Line):
    """The lesson of a closed trade as a model worded it; the rules' own stands in the trade.

    `tape_ids` names what the model was asked, on the tape.
    """

    kind: Literal["lesson"] = "lesson"
    at: AwareDatetime
    mode: RunMode
    trade_id: int
    opened_at: AwareDatetime
    pair: str
    model: str
    text: str
    tape_ids: tuple[str, ...] = ()


DecisionLine = DecisionRecord | OutcomeRecord | HaltRecord
DECISION_LINES: TypeAdapter[DecisionLine] = TypeAdapter(
    Annotated[DecisionLine, Field(discriminator="kind")]
)
TradeLine = TradeRecord | LessonRecord
TRADE_LINES: TypeAdapter[TradeLine] = TypeAdapter(Annotated[TradeLine, Field(discriminator="kind")])


def trade_key(line: TradeLine) -> TradeKey:
    """Return what names the trade a line is about."""
    return line.mode, line.trade_id, line.opened_at
