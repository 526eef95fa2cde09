"""Charts of returns: the rate by week of shipping, and what is still expected of weeks that are young."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts import colours, layout


def cohorts(rows: pl.DataFrame, colour: str) -> go.Figure:
    """`cohorts.COHORTS` of one group: rates of settled weeks as a line; of young ones what is known so far, and what is expected with its
    80 % interval.
    """
    figure = go.Figure()
    settled, young = rows.filter("is_mature"), rows.filter(~pl.col("is_mature"))
    last = pl.concat([settled.tail(1), young])  # so that the line goes on into the expectation
    if young.height:
        figure.add_scatter(
            x=[*last["ship_week"], *last["ship_week"].reverse()],
            y=[*_edge(last, "high_rate"), *_edge(last, "low_rate").reverse()],
            mode="lines",
            fill="toself",
            fillcolor=colours.see_through(colour, 0.18),
            line={"width": 0},
            name="Expected, 80 % interval",
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=last["ship_week"].to_list(),
            y=last["expected_rate"].to_list(),
            customdata=last.select("low_rate", "high_rate").rows(),
            mode="lines",
            name="Expected in the end",
            line={"color": colour, "width": 2, "dash": "dot"},
            hovertemplate="week of %{x|%d %b %Y}<br>%{y:.2%} expected, %{customdata[0]:.2%} to %{customdata[1]:.2%}<extra></extra>",
        )
        figure.add_scatter(
            x=young["ship_week"].to_list(),
            y=young["rate"].to_list(),
            customdata=young.select("units_returned", "units_shipped").rows(),
            mode="markers",
            name="Returned so far",
            marker={"color": colour, "symbol": "circle-open", "size": 7},
            hovertemplate="week of %{x|%d %b %Y}<br>%{y:.2%} so far (%{customdata[0]:,} of %{customdata[1]:,})<extra></extra>",
        )
    figure.add_scatter(
        x=settled["ship_week"].to_list(),
        y=settled["rate"].to_list(),
        customdata=settled.select("units_returned", "units_shipped").rows(),
        mode="lines+markers",
        name="Returned",
        line={"color": colour, "width": 2},
        marker={"size": 5},
        hovertemplate="week of %{x|%d %b %Y}<br>%{y:.2%} (%{customdata[0]:,} of %{customdata[1]:,})<extra></extra>",
    )
    figure.update_yaxes(title="Returned of shipped", tickformat=".1%", rangemode="tozero")
    figure.update_xaxes(title="Week of shipping")
    figure.update_layout(legend={"orientation": "h", "y": -0.28, "x": 0, "traceorder": "reversed"})
    return layout.finish(figure, height=380)


def received(rows: pl.DataFrame, colour: str) -> go.Figure:
    """`cohorts.RECEIVED` of one group: units received by units shipped, week by week."""
    figure = go.Figure()
    figure.add_bar(
        x=rows["week"].to_list(),
        y=rows["ratio"].to_list(),
        customdata=rows.select("units_received", "units_shipped").rows(),
        marker={"color": colour},
        hovertemplate="week of %{x|%d %b %Y}<br>%{customdata[0]:,} came back, %{customdata[1]:,} shipped: %{y:.2%}<extra></extra>",
    )
    figure.update_yaxes(title="Came back by shipped", tickformat=".1%", rangemode="tozero")
    figure.update_xaxes(title="Week of return")
    return layout.finish(figure, height=380)


def _edge(rows: pl.DataFrame, name: str) -> pl.Series:
    """A bound of young weeks; settled ones have none, so their rate."""
    return rows.select(pl.when("is_mature").then("rate").otherwise(pl.col(name))).to_series()
