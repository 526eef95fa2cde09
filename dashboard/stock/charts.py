"""Charts of live stock: where every unit lies, and how units on hand become units to sell."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts import colours, layout
from dashboard.shell import words

_ORDER = ("allocated", "only", "shared", "unserved", "unsellable")
_LOOK = {
    "shared": (colours.AVAILABLE, ""),
    "unserved": (colours.AVAILABLE, "."),
    "unsellable": (colours.UNSELLABLE, "x"),
}


def picture(frame: pl.DataFrame, positions: dict[str, int]) -> go.Figure:
    """Units on hand by location, each unit once: `queries.stock.PICTURE` and the position of each channel.

    A channel's own colour, plain, is what only it may sell; hatched, what is allocated to its orders. Neutral is shared.
    """
    places = frame.group_by("location_id").agg(pl.col("location_name").first(), pl.col("units").sum()).sort("units", "location_id")
    names = _distinct(places)
    rank = pl.col("segment").replace_strict({segment: index for index, segment in enumerate(_ORDER)}, return_dtype=pl.Int64)
    place = pl.col("channel_id").replace_strict(positions, default=None, return_dtype=pl.Int64)
    kinds = (
        frame.group_by("segment", "channel_id", "label")
        .agg(pl.col("units").sum())
        .filter(pl.col("units") > 0)
        .sort(rank, place, "label", nulls_last=True)
    )
    figure = go.Figure()
    for kind in kinds.iter_rows(named=True):
        part = frame.filter((pl.col("label") == kind["label"]) & (pl.col("units") > 0))
        colour, pattern = _LOOK.get(kind["segment"]) or _channel_look(kind["segment"], positions.get(kind["channel_id"], 1))
        figure.add_bar(
            orientation="h",
            name=words.in_chart(kind["label"]),
            x=part["units"].to_list(),
            y=[names[location] for location in part["location_id"].to_list()],
            marker={"color": colour, "pattern": {"shape": pattern, "size": 5, "solidity": 0.4, "bgcolor": colour, "fgcolor": "#ffffff"}},
            showlegend=False,
            hovertemplate="%{y}<br>" + words.in_chart(kind["label"]) + ": %{x:,} units<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(tickformat=",d", rangemode="tozero")
    figure.update_yaxes(categoryorder="array", categoryarray=list(names.values()))
    return layout.finish(figure, height=50 + 36 * max(len(names), 1))


def _channel_look(segment: str, position: int) -> tuple[str, str]:
    return colours.channel(position), "/" if segment == "allocated" else ""


def _distinct(places: pl.DataFrame) -> dict[str, str]:
    """A label for each location id, in order; the id is added where two locations share a name."""
    shared = places["location_name"].is_duplicated()
    return {
        location: words.in_chart(f"{name} ({location})" if twice else name)
        for location, name, twice in zip(places["location_id"], places["location_name"], shared, strict=True)
    }


def picture_finding(frame: pl.DataFrame) -> str:
    """What the picture says, as its title."""
    total = int(frame["units"].sum())
    if total == 0:
        return "No units on hand"
    free = int(frame.filter(pl.col("segment").is_in(["only", "shared"]))["units"].sum())
    places = frame.group_by("location_id").agg(pl.col("location_name").first(), pl.col("units").sum()).sort("units", "location_id")
    largest = places.row(-1, named=True)
    where = "" if places.height == 1 else f", most of them at {largest['location_name']} ({largest['units'] / total:.0%})"
    return f"{total:,} units on hand{where}; {free / total:.0%} are free to sell"


def waterfall(frame: pl.DataFrame, position: int) -> go.Figure:
    """From on hand to available to sell on one channel: `domain.availability.WATERFALL` of that channel, and its position."""
    rows = frame.sort("step")
    units = rows["units"].to_list()
    totals = rows["is_total"].to_list()
    labels = [f"<b>{label}</b>" if total else label for label, total in zip(map(words.in_chart, rows["label"]), totals, strict=True)]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            measure=["absolute" if index == 0 else "total" if total else "relative" for index, total in enumerate(totals)],
            x=units,
            y=labels,
            text=[f"{value:,}" if total else f"{value:+,}" if value else "0" for value, total in zip(units, totals, strict=True)],
            textposition="outside",
            cliponaxis=False,
            connector={"line": {"color": colours.GRID, "width": 1}},
            totals={"marker": {"color": colours.channel(position)}},
            increasing={"marker": {"color": colours.AVAILABLE}},
            decreasing={"marker": {"color": colours.TAKEN}},
            hovertemplate="%{y}: %{text} units<extra></extra>",
            showlegend=False,
        )
    )
    running = [*rows["running"].to_list(), 0]
    span = max(running) - min(running) or 1
    figure.update_xaxes(tickformat=",d", range=[min(running) - 0.14 * span, max(running) + 0.14 * span])
    figure.update_yaxes(autorange="reversed")
    return layout.finish(figure, height=50 + 30 * rows.height)
