"""An import that is taken back leaves the store as if it had never been, and its file comes in whole again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.imports import undo_import
from data_access.commands.people import add_user
from data_access.engine import open_engine
from data_access.errors import Conflict, Forbidden, InvalidInput
from data_access.events import models as ev
from data_access.events.ingest import ingest
from data_access.imports.order_import import ImportResult, import_orders, import_table
from data_access.imports.undo.preview import preview_undo
from data_access.mirror.verify import verify_mirror
from data_access.mirror.writing import catch_up
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import HEADER, SHOP, contents, long_file, mapping, one, row, shop, sound, table, write
from tests.data_access.small_company import HOUR, T0

LATER = T0 + 10_000 * HOUR
KEPT = ("product", "kit_component", "location", "listing", "channel", "channel_location", "supplier", "supplier_item")
"""What an import creates and its undoing keeps."""


def orders(engine: Engine, folder: Path, name: str, *rows: str, text: str = SHOP, **options: Any) -> ImportResult:
    return import_orders(engine, write(folder / f"{name}.csv", HEADER, *rows), mapping(folder, text), **options)


def history(engine: Engine) -> dict[str, list[str]]:
    """All that the store holds of orders and stock: levels that say nothing are left out, and movements that add up to nothing."""
    held = {name: rows for name, rows in contents(engine).items() if name not in (*KEPT, "event", "stock_movement", "backorder_level")}
    moved = table(
        engine,
        "select m.sku, m.location_id, m.state, m.kind, m.occurred_at, cast(sum(m.quantity) as integer) from stock_movement m"
        " group by 1, 2, 3, 4, 5 having sum(m.quantity) <> 0 order by 1, 2, 3, 4, 5",
    )
    events = table(engine, "select source, event_id, kind, status from event where status <> 'undone' order by 1, 2")
    short = table(engine, "select sku, channel_id, backordered from backorder_level where backordered > 0 order by 1, 2")
    return {**held, "moved": [repr(one) for one in moved], "events": [repr(one) for one in events], "short": [repr(one) for one in short]}


def counted(engine: Engine, quantity: int, at: int = T0, *skus: str) -> None:
    """Count SKUs at the main warehouse."""
    lines = [{"sku": sku, "quantity": quantity, "state": "sellable"} for sku in skus]
    ingest(engine, [ev.Count(source="counts", event_id=f"c{at}", occurred_at=at, received_at=at, location_id="main", lines=lines)])


def accounting(result: ImportResult) -> dict[str, Any]:
    figures = result.as_dict()
    return {name: value for name, value in figures.items() if name not in ("import_run_id", "longest_lock_seconds")}


VARIED = [
    row("1", "a", "MUG", 2),
    row("1", "b", "CUP", 50),
    row("2", "a", "MUG", 3, "Shipped", shipped="2026-03-02 10:00:00", tracking="T1"),
    row("3", "a", "CUP", 4, "Cancelled", reason="no stock", by="Us"),
    row("4", "a", "MUG", 1, "Returned", shipped="2026-03-03 10:00:00"),
    row("5", "a", "SET", 2),
    row("2", "a", "MUG", 3, "Delivered", shipped="2026-03-02 10:00:00", tracking="T1", delivered="2026-03-05 10:00:00"),
    row("1", "a", "MUG", 2, "Shipped", shipped="2026-03-06 10:00:00"),
]


def prepare(engine: Engine, folder: Path) -> None:
    """The channel, products, a kit, and stock that is counted before all orders."""
    shop(engine, folder, row("0", "a", "MUG"), row("0", "b", "CUP"), row("0", "c", "SPOON"))
    kits = write(folder / "kits.csv", "kit_sku,component_sku,quantity", "SET,CUP,1", "SET,SPOON,2")
    products = write(folder / "products.csv", "sku,name", "SET,Set")
    listings = write(folder / "listings.csv", "channel_id,external_sku,sku", "shop,SET,SET")
    for kind, path in (("products", products), ("kits", kits), ("listings", listings)):
        assert import_table(engine, kind, path).quarantined == 0
    counted(engine, 10, T0, "MUG", "CUP", "SPOON")


def test_the_same_file_comes_in_whole_again(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    mirror = tmp_path / "mirror"
    before = history(store)
    catch_up(store, mirror)
    first = orders(store, tmp_path, "file", *VARIED)
    after = history(store)
    catch_up(store, mirror)
    assert (first.imported, first.updated, first.quarantined) == (6, 2, 0)
    undone = undo_import(store, first.import_run_id, COMMAND_LINE)
    assert (undone.events, undone.released) == (8, 0)
    assert history(store) == before
    sound(store)
    report = verify_mirror(store, mirror)
    assert report is not None
    assert report.first_differences == []
    again = orders(store, tmp_path, "file", *VARIED)
    assert accounting(again) == accounting(first)
    assert history(store) == after
    sound(store)
    assert one(store, f"select status from import_run where id = {first.import_run_id}") == "undone"


def test_a_backorder_of_another_source_is_served_by_what_comes_free(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    first = orders(store, tmp_path, "file", row("1", "a", "MUG", 8))
    sale = {"source": "feed", "channel_id": "shop", "currency": "EUR", "received_at": LATER, "occurred_at": LATER}
    ingest(store, [ev.Sale(**sale, event_id="s1", order_ref="F1", lines=[{"line_ref": "a", "sku": "MUG", "quantity": 5}])])
    assert one(store, "select backordered from backorder_level where sku = 'MUG'") == 4
    undo_import(store, first.import_run_id, COMMAND_LINE)
    assert one(store, "select backordered from backorder_level where sku = 'MUG'") == 0
    assert table(store, "select on_hand, allocated from stock_level where sku = 'MUG'") == [(10, 6)]
    sound(store)


def test_what_rests_on_it_stops_it_and_changes_nothing(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    first = orders(
        store, tmp_path, "file", row("1", "a", "MUG", 2), row("2", "a", "MUG", 3, "Shipped", shipped="2026-03-02 10:00:00", tracking="T1")
    )
    head = {"source": "feed", "channel_id": "shop", "received_at": LATER, "occurred_at": LATER}
    lines = [{"line_ref": "a", "quantity": 1}]
    ingest(
        store,
        [
            ev.Shipment(**head, event_id="e1", order_ref="1", shipment_ref="P", location_id="main", lines=lines),
            ev.Delivery(**head, event_id="e2", order_ref="2", shipment_ref="T1"),
            ev.ReturnReceived(**head, event_id="e3", order_ref="2", return_ref="R", location_id="main", lines=lines),
        ],
    )
    before, preview = history(store), preview_undo(store, first.import_run_id)
    assert [(stop.count, stop.examples) for stop in preview.stops] == [
        (1, ("order 1 (feed)",)),
        (1, ("order 2 (feed)",)),
        (1, ("order 2",)),
    ]
    with pytest.raises(Conflict, match=r"1 shipments from another source are of its lines: order 1 \(feed\); .* Nothing was changed"):
        undo_import(store, first.import_run_id, COMMAND_LINE)
    assert one(store, f"select status from import_run where id = {first.import_run_id}") == "complete"
    assert history(store) == before
    sound(store)


def test_lines_of_another_source_are_as_they_were(store: Engine, tmp_path: Path) -> None:
    """What it shipped, cancelled, priced and told of customers and packages of another import's orders is put back."""
    prepare(store, tmp_path)
    orders(
        store,
        tmp_path,
        "first",
        *(row("1", "a", "MUG", 2, country="DE"), row("1", "b", "CUP", 4), row("3", "a", "SET", 2)),
        row("2", "a", "MUG", 3, "Shipped", shipped="2026-03-02 10:00:00", tracking="T1"),
    )
    before = history(store)
    second = orders(
        store,
        tmp_path,
        "second",
        *(row("1", "a", "MUG", 2, "Shipped", shipped="2026-03-06 10:00:00", price="3.00", country="FR"), row("1", "c", "MUG", 1)),
        *(row("1", "b", "CUP", 4, "Cancelled"), row("3", "a", "SET", 2, "Returned", shipped="2026-03-06 10:00:00")),
        row("2", "a", "MUG", 3, "Delivered", shipped="2026-03-02 10:00:00", tracking="T1", delivered="2026-03-09 10:00:00"),
    )
    preview = preview_undo(store, second.import_run_id)
    assert (preview.orders, preview.lines, preview.shipments, preview.cancellations, preview.returns) == (0, 1, 2, 1, 1)
    assert (preview.overwritten, preview.stops) == (3, [])
    undo_import(store, second.import_run_id, COMMAND_LINE)
    assert history(store) == before
    sound(store)


def test_an_import_that_others_changed_since_stays(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    first = orders(store, tmp_path, "first", row("1", "a", "MUG", 2))
    second = orders(store, tmp_path, "second", row("1", "a", "MUG", 2, price="3.00"), row("1", "b", "CUP", 1))
    (lines, changes) = preview_undo(store, first.import_run_id).stops
    assert (lines.what, lines.examples) == ("lines from another source are on orders that it brought", ("order 1 (import:shop)",))
    assert (changes.what, changes.count) == ("things that it brought were changed by another import", 1)
    undo_import(store, second.import_run_id, COMMAND_LINE)
    undo_import(store, first.import_run_id, COMMAND_LINE)
    assert one(store, "select count(*) from sales_order") == 1
    sound(store)


def test_what_comes_for_its_orders_meanwhile_waits(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    first = orders(store, tmp_path, "file", *VARIED)
    head = {"source": "feed", "channel_id": "shop", "received_at": LATER, "occurred_at": LATER}
    lines = [{"line_ref": "a", "quantity": 1}]
    outcomes: list[tuple[str, str | None]] = []

    def interfere(done: int, _total: int) -> None:
        if not outcomes:
            assert done
            events = [
                ev.Shipment(**head, event_id="e1", order_ref="5", shipment_ref="P", location_id="main", lines=lines),
                ev.Delivery(**head, event_id="e2", order_ref="2", shipment_ref="T1"),
                ev.Shipment(**head, event_id="e3", order_ref="0", shipment_ref="P", location_id="main", lines=lines),
            ]
            outcomes.extend((outcome.status, outcome.waits_for) for outcome in ingest(store, events))
            sound(store)
            with pytest.raises(Conflict, match=rf"Import {first.import_run_id} \(file.csv\) is being taken back"):
                orders(store, tmp_path, "other", row("9", "a", "MUG"))

    undone = undo_import(store, first.import_run_id, COMMAND_LINE, interfere)
    waits = f"import:{first.import_run_id}"
    assert outcomes == [("parked", waits), ("parked", waits), ("applied", None)]
    assert undone.released == 0
    parked = table(store, "select event_id, waits_for from event where status = 'parked' order by event_id")
    assert parked == [("e1", "order:shop:5"), ("e2", "shipment:shop:2:T1")]
    orders(store, tmp_path, "file", *VARIED)
    assert one(store, "select count(*) from event where status = 'parked'") == 0
    sound(store)


def test_only_a_manager_takes_back_and_only_what_can_be(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    first = orders(store, tmp_path, "file", row("1", "a", "MUG", 2), row("2", "a", "MUG", "x"))
    for name in ("planner", "manager"):
        add_user(store, name, name, COMMAND_LINE)
    with pytest.raises(Forbidden, match="planner is planner and may not take back imports: ask someone who is manager or admin"):
        undo_import(store, first.import_run_id, "planner")
    undo_import(store, first.import_run_id, "manager")
    trail = table(store, "select actor, before, after from audit_entry where action = 'undo_import' order by at, id")
    assert trail == [
        ("manager", '{"status": "complete"}', '{"status": "undoing"}'),
        ("manager", '{"status": "undoing"}', '{"status": "undone"}'),
    ]
    assert one(store, "select status from inbox_item") == "dismissed"
    again = orders(store, tmp_path, "file", row("1", "a", "MUG", 2), row("2", "a", "MUG", "x"))
    assert (again.imported, again.duplicates, again.quarantined) == (1, 0, 1)
    products = one(store, "select id from import_run where kind = 'products'")
    for run_id, reason in (
        (first.import_run_id, "has been taken back already"),
        (products, "only imports of orders and counts can be taken back"),
        (10**9, "There is no import 1000000000:"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            preview_undo(store, run_id)


def test_counts_are_taken_back(store: Engine, tmp_path: Path) -> None:
    prepare(store, tmp_path)
    orders(store, tmp_path, "file", *VARIED)
    before = history(store)
    path = write(
        tmp_path / "counts.csv", "sku,location_id,quantity,counted_at", *(f"{sku},main,3,2026-03-04 00:00:00" for sku in ("MUG", "CUP"))
    )
    counts = import_table(store, "counts", path)
    assert counts.imported == 2
    assert history(store) != before
    undo_import(store, counts.import_run_id, COMMAND_LINE)
    assert history(store) == before
    sound(store)
    assert import_table(store, "counts", path).imported == 2


def test_an_assumed_opening_is_taken_back_unless_another_file_rests_on_it(store: Engine, tmp_path: Path) -> None:
    def shipped(number: str) -> str:
        return row(number, "a", "MUG", 3, "Shipped", placed="2026-03-01 10:00:00", shipped="2026-03-02 10:00:00")

    first = orders(store, tmp_path, "first", shipped("1"), opening_stock="cover:30d")
    assert table(store, "select is_assumed from stock_level") in ([(True,)], [(1,)])
    second = orders(store, tmp_path, "second", shipped("2"))
    (stop,) = preview_undo(store, first.import_run_id).stops
    assert (stop.count, stop.examples) == (1, ("MUG at main",))
    undo_import(store, second.import_run_id, COMMAND_LINE)
    undo_import(store, first.import_run_id, COMMAND_LINE)
    assert one(store, "select count(*) from stock_level") == 0
    sound(store)
    assert accounting(orders(store, tmp_path, "first", shipped("1"), opening_stock="cover:30d")) == accounting(first)


CHILD = """
import sys
from data_access.commands.imports import undo_import
from data_access.engine import open_engine
undo_import(open_engine(sys.argv[1]), int(sys.argv[2]), "command line")
"""


@pytest.mark.parametrize("opening_stock", [None, "cover:30d"])
def test_a_killed_undo_goes_on(store: Engine, store_url: str, tmp_path: Path, opening_stock: str | None) -> None:
    path, mirror = long_file(tmp_path / "retail.csv"), tmp_path / "mirror"
    before = history(store)
    first = import_orders(store, path, "online-retail", opening_stock)
    after, brought = history(store), one(store, "select count(*) from event")
    catch_up(store, mirror)
    taken_back = "select count(*) from event where status = 'undone'"
    child = subprocess.Popen([sys.executable, "-c", CHILD, store_url, str(first.import_run_id)])
    while child.poll() is None:
        if one(store, taken_back):
            os.kill(child.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    child.wait()
    assert one(store, f"select status from import_run where id = {first.import_run_id}") == "undoing"
    sound(store)
    report = verify_mirror(store, mirror)
    assert report is not None
    assert report.first_differences == []
    left = brought - one(store, taken_back)
    assert undo_import(store, first.import_run_id, COMMAND_LINE).events == left
    assert history(store) == before
    sound(store)
    report = verify_mirror(store, mirror)
    assert report is not None
    assert (report.first_differences, report.rows) == ([], 0)
    again = import_orders(store, path, "online-retail", opening_stock)
    assert accounting(again) == accounting(first)
    assert history(store) == after
    sound(store)


PLACED = st.sampled_from(["2025-09-01 10:00:00", "2026-03-01 10:00:00", "2026-03-02 10:00:00"])
FATES = st.sampled_from(["Open", "Open", "Shipped", "Delivered", "Cancelled", "Returned"])


@st.composite
def files(draw: st.DrawFn, numbers: tuple[str, ...]) -> list[str]:
    """Rows of a file, some of which change earlier ones."""
    return [
        row(
            draw(st.sampled_from(numbers)),
            draw(st.sampled_from(("a", "b"))),
            draw(st.sampled_from(("MUG", "CUP", "SPOON", "SET"))),
            draw(st.integers(1, 9)),
            draw(FATES),
            draw(PLACED),
            shipped=draw(st.sampled_from(("", "2026-03-03 10:00:00", "2026-03-04 10:00:00"))),
            country=draw(st.sampled_from(("", "DE", "FR"))),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]


@pytest.fixture
def prepared(sqlite_template: Path, tmp_path: Path) -> Path:
    """A prepared store's file, to be copied."""
    path = tmp_path / "prepared.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    prepare(engine, tmp_path)
    engine.dispose()
    return path


@given(first=files(("1", "2", "3")), second=files(("4", "5", "6")), counted_later=st.booleans())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_two_imports_without_the_first_are_the_second(
    first: list[str], second: list[str], counted_later: bool, prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    engines = []
    for name in ("both", "second"):
        shutil.copyfile(prepared, folder / f"{name}.db")
        engines.append(open_engine(f"sqlite:///{folder / name}.db"))
    both, alone = engines
    try:
        taken = orders(both, folder, "first", *first)
        for engine in engines:
            orders(engine, folder, "second", *second)
            if counted_later:
                counted(engine, 4, LATER, "MUG", "CUP")
        undo_import(both, taken.import_run_id, COMMAND_LINE)
        sound(both)
        assert unallocated(both) == unallocated(alone)
        again = orders(both, folder, "first", *first)
        assert accounting(again) == accounting(taken)
        sound(both)
    finally:
        for engine in engines:
            engine.dispose()


def unallocated(engine: Engine) -> dict[str, list[str]]:
    """`history` without what depends on the order of arrival: which of the open lines are allocated, and which wait."""
    held = {name: rows for name, rows in history(engine).items() if name not in ("allocation", "short", "order_line", "stock_level")}
    facts = "order_ref, line_ref, sku, kit_version, quantity, unit_price, shipped_quantity, cancelled_quantity, returned_quantity"
    lines = table(engine, f"select {facts} from order_line join sales_order on sales_order.id = order_id order by 1, 2")
    levels = table(engine, "select sku, location_id, on_hand, unsellable, tracked_from, last_at from stock_level order by 1, 2")
    return {**held, "order_line": [repr(one) for one in lines], "stock_level": [repr(one) for one in levels]}
