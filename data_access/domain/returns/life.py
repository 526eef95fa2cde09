"""From request to refund: how many returned lines got how far, how long each step took, and what is late. Frames in, frames out."""

from datetime import datetime
from typing import Final

import polars as pl

from data_access.domain.facts import MICROS

LINES: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "requested_at": MICROS,  # each time is null if it did not happen yet, or is not known
        "approved_at": MICROS,
        "received_at": MICROS,
        "inspected_at": MICROS,
        "refunded_at": MICROS,
        "refund": pl.Int64,
        "inspect_days": pl.Int64,
        "refund_days": pl.Int64,
    }
)
"""Lines of returns that came in, or were asked for and are expected, with the rule that holds for each."""
STAGES: Final = ("requested", "approved", "received", "inspected", "refunded")
FUNNEL: Final = pl.Schema(
    {
        "stage": pl.String,
        "lines": pl.Int64,  # that got there
        "median_days": pl.Float64,  # since the request; of inspection, since the receipt; null for the request
        "timed": pl.Int64,  # lines that the median is of: both times are known
        "were_late": pl.Int64,  # got there, but late; null where no rule says when
        "are_late": pl.Int64,  # are not there yet, and should be
    }
)
_DAY: Final = 86_400_000_000


def funnel(lines: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """`FUNNEL` of `LINES`, by stage.

    Inspection is late more than `inspect_days` whole days after the receipt. A refund is late more than `refund_days` whole days after the
    request, or after the receipt where no request is known; what did not come in is not late, for a seller may wait for it (Directive
    2011/83/EU, article 13). Refunds are late only on channels that ever told when one was given: no data is not late. A line whose refund
    is known without its time is refunded, and in no time.
    """
    timed = {
        "approved": ("requested_at", "approved_at"),
        "received": ("requested_at", "received_at"),
        "inspected": ("received_at", "inspected_at"),
        "refunded": ("requested_at", "refunded_at"),
    }
    there = {stage: pl.col(f"{stage}_at").is_not_null() for stage in STAGES}
    there["refunded"] = there["refunded"] | pl.col("refund").is_not_null()
    rows = lines.lazy().with_columns(inspect_late=inspection_late(now), refund_late=refund_late(now))
    late = {"inspected": pl.col("inspect_late"), "refunded": pl.col("refund_late")}
    sums: list[pl.Expr] = []
    for stage in STAGES:
        sums.append(there[stage].sum().alias(f"{stage}.lines"))
        if stage in timed:
            took = (pl.col(timed[stage][1]) - pl.col(timed[stage][0])).dt.total_microseconds() / _DAY
            sums += [took.median().alias(f"{stage}.median_days"), took.count().alias(f"{stage}.timed")]
        if stage in late:
            for name, whose in (("were_late", there[stage]), ("are_late", ~there[stage])):
                sums.append((late[stage] & whose).sum().alias(f"{stage}.{name}"))
    figures = rows.select(sums).collect().row(0, named=True)
    return pl.DataFrame(
        [{name: stage if name == "stage" else figures.get(f"{stage}.{name}") for name in FUNNEL} for stage in STAGES], schema=FUNNEL
    )


def inspection_late(now: datetime) -> pl.Expr:
    """Whether a line of `LINES` was inspected late, or waits for too long."""
    return (_until("inspected_at", now) - pl.col("received_at")).dt.total_days() > pl.col("inspect_days")


def refund_late(now: datetime) -> pl.Expr:
    """Whether a line of `LINES` was refunded late, or waits for too long."""
    asked = pl.coalesce("requested_at", "received_at")
    tells = pl.col("refunded_at").is_not_null().any().over("channel_id")
    is_known = pl.col("refunded_at").is_not_null() | pl.col("refund").is_null()
    is_late = (_until("refunded_at", now) - asked).dt.total_days() > pl.col("refund_days")
    return is_late & is_known & tells & pl.col("received_at").is_not_null()


def _until(name: str, now: datetime) -> pl.Expr:
    return pl.col(name).fill_null(pl.lit(now, MICROS))
