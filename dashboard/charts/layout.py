"""What all charts share. Fonts, text and grid colours come from the app's theme, light or dark, when the chart is drawn."""

import pandas  # noqa: F401 - plotly looks into it once any thread has begun to import it: it must be whole before the first figure
import plotly.graph_objects as go

from dashboard.charts import colours


def finish(figure: go.Figure, height: int) -> go.Figure:
    """Plain margins, no zoom: a drag scrolls the page; `height` in pixels. Returns the same figure."""
    figure.update_layout(
        height=height,
        margin={"l": 4, "r": 16, "t": 8, "b": 8},
        hoverlabel={"align": "left"},
        dragmode=False,
    )
    figure.update_xaxes(gridcolor=colours.GRID, zerolinecolor=colours.GRID, automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)
    return figure
