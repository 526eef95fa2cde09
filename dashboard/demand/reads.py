"""What the demand page reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import streamlit as st

from dashboard.settings import settings
from dashboard.shell import reads as shared
from dashboard.shell.data.poller import LiveStock
from data_access.errors import StoreUnavailable
from data_access.forecasts.reading import Forecast
from data_access.queries import catalog, demand, forecasts
from data_access.queries.live_stock import LiveCatalogue


@dataclass(frozen=True, slots=True)
class NodeForecast:
    """All that a forecast tells of a node: `reading.HISTORY`, `reading.FORECAST`, `errors` and `components` as `Forecast` gives them;

    `cells`: channel_id, category and units expected in the first `REGION_DAYS` days of what it is a sum of; none of a SKU.
    """

    level: str
    model: str
    fallback: str | None
    history: pl.DataFrame
    ahead: pl.DataFrame
    errors: pl.DataFrame
    components: pl.DataFrame
    cells: pl.DataFrame


REGION_DAYS: Final = 28


def forecast_runs() -> pl.DataFrame:
    """`forecasts.RUNS`, the newest first; empty while the database is away from the start."""
    try:
        return _forecast_runs(shared.hub(), shared.version("demand"))
    except StoreUnavailable:
        return forecasts.RUNS.to_frame()


@st.cache_resource(max_entries=2, show_spinner=False)
def _forecast_runs(_hub: LiveStock, version: int) -> pl.DataFrame:  # noqa: ARG001 - the key
    return _hub.ask(forecasts.runs)


def forecast_run(run_id: int) -> pl.DataFrame:
    """`forecasts.RUNS` of one run, as it is now; empty while the database is away."""
    return shared.ask_now(lambda bind: forecasts.run(bind, run_id), forecasts.RUNS)


def forecast() -> Forecast | None:
    """The newest finished forecast; None if there is none.

    Raises:
        StoreUnavailable: its files are not there, or cannot be read.

    """
    finished = forecast_runs().filter(pl.col("state") == "finished")
    return None if finished.is_empty() else _forecast(settings().forecasts_dir, int(finished["run_id"][0]))


@st.cache_resource(max_entries=2, show_spinner=False)
def _forecast(root: Path, run_id: int) -> Forecast:
    return Forecast(root, run_id)


def forecast_skus(run: Forecast) -> dict[str, str]:
    """The SKUs of a forecast, each with what it is called: "TEX-0069 · Cotton throw"."""
    return _forecast_skus(run, run.root, run.run_id, shared.snapshot().catalogue)


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={LiveCatalogue: id})
def _forecast_skus(_run: Forecast, root: Path, run_id: int, catalogue: LiveCatalogue | None) -> dict[str, str]:  # noqa: ARG001 - the key
    skus = _run.nodes.select(pl.col("sku").drop_nulls().unique().sort())
    known = catalog.PRODUCTS.to_frame() if catalogue is None else catalogue.products
    named = skus.join(known.select("sku", "name"), on="sku", how="left", maintain_order="left")
    labels = named.select("sku", label=pl.when(pl.col("name").is_null()).then("sku").otherwise(pl.format("{} · {}", "sku", "name")))
    return dict(labels.iter_rows())


def node_forecast(run: Forecast, node: int) -> NodeForecast:
    """What a forecast tells of a node, read once.

    Raises:
        StoreUnavailable: its files are not there any more, or cannot be read.

    """
    try:
        return _node_forecast(run, run.root, run.run_id, node)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise StoreUnavailable(f"The files of forecast {run.run_id} cannot be read any more: start a new forecast.") from error


@st.cache_resource(max_entries=256, show_spinner=False)
def _node_forecast(_run: Forecast, root: Path, run_id: int, node: int) -> NodeForecast:  # noqa: ARG001 - the key
    row = _run.nodes.row(node, named=True)
    ahead = _run.ahead(node)
    cells = ahead.clear().select(channel_id=pl.lit(""), category=pl.lit(""), units=pl.col("mean").cast(pl.Float64))
    if row["level"] == "series":
        units = float(ahead["mean"].head(REGION_DAYS).cast(pl.Float64).sum())
        cells = pl.DataFrame({"channel_id": [row["channel_id"]], "category": [row["category"]], "units": [units]})
    elif row["level"] != "sku":
        below = [pl.col(name) == row[name] for name in ("channel_id", "category") if row[name] is not None]
        nodes = _run.nodes.filter(pl.col("level") == "channel x category", *below).select("node", "channel_id", "category")
        expected = _run.expected(nodes["node"], REGION_DAYS)
        cells = nodes.join(expected, on="node", maintain_order="left").select("channel_id", "category", pl.col("units").cast(pl.Float64))
    return NodeForecast(
        level=row["level"],
        model=row["model"],
        fallback=row["fallback"],
        history=_run.history(node),
        ahead=ahead,
        errors=_run.errors(node),
        components=_run.components(node),
        cells=cells,
    )


def forecast_regions(run: Forecast) -> pl.DataFrame:
    """`demand.REGIONS` that a forecast is split by; SKUs without a category have an empty one, as nodes do."""
    return _forecast_regions(run, run.root, run.run_id)


@st.cache_resource(max_entries=2, show_spinner=False)
def _forecast_regions(_run: Forecast, root: Path, run_id: int) -> pl.DataFrame:  # noqa: ARG001 - the key
    return _run.regions().with_columns(pl.col("category").fill_null(""))


def promotions(sku: str, channel_id: str | None) -> pl.DataFrame:
    """`demand.PROMOTIONS` of a SKU, on one channel or on all; empty while the database is away."""
    try:
        promoted = _promotions(shared.hub(), sku, shared.version("demand"))
    except StoreUnavailable:
        return demand.PROMOTIONS.to_frame()
    return promoted if channel_id is None else promoted.filter(pl.col("channel_id") == channel_id)


@st.cache_resource(max_entries=256, show_spinner=False)
def _promotions(_hub: LiveStock, sku: str, version: int) -> pl.DataFrame:  # noqa: ARG001 - part of the key
    return _hub.ask(lambda bind: demand.promotions(bind, sku))
