"""A node of the forecast: the choice of one, its figures, its chart, its tables, and how far it was off on the past."""

from html import escape
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.charts import colours
from dashboard.demand import charts, figures, reads
from dashboard.demand.figures import Choice
from dashboard.demand.reads import NodeForecast
from dashboard.shell import downloads, filters, kpis, links, records, said, words
from dashboard.shell import reads as shared
from dashboard.shell.filters import Filter
from data_access.forecasts.reading import FORECAST, Forecast

PAGE: Final = "demand"
SPANS: Final = {90: "90 days", 180: "180 days", 730: "2 years"}
_TREND_DAYS: Final = 56  # of the small drawings in the figures
_QUANTILES: Final = {
    "q0.5": "Median (units)",
    "q0.25": "50 % interval, low",
    "q0.75": "50 % interval, high",
    "q0.1": "80 % interval, low",
    "q0.9": "80 % interval, high",
    "q0.025": "95 % interval, low",
    "q0.975": "95 % interval, high",
}
_BACK_TEST_COLUMNS: Final[dict[str, Any]] = {
    "cutoff": st.column_config.DateColumn("Last known day", format="YYYY-MM-DD", pinned=True),
    "days": st.column_config.NumberColumn("Days", help="Days after it whose demand is known."),
    "came": st.column_config.NumberColumn("Actual (units)", format="localized"),
    "expected": st.column_config.NumberColumn("Expected (units)", format="localized"),
    "bias": st.column_config.NumberColumn("Bias (%)", format="%+.1f", help="Expected units over actual units, less 100 %."),
    "absolute": st.column_config.NumberColumn("Error (%)", format="%.1f", help="WAPE: absolute daily error as a share of units."),
    **{
        f"inside_{cases}": st.column_config.NumberColumn(
            f"{cases} % coverage (%)", format="%.1f", help=f"Share of days whose units lay inside the {cases} % interval."
        )
        for cases in (50, 80, 95)
    },
}


# ---- the choice ------------------------------------------------------------------------------------------------------


def arrive(run: Forecast) -> None:
    """On arriving by a link: take ids for what they are called, and say what is not there. Call it before anything is drawn."""
    offered = {"channel": records.names()["channel_id"], "category": _categories(run), "sku": reads.forecast_skus(run)}
    unknown = []
    for parameter, labels in offered.items():
        asked = st.query_params.get(parameter)
        if not asked or parameter in st.session_state or asked in labels.values():
            continue
        one = asked if asked in labels else asked.split(" · ")[0]
        if one in labels:
            st.session_state[parameter] = one
        else:
            called = "SKU" if parameter == "sku" else parameter
            unknown.append(f"The link asks for the {called} “{asked}”, of which there is no forecast: it is left out.")
    if unknown:
        said.keep(PAGE, " ".join(unknown), is_warning=True)


def _categories(run: Forecast) -> dict[str, str]:
    names = run.nodes.filter(pl.col("level") == "category")["category"].sort()
    return {one: one or figures.NO_CATEGORY for one in names}


def choose(run: Forecast) -> Choice:
    """Draw the choice of a channel, a category and a SKU, each of which is in the address."""
    skus, categories = reads.forecast_skus(run), _categories(run)
    filters.hold(Filter("sku", skus), Filter("category", categories))
    with st.grid(3, min_column_width=200, gap="small"):
        channel = records.ask_channel(width="stretch")
        place = st.container()  # drawn after the SKU, which sets it aside
        sku = st.selectbox(
            "SKU",
            list(skus),
            index=None,
            format_func=skus.__getitem__,
            key="sku",
            placeholder="All SKUs: type to search",
            filter_mode="contains",
        )
        category = place.selectbox(
            "Category",
            list(categories),
            index=None,
            format_func=categories.__getitem__,
            key="category",
            placeholder="All categories" if sku is None else "Ignored while a SKU is selected",
            disabled=sku is not None,
            filter_mode="contains",
        )
    return Choice(channel, None if sku is not None else category, sku)


def reset() -> None:
    """Choose everything. A callback."""
    st.session_state.update({"channel": None, "category": None, "sku": None})


# ---- one node ----------------------------------------------------------------------------------------------------------


def show(run: Forecast, choice: Choice) -> None:
    """Draw all that the forecast tells of a choice; or say that there is none of it."""
    names = records.names()["channel_id"]
    node = figures.find(run.nodes, choice)
    if node is None:
        st.warning(words.plain(figures.missing(run.nodes, choice, names)), icon=":material/search_off:")
        st.button("Show everything", on_click=reset, key=f"{PAGE}.reset", icon=":material/filter_alt_off:")
        return
    forecast, called = reads.node_forecast(run, node), figures.name(choice, names)
    if forecast.fallback:
        st.warning(
            f"It could not be forecast and fell back to the average of its last days: {words.plain(forecast.fallback)}.",
            icon=":material/help:",
        )
    _figures(forecast)
    _picture(forecast, choice, called)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        _expected(forecast, called)
    with right:
        _past(forecast)
    _regions(run, forecast)
    _components(forecast, run)
    if choice.sku is not None:
        st.page_link(
            links.STOCK.path,
            label=f"Live stock of {words.plain(choice.sku)}",
            icon=":material/inventory_2:",
            query_params={"sku": choice.sku},
        )


def _figures(forecast: NodeForecast) -> None:
    judged = figures.judged(forecast.errors)
    past = forecast.history["units"].tail(_TREND_DAYS).round().cast(pl.Int64).to_list()
    horizon = forecast.ahead.height
    with st.grid(5, min_column_width=170, gap="small", border=True):
        for days in dict.fromkeys(min(days, horizon) for days in (7, 28, horizon)):
            one = figures.period(forecast.history, forecast.ahead, days)
            trend = kpis.sparkline(past) if days == horizon else ""
            st.html(card_html(f"Expected, next {days} days (units)", words.amount(one.expected), figures.comparison(one), trend))
        st.html(
            card_html(
                "Model chosen", figures.MODELS.get(forecast.model, forecast.model), figures.MODEL_HELP.get(forecast.model, ""), is_text=True
            )
        )
        if judged is None:
            st.html(card_html("Forecasts of the past", "—", "its history is too short to try forecasts on it"))
        else:
            value = "—" if judged.bias is None else f"{judged.bias:+.1%}"
            note = f"{figures.bias_in_words(judged)}, on {words.counted(judged.cutoffs, 'back-test', 'back-tests')}"
            st.html(card_html("Bias of past forecasts", value, note))


def card_html(label: str, value: str, note: str, trend: str = "", *, is_text: bool = False) -> str:
    """A figure with its name and what it is compared to; `is_text`: the value is words."""
    kind = "oh-words" if is_text else "oh-value"
    return (
        f'<div class="oh-kpi"><div class="oh-label">{escape(label)}</div>'
        f'<div class="oh-line"><span class="{kind}">{escape(value)}</span>{trend}</div><div class="oh-note">{escape(note)}</div></div>'
    )


def _picture(forecast: NodeForecast, choice: Choice, called: str) -> None:
    finding = figures.finding(called, figures.period(forecast.history, forecast.ahead, min(28, forecast.ahead.height)))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.markdown(f"**{words.plain(finding)}**", width="stretch")
        filters.hold(Filter("span", SPANS, default=180))
        span = st.segmented_control(
            "Days of history",
            list(SPANS),
            required=True,
            format_func=SPANS.__getitem__,
            key="span",
            label_visibility="collapsed",
        )
    history = forecast.history.tail(int(str(span)))
    names = records.names()["channel_id"]
    promoted = charts.promoted_days(reads.promotions(choice.sku, choice.channel_id), names) if choice.sku else charts.NO_PROMOTIONS
    shown = promoted.filter(pl.col("ds").is_between(history["ds"].min(), forecast.ahead["ds"].max()))
    position = dict(shared.channels().select("channel_id", "position").iter_rows()).get(choice.channel_id)
    st.plotly_chart(
        charts.forecast(history, forecast.ahead, shown, position),
        key=f"{PAGE}.picture",
        config={"displayModeBar": False},
        alt=figures.described(called, history, forecast.ahead, shown.height),
    )
    st.html(legend_html(colours.TOTAL if position is None else colours.channel(position), history, shown))
    if forecast.history.is_empty():
        st.caption("The history that this forecast started from is not kept any more: start a new forecast to see it.")


def legend_html(colour: str, history: pl.DataFrame, promoted: pl.DataFrame) -> str:
    """What the chart's lines and areas are; only those that are there."""
    line = '<span class="oh-key oh-key-line" style="background: {};" aria-hidden="true"></span>'
    area = '<span class="oh-key" style="background: {};" aria-hidden="true"></span>'
    thin = line.replace("oh-key-line", "oh-key-line oh-key-thin")
    items = [(thin.format(colour), "ordered by day"), (line.format(colour), "forecast (median)")]
    opacity = 1.0
    for cases, _, _, share in charts.BANDS:
        opacity *= 1 - share
        items.append((area.format(colours.see_through(colour, round(1 - opacity, 2))), f"{cases} % interval"))
    if charts.stock_outs(history):
        items.append((area.format(colours.STOCK_OUT), "could not be sold for most of the day"))
    if not promoted.is_empty():
        items.append((line.format(colours.PROMOTION), "promotion"))
    listed = "".join(f"<li>{swatch}{escape(text)}</li>" for swatch, text in items)
    return f'<ul class="oh-legend" aria-label="Legend">{listed}</ul>'


def _expected(forecast: NodeForecast, called: str) -> None:
    st.markdown("**What is expected**")
    by_week, by_day = st.tabs(["By week", "By day"])
    name = "demand-" + "".join(letter if letter.isalnum() else "-" for letter in called.lower())
    with by_week:
        weeks = figures.weeks(forecast.ahead)
        _table(
            weeks,
            {
                "week": st.column_config.DateColumn("Week from Monday", format="YYYY-MM-DD", pinned=True),
                "days": st.column_config.NumberColumn("Days of it"),
                "units": st.column_config.NumberColumn("Expected (units)", format="localized"),
            },
            f"{PAGE}-weeks",
            f"Expected units of {called} by week",
        )
        downloads.buttons(weeks, f"{name}-by-week", f"{PAGE}.weeks")
    with by_day:
        days = forecast.ahead.select("ds", "mean", *_QUANTILES).with_columns(pl.selectors.float().cast(pl.Float64).round(2))
        _table(
            days,
            {
                "ds": st.column_config.DateColumn("Day", format="YYYY-MM-DD", pinned=True),
                "mean": st.column_config.NumberColumn("Expected (units)", format="localized", help="The mean: it alone may be added up."),
                **{column: st.column_config.NumberColumn(label, format="localized") for column, label in _QUANTILES.items()},
            },
            f"{PAGE}-days",
            f"Expected units of {called} by day, with intervals",
        )
        downloads.buttons(forecast.ahead.select(FORECAST.names()), f"{name}-by-day", f"{PAGE}.days")
    st.caption("The limits of daily intervals do not add up, so weeks show the expected units alone.")


def _past(forecast: NodeForecast) -> None:
    st.markdown("**Past accuracy**")
    judged = figures.judged(forecast.errors)
    if judged is None:
        st.caption("Its history is too short to try forecasts on it: take the intervals with care.")
        return
    st.markdown(words.plain(figures.back_test_in_words(judged)))
    _table(figures.back_test(forecast.errors), _BACK_TEST_COLUMNS, f"{PAGE}-past", "Past forecasts against actual units, by last known day")
    if forecast.level != "series":
        st.caption("Days without stock are left out or filled by the days around them, so that units may differ from what was ordered.")


def _regions(run: Forecast, forecast: NodeForecast) -> None:
    if forecast.cells.is_empty():
        return
    with st.expander("By region"):
        split = figures.by_region(forecast.cells, reads.forecast_regions(run))
        if split["region"].null_count() == split.height:
            st.caption("Orders of the last year name no region, so there is nothing to split it by.")
            return
        shown = split.select(pl.col("region").fill_null("Unknown"), pl.col("units").round(1))
        st.caption(
            f"Expected units of the next {reads.REGION_DAYS} days, split by where orders of the last year were sent: by the shares of each "
            "category on each channel. It is a split, not a forecast of each region."
        )
        _table(
            shown,
            {"region": "Region", "units": st.column_config.NumberColumn("Expected (units)", format="localized")},
            f"{PAGE}-regions",
            "Expected units by region",
        )
        downloads.buttons(shown, f"{PAGE}-by-region", f"{PAGE}.regions")


def _components(forecast: NodeForecast, run: Forecast) -> None:
    if forecast.components.is_empty():
        return
    with st.expander("What moves it: trend, weekdays, seasons, holidays, discounts"):
        st.caption(
            "Split up by Prophet, which is tried on sums of many SKUs; demand is the trend, raised or lowered by the shares below it. "
            "The forecast above may be another model's. The dotted line is where the history ends."
        )
        st.plotly_chart(
            charts.components(forecast.components.tail(365 + forecast.ahead.height), run.last),
            key=f"{PAGE}.components",
            config={"displayModeBar": False},
            alt="What moves demand, each part as a small chart",
        )


def _table(rows: pl.DataFrame, columns: dict[str, Any], key: str, alt: str) -> None:
    st.container(key=key).dataframe(rows, hide_index=True, column_config=columns, placeholder="—", alt=alt)
