"""What the model is told, in its language: sentences with gaps, kept beside the room they serve.

A room's `phrases/en/*.toml` and `phrases/zh/*.toml` hold the same keys with the same gaps.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from llm_modules.domain import Language


class Phrases:
    """The sentences of one room in one language, named by dotted keys such as `lessons.stale`."""

    def __init__(self, folder: Path, language: Language) -> None:
        self._sentences: dict[str, str] = {}
        for path in sorted((folder / language).glob("*.toml")):
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            self._sentences |= _flat(table, path.stem)

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a sentence with its gaps filled. Raises KeyError for an unknown key or gap."""
        return self._sentences[key].format(**values)

    def __contains__(self, key: object) -> bool:
        return key in self._sentences

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)

    def sentence(self, key: str) -> str:
        """Return a sentence with its gaps open. Raises KeyError for an unknown key."""
        return self._sentences[key]


def _flat(table: Mapping[str, object], prefix: str) -> dict[str, str]:
    """Join nested tables by dots; the file's name comes first."""
    sentences: dict[str, str] = {}
    for key, value in table.items():
        name = f"{prefix}.{key}"
        sentences |= _flat(value, name) if isinstance(value, dict) else {name: str(value)}
    return sentences
