"""What no real company knows about itself, for tests and benchmarks alone: `TRUTH`, one long frame in `<folder>/<seed>.parquet`.

| record | what | filled columns |
|---|---|---|
| demand | true demand of a SKU on a channel and day on which not all of it was served | ds, sku, channel_id, units (wanted), lost_units |
| lift | units a promotion is expected to add on its own channel, over its days | ds, ends_on, sku, channel_id, promotion_id, units |
| diversion | units it takes from another channel (`channel_id`), as a negative number | the same |
| rush | units that one is expected to add on a channel on its day | ds, sku, channel_id, units |
| defect | an episode: `units` came back because of it | ds, ends_on, sku, reason, units, lost_units (all that came back of it) |

`ds` is the day in the channel's time zone (the first day, for what lasts). Units of lift and diversion are expectations under the law in
`data_access.demo.demand`, before what stock could serve.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from data_access.demo.catalogue import promotion_ids
from data_access.demo.company import Company
from data_access.demo.demand import Lines, promotion_effects, rushes, units_per_line
from data_access.demo.fates import Fates
from data_access.demo.orders import CHANNEL_IDS
from data_access.demo.returns import ReceivedReturns
from data_access.demo.rows import texts
from data_access.demo.supply import LOST, Supply
from data_access.errors import StoreUnavailable

TRUTH: Final = pl.Schema(
    {
        "record": pl.String,
        "ds": pl.Date,
        "ends_on": pl.Date,
        "sku": pl.String,
        "channel_id": pl.String,
        "promotion_id": pl.String,
        "reason": pl.String,
        "units": pl.Float64,
        "lost_units": pl.Float64,
    }
)


def truth_frame(company: Company, lines: Lines, supply: Supply, fates: Fates, back: ReceivedReturns) -> pl.DataFrame:
    """All records, sorted."""
    parts = [
        _demand(company, lines, supply),
        _promotions(company),
        _rushes(company),
        _defects(company, fates, back),
    ]
    whole = pl.concat([part.select([pl.col(name).cast(kind) for name, kind in TRUTH.items()]) for part in parts])
    return whole.sort("record", "ds", "sku", "channel_id", "promotion_id", nulls_last=False)


def _demand(company: Company, lines: Lines, supply: Supply) -> pl.DataFrame:
    lost = supply.status == LOST
    frame = pl.DataFrame(
        {"day": lines.day, "sku": lines.sku, "channel": lines.channel, "units": lines.quantity, "lost_units": lines.quantity * lost}
    )
    touched = frame.filter(pl.Series(lost)).select("day", "sku", "channel").unique()
    summed = (
        frame.join(touched, on=["day", "sku", "channel"], how="semi")
        .group_by("day", "sku", "channel")
        .agg(pl.col("units", "lost_units").cast(pl.Int64).sum())
    )
    return summed.select(
        record=pl.lit("demand"),
        ds=pl.lit(company.start) + pl.duration(days=pl.col("day")),
        ends_on=pl.lit(None),
        sku=texts(company.skus, summed["sku"].to_numpy()),
        channel_id=texts(CHANNEL_IDS, summed["channel"].to_numpy()),
        promotion_id=pl.lit(None),
        reason=pl.lit(None),
        units="units",
        lost_units="lost_units",
    )


def _promotions(company: Company) -> pl.DataFrame:
    effects = promotion_effects(company)
    rows, promotions = effects["row"].to_numpy(), company.promotions
    own = promotions.channel[rows] == effects["channel"].to_numpy()
    return pl.DataFrame(
        {
            "record": texts(["diversion", "lift"], own.astype(np.int64)),
            "start": promotions.start[rows],
            "end": promotions.end[rows],
            "sku": texts(company.skus, promotions.sku[rows]),
            "channel_id": texts(CHANNEL_IDS, effects["channel"].to_numpy()),
            "promotion_id": promotion_ids(promotions.promotion[rows]),
            "units": effects["units"],
        }
    ).select(
        "record",
        "sku",
        "channel_id",
        "promotion_id",
        "units",
        ds=pl.lit(company.start) + pl.duration(days=pl.col("start")),
        ends_on=pl.lit(company.start) + pl.duration(days=pl.col("end")),
        reason=pl.lit(None),
        lost_units=pl.lit(None),
    )


def _rushes(company: Company) -> pl.DataFrame:
    rush = rushes(company)
    lines = pl.DataFrame({"day": rush.day, "sku": rush.sku, "channel": rush.channel}).group_by("day", "sku", "channel").len()
    sku = lines["sku"].to_numpy()
    return lines.select(
        record=pl.lit("rush"),
        ds=pl.lit(company.start) + pl.duration(days=pl.col("day")),
        ends_on=pl.lit(None),
        sku=texts(company.skus, sku),
        channel_id=texts(CHANNEL_IDS, lines["channel"].to_numpy()),
        promotion_id=pl.lit(None),
        reason=pl.lit(None),
        units=pl.col("len") * pl.Series(units_per_line(company)[sku]),
        lost_units=pl.lit(None),
    )


def _defects(company: Company, fates: Fates, back: ReceivedReturns) -> pl.DataFrame:
    episodes = company.defects
    lines, returning = fates.lines.take(back.number), fates.returning.take(back.number)
    columns: dict[str, list[float]] = {"units": [], "lost_units": []}
    for sku, start, end in zip(episodes.sku, episodes.start, episodes.end, strict=True):
        within = (lines.sku == sku) & (lines.day >= start) & (lines.day <= end)
        columns["units"].append(float(back.units[within & returning.defective].sum()))
        columns["lost_units"].append(float(back.units[within].sum()))
    return pl.DataFrame(
        {
            "start": episodes.start,
            "end": episodes.end,
            "sku": texts(company.skus, episodes.sku),
            "reason": pl.Series(list(episodes.reason), dtype=pl.String),
            **columns,
        }
    ).select(
        "sku",
        "reason",
        "units",
        "lost_units",
        record=pl.lit("defect"),
        ds=pl.lit(company.start) + pl.duration(days=pl.col("start")),
        ends_on=pl.lit(company.start) + pl.duration(days=pl.col("end")),
        channel_id=pl.lit(None),
        promotion_id=pl.lit(None),
    )


def write_truth(truth: pl.DataFrame, folder: Path, seed: int) -> Path:
    """Write it beside and put it in place whole.

    Raises:
        StoreUnavailable: the folder cannot be written.

    """
    path = folder / f"{seed}.parquet"
    beside = folder / f".{seed}.{os.getpid()}.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        truth.write_parquet(beside)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StoreUnavailable(f"The folder {folder} cannot be written ({error.strerror}): free it or choose another.") from error
    return path
