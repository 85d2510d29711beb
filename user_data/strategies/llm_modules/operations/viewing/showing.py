"""`decisions --show`, `trades --show` and `trades --review`: one thing at a time, and all of it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import cast, get_args

from pydantic import ValidationError
from rich.text import Text

from llm_modules.domain import Language
from llm_modules.journal.records import (
    TRADE_LINES,
    LessonRecord,
    Line,
    TradeKey,
    TradeLine,
    TradeRecord,
    trade_key,
)
from llm_modules.learning.reviewer import TradeReviewer
from llm_modules.learning.wording import learning_phrases
from llm_modules.operations.exit_status import ExitStatus
from llm_modules.operations.places import shown
from llm_modules.operations.running.modes import DATABASES
from llm_modules.operations.screen import Screen
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.status.stored import stored_positions
from llm_modules.operations.viewing.newest import Finding, Seek, anything, newest_sought
from llm_modules.operations.viewing.pages import review_page, story_page
from llm_modules.operations.viewing.render import printable
from llm_modules.operations.viewing.story import (
    Candidates,
    Story,
    TradeInStory,
    candidates,
    story_of,
    trades_numbered,
)


def show_decision(session: Session, piece: str, *, raw: bool = False) -> ExitStatus:
    """Show one decision whole: prompt, answer, verdict, orders, and what became of it.

    `piece` is its id, or enough of the beginning or the end of it; FAILED when it names no single
    decision.
    """
    journals, screen = session.journals(), session.screen
    found = candidates(journals.decisions, piece)
    databases = {mode: session.places.user_data / name for mode, name in DATABASES.items()}
    story = story_of(journals, found.newest[0], databases) if found.count == 1 else None
    if story is None:
        screen.complain(not_one(piece, found, shown(journals.decisions)))
        return ExitStatus.FAILED
    if raw:
        screen.raw(story_json(story))
    else:
        _say(screen, story_page(story))
    return ExitStatus.DONE


def show_trade(session: Session, trade_id: int, *, raw: bool = False) -> ExitStatus:
    """Show the review of the newest closed trade of a number; FAILED when there is none."""
    path, screen = session.journals().trades, session.screen
    trades = trades_numbered(path, trade_id)
    if not trades:
        screen.complain(_why_none(session, trade_id))
        return ExitStatus.FAILED
    # A number begins anew with each database.
    newest = max(trades, key=lambda trade: trade.record.closed_at)
    if len(trades) > 1:
        screen.complain(f"{len(trades)} trades have the number {trade_id}; this is the newest.")
    _show_reviews(session, [newest], raw=raw)
    return ExitStatus.DONE


def _why_none(session: Session, trade_id: int) -> str:
    databases = (session.places.user_data / name for name in DATABASES.values())
    held = (one for path in databases for one in stored_positions(path) or ())
    if any(one.trade_id == trade_id for one in held):
        return f"Trade {trade_id} is still open: ./manage.sh status shows it."
    return f"There is no closed trade {trade_id} in {shown(session.journals().trades)}."


def show_reviews(
    session: Session, count: int, *, raw: bool = False, seek: Seek = anything
) -> ExitStatus:
    """Show the reviews of the last closed trades that are sought, oldest first."""
    path = session.journals().trades
    lessons: dict[TradeKey, LessonRecord] = {}

    def is_sought(line: bytes) -> Finding:
        # The wording of a lesson stands behind its trade: whoever has come to that has seen it.
        record = _read(line)
        if isinstance(record, TradeRecord):
            return seek(line)
        if record is not None:
            lessons.setdefault(trade_key(record), record)
        return "other"

    records = map(_read, newest_sought(path, count, is_sought))
    trades = [
        TradeInStory("about", record, lessons.get(trade_key(record)))
        for record in records
        if isinstance(record, TradeRecord)
    ]
    if not trades:
        session.screen.complain(f"There is no closed trade to show in {shown(path)}.")
    _show_reviews(session, trades, raw=raw)
    return ExitStatus.DONE


def story_json(story: Story) -> str:
    """Return everything a story holds as one JSON object."""
    attempts = [
        asdict(one.attempt) if one.attempt else {"id": one.id, "problem": one.problem}
        for one in story.attempts
    ]
    whole = {
        "decision": _dumped(story.decision),
        "attempts": attempts,
        "outcomes": [_dumped(one) for one in story.outcomes],
        "execution": asdict(story.execution),
        "trades": [_trade_object(one) for one in story.trades],
    }
    return _json(whole)


def _show_reviews(session: Session, trades: Sequence[TradeInStory], *, raw: bool) -> None:
    reviewer = TradeReviewer(learning_phrases(_language(session)))
    for number, trade in enumerate(trades):
        if raw:
            session.screen.raw(_json(_trade_object(trade)))
            continue
        if number:
            session.screen.say("")
        worded = trade.lesson.text if trade.lesson else None
        _say(session.screen, review_page(reviewer.review(trade.record, worded)))


def _language(session: Session) -> Language:
    """Return the language of the settings; reviews are readable also when those are wrong."""
    named = value_at(session.settings(), "context_config.language")
    return cast("Language", named) if named in get_args(Language) else "en"


def _trade_object(trade: TradeInStory) -> dict[str, object]:
    lesson = _dumped(trade.lesson) if trade.lesson else None
    return {"role": trade.role, "trade": _dumped(trade.record), "lesson": lesson}


def _json(value: object) -> str:
    # ASCII: half a surrogate pair, or what commands a terminal, comes out as its number.
    return json.dumps(value, default=datetime.isoformat)


def _dumped(line: Line) -> dict[str, object]:
    return line.model_dump(mode="json", by_alias=True)


def _read(line: bytes) -> TradeLine | None:
    try:
        return TRADE_LINES.validate_json(line)
    # Half a line, or one of a later version, is no trade to show.
    except ValidationError:
        return None


def not_one(piece: str, found: Candidates, path: str) -> str:
    """Say that a piece of an id means no decision, or several, and which."""
    wanted = printable(piece)
    if not found.count:
        return (
            f"No decision in {path} has an id that is, begins or ends with {wanted!r}; "
            "./manage.sh decisions --raw shows the ids of the last ones."
        )
    told = "the newest of them" if found.count > len(found.newest) else "they"
    names = "\n  ".join(map(printable, found.newest))
    many = f"{found.count} decisions have an id that begins or ends with {wanted!r}"
    return f"{many}; {told} are:\n  {names}"


def _say(screen: Screen, page: Iterable[Text]) -> None:
    for line in page:
        screen.say(line)
