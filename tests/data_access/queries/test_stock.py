"""The entries behind every number, of the busy company."""

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.queries import stock
from tests.data_access.queries.busy_company import make_busy_company


@pytest.fixture
def company(store: Engine) -> Engine:
    make_busy_company(store)
    return store


def test_levels_and_backorders_of_all_or_some(company: Engine) -> None:
    levels = stock.levels(company)
    assert levels.schema == stock.LEVELS
    some = levels.filter(pl.any_horizontal(pl.col("on_hand", "on_order") > 0)).sort("sku", "location_id")
    assert some.rows() == [
        ("A", "north", 16, 1, 5, 15, False),
        ("A", "south", 4, 0, 4, 0, False),
        ("B", "north", 9, 0, 4, 0, False),
    ]
    assert set(stock.levels(company, {"B"})["sku"]) == {"B"}
    assert stock.backorders(company).rows() == [("A", "market", 2)]
    assert stock.backorders(company, ["B"]).equals(stock.BACKORDERS.to_frame())


def test_allocated_units_by_channel_add_up_to_the_levels(company: Engine) -> None:
    rows = stock.allocated(company).sort("sku", "location_id").rows()
    assert rows == [("A", "north", "web", 5), ("A", "south", "market", 4), ("B", "north", "web", 4)]
    assert stock.allocated(company, ["B"]).rows() == [("B", "north", "web", 4)]


def test_the_ledger_is_paged_newest_first_and_adds_up_to_on_hand(company: Engine) -> None:
    whole = stock.ledger(company, ["A"], None, 50, 0)
    assert whole.schema == stock.LEDGER
    assert whole.select("location_id", "state", "kind", "quantity", "event_ref", "event_kind").row(0) == (
        "north", "sellable", "receipt", 5, "e7", "receipt",
    )  # fmt: skip
    assert whole["quantity"].sum() == 20
    assert whole["occurred_at"].is_sorted(descending=True)
    assert stock.ledger(company, ["A"], "north", 50, 0)["quantity"].sum() == 16
    pages = pl.concat([stock.ledger(company, ["A"], None, 2, 0), stock.ledger(company, ["A"], None, 2, 2)])
    assert pages.equals(whole)


def test_open_lines_are_what_allocated_and_backordered_are_made_of(company: Engine) -> None:
    lines = stock.open_lines(company, "A")
    assert lines.schema == stock.OPEN_LINES
    assert lines.select("channel_id", "order_ref", "sold_sku", "kind", "location_id", "units").rows() == [
        ("web", "o3", "A", "allocated", "north", 3),
        ("market", "o4", "A", "allocated", "south", 4),
        ("market", "o4", "A", "backordered", None, 2),
        ("web", "o5", "KIT", "allocated", "north", 2),
    ]
    assert stock.open_lines(company, "B").select("sold_sku", "kind", "units").rows() == [("KIT", "allocated", 4)]
    assert stock.open_lines(company, "KIT").select("sold_sku", "kind", "units").rows() == [("KIT", "allocated", 2)]


def test_purchase_lines_are_what_is_on_order(company: Engine) -> None:
    lines = stock.purchase_lines(company, "A")
    assert lines.schema == stock.PURCHASE_LINES
    assert lines.select("po_ref", "supplier_name", "location_id", "quantity", "received_quantity", "on_order").rows() == [
        ("PO1", "Supplier", "north", 20, 5, 15)
    ]
    assert stock.purchase_lines(company, "B").is_empty()
