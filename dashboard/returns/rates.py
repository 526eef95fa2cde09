"""How much is returned: the figures of a selection, and the rate over time."""

from typing import Final

import polars as pl
import streamlit as st

from dashboard.charts import colours
from dashboard.returns import charts
from dashboard.returns.reads import ReturnsView
from dashboard.shell import filters, records, words
from dashboard.shell.filters import Filter
from data_access.domain.returns.breakdown import Totals
from data_access.domain.returns.cohorts import by_return_week, cohorts
from data_access.domain.returns.usual import Usual
from data_access.queries.returns.picture import ReturnFilter

RATE: Final = "rate"
SHIPPED, RECEIVED = "shipped", "received"
RATES: Final = {SHIPPED: "Shipping", RECEIVED: "Return"}


def without_data(silent: tuple[str, ...]) -> None:
    """Say which channels never sent a return."""
    if silent:
        names = records.names()["channel_id"]
        listed = ", ".join(words.plain(names.get(one, one)) for one in silent)
        st.caption(f"No data of returns: {listed}. What they shipped is in no rate; bring their returns by a feed or an import.")


def figures(sums: Totals) -> None:
    """Draw the sums of a selection."""
    with st.grid(6, min_column_width=140, gap="small", border=True):
        st.metric("Return rate", _percent(sums.rate), help="Units returned of units shipped in these weeks. Young weeks are not complete.")
        st.metric("Seller-controllable", _percent(sums.controllable_rate), help="Without those that are the customer's fault, or nobody's.")
        st.metric("Units returned", f"{sums.units_returned:,}", help=f"Of {sums.units_shipped:,} units shipped.")
        st.metric("Shipment not known", f"{sums.unplaced_units:,}", help="Units returned whose shipment is not known: in no rate.")
        st.metric("Reason not mapped", f"{sums.unmapped_units:,}", help="Units returned for a code that no rule knows: map it below.")
        st.metric("Refund known", _percent(sums.refund_coverage, 0), help=_money(sums))


def over_time(view: ReturnsView, chosen: ReturnFilter) -> None:
    """Draw the rate by week of shipping, or what came in by week, as a person chooses."""
    st.subheader("Rate over time", anchor=False)
    if view.basis is None:
        st.caption("Nothing was shipped.")
        return
    filters.hold(Filter(RATE, RATES, default=SHIPPED))
    by = st.segmented_control("Weeks of", list(RATES), format_func=RATES.__getitem__, key=RATE, required=True)
    if by == RECEIVED:
        _by_week_of_return(view, view.basis, chosen)
    else:
        _by_week_of_shipping(view, view.basis, chosen)


def _by_week_of_shipping(view: ReturnsView, basis: Usual, chosen: ReturnFilter) -> None:
    shipped, returned = (frame.filter(chosen.chosen(pl.col("ship_week"))) for frame in (view.shipped, view.returned))
    rows = cohorts(shipped, returned, basis)
    if rows.is_empty():
        st.caption("Nothing was shipped in these weeks.")
        return
    st.plotly_chart(
        charts.cohorts(rows, colours.TOTAL),
        key="returns.cohorts",
        config={"displayModeBar": False},
        alt="Share of the units shipped in a week that were returned, by week",
    )
    young = int((~rows["is_mature"]).sum())
    if young:
        open_weeks = words.counted(young, "week is", "weeks are")
        st.caption(
            f"{open_weeks} still open: less than 99 % of their returns are back. The dotted line is what is expected of them in the end, "
            "with its 80 % interval."
        )


def _by_week_of_return(view: ReturnsView, basis: Usual, chosen: ReturnFilter) -> None:
    shipped = view.picture.shipped.filter(chosen.chosen(pl.col("ship_week")))
    returned = view.picture.returned.filter(chosen.chosen(pl.col("received_on").dt.truncate("1w")))
    rows = by_return_week(shipped, returned, basis)
    if rows.is_empty():
        st.caption("Nothing was shipped or returned in these weeks.")
        return
    st.plotly_chart(
        charts.received(rows, colours.TOTAL),
        key="returns.received",
        config={"displayModeBar": False},
        alt="Units received back in a week, by the units shipped in the same week",
    )
    st.caption(
        "This is no share of what was shipped: units received in a week, by the units shipped in the same week. They were shipped "
        "in earlier weeks, so a growing shop looks better than it is, and a shrinking one worse."
    )


def _percent(share: float | None, digits: int = 2) -> str:
    return "—" if share is None else f"{share * 100:.{digits}f} %"


def _money(sums: Totals) -> str:
    amounts = "; ".join(f"{refund / 10_000:,.2f} {currency} for {units:,} units" for currency, (refund, units) in sums.refunds.items())
    return f"The share of units returned whose refund is known. {amounts or 'None is.'}"
