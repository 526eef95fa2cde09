"""Facts of orders, deadlines, instants, exports with preambles and footers, and which rows leave which location."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from data_access.imports.inbox_files.export import export_rows
from tests.data_access.import_files import one, table
from tests.data_access.imports.cases.conftest import Stores
from tests.data_access.imports.cases.looks import facts, hall, inbox, rows_of, take
from tests.data_access.imports.cases.test_identity_cases import TILL

SHOPIFY = "Name,Financial Status,Fulfillment Status,Fulfilled at,Currency,Created at,Lineitem quantity,Lineitem name,Lineitem price,"
SHOPIFY += "Lineitem sku,Lineitem requires shipping,Lineitem fulfillment status,Cancelled at"
AT = "2026-11-16 10:00:00 +0100"
SENT_AT = "2026-11-19 15:00:00 +0100"
FIRST = {"Financial Status": "paid", "Fulfillment Status": "unfulfilled", "Currency": "EUR"}


def shopify(name: str, sku: str, status: str = "pending", **more: str) -> str:
    cells = {"Name": name, "Created at": AT, "Lineitem quantity": "1", "Lineitem name": f"Thing {sku}", "Lineitem price": "5.00"}
    cells |= {"Lineitem sku": sku, "Lineitem requires shipping": "true", "Lineitem fulfillment status": status}
    cells |= {key.replace("_", " "): cell for key, cell in more.items()}
    return ",".join(cells.get(column, "") for column in SHOPIFY.split(","))


def orders_first(name: str, sku: str, status: str = "pending", **more: str) -> str:
    return shopify(name, sku, status, **{**{key.replace(" ", "_"): cell for key, cell in FIRST.items()}, **more})


def export(*rows: str) -> str:
    return "\n".join([SHOPIFY, *rows, ""])


SENT = [orders_first("#1", "A-1", "fulfilled", Fulfilled_at=SENT_AT, Fulfillment_Status="fulfilled"), shopify("#1", "B-2", "fulfilled")]
SENT_TIMES = "select distinct shipped_at from shipment"
SENT_MICROS = round(datetime(2026, 11, 19, 14, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize("files", [[SENT], [SENT[::-1]], [SENT[:1], SENT[1:]]], ids=["one", "reversed", "split"])
def test_an_orders_time_of_shipping_is_that_of_all_its_lines(company: Engine, tmp_path: Path, files: list[list[str]]) -> None:
    """Also where a second file has only the further rows of an order: the store knows the rest."""
    for rows in files:
        assert take(company, tmp_path, export(*rows), "auto") == {"imported": len(rows)}
    assert rows_of(company) == [("#1", "A-1", 1, 1, 0, 0), ("#1", "B-2", 1, 1, 0, 0)]
    assert (table(company, SENT_TIMES), hall(company)) == ([(SENT_MICROS,)], [(99, 0), (99, 0), (100, 0)])


def test_a_later_export_cancels_the_whole_order(company: Engine, tmp_path: Path) -> None:
    take(company, tmp_path, export(orders_first("#1", "A-1"), shopify("#1", "B-2")), "auto")
    assert hall(company) == [(100, 1), (100, 1), (100, 0)]
    gone = orders_first("#1", "A-1", Cancelled_at="2026-11-17 12:00:00 +0100", Financial_Status="refunded")
    assert take(company, tmp_path, export(gone, shopify("#1", "B-2")), "auto") == {"updated": 2}
    assert hall(company) == [(100, 0), (100, 0), (100, 0)]


@pytest.mark.parametrize(
    ("status", "became"),
    [
        *((status, {"waiting": 1}) for status in ("pending", "voided", "expired")),
        *((status, {"imported": 1}) for status in ("paid", "authorized", "partially_paid", "partially_refunded")),
    ],
)
def test_what_is_not_paid_holds_no_stock(company: Engine, tmp_path: Path, status: str, became: dict[str, int]) -> None:
    assert take(company, tmp_path, export(orders_first("#1", "A-1", Financial_Status=status)), "auto") == became
    assert hall(company)[0] == (100, became.get("imported", 0))


HEADER = "order,date,sku,qty,price,state"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (["A-1,1,5,gone", "B-2,2,5,"], [(1, 0, 1), (2, 0, 0)]),
        (["A-1,1,5,", "B-2,2,5,gone"], [(1, 0, 0), (2, 0, 2)]),
        (["A-1,1,5,sent", "B-2,2,5,  "], [(1, 1, 0), (2, 0, 0)]),
        (["A-1,1,5,", "B-2,2,5,"], [(1, 0, 0), (2, 0, 0)]),
    ],
)
def test_a_blank_status_is_a_lines_own(company: Engine, tmp_path: Path, rows: list[str], lines: list[tuple[int, int, int]]) -> None:
    text = "\n".join([HEADER, *(f"7,2026-11-16 10:00:00,{row}" for row in rows)])
    assert take(company, tmp_path, text, TILL) == {"imported": 2}
    assert [row[2:5] for row in rows_of(company)] == lines
    later = "\n".join([HEADER, *(f"7,2026-11-16 10:00:00,{row.rpartition(',')[0]}," for row in rows)])
    take(company, tmp_path, later, TILL)  # what is left empty stays
    assert [row[2:5] for row in rows_of(company)] == lines
    filled = TILL + '[lines]\nof_order = ["placed", "status"]\n'
    take(company, tmp_path, text.replace("\n7,", "\n8,"), filled)
    said = {word for row in rows if (word := row.rpartition(",")[2].strip())}
    assert [row[3:5] for row in rows_of(company) if row[0] == "8"] == [
        (units * ("sent" in said), units * ("gone" in said)) for units in (1, 2)
    ]


# ---- deadlines and instants ---------------------------------------------------------------------------------------------------------

DEADLINES = TILL.replace("[formats]", 'ship_by = "ship by"\ndeliver_by = "deliver by"\n[formats]').replace('"%d.%m.%Y %H:%M"', '"%Y-%m-%d"')


CLOCK_DAYS = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-10-04", "2026-02-28"]  # most of 23 or 25 hours somewhere


@settings(max_examples=3)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    days=st.lists(st.sampled_from(CLOCK_DAYS), min_size=1, max_size=4),
)
def test_a_deadline_that_is_a_day_ends_with_it_whatever_the_clocks_do(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, zone: str, days: list[str]
) -> None:
    """The next midnight of the zone is no longer in time, and the microsecond before it is."""
    engine, folder = stores(), tmp_path_factory.mktemp("deadlines")
    rows = [f"{number},2026-01-02 10:00:00,A-1,1,5,open,{day},{day} 23:30:00" for number, day in enumerate(days)]
    by = DEADLINES.replace('id = "web"', 'id = "zoned"').replace("Europe/Berlin", zone) + '[skus]\nunknown = "create"\n'
    assert take(engine, folder, "\n".join([f"{HEADER},ship by,deliver by", *rows]), by) == {"imported": len(days)}
    midnights = [datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) + timedelta(days=1) for day in days]
    evenings = [datetime.fromisoformat(f"{day} 23:30").replace(tzinfo=ZoneInfo(zone)) for day in days]
    expected = [
        (round(midnight.timestamp()) * 1_000_000 - 1, round(evening.timestamp()) * 1_000_000)
        for midnight, evening in zip(midnights, evenings, strict=True)
    ]
    assert table(engine, "select ship_by_at, deliver_by_at from order_line order by id") == expected
    engine.dispose()


@settings(max_examples=3)
@given(moments=st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2029, 1, 1)), min_size=1, max_size=8), draw=st.data())  # noqa: DTZ001
def test_an_instant_is_one_in_all_its_forms(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, moments: list[datetime], draw: st.DataObject
) -> None:
    engine, folder = stores(), tmp_path_factory.mktemp("instants")
    rows, expected = [], []
    for number, moment in enumerate(moments):
        digits = draw.draw(st.sampled_from([0, 3, 6]))
        micros = moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits)
        at = moment.replace(microsecond=micros, tzinfo=UTC)
        minutes = draw.draw(st.sampled_from([0, 60, -480, 330, -210, 825]))
        local = at + timedelta(minutes=minutes)
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        offset = draw.draw(st.sampled_from(["Z"] * (minutes == 0) + [f"{sign}{hours:02}:{rest:02}", f"{sign}{hours:02}{rest:02}"]))
        fraction = f".{micros:06}"[: digits + 1] if digits else ""
        rows.append(f"{number},{local:%Y-%m-%dT%H:%M:%S}{fraction}{offset},A-1,1,5,open")
        expected.append((str(number), (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)))
    by = TILL.replace('["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"]', '["%Y-%m-%dT%H:%M:%S%z"]')
    assert take(engine, folder, "\n".join([HEADER, *rows]), by) == {"imported": len(rows)}
    assert table(engine, "select order_ref, placed_at from sales_order order by 1") == expected
    engine.dispose()


# ---- rows that are no items, in all forms of a file ------------------------------------------------------------------------------------

EBAY = "Order Number,Buyer Username,Item Title,Custom Label,Quantity,Sold For,Sale Date,Paid On Date,Ship By Date,Shipped On Date,"
EBAY += "Tracking Number,Transaction ID"
SALES = [
    "11-1,b,Pan,A-1,1,€10.00,Nov-16-26,Nov-16-26,Nov-19-26,Nov-19-26,T1,t1",
    "11-2,b,,,3,,Nov-16-26,Nov-16-26,Nov-19-26,,,",
    "11-2,b,Pot,B-2,2,€20.00,,,,Nov-19-26,T2,t2",
    "11-2,b,Lid,C-3,1,€5.00,,,,Nov-19-26,T2,t3",
    "11-3,b,No label,,1,€9.00,Nov-17-26,Nov-17-26,Nov-20-26,,,t4",
]
BLANK = "," * EBAY.count(",")
FOOTER = ['"3, record(s) downloaded,from Nov-16-26,to Nov-17-26"', "Seller ID : somebody"]


def ebay_book(folder: Path, rows: list[str]) -> bytes:
    book = openpyxl.Workbook()
    for row in ["", EBAY, *rows]:
        book.active.append([cell or None for cell in row.split(",")])  # type: ignore[union-attr]
    book.save(folder / "book.xlsx")
    return (folder / "book.xlsx").read_bytes()


@pytest.mark.parametrize("form", ["blank rows", "footer alone", "semicolons in cp1252", "workbook", "split"])
def test_summaries_blank_rows_and_footers_are_no_items(company: Engine, tmp_path: Path, form: str) -> None:
    whole = ["", EBAY, BLANK, *SALES[:1], BLANK, *SALES[1:], "", *FOOTER]
    files: list[tuple[str, str | bytes]] = [("f.csv", "\n".join(whole))]
    if form == "footer alone":
        files = [("f.csv", "\n".join(['""', EBAY, *SALES, *FOOTER]))]
    elif form == "semicolons in cp1252":
        files = [("f.csv", "\r\n".join(whole).replace(",", ";").encode("cp1252"))]
    elif form == "workbook":
        files = [("f.xlsx", ebay_book(tmp_path, [BLANK, *SALES]))]
    elif form == "split":  # the order's own row is in the first file alone
        files = [("1.csv", "\n".join(["", EBAY, *SALES[:3], *FOOTER])), ("2.csv", "\n".join(["", EBAY, *SALES[3:], *FOOTER]))]
    results = [take(company, tmp_path, text, "auto", name=name, channel="fair") for name, text in files]
    whole_result = {name: sum(result.get(name, 0) for result in results) for name in ("imported", "left_out", "quarantined")}
    assert whole_result == {"imported": 3, "left_out": 1, "quarantined": 1}
    assert [row[:4] for row in rows_of(company)] == [("11-1", "A-1", 1, 1), ("11-2", "B-2", 2, 2), ("11-2", "C-3", 1, 1)]
    assert sorted(price for (price,) in table(company, "select unit_price from order_line")) == [50_000, 100_000, 200_000]
    assert one(company, "select count(distinct ship_by_at) from order_line") == 1
    assert [code for _, code in inbox(company)] == ["missing_external_sku"]


GERMAN = TILL.replace("[columns]", '[file]\nencoding = "cp1252"\ndelimiter = ";"\npreamble_rows = 2\nfooter = "^Summe"\n[columns]')
GERMAN = GERMAN.replace("[formats]", '[formats]\ndecimal = ","') + '[skus]\nunknown = "create"\n'


def test_an_export_with_preamble_and_footer_is_mended_and_comes_back(company: Engine, tmp_path: Path) -> None:
    rows = ["1;2026-11-16 10:00:00;A-1;1;5,00;open", "1;;GRÜN-1;2,5;5,00;open", "2;2026-11-16 11:00:00;B-2;x;5,00;sent"]
    text = "\r\n".join(["Größen", "Stand 20.11.", HEADER.replace(",", ";"), *rows, "Summe;3"]).encode("cp1252")
    assert take(company, tmp_path, text, GERMAN) == {"imported": 1, "quarantined": 2}
    export_rows(company, None, tmp_path / "out.csv")
    out = (tmp_path / "out.csv").read_bytes().decode("cp1252")
    assert out.splitlines()[:2] == ["Größen", "Stand 20.11."]
    mended = out.replace(";2,5;", ";2;").replace(";x;", ";1;").encode("cp1252")
    assert take(company, tmp_path, mended, GERMAN, name="back.csv") == {"imported": 2}
    assert [row[:4] for row in rows_of(company)] == [("1", "A-1", 1, 0), ("1", "GRÜN-1", 2, 0), ("2", "B-2", 1, 1)]
    assert inbox(company) == []


# ---- which rows leave which location ----------------------------------------------------------------------------------------------------

AMAZON = (
    "amazon-order-id\tpurchase-date\torder-status\tfulfillment-channel\tsales-channel\tproduct-name\tsku\tquantity\tcurrency\titem-price"
)
AMAZON_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["Merchant", "Amazon"]),
        st.sampled_from(["Amazon.de", "Non-Amazon", "Non-Amazon DE"]),
        st.sampled_from(["Shipped", "Unshipped", "Pending", "Cancelled"]),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=3)
@given(rows=AMAZON_ROWS)
def test_only_what_the_seller_sends_leaves_the_hall(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str, int]]
) -> None:
    engine, folder = stores(), tmp_path_factory.mktemp("amazon")
    texts = [
        f"111-{number}\t2026-11-16T10:00:00+00:00\t{status}\t{sender}\t{site}\tPan\tA-1\t{units}\tEUR\t9.00"
        for number, (sender, site, status, units) in enumerate(rows)
    ]
    result = take(engine, folder, "\n".join([AMAZON, *texts]), "auto", channel="fair")
    ours = [(status, units) for sender, site, status, units in rows if sender == "Merchant" and site == "Amazon.de"]
    assert result.get("left_out", 0) == sum(site.startswith("Non-Amazon") for _, site, _, _ in rows)
    sent = sum(units for status, units in ours if status == "Shipped")
    reserved = sum(units for status, units in ours if status in ("Unshipped", "Pending"))
    assert hall(engine)[0] == (100 - sent, reserved)
    before = facts(engine)
    take(engine, folder, "\n".join([AMAZON, *reversed(texts)]), "auto", channel="fair", name="again.txt")
    assert facts(engine) == before
    engine.dispose()


WOO = "order_number,order_date,status,currency,item_id,item_sku,item_name,item_quantity,item_total,item_refunded_quantity"


@settings(max_examples=3)
@given(
    first=st.lists(st.sampled_from(["pending", "failed", "trash", "draft", "processing", "on-hold"]), min_size=1, max_size=5),
    draw=st.data(),
)
def test_what_is_no_order_yet_holds_nothing_until_it_is_paid(
    stores: Stores, tmp_path_factory: pytest.TempPathFactory, first: list[str], draw: st.DataObject
) -> None:
    engine, folder = stores(), tmp_path_factory.mktemp("woo")
    for states in (first, [draw.draw(st.sampled_from([state, "processing", "completed"])) for state in first]):
        rows = [f"{number},2026-11-16 10:00:00,{state},EUR,8{number},A-1,Pan,2,20.00,0" for number, state in enumerate(states)]
        result = take(engine, folder, "\n".join([WOO, *rows]), "auto", name=f"{len(states)}.csv")
        assert result.get("waiting", 0) == sum(state in ("pending", "failed", "trash", "draft") for state in states)
        completed, held = (sum(2 for state in states if state in words) for words in (["completed"], ["processing", "on-hold"]))
        assert hall(engine)[0] == (100 - completed, held)
    engine.dispose()
