"""What the mirror consists of: one small file that names all others, put in place whole.

A mirror is a folder. Files of facts are written beside those in use, under names never used before; only then the manifest is
replaced, so that a reader sees all of one state or all of the next, and a kill leaves the last whole state.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from data_access.domain.facts import FACTS
from data_access.errors import OnHandError, StoreUnavailable

FORMAT: Final = 4  # raise it when the facts get other columns: mirrors are then built again
KEPT_SECONDS: Final = 600.0  # how long a file that is in use no more is kept for those who still read it
COUNT: Final = "count.json"
VERIFYING: Final = "verifying"
"""The folder of the second mirror that a verification compares with; one that was killed leaves it."""

_NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """The files of a fact's month. Rows of `patch` take the place of those with the same key in `files`, or are new."""

    files: tuple[str, ...] = ()
    patch: str | None = None

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return self.files if self.patch is None else (*self.files, self.patch)


Parts = dict[str, dict[str, Part]]
"""By fact and month (YYYY-MM)."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A mirror's state: whose it is, up to which versions of the store's topics, and its files."""

    store_id: str
    generation: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    parts: Parts = field(default_factory=lambda: {fact: {} for fact in FACTS})
    format: int = FORMAT


def load(folder: Path) -> Manifest | None:
    """The manifest of the mirror in a folder; None if there is none that this code can read.

    Raises:
        StoreUnavailable: the folder cannot be read.

    """
    try:
        content = json.loads((folder / _NAME).read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"The mirror in {folder} cannot be read ({error.strerror}).") from error
    except ValueError:
        return None
    return parsed(content)


def parsed(content: Any) -> Manifest | None:
    """A manifest from what `asdict` made of it; None if this code cannot read it."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    parts = {
        fact: {month: Part(tuple(part["files"]), part["patch"]) for month, part in months.items()}
        for fact, months in content["parts"].items()
    }
    return Manifest(**{**content, "parts": parts})


def counted(folder: Path) -> tuple[Manifest, dict[str, Any]] | None:
    """The state of the mirror that the scorecards counted last, and what else is told of that count; None if there is none."""
    try:
        content = json.loads((folder / COUNT).read_text())
        manifest = parsed(content["manifest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if manifest is None else (manifest, content)


def put(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in place of the one before, on the disk when this returns; its files must be there already."""
    beside = folder / f"{_NAME}.{manifest.generation}"
    with beside.open("w") as file:
        json.dump(asdict(manifest), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / _NAME)
    sync(folder)


def sync(folder: Path) -> None:
    """See to it that the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def one_writer(folder: Path, wait_seconds: float = -1) -> Iterator[None]:
    """Hold the mirror for writing; waits for whoever holds it, without end unless `wait_seconds` says how long.

    Raises:
        OnHandError: another process went on holding it.
        StoreUnavailable: the folder cannot be written.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "writer.lock", timeout=wait_seconds)
        lock.acquire()
    except Timeout as error:
        raise OnHandError(f"Another process is writing the mirror in {folder}: wait until it is done.") from error
    except OSError as error:
        raise StoreUnavailable(f"The mirror in {folder} cannot be written ({error.strerror}): give write permission on it.") from error
    try:
        yield
    finally:
        lock.release()


def sweep(folder: Path, manifest: Manifest) -> int:
    """Delete files that no state uses any more, once nobody can still be reading them. Returns how many. One writer at a time.

    The state that was counted last is used until it is counted again.
    """
    last = counted(folder)
    states = [manifest] if last is None else [manifest, last[0]]
    used = {name for state in states for months in state.parts.values() for part in months.values() for name in part.names()}
    before = time.time() - KEPT_SECONDS
    old = [path for path in folder.glob("*/*.parquet") if str(path.relative_to(folder)) not in used and path.stat().st_mtime < before]
    for path in old:
        path.unlink()
    shutil.rmtree(folder / VERIFYING, ignore_errors=True)
    return len(old)
