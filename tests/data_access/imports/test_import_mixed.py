"""Order files that meet other order files, events, counts and the inbox in ways that nobody plans."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.inbox import map_listing
from data_access.events.ingest import ingest_json
from data_access.imports import import_run as runs
from data_access.imports.order_import import import_orders, import_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, SHOP, figures, mapping, one, row, shop, sound, table, write

RETURNS = SHOP + '\n[returns]\norder = "^C"\n'
RESTOCKS = RETURNS + 'disposition = "restock"\n'
WAITS = SHOP.replace('unknown = "create"', 'unknown = "quarantine"')
SHIPPED = {"status": "Shipped", "shipped": "2026-03-03 10:00:00"}


class Killed(BaseException):
    """The end of an import in the middle, as a signal would end it."""


def count(engine: Engine, folder: Path, *lines: str) -> None:
    import_table(engine, "counts", write(folder / "counts.csv", "sku,location_id,quantity,counted_at", *lines))


def kit(engine: Engine, folder: Path) -> None:
    """K is made of two MUGs, and listed under its own name."""
    shop(engine, folder, row("0", "z", "MUG"))
    import_table(engine, "products", write(folder / "products.csv", "sku,name", "K,Set"))
    import_table(engine, "kits", write(folder / "kits.csv", "kit_sku,component_sku,quantity", "K,MUG,2"))
    import_table(engine, "listings", write(folder / "listings.csv", "channel_id,external_sku,sku", "shop,K,K"))


def event(engine: Engine, **values: Any) -> str:
    at = 1_772_700_000_000_000
    text = json.dumps({"source": "feed", "occurred_at": at, "received_at": at, **values})
    (outcome,) = ingest_json(engine, [text], "feed")
    return outcome.status


@pytest.mark.parametrize("first_chunk", [1, 300])
def test_a_known_line_keeps_its_sku(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_chunk: int) -> None:
    """A later row ships it under another code: its own SKU's stock moves, before rows of that SKU that need no ledger."""
    shop(store, tmp_path, row("9", "a", "CUP"), row("9", "b", "PEN"), row("1", "a", "MUG", 3))
    count(store, tmp_path, "MUG,main,10,2026-01-01 00:00", "CUP,main,10,2026-01-01 00:00", "PEN,main,10,2026-01-01 00:00")
    monkeypatch.setattr(runs, "FIRST_CHUNK", first_chunk)
    rows = [row("0", "z", "PEN", **SHIPPED), row("1", "a", "CUP", 3, **SHIPPED), row("2", "a", "MUG", 4, **SHIPPED)]
    assert figures(shop(store, tmp_path, *rows)) == (3, 2, 1, 0, 0)
    assert table(store, "select sku, on_hand from stock_level order by sku") == [("CUP", 10), ("MUG", 3), ("PEN", 9)]
    sound(store)


def test_a_charge_may_have_the_code_of_goods(store: Engine, tmp_path: Path) -> None:
    text = SHOP + '\n[charges]\norder = "^A"\n'
    assert figures(shop(store, tmp_path, row("1", "a", "MUG"), row("A1", "x", "MUG", price="5"), text=text)) == (2, 2, 0, 0, 0)
    assert figures(shop(store, tmp_path, row("1", "a", "MUG"), row("A1", "x", "MUG", price="6"), text=text)) == (2, 0, 1, 1, 0)
    assert table(store, "select unit_price from order_charge") == [(60_000,)]


def test_a_kit_that_comes_back_without_a_purchase_is_its_components(store: Engine, tmp_path: Path) -> None:
    kit(store, tmp_path)
    shop(store, tmp_path, row("C1", "a", "K", -1), text=RESTOCKS)
    count(store, tmp_path, "MUG,main,10,2026-01-01 00:00")
    assert table(store, "select sku, on_hand, unsellable from stock_level") == [("MUG", 12, 0)]
    sound(store)


def test_a_kit_that_is_inspected_is_its_components(store: Engine, tmp_path: Path) -> None:
    kit(store, tmp_path)
    count(store, tmp_path, "MUG,main,10,2026-01-01 00:00")
    shop(store, tmp_path, row("C1", "a", "K", -1), text=RETURNS)
    assert table(store, "select sku, on_hand, unsellable from stock_level") == [("MUG", 12, 2)]
    assert event(store, kind="inspection", event_id="1", channel_id="shop", return_ref="C1", disposition="restock") == "applied"
    assert table(store, "select sku, on_hand, unsellable from stock_level") == [("MUG", 12, 0)]
    sound(store)


def test_rows_taken_in_before_undo_no_later_change(store: Engine, tmp_path: Path) -> None:
    """Rows of the same line with another price, and one that adds nothing: the same file again is all duplicates."""
    rows = [row("1", "a", "MUG"), row("1", "a", "MUG", reason="note"), row("1", "a", "MUG", price="3"), row("1", "a", "MUG")]
    assert figures(shop(store, tmp_path, *rows)) == (4, 1, 1, 2, 0)
    assert figures(shop(store, tmp_path, *rows)) == (4, 0, 0, 4, 0)
    assert table(store, "select unit_price from order_line") == [(30_000,)]
    for one_row in rows:
        assert figures(shop(store, tmp_path, one_row)) == (1, 0, 0, 1, 0)


def test_events_that_wait_for_an_imported_package_or_return_are_applied(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("0", "z", "MUG"), row("0", "y", "CUP"))
    assert event(store, kind="scan", event_id="1", channel_id="shop", order_ref="1", shipment_ref="T1") == "parked"
    assert event(store, kind="inspection", event_id="2", channel_id="shop", return_ref="C1", disposition="discard") == "parked"
    assert event(store, kind="inspection", event_id="3", channel_id="shop", return_ref="C2", disposition="restock") == "parked"
    rows = [row("1", "a", "CUP", tracking="T1", **SHIPPED), row("C1", "a", "CUP", -1), row("C2", "a", "MUG", -1)]
    assert figures(shop(store, tmp_path, *rows, text=RETURNS)) == (3, 3, 0, 0, 0)
    assert one(store, "select count(*) from event where status = 'parked'") == 0
    assert one(store, "select first_scan_at from shipment") == 1_772_700_000_000_000
    assert table(store, "select return_ref, disposition from return_line order by 1") == [("C1", "discard"), ("C2", "restock")]
    sound(store)


def test_what_the_inbox_takes_in_meanwhile_is_counted(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "FIRST_CHUNK", 2)
    monkeypatch.setattr(runs, "SMALLEST_CHUNK", 2)
    monkeypatch.setattr(runs, "LARGEST_CHUNK", 2)
    import_table(store, "products", write(tmp_path / "products.csv", "sku,name", "MUG,Mug"))
    shop(store, tmp_path, row("0", "a", "MUG"))  # its listing
    path = write(tmp_path / "waiting.csv", HEADER, *(row(str(number), "a", "MUG" if number > 1 else "NEW") for number in range(1, 5)))
    mapped: list[object] = []

    def meanwhile(done: int, _: int) -> None:
        if not mapped:
            mapped.append(map_listing(store, "shop", "NEW", "MUG", COMMAND_LINE))

    result = import_orders(store, path, mapping(tmp_path, WAITS), None, meanwhile)
    assert figures(result) == (4, 4, 0, 0, 0)
    assert table(store, f"select imported, quarantined, status from import_run where id = {result.import_run_id}") == [(4, 0, "complete")]


def test_an_empty_cell_leaves_who_fulfils_as_it_was(store: Engine, tmp_path: Path) -> None:
    text = SHOP.replace('country = "country"', 'country = "country"\nfulfilled_by = "by"').replace('cancelled_by = "by"\n', "")
    text += '\n[fulfilled_by]\nFBA = "marketplace"\n'
    shop(store, tmp_path, row("1", "a", "MUG", by="FBA"), row("2", "a", "MUG"), text=text)
    assert figures(shop(store, tmp_path, row("1", "a", "MUG", country="DE"), text=text)) == (1, 0, 1, 0, 0)
    assert table(store, "select order_ref, fulfilled_by from sales_order order by 1") == [("1", "marketplace"), ("2", "seller")]


@pytest.mark.parametrize("apart", [False, True])
def test_no_more_comes_back_than_was_bought(store: Engine, tmp_path: Path, apart: bool) -> None:
    bought = row("1", "a", "MUG", 1, "Returned", customer="k", delivered="2026-03-02 10:00:00")
    back = row("C1", "a", "MUG", -1, customer="k", placed="2026-03-09 10:00:00")
    for rows in ([bought], [back]) if apart else ([bought, back],):
        shop(store, tmp_path, *rows, text=RETURNS)
    assert table(store, "select quantity, returned_quantity from order_line") == [(1, 1)]
    assert table(store, "select return_ref, quantity from return_line where line_id is null") == [("C1", 1)]
    sound(store)


def test_an_opening_counts_a_line_once_however_many_rows_it_has(store: Engine, tmp_path: Path) -> None:
    twice = [row("1", "a", "MUG", 5), row("1", "a", "MUG", 5, **SHIPPED), row("2", "a", "CUP", 5, **SHIPPED)]
    shop(store, tmp_path, *twice, opening_stock="cover:1d")
    levels = table(store, "select sku, on_hand from stock_level order by sku")
    assert levels[0][1:] == levels[1][1:]
    sound(store)


def test_an_import_that_is_taken_up_matches_returns_alike(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_CHUNK", "SMALLEST_CHUNK", "LARGEST_CHUNK"):
        monkeypatch.setattr(runs, name, 1)
    bought = [row("1", line, "MUG", customer="k", **SHIPPED) for line in ("b", "a")]
    path = write(tmp_path / "o.csv", HEADER, *bought, row("C1", "x", "MUG", -1, customer="k", placed="2026-03-09 10:00:00"))

    def kill(done: int, _: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        import_orders(store, path, mapping(tmp_path, RETURNS), None, kill)
    assert figures(import_orders(store, path, mapping(tmp_path, RETURNS))) == (3, 3, 0, 0, 0)
    assert table(store, "select line_ref from order_line where returned_quantity = 1") == [("b",)]
    sound(store)


def test_a_row_that_waits_keeps_what_its_order_s_first_row_said(store: Engine, tmp_path: Path) -> None:
    import_table(store, "products", write(tmp_path / "products.csv", "sku,name", "MUG,Mug", "CUP,Cup"))
    shop(store, tmp_path, row("0", "a", "MUG"))  # its listing
    rows = [row("1", "a", "MUG", country="DE", customer="17.0", **SHIPPED), row("1", "b", "NEW", status="", placed="")]
    text = WAITS + '\n[lines]\nof_order = ["placed", "status", "country", "customer"]\n'
    assert figures(shop(store, tmp_path, *rows, text=text)) == (2, 1, 0, 0, 1)
    assert map_listing(store, "shop", "NEW", "CUP", COMMAND_LINE).rows.taken == 1
    assert table(store, "select line_ref, sku, shipped_quantity from order_line where line_ref = 'b'") == [("b", "CUP", 1)]
    assert figures(shop(store, tmp_path, *rows, text=text)) == (2, 0, 0, 2, 0)
    sound(store)


def test_rows_that_wait_keep_their_number_within_the_order(store: Engine, tmp_path: Path) -> None:
    """Without line ids: a second file repeats a row that waits, and adds an equal one. Two lines arise, not one and not three."""
    text = WAITS.replace('line = "line"\n', "") + '\n[lines]\nidentity = ["external_sku", "quantity", "customer"]\n'
    import_table(store, "products", write(tmp_path / "products.csv", "sku,name", "MUG,Mug", "CUP,Cup"))
    first = row("1", "", "NEW", customer="k")
    assert figures(shop(store, tmp_path, first, text=text)) == (1, 0, 0, 0, 1)
    assert figures(shop(store, tmp_path, first, row("1", "", "NEW"), text=text)) == (2, 0, 0, 0, 2)
    assert one(store, "select count(*) from inbox_item where status = 'open'") == 2
    assert map_listing(store, "shop", "NEW", "CUP", COMMAND_LINE).rows.taken == 2
    assert table(store, "select count(*), sum(quantity) from order_line") == [(2, 2)]
    assert figures(shop(store, tmp_path, first, row("1", "", "NEW"), text=text)) == (2, 0, 0, 2, 0)
    assert table(store, "select count(*), sum(quantity) from order_line") == [(2, 2)]
    sound(store)


def test_an_import_that_is_taken_up_puts_the_same_rows_aside(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad row waits already; a file with two like it puts one more aside, broken off in between or not."""
    bad = row("1", "a", "MUG", "x")
    assert figures(shop(store, tmp_path, bad)) == (1, 0, 0, 0, 1)
    for name in ("FIRST_CHUNK", "SMALLEST_CHUNK", "LARGEST_CHUNK"):
        monkeypatch.setattr(runs, name, 1)
    path = write(tmp_path / "twice.csv", HEADER, bad, bad)

    def kill(done: int, _: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        import_orders(store, path, mapping(tmp_path), None, kill)
    assert figures(import_orders(store, path, mapping(tmp_path))) == (2, 0, 0, 0, 2)
    assert one(store, "select count(*) from inbox_item") == 2
