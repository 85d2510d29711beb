"""Everything `status` tells, gathered from the API, the journals and the files of one bot.

Whatever cannot be read is missing from the report and named among its problems: who asks how a
broken bot is wants all the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from llm_modules.domain import RunMode
from llm_modules.errors import ConfigError, JournalError
from llm_modules.gate.risk_state import state_name
from llm_modules.llm.spending.budget import Limit
from llm_modules.llm.spending.ledger import LEDGER_NAME
from llm_modules.llm.spending.left import limits_in
from llm_modules.operations.records.journals import journals_of
from llm_modules.operations.running.api import Api
from llm_modules.operations.running.bot_record import (
    BotRecord,
    is_running,
    living,
    orphans,
    read_record,
)
from llm_modules.operations.running.halting import halts
from llm_modules.operations.running.modes import DATABASES, mode_of
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import GENERATED
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.status.account import (
    live_account,
    live_positions,
    recorded_account,
    saved_state,
)
from llm_modules.operations.status.facts import (
    SCHEMA_VERSION,
    AccountFacts,
    BotFacts,
    CostFacts,
    HaltFacts,
    PositionFacts,
    Process,
    StatusReport,
)
from llm_modules.operations.status.health import journal_facts, learning_off
from llm_modules.operations.status.lately import (
    Lately,
    last_decisions,
    model_facts,
    read_lately,
    refusals,
)
from llm_modules.operations.status.spending import cost_facts
from llm_modules.operations.status.stored import stored_positions

NOTHING_READ = Lately((), 0, 0, None, is_cut=False)


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the report is gathered from; `problems` grows with what cannot be read."""

    session: Session
    now: datetime
    settings: Mapping[str, Any]
    record: BotRecord | None
    api: Api | None
    problems: list[str] = field(default_factory=list)


def gather(session: Session, now: datetime) -> StatusReport:
    """Return how the bot is at this moment."""
    sources = _sources(session, now)
    journals = journals_of(session.places, sources.settings)
    read = _lately(sources)
    mode = sources.record.mode if sources.record else read.mode
    lately = read.of_mode(mode)
    positions = _positions(sources, mode)
    return StatusReport(
        schema=SCHEMA_VERSION,
        at=now,
        bot=_bot(sources, mode),
        account=_account(sources, mode, positions, lately),
        positions=positions,
        decisions=last_decisions(lately.decisions, now),
        refusals=refusals(lately.decisions, now),
        model=model_facts(lately.decisions, *_models(sources, mode), now),
        cost=_cost(sources, mode),
        halts=tuple(HaltFacts(name, words) for name, words in halts(session.places)),
        journals=journal_facts(journals, read),
        learning_off=learning_off(sources.settings),
        problems=tuple(sources.problems),
    )


def _sources(session: Session, now: datetime) -> _Sources:
    record = read_record(session.places) if is_running(session.places) else None
    try:
        settings, secrets = session.settings(), session.with_secrets()
    # A typing error in .env must not hide that trading is halted.
    except ConfigError as error:
        return _Sources(session, now, {}, record, None, [str(error)])
    if record is None:
        return _Sources(session, now, settings, None, None)
    username = str(value_at(settings, "api_server.username"))
    api = Api(record.api_port, username, secrets.get(GENERATED[0], ""))
    return _Sources(session, now, settings, record, api if api.answers() else None)


def _bot(sources: _Sources, mode: RunMode | None) -> BotFacts:
    record = sources.record
    if record is None:
        return _resting(sources, mode)
    return BotFacts(
        running=True,
        mode=mode,
        started_at=record.started_at,
        uptime_seconds=max(0, int((sources.now - record.started_at).total_seconds())),
        processes=tuple(Process(one.name, one.pid) for one in living(record)),
        api_address=f"http://127.0.0.1:{record.api_port}",
        api_answers=sources.api is not None,
    )


def _resting(sources: _Sources, mode: RunMode | None) -> BotFacts:
    places, settings = sources.session.places, sources.settings
    return BotFacts(
        running=is_running(places),
        mode=mode,
        starts_as=mode_of(settings) if settings else None,
        processes=tuple(Process(one.name, one.pid) for one in orphans(places)),
    )


def _lately(sources: _Sources) -> Lately:
    path = journals_of(sources.session.places, sources.settings).decisions
    try:
        return read_lately(path, sources.now)
    except OSError as error:
        sources.problems.append(f"the decisions cannot be read: {error}")
        return NOTHING_READ


def _positions(sources: _Sources, mode: RunMode | None) -> tuple[PositionFacts, ...] | None:
    """Return the open positions: of the API while the bot runs, of the database else."""
    if sources.api is not None:
        return live_positions(sources.api)
    if mode is None or mode not in DATABASES:
        return ()
    return stored_positions(sources.session.places.user_data / DATABASES[mode])


def _account(
    sources: _Sources,
    mode: RunMode | None,
    positions: tuple[PositionFacts, ...] | None,
    lately: Lately,
) -> AccountFacts | None:
    if mode is None:
        return None
    state = saved_state(sources.session.places.logs / state_name(mode))
    if sources.api is not None:
        live = live_account(sources.api.balance(), positions, state, sources.now)
        if live is not None:
            return live
    currency = str(value_at(sources.settings, "stake_currency") or "")
    return recorded_account(lately, currency, state)


def _models(sources: _Sources, mode: RunMode | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the configured model, and all that may answer without being a fallback."""
    name = value_at(sources.settings, "llm_config.model")
    # The sandbox's own model answers under a name that stands in no setting.
    if not isinstance(name, str) or not name or mode == "sandbox":
        return None, ()
    cheap = value_at(sources.settings, "llm_config.asking.cheap_model")
    return name, (name, cheap) if isinstance(cheap, str) and cheap else (name,)


def _cost(sources: _Sources, mode: RunMode | None) -> CostFacts | None:
    journals = journals_of(sources.session.places, sources.settings)
    path = journals.tape.with_name(LEDGER_NAME)
    is_sandbox = mode == "sandbox" or not value_at(sources.settings, "llm_config.model")
    try:
        return cost_facts(path, _limits(sources), sources.now, is_sandbox=is_sandbox)
    except JournalError as error:
        sources.problems.append(str(error))
        return None


def _limits(sources: _Sources) -> tuple[Limit, ...] | None:
    try:
        return limits_in(value_at(sources.settings, "llm_config.budget"))
    except ConfigError as error:
        sources.problems.append(str(error))
        return None
