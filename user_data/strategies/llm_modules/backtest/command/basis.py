"""What a run is made from: the bot's settings as a start would read them, and what was wished for.

Whatever is wrong with them is told before anything is loaded, all of it at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llm_modules.backtest.command.options import BacktestOptions, LookaheadOptions
from llm_modules.config import TraderConfig
from llm_modules.context.templates import demand_templates
from llm_modules.errors import ConfigError
from llm_modules.llm.opening import demand_several_calls, targets
from llm_modules.llm.providers.dialect import Target
from llm_modules.llm.providers.findings import Findings
from llm_modules.operations.places import Places, shown
from llm_modules.operations.running.modes import inside, mode_of
from llm_modules.operations.session import Session
from llm_modules.operations.settings.env_file import GENERATED, fresh_secret
from llm_modules.operations.settings.reading import (
    USUAL_TIMEFRAME,
    Settings,
    environment_settings,
    merged,
    read_settings,
    value_at,
)
from llm_modules.operations.settings.rules import checked
from llm_modules.operations.settings.secret_keys import refuse_literal_secrets

# The sandbox's are for a minute a candle, so that something is to be seen at once.
NOT_OF_THE_OVERLAY = ("timeframe", "risk_management", "dry_run_wallet")


@dataclass(frozen=True, slots=True)
class Basis:
    """Checked settings, and the environment's keys; `settings` hold secrets of the exchange."""

    places: Places
    settings: Settings
    config: TraderConfig
    environment: Mapping[str, str]
    is_sandbox: bool

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs that are traded."""
        return tuple(self.settings["exchange"]["pair_whitelist"])

    @property
    def timeframe(self) -> str:
        """The timeframe of the decisions."""
        return str(self.settings.get("timeframe", USUAL_TIMEFRAME))

    @property
    def timeframes(self) -> tuple[str, ...]:
        """All timeframes of which candles are needed, the one of the decisions first."""
        return self.timeframe, *self.config.context_config.informative_timeframes

    def targets(self) -> tuple[Target, ...]:
        """Return the models that are asked, in order."""
        findings = Findings(self.places.findings)
        return targets(self.config.llm_config, self.environment, findings)

    def asking_at(self, api_base: str) -> "Basis":
        """Return the same with its model at another address."""
        settings = merged(self.settings, {"llm_config": {"api_base": api_base}})
        return replace(self, settings=settings, config=checked(settings))


def opened(session: Session, options: BacktestOptions | LookaheadOptions) -> Basis:
    """Read and check all settings. Raises ConfigError with everything that is wrong."""
    places = session.places
    own = read_settings(places.settings)
    refuse_literal_secrets(own, shown(places.settings))
    environment = _with_generated(session.with_secrets())
    settings = merged(own, environment_settings(environment))
    # One that is named on the command line is as good as one in the settings.
    asked = merged(settings, _wished(options))
    is_sandbox = mode_of(asked, sandbox=options.sandbox) == "sandbox"
    if is_sandbox:
        environment = inside(environment)
        settings = merged(own, environment_settings(environment))
        # What is wrong below the overlay is told now and not on leaving the sandbox.
        checked(settings)
        settings = merged(settings, _overlay(places))
    _demand_pairs(options.pairs or (), settings)
    settings = merged(settings, _wished(options))
    config = checked(settings)
    demand_templates(config, places.prompts)
    basis = Basis(places, settings, config, environment, is_sandbox)
    demand_several_calls(config.llm_config, basis.targets())
    return basis


def _wished(options: BacktestOptions | LookaheadOptions) -> Settings:
    """Return the settings that the command line changes; no money is real, so no key is needed."""
    wished: Settings = {"dry_run": True}
    if options.pairs:
        wished["exchange"] = {"pair_whitelist": list(options.pairs)}
    if options.timeframe:
        wished["timeframe"] = options.timeframe
    if isinstance(options, BacktestOptions) and options.wallet:
        wished["dry_run_wallet"] = options.wallet
    if isinstance(options, BacktestOptions) and options.model:
        wished["llm_config"] = {"model": options.model}
    return wished


def _demand_pairs(pairs: Sequence[str], settings: Settings) -> None:
    """Raise ConfigError for pairs of the command line: config.json is not to blame for them."""
    stake = value_at(settings, "stake_currency")
    wrong = [pair for pair in pairs if not pair.endswith(f"/{stake}:{stake}")]
    if wrong:
        raise ConfigError(
            f"--pairs: found {', '.join(wrong)}, expected futures pairs such as BTC/{stake}:{stake}"
        )


def _overlay(places: Places) -> Settings:
    overlay = read_settings(places.sandbox_overlay)
    return {name: value for name, value in overlay.items() if name not in NOT_OF_THE_OVERLAY}


def _with_generated(environment: Mapping[str, str]) -> dict[str, str]:
    # The first start makes them; nothing here listens that could need them.
    generated = {name: environment.get(name) or fresh_secret() for name in GENERATED}
    return {**environment, **generated}
