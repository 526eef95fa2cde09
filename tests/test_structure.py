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


def long_function(path: Path, node: ast.AST) -> str | None:
    """Functions of more than 60 lines, but for migrations and the schema, which declare rather than do."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_below(path, MIGRATIONS, SCHEMA):
        return None
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    is_long = length > MOST_LINES_OF_A_FUNCTION
    return (
        f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MOST_LINES_OF_A_FUNCTION}: part it by steps" if is_long else None
    )


def long_signature(path: Path, node: ast.AST) -> str | None:
    """Functions that take more than 7 values by their position."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    count = sum(one.arg not in ("self", "cls") for one in (*node.args.posonlyargs, *node.args.args))
    remedy = f"at most {MOST_POSITIONAL}: make those that belong together one thing"
    return f"{path}:{node.lineno}: {node.name} takes {count} by position, {remedy}" if count > MOST_POSITIONAL else None


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


def vague_name(path: Path, node: ast.AST) -> str | None:
    """Names that say that something came, and not what it is."""
    name = named(node)
    return f"{path}:{getattr(node, 'lineno', 0)}: {name}: say what it is" if name in VAGUE else None


def classes_of_one_name(classes: dict[str, list[str]]) -> list[str]:
    """Classes of one name: each name means one thing."""
    return [f"class {name}: {', '.join(places)}: say in the name which is which" for name, places in classes.items() if len(places) > 1]


def refuse(offences: list[str], rule: str | None) -> None:
    if offences:
        pytest.fail(f"{len(offences)} of: {rule}\n" + "\n".join(offences), pytrace=False)


@pytest.mark.parametrize("offences", [crowded_folders, long_modules])
def test_folders_and_modules_keep_their_size(offences: Callable[[], list[str]]) -> None:
    refuse(offences(), offences.__doc__)


def test_functions_and_names_keep_their_shape() -> None:
    checks, classes = (long_function, long_signature, vague_name), defaultdict(list)
    offences: dict[str | None, list[str]] = {check.__doc__: [] for check in checks}
    for path, node in nodes():
        if isinstance(node, ast.ClassDef):
            classes[node.name].append(f"{path}:{node.lineno}")
        for check in checks:
            if offence := check(path, node):
                offences[check.__doc__].append(offence)
    offences[classes_of_one_name.__doc__] = classes_of_one_name(classes)
    for rule, listed in offences.items():
        refuse(listed, rule)
