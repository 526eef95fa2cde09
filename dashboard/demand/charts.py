"""Charts of a forecast: what was ordered and what is expected, with its intervals; and what moves demand, told apart."""

from datetime import date, timedelta
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.charts import colours, layout
from dashboard.shell import words

LEAST_AVAILABLE: Final = 0.5
"""The share of a day below which it is taken for a stock-out, as the forecast takes it."""

BANDS: Final = ((95, "q0.025", "q0.975", 0.16), (80, "q0.1", "q0.9", 0.2), (50, "q0.25", "q0.75", 0.28))
"""Cases of 100 that an interval holds, its ends, and how opaque it is: the widest first, so that they lie on one another."""

NO_PROMOTIONS: Final = pl.DataFrame(schema={"ds": pl.Date, "discount": pl.Float64, "where": pl.String})

PARTS: Final = {"trend": "Trend", "weekly": "Weekday", "yearly": "Season", "holidays": "Holidays", "discount": "Discounts"}


def stock_outs(history: pl.DataFrame) -> list[tuple[date, date]]:
    """First and last day of each run of days in which it could not be sold for most of the day (`reading.HISTORY`)."""
    out = history.filter(pl.col("available") < LEAST_AVAILABLE)
    runs = out.group_by(run=pl.col("ds") - pl.duration(days=pl.int_range(pl.len())), maintain_order=True)
    return runs.agg(first=pl.col("ds").first(), last=pl.col("ds").last()).select("first", "last").rows()


def promoted_days(promotions: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """`ds`, `discount`, `where`: each day of `demand.PROMOTIONS` once, its greatest discount, and the channels by name."""
    escaped = {channel_id: words.in_chart(name) for channel_id, name in names.items()}
    return (
        promotions.select("discount", where=pl.col("channel_id").replace(escaped), ds=pl.date_ranges("starts_on", "ends_on"))
        .explode("ds")
        .group_by("ds")
        .agg(pl.col("discount").max(), where=pl.col("where").unique().sort().str.join(", "))
        .sort("ds")
    )


def forecast(history: pl.DataFrame, ahead: pl.DataFrame, promoted: pl.DataFrame, position: int | None) -> go.Figure:
    """What was ordered by day (`reading.HISTORY`) and what is expected (`reading.FORECAST`): median and intervals of 50, 80 and 95 %.

    Days without stock are shaded, promoted days (`promoted_days`) are marked along the top. `position`: of the channel; None for all.
    """
    colour = colours.TOTAL if position is None else colours.channel(position)
    days = ahead["ds"].to_list()
    bands = [
        go.Scatter(
            x=days + days[::-1],
            y=ahead[high].round(2).to_list() + ahead[low].round(2).to_list()[::-1],
            fill="toself",
            fillcolor=colours.see_through(colour, opacity),
            line={"width": 0},
            hoverinfo="skip",
            name=f"{cases} % interval",
        )
        for cases, low, high, opacity in BANDS
    ]
    out = [" · could not be sold for most of it" if share is not None and share < LEAST_AVAILABLE else "" for share in history["available"]]
    ordered = go.Scatter(
        x=history["ds"].to_list(),
        y=history["units"].round(2).to_list(),
        customdata=out,
        mode="lines",
        name="Ordered",
        line={"color": colour, "width": 1.4},
        hovertemplate="%{x|%a %d %b %Y}<br>%{y:,} ordered%{customdata}<extra></extra>",
    )
    expected = go.Scatter(
        x=days,
        y=ahead["q0.5"].round(2).to_list(),
        customdata=ahead.select(pl.col("mean", "q0.25", "q0.75", "q0.1", "q0.9", "q0.025", "q0.975").round(1)).rows(),
        mode="lines",
        name="Median",
        line={"color": colour, "width": 3},
        hovertemplate="%{x|%a %d %b %Y}<br>median %{y:,}, mean %{customdata[0]:,}<br>50 % interval: %{customdata[1]:,} to "
        "%{customdata[2]:,}<br>80 %: %{customdata[3]:,} to %{customdata[4]:,}<br>"
        "95 %: %{customdata[5]:,} to %{customdata[6]:,}<extra></extra>",
    )
    figure = go.Figure([*bands, ordered, expected, *_promotions(promoted, history, ahead)])
    figure.update_layout(
        showlegend=False,
        shapes=[_shade(*run) for run in stock_outs(history)] + ([_divider(days[0])] if days else []),
        annotations=[_begins(days[0])] if days else [],
        yaxis={"title": "Units a day", "rangemode": "tozero", "gridcolor": colours.GRID},
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False},
        hovermode="closest",
    )
    return layout.finish(figure, height=400).update_layout(margin_t=24)  # where the forecast begins is said above the bands


def _promotions(promoted: pl.DataFrame, history: pl.DataFrame, ahead: pl.DataFrame) -> list[go.Scatter]:
    """A line along the top over the promoted days, broken between promotions."""
    shown = [one["ds"] for one in (history, ahead) if not one.is_empty()]
    if promoted.is_empty() or not shown:
        return []
    every = pl.DataFrame({"ds": pl.date_range(shown[0].min(), shown[-1].max(), eager=True)})  # type: ignore[arg-type]
    days = every.join(promoted, on="ds", how="left", maintain_order="left")
    days = days.filter(pl.col("discount").is_not_null() | pl.col("discount").shift(1).is_not_null())
    if days.is_empty():
        return []
    return [
        go.Scatter(
            x=days["ds"].to_list(),
            y=days.select(pl.when(pl.col("discount").is_not_null()).then(0.985)).to_series().to_list(),
            customdata=days.select("discount", "where").rows(),
            mode="lines+markers",
            name="Promotion",
            yaxis="y2",
            line={"color": colours.PROMOTION, "width": 6},
            marker={"symbol": "square", "size": 6},
            hovertemplate="%{x|%a %d %b %Y}<br>promotion, %{customdata[0]:.0%} off on %{customdata[1]}<extra></extra>",
        )
    ]


def _shade(first: date, last: date) -> dict[str, Any]:
    return {
        "type": "rect",
        "layer": "below",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": f"{first - timedelta(days=1)}T12:00:00",
        "x1": f"{last}T12:00:00",
        "fillcolor": colours.STOCK_OUT,
        "line": {"width": 0},
    }


def _divider(first: date) -> dict[str, Any]:
    at = f"{first - timedelta(days=1)}T12:00:00"
    return {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": at,
        "x1": at,
        "line": {"color": colours.TAKEN, "dash": "dot", "width": 1.5},
    }


def _begins(first: date) -> dict[str, Any]:
    at = f"{first - timedelta(days=1)}T12:00:00"
    return {
        "text": "forecast",
        "showarrow": False,
        "x": at,
        "xanchor": "left",
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
    }


def components(parts: pl.DataFrame, until: date) -> go.Figure:
    """What moves demand, told apart (`Forecast.components`): the trend in units a day, the others as shares that it is raised by.

    One small chart each, below one another; parts that are always 0 are left out. `until`: the last day of the history.
    """
    shown = [name for name in PARTS if name == "trend" or (parts[name] != 0).any()]
    figure = make_subplots(rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    days = parts["ds"].to_list()
    for row, name in enumerate(shown, start=1):
        hover = "%{y:,.1f} units a day" if name == "trend" else "%{y:+.1%}"
        figure.add_scatter(
            x=days,
            y=parts[name].round(4).to_list(),
            mode="lines",
            name=PARTS[name],
            line={"color": colours.TOTAL, "width": 1.6},
            hovertemplate="%{x|%a %d %b %Y}<br>" + PARTS[name] + ": " + hover + "<extra></extra>",
            row=row,
            col=1,
        )
        figure.update_yaxes(
            title=f"{PARTS[name]} (units)" if name == "trend" else PARTS[name],
            tickformat=",~r" if name == "trend" else "+.0%",
            nticks=4,
            row=row,
            col=1,
        )
    figure.update_layout(showlegend=False, shapes=[_divider(until + timedelta(days=1))])
    return layout.finish(figure, height=110 * len(shown) + 40)
