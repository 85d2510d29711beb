"""The part of `doctor` that looks at the settings: every problem, where it stands, the way out."""

import re
from collections.abc import Iterator, Mapping

from llm_modules.errors import ConfigError
from llm_modules.operations.doctor.diagnosis import Case, Diagnosis
from llm_modules.operations.places import shown
from llm_modules.operations.settings.env_file import FREQTRADE_PREFIX
from llm_modules.operations.settings.likely_secrets import likely_secrets
from llm_modules.operations.settings.located import Located, line_of, located_values
from llm_modules.operations.settings.reading import parse_text, read_text
from llm_modules.operations.settings.secret_keys import VARIABLES
from llm_modules.operations.viewing.render import printable

SETTINGS = "settings"
NAME = "config.json"
# A problem begins with the dotted key it is about, list items numbered.
_KEY = re.compile(r"([A-Za-z_]\w*(?:\.\w+|\[\d+\])*): ")
_BROKEN = re.compile(r", line (\d+), column ")
_NUMBERED = re.compile(r"\[\d+\]|\.\d+")


def settings_are_usable(case: Case) -> Iterator[Diagnosis]:
    """Tell every problem of the settings, with the line it stands in, or that there is none."""
    places = _Places(case)
    for problem in case.problems:
        subject, advice = places.of(problem)
        yield Diagnosis("fail", SETTINGS, subject, printable(problem), advice)
    yield from places.likely_secrets()
    if not case.problems:
        yield Diagnosis("ok", SETTINGS, NAME, "usable, with the environment and .env")


class _Places:
    """Finds where a problem stands: in a line of config.json, or in a variable."""

    def __init__(self, case: Case) -> None:
        self._text, self._values = _located(case)
        self._variables = _variables(case)
        self._env_file = str(case.session.places.env_file)

    def of(self, problem: str) -> tuple[str, str]:
        """Return where a problem stands, and what to do there."""
        if problem.startswith(self._env_file):
            return ".env", "Mend that file: ./manage.sh setup writes into it what is missing"
        found = _KEY.match(problem)
        if found is None:
            return _of_text(problem)
        key = _NUMBERED.sub("", found[1])
        variable = VARIABLES.get(key, FREQTRADE_PREFIX + key.replace(".", "__").upper())
        if variable in self._variables:
            return "environment", f"{variable} in the environment or .env sets it: change it there"
        path = tuple(key.split("."))
        line = self._line(path)
        if line is not None:
            return f"{NAME}:{line}", f"Change line {line}"
        block, line = ".".join(path[:-1]), self._line(path[:-1])
        if line is not None:
            return f"{NAME}:{line}", f"It belongs into the block {block}, around line {line}"
        return NAME, ""

    def likely_secrets(self) -> Iterator[Diagnosis]:
        """Tell of what looks like a secret and is none that is refused."""
        for one in likely_secrets(self._text) if self._text else ():
            key = ".".join(one.path)
            if key in VARIABLES:
                continue
            line = self._text.count("\n", 0, one.start) + 1
            sentence = printable(
                f"{key} looks like a secret: Freqtrade may log it, a backup has none"
            )
            yield Diagnosis("warn", SETTINGS, f"{NAME}:{line}", sentence, "Set it in .env instead")

    def _line(self, path: tuple[str, ...]) -> int | None:
        """Return the line of a key, or of the first value below it; None when it is not there."""
        below = (one for one in self._values if path and one.path[: len(path)] == path)
        first = next(below, None)
        return None if first is None else line_of(self._text, first.start)


def _of_text(problem: str) -> tuple[str, str]:
    """Return where a text that is no JSON is broken."""
    found = _BROKEN.search(problem)
    if found is None:
        return NAME, ""
    advice = "Mend that line or the one before: mostly it is a comma, a quote or a bracket"
    return f"{NAME}:{found[1]}", advice


def _located(case: Case) -> tuple[str, tuple[Located, ...]]:
    path = case.session.places.settings
    try:
        text = read_text(path)
        # Positions are only known of a text that the real parser accepts.
        parse_text(text, shown(path))
    except ConfigError:
        return "", ()
    return text, tuple(located_values(text))


def _variables(case: Case) -> Mapping[str, str]:
    try:
        return case.session.with_secrets()
    except ConfigError:
        return {}
