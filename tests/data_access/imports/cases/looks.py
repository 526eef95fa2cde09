"""What the cases look at: the facts of orders and the stock of a store, and the accounting of an import."""

from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from data_access.imports.import_run import OUTCOMES, ImportResult
from data_access.imports.order_import import import_orders
from data_access.imports.places import ChosenPlaces
from tests.data_access.import_files import mapping, sound, table

ROWS = (
    "select o.order_ref, l.external_sku, l.quantity, l.shipped_quantity, l.cancelled_quantity, l.returned_quantity from order_line l "
    "join sales_order o on o.id = l.order_id order by 1, 2, 3, 4, 5, 6"
)
STOCK = "select sku, location_id, on_hand, unsellable, allocated from stock_level order by 1, 2"
INBOX = "select line_number, reason_code from inbox_item where status = 'open' and kind = 'row' order by 1, id"


def take(engine: Engine, folder: Path, text: str | bytes, by: str, *, name: str = "f.csv", channel: str = "web") -> dict[str, int]:
    """Import a file of orders by the text of a mapping, or by `auto` at the channel and `hall`: what became of its rows, all of them."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    if by == "auto":
        result = import_orders(engine, path, by, places=ChosenPlaces(channel, "hall"))
    else:
        result = import_orders(engine, path, mapping(folder, by, "own"))
    return became(result)


def became(result: ImportResult) -> dict[str, int]:
    """The figures of an import that are not 0; they add up to the rows that were read."""
    figures = {name: getattr(result, name) for name in OUTCOMES}
    assert sum(figures.values()) == result.rows_read
    return {name: rows for name, rows in figures.items() if rows}


def rows_of(engine: Engine) -> list[tuple[Any, ...]]:
    """Order, SKU, units, and of these shipped, cancelled and returned."""
    return table(engine, ROWS)


def stock(engine: Engine) -> list[tuple[Any, ...]]:
    """SKU, location, on hand, unsellable, allocated; the store verifies."""
    sound(engine)
    return table(engine, STOCK)


def hall(engine: Engine) -> list[tuple[int, int]]:
    """Of A-1, B-2 and C-3 the units on hand and allocated at `hall`."""
    return [(on_hand, allocated) for _, location, on_hand, _, allocated in stock(engine) if location == "hall"]


def inbox(engine: Engine) -> list[tuple[int, str]]:
    """Line numbers and reasons of the rows that wait in the inbox."""
    return table(engine, INBOX)


def facts(engine: Engine) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What two stores have in common that were told the same."""
    return rows_of(engine), stock(engine)
