"""The documents say what the code does."""

import re
from pathlib import Path

import pytest
import typer

from dashboard import docs
from dashboard.cli import app
from dashboard.settings import Settings
from data_access.schema import metadata

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def test_generated_documents_are_up_to_date() -> None:
    assert docs.stale() == []
    assert docs.main(["--check"]) == 0


def test_check_tells_what_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    assert docs.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"docs/{name}.md is out of date: run `make docs`." for name in ("store", "cli", "settings")
    ]
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0


def _commands(group: object, name: str) -> dict[str, object]:
    commands = {}
    for key, child in group.commands.items():  # type: ignore[attr-defined]
        commands |= _commands(child, f"{name} {key}") if hasattr(child, "commands") else {f"{name} {key}": child}
    return commands


def test_every_command_and_option_is_explained() -> None:
    text = docs.cli()
    commands = _commands(typer.main.get_command(app), "onhand")
    assert len(commands) > 10
    for name, command in commands.items():
        assert f"# {name}\n" in text
        assert command.help  # type: ignore[attr-defined]
        assert [param.name for param in command.params if not param.help] == []  # type: ignore[attr-defined]


def test_every_table_column_and_event_is_explained() -> None:
    text = docs.store()
    for table in metadata.tables.values():
        assert f"#### {table.name}\n\n{table.comment}" in text
        assert [column.name for column in table.columns if not column.comment] == []
    for model in docs.EVENTS:
        assert f"### {model.model_fields['kind'].default}\n\n{model.__doc__}" in text


def test_every_setting_is_explained() -> None:
    text = docs.settings()
    for name, field in Settings.model_fields.items():
        assert f"`ONHAND_{name.upper()}`" in text
        assert field.description


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), target


def test_pins_hold_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 50
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.+]*", line)] == []
