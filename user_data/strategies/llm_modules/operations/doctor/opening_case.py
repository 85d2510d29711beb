"""Reads what `doctor` looks at: the settings as a start would use them, with every problem."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from llm_modules.config import TraderConfig
from llm_modules.errors import ConfigError, JournalError
from llm_modules.llm.opening import targets
from llm_modules.llm.providers.table import provider_of
from llm_modules.operations.bot_record import is_running, read_record
from llm_modules.operations.doctor.diagnosis import Case, DoctorOptions, Purse
from llm_modules.operations.env_file import GENERATED, fresh_secret
from llm_modules.operations.places import shown
from llm_modules.operations.rules import checked
from llm_modules.operations.secret_keys import refuse_literal_secrets
from llm_modules.operations.session import Session
from llm_modules.operations.settings import (
    Settings,
    environment_settings,
    merged,
    read_settings,
)

MODEL_PORT_OPTION = "--model-port"


def opened_case(
    session: Session, options: DoctorOptions, purse_of: Callable[[TraderConfig], Purse]
) -> Case:
    """Return the bot to look at; its settings' problems are told and not raised.

    What `purse_of` raises is one of them: a budget without a price, a damaged ledger.
    """
    case = Case(session, options)
    try:
        keys = session.with_secrets()
        settings = _settings(session, keys)
        config = checked(settings)
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
    path = session.places.settings
    own = read_settings(path)
    refuse_literal_secrets(own, shown(path))
    # The first start makes them: that they are missing before is no fault.
    generated = {name: environment.get(name) or fresh_secret() for name in GENERATED}
    return merged(own, environment_settings({**environment, **generated}))


def _sandbox_case(
    case: Case, settings: Settings, purse_of: Callable[[TraderConfig], Purse]
) -> Case:
    """Return the case of a bot without a model: its scripted one's, if that runs."""
    port = _model_port(case.session)
    if port is None:
        return replace(case, settings=settings)
    whole = merged(settings, read_settings(case.session.places.sandbox_overlay))
    address = {"llm_config": {"api_base": f"http://127.0.0.1:{port}/v1"}}
    whole = merged(whole, address)
    config = checked(whole)
    return replace(case, settings=whole, config=config, purse=purse_of(config))


def _model_port(session: Session) -> int | None:
    """Return where the scripted model of the running bot listens, None when none runs."""
    record = read_record(session.places) if is_running(session.places) else None
    for process in record.processes if record else ():
        if MODEL_PORT_OPTION in process.arguments:
            return int(process.arguments[process.arguments.index(MODEL_PORT_OPTION) + 1])
    return None


def _problems(error: ConfigError) -> tuple[str, ...]:
    """Return a message's problems one by one, without the heading of several."""
    first, *others = (line.strip() for line in str(error).splitlines())
    return tuple(others) or (first,)
