"""What people read: texts of pages, messages and the command line avoid the words of `tests/words.toml`."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_structure import MIGRATIONS, SCHEMA, is_below, modules

SHOWN = ("dashboard", "pages")
CLI = Path("dashboard/cli")


@cache
def words() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """Pattern and what is better: of "shown" texts, and of the whole of the "code"."""
    listed = tomllib.loads((ROOT / "tests" / "words.toml").read_text(encoding="utf-8"))["word"]
    compiled = [(re.compile(one["pattern"], re.IGNORECASE), one["better"], one.get("everywhere", False)) for one in listed]
    return {
        "shown": [(pattern, better) for pattern, better, _ in compiled],
        "code": [(pattern, better) for pattern, better, everywhere in compiled if everywhere],
    }


def texts(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Line and text of all that people may read of a module: its literals, what its errors say, and help of the command line.

    Placeholders of f-strings are drawn as `{}`. Docstrings are help below `dashboard/cli`, and not read by users elsewhere. Of the store's
    packages only the sentences of errors are shown.
    """
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    if not is_below(path, CLI):
        parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    roots: list[ast.AST] = [tree]
    if path.parts[0] not in SHOWN:
        roots = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None]
    for node in (node for root in roots for node in ast.walk(root)):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts and " " in node.value:
            yield node.lineno, node.value


def product() -> Iterator[tuple[Path, str]]:
    """The modules of the product, but for migrations, which stay as they were."""
    for path, source in modules().items():
        if path.parts[0] not in ("tests", "benchmarks") and not is_below(path, MIGRATIONS):
            yield path, source


def test_pages_messages_and_the_command_line_avoid_the_words_of_the_list() -> None:
    assert [
        f"{path}:{line}: “{text.strip()}”: rather {better}"
        for path, source in product()
        for line, text in texts(path, source)
        for pattern, better in words()["shown"]
        if pattern.search(text)
    ] == []


def test_the_code_avoids_those_that_are_to_be_avoided_everywhere() -> None:
    """But for the schema, whose comments migrations have written into stores."""
    assert [
        f"{path}:{number}: {line.strip()}: rather {better}"
        for path, source in product()
        if not is_below(path, SCHEMA)
        for number, line in enumerate(source.splitlines(), 1)
        for pattern, better in words()["code"]
        if pattern.search(line)
    ] == []


@pytest.mark.parametrize(
    ("path", "source", "read"),
    [
        ("pages/a.py", 'st.write(f"{count} units came")', ["{} units came"]),
        ("dashboard/a.py", '"""Nobody reads this here."""\nLABEL = "Take theirs"', ["Take theirs"]),
        ("dashboard/cli/a.py", 'def go():\n    """Help of the command."""', ["Help of the command."]),
        ("data_access/a.py", 'NOTE = "not shown"\nraise InvalidInput(f"{a} is out of step.")', ["{} is out of step."]),
    ],
)
def test_texts_are_those_that_people_read(path: str, source: str, read: list[str]) -> None:
    assert [text for _, text in texts(Path(path), source)] == read
