"""Which programs run for one bot: their commands, environments and ports.

Without a named model, or with `--sandbox`, everything outside is simulated: a local exchange
replaying real candles and a scripted model, started before Freqtrade. Nothing that could lead
out of the sandbox (exchange keys, a model's key or address) is handed to Freqtrade then.
"""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llm_modules.context.templates import demand_templates
from llm_modules.domain import RunMode
from llm_modules.errors import ConfigError, UserError
from llm_modules.gate.clearance import demand_clearance
from llm_modules.gate.consent import demand_consent, subjects
from llm_modules.llm.opening import demand_several_calls, targets
from llm_modules.llm.providers.findings import Findings
from llm_modules.operations.places import Places, shown
from llm_modules.operations.records.journals import journals_of
from llm_modules.operations.running.modes import DATABASES, inside, mode_of, with_mode
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX, effective_environment
from llm_modules.operations.settings.guarded_api import demand_guarded_api
from llm_modules.operations.settings.reading import (
    Settings,
    environment_settings,
    merged,
    parse_text,
    read_settings,
    read_text,
    value_at,
)
from llm_modules.operations.settings.rules import checked
from llm_modules.operations.settings.secret_keys import refuse_literal_secrets

EXCHANGE_PORT = 18086
MODEL_PORT = 18087


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for beyond the settings; None means the usual."""

    sandbox: bool = False
    exchange_port: int | None = None
    model_port: int | None = None
    api_port: int | None = None
    # Of a bot that runs and is about to be replaced.
    keeps_ports: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """One process to run; it is ready once all of `ready_ports` on loopback accept.

    A `disposable` one keeps nothing, so that killing it is no failure.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready_ports: tuple[int, ...] = ()
    disposable: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided before the first process starts."""

    mode: RunMode
    api_port: int
    programs: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the programs of one bot are made from; `overlay` is the sandbox's settings file."""

    places: Places
    mode: RunMode
    settings: Settings
    environment: Mapping[str, str]
    overlay: Path | None = None


def make_plan(places: Places, environment: Mapping[str, str], wishes: Wishes) -> Plan:
    """Read and check all settings, choose ports, and name the programs in starting order.

    Raises ConfigError when the settings cannot be used, UserError when a port is taken.
    """
    own = read_settings(places.settings)
    refuse_literal_secrets(own, shown(places.settings))
    environment = effective_environment(places.env_file, environment)
    settings = merged(own, environment_settings(environment))
    mode = mode_of(settings, sandbox=wishes.sandbox)
    if mode == "sandbox":
        return _sandbox_plan(places, own, inside(environment), wishes)
    return _plan(_Basis(places, mode, settings, environment), wishes, ())


def free_port(usual: int) -> int:
    """Return the usual port of a local server, or any free one when it is taken."""
    if is_free(usual):
        return usual
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _usual_port(usual: int) -> int:
    return usual


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        # As the servers do: a port whose last connection only fades out is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _sandbox_plan(places: Places, own: Settings, inside: dict[str, str], wishes: Wishes) -> Plan:
    """Plan for the simulated world; `inside` is the environment without ways out of it."""
    # The overlay replaces much; what is wrong below it is told now and not on leaving the sandbox.
    checked(merged(own, environment_settings(inside)))
    chosen = _usual_port if wishes.keeps_ports else free_port
    exchange_port = wishes.exchange_port or chosen(EXCHANGE_PORT)
    model_port = wishes.model_port or chosen(MODEL_PORT)
    overlay = _overlay_with_ports(places, exchange_port, model_port)
    settings = merged(merged(own, read_settings(overlay)), environment_settings(inside))
    if value_at(settings, "dry_run") is not True:
        raise ConfigError(f"{shown(overlay)}: the sandbox needs dry_run true")
    basis = _Basis(places, "sandbox", settings, inside, overlay)
    return _plan(basis, wishes, (_sandbox_servers(basis, exchange_port, model_port),))


def _plan(basis: _Basis, wishes: Wishes, before: tuple[Program, ...]) -> Plan:
    config = checked(basis.settings)
    demand_templates(config, basis.places.prompts)
    findings = Findings(basis.places.findings)
    demand_several_calls(config.llm_config, targets(config.llm_config, {}, findings))
    if basis.mode == "live":
        demand_guarded_api(basis.settings)
        demand_clearance(basis.places.user_data, config.risk_management)
        folder = basis.places.user_data
        demand_consent(folder, subjects(config, basis.settings, folder))
    api_port = wishes.api_port or int(value_at(basis.settings, "api_server.listen_port"))
    # Freqtrade would wait for ever for an API that cannot listen.
    if not wishes.keeps_ports and not is_free(api_port):
        raise UserError(
            f"port {api_port} is taken by another program; end it, or choose another with "
            "--api-port or api_server.listen_port"
        )
    freqtrade = Program(
        "freqtrade", _freqtrade_command(basis), _freqtrade_variables(basis, api_port)
    )
    return Plan(basis.mode, api_port, (*before, freqtrade))


def overlay_text(places: Places, exchange_port: int, model_port: int) -> str:
    """Return the sandbox's overlay with its servers at these ports. Raises ConfigError."""
    text = read_text(places.sandbox_overlay)
    # In the text, so that it keeps its comments and no address can be forgotten.
    changed = text.replace(f":{EXCHANGE_PORT}", f":{exchange_port}")
    return changed.replace(f":{MODEL_PORT}", f":{model_port}")


def _overlay_with_ports(places: Places, exchange_port: int, model_port: int) -> Path:
    """Return the sandbox's overlay, rewritten into the run folder when its ports differ."""
    text = read_text(places.sandbox_overlay)
    changed = overlay_text(places, exchange_port, model_port)
    if changed == text:
        return places.sandbox_overlay
    parse_text(changed, shown(places.sandbox_overlay))
    effective = places.run / "config.sandbox.json"
    effective.parent.mkdir(parents=True, exist_ok=True)
    effective.write_text(changed, encoding="utf-8")
    return effective


def _sandbox_servers(basis: _Basis, exchange_port: int, model_port: int) -> Program:
    command = (
        *(sys.executable, "-m", "llm_modules.sandbox"),
        *("--exchange-port", str(exchange_port), "--model-port", str(model_port)),
        *("--data-dir", str(basis.places.market_data)),
        *("--anchor-file", str(basis.places.run / "sandbox.json")),
    )
    ports = (exchange_port, model_port)
    return Program(
        "sandbox", command, for_our_code(basis.places, basis.environment), ports, disposable=True
    )


def _freqtrade_command(basis: _Basis) -> tuple[str, ...]:
    places = basis.places
    return (
        *(sys.executable, "-m", "freqtrade", "trade"),
        *("-c", str(places.settings)),
        *(("-c", str(basis.overlay)) if basis.overlay else ()),
        *("--strategy", "LLMFunctionStrategy", "--strategy-path", str(places.strategies)),
        *("--userdir", str(places.user_data), "--logfile", str(places.freqtrade_log)),
        *("--db-url", f"sqlite:///{places.user_data / DATABASES[basis.mode]}"),
    )


def for_our_code(places: Places, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a process that is to find our code."""
    variables = {**environment, "PYTHONPATH": str(places.strategies)}
    # Byte-code saves 10 s of every start; some environments switch it off.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def _freqtrade_variables(basis: _Basis, api_port: int) -> dict[str, str]:
    variables = with_mode(for_our_code(basis.places, basis.environment), basis.mode) | {
        f"{FREQTRADE_PREFIX}API_SERVER__LISTEN_PORT": str(api_port),
    }
    if not basis.places.is_shipped:
        journals = journals_of(basis.places, basis.settings)
        block = f"{FREQTRADE_PREFIX}EXPERIENCE_CONFIG__"
        variables[f"{block}DECISION_LOG_PATH"] = str(journals.decisions)
        variables[f"{block}TRADE_LOG_PATH"] = str(journals.trades)
    return variables
