"""Where the look is taken: the exchange that is configured, a running sandbox, or shipped candles.

Settings are read and checked as a start would.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llm_modules.backtest.command.basis import Basis, opened
from llm_modules.backtest.command.options import LookaheadOptions
from llm_modules.domain import RunMode
from llm_modules.errors import ConfigError
from llm_modules.operations.running.bot_record import overlay_in_use
from llm_modules.operations.running.modes import DATABASES, inside, mode_of
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import environment_settings, merged, read_settings
from llm_modules.operations.settings.rules import checked
from llm_modules.operations.viewing.choosing import is_pair
from llm_modules.preview.options import PreviewOptions

Market = Literal["exchange", "running sandbox", "recorded"]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a look is taken at; `overlay` is what a running sandbox's Freqtrade was given."""

    basis: Basis
    mode: RunMode
    market: Market
    overlay: Path | None = None

    @property
    def database(self) -> Path:
        """Freqtrade's trades of this mode, which need not be there."""
        return self.basis.places.user_data / DATABASES[self.mode]

    @property
    def asks_about_all(self) -> bool:
        """Whether all pairs of a candle share a question."""
        return self.basis.config.llm_config.asking.scope == "portfolio"


def chosen(session: Session, options: PreviewOptions) -> Scene:
    """Return where to look. Raises ConfigError with everything that is wrong with the settings."""
    wished = LookaheadOptions(options.user_data, sandbox=options.sandbox)
    basis = opened(session, wished)
    _demand_pair(named_pair(options.pair, basis), basis)
    # The model may be named in the environment, so the mode is not that of the file alone.
    if not basis.is_sandbox:
        own = merged(
            read_settings(session.places.settings), environment_settings(basis.environment)
        )
        return Scene(basis, mode_of(own), "exchange")
    overlay = overlay_in_use(session.places)
    # No exchange is started for one look: its prices would not be those of the next start.
    if overlay is None:
        return Scene(basis, "sandbox", "recorded")
    environment = inside(session.with_secrets())
    return Scene(_running(session, overlay, environment), "sandbox", "running sandbox", overlay)


def _running(session: Session, overlay: Path, environment: Mapping[str, str]) -> Basis:
    # The overlay that runs, not the shipped one: only it knows the ports that were free.
    own = merged(read_settings(session.places.settings), read_settings(overlay))
    settings = merged(own, environment_settings(environment))
    return Basis(session.places, settings, checked(settings), environment, is_sandbox=True)


def named_pair(wanted: str, basis: Basis) -> str:
    """Return the one pair of the settings that is meant, as `BTC`; else what was typed."""
    meant = [pair for pair in basis.pairs if is_pair(wanted, pair)]
    return meant[0] if len(meant) == 1 else wanted


def _demand_pair(pair: str, basis: Basis) -> None:
    stake = basis.settings["stake_currency"]
    if not pair.endswith(f"/{stake}:{stake}"):
        known = ", ".join(basis.pairs)
        raise ConfigError(
            f"--pair: found {pair!r}, expected a futures pair of {stake} such as {known}"
        )
