"""What components write as HTML or as frames: exact figures, and text from the store made harmless."""

from datetime import UTC, datetime

import polars as pl
from polars.testing import assert_frame_equal

from dashboard.inbox import forms as inbox
from dashboard.overview import freshness
from dashboard.shell import header, kpis, options
from dashboard.stock import explain, pictures, tables
from data_access.domain.availability import AVAILABILITY
from data_access.queries.catalog import CHANNELS
from data_access.queries.freshness import FRESHNESS
from data_access.queries.stock import KPIS, LEDGER, PICTURE, STOCK_TABLE

EVIL = "<script>alert(1)</script>"
AT = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
AGES = pl.DataFrame(
    [
        ("web", "Web shop", 1, AT, 12.0, 600, False, 0),
        ("ebay", EVIL, 2, AT, 7_200.0, 600, True, 3),
        ("new", "New", 9, None, None, 600, True, 0),
    ],
    schema=FRESHNESS,
    orient="row",
)
OPTIONS = options.Options(
    channel={"web": "Web shop"}, location={"LDN": "London"}, category={"Lamps": "Lamps"}, state={"out": "Out", "low": "Low"}
)


def stock_row(**values: object) -> pl.DataFrame:
    numbers = {name: 0 for name, kind in STOCK_TABLE.items() if kind == pl.Int64}
    flags = {name: False for name, kind in STOCK_TABLE.items() if kind == pl.Boolean}
    texts = {"sku": "LAMP-1", "name": "Lamp", "category": "Lamps", "state": "low", "days_of_cover": 4.4}
    return pl.DataFrame([{**numbers, **flags, **texts, **values}], schema=STOCK_TABLE)


def test_the_header_says_stale_in_words_and_escapes_names() -> None:
    html = header.head_html(AGES, is_demo=True)
    assert "Demo data" in html
    assert "Web shop <b>12 s</b>" in html
    assert '<span class="oh-stale">⚠ stale, 2 h</span>' in html
    assert "⚠ stale, no data yet" in html
    assert "oh-dot oh-c1" in html
    assert EVIL not in html
    assert "&lt;script&gt;" in html
    assert "Demo data" not in header.head_html(AGES, is_demo=False)
    assert "No channels yet" in header.head_html(AGES.clear(), is_demo=False)


def test_the_freshness_table_escapes_names() -> None:
    html = freshness.html(AGES)
    assert EVIL not in html
    assert "<td>2026-11-23 09:05:00</td><td>10 min</td><td>3</td>" in html


def test_a_kpi_tells_its_change_and_draws_its_trend() -> None:
    card = {"kpi": "on_hand", "label": "On hand", "value": 1_250, "unit": "units", "history": [1_000, 1_100, 1_250], "help": ""}
    html = kpis.card_html(card)
    assert "On hand (units)" in html
    assert ">1,250<" in html
    assert "▲ 250 in 2 days" in html
    assert '<img alt=""' in html
    assert kpis.sparkline([7]) == ""
    assert "unchanged in 1 day" in kpis.card_html({**card, "history": [5, 5]})
    assert "no history yet" in kpis.card_html({**card, "history": []})
    assert "SKUs out<" in kpis.card_html({**card, "label": "SKUs out", "unit": "SKUs"})


def test_a_kpi_without_data_says_what_brings_it() -> None:
    names = ["on_hand", "available", "allocated", "backordered", "skus_out"]
    zeros = {"kpi": names, "label": names, "value": [0] * 5, "unit": "units", "history": [[0, 0]] * 5, "help": ""}
    figures = pl.DataFrame(zeros).select(pl.col(name).cast(kind) for name, kind in KPIS.items())
    new = kpis.measured(figures, has_stock=False, has_orders=False)
    assert new.schema == KPIS
    assert (new["value"].to_list(), new["history"].to_list()) == ([None] * 5, [[]] * 5)
    cards = [kpis.card_html(row) for row in new.iter_rows(named=True)]
    assert all(">—<" in card for card in cards)
    brings = ["counts", "counts", "orders", "orders", "counts"]
    assert [f"no data yet: import {what}" in card for what, card in zip(brings, cards, strict=True)] == [True] * 5
    counted = kpis.measured(figures, has_stock=True, has_orders=False)
    assert counted["value"].to_list() == [0, 0, None, None, 0]
    assert_frame_equal(kpis.measured(figures, has_stock=True, has_orders=True), figures)  # a true 0 stays


def test_the_steps_of_a_channel_stand_in_a_row_with_the_rule_that_binds() -> None:
    row = dict.fromkeys(AVAILABILITY) | {
        "sku": "LAMP-1",
        "channel_id": "web",
        "on_hand": 40,
        "allocated": 3,
        "unsellable": 1,
        "location_buffer": 0,
        "available": 36,
        "backordered": 0,
        "reserved_elsewhere": 0,
        "pool": 36,
        "channel_buffer": 6,
        "available_to_sell": 30,
        "binding_rule": "channel buffer",
    }
    html = explain.availability_html(pl.DataFrame([row], schema=AVAILABILITY), {"web": EVIL})
    cells = "".join(f"<td>{units}</td>" for units in (40, 3, 1, 36, 0, 36, 6))
    assert f'{cells}<td class="oh-strong">30</td><td class="oh-text oh-rule">the channel buffer withholds units</td>' in html
    assert "Location buffer" not in html  # a step without units is left out
    assert EVIL not in html


def test_movements_end_with_what_is_on_hand() -> None:
    moves = [(AT.replace(hour=12), -2), (AT.replace(hour=11), 5), (AT.replace(hour=10), 7)]
    rows = pl.DataFrame(
        [
            {
                "movement_id": 1,
                "occurred_at": at,
                "sku": "L",
                "location_id": "LDN",
                "state": "sellable",
                "kind": "write_off",
                "quantity": units,
            }
            | {"source": "feed", "event_ref": "e1", "event_kind": "write_off"}
            for at, units in moves
        ],
        schema=LEDGER,
    )
    shown = explain.movements(rows, 10, {"LDN": "London"})
    assert shown["balance"].to_list() == [10, 12, 7]
    assert shown.row(0, named=True)["event"] == "feed e1"
    assert set(shown["location"]) == {"London"}
    assert set(shown["kind"]) == {"write off"}


def test_rows_are_shown_in_words() -> None:
    rows = pl.concat([stock_row(), stock_row(sku="SET-1", is_kit=True, is_assumed=True, state="oversell", available_to_sell=None)])
    expected = pl.DataFrame(
        {
            "sku": ["LAMP-1", "SET-1"],
            "name": ["Lamp", "Lamp · kit"],
            "state": ["▼ Low", "⚠ About to oversell"],
            "days_of_cover": [4.0, 4.0],
            "basis": ["counted", "assumed opening"],
        }
    )
    assert_frame_equal(tables.display(rows, with_channel=False).select(expected.columns), expected)
    assert "available_to_sell" not in tables.display(rows, with_channel=False).columns
    assert "available_to_sell" in tables.display(rows, with_channel=True).columns
    assert "basis" not in tables.display(stock_row(), with_channel=False).columns


def test_the_legend_names_what_is_drawn() -> None:
    channels = pl.DataFrame([("web", EVIL, "webstore", None, "GBP", "UTC", 3, 60)], schema=CHANNELS, orient="row")
    units = [("LDN", "London", "allocated", "web", "x", 4), ("LDN", "London", "unsellable", None, "y", 0)]
    html = pictures.legend_html(pl.DataFrame(units, schema=PICTURE, orient="row"), channels)
    assert "oh-c3" in html
    assert "hatched" in html
    assert "unsellable" not in html
    assert EVIL not in html


def test_ids_in_a_link_become_the_labels_of_the_widgets() -> None:
    given = {"channel": "web", "state": ["out", "Low"], "sku": "L-1", "tab": "parked"}
    assert options.expanded(given, OPTIONS) == {"channel": ["Web shop"], "state": ["Out", "Low"], "sku": ["L-1"], "tab": ["parked"]}


def test_what_an_event_waits_for_is_said_in_words() -> None:
    assert inbox.waits_for("listing:amazon:B-1") == "a SKU for the listing amazon B-1"
    assert inbox.waits_for("po:PO-7") == "the purchase order PO-7"
    assert inbox.waits_for("else") == ""
