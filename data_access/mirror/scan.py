"""Reading the mirror: lazily, and only the months that are asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data_access.domain.facts import FACTS, KEYS
from data_access.mirror.manifest import Manifest, Part, load


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror at one moment; what is written after it was opened does not show in it.

    Its files stay for ten minutes after they are superseded: open it anew for each task.
    """

    folder: Path
    manifest: Manifest

    def scan(
        self, fact: str, since: datetime | None = None, until: datetime | None = None, only: Collection[str] | None = None
    ) -> pl.LazyFrame:
        """The rows of a fact (`domain.facts.FACTS`) that were placed from `since` to before `until`; in the months `only`, if given."""
        months = [
            month
            for month in sorted(self.manifest.parts[fact])
            if (since is None or month >= since.astimezone(UTC).strftime("%Y-%m"))
            and (until is None or month <= until.astimezone(UTC).strftime("%Y-%m"))
            and (only is None or month in only)
        ]
        rows = _scan(self.folder, fact, [self.manifest.parts[fact][month] for month in months])
        if since is not None:
            rows = rows.filter(pl.col("placed_at") >= since)
        return rows if until is None else rows.filter(pl.col("placed_at") < until)

    def count(self, fact: str) -> int:
        """How many rows a fact has."""
        return int(self.scan(fact).select(pl.len()).collect().item())


def rows_of(folder: Path, fact: str, part: Part) -> pl.DataFrame:
    """The rows of a fact's month."""
    return _scan(folder, fact, [part]).collect()


def _scan(folder: Path, fact: str, parts: list[Part]) -> pl.LazyFrame:
    files = [folder / name for part in parts for name in part.files]
    patches = [folder / part.patch for part in parts if part.patch is not None]
    if not patches:
        return pl.scan_parquet(files) if files else FACTS[fact].to_frame().lazy()
    patch = pl.scan_parquet(patches)
    if not files:
        return patch
    return pl.concat([pl.scan_parquet(files).join(patch.select(KEYS[fact]), on=KEYS[fact], how="anti"), patch])


def open_mirror(folder: Path) -> Mirror | None:
    """The mirror in a folder as it is now; None if there is none yet.

    Raises:
        StoreUnavailable: the folder cannot be read.

    """
    manifest = load(folder)
    return None if manifest is None else Mirror(folder, manifest)
