"""Which rows of a file are taken, as what, and to which channel and location they belong."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.commands.inbox import retry
from data_access.engine import open_engine
from data_access.imports.import_run import OUTCOMES, ImportResult
from data_access.imports.order_import import import_orders, import_table
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import mapping, one, sound, table, write

HEADER = "number,kind,when,state,paid,code,name,units,amount,site,who,back"
TEXT = """
[channel]
id = "shop"
name = "Shop"
kind = "marketplace"
currency = "EUR"
time_zone = "Europe/Berlin"

[location]
id = "main"
name = "Main"

[columns]
order = "number"
external_sku = "code"
title = "name"
quantity = "units"
price = "amount"
placed = "when"
status = "state"

[lines]
identity = ["external_sku"]

[skus]
unknown = "create"

[status]
open = ["placed"]
sent = ["shipped"]
gone = ["cancelled"]
draft = []
"""
ROUTES = """
[[rows]]
where = { site = "^test$" }
then = "leave_out"

[[rows]]
where = { paid = "^no$" }
of_order = true
then = "wait"

[[rows]]
where = { who = "^them$", site = "^fr$" }
channel = { id = "fr", name = "France", kind = "marketplace", currency = "EUR", time_zone = "Europe/Paris" }
location = { id = "theirs", name = "Theirs", kind = "fulfilment_centre" }

[[rows]]
where = { who = "^them$" }
location = { id = "theirs", name = "Theirs", kind = "fulfilment_centre" }

[[rows]]
where = { site = "^fr$" }
channel = { id = "fr", name = "France", kind = "marketplace", currency = "EUR", time_zone = "Europe/Paris" }
"""
COUNTS = ("sku,location_id,quantity,counted_at", "MUG,main,100,2026-01-01 00:00", "MUG,theirs,100,2026-01-01 00:00")


def line(number: str, code: str = "MUG", units: object = 1, state: str = "sent", when: str = "2026-03-01 10:00:00", **more: str) -> str:
    cells = {"number": number, "code": code, "units": str(units), "state": state, "when": when, "name": code.title(), **more}
    return ",".join(cells.get(name, "") for name in HEADER.split(","))


def take(store: Engine, folder: Path, *rows: str, text: str = TEXT, header: str = HEADER) -> ImportResult:
    return import_orders(store, write(folder / "f.csv", header, *rows), mapping(folder, text))


def outcomes(result: ImportResult) -> dict[str, int]:
    """What became of the rows; all are accounted for."""
    by_name = {name: getattr(result, name) for name in OUTCOMES}
    assert sum(by_name.values()) == result.rows_read
    return {name: rows for name, rows in by_name.items() if rows}


def stocked(store: Engine, folder: Path) -> None:
    """100 MUG at each location, counted before anything left."""
    take(store, folder, line("0"), line("00", who="them"), text=TEXT + ROUTES)
    import_table(store, "counts", write(folder / "counts.csv", *COUNTS))


def test_rows_belong_to_the_channel_and_location_that_their_columns_say(store: Engine, tmp_path: Path) -> None:
    stocked(store, tmp_path)
    rows = [
        *(line("1", units=2), line("2", units=3, who="them"), line("3", units=4, site="fr"), line("4", units=5, who="them", site="fr")),
        *(line("5", units=6, site="test"), line("5", units=7, site="test", when="never")),
    ]
    assert outcomes(take(store, tmp_path, *rows, text=TEXT + ROUTES)) == {"imported": 4, "left_out": 2}
    sent = "select o.channel_id, o.order_ref, s.location_id, s.quantity from shipment s join order_line l on l.id = s.line_id"
    assert table(store, f"{sent} join sales_order o on o.id = l.order_id where o.order_ref in ('1', '2', '3', '4') order by 2") == [
        ("shop", "1", "main", 2),
        ("shop", "2", "theirs", 3),
        ("fr", "3", "main", 4),
        ("fr", "4", "theirs", 5),
    ]
    left = 100 - 2 - 4 - 1, 100 - 3 - 5 - 1
    assert table(store, "select location_id, on_hand from stock_level order by 1") == [("main", left[0]), ("theirs", left[1])]
    assert table(store, "select channel_id, location_id from channel_location order by 1, 2") == [
        *(("fr", "main"), ("fr", "theirs"), ("shop", "main"), ("shop", "theirs")),
    ]
    assert one(store, "select count(*) from inbox_item") == 0
    assert outcomes(take(store, tmp_path, *rows, text=TEXT + ROUTES)) == {"duplicates": 4, "left_out": 2}
    sound(store)


def test_one_number_on_two_channels_is_two_orders(store: Engine, tmp_path: Path) -> None:
    rows = [line("1", state="open"), line("1", state="open", site="fr")]
    assert outcomes(take(store, tmp_path, *rows, text=TEXT + ROUTES)) == {"imported": 2}
    assert table(store, "select channel_id, order_ref from sales_order order by 1") == [("fr", "1"), ("shop", "1")]
    assert outcomes(take(store, tmp_path, *rows, line("2"), text=TEXT + ROUTES)) == {"imported": 1, "duplicates": 2}
    sound(store)


def test_what_is_not_yet_an_order_holds_nothing_until_it_is(store: Engine, tmp_path: Path) -> None:
    stocked(store, tmp_path)
    draft, unpaid = line("1", units=5, state="draft"), [line("2", units=2, state="open", paid="no"), line("2", "CUP", 1, "open")]
    first = take(store, tmp_path, draft, *unpaid, text=TEXT + ROUTES)
    assert outcomes(first) == {"waiting": 3}
    assert one(store, "select count(*) from order_line where shipped_quantity = 0") == 0
    paid = [line("1", units=5, state="open"), line("2", units=2, state="open", paid="yes"), line("2", "CUP", 1, "open")]
    assert outcomes(take(store, tmp_path, *paid, text=TEXT + ROUTES)) == {"imported": 3}
    assert table(
        store, "select quantity, allocated_quantity, backordered_quantity from order_line where shipped_quantity = 0 order by 1"
    ) == [
        *((1, 0, 1), (2, 2, 0), (5, 5, 0)),
    ]
    assert outcomes(take(store, tmp_path, draft, *unpaid, text=TEXT + ROUTES)) == {"waiting": 3}
    assert one(store, "select sum(allocated_quantity) from order_line") == 7
    sound(store)


def test_a_row_in_the_inbox_remembers_where_its_order_belongs(store: Engine, tmp_path: Path) -> None:
    """Its own cells do not say that its order is unpaid; the first row of the order does."""
    text = TEXT.replace('unknown = "create"', 'unknown = "quarantine"') + ROUTES
    rows = [line("1", state="open", site="fr"), line("2", "CUP", state="open", paid="no"), line("2", "PEN", state="odd")]
    assert outcomes(take(store, tmp_path, *rows, text=text)) == {"waiting": 2, "quarantined": 1}
    assert table(store, "select channel_id, external_sku from inbox_item") == [("fr", "MUG")]
    assert table(store, "select channel_id, external_sku from listing") == [("fr", "MUG")]
    sound(store)


def test_an_orders_own_row_fills_the_others_and_is_no_line(store: Engine, tmp_path: Path) -> None:
    summary = line("1", "", 3, "", when="2026-03-02 10:00:00", name="")
    rows = [summary, line("1", "MUG", 2, "open", when=""), line("1", "CUP", 1, "open", when=""), line("2", "", 1, "open", name="Old pan")]
    assert outcomes(take(store, tmp_path, *rows)) == {"imported": 2, "left_out": 1, "quarantined": 1}
    assert table(store, "select reason_code, line_number from inbox_item") == [("missing_external_sku", 5)]
    assert one(store, "select count(distinct placed_at) from order_line") == 1
    sound(store)


@pytest.mark.parametrize(
    ("cell", "price"),
    [
        *(
            ("10.00", 100_000),
            ("€10.00", 100_000),
            ("€ 10.00", 100_000),
            ("10.00 €", 100_000),
            ("EUR 10.00", 100_000),
            ("10.00EUR", 100_000),
        ),
        *(("£10.00", None), ("USD 10.00", None), ("ten", None), ("E10.00", None), ("10.00 EURO", None)),
    ],
)
def test_signs_and_codes_of_currencies(sqlite_store: Engine, tmp_path: Path, cell: str, price: int | None) -> None:
    """A price in another currency than its row's is a question, not a number."""
    result = take(sqlite_store, tmp_path, line("1", amount=cell))
    assert outcomes(result) == ({"quarantined": 1} if price is None else {"imported": 1})
    assert table(sqlite_store, "select unit_price from order_line") == ([] if price is None else [(price,)])


def test_a_column_may_stand_in_for_another_and_a_constant_for_both(store: Engine, tmp_path: Path) -> None:
    text = TEXT.replace('external_sku = "code"', 'external_sku = ["code", "kind"]').replace(
        'quantity = "units"', 'quantity = { columns = ["units"], otherwise = "1" }\ncurrency = { otherwise = "EUR" }'
    )
    rows = [line("1", "MUG", 3), line("2", "", "", kind="CUP"), line("3", "PEN", "", kind="CUP")]
    assert outcomes(take(store, tmp_path, *rows, text=text)) == {"imported": 3}
    assert table(store, "select external_sku, quantity from order_line order by 1") == [("CUP", 1), ("MUG", 3), ("PEN", 1)]


def test_a_refund_under_the_orders_own_number_gives_its_line_back(store: Engine, tmp_path: Path) -> None:
    text = TEXT + "\n[returns]\nnegative_quantity = true\n"
    stocked(store, tmp_path)
    rows = [line("1", units=5), line("2", units=5), line("1", units=-2, when="2026-03-09 10:00:00"), line("9", units=-1)]
    result = take(store, tmp_path, *rows, text=text)
    assert (outcomes(result), result.counts["unmatched_returns"]) == ({"imported": 4}, 1)
    back = (
        "select o.order_ref, l.returned_quantity from order_line l join sales_order o on o.id = l.order_id where o.order_ref in ('1', '2')"
    )
    assert table(store, f"{back} order by 1") == [("1", 2), ("2", 0)]
    assert table(store, "select return_ref, quantity, disposition from return_line order by 1") == [("1", 2, None), ("9", 1, None)]
    assert outcomes(take(store, tmp_path, *rows, text=text)) == {"duplicates": 4}
    sound(store)


def test_a_column_says_how_many_units_were_refunded(store: Engine, tmp_path: Path) -> None:
    """Of what has left they come back, and wait for inspection; of what has not, they are not sent."""
    text = TEXT.replace('title = "name"', 'title = "name"\nrefunded_quantity = "back"')
    stocked(store, tmp_path)
    rows = [line("1", units=3), line("2", units=3, state="open"), line("3", units=2, state="open", back="-2"), line("4", units=2, back="0")]
    assert outcomes(take(store, tmp_path, *rows, text=text)) == {"imported": 4}
    rows = [line("1", units=3, back="-1"), line("2", units=3, state="open", back="-1"), *rows[2:]]
    assert outcomes(take(store, tmp_path, *rows, text=text)) == {"updated": 2, "duplicates": 2}
    query = "select o.order_ref, l.quantity, l.shipped_quantity, l.cancelled_quantity, l.allocated_quantity, l.returned_quantity"
    query += " from order_line l join sales_order o on o.id = l.order_id where o.order_ref in ('1', '2', '3', '4') order by 1"
    assert table(store, query) == [("1", 3, 3, 0, 0, 1), ("2", 3, 0, 1, 2, 0), ("3", 2, 0, 2, 0, 0), ("4", 2, 2, 0, 0, 0)]
    assert outcomes(take(store, tmp_path, line("1", units=3, back="-3"), text=text)) == {"updated": 1}
    assert one(store, "select sum(returned_quantity) from order_line") == 3
    sound(store)


SAID = {
    "cancelled_after_leaving": ("sent", "gone", 2, "The row says cancelled, and 3 units had left: what comes back is a return."),
    "fewer_than_left": ("sent", "sent", 2, "The row says 2 units, and 3 had left: what comes back is a return."),
    "open_after_leaving": ("sent", "open", 3, "The row says that nothing has left, and 3 units had: what happened stands."),
}


@pytest.mark.parametrize("code", SAID)
def test_a_change_that_is_not_taken_is_counted_and_listed(store: Engine, tmp_path: Path, code: str) -> None:
    before, after, units, reason = SAID[code]
    assert outcomes(take(store, tmp_path, line("1", units=3, state=before))) == {"imported": 1}
    lines = table(store, "select * from order_line")
    assert outcomes(take(store, tmp_path, line("1", units=units, state=after))) == {"ignored": 1}
    assert table(store, "select reference, line_number, reason_code, reason from ignored_row") == [("1", 2, code, reason)]
    assert table(store, "select * from order_line") == lines
    assert outcomes(take(store, tmp_path, line("1", units=units, state=after), line("2"))) == {"imported": 1, "duplicates": 1}
    sound(store)


@pytest.mark.parametrize("state", ["open", "sent"])
def test_a_cancelled_order_that_lives_again_is_a_question(store: Engine, tmp_path: Path, state: str) -> None:
    stocked(store, tmp_path)
    take(store, tmp_path, line("1", units=3, state="gone"))
    lines = table(store, "select * from order_line")
    assert outcomes(take(store, tmp_path, line("1", units=3, state=state))) == {"quarantined": 1}
    ((item, code, reason),) = table(store, "select id, reason_code, reason from inbox_item")
    assert (code, "was cancelled, and the row says that it" in reason) == ("lives_again", True)
    assert (table(store, "select * from order_line"), one(store, "select count(*) from shipment")) == (lines, 2)
    assert (retry(store, [item], COMMAND_LINE).taken, table(store, "select * from order_line")) == (0, lines)
    sound(store)


def test_no_more_leaves_than_was_not_cancelled(store: Engine, tmp_path: Path) -> None:
    """The file goes on naming the units that were ordered."""
    take(store, tmp_path, line("1", units=3, state="open"))
    take(store, tmp_path, line("1", units=2, state="open"))
    assert outcomes(take(store, tmp_path, line("1", units=3, state="sent"))) == {"updated": 1}
    assert table(store, "select quantity, shipped_quantity, cancelled_quantity from order_line") == [(3, 2, 1)]
    sound(store)


ROWS = st.lists(
    st.builds(
        line,
        st.sampled_from("123"),
        st.sampled_from(["MUG", "CUP", ""]),
        st.sampled_from([1, 2, "x", 0]),
        st.sampled_from(["open", "sent", "gone", "draft", "odd"]),
        site=st.sampled_from(["", "test", "fr"]),
        who=st.sampled_from(["", "them"]),
        paid=st.sampled_from(["", "no", "yes"]),
        name=st.sampled_from(["", "Thing"]),
    ),
    max_size=12,
)


@given(rows=ROWS, again=ROWS)
@settings(max_examples=25)
def test_every_row_becomes_something(
    rows: list[str], again: list[str], sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of any file, and of a second one with some of its orders; rows that a rule leaves out are those that a plain look finds."""
    folder = tmp_path_factory.mktemp("rows")
    shutil.copyfile(sqlite_template, folder / "store.db")
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    try:
        for part in (rows, again):
            result = take(engine, folder, *part, text=TEXT + ROUTES)
            cells = [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in part]
            assert sum(outcomes(result).values()) == len(part)
            assert result.left_out >= sum(cell["site"] == "test" for cell in cells)
            assert one(engine, "select count(*) from order_line where external_sku = ''") == 0
            sound(engine)
    finally:
        engine.dispose()
