"""What commands that ask a model pay from: the bot's own ledger, prices and budget."""

from llm_modules.config import TraderConfig
from llm_modules.llm.spending.ledger import SANDBOX
from llm_modules.llm.spending.opening import ledger_beside, open_spending
from llm_modules.operations.doctor.diagnosis import Purse
from llm_modules.operations.session import Session
from llm_modules.operations.settings.reading import value_at


class Paying:
    """Opens the bot's purse, once for a command."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._purse: Purse | None = None

    def __call__(self, config: TraderConfig) -> Purse:
        """Return the purse. Raises ConfigError for an unknown price, JournalError."""
        if self._purse is None:
            path = ledger_beside(self._session.journals().tape)
            path.parent.mkdir(parents=True, exist_ok=True)
            # A sandbox's model is not named by the settings, but by what is laid over them.
            is_named = value_at(self._session.settings(), "llm_config.model")
            spending = open_spending(config, path, mode="" if is_named else SANDBOX)
            self._purse = Purse(spending, spending.most_cost)
        return self._purse
