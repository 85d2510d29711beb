"""Stories and reviews as pages for a terminal: headings at the left, all foreign text indented.

So nothing that a model or a server wrote can pass for a heading, or command the terminal.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from llm_modules.journal.records import Approved, DecisionRecord, OutcomeRecord
from llm_modules.learning.reviewer import Review
from llm_modules.llm.attempts import Attempt
from llm_modules.operations.viewing.orders import Execution, StoredOrder
from llm_modules.operations.viewing.render import (
    STATUS_STYLES,
    action,
    finding,
    printable,
    printable_lines,
)
from llm_modules.operations.viewing.story import Story, TapedAttempt, TradeInStory

INDENT = "  "
PROMPT_KEYS = frozenset({"messages", "tools", "model", "provider"})
# What came before the gate: a failed or skipped decision never did.
JUDGED = frozenset({"approved", "clamped", "refused"})
ROLES = {"opened": "opened by it", "closed": "closed by it", "about": "that it was about"}

Page = Iterator[Text]


def story_page(story: Story) -> Page:
    """Write a decision's story: what was asked, answered, judged, and what became of it."""
    record = story.decision
    yield from _head(record)
    if not story.attempts:
        yield _heading("Asked")
        yield _line(_why_untaped(record), "yellow")
    earlier: Attempt | None = None
    for number, taped in enumerate(story.attempts, start=1):
        yield from _attempt(f"{number} of {len(story.attempts)}", taped, earlier)
        earlier = taped.attempt or earlier
    yield from _validated(record)
    yield from _judged(record)
    if story.outcomes:
        yield _heading("What became of it")
        yield from map(_outcome, story.outcomes)
    yield from _executed(story.execution)
    for trade in story.trades:
        yield from _trade(trade)


def review_page(review: Review) -> Page:
    """Write a trade's review."""
    yield Text(printable(review.title), style="bold")
    for section in review.sections:
        yield _heading(section.heading)
        for line in section.lines:
            yield from _indented(line)


def _head(record: DecisionRecord) -> Page:
    yield Text(f"Decision {printable(record.decision_id)}", style="bold")
    stance = record.stance.replace("_", " ")
    yield _line(
        f"{record.pair}, {stance}, candle {record.candle_at:%Y-%m-%d %H:%M} UTC, "
        f"decided {record.at:%H:%M:%S}"
    )
    if record.status == "skipped":
        yield _line(f"{record.mode}, not asked")
    else:
        yield _line(_spent(record))
    if record.escalated_from is not None:
        yield _line(f"asked after {record.escalated_from}")
    if record.trade_id is not None:
        profit = "" if record.profit_ratio is None else f", then at {record.profit_ratio:+.2%}"
        yield _line(f"about trade {record.trade_id}{profit}")
    if record.repeats is not None:
        yield _line(f"repeats decision {record.repeats}")
    yield _line(f"{record.status}: {_decided(record)}", STATUS_STYLES[record.status])


def _decided(record: DecisionRecord) -> str:
    if record.tool is not None or record.default_tool is None:
        return record.tool or "no call"
    return action(record) if record.status == "skipped" else f"no call, {action(record)} instead"


def _spent(record: DecisionRecord) -> str:
    """Say what the answer took: cached tokens are part of the prompt's, reasoning of the rest."""
    cost = "" if not record.cost else f", {record.cost:.6f} USD"
    return (
        f"{record.mode}, model {record.model}; requests {record.attempts}, "
        f"{record.latency_seconds:.3g} s, "
        f"tokens {_count(record.prompt_tokens)}{_part(record.cached_tokens, 'cached')} + "
        f"{_count(record.completion_tokens)}{_part(record.reasoning_tokens, 'reasoning')}{cost}"
    )


def _part(tokens: int | None, what: str) -> str:
    return f" ({tokens} {what})" if tokens else ""


def _why_untaped(record: DecisionRecord) -> str:
    if not record.attempts:
        return "The model was not asked."
    return "Made without a tape, or before there was one: the prompt is not known any more."


def _attempt(which: str, taped: TapedAttempt, earlier: Attempt | None) -> Page:
    yield _heading(f"Asked ({which}: {taped.id})")
    attempt = taped.attempt
    if attempt is None:
        yield _line(f"Not to be shown: {taped.problem}", "yellow")
        return
    yield _line(
        f"{attempt.at:%Y-%m-%d %H:%M:%S} UTC, model {attempt.model}, attempt "
        f"{attempt.nth}; {_parameters(attempt.request)}"
    )
    yield from _prompt(attempt.request, earlier)
    yield _heading(f"Answered after {attempt.latency_seconds:.3g} s")
    # Both, where the server answered with what is no completion.
    if attempt.error is not None:
        yield _line(attempt.error, "red")
    if attempt.answer is not None:
        yield from _indented(pretty(attempt.answer))


def _parameters(request: Mapping[str, object]) -> str:
    others = (f"{name} {value}" for name, value in request.items() if name not in PROMPT_KEYS)
    return ", ".join(others)


def _prompt(request: Mapping[str, object], earlier: Attempt | None) -> Page:
    """Write the messages, of a repair only what it adds, and the tools by name."""
    before = _messages(earlier.request) if earlier else ()
    messages = _messages(request)
    # A retry sends what it sent before, a repair adds to the last message.
    if messages == before:
        yield _line("the same prompt again", "dim")
        return
    for number, (role, text) in enumerate(messages):
        known = before[number] if number < len(before) else ("", "")
        added = _added(text, known[1]) if role == known[0] else text
        if not added:
            yield _line(f"{role}: as before", "dim")
            continue
        yield _line(role if added == text else f"{role}: as before, and then", "cyan")
        yield from _indented(added, 2)
    yield _line(f"tools: {', '.join(_tool_names(request)) or 'none'}", "cyan")


def _messages(request: Mapping[str, object]) -> Sequence[tuple[str, str]]:
    messages = request.get("messages")
    return [_message(one) for one in messages] if isinstance(messages, list) else ()


def _message(message: object) -> tuple[str, str]:
    match message:
        case {"role": str(role), "content": str(content)}:
            return role, content
    return "message", pretty(message)


def _added(text: str, before: str) -> str:
    return text.removeprefix(before) if before else text


def _tool_names(request: Mapping[str, object]) -> Iterator[str]:
    tools = request.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        match tool:
            case {"function": {"name": str(name)}}:
                yield name
            # On a tape anything may stand: a tool without a name is shown as one.
            case _:
                yield "?"


def _validated(record: DecisionRecord) -> Page:
    """Say what was wrong with the answers, and whether one was usable in the end."""
    if not record.problems and not (record.call and record.attempts):
        return
    yield _heading("Validation")
    yield from _listed(record.problems)
    if not record.call:
        yield _line("- no answer was a usable call")
    elif record.problems:
        yield _line("- after that the answer was a usable call")
    else:
        yield _line("- the answer was a usable call")


def _judged(record: DecisionRecord) -> Page:
    if record.call:
        yield _heading(f"Called {record.tool or '?'}")
        width = max(map(len, record.call))
        for name, value in record.call.items():
            yield _line(f"{name:<{width}}  {_value(value)}")
    is_judged = record.status in JUDGED
    if record.fault is not None or record.reasons or is_judged:
        yield _heading("Verdict")
        faults = (record.fault,) if record.fault is not None else ()
        yield from _listed((*faults, *(f"{one.kind} {finding(one)}" for one in record.reasons)))
    if is_judged:
        # All checks run each time, and only those that have something to say are recorded.
        others = "all other checks" if record.reasons else "all checks"
        yield _line(f"- {others} had nothing to say")
    if record.approved is not None:
        yield _heading("Approved")
        yield _line(_approved(record.approved))


def _approved(approved: Approved) -> str:
    # Only what adds to a position or holds it may leave its stop where it was.
    stop = "stop unchanged" if approved.stop_price is None else f"stop {approved.stop_price:.8g}"
    return f"leverage {approved.leverage:g}x, stake {approved.stake_amount:.8g}, {stop}"


def _outcome(record: OutcomeRecord) -> Text:
    trade = f", trade {record.trade_id}" if record.trade_id is not None else ""
    detail = f": {record.detail}" if record.detail else ""
    line = f"{record.at:%Y-%m-%d %H:%M:%S} UTC {record.outcome}{trade}{detail}"
    return _line(line, STATUS_STYLES[record.outcome])


def _executed(execution: Execution) -> Page:
    if execution.trade_id is None:
        return
    yield _heading("Orders")
    if execution.problem:
        yield _line(f"Not to be shown: {execution.problem}", "yellow")
    for order in execution.orders:
        yield _line(_order(order))
    if execution.is_open:
        yield _line(f"trade {execution.trade_id} is still open")


def _order(order: StoredOrder) -> str:
    """Say what was ordered, and what was filled of it at which price."""
    words = [f"{order.placed_at:%Y-%m-%d %H:%M:%S} UTC", order.side, _value(order.amount)]
    words += [order.kind or "", f"at {_value(order.price)}:", order.status or "unknown"]
    said = " ".join(word for word in words if word)
    if not order.filled:
        return f"{said}, nothing filled"
    when = f" at {order.filled_at:%H:%M:%S}" if order.filled_at else ""
    # Not every exchange tells the average; its value then does.
    price = order.average if order.average is not None else order.price
    return (
        f"{said}, filled {_value(order.filled)} for {_value(price)} each{when}, "
        f"worth {_value(order.cost)}"
    )


def _trade(trade: TradeInStory) -> Page:
    record = trade.record
    yield _heading(f"Trade {record.trade_id}, {ROLES[trade.role]}")
    yield _line(
        f"{record.side} {record.leverage:g}x, {record.opened_at:%Y-%m-%d %H:%M} to "
        f"{record.closed_at:%Y-%m-%d %H:%M} UTC, {record.exit_reason}"
    )
    yield _line(
        f"profit {record.profit_ratio:+.2%} ({record.profit_abs:+.4g}), "
        f"grade {record.evaluation.grade}",
        "green" if record.profit_ratio > 0 else "red",
    )
    yield from _listed((record.reflection.summary, *record.reflection.lessons))
    if trade.lesson is not None:
        yield from _listed((f"worded by {trade.lesson.model}: {trade.lesson.text}",))


def pretty(value: object) -> str:
    """Return JSON as people read it, whatever letters are in it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _heading(text: str) -> Text:
    return Text(f"\n{printable(text)}", style="bold cyan")


def _line(text: str, style: str = "") -> Text:
    return Text(INDENT + printable(text), style=style)


def _indented(text: str, depth: int = 1) -> Page:
    for line in printable_lines(text):
        yield Text((INDENT * depth + line).rstrip())


def _listed(texts: Sequence[str]) -> Page:
    return (_line(f"- {text}") for text in texts)


def _value(value: str | float | None) -> str:
    return value if isinstance(value, str) else "none" if value is None else f"{value:.8g}"


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)
