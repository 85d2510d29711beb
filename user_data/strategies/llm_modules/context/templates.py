"""The prompt's templates: read once and tried once, so that a mistake in them stops the start.

Each language has a folder with the same templates, which a test holds against each other; a user
may replace any of them (see `template_files`), and is held to what the flow rests on.

A name that does not exist is an error, never an empty string. Nothing is escaped: the result is
plain text, and what others wrote was made harmless before it comes here (see `quoting`).
"""

import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from jinja2 import Environment, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import UndefinedError

from llm_modules.config import RiskConfig, TraderConfig
from llm_modules.context.blocks import NO_QUOTES, Block, Quotes
from llm_modules.context.template_files import (
    PROMPTS_FOLDER,
    Parsed,
    TemplateFiles,
    mistake,
    template_files,
    trees,
    version,
)
from llm_modules.domain import Language, Stance
from llm_modules.errors import ConfigError

USER_TEMPLATE = "user.j2"
PAIR_TEMPLATE = "pair.j2"
PORTFOLIO_TEMPLATE = "portfolio_user.j2"
Task = Stance | Literal["portfolio"]
_SYSTEM_TEMPLATES: dict[Task, str] = {
    "flat": "flat.j2",
    "in_position": "in_position.j2",
    "portfolio": "portfolio.j2",
}


@dataclass
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


# Everything there at once, and next to nothing: both ways through each condition. What stands for
# others' text are digits, which no filter of a template changes.
_ROWS = Block("candles", "title", ("line",), "header")
_NO_ROWS = Block("timeframes", "title", ())
# Two blocks of two lines each: what a template does with the second of either is seen too.
_LASTING = Quotes(
    "161803398",
    (Block("lessons", "title", ("46692", "16091")), Block("trades", "title", ("57721", "56649"))),
)
_PASSING = Quotes(
    "141421356",
    (Block("decisions", "title", ("25029", "78750")), Block("habits", "title", ("26149", "72128"))),
)
_PAIR = "PAIR/577:577"
_FULL = UserPage(_PAIR, "t", "e", "a", ("line",), "m", _ROWS, _LASTING, _PASSING, (_ROWS,))
_SAMPLES = (_FULL, UserPage(_PAIR, "t", "", "", (), "m", _NO_ROWS))
_PAGES = ("page 271", "page 828")
_PORTFOLIO = {"pages": _PAGES, "account": "a", "pairs": (_PAIR, "PAIR/314:314")}
# What a template can do wrong while it is rendered; a bug of ours in between is told like one.
_FAILURES = (
    *(TemplateError, TypeError, ValueError, LookupError, ArithmeticError),
    *(RecursionError, MemoryError),
)
_KNOWN_NAMES = frozenset({"risk", *_PORTFOLIO, *(field.name for field in fields(UserPage))})


class PromptTemplates:
    """The system prompt of each task, rendered once, and the templates of user messages.

    `own` is the folder of the user's templates. Raises ConfigError for a template that cannot be
    used, naming it.
    """

    def __init__(
        self,
        risk: RiskConfig,
        language: Language,
        folder: Path = PROMPTS_FOLDER,
        own: Path | None = None,
    ) -> None:
        files = template_files(language, folder, own)
        environment = files.environment()
        parsed = tuple(trees(files, environment))
        _refuse_unknown_names(parsed, files)
        self.version = version(parsed, environment)
        tried = _Trial(environment, files)
        self._system = {
            task: tried.system(template, {"risk": risk})
            for task, template in _SYSTEM_TEMPLATES.items()
        }
        # The inner one first, so that a fault of its own is not laid at the outer one's door.
        for template in (PAIR_TEMPLATE, USER_TEMPLATE):
            for sample in _SAMPLES:
                tried.page(template, sample)
        tried.portfolio()
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


def demand_templates(config: TraderConfig, own: Path) -> None:
    """Raise ConfigError for a template in the user's folder that cannot be used."""
    PromptTemplates(config.risk_management, config.context_config.language, own=own)


class _Trial:
    """Renders each template for the first time; ConfigError says which one fails, and why."""

    def __init__(self, environment: Environment, files: TemplateFiles) -> None:
        self._environment = environment
        self._files = files

    def system(self, template: str, names: Mapping[str, object]) -> str:
        """Return a system prompt, which says something."""
        text = self._rendered(template, names)
        if not text.strip():
            raise ConfigError(f"{self._named(template)}: the system prompt is empty")
        return text

    def page(self, template: str, sample: UserPage) -> None:
        """Demand that a page keeps others' text within its fences and says what it is about."""
        text = self._rendered(template, vars(sample))
        if template == USER_TEMPLATE and sample.pair not in text:
            raise ConfigError(
                f"{self._named(template)}: the message does not say its pair: {{{{ pair }}}}"
            )
        for name, quotes in (("lasting", sample.lasting), ("passing", sample.passing)):
            if _escapes(quotes, text):
                raise ConfigError(
                    f"{self._named(template)}: lines of {name} stand outside their fence: between "
                    f"<quoted {{{{ {name}.fence }}}}> and </quoted {{{{ {name}.fence }}}}>"
                )

    def portfolio(self) -> None:
        """Demand that a message about several pairs has the page of each and names them."""
        text = self._rendered(PORTFOLIO_TEMPLATE, _PORTFOLIO)
        if not all(expected in text for expected in (*_PAGES, *_PORTFOLIO["pairs"])):
            raise ConfigError(
                f"{self._named(PORTFOLIO_TEMPLATE)}: a page or a pair is missing: each of pages "
                "and each of pairs has to be told"
            )

    def _rendered(self, template: str, names: Mapping[str, object]) -> str:
        try:
            return self._environment.get_template(template).render(names)
        except _FAILURES as error:
            words = f"{error}{_hint(error, names)}"
            raise ConfigError(f"{self._place(error, template)}: {words}") from error

    def _place(self, error: Exception, template: str) -> str:
        """Name the template that failed, which may be one that another one includes."""
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if frame.filename.endswith(".j2")]
        if not inside:
            return self._named(template)
        return f"{self._files.named(Path(inside[-1].filename))}: line {inside[-1].lineno}"

    def _named(self, template: str) -> str:
        paths = {path.name: path for path in self._files.paths()}
        return self._files.named(paths.get(template, self._files.shipped / template))


def _escapes(quotes: Quotes, text: str) -> bool:
    """Tell whether a sample's quoted line stands anywhere but between its fences."""
    fenced = rf"<quoted {quotes.fence}>.*?</quoted {quotes.fence}>"
    outside = re.sub(fenced, "", text, flags=re.DOTALL)
    return any(line in outside for block in quotes.blocks for line in block.lines)


def _hint(error: Exception, names: Iterable[str]) -> str:
    """Say what may be named where something that does not exist was."""
    if not isinstance(error, UndefinedError):
        return ""
    if str(error).endswith("is undefined"):
        return f"; known here: {', '.join(sorted(names))}"
    if RiskConfig.__name__ in str(error):
        return f"; known of risk: {', '.join(RiskConfig.model_fields)}"
    return ""


def _refuse_unknown_names(parsed: Iterable[Parsed], files: TemplateFiles) -> None:
    """Look at every branch of every template, also those that a sample does not reach.

    Raises ConfigError naming the template and the variable, or the line that cannot be parsed.
    """
    for one in parsed:
        try:
            unknown = sorted(meta.find_undeclared_variables(one.tree) - _KNOWN_NAMES)
        except TemplateSyntaxError as error:
            # An unknown filter: parsing alone does not show it.
            raise mistake(files, one.path, error) from error
        if unknown:
            allowed = ", ".join(sorted(_KNOWN_NAMES))
            raise ConfigError(
                f"{files.named(one.path)}: unknown variable {unknown[0]!r}; known: {allowed}"
            )
