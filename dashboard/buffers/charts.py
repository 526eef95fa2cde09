"""Charts of buffers: what other sizes of a buffer would have avoided and cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts import colours, layout


@dataclass(frozen=True, slots=True)
class Mark:
    """A point to mark: what stands beside it, and where it lies, in units."""

    label: str
    withheld: int
    avoided: int
    is_suggested: bool = False


def curve(frame: pl.DataFrame, position: int, marks: Sequence[Mark], observed_from: int) -> go.Figure:
    """Oversold units avoided against units withheld, a point for each size: `domain.buffer_replay.CURVES` of one SKU, or a sum of them.

    `position`: of the channel; sizes below `observed_from` could not be observed, and are dotted and grey.
    """
    without = frame.filter(pl.col("size") == 0)["oversold"].sum()
    points = frame.sort("size").with_columns(avoided=without - pl.col("oversold"))
    hidden = points.filter(pl.col("size") <= observed_from) if observed_from else points.clear()
    figure = go.Figure()
    look = {"hovertemplate": "%{customdata} units withheld at a time<br>%{x:,} units not sold, %{y:,} oversold avoided<extra></extra>"}
    for part, name, colour, dash, symbol in (
        (hidden, "could not be observed", colours.TAKEN, "dot", "circle-open"),
        (points.filter(pl.col("size") >= observed_from), "size of the buffer", colours.channel(position), "solid", "circle"),
    ):
        if not part.is_empty():
            figure.add_scatter(
                x=part["withheld"].to_list(),
                y=part["avoided"].to_list(),
                customdata=part["size"].to_list(),
                mode="lines+markers",
                name=name,
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 6},
                showlegend=bool(observed_from),
                **look,
            )
    for mark in marks:
        figure.add_scatter(
            x=[mark.withheld],
            y=[mark.avoided],
            mode="markers+text",
            marker={
                "symbol": "star" if mark.is_suggested else "diamond",
                "size": 14,
                "color": colours.channel(position),
                "line": {"width": 1.5, "color": "#ffffff"},
            },
            text=[mark.label],
            textposition="top right" if mark.is_suggested else "bottom right",
            cliponaxis=False,
            showlegend=False,
            hovertemplate=mark.label + "<br>%{x:,} units not sold, %{y:,} oversold avoided<extra></extra>",
        )
    figure.update_xaxes(
        title="Units withheld that could have been sold", **_axis([*points["withheld"], *(m.withheld for m in marks)], 0.25)
    )
    figure.update_yaxes(title="Oversold units avoided", **_axis([*points["avoided"], *(m.avoided for m in marks)], 0.15))
    figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 0})
    return layout.finish(figure, height=360)


def _axis(values: Sequence[int], beyond: float) -> dict[str, Any]:
    """From a little below 0, so that points on the axis are whole, to a share above the largest, for labels; ticks at whole units."""
    top = max(*values, 1)
    ticks = {"dtick": 1} if top <= 6 else {"nticks": 7}
    return {"range": [-0.05 * top, top * (1 + beyond)], "tickformat": ",d", **ticks}
