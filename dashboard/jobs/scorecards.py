"""The scorecards of a moment, as the command line prints them."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy.engine import Engine

from data_access.domain.scorecards.card import CARDS, cards
from data_access.domain.scorecards.days import zones
from data_access.domain.scorecards.rates import cells_at
from data_access.errors import InvalidInput
from data_access.mirror.count_file import counted
from data_access.mirror.counting import count
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import CaughtUp, Progress, catch_up
from data_access.queries import scorecards as queries


def scorecard(engine: Engine, folder: Path, channel_id: str | None, day: date | None, progress: Progress) -> pl.DataFrame:
    """`CARDS` of all channels or one: now, or at the end of a day in each channel's time zone, by what was known then.

    Raises:
        InvalidInput: there is no such channel, or the day is still to come.
        OnHandError, StoreUnavailable: the store or the mirror's folder cannot be used.

    """
    channels, metrics, figures = queries.zones(engine), queries.metrics(engine), queries.figures(engine)
    if channel_id is not None and channel_id not in metrics:
        raise InvalidInput(f"There is no channel “{channel_id}” in this store: choose one of {', '.join(metrics) or 'none yet'}.")
    now = datetime.now(UTC)
    if day is not None and day > now.date():
        raise InvalidInput(f"{day.isoformat()} is still to come: choose a day up to {now.date().isoformat()}.")
    done = catch_up(engine, folder, progress=progress)
    mirror = Mirror(folder, done.manifest)
    zone_of = zones(channels)
    frames = [CARDS.to_frame()]
    chosen = {name: its for name, its in metrics.items() if channel_id in (None, name)}
    moments = {name: now if day is None else _end_of(day, zone_of.get(name)) for name in chosen}
    for moment in sorted(set(moments.values())):
        theirs = {name: its for name, its in chosen.items() if moments[name] == moment}
        if day is None:
            count_then = counted(folder, done, channels, metrics, moment, None)
        else:
            count_then = count(mirror, channels, theirs, moment, known_then=True)
        cells = cells_at(count_then.tally, moment)
        known = figures if day is None else figures.filter(pl.col("day") <= day)
        frames.append(cards(cells, count_then.sent, theirs, zone_of, known, moment))
    return pl.concat(frames).sort("state", maintain_order=True)


def count_all(engine: Engine, folder: Path, done: CaughtUp) -> None:
    """Keep the day cells of all metrics beside a mirror that was just caught up: scorecards are read from them.

    Raises:
        OSError: the folder cannot be written.

    """
    counted(folder, done, queries.zones(engine), queries.metrics(engine), datetime.now(UTC), None)


def _end_of(day: date, zone: str | None) -> datetime:
    """The last microsecond of a channel's day."""
    next_day = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone) if zone else UTC)
    return next_day.astimezone(UTC) - timedelta(microseconds=1)
