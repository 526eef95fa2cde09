"""The mappings that come with OnHand: recognised by their headers, and what they make of files as the channels write them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from data_access.commands.inbox import map_listing
from data_access.errors import InvalidInput
from data_access.imports.files.mapping import load_mapping, mapping_names
from data_access.imports.files.recognise import recognised
from data_access.imports.import_run import ImportResult
from data_access.imports.order_import import import_orders, import_table
from data_access.imports.places import ChosenPlaces
from data_access.write.permissions import COMMAND_LINE
from tests.data_access.import_files import one, sound, table, write

SHOPIFY = "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Total,Created at,Lineitem quantity,Lineitem name,"
SHOPIFY += (
    "Lineitem price,Lineitem sku,Lineitem requires shipping,Lineitem fulfillment status,Shipping Country,Shipping Province,Cancelled at"
)
AMAZON = (
    "amazon-order-id\tpurchase-date\torder-status\tfulfillment-channel\tsales-channel\tproduct-name\tsku\titem-status\tquantity\tcurrency\t"
)
AMAZON += "item-price\tship-country"
EBAY = "Sales Record Number,Order Number,Buyer Username,Item Title,Custom Label,Quantity,Sold For,Sale Date,Paid On Date,Ship By Date,"
EBAY += "Shipped On Date,Tracking Number,Transaction ID"
WOO = "order_number,order_date,status,currency,item_id,item_sku,item_name,item_quantity,item_total,item_refunded_quantity"
HEADERS = {"shopify-orders": SHOPIFY, "amazon-all-orders": AMAZON, "ebay-orders": f'""\n{EBAY}', "woocommerce-orders": WOO}
OURS = Path(__file__).resolve().parents[4] / "shared" / "data" / "channel-formats"

LINES = """
select o.channel_id, o.order_ref, l.external_sku, l.quantity, l.shipped_quantity, l.cancelled_quantity, l.allocated_quantity,
       l.returned_quantity
from order_line l join sales_order o on o.id = l.order_id order by 1, 2, 3
"""


@pytest.fixture
def company(store: Engine, tmp_path: Path) -> Engine:
    """A channel of each kind, 100 units of A-1 and B-2 at `hall`, listed under their own SKUs."""
    zone = "Europe/Berlin"
    channels = [
        f"{name},{name.title()},{kind},EUR,{zone}" for name, kind in (("web", "webstore"), ("web2", "webstore"), ("fair", "marketplace"))
    ]
    files = {
        "products": ["sku,name", "A-1,Pan", "B-2,Pot"],
        "locations": ["location_id,name,kind", "hall,Hall,warehouse"],
        "channels": ["channel_id,name,kind,currency,time_zone", *channels],
        "listings": ["channel_id,external_sku,sku", *(f"{name},{sku},{sku}" for name in ("web", "web2", "fair") for sku in ("A-1", "B-2"))],
        "counts": ["sku,location_id,quantity,counted_at", "A-1,hall,100,2026-11-01 00:00", "B-2,hall,100,2026-11-01 00:00"],
    }
    for kind, lines in files.items():
        assert import_table(store, kind, write(tmp_path / f"{kind}.csv", lines[0], *lines[1:])).quarantined == 0
    return store


def take(engine: Engine, folder: Path, header: str, rows: list[str], channel: str = "web") -> ImportResult:
    return import_orders(engine, write(folder / "orders.txt", header, *rows), "auto", places=ChosenPlaces(channel, "hall"))


def lines(engine: Engine) -> list[tuple[Any, ...]]:
    """Channel, order, code, units, and of them shipped, cancelled, allocated and returned."""
    return table(engine, LINES)


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_is_recognised_by_its_header(tmp_path: Path, name: str) -> None:
    assert recognised(write(tmp_path / "f.csv", HEADERS[name])).name == name
    wider = [f"extra,{line}" if "\t" not in line else f"extra\t{line}" for line in HEADERS[name].splitlines()[-1:]]
    before = HEADERS[name].splitlines()[:-1]
    assert recognised(write(tmp_path / "f.csv", *before, *wider)).name == name


@pytest.mark.skipif(not OURS.exists(), reason="the published headers are not there")
def test_published_headers_are_recognised() -> None:
    assert recognised(OURS / "shopify-orders-export" / "orders_export.header.csv").name == "shopify-orders"
    amazon = OURS / "amazon-report-headers" / "GET_FLAT_FILE_ARCHIVED_ORDERS_DATA_BY_ORDER_DATE.header.tsv"
    assert recognised(amazon).name == "amazon-all-orders"


def test_a_header_that_no_mapping_fits_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"\(the nearest, shopify-orders, lacks 'Lineitem sku'\): write one"):
        recognised(write(tmp_path / "f.csv", SHOPIFY.replace("Lineitem sku", "Code")))
    with pytest.raises(InvalidInput, match="none has any of its columns"):
        recognised(write(tmp_path / "f.csv", "a,b,c"))
    with pytest.raises(InvalidInput, match="is empty"):
        recognised(write(tmp_path / "f.csv", ""))


@pytest.mark.parametrize("name", mapping_names())
def test_a_mapping_names_no_column_that_tells_who_bought(name: str) -> None:
    private = ("buyer", "email", "phone", "address", "street", "recipient", "zip", "postal", "billing", "shipping name")
    mapping = load_mapping(name).mapping
    columns = [*mapping.file_columns, *mapping.optional_columns]
    assert [column for column in columns if any(word in column.lower() for word in private)] == []


def test_a_file_may_lack_what_is_optional(company: Engine, tmp_path: Path) -> None:
    header = AMAZON.replace("\titem-status", "").replace("\tship-country", "")
    row = "111-1\t2026-11-16T10:00:00+00:00\tShipped\tMerchant\tAmazon.de\tPan\tA-1\t1\tEUR\t10.00"
    odd = row.replace("111-1", "111-2").replace("A-1", "Z-9")
    result = take(company, tmp_path, header, [row, odd], "fair")
    assert (result.imported, result.quarantined) == (1, 1)
    map_listing(company, "fair", "Z-9", "B-2", COMMAND_LINE)
    assert [line[:5] for line in lines(company)] == [("fair", "111-1", "A-1", 1, 1), ("fair", "111-2", "Z-9", 1, 1)]
    assert one(company, "select count(*) from sales_order where destination_country is null") == 2
    sound(company)


def test_shopify(company: Engine, tmp_path: Path) -> None:
    day = "2026-11-16 10:00:00 +0100"
    rows = [
        f"#1,a@b.c,paid,{day},fulfilled,2026-11-19 15:00:00 +0100,EUR,30,{day},1,Pan,10.00,A-1,true,fulfilled,DE,BE,",
        f"#1,a@b.c,,,,,,,{day},2,Pot,20.00,B-2,true,fulfilled,,,",
        f"#2,a@b.c,refunded,{day},unfulfilled,,EUR,30,{day},1,Pan,10.00,A-1,true,pending,DE,BE,2026-11-17 12:00:00 +0100",
        f"#2,a@b.c,,,,,,,{day},1,Pot,20.00,B-2,true,pending,,,",
        f"#3,a@b.c,paid,{day},partial,2026-11-19 08:00:00 +0100,EUR,25,{day},1,Pan,10.00,A-1,true,fulfilled,DE,BE,",
        f"#3,a@b.c,,,,,,,{day},3,Pot,5.00,B-2,true,partial,,,",
        f"#3,a@b.c,,,,,,,{day},1,Gift wrapping,3.00,,false,pending,,,",
        f"#4,a@b.c,pending,,unfulfilled,,EUR,30,{day},7,Pan,10.00,A-1,true,pending,DE,BE,",
        f"#4,a@b.c,,,,,,,{day},7,Pot,10.00,B-2,true,pending,,,",
        f"#5,a@b.c,refunded,{day},fulfilled,2026-11-19 10:00:00 +0100,EUR,10,{day},1,Pan,10.00,A-1,true,fulfilled,DE,BE,{day}",
        f"#6,a@b.c,pending,,fulfilled,2026-11-19 10:00:00 +0100,EUR,10,{day},1,Pan,10.00,A-1,true,fulfilled,DE,BE,",
    ]
    result = take(company, tmp_path, SHOPIFY, rows)
    assert (result.imported, result.left_out, result.waiting, result.quarantined) == (8, 1, 2, 0)
    assert lines(company) == [
        ("web", "#1", "A-1", 1, 1, 0, 0, 0),
        ("web", "#1", "B-2", 2, 2, 0, 0, 0),
        ("web", "#2", "A-1", 1, 0, 1, 0, 0),
        ("web", "#2", "B-2", 1, 0, 1, 0, 0),
        ("web", "#3", "A-1", 1, 1, 0, 0, 0),
        ("web", "#3", "B-2", 3, 0, 0, 3, 0),
        ("web", "#5", "A-1", 1, 1, 0, 0, 0),
        ("web", "#6", "A-1", 1, 1, 0, 0, 0),
    ]
    assert table(company, "select distinct shipped_at from shipment order by 1")[-1] == (1_795_096_800_000_000,)  # 19 Nov, 14:00 UTC
    assert table(company, "select sku, on_hand, allocated from stock_level order by 1") == [("A-1", 96, 0), ("B-2", 98, 3)]
    paid = [rows[7].replace("pending,,unfulfilled", f"paid,{day},unfulfilled"), rows[8]]
    assert take(company, tmp_path, SHOPIFY, [*rows[:7], *paid, *rows[9:]]).imported == 2
    assert table(company, "select sku, allocated from stock_level order by 1") == [("A-1", 7), ("B-2", 10)]
    sound(company)


def test_two_shops_may_number_their_orders_alike(company: Engine, tmp_path: Path) -> None:
    rows = ["#1,,paid,,unfulfilled,,EUR,30,2026-11-16 10:00:00 +0100,2,Pan,10.00,A-1,true,pending,DE,,"]
    assert take(company, tmp_path, SHOPIFY, rows).imported == 1
    assert take(company, tmp_path, SHOPIFY, rows, "web2").imported == 1
    assert take(company, tmp_path, SHOPIFY, rows, "web2").duplicates == 1
    assert [line[:4] for line in lines(company)] == [("web", "#1", "A-1", 2), ("web2", "#1", "A-1", 2)]
    sound(company)


def test_a_row_that_waits_is_retried_for_its_own_channel(company: Engine, tmp_path: Path) -> None:
    rows = ["#1,,paid,,unfulfilled,,EUR,30,2026-11-16 10:00:00 +0100,2,Lid,10.00,,true,pending,DE,,"]
    assert take(company, tmp_path, SHOPIFY, rows, "web2").quarantined == 1
    ((channel_id, code, version),) = table(company, "select channel_id, external_sku, version from listing where sku is null")
    assert (channel_id, code) == ("web2", "Lid")
    map_listing(company, channel_id, code, "B-2", COMMAND_LINE, version=version)
    assert [line[:4] for line in lines(company)] == [("web2", "#1", "Lid", 2)]
    assert one(company, "select status from inbox_item") == "resolved"
    assert table(company, "select channel_id from channel order by 1") == [("fair",), ("web",), ("web2",)]
    sound(company)


def test_amazon_all_orders(company: Engine, tmp_path: Path) -> None:
    when = "2026-11-16T10:00:00+00:00"
    rows = [
        f"111-1\t{when}\tShipped\tMerchant\tAmazon.de\tPan\tA-1\tShipped\t1\tEUR\t10.00\tDE",
        f"111-2\t{when}\tShipped\tAmazon\tAmazon.de\tPan\tA-1\tShipped\t5\tEUR\t50.00\tDE",
        f"S02-3\t{when}\tShipped\tAmazon\tNon-Amazon\tPan\tA-1\tShipped\t7\t\t\tDE",
        f"111-4\t{when}\tPending\tMerchant\tAmazon.de\tPot\tB-2\t\t2\t\t\tDE",
        f"111-5\t{when}\tShipped\tMerchant\tAmazon.de\tPan\tA-1\tShipped\t1\tEUR\t10.00\tDE",
        f"111-5\t{when}\tShipped\tMerchant\tAmazon.de\tPot\tB-2\tCancelled\t0\tEUR\t\tDE",
    ]
    result = take(company, tmp_path, AMAZON, rows, "fair")
    assert (result.imported, result.left_out, result.quarantined) == (5, 1, 0)
    assert lines(company) == [
        ("fair", "111-1", "A-1", 1, 1, 0, 0, 0),
        ("fair", "111-2", "A-1", 5, 5, 0, 0, 0),
        ("fair", "111-4", "B-2", 2, 0, 0, 2, 0),
        ("fair", "111-5", "A-1", 1, 1, 0, 0, 0),
        ("fair", "111-5", "B-2", 1, 0, 1, 0, 0),
    ]
    assert table(company, "select sku, on_hand from stock_level where location_id = 'hall' order by 1") == [("A-1", 98), ("B-2", 100)]
    assert table(company, "select quantity from shipment where location_id = 'fba'") == [(5,)]
    later = [rows[3].replace("Pending", "Shipped").replace("\t\t2\t\t\t", "\tShipped\t2\tEUR\t40.00\t")]
    assert take(company, tmp_path, AMAZON, later, "fair").updated == 1
    assert table(company, "select on_hand, allocated from stock_level where sku = 'B-2' and location_id = 'hall'") == [(98, 0)]
    sound(company)


def test_ebay(company: Engine, tmp_path: Path) -> None:
    rows = [
        '"","","","","","","","","","","","",""',
        '"501","11-1","b","Pan ""28cm""","A-1","1","€1,010.00","Nov-16-26","Nov-16-26","Nov-19-26","Nov-19-26","TRK1","t1"',
        '"502","11-2","b","","","3","","Nov-16-26","Nov-16-26","Nov-19-26","","",""',
        '"502","11-2","b","Pot","B-2","2","€20.00","","","","Nov-19-26","TRK2","t2"',
        '"502","11-2","b","Pan","A-1","1","€5.00","","","","Nov-19-26","TRK2","t3"',
        '"503","11-3","b","Old pan, no label","","1","€9.00","17-Nov-26","17-Nov-26","Nov-20-26","","","t4"',
        '"504","11-4","b","Pot","B-2","9","€9.00","Nov-17-26","","Nov-20-26","","","t5"',
        "",
        '"4, record(s) downloaded,from Nov-16-26,00:00:00,to Nov-17-26,23:59:59"',
        '"Seller ID : somebody"',
    ]
    result = take(company, tmp_path, HEADERS["ebay-orders"], rows, "fair")
    assert (result.imported, result.left_out, result.waiting, result.quarantined) == (3, 1, 1, 1)
    assert [line[1:5] for line in lines(company)] == [("11-1", "A-1", 1, 1), ("11-2", "A-1", 1, 1), ("11-2", "B-2", 2, 2)]
    assert table(company, "select unit_price from order_line order by 1") == [(50_000,), (200_000,), (10_100_000,)]
    # They are late from midnight of the 20th in Berlin.
    assert table(company, "select distinct ship_by_at from order_line") == [(1_795_129_199_999_999,)]
    assert table(company, "select reason_code from inbox_item") == [("missing_external_sku",)]
    sound(company)


def test_woocommerce(company: Engine, tmp_path: Path) -> None:
    at = "2026-11-16 10:00:00"
    states = ("processing", "failed", "pending", "completed", "refunded", "trash", "on-hold", "cancelled")
    rows = [f"{number},{at},{state},EUR,8{number},A-1,Pan,3,30.00,0" for number, state in enumerate(states, 1)]
    rows[3] = f"4,{at},completed,EUR,84,A-1,Pan,3,30.00,-1"
    result = take(company, tmp_path, WOO, rows)
    assert (result.imported, result.waiting, result.quarantined) == (5, 3, 0)
    assert [line[1:] for line in lines(company)] == [
        ("1", "A-1", 3, 0, 0, 3, 0),
        ("4", "A-1", 3, 3, 0, 0, 1),
        ("5", "A-1", 3, 3, 0, 0, 3),
        ("7", "A-1", 3, 0, 0, 3, 0),
        ("8", "A-1", 3, 0, 3, 0, 0),
    ]
    assert table(company, "select on_hand, unsellable, allocated from stock_level where sku = 'A-1'") == [(98, 4, 6)]
    assert take(company, tmp_path, WOO, [rows[2].replace("pending", "processing")]).imported == 1
    assert one(company, "select allocated from stock_level where sku = 'A-1'") == 9
    sound(company)


@pytest.mark.parametrize(
    ("places", "sentence"), [(ChosenPlaces("nowhere", None), "no channel 'nowhere'"), (ChosenPlaces(None, "moon"), "no location 'moon'")]
)
def test_places_that_the_store_lacks_are_refused(company: Engine, tmp_path: Path, places: ChosenPlaces, sentence: str) -> None:
    file = write(tmp_path / "f.csv", SHOPIFY, "#1,,paid,,,,EUR,3,2026-11-16 10:00:00 +0100,2,Pan,10.00,A-1,true,pending,DE,,")
    with pytest.raises(InvalidInput, match=sentence):
        import_orders(company, file, "auto", places=places)
    assert (one(company, "select count(*) from order_line"), one(company, "select count(*) from import_run where kind = 'orders'")) == (
        0,
        0,
    )
