"""The last count beside the mirror that it was made of, so that the next process goes on from it."""

import json
import os
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from data_access.domain.scorecards.days import CHANNELS
from data_access.domain.scorecards.evidence import SENT
from data_access.domain.scorecards.rates import WANTED, wanted
from data_access.mirror import manifest as manifests
from data_access.mirror.counting import KEPT_DAYS, ChannelMetrics, Counted, Scope, count, recount
from data_access.mirror.manifest import COUNT, sync
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import CaughtUp

_FORMAT: Final = 4  # raise it when what is counted, or how, changes


def counted(
    folder: Path, done: CaughtUp, channels: pl.DataFrame, metrics: ChannelMetrics, now: datetime, before: Counted | None
) -> Counted:
    """The count of the mirror in a folder as it was just caught up: only the changed orders again, where a count of the state before is at
    hand, in memory (`before`) or beside the mirror; kept there for the next time.

    Raises:
        OSError: the folder cannot be written.

    """
    mirror, asked = Mirror(folder, done.manifest), wanted(metrics)
    known = before if before is not None else kept(folder)
    generation = None if known is None else known.mirror.manifest.generation
    if (
        known is None
        or known.mirror.manifest.store_id != done.manifest.store_id
        or done.is_rebuilt
        or generation not in (done.since, done.manifest.generation)
        or not (known.asked.equals(asked) and known.channels.equals(channels))
        or now - known.at > timedelta(days=KEPT_DAYS)
    ):
        result = count(mirror, channels, metrics, now)
    elif generation == done.manifest.generation:
        return known
    else:
        result = recount(known, mirror, done.orders, done.months)
    _save(result)
    return result


def _save(result: Counted) -> None:
    """Put the count in place of the one before; a kill leaves either."""
    folder, generation = result.mirror.folder, result.mirror.manifest.generation
    with (folder / f"count.{generation}.parquet").open("wb") as file:
        result.tally.write_parquet(file, compression="lz4")
        file.flush()
        os.fsync(file.fileno())
    about = {
        "format": _FORMAT,
        "manifest": asdict(result.mirror.manifest),
        "at": result.at.isoformat(),
        "scope": {channel: since.isoformat() for channel, since in result.scope.since.items()},
        "asked": result.asked.rows(),
        "channels": result.channels.rows(),
        "sent": result.sent.rows(),
    }
    beside = folder / f"{COUNT}.{generation}"
    beside.write_text(json.dumps(about))
    beside.replace(folder / COUNT)
    sync(folder)
    for path in folder.glob("count.*.parquet"):
        if path.name != f"count.{generation}.parquet":
            path.unlink(missing_ok=True)


def kept(folder: Path) -> Counted | None:
    """The count that was kept, if there is one that can be read."""
    last = manifests.counted(folder)
    if last is None or last[1].get("format") != _FORMAT:
        return None
    manifest, about = last
    try:
        tally = pl.read_parquet(folder / f"count.{manifest.generation}.parquet")
        scope = Scope({channel: datetime.fromisoformat(since) for channel, since in about["scope"].items()})
        of = pl.DataFrame(about["channels"], CHANNELS, orient="row")
        asked = pl.DataFrame(about["asked"], WANTED, orient="row")
        sent = pl.DataFrame(about["sent"], SENT, orient="row")
        at = datetime.fromisoformat(about["at"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError):
        return None
    return Counted(Mirror(folder, manifest), at, of, asked, scope, tally, sent, 0)
