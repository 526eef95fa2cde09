"""The shape of the code, so that it stays easy to find one's way in: sizes of folders, modules and functions, and names."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

TREES = ("benchmarks", "dashboard", "data_access", "forecasting", "pages", "tests")
MIGRATIONS = Path("data_access/migrations")
DEMO = Path("data_access/demo")
SCHEMA = Path("data_access/schema")
MOST_MODULES = 18
MOST_LINES = 450
MOST_LINES_OF_A_FUNCTION = 60
MOST_POSITIONAL = 7
VAGUE = {"told", "found"}


@cache
def modules() -> dict[Path, str]:
    """The text of each module, by its path below the project's folder."""
    paths = sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in paths}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every module's syntax."""
    for path, text in modules().items():
        for node in ast.walk(ast.parse(text)):
            yield path, node


def is_below(path: Path, *folders: Path) -> bool:
    return any(folder in path.parents for folder in folders)


def crowded_folders() -> list[str]:
    """Folders of more than 18 modules; their `__init__` does not count, and migrations and the demo may have more."""
    counts = Counter(path.parent for path in modules() if path.name != "__init__.py" and not is_below(path, MIGRATIONS, DEMO))
    return [
        f"{folder}: {count} modules, at most {MOST_MODULES}: make a room of its own for some of them"
        for folder, count in counts.items()
        if count > MOST_MODULES
    ]


def long_modules() -> list[str]:
    """Modules of more than 450 lines, but for migrations."""
    lengths = {path: len(text.splitlines()) for path, text in modules().items() if not is_below(path, MIGRATIONS)}
    return [f"{path}: {length} lines, at most {MOST_LINES}: part it by subject" for path, length in lengths.items() if length > MOST_LINES]


def long_functions() -> list[str]:
    """Functions of more than 60 lines, but for migrations and the schema, which declare rather than do."""
    return [
        f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MOST_LINES_OF_A_FUNCTION}: part it by steps"
        for path, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_below(path, MIGRATIONS, SCHEMA)
        for length in [(node.end_lineno or node.lineno) - node.lineno + 1]
        if length > MOST_LINES_OF_A_FUNCTION
    ]


def long_signatures() -> list[str]:
    """Functions that take more than 7 values by their position."""
    return [
        f"{path}:{node.lineno}: {node.name} takes {count} by position, at most {MOST_POSITIONAL}: make those that belong together one thing"
        for path, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for count in [sum(one.arg not in ("self", "cls") for one in (*node.args.posonlyargs, *node.args.args))]
        if count > MOST_POSITIONAL
    ]


def shared_names() -> list[str]:
    """Classes of one name: each name means one thing."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, node in nodes():
        if isinstance(node, ast.ClassDef):
            places[node.name].append(f"{path}:{node.lineno}")
    return [f"class {name}: {', '.join(where)}: say in the name which is which" for name, where in places.items() if len(where) > 1]


def named(node: ast.AST) -> str | None:
    """The name that a node gives to a variable, parameter, attribute or function; None where it gives none."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.Attribute(attr=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ExceptHandler(name=str(name)):
            return name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return name
        case _:
            return None


def vague_names() -> list[str]:
    """Names that say that something came, and not what it is."""
    lines = {(path, getattr(node, "lineno", 0), name) for path, node in nodes() if (name := named(node)) in VAGUE}
    return [f"{path}:{line}: {name}: say what it is" for path, line, name in sorted(lines)]


@pytest.mark.parametrize("offences", [crowded_folders, long_modules, long_functions, long_signatures, shared_names, vague_names])
def test_the_code_keeps_its_shape(offences: Callable[[], list[str]]) -> None:
    listed = offences()
    if listed:
        pytest.fail(f"{len(listed)} of: {offences.__doc__}\n" + "\n".join(listed), pytrace=False)
