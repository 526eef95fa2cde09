"""Rows as mappings understand them."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from data_access.errors import InvalidInput
from data_access.imports.files.mapping import parse_mapping
from data_access.imports.files.opening import cover_days, openings
from data_access.imports.files.orders import ROWS, normalised
from data_access.imports.files.reader import read_records
from data_access.imports.files.returns import PURCHASES, matched
from tests.data_access.import_files import HEADER, SHOP, row, write

DAY = 86_400_000_000


def understood(folder: Path, *rows: str, text: str = SHOP, header: str = HEADER) -> pl.DataFrame:
    mapping = parse_mapping(text, "test")
    contents = read_records(write(folder / "f.csv", header, *rows), mapping.file, mapping.file_columns)
    rows_read = normalised(contents, mapping)
    assert dict(rows_read.schema) == ROWS
    assert rows_read["position"].to_list() == list(range(rows_read.height))
    return rows_read


@pytest.mark.parametrize(
    ("cells", "code", "reason"),
    [
        ({"order": ""}, "missing_order", "The column order is empty"),
        ({"sku": ""}, "missing_external_sku", "The column sku is empty"),
        ({"line": ""}, "missing_line", "The column line is empty"),
        ({"placed": ""}, "missing_placed", "The column placed is empty"),
        (
            {"placed": "2026-13-45 00:00:00"},
            "bad_date",
            "'2026-13-45 00:00:00' in column placed cannot be read: expected %Y-%m-%d %H:%M:%S.",
        ),
        ({"shipped": "soon"}, "bad_date", "'soon' in column shipped cannot be read"),
        ({"qty": "two"}, "bad_number", "'two' in column qty is not a whole number of units"),
        ({"qty": "1.5"}, "bad_number", "'1.5' in column qty is not a whole number of units"),
        ({"qty": "99999999999"}, "bad_number", "'99999999999' in column qty"),
        ({"price": "2;5"}, "bad_number", "'2;5' in column price is not a number"),
        ({"qty": "-1"}, "negative_quantity", "The quantity -1 is negative"),
        ({"qty": "0"}, "zero_quantity", "The quantity is 0"),
        ({"price": "-1"}, "negative_price", "The price is negative"),
        ({"currency": "euros"}, "bad_currency", "'EUROS' is no currency"),
        ({"status": "Lost {x}"}, "unknown_status", "The status 'Lost {x}' is not in the mapping"),
        ({"sku": "x" * 300}, "too_long", "The text in column sku is longer than 200 characters"),
    ],
)
def test_what_is_wrong_with_a_row(tmp_path: Path, cells: dict[str, str], code: str, reason: str) -> None:
    good: dict[str, Any] = {"order": "1", "line": "a", "sku": "MUG"}
    frame = understood(tmp_path, row(**{**good, **cells}), row("2", "a", "MUG"))
    bad = frame.filter(pl.col("code").is_not_null())
    assert bad.select("line_number", "code").rows() == [(2, code)]
    assert str(bad["reason"][0]).startswith(reason)
    assert str(bad["reason"][0]).count(".") >= 1


def test_an_order_has_one_currency(tmp_path: Path) -> None:
    frame = understood(tmp_path, row("1", "a", "MUG", currency="eur"), row("1", "b", "MUG", currency="usd"), row("2", "a", "MUG"))
    assert frame.select("currency", "code").rows() == [("EUR", None), ("USD", "other_currency"), ("EUR", None)]


def test_order_cells_on_the_first_row_hold_for_the_order(tmp_path: Path) -> None:
    rows = row("1", "a", "MUG", customer="9", country="DE", status="Shipped"), row("1", "b", "CUP", placed="", status="")
    frame = understood(tmp_path, *rows)
    assert frame.select("customer", "country", "placed_at").n_unique() == 1
    assert frame.select(pl.col("shipped_at").is_not_null(), "code").rows() == [(True, None), (False, None)]  # a status is a line's own
    of_order = '\n[lines]\nof_order = ["placed", "status", "customer", "country"]\n'
    assert understood(tmp_path, *rows, text=SHOP + of_order)["shipped_at"].n_unique() == 1


@pytest.mark.parametrize(
    ("status", "leaves", "is_cancelled"),
    [("Shipped", True, False), ("open", False, True), ("", True, False), ("Cancelled", False, True)],
)
def test_times_of_the_order_say_when_and_the_lines_status_whether(tmp_path: Path, status: str, leaves: bool, is_cancelled: bool) -> None:
    text = SHOP.replace("cancel_reason =", "cancelled =") + '\n[lines]\nof_order = ["placed", "shipped", "cancelled"]\n'
    first = row("1", "a", "MUG", status="Shipped", shipped="2026-03-02 10:00:00", reason="2026-03-09 10:00:00")
    frame = understood(tmp_path, first, row("1", "b", "CUP", status=status), text=text)
    at = frame["placed_at"][0]
    shipped, cancelled = frame.select(pl.col("shipped_at", "cancelled_at") - at).row(1)
    assert frame["code"].null_count() == 2
    assert (shipped is not None, cancelled is not None) == (leaves, is_cancelled)
    assert shipped in (None, DAY)
    assert frame["cancelled_at"][0] is None  # what has left is not cancelled


def test_a_deadline_that_is_a_day_ends_with_it_in_the_channels_zone(tmp_path: Path) -> None:
    text = SHOP.replace('placed = "placed"', 'placed = "placed"\nship_by = "shipped"\ndeliver_by = "delivered"')
    text = text.replace('shipped = "shipped"\n', "").replace('delivered = "delivered"\n', "")
    text += '\n[formats]\ndates = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]\n'
    frame = understood(tmp_path, row("1", "a", "MUG", shipped="2026-03-02", delivered="2026-03-02 10:00:00"), text=text)
    zone = ZoneInfo(parse_mapping(text, "test").channel.time_zone)
    end = datetime(2026, 3, 3, tzinfo=zone).timestamp() * 1_000_000 - 1
    assert frame.select("ship_by_at", "deliver_by_at").row(0) == (end, datetime(2026, 3, 2, 10, tzinfo=zone).timestamp() * 1_000_000)


def test_states(tmp_path: Path) -> None:
    frame = understood(
        tmp_path,
        row("1", "a", "MUG", status="open"),
        row("2", "a", "MUG", status="Shipped", shipped="2026-03-02 10:00:00"),
        row("3", "a", "MUG", status="Returned", delivered="2026-03-05 10:00:00"),
        row("4", "a", "MUG", status="Cancelled", by="customer"),
        row("5", "a", "MUG", delivered="2026-03-05 10:00:00"),
    )
    at = frame["placed_at"][0]
    wanted = frame.select(pl.col("shipped_at", "delivered_at", "cancelled_at", "returned_at") - at, "cancelled_by")
    assert wanted.rows() == [
        (None, None, None, None, "unknown"),
        (DAY, None, None, None, "unknown"),
        (0, 4 * DAY, None, 4 * DAY, "unknown"),
        (None, None, 0, None, "buyer"),
        (0, 4 * DAY, None, None, "unknown"),  # what is delivered has left
    ]


def test_line_totals_and_void_rows(tmp_path: Path) -> None:
    text = SHOP + '\n[lines]\nprice = "line"\nzero_quantity = "cancelled"\n'
    frame = understood(tmp_path, row("1", "a", "MUG", 4, price="10"), row("2", "a", "MUG", 0, status="Shipped", price="10"), text=text)
    assert frame.select("quantity", "unit_price", "is_void", pl.col("shipped_at", "cancelled_at").is_not_null()).rows() == [
        (4, 25_000, False, False, False),
        (1, 100_000, True, False, True),
    ]


def test_the_identity_is_the_content_and_its_occurrence(tmp_path: Path) -> None:
    text = SHOP.replace('line = "line"\n', "") + '\n[lines]\nidentity = ["external_sku", "price"]\n'
    rows = [
        row("1", "", "MUG", 1),
        row("1", "", "MUG", 2, price="2.5000"),
        row("1", "", "MUG", -1),
        row("2", "", "MUG"),
        row("1", "", "CUP"),
    ]
    frame = understood(tmp_path, *rows, text=text).sort("row_no")
    content, occurrence = frame["line_ref"].str.split(".").to_list()[0]
    assert frame["line_ref"].to_list()[:2] == [f"{content}.{occurrence}", f"{content}.2"]
    assert frame["line_ref"][3].endswith(".1")
    assert frame["code"].to_list() == [None, None, "negative_quantity", None, None]
    assert frame["event_ref"].n_unique() == 5
    again = understood(tmp_path, *rows, text=text).sort("row_no")
    assert again["event_ref"].equals(frame["event_ref"])


def test_a_return_takes_from_the_newest_earlier_purchases() -> None:
    bought = [
        ("c", "MUG", "1", "a", 10, 5, 0),
        ("c", "MUG", "2", "a", 20, 2, 1),
        ("c", "MUG", "3", "a", 90, 9, 2),
        ("d", "MUG", "4", "a", 10, 9, 3),
    ]
    purchases = pl.DataFrame(bought, schema=PURCHASES, orient="row")
    returns = pl.DataFrame(
        [(5, "c", "MUG", 3, 30), (6, "c", "MUG", 9, 40), (7, "c", "CUP", 1, 40), (8, None, "MUG", 1, 40)],
        schema={"position": pl.Int64, "customer": pl.String, "sku": pl.String, "quantity": pl.Int64, "placed_at": pl.Int64},
        orient="row",
    )
    assert matched(returns, purchases).rows() == [
        (5, "2", "a", 2),
        (5, "1", "a", 1),
        (6, "1", "a", 4),
        (6, None, None, 5),
        (7, None, None, 1),
        (8, None, None, 1),
    ]


def test_openings_never_let_the_balance_fall_below_0(tmp_path: Path) -> None:
    rows = [row(str(day), "a", "MUG", 1 + day % 3, "Shipped", f"2026-01-{day:02} 10:00:00") for day in range(1, 29)]
    frame = understood(tmp_path, *rows, row("99", "a", "CUP", 2, placed="2026-01-02 10:00:00"))
    cup, mug = openings(frame, 30, restocks=True).sort("sku").iter_rows(named=True)
    assert (cup["quantity"], mug["quantity"]) == (2 + 3, 56 + 63)  # 2 and 56 units in 27 days: 30 days of them, rounded up
    assert mug["occurred_at"] == frame["placed_at"][0] - 1
    assert openings(frame.clear(), 30, restocks=True).is_empty()


def test_the_cover_option() -> None:
    assert cover_days("cover:30d") == 30
    with pytest.raises(InvalidInput, match="write cover:30d"):
        cover_days("cover:30")
