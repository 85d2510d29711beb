"""The prompt's templates: read once and tried once, so that a mistake in them stops the start.

Each language has a folder with the same templates, which a test holds against each other.

A name that does not exist is an error, never an empty string. Nothing is escaped: the result is
plain text, and what others wrote was made harmless before it comes here (see `quoting`).
"""

from dataclasses import dataclass, fields
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    meta,
)

from llm_modules.config import RiskConfig
from llm_modules.context.blocks import Block
from llm_modules.context.numbers import trimmed
from llm_modules.domain import Language, Stance
from llm_modules.errors import ConfigError

PROMPTS_FOLDER = Path(__file__).parent / "prompts"
USER_TEMPLATE = "user.j2"
_SYSTEM_TEMPLATES: dict[Stance, str] = {"flat": "flat.j2", "in_position": "in_position.j2"}


@dataclass(frozen=True)
class UserPage:
    """Every name that `user.j2` may use; `position` is empty while flat.

    `quoted` holds text that others wrote, and `quoted_id` the id that fences it.
    """

    pair: str
    market: tuple[str, ...]
    timeframes: tuple[str, ...]
    account: str
    position: tuple[str, ...]
    tables: tuple[Block, ...] = ()
    quoted: tuple[Block, ...] = ()
    quoted_id: str = ""


# Everything there at once, and next to nothing: both ways through each condition.
_ROW = Block("candles", "title", ("line",), "header")
_SAMPLES = (
    UserPage("pair", ("line",), ("line",), "line", ("line",), (_ROW,), (_ROW,), "id"),
    UserPage("pair", ("line",), (), "line", ()),
)
_KNOWN_NAMES = frozenset({"risk", *(field.name for field in fields(UserPage))})


class PromptTemplates:
    """The system prompt of each stance, rendered once, and the user message's template."""

    def __init__(self, risk: RiskConfig, language: Language, folder: Path = PROMPTS_FOLDER) -> None:
        own = folder / language
        environment = Environment(
            loader=FileSystemLoader(own),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - the prompt is plain text, not HTML
            auto_reload=False,
            trim_blocks=True,
        )
        environment.filters["number"] = trimmed
        _refuse_unknown_names(environment, own)
        self._system = {
            stance: _rendered(environment, own / template, {"risk": risk})
            for stance, template in _SYSTEM_TEMPLATES.items()
        }
        for sample in _SAMPLES:
            _rendered(environment, own / USER_TEMPLATE, vars(sample))
        self._user: Template = environment.get_template(USER_TEMPLATE)

    def system(self, stance: Stance) -> str:
        """Return the system prompt: the same bytes for every question asked in a stance."""
        return self._system[stance]

    def user(self, page: UserPage) -> str:
        """Return the user message of one question."""
        return self._user.render(vars(page))


def _refuse_unknown_names(environment: Environment, folder: Path) -> None:
    """Look at every branch of every template, also those that a sample does not reach.

    Raises ConfigError naming the template and the variable, or the line that cannot be parsed.
    """
    for path in sorted(folder.glob("*.j2")):
        try:
            tree = environment.parse(path.read_text(encoding="utf-8"), path.name)
            unknown = sorted(meta.find_undeclared_variables(tree) - _KNOWN_NAMES)
        except TemplateSyntaxError as error:
            raise ConfigError(f"{_named(path)}: line {error.lineno}: {error.message}") from error
        if unknown:
            allowed = ", ".join(sorted(_KNOWN_NAMES))
            raise ConfigError(f"{_named(path)}: unknown variable {unknown[0]!r}; known: {allowed}")


def _rendered(environment: Environment, path: Path, names: dict[str, object]) -> str:
    """Render a template for the first time; raises ConfigError with its name where it fails."""
    try:
        return environment.get_template(path.name).render(names)
    except (TemplateError, TypeError) as error:
        raise ConfigError(f"{_named(path)}: {error}") from error


def _named(path: Path) -> str:
    """Name a template with its language, as `en/flat.j2`."""
    return f"{path.parent.name}/{path.name}"
