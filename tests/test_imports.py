"""Every module can be imported by itself, and the layers hold."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import dashboard
import data_access
import forecasting

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = {"dashboard.app"}  # run by Streamlit; the browser tests do


def modules() -> list[str]:
    return sorted(
        module.name
        for package in (dashboard, data_access, forecasting)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if module.name not in SCRIPTS and ".migrations." not in module.name
    )


@pytest.mark.parametrize("name", modules())
def test_a_module_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


def test_the_layers_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == 0


def test_only_reads_cache() -> None:
    users = {str(path.relative_to(ROOT)) for path in _product() if _caches(path)}
    assert "dashboard/shell/reads.py" in users
    assert {path for path in users if not path.endswith("/reads.py")} == set()


def test_charts_know_no_streamlit() -> None:
    charts = [path for path in _product() if path.name == "charts.py" or path.parent.name == "charts"]
    assert len(charts) >= 6
    assert [path for path in charts if "streamlit" in path.read_text(encoding="utf-8")] == []


def _product() -> list[Path]:
    return sorted(path for folder in ("dashboard", "pages", "data_access", "forecasting") for path in (ROOT / folder).rglob("*.py"))


def _caches(path: Path) -> bool:
    names = {"cache_resource", "cache_data"}
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and any(alias.name in names for alias in node.names))
        for node in nodes
    )
