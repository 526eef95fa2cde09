"""Reading the mirror: lazily, and only the months that are asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from data_access.domain.facts import FACTS, KEYS
from data_access.mirror.manifest import Manifest, Part, load


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror at one moment; what is written after it was opened does not show in it.

    Its files stay for ten minutes after they are superseded: open it again for each task.
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


def read_both(
    states: tuple[Mirror, Mirror], wanted: Mapping[str, list[str]], chosen: pl.Expr, months: Collection[str]
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """The `chosen` rows of some months in two states of one mirror: for each fact the columns `wanted`, its key among them.

    Most files belong to both states: they are read once.
    """

    def narrowed(rows: pl.LazyFrame, fact: str) -> pl.LazyFrame:
        return rows.filter(chosen).select(wanted[fact])

    parts = [
        {fact: [part for month, part in sorted(state.manifest.parts[fact].items()) if month in months] for fact in wanted}
        for state in states
    ]
    files = [{fact: [name for part in theirs[fact] for name in part.files] for fact in wanted} for theirs in parts]
    shared = {fact: [name for name in files[0][fact] if name in set(files[1][fact])] for fact in wanted}
    folder = states[0].folder
    plans = [narrowed(_files(folder, fact, shared[fact]), fact) for fact in wanted]
    for theirs, its in zip(parts, files, strict=True):
        for fact in wanted:
            plans.append(narrowed(_files(folder, fact, [name for name in its[fact] if name not in set(shared[fact])]), fact))
            plans.append(narrowed(_files(folder, fact, [part.patch for part in theirs[fact] if part.patch is not None]), fact))
    read = iter(pl.collect_all(plans))
    common = {fact: next(read) for fact in wanted}

    def state() -> dict[str, pl.DataFrame]:
        frames = {}
        for fact in wanted:
            own, patch = next(read), next(read)
            base = pl.concat([common[fact], own])
            frames[fact] = pl.concat([base.join(patch.select(KEYS[fact]), on=KEYS[fact], how="anti"), patch])
        return frames

    return state(), state()


def rows_of(folder: Path, fact: str, part: Part) -> pl.DataFrame:
    """The rows of a fact's month."""
    return _scan(folder, fact, [part]).collect()


def _scan(folder: Path, fact: str, parts: list[Part]) -> pl.LazyFrame:
    files = [name for part in parts for name in part.files]
    patches = [part.patch for part in parts if part.patch is not None]
    if not patches:
        return _files(folder, fact, files)
    patch = _files(folder, fact, patches)
    if not files:
        return patch
    return pl.concat([_files(folder, fact, files).join(patch.select(KEYS[fact]), on=KEYS[fact], how="anti"), patch])


def _files(folder: Path, fact: str, names: list[str]) -> pl.LazyFrame:
    return pl.scan_parquet([folder / name for name in names]) if names else FACTS[fact].to_frame().lazy()


def open_mirror(folder: Path) -> Mirror | None:
    """The mirror in a folder as it is now; None if there is none yet.

    Raises:
        StoreUnavailable: the folder cannot be read.

    """
    manifest = load(folder)
    return None if manifest is None else Mirror(folder, manifest)
