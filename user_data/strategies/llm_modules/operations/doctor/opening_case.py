"""Reads what `doctor` looks at: the settings as a start would use them, with every problem."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

from llm_modules.config import TraderConfig
from llm_modules.errors import ConfigError, JournalError
from llm_modules.llm.opening import targets
from llm_modules.llm.providers.table import provider_of
from llm_modules.operations.doctor.diagnosis import Case, DoctorOptions, Purse, no_exchange
from llm_modules.operations.doctor.exchange_answer import AskExchange
from llm_modules.operations.places import shown
from llm_modules.operations.running.bot_record import BotRecord, is_running, read_record
from llm_modules.operations.running.plan import EXCHANGE_PORT, overlay_text
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import GENERATED, fresh_secret
from llm_modules.operations.settings.reading import (
    Settings,
    environment_settings,
    merged,
    parse_text,
    read_settings,
)
from llm_modules.operations.settings.rules import checked
from llm_modules.operations.settings.secret_keys import refuse_literal_secrets

MODEL_PORT_OPTION = "--model-port"
EXCHANGE_PORT_OPTION = "--exchange-port"


def opened_case(
    session: Session,
    options: DoctorOptions,
    purse_of: Callable[[TraderConfig], Purse],
    ask_exchange: AskExchange = no_exchange,
) -> Case:
    """Return the bot to look at; its settings' problems are told and not raised.

    What `purse_of` raises is one of them: a budget without a price, a damaged ledger.
    """
    case = Case(session, options, ask_exchange=ask_exchange)
    try:
        keys = session.with_secrets()
        settings = _settings(session, keys)
        problems = _literal_secrets(session)
        if problems:
            # All at once: those of the rest of the file too.
            return replace(case, problems=(*problems, *_rest_of_problems(settings)))
        config = checked(settings)
        case = replace(case, limits=config.risk_management)
        if config.llm_config.model:
            # Only to hear of a provider that nobody knows, or of an address that is none.
            for target in targets(config.llm_config, keys):
                provider_of("", target.api_base)
            purse = purse_of(config)
            return replace(case, settings=settings, config=config, keys=keys, purse=purse)
        return _sandbox_case(replace(case, is_sandbox=True), settings, purse_of)
    except ConfigError as error:
        return replace(case, problems=_problems(error))
    except JournalError as error:
        return replace(case, problems=(f"the ledger of costs: {error}",))


def _settings(session: Session, environment: Mapping[str, str]) -> Settings:
    # The first start makes them: that they are missing before is no fault.
    generated = {name: environment.get(name) or fresh_secret() for name in GENERATED}
    own = read_settings(session.places.settings)
    return merged(own, environment_settings({**environment, **generated}))


def _literal_secrets(session: Session) -> tuple[str, ...]:
    path = session.places.settings
    try:
        refuse_literal_secrets(read_settings(path), shown(path))
    except ConfigError as error:
        return (str(error),)
    return ()


def _rest_of_problems(settings: Settings) -> tuple[str, ...]:
    try:
        checked(settings)
    except ConfigError as error:
        return _problems(error)
    return ()


def _sandbox_case(
    case: Case, settings: Settings, purse_of: Callable[[TraderConfig], Purse]
) -> Case:
    """Return the case of a bot without a model: its scripted one's, if that runs."""
    places = case.session.places
    record = read_record(places) if is_running(places) else None
    ports = _ports(record) if record else {}
    if MODEL_PORT_OPTION not in ports:
        return replace(case, settings=settings)
    exchange_port = ports.get(EXCHANGE_PORT_OPTION, EXCHANGE_PORT)
    text = overlay_text(places, exchange_port, ports[MODEL_PORT_OPTION])
    whole = merged(settings, parse_text(text, shown(places.sandbox_overlay)))
    address = {"llm_config": {"api_base": f"http://127.0.0.1:{ports[MODEL_PORT_OPTION]}/v1"}}
    whole = merged(whole, address)
    config = checked(whole)
    return replace(case, settings=whole, config=config, purse=purse_of(config))


def _ports(record: BotRecord) -> dict[str, int]:
    """Return where the simulated servers of a running bot listen, by option."""
    return {
        name: int(value)
        for process in record.processes
        for name, value in pairwise(process.arguments)
        if name in {MODEL_PORT_OPTION, EXCHANGE_PORT_OPTION}
    }


def _problems(error: ConfigError) -> tuple[str, ...]:
    """Return a message's problems one by one, without the heading of several."""
    first, *others = (line.strip() for line in str(error).splitlines())
    return tuple(others) or (first,)
