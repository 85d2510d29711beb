"""What the settings are now, in the words of the questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llm_modules.errors import ConfigError
from llm_modules.llm.chat import endpoint_root
from llm_modules.llm.providers.row import Provider
from llm_modules.llm.providers.table import PROVIDERS, provider_of
from llm_modules.operations.settings.reading import value_at
from llm_modules.operations.setup.profiles import profile_of
from llm_modules.operations.setup.values import OWN_SERVER, SANDBOX

# Freqtrade's own default, so that Enter changes nothing.
DEFAULT_WALLET = 1000


@dataclass(frozen=True, slots=True)
class Server:
    """A model and where it is, as llm_config names them; all empty: the sandbox."""

    provider: str = ""
    api_base: str = ""
    model: str = ""

    @property
    def choice(self) -> str:
        """The answer that leads here: a preset, `compatible` or `sandbox`."""
        # The model decides, as at a start: a provider without one is asked nothing.
        if not self.model:
            return SANDBOX
        return self.provider if self.provider in PROVIDERS else self.row.name

    @property
    def row(self) -> Provider:
        """What is known of the provider; of one unknown what holds for any."""
        try:
            return provider_of(self.provider, self.api_base)
        except ConfigError:
            return PROVIDERS[OWN_SERVER]

    @property
    def root(self) -> str:
        """The address that is asked."""
        return endpoint_root(self.api_base or self.row.api_base)


@dataclass(frozen=True, slots=True)
class Current:
    """The settings of config.json and the variables of .env, before anything is changed."""

    settings: Mapping[str, Any]
    variables: Mapping[str, str]

    @property
    def server(self) -> Server:
        """Where the model is."""
        names = ("provider", "api_base", "model")
        return Server(*(self.text(f"llm_config.{name}") for name in names))

    @property
    def stake(self) -> str:
        """The currency of stakes."""
        # Broken settings must not keep setup from mending them: each value has a way out.
        return self.text("stake_currency") or "USDT"

    @property
    def pairs(self) -> tuple[str, ...]:
        """What is traded."""
        found = value_at(self.settings, "exchange.pair_whitelist")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def wallet(self) -> float:
        """Simulated money."""
        found = value_at(self.settings, "dry_run_wallet")
        return found if isinstance(found, int | float) else DEFAULT_WALLET

    @property
    def risk(self) -> str:
        """The name of the set that the limits are."""
        limits = value_at(self.settings, "risk_management")
        return profile_of(limits if isinstance(limits, Mapping) else {})

    @property
    def has_telegram(self) -> bool:
        """Whether Telegram is switched on."""
        return value_at(self.settings, "telegram.enabled") is True

    def text(self, key: str) -> str:
        """Return a setting that is a text, nothing where there is none."""
        found = value_at(self.settings, key)
        return found if isinstance(found, str) else ""

    def has(self, variable: str) -> bool:
        """Tell whether a secret is there."""
        return bool(self.variables.get(variable))
