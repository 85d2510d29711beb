"""Decisions and their outcomes, worded as journal records."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from llm_modules.dialogue import Expense, Message, Prompt, Usage
from llm_modules.domain import ClosedTrade, MarketSnapshot, RunMode, Stance, Thesis
from llm_modules.engine.book import Booking
from llm_modules.engine.executor import Answer
from llm_modules.engine.question import Question
from llm_modules.engine.sparing import Skip
from llm_modules.engine.sparing.likeness import held_of
from llm_modules.gate import verdict as gate
from llm_modules.gate.conduct import Close
from llm_modules.gate.emergency import HaltEvent
from llm_modules.gate.tracker import PastStop
from llm_modules.gate.verdict import Verdict
from llm_modules.journal.gist import TradeGist
from llm_modules.journal.records import (
    Approved,
    DecisionRecord,
    HaltRecord,
    OutcomeKind,
    OutcomeRecord,
    Reason,
)
from llm_modules.tools.calls import ToolCall

HASH_CHARACTERS = 16
# What stands in where no call came.
DEFAULT_TOOLS: Mapping[Stance, str] = {"flat": "signal_wait", "in_position": "signal_hold"}


def failed_record(
    question: Question, at: datetime, model: str, fault: str, templates: str | None = None
) -> DecisionRecord:
    """Record a decision that never reached the model, or died on the way."""
    record = _failed(question, at, model, fault) | {"templates": templates}
    return DecisionRecord.model_validate(record)


def answered_record(
    question: Question,
    at: datetime,
    snapshot: MarketSnapshot,
    prompt: Prompt,
    answer: Answer,
    verdict: Verdict | None,
) -> DecisionRecord:
    """Record what the model said and what the gate made of it; no verdict means no usable call."""
    # Begun as a failure: what is not overwritten below says that nothing came of it.
    record = _failed(question, at, answer.model, answer.fault or "no_usable_answer")
    record |= _seen(question, snapshot) | {
        "problems": answer.problems,
        "escalated_from": answer.escalated_from,
        **spent(answer.expenses),
        "prompt_hash": prompt_hash(prompt),
        "templates": prompt.templates,
    }
    if answer.call is not None and verdict is not None:
        record |= _judgement(answer.call, verdict)
    return DecisionRecord.model_validate(record)


def skipped_record(
    question: Question,
    at: datetime,
    snapshot: MarketSnapshot,
    model: str,
    skip: Skip,
    templates: str | None = None,
) -> DecisionRecord:
    """Record that the model was not asked, and why; what was seen of the market is kept."""
    record = _failed(question, at, model, skip.why)
    skipped = {"status": "skipped", "repeats": skip.repeats, "templates": templates}
    return DecisionRecord.model_validate(record | _seen(question, snapshot) | skipped)


def spent(expenses: Sequence[Expense]) -> dict[str, object]:
    """Return what requests took, in the words of a record; a total is None where nothing is known.

    A price that is unknown for one of them makes the cost of all unknown.
    """
    usage, seconds, cost = _added(expenses)
    return {
        "attempts": len(expenses),
        "latency_seconds": round(seconds, 4),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost": cost,
        "tape_ids": tuple(one.tape_id for one in expenses if one.tape_id is not None),
    }


def outcome_record(
    booking: Booking, kind: OutcomeKind, at: datetime, *, trade_id: int | None, detail: str = ""
) -> OutcomeRecord:
    """Record what became of a booked decision."""
    return OutcomeRecord(
        decision_id=booking.decision_id,
        at=at,
        pair=booking.pair,
        tool=booking.tool,
        outcome=kind,
        trade_id=trade_id,
        detail=detail,
    )


def halt_record(event: HaltEvent, mode: RunMode, equity: float, at: datetime) -> HaltRecord:
    """Record that trading was halted, flattened or resumed."""
    known = equity if math.isfinite(equity) else None
    return HaltRecord(at=at, mode=mode, event=event.kind, text=event.text, equity=known)


def thesis_of(entry: DecisionRecord) -> Thesis:
    """Read back the thesis of an approved entry, as booking it would have made it."""
    call = entry.call
    return Thesis(
        decision_id=entry.decision_id,
        reason=str(call["reason"]),
        confidence_score=_number(call["confidence_score"]),
        key_support=_number(call["key_support"]),
        key_resistance=_number(call["key_resistance"]),
        stop_price=entry.approved.stop_price if entry.approved else None,
        target_price=_number(call["target_price"]) if "target_price" in call else None,
        invalidation=str(call["invalidation"]) if "invalidation" in call else None,
        facts=entry.facts,
        model=entry.model,
        timeframe=entry.timeframe,
    )


def past_stops(records: Iterable[DecisionRecord]) -> Iterator[PastStop]:
    """Read back the stops that were approved for open trades."""
    for record in records:
        stop = record.approved.stop_price if record.approved else None
        if record.trade_id is not None and stop is not None:
            yield PastStop(record.trade_id, record.at, stop)


def close_of(trade: ClosedTrade | TradeGist) -> Close:
    """Return what the ledger keeps of a closed trade."""
    return Close(
        closed_at=trade.closed_at,
        trade_id=trade.trade_id,
        opened_at=trade.opened_at,
        pair=trade.pair,
        profit_ratio=trade.profit_ratio,
    )


def prompt_hash(prompt: Prompt) -> str:
    """Name a prompt by its content: SHA-256 over roles, texts and tool names, shortened."""
    digest = _begun(prompt.messages[:-1]).copy()
    for asked in prompt.messages[-1:]:
        digest.update(_told(asked))
    digest.update("".join([f"{tool.name}\0" for tool in prompt.tools]).encode())
    return digest.hexdigest()[:HASH_CHARACTERS]


# The system prompt of a task is nearly all of what is sent.
@lru_cache(maxsize=16)
def _begun(messages: Sequence[Message]) -> "hashlib._Hash":
    digest = hashlib.sha256()
    for message in messages:
        digest.update(_told(message))
    return digest


def _told(message: Message) -> bytes:
    # Each encoded by itself: a text keeps its UTF-8 once a request was written with it.
    return b"%b\0%b\0" % (message.role.encode(), message.content.encode())


def _failed(question: Question, at: datetime, model: str, fault: str) -> dict[str, object]:
    position = question.position
    return {
        "decision_id": question.decision_id,
        "at": at,
        "candle_at": question.candle_at,
        "pair": question.pair,
        "stance": question.stance,
        "mode": question.mode,
        "model": model,
        "status": "failed",
        "tool": None,
        "fault": fault,
        "default_tool": DEFAULT_TOOLS[question.stance],
        "trade_id": position.trade_id if position else None,
        "profit_ratio": position.profit_ratio if position else None,
    }


def _seen(question: Question, snapshot: MarketSnapshot) -> dict[str, object]:
    equity = question.world.account.equity
    return {
        # JSON has no NaN, and an account that could not be read must not cost the record.
        "equity": equity if math.isfinite(equity) else None,
        "held": held_of(question.position),
        "timeframe": snapshot.main.timeframe,
        "facts": {"price": snapshot.price, **snapshot.facts},
    }


def _judgement(call: ToolCall, verdict: Verdict) -> dict[str, object]:
    # Nothing to dump: the fields of a call are texts and numbers.
    arguments = {
        name: value
        for name, value in vars(call).items()
        if value is not None and name not in {"tool", "pair"}
    }
    return {
        "status": verdict.status,
        "tool": call.tool,
        "call": arguments,
        "fault": None,
        "default_tool": None,
        "reasons": tuple(_worded(reason) for reason in verdict.reasons),
        "approved": _approved(verdict.proposal),
        "limits_hash": verdict.limits_hash,
    }


def _added(expenses: Sequence[Expense]) -> tuple[Usage, float, float | None]:
    """Return the tokens, seconds and cost of all requests together."""
    # Nearly always it was one, and there is nothing to add up.
    if len(expenses) == 1:
        return expenses[0].usage, expenses[0].seconds, expenses[0].cost
    usages = [expense.usage for expense in expenses]
    costs = [expense.cost for expense in expenses]
    tokens = Usage(
        prompt_tokens=_total(usage.prompt_tokens for usage in usages),
        completion_tokens=_total(usage.completion_tokens for usage in usages),
        cached_tokens=_total(usage.cached_tokens for usage in usages),
        reasoning_tokens=_total(usage.reasoning_tokens for usage in usages),
    )
    cost = None if None in costs else math.fsum(cost for cost in costs if cost is not None)
    return tokens, sum(expense.seconds for expense in expenses), cost


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _number(value: str | float | None) -> float:
    return float(value or 0.0)


def _worded(reason: gate.Reason) -> Reason:
    if isinstance(reason, gate.Clamp):
        return Reason(
            code=reason.code,
            text=reason.text,
            kind="clamp",
            field=reason.field,
            before=reason.before,
            after=reason.value,
        )
    kind = "refusal" if isinstance(reason, gate.Refusal) else "remark"
    return Reason(code=reason.code, text=reason.text, kind=kind)


def _approved(proposal: gate.Proposal | None) -> Approved | None:
    if proposal is None:
        return None
    return Approved(
        leverage=proposal.leverage,
        stake_amount=proposal.stake_amount,
        stop_price=proposal.stop_price,
    )
