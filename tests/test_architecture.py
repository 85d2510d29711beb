"""Who may import whom, kept by reading the imports of every file."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STRATEGIES = ROOT / "user_data" / "strategies"
PACKAGE = STRATEGIES / "llm_modules"
FILES = sorted(PACKAGE.rglob("*.py"))
SHARED_HELP = {"metrics", "phrases", "weights", "unsigned", "interrupts", "whole_files"}
EVERYBODY = {"domain", "dialogue", "errors", "config"} | SHARED_HELP
ALLOWED: dict[str, set[str]] = {
    "domain": set(),
    "dialogue": set(),
    "errors": set(),
    "metrics": set(),
    "weights": set(),
    "unsigned": set(),
    "interrupts": set(),
    "whole_files": set(),
    "phrases": {"domain"},
    "config": {"domain", "errors"},
    "market": EVERYBODY,
    "context": EVERYBODY,
    "llm": EVERYBODY,
    "tools": EVERYBODY,
    "gate": EVERYBODY | {"tools"},
    "journal": EVERYBODY | {"tools", "gate"},
    "learning": EVERYBODY | {"journal", "market"},
    "engine": EVERYBODY | {"market", "context", "llm", "tools", "gate", "journal", "learning"},
    "sandbox": EVERYBODY | {"engine"},
    "backtest": EVERYBODY
    | {"engine", "tools", "gate", "journal", "learning", "market", "context", "llm", "sandbox"}
    | {"operations"},
    # Shows what the engine would ask: on its own look at the market, or on a backtest's.
    "preview": EVERYBODY
    | {"engine", "gate", "journal", "context", "llm", "backtest", "operations"},
    "selftest": EVERYBODY
    | {"engine", "tools", "gate", "journal", "learning", "market", "context", "llm", "sandbox"}
    | {"operations"},
    "report": EVERYBODY | {"backtest", "journal", "learning", "llm", "operations", "sandbox"},
    # Of the context only whether the user's templates can be used, which check tells.
    "operations": EVERYBODY | {"context", "journal", "learning", "llm", "tools", "gate", "sandbox"},
    "cli": EVERYBODY | {"operations", "journal", "sandbox"},
}
# A preview opens Freqtrade's exchange, wallets and database for one look, as a bot does for all.
FREQTRADE_KNOWERS = ("engine/bridge/", "backtest/", "preview/")
BROAD_EXCEPTS = {"gate/checker.py": 1, "engine/guard.py": 1}
MOST_LINES, MOST_OF_A_FUNCTION = 350, 45


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert imports_of(path) == set()
        return
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("llm_modules.")}
    assert ours - {room} <= ALLOWED[room]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_bridge_knows_freqtrade(path: Path) -> None:
    knows = any(name.split(".")[0] == "freqtrade" for name in imports_of(path))
    assert not knows or str(path.relative_to(PACKAGE)).startswith(FREQTRADE_KNOWERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_hides_inside_a_function(path: Path) -> None:
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
    hidden = [
        node
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_broad_excepts_are_two_in_all() -> None:
    found: dict[str, int] = {}
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                name = str(path.relative_to(PACKAGE))
                found[name] = found.get(name, 0) + 1
    assert found == BROAD_EXCEPTS


def test_no_file_and_no_function_is_longer_than_a_reader_can_hold() -> None:
    long = set()
    for path in (STRATEGIES / "LLMFunctionStrategy.py", *FILES):
        if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES:
            long.add(str(path.relative_to(STRATEGIES)))
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                long |= {f"{path.name}: {node.name}"} if lines > MOST_OF_A_FUNCTION else set()
    assert long == set()


def test_no_strategy_helper_lies_beside_the_strategy() -> None:
    assert [path.name for path in STRATEGIES.glob("*.py")] == ["LLMFunctionStrategy.py"]


def _is_broad(node: ast.ExceptHandler) -> bool:
    caught = node.type
    if caught is None:
        return True
    return isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"}
