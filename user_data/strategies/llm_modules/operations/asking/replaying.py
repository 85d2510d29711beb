"""`manage.sh replay ID`: asks a model today what was asked for a decision then, and compares."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from rich.text import Text

from llm_modules.config import LLMConfig, TraderConfig
from llm_modules.dialogue import Expense, Inquiry, Reply, Usage
from llm_modules.errors import ConfigError, ProviderError, UserError
from llm_modules.llm.attempts import Attempt
from llm_modules.llm.carrier import LiveCarrier
from llm_modules.llm.failures import told
from llm_modules.llm.meter import Meter
from llm_modules.llm.opening import targets
from llm_modules.llm.playback import reply_of
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.row import DialectName, LimitField
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.recorder import Recorder, estimated_tokens
from llm_modules.llm.tape import Tape
from llm_modules.operations.asking.comparison import Answered, compared, fields_of, show
from llm_modules.operations.doctor.diagnosis import DoctorOptions, Purse, no_purse
from llm_modules.operations.doctor.opening_case import opened_case
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.session import Session
from llm_modules.operations.viewing.render import printable
from llm_modules.operations.viewing.showing import not_one
from llm_modules.operations.viewing.story import Story, candidates, story_of

KIND = "replay"
LIMIT_FIELDS = frozenset(get_args(LimitField))
SANDBOX_SLEEPS = (
    "No model is configured, and the sandbox with its scripted one does not run: ./manage.sh start "
    "runs it; or name provider and model in llm_config: docs/models.md"
)


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What is asked for: a decision by a piece of its id, and of which model, None: as set."""

    piece: str
    model: str | None = None
    json: bool = False


@dataclass(frozen=True, slots=True)
class _Server:
    """Who is asked, how it is spoken to, and what counts the request."""

    config: LLMConfig
    target: Target
    dialect: Dialect
    meter: Meter


def replay(
    session: Session,
    options: ReplayOptions,
    purse_of: Callable[[TraderConfig], Purse] = no_purse,
) -> ExitStatus:
    """Send what was recorded as it was recorded, and show both answers.

    The server, its key, the longest wait and the longest answer are today's; the request is
    recorded and charged. FAILED when there is nothing to ask again, or no answer now; NOT_RUNNING
    when only a sandbox could answer. Raises UserError for settings that cannot be used or do not
    fit the request.
    """
    found = _asked_then(session, options.piece)
    if isinstance(found, str):
        session.screen.complain(found)
        return ExitStatus.FAILED
    story, attempts = found
    first = _deciding(attempts)
    server = _server(session, purse_of)
    if server is None:
        session.screen.complain(SANDBOX_SLEEPS)
        return ExitStatus.NOT_RUNNING
    _demand_dialect(first, server.target)
    body = _body(first, options.model or server.target.model, server.config.max_tokens)
    if not options.json:
        session.screen.progress(f"Asking {printable(body['model'])} ...")
    now = asyncio.run(_ask(session, server, body, story))
    then = {attempt.id: _recorded(attempt, server) for attempt in attempts}
    if options.json:
        session.screen.raw(_json(story, first.id, then, now))
    else:
        _show(session, story, first.id, then, now)
    return ExitStatus.FAILED if now.reply is None else ExitStatus.DONE


def _asked_then(session: Session, piece: str) -> tuple[Story, Sequence[Attempt]] | str:
    """Return a decision with the requests that are on the tape, or why there is none."""
    journals = session.journals()
    found = candidates(journals.decisions, piece)
    story = story_of(journals, found.newest[0]) if found.count == 1 else None
    if story is None:
        return not_one(piece, found, shown(journals.decisions))
    record = story.decision
    name = printable(record.decision_id)
    if record.attempts == 0 and not story.attempts:
        return f"Decision {name} asked no model: {printable(record.fault or record.status)}"
    if not story.attempts:
        return f"Decision {name} was made without a tape: what was asked is not known any more."
    attempts = [one.attempt for one in story.attempts if one.attempt is not None]
    if not attempts:
        problem = story.attempts[0].problem
        return f"Decision {name}: what was asked cannot be read, {printable(problem)}"
    return story, attempts


def _deciding(attempts: Sequence[Attempt]) -> Attempt:
    """Return the first request that was answered by the model whose answer was the last.

    What failed was asked again, what was unusable was asked to be mended, and a cheap model's
    answer that was not sure enough was asked of another model.
    """
    answered = [one for one in attempts if one.error is None] or attempts[:1]
    return next(one for one in answered if one.model == answered[-1].model)


def _body(attempt: Attempt, model: str, longest_answer: int) -> dict[str, Any]:
    """Return a recorded request as it is asked of a model today.

    The budget keeps free what an answer may take by today's settings: no more may be asked for.
    """
    body = {name: value for name, value in attempt.request.items() if name != "provider"}
    for name in LIMIT_FIELDS & body.keys():
        recorded = body[name]
        body[name] = min(recorded, longest_answer) if isinstance(recorded, int) else longest_answer
    return {**body, "model": model}


def _server(session: Session, purse_of: Callable[[TraderConfig], Purse]) -> _Server | None:
    """Return the first configured model's server, None for a sandbox that does not run.

    Raises ConfigError for settings that cannot be used.
    """
    case = opened_case(session, DoctorOptions(), purse_of)
    if case.problems:
        problems = "\n  ".join(case.problems)
        raise ConfigError(f"{shown(session.places.settings)} cannot be used:\n  {problems}")
    if case.config is None:
        return None
    config = case.config.llm_config
    target = targets(config, case.keys)[0]
    return _Server(config, target, dialect_for(target, config), purse_of(case.config).meter)


def _demand_dialect(attempt: Attempt, target: Target) -> None:
    """Raise UserError where a request was written for another kind of server."""
    spoken = _dialect_of(attempt.request)
    if spoken != target.provider.dialect:
        raise UserError(
            f"the request was recorded in the format {spoken!r}, but provider "
            f"{target.provider.name!r} speaks {target.provider.dialect!r}: set provider, api_base "
            "and model in llm_config to a server like the one that was asked"
        )


def _dialect_of(request: Mapping[str, Any]) -> DialectName:
    """Tell in which format a request was written: Anthropic's has the system apart."""
    tools = request.get("tools")
    schemas = [tool for tool in tools if "input_schema" in tool] if isinstance(tools, list) else []
    return "messages" if schemas or "system" in request else "chat"


async def _ask(
    session: Session, server: _Server, body: Mapping[str, Any], story: Story
) -> Answered:
    """Send a request once, and return what came of it; it is on the tape and charged."""
    about = story.decision
    inquiry, reply, fault = Inquiry(about.pair, about.decision_id, KIND), None, ""
    recorder = Recorder(Tape(session.journals().tape), server.meter, server.target)
    carrier = LiveCarrier(server.dialect, recorder, server.meter)
    try:
        async with asyncio.timeout(server.config.timeout):
            reply = await carrier.carry(body, inquiry)
    except (ProviderError, TimeoutError) as error:
        fault = told(error) if isinstance(error, ProviderError) else ""
    finally:
        await carrier.close()
    if inquiry.expenses:
        return Answered(inquiry.expenses[-1], reply)
    # Refused before it was sent, and so without an expense.
    nothing = Usage(cost=0.0)
    at, asked = datetime.now(UTC), str(body["model"])
    return Answered(Expense(at, server.target.provider.name, asked, 0.0, nothing, 0.0, fault), None)


def _recorded(attempt: Attempt, server: _Server) -> Answered:
    """Return what came of a recorded request, at the price of then."""
    reply: Reply | None = None
    fault = attempt.error
    try:
        reply = reply_of(attempt, server.dialect)
    except TimeoutError:
        pass
    except ProviderError as error:
        fault = told(error)
    expense = Expense(
        at=attempt.at,
        provider=server.target.provider.name,
        model=attempt.model,
        seconds=attempt.latency_seconds,
        usage=reply.usage if reply else Usage(),
        fault=fault,
        tape_id=attempt.id,
    )
    body = {name: value for name, value in attempt.request.items() if name != "provider"}
    return Answered(server.meter.priced(expense, estimated_tokens(body)), reply)


def _show(
    session: Session, story: Story, asked: str, then: Mapping[str, Answered], now: Answered
) -> None:
    screen, record = session.screen, story.decision
    screen.say(Text(f"Decision {printable(record.decision_id)}", style="bold"))
    screen.say(f"{printable(record.pair)}, candle {record.candle_at:%Y-%m-%d %H:%M} UTC")
    number = list(then).index(asked) + 1
    screen.say(f"Request {number} of {len(then)}, asked again:")
    show(compared(then[asked], now), screen)
    for other, (tape_id, one) in enumerate(then.items(), start=1):
        if tape_id != asked:
            said = one.expense.fault or ", ".join(map(" ".join, fields_of(one).items()))
            screen.say(printable(f"Request {other} of {len(then)}: {said}"))


def _json(story: Story, asked: str, then: Mapping[str, Answered], now: Answered) -> str:
    """Return both answers as one JSON object, in ASCII, as every command writes it."""
    whole = {
        "decision_id": story.decision.decision_id,
        "asked_again": asked,
        "then": [asdict(one) for one in then.values()],
        "now": asdict(now),
        "differs": [row.name for row in compared(then[asked], now) if row.differs],
    }
    return json.dumps(whole, default=datetime.isoformat)
