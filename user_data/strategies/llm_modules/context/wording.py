"""This room's own words in the model's language: titles and lines; the rest is templates."""

from pathlib import Path

from llm_modules.domain import Language
from llm_modules.phrases import Phrases

_FOLDER = Path(__file__).parent / "phrases"


def context_phrases(language: Language) -> Phrases:
    """Return the titles and lines of the user message in a language."""
    return Phrases(_FOLDER, language)
