"""The folder of a forecast run: each file is put in place whole, so that a run that was killed goes on with what is there.

| file | what |
|---|---|
| `series.parquet`, `units.npy`, `available.npy`, `discount*.npy`, `regions.parquet`, `history.json` | the history it started from |
| `models.*` (`forecasts.models`), `errors.parquet`, `components.parquet` | what was trained, and how far off it was, if this run trained |
| `learned.json` | which run's models it uses, and why |
| `mean.N.npz` | means of a part of the series, until the run has finished |
| `forecast.N.parquet`, `forecast.above.parquet` | `AHEAD` of a part of the series, and of all nodes above |
| `nodes.parquet`, `above.npy`, `above_available.npy`, `run.json` | what the nodes are, and their history |
| `asked.json`, `progress.json` | when the run was asked for, which tells it from one of another store; how far it is |

Arrays of histories are kept for the newest finished run alone; forecasts are kept for good.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import polars as pl
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from data_access.errors import OnHandError, StoreUnavailable

QUANTILES: Final = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Those that are kept: the median, and central intervals of 50, 80 and 95 %."""

AHEAD: Final = pl.Schema(
    {
        "node": pl.Int32,
        "ahead": pl.Int16,  # 1 for the day after the last of the history
        "mean": pl.Float32,  # units a day
        **dict.fromkeys((f"q{quantile:g}" for quantile in QUANTILES), pl.Float32),
    }
)
NODES: Final = pl.Schema(
    {
        "node": pl.Int32,
        "unique_id": pl.String,
        "level": pl.String,  # "total", "channel", "category", "channel x category", "sku" or "series" (SKU on channel)
        "channel_id": pl.String,  # null where all are summed
        "category": pl.String,
        "sku": pl.String,
        "first": pl.Int32,  # index of the first day of its history
        "model": pl.String,  # the one that was chosen for most of the days ahead
        "fallback": pl.String,  # why its average was taken instead; null for nearly all
    }
)
ROW_GROUP: Final = 64
"""Nodes of a row group: what is read to find one."""

_ASKED: Final = "asked.json"
_HISTORY: Final = ("units.npy", "available.npy", "discount.npy", "discount_rows.npy", "above.npy", "above_available.npy")


class RunFolder:
    """The files of one run."""

    def __init__(self, root: Path, run_id: int) -> None:
        self.path = root / f"{run_id:08d}"

    def make(self) -> None:
        """Make the folder.

        Raises:
            StoreUnavailable: it cannot be written.

        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"The folder {self.path} cannot be written ({error.strerror}): give write permission on it.") from error

    def own(self, asked_at: datetime) -> None:
        """Make it, and delete what a run of another store left in it: a store that is made again gives the same ids again.

        Raises:
            StoreUnavailable: it cannot be written.

        """
        self.make()
        mine = {"asked_at": asked_at.isoformat()}
        if not self.has(_ASKED) or self.document(_ASKED) != mine:
            for pattern in ("*.json", "*.txt", "*.bin", "*.np?", "*.parquet", "*.new"):
                self.drop(pattern)
            self.put_document(_ASKED, mine)

    def has(self, name: str) -> bool:
        """Whether a file is there, and so whole."""
        return (self.path / name).exists()

    def frame(self, name: str) -> pl.DataFrame:
        """A frame that was put."""
        return pl.read_parquet(self.path / name)

    def array(self, name: str) -> NDArray[Any]:
        """An array that was put, left on the disk until it is read."""
        array: NDArray[Any] = np.load(self.path / name, mmap_mode="r", allow_pickle=False)
        return array

    def document(self, name: str) -> dict[str, Any]:
        """What was put as JSON."""
        document: dict[str, Any] = json.loads((self.path / name).read_text())
        return document

    def put_frame(self, name: str, frame: pl.DataFrame, rows: int | None = None) -> None:
        """Put a frame in place; `rows` in a row group."""
        self._put(name, lambda file: frame.write_parquet(file, compression="zstd", row_group_size=rows, statistics=True))

    def put_array(self, name: str, array: NDArray[Any]) -> None:
        """Put an array in place."""
        self._put(name, lambda file: np.save(file, array, allow_pickle=False))

    def put_arrays(self, name: str, **arrays: NDArray[Any]) -> None:
        """Put several arrays in place as one file (`numpy.load`)."""
        self._put(name, lambda file: np.savez(file, allow_pickle=False, **arrays))

    def put_bytes(self, name: str, content: bytes) -> None:
        """Put bytes in place."""
        self._put(name, lambda file: file.write(content))

    def put_document(self, name: str, document: dict[str, Any]) -> None:
        """Put something in place as JSON."""
        self.put_bytes(name, json.dumps(document).encode())

    def drop(self, pattern: str) -> None:
        """Delete files by pattern."""
        for path in self.path.glob(pattern):
            path.unlink(missing_ok=True)

    def drop_history(self) -> None:
        """Delete what only the newest finished run needs."""
        for name in _HISTORY:
            (self.path / name).unlink(missing_ok=True)

    def _put(self, name: str, write: Callable[[IO[bytes]], Any]) -> None:
        beside = self.path / f"{name}.new"
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path / name)


@contextmanager
def one_run(root: Path) -> Iterator[None]:
    """Hold the folder of all runs: one process forecasts at a time.

    Raises:
        OnHandError: another one does.
        StoreUnavailable: the folder cannot be written.

    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / "run.lock", timeout=1)  # `is_running` holds it for a moment
        lock.acquire()
    except Timeout as error:
        raise OnHandError("A forecast is being made already: wait until it is done.") from error
    except OSError as error:
        raise StoreUnavailable(f"The folder {root} cannot be written ({error.strerror}): give write permission on it.") from error
    try:
        yield
    finally:
        lock.release()


def is_running(root: Path) -> bool:
    """Whether a process is making a forecast just now."""
    if not (root / "run.lock").exists():
        return False
    try:
        with FileLock(root / "run.lock", timeout=0):
            return False
    except (Timeout, OSError):
        return True


def progress(root: Path, run_id: int) -> tuple[str, float]:
    """What a run is at, and the share that is done; ("", 0) if it has not said yet."""
    try:
        stage = RunFolder(root, run_id).document("progress.json")
        return str(stage["stage"]), float(stage["share"])
    except (OSError, ValueError, KeyError):
        return "", 0.0
