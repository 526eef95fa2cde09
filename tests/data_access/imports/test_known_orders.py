"""A known order that is read in another way gets no new lines: another mapping, precision, price, order of rows, or route."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Engine

from data_access.events.ingest import ingest
from data_access.events.kinds.orders.sale import Sale, SaleLine
from data_access.imports.files.mapping_parts import DEFAULT_IDENTITY
from tests.data_access.import_files import SHOP, figures, row, shop, sound, table

WITHOUT_IDS = SHOP.replace('line = "line"\n', "")
BY_CONTENT = WITHOUT_IDS + f"\n[lines]\nidentity = {list(DEFAULT_IDENTITY)!r}\n".replace("'", '"')
LINES = (
    "select order_ref, sku, quantity, shipped_quantity, cancelled_quantity from order_line "
    "join sales_order on sales_order.id = order_id order by 1, order_line.id"
)


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


def lines(store: Engine) -> list[tuple[object, ...]]:
    """Order, SKU, units, shipped, cancelled."""
    return table(store, LINES)


FIRST = (row("1", "", "MUG", 2), row("1", "", "CUP", 1), row("2", "", "MUG", 3, "Shipped"))
KNOWN = [("1", "MUG", 2, 0, 0), ("1", "CUP", 1, 0, 0), ("2", "MUG", 3, 3, 0)]


@pytest.mark.parametrize(
    ("again", "text"),
    [
        ((row("1", "90001", "MUG", 2), row("1", "90002", "CUP", 1), row("2", "90003", "MUG", 3, "Shipped")), SHOP),
        (FIRST[::-1], BY_CONTENT + "# the same, in another order of its rows\n"),
        (tuple(one.replace("10:00:00", "10:00:37") for one in FIRST), BY_CONTENT),
        (tuple(one.replace("2.50", "") for one in FIRST), BY_CONTENT),
        (FIRST, BY_CONTENT + '\n[formats]\ntime_zone = "America/New_York"\n'),
    ],
    ids=["line ids", "order", "seconds", "price", "zone"],
)
def test_the_same_orders_read_in_another_way_bring_no_line(store: Engine, tmp_path: Path, again: tuple[str, ...], text: str) -> None:
    assert figures(shop(store, tmp_path, *FIRST, text=BY_CONTENT)) == (3, 3, 0, 0, 0)
    result = shop(store, tmp_path, *again, text=text)
    assert (result.rows_read, result.imported, result.quarantined) == (3, 0, 0)
    assert lines(store) == KNOWN
    sound(store)


def test_what_changed_is_taken_in(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, *FIRST, text=BY_CONTENT)
    shipped = row("1", "90001", "MUG", 2, "Shipped"), row("1", "90002", "CUP", 1, "Cancelled"), row("1", "90004", "JUG", 1)
    assert figures(shop(store, tmp_path, *shipped, text=SHOP)) == (3, 1, 2, 0, 0)
    assert lines(store) == [("1", "MUG", 2, 2, 0), ("1", "CUP", 1, 0, 1), ("1", "JUG", 1, 0, 0), ("2", "MUG", 3, 3, 0)]
    sound(store)


def test_two_ids_of_one_file_are_two_lines_whenever_they_come(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG", 2))
    assert figures(shop(store, tmp_path, row("1", "a", "MUG", 2), row("1", "b", "MUG", 2))) == (2, 1, 0, 1, 0)
    assert lines(store) == [("1", "MUG", 2, 0, 0), ("1", "MUG", 2, 0, 0)]


def test_what_cannot_be_told_apart_is_a_question(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "", "MUG", 1), row("1", "", "MUG", 3), text=BY_CONTENT)
    before = table(store, "select * from order_line order by id")
    assert figures(shop(store, tmp_path, row("1", "90001", "MUG", 2), text=SHOP)) == (1, 0, 0, 0, 1)
    ((code, reason),) = table(store, "select reason_code, reason from inbox_item")
    assert code == "which_line"
    assert reason.startswith(
        "The order is known with lines of MUG that this row of 2 may be (of 1, 3 units), and which one cannot be told: "
    )
    assert table(store, "select * from order_line order by id") == before
    assert figures(shop(store, tmp_path, row("1", "90001", "MUG", 1), row("1", "90002", "MUG", 3), text=SHOP)) == (2, 0, 0, 2, 0)
    assert lines(store) == [("1", "MUG", 1, 0, 0), ("1", "MUG", 3, 0, 0)]
    sound(store)


def test_a_line_that_an_event_told_of_is_the_line_of_the_file(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("0", "", "MUG", 1), text=BY_CONTENT)
    placed = datetime(2026, 3, 1, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    line = SaleLine(line_ref="gid-1", external_sku="MUG", quantity=2, unit_price=25_000)
    sale = Sale(
        source="hook",
        event_id="e1",
        occurred_at=placed,
        received_at=placed,
        channel_id="shop",
        order_ref="9",
        currency="EUR",
        lines=(line,),
    )
    assert [outcome.status for outcome in ingest(store, [sale])] == ["applied"]
    for text, ref in ((SHOP, "90001"), (BY_CONTENT, "")):
        assert shop(store, tmp_path, row("9", ref, "MUG", 2, "Shipped"), text=text).imported == 0
    assert lines(store) == [("0", "MUG", 1, 0, 0), ("9", "MUG", 2, 2, 0)]
    sound(store)


def test_what_the_store_knows_of_an_order_fills_rows_that_leave_it_out(store: Engine, tmp_path: Path) -> None:
    """A second export has only the order's further rows: without the time of placing and the currency, which stand on its first."""
    shop(store, tmp_path, row("1", "a", "MUG", 2, currency="GBP", country="DE"), row("2", "a", "MUG"))
    later = row("1", "b", "CUP", 1, placed=""), row("2", "b", "CUP", 1, placed=""), row("3", "a", "CUP", 1, placed="")
    assert figures(shop(store, tmp_path, *later)) == (3, 2, 0, 0, 1)
    assert table(store, "select reference, reason_code from inbox_item") == [("3", "missing_placed")]
    assert lines(store) == [("1", "MUG", 2, 0, 0), ("1", "CUP", 1, 0, 0), ("2", "MUG", 1, 0, 0), ("2", "CUP", 1, 0, 0)]
    orders = table(store, "select order_ref, placed_at, currency, destination_country from sales_order order by 1")
    placed = micros("2026-03-01T10:00:00+01:00")
    assert orders == [("1", placed, "GBP", "DE"), ("2", placed, "EUR", None)]
    assert table(store, "select distinct placed_at from order_line") == [(placed,)]
    sound(store)


def test_where_the_time_of_placing_is_the_lines_own_it_is_not_filled(store: Engine, tmp_path: Path) -> None:
    text = SHOP + '\n[lines]\nof_order = ["currency"]\n'
    shop(store, tmp_path, row("1", "a", "MUG"), text=text)
    assert figures(shop(store, tmp_path, row("1", "b", "CUP", placed=""), text=text)) == (1, 0, 0, 0, 1)
