"""What the charts of live stock show of the rows that a filter leaves: the picture, the key figures and the waterfall of a SKU."""

import numpy as np
import polars as pl

from data_access.domain import availability as rules
from data_access.queries.live_stock import Live, _scope
from data_access.queries.recent import Ints, Recent
from data_access.queries.stock import KPIS, PICTURE, StockFilter


def picture(live: Live, table: pl.DataFrame, where: StockFilter) -> pl.DataFrame:
    """`PICTURE` of the stocked SKUs of `table`: every unit on hand once, at its location, under what may become of it.

    Allocated units by the channel whose order lines they are tied to; free units by who can sell them, which is a channel that
    lists the SKU and that the location serves: only one, several (shared), or none (unserved).
    """
    scope = _scope(live, where.channel_id, where.location_ids)
    skus = table.filter(~pl.col("is_kit")).select("sku")
    levels = live.levels.filter(pl.col("location_id").is_in(scope.implode())).join(skus, on="sku", how="semi")
    tied = live.allocated.join(levels.select("sku", "location_id"), on=["sku", "location_id"], how="semi")
    free = pl.col("on_hand") - pl.col("unsellable") - pl.col("allocated")
    by_reach = _reach(live, levels).group_by("location_id", "segment", "channel_id").agg(units=free.sum())
    unsellable = levels.group_by("location_id").agg(units=pl.col("unsellable").sum())
    parts = [
        tied.group_by("location_id", "channel_id").agg(pl.col("units").sum()).with_columns(segment=pl.lit("allocated")),
        by_reach,
        unsellable.with_columns(segment=pl.lit("unsellable"), channel_id=pl.lit(None, pl.String)),
    ]
    order = pl.Enum(["allocated", "only", "shared", "unserved", "unsellable"])
    name = pl.col("channel_name")
    label = (
        pl.when(pl.col("segment") == "allocated")
        .then(pl.concat_str(pl.lit("Allocated: "), name))
        .when(pl.col("segment") == "only")
        .then(pl.concat_str(pl.lit("Available: only "), name))
        .when(pl.col("segment") == "shared")
        .then(pl.lit("Available: shared by channels"))
        .when(pl.col("segment") == "unserved")
        .then(pl.lit("Available: no channel sells it here"))
        .otherwise(pl.lit("Unsellable"))
    )
    return (
        pl.concat([part.select("location_id", "segment", "channel_id", "units") for part in parts])
        .filter(pl.col("units") != 0)
        .join(live.catalogue.locations.select("location_id", location_name="name"), on="location_id")
        .join(live.catalogue.channels.select("channel_id", "position", channel_name="name"), on="channel_id", how="left")
        .with_columns(label=label)
        .sort("location_name", "location_id", pl.col("segment").cast(order), "position")
        .select(PICTURE.names())
    )


def _reach(live: Live, levels: pl.DataFrame) -> pl.DataFrame:
    """The levels with `segment` only, shared or unserved, and the only channel."""
    sold = live.availability.filter("is_listed").select("sku", "channel_id")
    serving = live.catalogue.channel_locations.partition_by("channel_id", as_dict=True).items()
    marks = [(f"sold on {channel_id}", channel_id, own["location_id"]) for (channel_id,), own in serving]
    listed = levels.select("sku").unique()
    for mark, channel_id, _ in marks:
        own = sold.filter(pl.col("channel_id") == channel_id).select("sku", pl.lit(True).alias(mark))
        listed = listed.join(own, on="sku", how="left")
    reached = levels.join(listed, on="sku").with_columns(
        pl.col(mark).fill_null(False) & pl.col("location_id").is_in(places.implode()) for mark, _, places in marks
    )
    count = pl.sum_horizontal([pl.lit(0), *(pl.col(mark).cast(pl.Int64) for mark, _, _ in marks)])
    first = pl.coalesce([pl.lit(None, pl.String), *(pl.when(pl.col(mark)).then(pl.lit(channel_id)) for mark, channel_id, _ in marks)])
    return reached.with_columns(
        segment=pl.when(count == 0).then(pl.lit("unserved")).when(count == 1).then(pl.lit("only")).otherwise(pl.lit("shared")),
        channel_id=pl.when(count == 1).then(first),
    )


def kpis(live: Live, recent: Recent | None, table: pl.DataFrame, where: StockFilter) -> pl.DataFrame:
    """`KPIS` of the rows of `table`. Kits are left out of units, because their units are their components'.

    The history of `on_hand` comes from the ledger. The others' also rest on order lines, as if open units had been allocated, at
    the end of each day, as far as sellable units went; it is told for all channels and locations alone.
    """
    stocked = table.filter(~pl.col("is_kit"))
    history = _histories(live, recent, table, where)
    shown = [
        ("on_hand", "On hand", stocked["on_hand"].sum(), "units", "Units at the locations, in any state."),
        ("available", "Available", stocked["available"].sum(), "units", "On hand less allocated, unsellable and location buffers."),
        ("allocated", "Allocated", stocked["allocated"].sum(), "units", "Tied to placed, unshipped order lines."),
        ("backordered", "Backordered", stocked["backordered"].sum(), "units", "Sold, not yet allocatable; served oldest first."),
        ("skus_out", "SKUs out", table["is_out"].sum(), "SKUs", "SKUs and kits whose pool is 0 or less."),
    ]
    figures = pl.DataFrame(shown, schema=["kpi", "label", "value", "unit", "help"], orient="row")
    histories = [[*history[kpi], value] if kpi in history else [] for kpi, _, value, _, _ in shown]
    return figures.with_columns(history=pl.Series(histories, dtype=KPIS["history"])).select(KPIS.names()).cast(KPIS)


def _histories(live: Live, recent: Recent | None, table: pl.DataFrame, where: StockFilter) -> dict[str, list[int]]:
    """Figures at the end of each of the last `recent.HISTORY_DAYS` days before today."""
    if recent is None:
        return {}
    shown = table["sku"].implode()
    places = recent.places.with_row_index("row").filter(pl.col("sku").is_in(shown))
    if where.channel_id is not None or where.location_ids:
        here = pl.col("location_id").is_in(_scope(live, where.channel_id, where.location_ids).implode())
        return {"on_hand": _sums(recent.on_hand, places.filter(here)["row"])}
    rows = pl.DataFrame({"sku": recent.skus}).with_row_index("row").filter(pl.col("sku").is_in(shown))["row"]
    allocated = np.minimum(recent.open_units, recent.sellable)
    free = (recent.sellable - recent.open_units)[:, :-1]
    never_stocked = table.filter(~pl.col("is_kit") & ~pl.col("sku").is_in(recent.skus.implode())).height
    out = (free[rows.to_numpy()] <= 0).sum(axis=0) + never_stocked + _kits_out(live, recent, table, free)
    return {
        "on_hand": _sums(recent.on_hand, places["row"]),
        "available": _sums(recent.sellable - allocated, rows),
        "allocated": _sums(allocated, rows),
        "backordered": _sums(recent.open_units - allocated, rows),
        "skus_out": out.tolist(),
    }


def _sums(balances: Ints, rows: pl.Series) -> list[int]:
    """Sums over rows of each day but today, which the live figures tell."""
    chosen = balances if len(rows) == len(balances) else balances[rows.to_numpy()]
    sums: list[int] = chosen[:, :-1].sum(axis=0, dtype=np.int64).tolist()
    return sums


def _kits_out(live: Live, recent: Recent, table: pl.DataFrame, free: Ints) -> Ints:
    """How many kits of the table lacked a component at the end of each day."""
    shown = table.filter("is_kit").select("sku")
    rows = pl.DataFrame({"sku": recent.skus}).with_row_index("row")
    parts = live.catalogue.kits.join(shown, left_on="kit_sku", right_on="sku", how="semi").join(
        rows, left_on="component_sku", right_on="sku", how="left"
    )
    never = parts.filter(pl.col("row").is_null())["kit_sku"].unique()
    able = parts.filter(~pl.col("kit_sku").is_in(never.implode())).sort("kit_sku")
    lacking = free[able["row"].to_numpy()] < able["quantity"].to_numpy()[:, None]
    starts = np.flatnonzero(np.diff(able["kit_sku"].rle_id().to_numpy().astype(np.int64), prepend=-1))
    lacking_any = np.logical_or.reduceat(lacking, starts, axis=0) if able.height else lacking
    out: Ints = lacking_any.sum(axis=0, dtype=np.int32) + len(never)
    return out


def waterfall(live: Live, sku: str) -> pl.DataFrame:
    """`availability.WATERFALL` of one SKU or kit for each channel that sells it, by the channels' position."""
    steps = rules.waterfall(live.availability.filter(pl.col("sku") == sku))
    positions = live.catalogue.channels.select("channel_id", "position")
    return steps.join(positions, on="channel_id", how="left").sort("position", "channel_id", "step").drop("position")
