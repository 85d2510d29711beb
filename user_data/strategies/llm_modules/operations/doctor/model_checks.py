"""The part of `doctor` that looks at models: their keys, and a few real questions to each."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from llm_modules.config import API_KEY_VARIABLE, TraderConfig
from llm_modules.errors import ConfigError, ProviderError, ProviderFault
from llm_modules.llm.carrier import Carrier, LiveCarrier
from llm_modules.llm.failures import told
from llm_modules.llm.opening import NO_KEY, targets
from llm_modules.llm.providers.dialect import Dialect, Target
from llm_modules.llm.providers.findings import Finding, Findings
from llm_modules.llm.providers.negotiation import MOST_REQUESTS, Connect
from llm_modules.llm.providers.probing import probe
from llm_modules.llm.providers.speaking import dialect_for
from llm_modules.llm.recorder import LOOPBACK, Recorder, provider_hash
from llm_modules.llm.tape import Tape
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis
from llm_modules.operations.doctor.finding_rows import rows
from llm_modules.operations.doctor.rehearsing import rehearsal
from llm_modules.operations.places import shown
from llm_modules.operations.viewing.render import printable

MODEL = "model"
KEYS = "keys"
ADVICE: dict[ProviderFault, str] = {
    "timeout": "Try again; if it stays so, raise llm_config.timeout or take a faster model",
    "connection": "Is the server running, and llm_config.api_base its address?",
    "rate_limited": "Wait a minute and try again, or raise the limits of the account",
    "unauthorised": "Put a valid key into .env, and see whether the account has credit",
    "rejected": "Is llm_config.model spelled as the server spells it?",
    "server_error": "The server is in trouble: try again later",
    "bad_response": "Is llm_config.api_base the address of its API, mostly ending in /v1?",
    "redirected": "Set llm_config.api_base to the address it redirects to",
    "too_large": "Is llm_config.api_base the address of its API, mostly ending in /v1?",
    "over_budget": "Wait for tomorrow, or raise llm_config.budget",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that the bot asks, and the setting that names it."""

    setting: str
    target: Target

    @property
    def heading(self) -> str:
        """Under which its rows stand."""
        return f"{self.setting} {printable(self.target.model)}"


def asked_models(config: TraderConfig, case: Case) -> list[Asked]:
    """Return every model that the settings name, each once."""
    first, *further = targets(config.llm_config, case.keys)
    named = [Asked("llm_config.model", first)]
    named += [Asked(f"llm_config.fallbacks[{n}]", one) for n, one in enumerate(further)]
    at_first_server = {
        "llm_config.asking.cheap_model": config.llm_config.asking.cheap_model,
        "experience_config.lesson_model": config.experience_config.lesson_model,
    }
    named += [
        Asked(setting, replace(first, model=model))
        for setting, model in at_first_server.items()
        if model
    ]
    # The first of the same: what is found out is kept by server and model.
    distinct: dict[tuple[str, str], Asked] = {}
    for one in named:
        distinct.setdefault((provider_hash(one.target.api_base), one.target.model), one)
    return list(distinct.values())


def keys_are_there(case: Case) -> Iterator[Diagnosis]:
    """Look whether there is a key for each server; none is ever shown."""
    if case.config is None or case.is_sandbox:
        return
    by_server: dict[str, tuple[int, Target]] = {}
    for number, target in enumerate(targets(case.config.llm_config, case.keys)):
        server = printable(urlsplit(target.api_base).netloc) or target.provider.name
        by_server.setdefault(server, (number, target))
    for server, (number, target) in by_server.items():
        if target.key.get_secret_value() != NO_KEY:
            yield Diagnosis("ok", KEYS, server, "there is a key")
        elif urlsplit(target.api_base).hostname in LOOPBACK:
            yield Diagnosis("ok", KEYS, server, "no key; servers of this machine need none")
        else:
            yield Diagnosis("warn", KEYS, server, "no key", _where_a_key_goes(target, number))


def _where_a_key_goes(target: Target, number: int) -> str:
    variable = target.provider.key_variable
    if number == 0 or variable != API_KEY_VARIABLE:
        return f"If the server wants one, put {variable}=... into .env"
    return f"{API_KEY_VARIABLE} goes to the first server only; name the preset of this one"


def models_answer(case: Case) -> Iterator[Diagnosis]:
    """Ask each model, or tell what was found out when it was asked before."""
    if case.config is None:
        if case.is_sandbox:
            yield _sandbox_sleeps()
        return
    if case.is_sandbox:
        yield Diagnosis("ok", MODEL, "sandbox", "no model is configured: the scripted one is asked")
    findings = Findings(case.session.places.findings)
    for asked in asked_models(case.config, case):
        yield from _looked_at(asked, case, case.config, findings)


def _sandbox_sleeps() -> Diagnosis:
    return Diagnosis(
        "warn",
        MODEL,
        "sandbox",
        "no model is configured, and the sandbox with its scripted one does not run",
        "./manage.sh start runs it; or name provider and model in llm_config: docs/models.md",
    )


def _looked_at(
    asked: Asked, case: Case, config: TraderConfig, findings: Findings
) -> Iterator[Diagnosis]:
    may_ask = case.options.calls and config.llm_config.tape_mode != "replay"
    known = None if may_ask and case.options.again else findings.of(asked.target)
    if known is not None:
        when = f"{known.at:%Y-%m-%d %H:%M} UTC; --again asks anew"
        yield Diagnosis("ok", asked.heading, "last asked", when)
        yield from rows(asked.heading, known, config)
        return
    if not may_ask:
        yield _left_alone(asked, case)
        return
    try:
        finding = _asked_now(asked, case, config)
    except (ProviderError, ConfigError) as error:
        yield _failed(asked, error)
        return
    yield from _kept(finding, asked, case, findings)
    yield from rows(asked.heading, finding, config)


def _failed(asked: Asked, error: ProviderError | ConfigError) -> Diagnosis:
    if isinstance(error, ConfigError):
        # No address is known, or a library is missing: it says itself what to do.
        return Diagnosis("fail", asked.heading, "answer", str(error))
    advice = ADVICE.get(error.fault, "")
    return Diagnosis("fail", asked.heading, "answer", printable(told(error)), advice)


def _left_alone(asked: Asked, case: Case) -> Diagnosis:
    if not case.options.calls:
        # As it was wished: nothing to look at.
        return Diagnosis("ok", asked.heading, "answer", "never asked, and not now: --no-calls")
    why = 'never asked, and not now: llm_config.tape_mode is "replay"'
    return Diagnosis("warn", asked.heading, "answer", why, "./manage.sh doctor")


def _kept(finding: Finding, asked: Asked, case: Case, findings: Findings) -> Iterator[Diagnosis]:
    path = case.session.places.findings
    try:
        findings.keep(finding)
    except OSError as error:
        sentence = f"not kept, {shown(path)} cannot be written: {error.strerror}"
        yield Diagnosis("warn", asked.heading, "finding", sentence, "The bot asks without it")


def _asked_now(asked: Asked, case: Case, config: TraderConfig) -> Finding:
    """Ask a model. Raises ProviderError, and ConfigError where nothing can be asked."""

    def progress(number: int) -> None:
        if not case.options.json:
            case.session.screen.progress(
                f"Asking {printable(asked.target.model)}: request {number}, "
                f"{MOST_REQUESTS} at most "
            )

    return asyncio.run(
        probe(asked.target, config.llm_config, _connect(case, config), rehearsal(), progress)
    )


def _connect(case: Case, config: TraderConfig) -> Connect:
    tape, meter = Tape(case.session.journals().tape), case.purse.meter

    def connect(target: Target) -> tuple[Dialect, Carrier]:
        dialect = dialect_for(target, config.llm_config)
        return dialect, LiveCarrier(dialect, Recorder(tape, meter, target), meter)

    return connect
