"""The prompt's templates: read once and tried once, so that a mistake in them stops the start.

Each language has a folder with the same templates, which a test holds against each other.

A name that does not exist is an error, never an empty string. Nothing is escaped: the result is
plain text, and what others wrote was made harmless before it comes here (see `quoting`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

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
from llm_modules.context.blocks import NO_QUOTES, Block, Quotes
from llm_modules.context.numbers import trimmed
from llm_modules.domain import Language, Stance
from llm_modules.errors import ConfigError

PROMPTS_FOLDER = Path(__file__).parent / "prompts"
USER_TEMPLATE = "user.j2"
PAIR_TEMPLATE = "pair.j2"
PORTFOLIO_TEMPLATE = "portfolio_user.j2"
Task = Stance | Literal["portfolio"]
_SYSTEM_TEMPLATES: dict[Task, str] = {
    "flat": "flat.j2",
    "in_position": "in_position.j2",
    "portfolio": "portfolio.j2",
}


@dataclass(frozen=True)
class UserPage:
    """Every name that `user.j2` may use; `thesis` and `position` are empty while flat.

    `account` is empty where several pairs share a message: it stands there once, for all.
    `lasting` and `passing` hold text that others wrote, each fenced by an id of its own, so that
    what is new in the second does not change a byte of the first.
    """

    pair: str
    terms: str
    thesis: str
    account: str
    position: tuple[str, ...]
    market: str
    timeframes: Block
    lasting: Quotes = NO_QUOTES
    passing: Quotes = NO_QUOTES
    tables: tuple[Block, ...] = ()


# Everything there at once, and next to nothing: both ways through each condition.
_ROWS = Block("candles", "title", ("line",), "header")
_NO_ROWS = Block("timeframes", "title", ())
_QUOTES = Quotes("id", (_ROWS,))
_FULL = UserPage("p", "t", "e", "a", ("line",), "m", _ROWS, _QUOTES, _QUOTES, (_ROWS,))
_SAMPLES = (_FULL, UserPage("p", "t", "", "", (), "m", _NO_ROWS))
_PORTFOLIO = {"pages": ("page",), "account": "a", "pairs": ("p",)}
_KNOWN_NAMES = frozenset({"risk", *_PORTFOLIO, *(field.name for field in fields(UserPage))})


class PromptTemplates:
    """The system prompt of each task, rendered once, and the templates of user messages."""

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
            task: _rendered(environment, own / template, {"risk": risk})
            for task, template in _SYSTEM_TEMPLATES.items()
        }
        for sample in _SAMPLES:
            _rendered(environment, own / USER_TEMPLATE, vars(sample))
        _rendered(environment, own / PORTFOLIO_TEMPLATE, _PORTFOLIO)
        self._user: Template = environment.get_template(USER_TEMPLATE)
        self._pair: Template = environment.get_template(PAIR_TEMPLATE)
        self._portfolio: Template = environment.get_template(PORTFOLIO_TEMPLATE)

    def system(self, task: Task) -> str:
        """Return the system prompt: the same bytes for every question of a task."""
        return self._system[task]

    def user(self, page: UserPage) -> str:
        """Return the user message of one question."""
        return self._user.render(vars(page))

    def portfolio(self, pages: Sequence[UserPage], account: str) -> str:
        """Return the user message of a question about several pairs."""
        texts = [self._pair.render(vars(page)) for page in pages]
        pairs = [page.pair for page in pages]
        return self._portfolio.render(pages=texts, account=account, pairs=pairs)


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


def _rendered(environment: Environment, path: Path, names: Mapping[str, object]) -> str:
    """Render a template for the first time; raises ConfigError with its name where it fails."""
    try:
        return environment.get_template(path.name).render(names)
    except (TemplateError, TypeError) as error:
        raise ConfigError(f"{_named(path)}: {error}") from error


def _named(path: Path) -> str:
    """Name a template with its language, as `en/flat.j2`."""
    return f"{path.parent.name}/{path.name}"
