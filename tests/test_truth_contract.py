"""What no real company knows is written by the demo and read by tests and benchmarks alone."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("dashboard", "pages", "data_access", "forecasting")
READING = {"read_parquet", "scan_parquet", "read_parquet_schema", "ParquetFile", "read_table"}
HANDS_ON_THE_FOLDER = {"dashboard/stores.py"}  # says where the demo shall write it


def product() -> dict[str, ast.Module]:
    paths = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def named(tree: ast.Module) -> set[str]:
    """Every identifier and every text in the code, documentation aside."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            names.add(node.value)
    return names


def test_only_the_demo_knows_of_the_truth() -> None:
    knowing = {path for path, tree in product().items() if any("truth" in name.lower() for name in named(tree))}
    assert {path for path in knowing if not path.startswith("data_access/demo/")} <= HANDS_ON_THE_FOLDER


def test_the_demo_writes_the_truth_and_never_reads_it() -> None:
    for path, tree in product().items():
        if path.startswith("data_access/demo/"):
            assert not named(tree) & READING, path
