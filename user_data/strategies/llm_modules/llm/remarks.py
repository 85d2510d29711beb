"""What is said about a model in the log: once, however many decisions it concerns."""

import logging

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ProviderError
from llm_modules.llm.failures import told
from llm_modules.llm.providers.dialect import Target

logger = logging.getLogger(__name__)


class Remarks:
    """Says once what only the user can put right, and again when it recurs after a reply."""

    def __init__(self, target: Target) -> None:
        self._provider = target.provider.name
        variable = target.provider.key_variable
        names = (API_KEY_VARIABLE, variable) if variable != API_KEY_VARIABLE else (variable,)
        self._advice = {
            "unauthorised": f"check {' and '.join(names)} in .env, and the account's credit",
            "rejected": "check model, provider and api_base in llm_config",
        }
        self._said: set[tuple[str, str]] = set()
        self._swapped: set[tuple[str, str]] = set()

    def failed(self, model: str, error: ProviderError) -> None:
        """Say what to do about an error that no further attempt can mend."""
        if error.fault not in self._advice or (model, error.fault) in self._said:
            return
        self._said.add((model, error.fault))
        logger.warning(
            "Model %s (%s) cannot be asked, exits and stops go on: %s. To do: %s",
            model,
            self._provider,
            told(error),
            self._advice[error.fault],
        )

    def answered(self, asked: str, named: str) -> None:
        """Take note of a reply; one by a model of another name is told.

        Dated names of an alias, and names with or without the maker's, are no other model.
        """
        self._said = {(model, fault) for model, fault in self._said if model != asked}
        bare = asked.rpartition("/")[2].lower()
        if not named or bare in named.lower() or (asked, named) in self._swapped:
            return
        self._swapped.add((asked, named))
        logger.warning("Model %s was asked, the server says that %s answered", asked, named)
