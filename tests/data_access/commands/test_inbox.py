"""What a person does in the inbox: audited, checked, and whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.engine import Engine

from data_access.commands.inbox import dismiss, dismiss_parked, map_listing, mend, retry
from data_access.commands.people import add_user
from data_access.errors import Conflict, Forbidden, InvalidInput, OnHandError
from data_access.events.ingest import ingest, ingest_json
from data_access.events.models import Sale, SaleLine
from data_access.imports.inbox_files.export import export_rows
from data_access.imports.order_import import import_orders, import_table
from data_access.queries import inbox
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, SHOP, contents, figures, mapping, one, row, shop, sound, table, write

WAITS = SHOP.replace('unknown = "create"', 'unknown = "quarantine"')
DONE = "audit_entry where entity <> 'user'"


@pytest.fixture
def store(store: Engine) -> Engine:
    for name, role in (("ann", "planner"), ("bob", "ops"), ("vic", "viewer")):
        add_user(store, name, role, COMMAND_LINE)
    return store


def products(engine: Engine, folder: Path, *skus: str) -> None:
    import_table(engine, "products", write(folder / "products.csv", "sku,name", *(f"{sku},{sku}" for sku in skus)))


def sale(order: str, external_sku: str) -> Sale:
    line = SaleLine(line_ref="1", external_sku=external_sku, quantity=1)
    return Sale(
        source="feed", event_id=f"s{order}", occurred_at=9, received_at=9, channel_id="shop", order_ref=order, currency="EUR", lines=(line,)
    )


def test_mapping_a_listing_brings_its_rows_and_events(store: Engine, tmp_path: Path) -> None:
    products(store, tmp_path, "MUG")
    waiting = [row(str(number), "a", "M-1") for number in range(450)]
    assert figures(shop(store, tmp_path, *waiting, row("x", "a", "M-2"), text=WAITS)) == (451, 0, 0, 0, 451)
    assert [outcome.status for outcome in ingest(store, [sale("e1", "M-1"), sale("e2", "M-2")])] == ["parked", "parked"]
    unmapped = inbox.listings_without_sku(store)
    assert dict(unmapped.schema) == dict(inbox.LISTINGS)
    assert unmapped.select("channel_id", "external_sku", "rows_waiting", "events_waiting").rows() == [
        ("shop", "M-1", 450, 1),
        ("shop", "M-2", 1, 1),
    ]
    assert dict(inbox.counts(store).iter_rows()) == {"listing": 2, "parked": 2, "row": 451}
    mapped = map_listing(store, "shop", "M-1", "MUG", "ann", "seen on the shelf")
    assert (mapped.rows.taken, mapped.rows.waiting, mapped.events) == (450, 0, 1)
    assert one(store, "select count(*) from order_line") == 451
    assert inbox.listings_without_sku(store)["external_sku"].to_list() == ["M-2"]
    assert table(store, "select imported, quarantined, rows_read from import_run where kind = 'orders'") == [(450, 1, 451)]
    audit = table(store, f"select actor, action, entity, entity_id, before, after, why from {DONE}")
    assert audit == [("ann", "map_listing", "listing", "shop:M-1", '{"sku": null}', '{"sku": "MUG"}', "seen on the shelf")]
    sound(store)


def test_mapping_is_checked(store: Engine, tmp_path: Path) -> None:
    products(store, tmp_path, "MUG", "CUP")
    shop(store, tmp_path, row("1", "a", "M-1"), text=WAITS)
    before = contents(store)
    for channel_id, code, sku in (("moon", "M-1", "MUG"), ("shop", "M-1", "JAR"), ("shop", " ", "MUG")):
        with pytest.raises(InvalidInput):
            map_listing(store, channel_id, code, sku, "ann")
    with pytest.raises(InvalidInput, match="no author"):
        map_listing(store, "shop", "M-1", "MUG", " ")
    with pytest.raises(Conflict):
        map_listing(store, "shop", "M-1", "MUG", "ann", version=7)
    assert contents(store) == before
    assert one(store, f"select count(*) from {DONE}") == 0
    map_listing(store, "shop", "M-1", "MUG", "ann")
    with pytest.raises(Conflict, match="was mapped to MUG meanwhile"):
        map_listing(store, "shop", "M-1", "CUP", "bob")
    map_listing(store, "shop", "M-1", "CUP", "bob", version=2)
    assert table(store, "select sku, version from listing") == [("CUP", 3)]
    map_listing(store, "shop", "new", "CUP", "bob")
    assert one(store, "select count(*) from listing") == 2


def test_mended_rows_arrive(store: Engine, tmp_path: Path) -> None:
    rows = [row("1", "a", "MUG"), row("2", "a", "MUG", "two"), row("3", "a", "MUG", placed="never"), row("4", "a", "MUG") + ",x"]
    result = shop(store, tmp_path, *rows)
    assert figures(result) == (4, 1, 0, 0, 3)
    waiting = inbox.items(store, inbox.InboxFilter(import_run_id=result.import_run_id)).sort("line_number")
    assert dict(waiting.schema) == dict(inbox.ITEMS)
    assert waiting.select("line_number", "reference", "reason_code", "content", "file_name", "version").rows() == [
        (3, "2", "bad_number", rows[1], "orders.csv", 1),
        (4, "3", "bad_date", rows[2], "orders.csv", 1),
        (5, "", "wrong_fields", rows[3], "orders.csv", 1),
    ]
    number, date, wide = waiting["id"]
    mend(store, number, row("2", "a", "MUG", 2), 1, "ann")
    mend(store, wide, row("4", "a", "MUG", "0"), 1, "ann", "one field too many")
    assert str(retry(store, [number, wide, date], "ann")) == "1 taken in, 2 still wait."
    assert table(store, "select order_ref from sales_order order by 1") == [("1",), ("2",)]
    after = inbox.items(store, inbox.InboxFilter(status=None)).sort("line_number")
    assert after.select("status", "reason_code", "version", pl.col("mended").is_not_null()).rows() == [
        ("resolved", "bad_number", 3, True),
        ("open", "bad_date", 1, False),
        ("open", "zero_quantity", 3, True),
    ]
    assert table(store, "select imported, quarantined from import_run") == [(2, 2)]
    assert figures(shop(store, tmp_path, *rows)) == (4, 0, 0, 2, 2)  # the row that was dealt with is a duplicate
    assert table(store, f"select action, count(*) from {DONE} group by action order by 1") == [("mend", 2), ("retry", 3)]
    mended = json.loads(one(store, "select after from audit_entry where why is not null"))
    assert mended == {"text": row("4", "a", "MUG", "0")}
    sound(store)


def test_repeats_keep_their_numbers_when_they_are_tried_again(store: Engine, tmp_path: Path) -> None:
    text = WAITS.replace('line = "line"\n', "")
    rows = [row("1", "", "MUG"), row("1", "", "MUG")]
    shop(store, tmp_path, *rows, text=text)
    products(store, tmp_path, "MUG")
    assert map_listing(store, "shop", "MUG", "MUG", "ann").rows.taken == 2
    assert figures(shop(store, tmp_path, *rows, text=text)) == (2, 0, 0, 2, 0)
    assert one(store, "select count(*) from order_line") == 2


def test_exported_rows_come_in_again(store: Engine, tmp_path: Path) -> None:
    rows = [row("1", "a", "MUG"), row("2", "a", "MUG", "two"), row("3", "a", "CUP", "x", title='"M,\nUG"')]
    result = shop(store, tmp_path, *rows)
    path = tmp_path / "bad.csv"
    assert export_rows(store, result.import_run_id, path) == 2
    ids = inbox.items(store)["id"]
    assert path.read_text() == "\n".join([f"onhand_row,{HEADER}", f"{ids[0]},{rows[1]}", f"{ids[1]},{rows[2]}", ""])
    path.write_text(path.read_text().replace(",two,", ",2,").replace(",x,", ",3,"))
    assert figures(import_orders(store, path, mapping(tmp_path))) == (2, 2, 0, 0, 0)
    assert inbox.items(store).is_empty()
    with pytest.raises(InvalidInput, match="No row of that import"):
        export_rows(store, 10**9, path)


def test_versions_protect_the_second_of_two_people(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("2", "a", "MUG", "two"))
    item = inbox.items(store)["id"][0]
    mend(store, item, row("2", "a", "MUG", 2), 1, "ann")
    with pytest.raises(Conflict, match="was changed meanwhile to '2,a,MUG"):
        mend(store, item, row("2", "a", "MUG", 3), 1, "bob")
    assert one(store, "select mended from inbox_item") == row("2", "a", "MUG", 2)
    retry(store, [item], "ann")
    for late in (
        lambda: mend(store, item, "x", 3, "bob"),
        lambda: retry(store, [item], "bob"),
        lambda: dismiss(store, [item], "no", "bob"),
    ):
        with pytest.raises(Conflict, match="was resolved meanwhile"):
            late()
    assert one(store, "select count(*) from audit_entry where actor = 'bob'") == 0


def test_dismissing(store: Engine, tmp_path: Path) -> None:
    rows = [row("2", "a", "MUG", "two"), row("3", "a", "MUG", "x")]
    shop(store, tmp_path, *rows)
    items = inbox.items(store)["id"].to_list()
    refused: list[Callable[[], None]] = [
        lambda: dismiss(store, items, " ", "ann"),
        lambda: dismiss(store, [*items, 10**9], "test rows", "ann"),
        lambda: dismiss(store, items, "test rows", ""),
    ]
    for attempt in refused:
        with pytest.raises(InvalidInput):
            attempt()
    assert inbox.items(store).height == 2
    dismiss(store, items, "test rows", "ann")
    assert inbox.items(store).is_empty()
    assert table(store, "select status, version from inbox_item") == [("dismissed", 2), ("dismissed", 2)]
    assert figures(shop(store, tmp_path, *rows)) == (2, 0, 0, 2, 0)
    assert table(store, f"select action, why from {DONE}") == [("dismiss", "test rows")] * 2


def test_parked_events_are_given_up(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG"))
    ingest(store, [sale("e1", "M-1")])
    waiting = inbox.parked(store)
    assert dict(waiting.schema) == dict(inbox.PARKED)
    assert waiting.select("source", "event_id", "kind", "waits_for").rows() == [("feed", "se1", "sale", "listing:shop:M-1")]
    event_ids = waiting["id"].to_list()
    with pytest.raises(InvalidInput, match="There is no event"):
        dismiss_parked(store, [*event_ids, 10**9], "old", "ann")
    dismiss_parked(store, event_ids, "old", "ann")
    assert inbox.parked(store).is_empty()
    with pytest.raises(Conflict, match="is dismissed now"):
        dismiss_parked(store, event_ids, "old", "ann")
    assert table(store, f"select action, entity, entity_id from {DONE}") == [("dismiss_parked", "event", str(event_ids[0]))]
    assert one(store, "select payload is not null from event where status = 'dismissed'") == 1


def test_events_are_mended_too(store: Engine, tmp_path: Path) -> None:
    shop(store, tmp_path, row("1", "a", "MUG"))
    good = json.loads(sale("e1", "MUG").model_dump_json(exclude_none=True))
    ingest_json(store, [json.dumps({**good, "currency": "euro"})], "feed")
    item = inbox.items(store, inbox.InboxFilter(kind="event", text="se1"))["id"][0]
    assert str(retry(store, [item], "ann")) == "0 taken in, 1 still wait."
    mend(store, item, json.dumps(good), 2, "ann")
    assert str(retry(store, [item], "ann")) == "1 taken in, 0 still wait."
    assert one(store, "select count(*) from sales_order where order_ref = 'e1'") == 1
    ingest(store, [sale("e1", "CUP")])
    conflict = inbox.items(store)["id"][0]
    with pytest.raises(OnHandError, match="the first event stands"):
        mend(store, conflict, "{}", 1, "ann")
    sound(store)


@pytest.mark.parametrize("name", ["vic", "zoe"])
def test_who_may_not_work_the_inbox_changes_nothing(store: Engine, tmp_path: Path, name: str) -> None:
    products(store, tmp_path, "MUG")
    shop(store, tmp_path, row("1", "a", "MUG"), row("2", "a", "MUG", "two"), row("3", "a", "M-1"), text=WAITS)
    ingest(store, [sale("e1", "M-1")])
    (item, *_), (event_id,) = inbox.items(store)["id"].to_list(), inbox.parked(store)["id"].to_list()
    names = ("inbox_item", "import_run", "audit_entry", "store_version", "change_log")

    def everything() -> list[object]:
        return [contents(store), *(sorted(table(store, f"select * from {each}"), key=str) for each in names)]

    before = everything()
    attempts: list[Callable[[], object]] = [
        lambda: map_listing(store, "shop", "M-1", "MUG", name),
        lambda: mend(store, item, row("2", "a", "MUG", 2), 1, name),
        lambda: retry(store, [item], name),
        lambda: dismiss(store, [item], "no", name),
        lambda: dismiss_parked(store, [event_id], "no", name),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden) as refused:
            attempt()
        assert str(refused.value) == (
            f"{name} is viewer and may not work the inbox: ask someone who is ops, planner, manager or admin. Nothing was changed."
        )
        assert everything() == before


def test_everyone_but_viewers_may_work_the_inbox(store: Engine, tmp_path: Path) -> None:
    roles = ("ops", "planner", "manager", "admin")
    shop(store, tmp_path, *(row(role, "a", "MUG", "x") for role in roles))
    for item, role in zip(inbox.items(store)["id"], roles, strict=True):
        add_user(store, f"one {role}", role, COMMAND_LINE)
        dismiss(store, [item], "a test row", f"one {role}")
    assert table(store, f"select actor from {DONE} order by id") == [(f"one {role}",) for role in roles]
