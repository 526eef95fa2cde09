"""Small histories of shipped and returned units, by hand and drawn."""

from datetime import date, timedelta

import polars as pl
from hypothesis import strategies as st

from data_access.domain.returns.units import RETURNED, SHIPPED
from data_access.domain.returns.usual import with_category

MONDAY = date(2026, 3, 2)
CATEGORIES = pl.DataFrame({"sku": ["A", "B", "C"], "category": ["Clothing", "Clothing", "Garden"]})


def week(before: int) -> date:
    """The Monday some weeks before `MONDAY`."""
    return MONDAY - timedelta(weeks=before)


def shipped_of(*rows: tuple[date, str, str, int]) -> pl.DataFrame:
    """ship_week, channel, sku, units; and the category."""
    return with_category(pl.DataFrame(rows, SHIPPED, orient="row"), CATEGORIES)


def returned_of(*rows: tuple[date, int, str, str, str, int]) -> pl.DataFrame:
    """ship_week, days after its Monday, channel, sku, reason, units; and the category."""
    dated = [(monday, monday + timedelta(days=days), *rest) for monday, days, *rest in rows]
    return with_category(pl.DataFrame(dated, RETURNED, orient="row"), CATEGORIES)


@st.composite
def histories(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was shipped in up to 20 weeks before `MONDAY`, and what of it comes back, some of it after `MONDAY`."""
    cells = st.tuples(st.integers(1, 20), st.sampled_from(["shop", "ebay"]), st.sampled_from("ABC"))
    sent = draw(st.dictionaries(cells, st.integers(1, 60), min_size=1, max_size=25))
    back = []
    for (before, channel, sku), units in sent.items():
        for days, share in draw(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5)), max_size=4)):
            reason = draw(st.sampled_from(["size_or_fit", "changed_mind"]))
            back.append((week(before), days, channel, sku, reason, min(share, units // 4)))
    rows = [(week(before), channel, sku, units) for (before, channel, sku), units in sent.items()]
    return shipped_of(*rows), returned_of(*(one for one in back if one[-1]))
