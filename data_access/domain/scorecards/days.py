"""Which calendar day a time falls on where its channel is. Frames in, frames out."""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final
from zoneinfo import available_timezones

import numpy as np
import numpy.typing as npt
import polars as pl

from data_access.domain.facts import MICROS

CHANNELS: Final = pl.Schema({"channel_id": pl.String, "time_zone": pl.String})
DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000
_Ints = npt.NDArray[np.int64]


def zones(channels: pl.DataFrame) -> dict[str, str]:
    """The time zone of each channel (`CHANNELS`) that has one which exists."""
    known = _known_zones()
    return {row["channel_id"]: row["time_zone"] for row in channels.iter_rows(named=True) if row["time_zone"] in known}


@cache
def _known_zones() -> set[str]:
    return available_timezones()


def local_days(at: pl.Series, channel: pl.Series, zone_of: Mapping[str, str]) -> pl.Series:
    """The day of each time (`MICROS`) in the time zone of its channel; in UTC where the channel has none; null of null.

    Polars converts one time after another, which takes longer than all the rest of a scorecard; offsets change twice a year.
    """
    if at.null_count() == len(at):
        return pl.Series("day", [None] * len(at), pl.Date)
    moment = at.to_physical().fill_null(at.to_physical().min()).to_numpy()
    first, last = int(moment.min()) // DAY_US, int(moment.max()) // DAY_US
    kind = channel.dtype if isinstance(channel.dtype, pl.Enum) else pl.Enum(channel.unique().sort())
    code, names = channel.cast(kind).to_physical().to_numpy().astype(np.int64), kind.categories.to_list()
    changes = {zone: _offsets(zone, first, last) for zone in {zone_of[name] for name in names if name in zone_of}}
    edges = np.unique(np.concatenate([np.zeros(0, np.int64), *(at_edge for at_edge, _ in changes.values())]))
    offsets = np.zeros((len(names), len(edges) + 1), np.int64)  # by channel and by how many edges have passed
    for number, name in enumerate(names):
        if name in zone_of:
            own, its = changes[zone_of[name]]
            offsets[number] = its[np.searchsorted(own, np.concatenate([[np.iinfo(np.int64).min], edges]), side="right")]
    passed = np.zeros(len(moment), np.int64)
    for edge in edges:
        passed += moment >= edge
    local = moment + offsets.ravel()[code * (len(edges) + 1) + passed]
    days = pl.Series("day", (local // DAY_US).astype(np.int32)).cast(pl.Date)
    return pl.select(pl.when(at.is_not_null()).then(days)).to_series().alias("day") if at.null_count() else days


@lru_cache(maxsize=256)
def _offsets(zone: str, first: int, last: int) -> tuple[_Ints, _Ints]:
    """The moments at which a zone's offset from UTC changes from one day (since 1970) to another, and the offset before the first, after
    it, and so on.
    """
    days = np.arange(first, last + 2, dtype=np.int64) * DAY_US
    offset = _offset(zone, days)
    edges, offsets = [], [offset[0]]
    for day in np.flatnonzero(np.diff(offset)).tolist():
        minutes = days[day] + np.arange(0, DAY_US + 1, _MINUTE_US, dtype=np.int64)
        within = _offset(zone, minutes)
        changes = np.flatnonzero(np.diff(within)) + 1
        edges += minutes[changes].tolist()
        offsets += within[changes].tolist()
    return np.array(edges, np.int64), np.array(offsets, np.int64)


def _offset(zone: str, at: _Ints) -> _Ints:
    there = pl.Series(at).cast(MICROS).dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return there.to_physical().to_numpy() - at
