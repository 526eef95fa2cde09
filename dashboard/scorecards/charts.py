"""Charts of a metric: its rolling rate against the target, and misses by day."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.charts import colours, layout
from data_access.domain.scorecards.outlook import Outlook
from data_access.domain.scorecards.registry import Metric


def rate(trend: pl.DataFrame, days: pl.DataFrame, metric: Metric, position: int, outlooks: Sequence[Outlook]) -> go.Figure:
    """The rolling rate (`rates.ROLLING`) with the target and the outlook above, misses by day (`rates.DAILY`) below.

    `position`: of the channel. The outlook is its mean with the interval that holds it in 80 of 100 cases.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.06)
    colour = colours.channel(position)
    known = trend.drop_nulls("rate")
    figure.add_scatter(
        x=known["day"].to_list(),
        y=known["rate"].to_list(),
        customdata=known.select("numerator", "denominator").rows(),
        mode="lines",
        name="Rate",
        line={"color": colour, "width": 2},
        hovertemplate="%{x|%d %b}<br>%{y:.2%} (%{customdata[0]:,} of %{customdata[1]:,})<extra></extra>",
        row=1,
        col=1,
    )
    if outlooks:
        figure.add_scatter(
            x=[one.day for one in outlooks],
            y=[one.mean for one in outlooks],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [one.high - one.mean for one in outlooks],
                "arrayminus": [one.mean - one.low for one in outlooks],
                "color": colour,
            },
            mode="markers",
            name="Outlook, 80 % interval",
            marker={"color": colour, "symbol": "diamond-open", "size": 9, "line": {"width": 2}},
            customdata=[(one.low, one.high) for one in outlooks],
            hovertemplate="%{x|%d %b}<br>%{y:.2%}, %{customdata[0]:.2%} to %{customdata[1]:.2%}<extra></extra>",
            row=1,
            col=1,
        )
    figure.add_hline(
        y=float(metric.target),
        line={"color": colours.TAKEN, "dash": "dash", "width": 2},
        annotation_text=f"target {metric.target_words}",
        annotation_position="top left",
        row=1,
        col=1,
    )
    shown = days.filter(pl.col("day") >= trend["day"].min())
    figure.add_bar(
        x=shown["day"].to_list(),
        y=shown["miss"].to_list(),
        name="Misses",
        marker={"color": colours.AVAILABLE},
        hovertemplate="%{x|%d %b}<br>%{y:,} missed<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_yaxes(title="Rate", tickformat=".1%", row=1, col=1)
    figure.update_yaxes(title="Missed", tickformat=",d", rangemode="tozero", nticks=4, row=2, col=1)
    figure.update_layout(showlegend=bool(outlooks), legend={"orientation": "h", "y": 1.1, "x": 0}, bargap=0.15)
    return layout.finish(figure, height=420)
