"""The secrets file `.env`: one NAME=value per line, readable by its owner only.

The format is what docker compose (1.29 and 2) and a shell-minded reader agree on: bare values, or
values in single quotes taken literally, or in double quotes with backslash escapes. Nothing is
expanded. Messages name a line or a variable, never a value.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from llm_modules.config import API_KEY_VARIABLE
from llm_modules.errors import ConfigError
from llm_modules.whole_files import OWNER_ONLY, put_in_place

FREQTRADE_PREFIX = "FREQTRADE__"
GENERATED = (
    "FREQTRADE__API_SERVER__PASSWORD",
    "FREQTRADE__API_SERVER__JWT_SECRET_KEY",
    "FREQTRADE__API_SERVER__WS_TOKEN",
)
HEADING = f"""\
# Secrets of this bot. Readable by you only, never committed, never in config.json.
# The key of the model's provider (servers without keys, such as Ollama, need none):
# {API_KEY_VARIABLE}=
# The keys of the exchange, for live trading:
# FREQTRADE__EXCHANGE__KEY=
# FREQTRADE__EXCHANGE__SECRET=
"""
GENERATED_HEADING = (
    "# Made on the first start: the API's password and the keys that sign its tokens."
)

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)", re.DOTALL)
# What neither a shell nor any reader of .env takes for anything but itself.
_BARE = re.compile(r"[A-Za-z0-9_./:+=@%^&*,~-]*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a `.env` file, none when it does not exist.

    Raises ConfigError when it cannot be read or a line is not NAME=value.
    """
    return variables_in(env_text(path), str(path))


def env_text(path: Path) -> str:
    """Return the text of a `.env` file, nothing when there is none. Raises ConfigError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {_cause(error)}") from error


def variables_in(text: str, name: str) -> dict[str, str]:
    """Return the variables of the text of a `.env` called `name`. Raises ConfigError."""
    variables: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            variable, value = _parsed(stripped, f"{name}, line {number}")
            variables[variable] = value
    return variables


def effective_environment(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment over the file, without empty FREQTRADE__ variables.

    An empty one would erase the value in config.json. Raises ConfigError as `read_env_file`, and
    for a name that Freqtrade would read otherwise than it looks.
    """
    everything = {**read_env_file(path), **environment}
    refuse_repeated_prefix(everything)
    return {
        name: text
        for name, text in everything.items()
        if text or not name.startswith(FREQTRADE_PREFIX)
    }


def refuse_repeated_prefix(names: Iterable[str]) -> None:
    """Raise ConfigError for a name that holds Freqtrade's prefix more than once.

    Freqtrade takes it out everywhere: `FREQTRADE__FREQTRADE__DRY_RUN` would set `dry_run` unseen.
    """
    for name in sorted(names):
        if name.startswith(FREQTRADE_PREFIX) and name.count(FREQTRADE_PREFIX) > 1:
            raise ConfigError(
                f"the variable {name} holds {FREQTRADE_PREFIX} more than once, and Freqtrade would "
                "read another setting than it seems to name: take it out of the environment or .env"
            )


def completed(text: str) -> str:
    """Return the text of a `.env` with every generated secret it lacks; unchanged if none."""
    missing = [name for name in GENERATED if not re.search(rf"(?m)^{name}=[ \t]*\S", text)]
    if not missing:
        return text
    start = text if text.strip() else f"{HEADING}\n{GENERATED_HEADING}\n"
    return with_variables(start, {name: fresh_secret() for name in missing})


def fresh_secret() -> str:
    """Return a random secret of 256 bits that no reader takes for a number or a boolean."""
    # Digits alone would become a number, and 12e34 a float, on their way through Freqtrade.
    return f"k{secrets.token_hex(32)}"


def ensure_env_file(path: Path) -> bool:
    """Create or complete the file, and close it to others; return whether it was changed."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    new_text = completed(text)
    if new_text != text:
        write_private(path, new_text)
    # Also a file someone made by hand or copied from the example.
    path.chmod(OWNER_ONLY)
    return new_text != text


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with the variables set: in the line they have, an empty one, or a new one.

    Raises ConfigError naming a variable whose value no line can hold.
    """
    for name, value in variables.items():
        line = f"{name}={quoted(name, value)}"
        own = _own_line(text, name)
        if own:
            text = text[: own.start()] + line + text[own.end() :]
        else:
            start = text.rstrip("\n")
            text = f"{start}\n{line}\n" if start else f"{line}\n"
    return text


def quoted(name: str, value: str) -> str:
    """Write a value so that every reader of `.env` gets it back unchanged.

    Raises ConfigError when there is no such way.
    """
    if _BARE.fullmatch(value):
        return value
    if value.isprintable() and not set(value) & set("'\\"):
        # Nothing is expanded between single quotes, not even by compose.
        return f"'{value}'"
    # Keys of several lines (PEM) need escapes; compose would expand a $ among them.
    if "$" not in value and "\\" not in value and value.replace("\n", "").isprintable():
        return '"' + value.replace('"', '\\"').replace("\n", "\\n") + '"'
    raise ConfigError(f"{name}: the value has characters that .env cannot hold; set it by hand")


def write_private(path: Path, text: str) -> None:
    """Replace a file by a new one that only its owner may read, in one step."""
    # The file itself, where the path is a link to it.
    put_in_place(path.resolve(), text, mode=OWNER_ONLY)


def _own_line(text: str, name: str) -> re.Match[str] | None:
    """Return the place of a variable: its last line, the one that counts, else an empty one."""
    lines = [*re.finditer(rf"(?m)^[ \t]*(?:export[ \t]+)?{name}[ \t]*=[^\r\n]*", text)]
    # A line that is only suggested, such as `# LLM_API_KEY=`.
    return lines[-1] if lines else re.search(rf"(?m)^#[ \t]*{name}=[ \t]*$", text)


def _parsed(line: str, where: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ConfigError(f"{where}: expected NAME=value or a comment")
    return found["name"], _unquoted(found["value"], where)


def _unquoted(value: str, where: str) -> str:
    if not value.startswith(("'", '"')):
        return re.split(r"\s+#", value, maxsplit=1)[0].strip()
    quote = value[0]
    body = r"(?:\\.|[^\"\\])*" if quote == '"' else "[^']*"
    found = re.fullmatch(rf"{quote}({body}){quote}\s*(?:#.*)?", value)
    if found is None:
        raise ConfigError(f"{where}: the quote {quote} is not closed, or text follows it")
    return re.sub(r"\\(.)", _escaped, found[1]) if quote == '"' else found[1]


def _escaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])


def _cause(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not UTF-8 text"
