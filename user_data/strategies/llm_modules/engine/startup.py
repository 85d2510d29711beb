"""Everything is made and handed in here, once, when the bot starts."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llm_modules.config import TraderConfig
from llm_modules.context.builder import ContextBuilder
from llm_modules.context.template_files import OWN_PROMPTS
from llm_modules.domain import AccountState, RunMode
from llm_modules.engine.book import DecisionBook
from llm_modules.engine.cheap_first import open_executor
from llm_modules.engine.cycle import Rooms
from llm_modules.engine.desk import Desk
from llm_modules.engine.lesson_writer import LessonWriter
from llm_modules.engine.past import Past
from llm_modules.engine.portfolio import open_panel
from llm_modules.engine.question import Present, World
from llm_modules.engine.service import DecisionService, OpenService
from llm_modules.engine.sparing import Sparing
from llm_modules.errors import ConfigError
from llm_modules.gate.checker import DecisionChecker
from llm_modules.gate.clearance import demand_clearance
from llm_modules.gate.emergency import BREACHES_TO_TRIP, EmergencyStop
from llm_modules.gate.halt import HaltSwitch
from llm_modules.gate.risk_state import state_name
from llm_modules.journal.records import DecisionLine, OutcomeRecord
from llm_modules.journal.trade_logger import TradeLogger
from llm_modules.learning.evaluator import TradeEvaluator
from llm_modules.learning.experience import ExperienceLibrary
from llm_modules.llm.client import LLMClient
from llm_modules.llm.opening import Surroundings, open_client, targets
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.findings import FINDINGS_NAME, Findings
from llm_modules.llm.spending.opening import ledger_beside, open_spending
from llm_modules.llm.tape import Tape
from llm_modules.market.indicators import unknown_indicators

logger = logging.getLogger(__name__)

# The longest timeframe is a week: no candle that is asked about closed before.
OLDEST_QUESTION = timedelta(days=8)


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def _as_it_is(rooms: Rooms) -> Rooms:
    return rooms


@dataclass(frozen=True, slots=True)
class Premises:
    """What is different where nobody trades live: a backtest tells its own time, and asks others.

    The `tape` lies beside the decisions, `findings` and the user's `prompts` in `user_data`, and
    the configured `client` is asked, unless these are given; a tape that is in use is waited for
    as long as is said here.
    `refit` may exchange any of the rooms.
    """

    clock: Callable[[], datetime] = utc_now
    service: OpenService = DecisionService
    tape: Path | None = None
    tape_patience_seconds: float | None = None
    findings: Path | None = None
    prompts: Path | None = None
    client: LLMClient | None = None
    refit: Callable[[Rooms], Rooms] = _as_it_is


TRADING = Premises()


def open_desk(
    config: TraderConfig,
    mode: RunMode,
    stake_currency: str,
    user_data: Path,
    environment: Mapping[str, str],
    premises: Premises = TRADING,
) -> Desk:
    """Open the journals, remember the past, and start deciding; halts are found in `user_data`.

    Records of another mode teach nothing here: the sandbox's lessons stay in the sandbox.
    Raises ConfigError, JournalLockedError or JournalError.
    """
    _demand_indicators(config.context_config.extra_indicators)
    if mode == "live":
        demand_clearance(user_data, config.risk_management)
    _quieten()
    # What a backtest lost, it would play again.
    journal = TradeLogger(config.experience_config, "none" if mode == "backtest" else "fsync")
    decisions = tuple(line for line in journal.past_decisions() if _in_mode(line, mode))
    past = Past(journal, mode)
    library = _library(config, mode)
    library.load(past, decisions)
    library.prepare(premises.clock() - OLDEST_QUESTION)
    present = Present(unknown_world(stake_currency))
    findings = Findings(premises.findings or user_data / FINDINGS_NAME)
    asked = targets(config.llm_config, environment, findings)
    premises = replace(premises, prompts=premises.prompts or user_data / OWN_PROMPTS)
    rooms = premises.refit(_rooms(config, mode, asked, (journal, library, present), premises))
    rooms.sparing.load(decisions)
    emergency = _emergency_stop(config, mode, user_data)
    desk = Desk(rooms, present, emergency, mode, premises.service)
    desk.past_closes(past.closes, past.since)
    desk.start(decisions)
    logger.info("%s", banner(config, mode, len(past.closes)))
    return desk


def _rooms(
    config: TraderConfig,
    mode: RunMode,
    asked: Sequence[Target],
    known: tuple[TradeLogger, ExperienceLibrary, Present],
    premises: Premises,
) -> Rooms:
    """Join all rooms, with what is known already."""
    journal, library, present = known
    tape = premises.tape or config.experience_config.tape_path
    spending = open_spending(config, ledger_beside(tape), mode=mode)
    around = Surroundings(Tape(tape, premises.tape_patience_seconds), spending)
    client = premises.client or open_client(config.llm_config, asked, around)
    return Rooms(
        config=config,
        context=ContextBuilder(config.context_config, config.risk_management, premises.prompts),
        executor=open_executor(client, config.llm_config),
        sparing=Sparing(config.llm_config.asking),
        checker=DecisionChecker(config.risk_management),
        book=DecisionBook(),
        journal=journal,
        library=library,
        world=present,
        clock=premises.clock,
        writer=_writer(config, client, (library, journal), premises.clock),
        panel=open_panel(client, config, asked, premises.prompts),
        spending=spending,
    )


def _demand_indicators(names: Sequence[str]) -> None:
    # Not in config.py: only pandas_ta can tell, by trying.
    unknown = unknown_indicators(names)
    if unknown:
        raise ConfigError(
            f"context_config.extra_indicators: {', '.join(unknown)}: pandas_ta knows no such name"
        )


def _library(config: TraderConfig, mode: RunMode) -> ExperienceLibrary:
    evaluator = TradeEvaluator(config.risk_management.max_leverage)
    language = config.context_config.language
    return ExperienceLibrary(config.experience_config, evaluator, mode, language)


def banner(config: TraderConfig, mode: RunMode, trades: int) -> str:
    """Say in one line what is real and what is simulated."""
    words = {
        "sandbox": "SANDBOX: the exchange is simulated from recorded candles, money is not real",
        "dry_run": "DRY-RUN: real market prices, simulated orders and money",
        "live": "LIVE: real orders with real money",
        "backtest": "BACKTEST: recorded candles, simulated orders and money",
    }
    tape = {"record": "", "replay": " from the TAPE alone, nobody is asked"}
    played = tape.get(config.llm_config.tape_mode, " from the TAPE where it has the answer")
    return f"{words[mode]}; model {config.llm_config.model!r}{played}; {trades} past trades known"


def _quieten() -> None:
    """Let two libraries log problems only.

    At INFO the web server writes the token of each websocket into freqtrade.log, and the HTTP
    client a line per request.
    """
    for name in ("uvicorn.error", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _writer(
    config: TraderConfig,
    client: LLMClient,
    known: tuple[ExperienceLibrary, TradeLogger],
    clock: Callable[[], datetime],
) -> LessonWriter | None:
    experience = config.experience_config
    # With the past switched off nobody would ever read it.
    if not (experience.enabled and experience.lesson_model):
        return None
    language = config.context_config.language
    is_played = config.llm_config.is_played
    return LessonWriter(
        client, experience.lesson_model, language, known, clock, is_played=is_played
    )


def _emergency_stop(config: TraderConfig, mode: RunMode, user_data: Path) -> EmergencyStop:
    # Where resume and status look too, which must work with a broken config.
    state = user_data / "logs" / state_name(mode)
    # A backtest looks once per candle, where the bot looks every few seconds.
    breaches = 1 if mode == "backtest" else BREACHES_TO_TRIP
    return EmergencyStop(HaltSwitch(user_data, mode), state, config.risk_management, breaches)


def _in_mode(line: DecisionLine, mode: RunMode) -> bool:
    """Outcome lines carry no mode; they follow the decision they name."""
    return isinstance(line, OutcomeRecord) or line.mode == mode


def unknown_world(stake_currency: str) -> World:
    """Before the first observation nothing is known, so the gate refuses everything."""
    nothing = AccountState(0, stake_currency, 0.0, 0.0, 0.0, 0, 0.0, 0.0, halted=True)
    return World(nothing, {})
