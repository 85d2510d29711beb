"""The files behind the prompt's templates: the shipped ones, and those a user put in their place.

`user_data/llm_prompts/<language>/NAME.j2` replaces the shipped template of that name. A folder of
another language may lie beside it unused; a name that replaces nothing is a mistake, and told.
"""

import hashlib
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    meta,
)
from jinja2.nodes import Template as Tree
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llm_modules.context.numbers import trimmed
from llm_modules.domain import Language
from llm_modules.errors import ConfigError

PROMPTS_FOLDER = Path(__file__).parent / "prompts"
# Within user_data.
OWN_PROMPTS = "llm_prompts"
# How an own template names the one it replaces: {% extends "shipped/base.j2" %}.
SHIPPED = "shipped"
ENDING = ".j2"
# Not what an editor hides beside them.
TEMPLATES = f"[!.]*{ENDING}"
VERSION_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """The templates of a language; `own` holds those of the user, None: there are none."""

    language: Language
    shipped: Path
    own: Path | None = None

    def paths(self) -> tuple[Path, ...]:
        """Return the file of every template in use, in the order of their names."""
        found = {path.name: path for path in sorted(self.shipped.glob(TEMPLATES))}
        if self.own is not None:
            found |= {path.name: path for path in sorted(self.own.glob(TEMPLATES))}
        return tuple(found[name] for name in sorted(found))

    def named(self, path: Path) -> str:
        """Name a template as people find it: `en/flat.j2`, or `llm_prompts/en/flat.j2`."""
        is_own = self.own is not None and path.parent == self.own
        return "/".join(path.parts[-3:] if is_own else path.parts[-2:])

    def environment(self) -> Environment:
        """Return what renders them: plain text, and a name that does not exist is an error."""
        # Handed on from one user to another, a template must stay text and be no program.
        kind = _Sandboxed if self.own else _Plain
        environment = kind(
            loader=self._loader(),
            undefined=StrictUndefined,
            # Plain text, not HTML.
            autoescape=False,
            auto_reload=False,
            # As many as there are files; without a limit nothing is noted about their use.
            cache_size=-1,
            trim_blocks=True,
        )
        environment.filters["number"] = trimmed
        return environment

    def _loader(self) -> BaseLoader:
        shipped = FileSystemLoader(self.shipped)
        if self.own is None:
            return shipped
        return ChoiceLoader([FileSystemLoader(self.own), shipped, PrefixLoader({SHIPPED: shipped})])


class _OneDictOfGlobals(Environment):
    """Gives a template the globals as they are when it is loaded: afterwards they stay as they are.

    Jinja's own is a chain of two mappings, walked through for every page and what it includes.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


class _Plain(_OneDictOfGlobals):
    pass


class _Sandboxed(_OneDictOfGlobals, ImmutableSandboxedEnvironment):
    pass


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template: where it is, its text, and what Jinja makes of it."""

    path: Path
    text: str
    tree: Tree


def template_files(
    language: Language, shipped: Path = PROMPTS_FOLDER, own: Path | None = None
) -> TemplateFiles:
    """Return the templates of a language; `own` is a user's folder, which need not exist.

    Raises ConfigError for what lies in it and replaces nothing, OSError where it cannot be read.
    """
    if own is None or not own.exists():
        return TemplateFiles(language, shipped / language)
    names = {path.name for path in (shipped / language).glob(TEMPLATES)}
    _refuse_strangers(own, names)
    mine = own / language
    replaces = mine.is_dir() and any(path.match(TEMPLATES) for path in mine.iterdir())
    return TemplateFiles(language, shipped / language, mine if replaces else None)


def trees(files: TemplateFiles, environment: Environment) -> Iterator[Parsed]:
    """Parse every template in use. Raises ConfigError naming the file, and the line in it."""
    for path in files.paths():
        text = _source(path, files)
        try:
            yield Parsed(path, text, environment.parse(text, path.name))
        except TemplateSyntaxError as error:
            raise mistake(files, path, error) from error


def mistake(files: TemplateFiles, path: Path, error: TemplateSyntaxError) -> ConfigError:
    """Return what says where a template cannot be understood, and why."""
    return ConfigError(f"{files.named(path)}: line {error.lineno}: {error.message}")


def version(parsed: Iterable[Parsed], environment: Environment) -> str:
    """Name the templates in use by their content, those shipped ones too that own ones extend."""
    digest = hashlib.sha256()
    for one in parsed:
        digest.update(f"{one.path.name}\0{one.text}\0".encode())
        for name in meta.find_referenced_templates(one.tree):
            if name and name.startswith(f"{SHIPPED}/"):
                digest.update(f"{name}\0{_shipped(name, environment)}\0".encode())
    return digest.hexdigest()[:VERSION_CHARACTERS]


def _source(path: Path, files: TemplateFiles) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{files.named(path)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{files.named(path)} is not UTF-8 text (byte {error.start})") from error


def _shipped(name: str, environment: Environment) -> str:
    try:
        loader: BaseLoader = environment.loader  # type: ignore[assignment]
        return loader.get_source(environment, name)[0]
    except TemplateError:
        # Rendering it tells whose line names what does not exist.
        return ""


def _refuse_strangers(own: Path, names: set[str]) -> None:
    languages = get_args(Language)
    for path in sorted(own.rglob("*")):
        inside = path.relative_to(own).parts
        if path.is_dir() or path.name.startswith(".") or not path.name.endswith(ENDING):
            # Notes and what an editor leaves behind replace nothing and are in nobody's way.
            continue
        if len(inside) != 2 or inside[0] not in languages:  # noqa: PLR2004 - language and name
            raise ConfigError(
                f"{own.name}/{'/'.join(inside)}: templates lie in a folder of their language: "
                + ", ".join(f"{own.name}/{language}/" for language in languages)
            )
        if path.name not in names:
            raise ConfigError(
                f"{own.name}/{'/'.join(inside)}: no template has this name; known: "
                + ", ".join(sorted(names))
            )
