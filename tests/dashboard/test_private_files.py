"""What the app keeps is its owner's alone, whatever the terminal's umask is and whatever was there before."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.private_files import make_private
from dashboard.settings import Settings
from tests.dashboard.serving import served


def modes(folder: Path) -> dict[str, int]:
    """The permissions of everything in a folder, and of itself, by path."""
    return {str(path.relative_to(folder.parent)): stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}


def lax(folder: Path, *names: str) -> None:
    """Make files that everybody may read."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
        path.chmod(0o644)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def test_what_commands_make_is_private_from_the_start(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "ONHAND_DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'onhand.db'}",
        "ONHAND_VAR_DIR": str(tmp_path / "var"),
    }
    for command in ("migrate", "mirror"):
        subprocess.run([sys.executable, "-m", "dashboard.cli", command], env=environment, umask=0o022, check=True, capture_output=True)
    created = modes(tmp_path / "var")
    assert {"var", "var/onhand.db", "var/mirror"} < set(created)
    assert {mode for name, mode in created.items() if (tmp_path / name).is_dir()} == {0o700}
    assert {mode for name, mode in created.items() if (tmp_path / name).is_file()} == {0o600}


def test_the_app_makes_private_what_was_there(tmp_path: Path, sqlite_template: Path) -> None:
    folder = tmp_path / "data"
    lax(folder / "var", "onhand.db", "mirror/part.parquet", "forecasts/1/means.parquet")
    shutil.copyfile(sqlite_template, folder / "var" / "onhand.db")
    lax(tmp_path / "elsewhere", "kept.txt")
    (folder / "var" / "link.txt").symlink_to(tmp_path / "elsewhere" / "kept.txt")
    (folder / "var" / "linked").symlink_to(tmp_path / "elsewhere")
    with served(folder, ONHAND_DATABASE_URL=f"sqlite:///{folder / 'var' / 'onhand.db'}", ONHAND_VAR_DIR=str(folder / "var")):
        after = {path: mode for path, mode in modes(folder / "var").items() if "link" not in path}
    assert after["var"] == after["var/mirror"] == after["var/forecasts/1"] == 0o700
    assert after["var/onhand.db"] == after["var/mirror/part.parquet"] == after["var/forecasts/1/means.parquet"] == 0o600
    assert {mode & 0o077 for mode in after.values()} == {0}
    assert modes(tmp_path / "elsewhere") == {"elsewhere": 0o755, "elsewhere/kept.txt": 0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_store_elsewhere_is_private_and_its_folder_left_alone(tmp_path: Path) -> None:
    lax(tmp_path / "srv", "onhand.db", "onhand.db-wal", "onhand.db-shm", "other.txt")
    make_private(Settings(database_url=f"sqlite:///{tmp_path / 'srv' / 'onhand.db'}", var_dir=tmp_path / "none"))
    assert modes(tmp_path / "srv") == {
        "srv": 0o755,
        "srv/onhand.db": 0o600,
        "srv/onhand.db-wal": 0o600,
        "srv/onhand.db-shm": 0o600,
        "srv/other.txt": 0o644,
    }


def test_a_var_that_holds_more_than_the_app_s_files_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lax(tmp_path / "work", "onhand.db", "inner/notes.txt")
    monkeypatch.chdir(tmp_path / "work" / "inner")
    make_private(Settings(database_url="postgresql://nobody@localhost/none", var_dir=tmp_path / "work"))
    assert modes(tmp_path / "work") == {"work": 0o755, "work/onhand.db": 0o644, "work/inner": 0o755, "work/inner/notes.txt": 0o644}
